"""``deuteron``: the entrance, and the outermost loop that reports what nobody else could."""

from __future__ import annotations

import sys
import traceback
from importlib.metadata import version

import click

from deuteron.cli.apply import apply_command
from deuteron.cli.demo import demo
from deuteron.cli.destroy import destroy_command
from deuteron.cli.plan import plan_command
from deuteron.cli.show import show_command
from deuteron.cli.verify import verify_command
from deuteron.errors import DeuteronError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(version("deuteron"), prog_name="deuteron")
def cli() -> None:
    """The networking of an OpenStack cloud for this Linux host; every change a transaction.

    \b
    Try it in private namespaces, nothing of the host is touched:
      deuteron demo
    \b
    See what a topology file would do, then do it:
      deuteron plan examples/one-host.yaml
      deuteron apply examples/one-host.yaml

    Exit status: 0 done, 1 failed, 2 bad usage or input, 3 differences found (plan, verify).
    """


for command in (demo, plan_command, apply_command, show_command, verify_command, destroy_command):
    cli.add_command(command)


def report(problem: str, code: str) -> None:
    """One line on standard error: what is wrong, and the code that docs/errors.md explains."""
    click.echo(f"deuteron: {problem} [{code}]", err=True)


def main() -> None:
    """Run the command line and turn every error into a sentence and an exit status."""
    try:
        cli.main(standalone_mode=False)
    except click.ClickException as refused:
        refused.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        report("interrupted; a unit in progress was taken back", "interrupted")
        sys.exit(130)
    except DeuteronError as error:
        report(error.message, error.code)
        sys.exit(error.exit_status)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except Exception:  # the outermost loop: an error nobody foresaw is shown whole
        traceback.print_exc()
        report("this is a defect of deuteron; please report it with the lines above", "defect")
        sys.exit(1)


if __name__ == "__main__":
    main()
