"""``deuteron``: the entrance, and the outermost loop that reports what nobody else could."""

from __future__ import annotations

import gc
import sys
from importlib.metadata import version
from pathlib import Path

import click

from deuteron.agent.change import Interrupted
from deuteron.cli.apply import apply_command
from deuteron.cli.audit import audit_command
from deuteron.cli.config import config_group
from deuteron.cli.defect import tell_defect, tell_defects_elsewhere
from deuteron.cli.demo import demo
from deuteron.cli.destroy import destroy_command
from deuteron.cli.doctor import doctor_command
from deuteron.cli.explain import explain_command
from deuteron.cli.install import install_command, uninstall_command
from deuteron.cli.keys import keys_command
from deuteron.cli.plan import plan_command
from deuteron.cli.policy import policy_command
from deuteron.cli.port import port_group
from deuteron.cli.recover import recover_command
from deuteron.cli.reveal import reveal_command
from deuteron.cli.review import review_command
from deuteron.cli.serve import serve_command
from deuteron.cli.settings import begin
from deuteron.cli.show import show_command
from deuteron.cli.status import status_command
from deuteron.cli.verify import verify_command
from deuteron.cli.wait import wait_command
from deuteron.errors import DeuteronError, InputError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(version("deuteron"), prog_name="deuteron")
@click.option(
    "--config",
    "config_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The configuration (default /etc/deuteron/deuteron.toml, or the user's; DEUTERON_CONFIG).",
)
@click.pass_context
def cli(context: click.Context, config_file: Path | None) -> None:
    """The networking of an OpenStack cloud for this Linux host; every change a transaction.

    \b
    Try it in private namespaces, nothing of the host is touched:
      deuteron demo
    \b
    See what a topology file would do, then do it:
      deuteron plan examples/one-host.yaml
      deuteron apply examples/one-host.yaml
    \b
    After a reboot make it again; after a crash finish what was interrupted, or go back:
      deuteron apply
      deuteron recover [--back]
    \b
    Serve the OpenStack Networking API, and have this host follow it:
      deuteron serve --bridge-mapping physnet1:br-ex
      deuteron port attach PORT --netns NAME
      deuteron wait
    \b
    See how the host is, and what is not as it should be; mend it:
      deuteron status
      deuteron doctor [--repair]

    Exit status: 0 done, 1 failed, 2 bad usage or input, 3 differences found (plan, verify,
    doctor, status) or a check that failed (audit,
    review).

    \b
    With -o json every verb prints one document on standard output:
      plan, destroy --dry-run  version, units (with their steps), tally
      apply, destroy, recover  version, ok, seconds, units (with their outcome)
      verify                   version, units, tally, foreign
      show                     version, host, differing
      status                   version, healthy, committed, pending, units, quarantined
      doctor                   version, healthy, findings, tally; with --repair also remaining
      config check, show       version, file, and paths or keys
      policy                   version, entries
      audit, review            version, clean, tally, findings, rules
      reveal, keys             version, tokens or keys
      explain                  version, code, meaning, next
      serve                    version, listen, auth, clouds, cloud, bridges, missing; then records
      port attach, detach      version, ok, port, revision
      wait                     version, ok, done, failed
      install, uninstall       version, dry_run, files, commands
    """
    begin(context, config_file)


for command in (
    demo,
    plan_command,
    apply_command,
    recover_command,
    show_command,
    verify_command,
    status_command,
    doctor_command,
    audit_command,
    destroy_command,
    config_group,
    policy_command,
    reveal_command,
    review_command,
    keys_command,
    explain_command,
    install_command,
    uninstall_command,
    serve_command,
    port_group,
    wait_command,
):
    cli.add_command(command)


def report(problem: str, code: str) -> None:
    """One line on standard error: what is wrong, and the code that docs/errors.md explains."""
    click.echo(f"deuteron: {problem} [{code}]", err=True)


def spare_the_collector() -> None:
    """Let the garbage collector rest: a command is short, and its values are immutable and acyclic.

    Reference counts alone free them.  With the default threshold of 700 the collector would walk
    hundreds of thousands of live values again and again while they are made.
    """
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def usage_error(refused: click.ClickException) -> InputError:
    """What click refused, as one of our sentences."""
    context = refused.ctx if isinstance(refused, click.UsageError) else None
    command = context.command_path if context is not None else "deuteron"
    problem = refused.format_message().rstrip(".")
    return InputError("bad-usage", f"{problem}; `{command} --help` lists what there is")


def interrupted(stopped: BaseException) -> str:
    """What Ctrl-C has left, and how to go on."""
    if isinstance(stopped.__cause__ or stopped, Interrupted):
        return (
            "interrupted; the unit in progress was taken back; finish the change (deuteron recover)"
            " or go back to what was before it (deuteron recover --back)"
        )
    return "interrupted; nothing was being changed"


def main() -> None:
    """Run the command line and turn every error into a sentence and an exit status."""
    spare_the_collector()
    tell_defects_elsewhere()
    try:
        cli.main(standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as bare:
        bare.show()
        sys.exit(2)
    except click.ClickException as refused:
        error = usage_error(refused)
        report(error.message, error.code)
        sys.exit(error.exit_status)
    except (click.Abort, KeyboardInterrupt) as stopped:
        report(interrupted(stopped), "interrupted")
        sys.exit(130)
    except DeuteronError as error:
        report(error.message, error.code)
        sys.exit(error.exit_status)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except Exception as unforeseen:  # the outermost loop: an error nobody foresaw is kept whole
        tell_defect(unforeseen)
        sys.exit(1)


if __name__ == "__main__":
    main()
