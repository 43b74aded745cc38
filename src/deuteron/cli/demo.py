"""``deuteron demo``: a whole world in private namespaces, proven by packets, and nothing left of it."""

from __future__ import annotations

import io
import sys
import time
from typing import Final

import click
import msgspec

from deuteron.errors import HostError
from deuteron.kernel.linux.probe import probe
from deuteron.kernel.linux.sandbox import enter_sandbox
from deuteron.lab.demo_ground import Mode, story
from deuteron.lab.demo_story import PICTURE, Chapter
from deuteron.lab.proofs import Proof

_WIDTH: Final = 65


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What ``-o json`` prints.

    Attributes:
        mode: ``packets`` on the kernel, or ``simulated`` on the fake one.
        why: why it is simulated, or "".
    """

    mode: Mode
    why: str
    ok: bool
    seconds: float
    proofs: tuple[Proof, ...]


@click.command("demo")
@click.option("--simulate", is_flag=True, help="Do not try the kernel: walk packets through the fake one.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to print.",
)
def demo(simulate: bool, output: str) -> None:
    """Build a small cloud in private namespaces, prove it with packets, take it away.

    A provider network with a host on the internet, two tenants with the same addresses, a
    distributed and a centralised router, five instances, three floating IPs.  Nothing of this
    host's own network is touched, and no privilege is needed where the kernel lets users have
    namespaces.

    Exit status: 0 all proofs hold, 1 one does not.
    """
    start = time.perf_counter()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without arrows gets question marks
    text = output == "text"
    mode, why = _choose(simulate)
    if text:
        _introduce(mode, why)
    proofs = []
    for event in story(mode):
        if isinstance(event, Proof):
            proofs.append(event)
        if text:
            click.echo(_line(event))
    seconds = time.perf_counter() - start
    ok = all(each.ok for each in proofs)
    if text:
        click.echo(_summary(proofs, seconds, mode))
    else:
        report = Report(mode=mode, why=why, ok=ok, seconds=round(seconds, 3), proofs=tuple(proofs))
        click.echo(msgspec.json.format(msgspec.json.encode(report)).decode())
    sys.exit(0 if ok else 1)


def _choose(simulate: bool) -> tuple[Mode, str]:
    """Enter a sandbox; where that is refused, say why the story is simulated."""
    if simulate:
        return "simulated", "as asked for by --simulate"
    try:
        enter_sandbox()
        probe()
    except HostError as refused:
        return "simulated", refused.message
    return "packets", ""


def _introduce(mode: Mode, why: str) -> None:
    if mode == "simulated":
        click.echo(f"Simulated, no real packets: {why}.")
    else:
        click.echo("Real packets, in private namespaces of this process; the host is not touched.")
    click.echo()
    click.echo(PICTURE)


def _line(event: Chapter | Proof) -> str:
    if isinstance(event, Chapter):
        return click.style(f"\n{event.title}", bold=True)
    mark = click.style("✓", fg="green") if event.ok else click.style("✗", fg="red")
    line = f"  {mark} {event.what:<{_WIDTH}} {event.ms:5.1f} ms"
    return line if event.ok else f"{line}\n      {event.detail}"


def _summary(proofs: list[Proof], seconds: float, mode: Mode) -> str:
    failed = sum(not each.ok for each in proofs)
    how = "by packets" if mode == "packets" else "by simulation"
    if failed:
        return click.style(f"\n{failed} of {len(proofs)} proofs failed.", fg="red", bold=True)
    return click.style(
        f"\n{len(proofs)} proofs {how} in {seconds:.1f} s; nothing is left.", fg="green", bold=True
    )
