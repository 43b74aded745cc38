"""The story that ``deuteron demo`` tells: a world, proofs by packets, changes, and the end.

It is told to whoever iterates over it.  The same story runs on the kernel and, where no
namespace can be had, on the fake kernel: what differs is the :class:`Prober`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from importlib import resources
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec
import yaml

from deuteron.lab.proofs import Proof
from deuteron.lab.scene import INTERNET

PICTURE: Final = """\
                    internet  198.51.100.1
                        |
   br-ex ===============+=========== 203.0.113.0/24 =======================
        |               |                            |
   +----+----+     +----+----+                 +-----+--------------+
   |  fip-   |     |  snat-  |                 |  qrouter-          |
   | .50 .51 |     |   .10   |                 |   .20  .60         |
   +----+----+     +----+----+                 |   green-router     |
        |               |                      |   (centralised)    |
   +----+----------+    |                      +-----+--------------+
   |  qrouter-     |    |                            |
   |   blue-router |    |                            |
   | (distributed) |    |                            |
   +----+----------+    |                            |
        |               |                            |
   =====+== 10.0.0.0/24 +== tenant blue      ========+ 10.0.0.0/24 == green
      |          |         |                     |             |
   +--+----+ +---+---+ +---+---+             +---+---+     +---+---+
   | web-1 | | web-2 | | batch |             | db-1  |     | db-2  |
   |  .11  | |  .12  | |  .13  |             |  .11  |     |  .22  |
   +-------+ +-------+ +-------+             +-------+     +-------+
    fip .50   fip .51                         fip .60"""


class Chapter(msgspec.Struct, frozen=True):
    """A line between the proofs: what happens now."""

    title: str


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """What an apply did: number of steps, and milliseconds for all of it."""

    steps: int
    ms: float


class Prober(Protocol):
    """How the story tries things; ``host`` is an address far out in the internet."""

    host: str

    def arrives(self, source: str, address: str, target: str) -> Proof:
        """A connection from ``source`` to ``address`` ends in the namespace ``target``."""
        ...

    def leaves_as(self, source: str, address: str) -> Proof:
        """What ``source`` sends to the internet arrives there from ``address``, and is answered."""
        ...

    def silent(self, source: str, address: str) -> Proof:
        """Nobody answers ``source`` at ``address``."""
        ...

    def keep(self, source: str, address: str) -> AbstractContextManager[Callable[[], Proof]]:
        """A connection that is kept; the function says whether words still pass."""
        ...


class Engine(Protocol):
    """The real path of a file into the kernel."""

    def apply(self, topology: Path) -> Applied:
        """Load, compile, plan and apply."""
        ...

    def destroy(self) -> Applied:
        """Take everything of ours away."""
        ...

    def left(self) -> dict[str, int]:
        """How many namespaces, links and tables of ours are left."""
        ...


def topology() -> dict[str, Any]:
    """The packaged topology of the demo."""
    text = resources.files("deuteron.lab").joinpath("demo.yaml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def tell(engine: Engine, prober: Prober, directory: Path) -> Iterator[Chapter | Proof]:
    """The whole story; ``directory`` takes its topology files."""
    file = directory / "topology.yaml"
    world = topology()
    write(file, world)
    first = engine.apply(file)
    yield Chapter(
        f"applied: 2 routers, 5 instances, 3 floating IPs - {first.steps} steps in {first.ms:.0f} ms"
    )
    yield from _floating(prober)
    yield from _snat(prober)
    yield from _tenants(prober)
    yield from _hairpin(prober)
    yield from _disassociation(engine, prober, world, file)
    yield from _move(engine, prober, world, file)
    yield from _again(engine, file)
    yield from _end(engine)


def _floating(prober: Prober) -> Iterator[Proof]:
    arrow = "internet → "
    yield _named(
        prober.arrives(INTERNET, "203.0.113.50", "web-1"),
        arrow + "203.0.113.50 reaches web-1 (distributed)",
    )
    yield _named(
        prober.arrives(INTERNET, "203.0.113.60", "db-1"), arrow + "203.0.113.60 reaches db-1 (centralised)"
    )
    for name, address in (("web-1", "203.0.113.50"), ("db-1", "203.0.113.60")):
        yield _named(
            prober.leaves_as(name, address), f"{name} → internet leaves as {address}, its floating IP"
        )


def _snat(prober: Prober) -> Iterator[Proof]:
    for name, router, address in (
        ("batch", "blue-router", "203.0.113.10"),
        ("db-2", "green-router", "203.0.113.20"),
    ):
        claim = f"{name}, no floating IP, leaves as {address} ({router}'s)"
        yield _named(prober.leaves_as(name, address), claim)


def _tenants(prober: Prober) -> Iterator[Proof]:
    for tenant, source, target in (("blue", "web-2", "web-1"), ("green", "db-2", "db-1")):
        claim = f"{tenant}: {source} → 10.0.0.11 reaches {target}, the same address twice"
        yield _named(prober.arrives(source, "10.0.0.11", target), claim)
    yield _named(prober.silent("db-2", "10.0.0.12"), "green's db-2 does not reach 10.0.0.12, which is blue's")


def _hairpin(prober: Prober) -> Iterator[Proof]:
    cases = (
        ("web-1", "203.0.113.50", "web-1", "its own floating IP"),
        ("web-2", "203.0.113.50", "web-1", "its neighbour's"),
        ("db-1", "203.0.113.51", "web-2", "the other tenant's"),
    )
    for source, address, target, whose in cases:
        yield _named(
            prober.arrives(source, address, target), f"{source} → {address} reaches {target} ({whose})"
        )


def _disassociation(
    engine: Engine, prober: Prober, world: dict[str, Any], file: Path
) -> Iterator[Chapter | Proof]:
    with (
        prober.keep(INTERNET, "203.0.113.50") as to_web1,
        prober.keep(INTERNET, "203.0.113.51") as to_web2,
    ):
        yield _named(to_web1(), "a connection internet → 203.0.113.50 is running")
        done = _associate(engine, world, file, "203.0.113.50", None)
        yield Chapter(f"disassociated 203.0.113.50 - {done.steps} steps in {done.ms:.0f} ms")
        yield _dead(done, to_web1(), "the running connection is cut, within a second")
        silent = prober.silent(INTERNET, "203.0.113.50")
        yield _dead(done, _opposite(silent), "203.0.113.50 answers nobody, within a second")
        yield _named(to_web2(), "a connection to 203.0.113.51 runs on undisturbed")
    yield _named(
        prober.leaves_as("web-1", "203.0.113.10"), "web-1 → internet leaves as 203.0.113.10 from now on"
    )


def _move(engine: Engine, prober: Prober, world: dict[str, Any], file: Path) -> Iterator[Chapter | Proof]:
    done = _associate(engine, world, file, "203.0.113.51", "batch")
    yield Chapter(f"moved 203.0.113.51 from web-2 to batch - {done.steps} steps in {done.ms:.0f} ms")
    yield _named(
        prober.arrives(INTERNET, "203.0.113.51", "batch"), "internet → 203.0.113.51 reaches batch now"
    )
    yield _named(prober.leaves_as("batch", "203.0.113.51"), "batch → internet leaves as 203.0.113.51")
    yield _named(prober.leaves_as("web-2", "203.0.113.10"), "web-2 → internet leaves as 203.0.113.10")


def _again(engine: Engine, file: Path) -> Iterator[Proof]:
    done = engine.apply(file)
    detail = "" if done.steps == 0 else f"{done.steps} steps"
    yield Proof(what="applied again: nothing to do, 0 writes", ok=done.steps == 0, ms=done.ms, detail=detail)


def _end(engine: Engine) -> Iterator[Chapter | Proof]:
    done = engine.destroy()
    yield Chapter(f"destroyed - {done.steps} steps in {done.ms:.0f} ms")
    left = engine.left()
    counts = ", ".join(f"{number} {what}" for what, number in left.items())
    yield Proof(what=f"nothing is left: {counts}", ok=not any(left.values()), ms=done.ms)


def _associate(engine: Engine, world: dict[str, Any], file: Path, address: str, port: str | None) -> Applied:
    for each in world["floatingips"]:
        if each["floating_ip_address"] == address:
            each["port_id"] = port
    write(file, world)
    return engine.apply(file)


def write(file: Path, world: dict[str, Any]) -> None:
    """Write a topology as a file."""
    file.write_text(yaml.safe_dump(world, sort_keys=False), encoding="utf-8")


def _named(proof: Proof, claim: str) -> Proof:
    return msgspec.structs.replace(proof, what=claim)


def _opposite(proof: Proof) -> Proof:
    return msgspec.structs.replace(proof, ok=not proof.ok)


def _dead(done: Applied, alive: Proof, claim: str) -> Proof:
    """That something is over, as long after the request as the apply took."""
    ok = not alive.ok and done.ms < 1000
    return Proof(
        what=claim, ok=ok, ms=done.ms, detail="" if ok else f"apply took {done.ms:.0f} ms, or it lives on"
    )
