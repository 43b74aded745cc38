"""Bugs that say "done" of what is not."""

from __future__ import annotations

from tests.known_bugs.bug import Bug

SILENCE = (
    Bug(
        name="a kernel parameter that was refused",
        origin="measured: ip_forward and proxy_arp refused, floating IPs reported ACTIVE",
        what="The kernel's refusal of a parameter is dropped, and its step counts as done.",
        file="kernel/linux/settings.py",
        old="        except KernelError as error:\n",
        new="        except KernelError as error:\n            return None, None\n",
        tests=("unit/linux/test_kernel_edges.py::test_a_parameter_that_does_not_take_the_value_is_an_error",),
        kernel=True,
    ),
    Bug(
        name="a kernel parameter that is not read back",
        origin="LP 1920975",
        what="A kernel parameter that reads otherwise than it was written is no error.",
        file="kernel/linux/sysctl.py",
        old="        if now != value:\n            raise",
        new="        if not now:\n            raise",
        tests=("unit/linux/test_kernel_edges.py::test_a_parameter_that_does_not_take_the_value_is_an_error",),
        kernel=True,
    ),
    Bug(
        name="a namespace that did not go",
        origin="measured: the deletion is reported done, the namespace stays",
        what="The kernel's refusal to unmount a namespace's file is dropped.",
        file="kernel/linux/lifecycle.py",
        old="            directory.remove(gone.name)\n        except OSError as error:\n",
        new="            directory.remove(gone.name)\n        except OSError as error:\n            return\n",
        tests=(
            "unit/apply/test_undo.py::test_a_namespace_that_does_not_go_has_all_that_was_in_it_again[netns.umount-refused]",
        ),
        kernel=True,
    ),
    Bug(
        name="one failure stops all",
        origin="measured: the third of ten floating IPs fails, seven are not tried",
        what="The units after one that failed are not tried.",
        file="apply/engine.py",
        old="                watcher.unit_failed(result)\n    units",
        new="                watcher.unit_failed(result)\n                break\n    units",
        tests=(
            "unit/apply/test_parallel.py::test_many_routers_by_several_workers_with_one_that_always_fails[0]",
        ),
    ),
    Bug(
        name="a failure that is told as done",
        origin="measured: ip6tables-restore fails, the agent reports success",
        what="A unit of which a step was refused is reported as done.",
        file="apply/attempt.py",
        old="    if outcome.failed is None and outcome.error is None:\n",
        new="    if outcome.failed is None or outcome.error is not None:\n",
        tests=("unit/apply/test_engine.py::test_a_failing_router_does_not_stop_another",),
    ),
    Bug(
        name="an undo that nobody looks at",
        origin="LP 1654287",
        what="After taking back nobody looks whether all is as it was, though an answer may have been lost.",
        file="apply/attempt.py",
        old="    return restore(kernel, unit.unit,",
        new="    return () and restore(kernel, unit.unit,",
        tests=(
            "unit/apply/test_undo.py::test_whichever_answer_is_lost_the_unit_is_as_before[add_floating_ip-distributed]",
        ),
    ),
)
