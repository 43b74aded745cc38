"""``deuteron`` as a user calls it, but in the test's own process, where its edge can be guarded."""

from __future__ import annotations

import io
import os
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import click
import msgspec

from deuteron.cli.main import cli
from deuteron.errors import DeuteronError


class Ended(msgspec.Struct, frozen=True):
    """How a command ended; ``code`` is that of the refusal, "" where there was none."""

    status: int
    out: str
    err: str
    code: str = ""

    def document(self) -> dict[str, Any]:
        """Standard output, which is one JSON document."""
        decoded: dict[str, Any] = msgspec.json.decode(self.out)
        return decoded

    @property
    def said(self) -> str:
        """All that a user sees."""
        return self.out + self.err


class Program:
    """Runs commands with one state directory."""

    def __init__(self, state: Path) -> None:
        self.state = state

    def __call__(self, *arguments: str | Path) -> Ended:
        out, err = io.StringIO(), io.StringIO()
        before = os.environ.get("DEUTERON_STATE_DIR")
        os.environ["DEUTERON_STATE_DIR"] = str(self.state)
        try:
            with redirect_stdout(out), redirect_stderr(err):
                status, code = _call([str(each) for each in arguments])
        finally:
            if before is None:
                del os.environ["DEUTERON_STATE_DIR"]
            else:
                os.environ["DEUTERON_STATE_DIR"] = before
        return Ended(status, out.getvalue(), err.getvalue(), code)

    def well(self, *arguments: str | Path) -> Ended:
        """The same, and it must end with status 0."""
        ended = self(*arguments)
        assert ended.status == 0, ended
        return ended


def _call(arguments: list[str]) -> tuple[int, str]:
    try:
        cli.main(arguments, standalone_mode=False)
    except SystemExit as end:
        return (end.code if isinstance(end.code, int) else 1), ""
    except click.ClickException as refused:
        click.echo(refused.format_message(), err=True)
        return refused.exit_code, "bad-usage"
    except DeuteronError as error:
        click.echo(f"deuteron: {error.message} [{error.code}]", err=True)
        return error.exit_status, error.code
    return 0, ""
