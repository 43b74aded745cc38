"""``python -m tests.simulation --seed S --steps N``: run a simulation, or replay one that failed."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from tests.simulation.simulation import BrokenError, Simulation


def memory() -> Path | None:
    """Where files cost nothing; ``None`` where there is no such place."""
    path = Path("/dev/shm")
    return path if path.is_dir() else None


@click.command()
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--steps", type=int, default=2500, show_default=True)
@click.option("--log", "verbose", is_flag=True, help="Print every step.")
def main(seed: int, steps: int, verbose: bool) -> None:
    """Random changes and faults on a simulated host; the same seed is the same run."""
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory(dir=memory()) as root, Progress(console=console) as progress:
        simulation = Simulation(seed, Path(root))
        task = progress.add_task(f"seed {seed}", total=steps)
        try:
            for _ in simulation.run(steps):
                progress.advance(task)
                if verbose and simulation.told:
                    print(simulation.told[-1])
        except BrokenError as error:
            progress.stop()
            print(error)
            sys.exit(1)
    for what, count in sorted(simulation.counts.items()):
        print(f"{count:6} {what}")
    print(f"digest {simulation.digest}")


if __name__ == "__main__":
    main()
