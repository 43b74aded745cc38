"""The rules, as data: the table of docs/review.md is written from here."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

#: Bandit's words.
Severity = Literal["LOW", "MEDIUM", "HIGH"]

#: What a network service is reviewed for.
CONSIDERATIONS: Final = {
    1: "Released in every case",
    2: "Settings of the kernel and the packet filter",
    3: "Locks",
    4: "What a log discloses",
    5: "Open work",
    6: "Files with care",
}


class ReviewRule(msgspec.Struct, frozen=True):
    """One rule.

    Attributes:
        id: stable; its first digit is the consideration.
        title: the fault, in a few words.
        severity: how bad it is where it is so.
        cwe: the entry of the Common Weakness Enumeration that is nearest.
        why: what it leads to.
        mend: what to write instead.
    """

    id: str
    title: str
    severity: Severity
    cwe: int
    why: str
    mend: str

    @property
    def consideration(self) -> int:
        """Which of the six it belongs to."""
        return int(self.id[1])


RULES: Final = (
    ReviewRule(
        "R101",
        "a descriptor, socket or file is not closed on every path",
        "MEDIUM",
        772,
        "What raises in between leaves it open; a service that runs for months runs out of them.",
        "Use `with`, or close it in a `finally` that begins right after it was opened.",
    ),
    ReviewRule(
        "R102",
        "a lock or a foreign namespace is entered by hand and not left on every path",
        "HIGH",
        667,
        "An exception leaves it taken: who comes later waits for ever, or works in the wrong place.",
        "Use `with`, or leave it in a `finally` that begins right after it was entered.",
    ),
    ReviewRule(
        "R103",
        "several things are made on the host, and a failure half way leaves the first of them behind",
        "HIGH",
        460,
        "A namespace, a port or an address that nobody owns stays, and often stops the next attempt.",
        "Write down the way back of each step before the next one, and go it when something raises.",
    ),
    ReviewRule(
        "R104",
        "an object says that something is done before it is",
        "MEDIUM",
        696,
        "When the work raises, the object goes on saying so, and what is left is never looked at again.",
        "Do the work first and say so last, or take it back in an exception handler.",
    ),
    ReviewRule(
        "R105",
        "one failure ends a clean-up, and the rest of it is left",
        "MEDIUM",
        460,
        "The first device that cannot be removed keeps all others, and what comes after them, in place.",
        "Try each one, go on, and report what failed at the end.",
    ),
    ReviewRule(
        "R201",
        "the network is set up by running a program",
        "MEDIUM",
        78,
        "A command line is parsed once more by somebody else, its answer is text, its error a number.",
        "Use netlink, libnftables and files under /proc/sys.",
    ),
    ReviewRule(
        "R202",
        "whether a command has worked is not asked",
        "HIGH",
        252,
        "A setting or a rule that was refused looks as if it were there.",
        "Let a status that is not 0 raise, and read back what was set.",
    ),
    ReviewRule(
        "R203",
        "a setting of one namespace may be written to the host instead",
        "HIGH",
        668,
        "The host itself begins to forward, to answer or to trust as only a router should.",
        "Refuse where the namespace does not know the setting.",
    ),
    ReviewRule(
        "R204",
        "the packet filter is opened for everything",
        "HIGH",
        284,
        "What no other rule stops passes: no state is kept, and nothing is dropped by default.",
        "Drop by default, and match what is meant to pass.",
    ),
    ReviewRule(
        "R205",
        "a setting of the kernel is written and not read back",
        "LOW",
        754,
        "Some settings are silently clamped or ignored; the policy is then only believed to hold.",
        "Read it again and compare.",
    ),
    ReviewRule(
        "R301",
        "what a lock guards is changed without it",
        "HIGH",
        820,
        "Two threads at once leave a state that neither of them meant.",
        "Take the lock in each public way in, and change it nowhere else.",
    ),
    ReviewRule(
        "R302",
        "the name of a lock is narrower than what it guards",
        "HIGH",
        667,
        "Two threads with two names hold two locks, and change the same thing.",
        "Name the lock after what is shared.",
    ),
    ReviewRule(
        "R303",
        "what a lock guards is looked at and used without it",
        "MEDIUM",
        367,
        "Between the look and the use another thread changes it, often to None.",
        "Take the lock around both, or copy the value once under it.",
    ),
    ReviewRule(
        "R304",
        "a class has a lock, and this change of its own state does not take it",
        "MEDIUM",
        820,
        "Allocations and counts that belong to the guarded object change beside its lock.",
        "Take the lock, or say in the class who may call this.",
    ),
    ReviewRule(
        "R305",
        "what is kept in memory and in a file has no lock at all",
        "MEDIUM",
        362,
        "Two threads or processes give the same item away, and the later writer wins.",
        "One lock around the look, the change and the file; between processes a lock file.",
    ),
    ReviewRule(
        "R306",
        "two locks are taken in both orders",
        "HIGH",
        833,
        "Two threads wait for one another for ever.",
        "One order for all locks, and a deadline for each.",
    ),
    ReviewRule(
        "R401",
        "an address, a name or an id of a user's network is logged",
        "MEDIUM",
        532,
        "Logs are read, shipped and kept by people who may not know whose network is where.",
        "Log a pseudonym, and a code that tells what to do.",
    ),
    ReviewRule(
        "R402",
        "a secret is logged",
        "HIGH",
        532,
        "Whoever reads the log has it.",
        "Log that there is one, never what it is.",
    ),
    ReviewRule(
        "R403",
        "a whole object is logged that may hold anything",
        "MEDIUM",
        532,
        "Ports, requests, headers, environments and raw lines carry what nobody thought of.",
        "Log the few fields that are meant.",
    ),
    ReviewRule(
        "R501",
        "open work in a comment",
        "LOW",
        1164,
        "Nobody looks there, and nobody knows whether it matters.",
        "Do it, or open an issue and remove the comment.",
    ),
    ReviewRule(
        "R601",
        "a file is overwritten in place",
        "MEDIUM",
        662,
        "A crash or a full disk leaves it empty or cut off; nothing has forced it to the disk.",
        "Write a new file beside it, fsync, and rename it over the old one.",
    ),
    ReviewRule(
        "R602",
        "a file or directory is made with whatever mode the umask leaves",
        "MEDIUM",
        732,
        "Others on the host may read it, or write it.",
        "Make it with its mode (os.open with O_CREAT and 0o600), never chmod afterwards.",
    ),
    ReviewRule(
        "R603",
        "a file is made open to others, or its mode is set afterwards",
        "MEDIUM",
        378,
        "Until the mode is right, or for ever, others may open it.",
        "Make it with its mode in the call that creates it.",
    ),
    ReviewRule(
        "R604",
        "a file is renamed into place without fsync",
        "LOW",
        662,
        "After a power cut the new name may stand for an empty file.",
        "fsync the file before the rename, and its directory after it.",
    ),
    ReviewRule(
        "R605",
        "a path is looked at, and then opened",
        "LOW",
        367,
        "In between it may become another file, or a link.",
        "Open it, and ask the descriptor; handle FileNotFoundError.",
    ),
)

BY_ID: Final = {rule.id: rule for rule in RULES}


def document() -> str:
    """The tables of docs/review.md."""
    return "\n".join(_table(number) for number in CONSIDERATIONS)


def _table(consideration: int) -> str:
    rows = [rule for rule in RULES if rule.consideration == consideration]
    head = f"### {CONSIDERATIONS[consideration]}\n\n| Rule | What | Why | Instead |\n|---|---|---|---|\n"
    return head + "".join(f"| {r.id} | {r.title} | {r.why} | {r.mend} |\n" for r in rows)
