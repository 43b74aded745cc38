"""DTN-608."""

from __future__ import annotations

from deuteron.audit.check import Check, Verdict, not_applicable, verdict
from deuteron.audit.facts import Facts
from deuteron.kernel.linux.confine.inspect import ProcessPosture


def _run(facts: Facts) -> Verdict:
    if not facts.staying:
        return not_applicable("nothing of ours stays running")
    lines = [
        f"{one.role}: threads that are not held: {count}" for one in facts.staying if (count := _free(one))
    ]
    threads = sum(len(one.threads) for one in facts.staying)
    return verdict(
        lines, 'start it again with confine.mode = "require"', seen=[f"threads looked at: {threads}"]
    )


def _free(process: ProcessPosture) -> int:
    return sum(not (one.no_new_privs and one.seccomp == "filter") for one in process.threads)


CHECK = Check(
    id="DTN-608",
    title="what stays running can gain no privilege and make no other system call",
    broken="what stays running could gain privileges or make any system call",
    consideration=6,
    help="no_new_privs and a seccomp filter on every thread: no exec, no ptrace, no module, no mount.",
    run=_run,
)
