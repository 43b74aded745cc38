"""A group of steps on the kernel parameters of one namespace: entered once, written one by one."""

from __future__ import annotations

from deuteron.errors import KernelError
from deuteron.kernel.linux.batch import Failure
from deuteron.kernel.linux.space import Spaces
from deuteron.kernel.linux.sysctl import PartlyWrittenError
from deuteron.objects import Create, Delete, Step, Sysctl, Update


class Settings:
    """Steps on kernel parameters.

    Args:
        netns: whose parameters they are.
    """

    def __init__(self, netns: str, spaces: Spaces) -> None:
        self._netns = netns
        self._spaces = spaces
        self._members: list[tuple[int, Sysctl | None]] = []

    def takes(self, step: Step) -> bool:
        """Whether ``step`` may join."""
        match step:
            case Create(object=Sysctl(netns=netns)) | Update(new=Sysctl(netns=netns)):
                return netns == self._netns
            case Delete(object=Sysctl(netns=netns)):
                return netns == self._netns
            case _:
                return False

    def add(self, position: int, step: Step) -> None:
        """Put the step in; a parameter cannot be unset, it ends with its namespace or link."""
        match step:
            case Create(object=Sysctl() as value) | Update(new=Sysctl() as value):
                self._members.append((position, value))
            case _:
                self._members.append((position, None))

    def send(self, done: list[bool]) -> Failure:
        """Write them in order until one is refused; mark what is done, and tell the failure."""
        written = [(position, one) for position, one in self._members if one is not None]
        try:
            parameters = self._spaces.parameters_of(self._spaces.get(self._netns))
            parameters.write_all([(one.path, one.value) for _, one in written])
        except KernelError as error:
            count = error.done if isinstance(error, PartlyWrittenError) else 0
            failed = written[count][0] if written else self._members[0][0]
            self._mark(done, failed)
            # The namespace is named once, here: a path is the same in all of them.
            return failed, KernelError(error.code, f"{self._netns}: {error.message}", error.errno)
        self._mark(done, None)
        return None, None

    def _mark(self, done: list[bool], failed: int | None) -> None:
        """All before the one that failed are done."""
        for position, _ in self._members:
            if position == failed:
                return
            done[position] = True
