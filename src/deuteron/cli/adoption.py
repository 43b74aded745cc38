"""``deuteron doctor --adopt``: the state directory is made anew from what is in the kernel."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from deuteron.agent.adopt import adopt, without_file
from deuteron.apply.engine import prepare
from deuteron.apply.look import look_for
from deuteron.cli import output as out
from deuteron.cli.session import Request, Session, opened, read
from deuteron.cli.settings import state_path
from deuteron.compile import compile_host
from deuteron.errors import HostError
from deuteron.kernel.linux.probe import probe
from deuteron.objects import Look
from deuteron.state.aside import set_aside_damaged
from deuteron.state.directory import utc_now


class Adoption(msgspec.Struct, frozen=True, kw_only=True):
    """What ``-o json`` prints.

    Attributes:
        set_aside: the new name of the damaged database, or "".
        file: what was adopted, or "".
        read: how many allocations the kernel told.
        chosen: how many it says nothing about, so that they were chosen anew.
        differing: units that are not as the file says.
    """

    state_dir: str
    set_aside: str
    file: str
    read: int
    chosen: int
    differing: tuple[str, ...] = ()
    version: int = 1


def adopt_host(request: Request | None, state_dir: Path | None) -> Adoption:
    """Take this host over with the named state directory; nothing in the kernel is written.

    Args:
        request: the file that the host was made from, where there is one.
        state_dir: the one that was named, if any.

    Raises:
        HostError: a privilege is missing, another process is at it, or the directory cannot be used;
            ``change-pending``.
        InputError: the file is not acceptable.
    """
    probe()
    path = state_path(state_dir)
    aside = set_aside_damaged(path, utc_now())
    with opened(state_dir, take_over=True) as session:
        if session.state.pending() is not None or session.state.intents():
            raise HostError(
                "change-pending",
                f"the host is taken over, but the state directory {path} has a change that was not finished;"
                " finish it first: deuteron recover",
            )
        adoption = _bare(session) if request is None else _with_file(session, request)
    return msgspec.structs.replace(
        adoption, state_dir=str(path), set_aside="" if aside is None else str(aside)
    )


def _bare(session: Session) -> Adoption:
    """Without a file: what the kernel tells by itself, where nothing is committed that knows more."""
    allocations = session.state.allocations()
    if session.state.committed() is None:
        allocations = without_file(session.kernels[0].observe(Look()))
        session.state.keep(allocations)
    return Adoption(state_dir="", set_aside="", file="", read=len(allocations.entries), chosen=0)


def _with_file(session: Session, request: Request) -> Adoption:
    kernel = session.kernels[0]
    adopted = adopt(
        lambda kept: read(request, kept),
        lambda wanted: kernel.observe(look_for(wanted)),
    )
    loaded, file = adopted.loaded, str(request.file.resolve())
    out.notices(loaded.view.notices)
    prepared = prepare(kernel, compile_host(loaded.view))
    session.state.commit(loaded.view, file, loaded.allocations)
    return Adoption(
        state_dir="",
        set_aside="",
        file=file,
        read=len(loaded.allocations.entries) - len(adopted.unseen),
        chosen=len(adopted.unseen),
        differing=tuple(
            dict.fromkeys(
                [*(one.unit for one in prepared.refused), *(one.unit for one in prepared.plan.units)]
            )
        ),
    )


def tell(adoption: Adoption) -> None:
    """What was done, for people."""
    if adoption.set_aside:
        click.echo(f"The database was damaged; it is now {adoption.set_aside}.")
    click.echo(f"This host is now programmed from the state directory {adoption.state_dir}.")
    click.echo(f"{_count(adoption.read, 'allocation')} read from the kernel.")
    if adoption.chosen:
        click.echo(
            f"{_count(adoption.chosen, 'allocation')} chosen anew: nothing in the kernel tells"
            " of them (instances behind taps or elsewhere, addresses that nobody uses)."
        )
    if not adoption.file:
        click.echo("Addresses that a file left open can only be read with it: deuteron doctor --adopt FILE.")
    elif adoption.differing:
        units = _count(len(adoption.differing), "unit")
        click.echo(f"{units} not as {adoption.file} says: see deuteron plan {adoption.file}.")
    else:
        click.echo(f"The host is as {adoption.file} says; to apply it writes nothing.")


def _count(number: int, what: str) -> str:
    return f"{number} {what} {'is' if number == 1 else 's are'}".replace(" s are", "s are")
