"""The sandbox that every test on a real kernel runs in."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from deuteron.kernel.linux import LinuxKernel
from tests.support import lock_order, spread
from tests.support.sandbox import Host, enter_once, private_host, why_no_tun, why_not

# A plain user's path lacks the programs of the administrator, who the tests are in their sandbox.
os.environ["PATH"] = f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin:/sbin"

# What an example takes is no property of the program where others keep the machine busy.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")

# Here, and not in a hook: a user namespace needs a process of one thread, and xdist's
# workers, which are started later, inherit it.
enter_once()


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(lock_order.Plugin(), "deuteron-lock-order")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    workers = int(getattr(config, "workerinput", {}).get("workercount", 1))
    items[:] = spread.spread(items, workers, spread.is_long)
    for marker, reason in (("kernel", why_not()), ("tun", why_no_tun())):
        for item in items:
            if reason and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for marker, reason in (("kernel", why_not()), ("tun", why_no_tun())):
        skipped = [
            report for report in terminalreporter.stats.get("skipped", []) if marker in report.keywords
        ]
        if reason and skipped:
            terminalreporter.write_line(
                f"{len(skipped)} tests marked {marker} skipped: {reason}", yellow=True
            )


@pytest.fixture
def host() -> Iterator[Host]:
    """A host of the test's own."""
    with private_host() as made:
        yield made


@pytest.fixture
def linux_kernel(host: Host) -> Iterator[LinuxKernel]:
    """The real kernel, on a host of the test's own."""
    kernel = LinuxKernel(host.netns_dir)
    yield kernel
    kernel.close()
