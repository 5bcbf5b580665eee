"""The command line: ``efs-inventory [--config FILE] [--tz ZONE] [-v|-q] [--version] COMMAND …``.

Results go to standard output, logs and progress to standard error. Exit codes: 0 done, 1 failure, 2 wrong usage or configuration,
3 not found; 10, 11 and 12 are verdicts of ``check-delete``; 130 after Ctrl-C. Commands import their work themselves.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NoReturn

import click

from inventory import __version__
from inventory.cli.changes import changes
from inventory.cli.database import db
from inventory.cli.deleting import check_delete
from inventory.cli.demo import demo
from inventory.cli.explore import explore
from inventory.cli.export import export
from inventory.cli.face import Face
from inventory.cli.gather import collect, discover, snapshot
from inventory.cli.questions import list_, mounts, status, who
from inventory.cli.run import run as run_daemon
from inventory.cli.setup import setup
from inventory.cli.streams import OutputError, ReaderGoneError, standard_streams
from inventory.cli.times import zone_named
from inventory.errors import InventoryError
from inventory.telemetry import configure, printable

INTERRUPTED = 130
PIPE_CLOSED = 141
"""What a shell shows for a program that ended by SIGPIPE."""


class Commands(click.Group):
    """Turns what a person can mend into two lines and an exit code; anything else keeps its traceback."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except OutputError:
            raise  # told at the very end, once
        except InventoryError as error:
            complain(error)
            ctx.exit(error.exit_code)
        except BrokenPipeError as error:
            raise ReaderGoneError from error  # click would make it a plain failure


def complain(error: InventoryError) -> None:
    """Write ``error: …`` and ``hint: …`` to standard error; lines of the message stay lines."""
    message = "\n".join(printable(line) for line in str(error).split("\n"))
    click.echo(f"error: {message}", err=True)
    if error.hint:
        click.echo(f"hint: {printable(error.hint)}", err=True)


@click.group(
    cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Configuration; else $EFS_INVENTORY_CONFIG, else ./efs-inventory.toml.",
)
@click.option(
    "--tz",
    "zone",
    default="UTC",
    show_default=True,
    metavar="ZONE",
    help="Time zone of tables, and of times written without offset.",
)
@click.option("-v", "--verbose", count=True, help="Say more on standard error; -vv for everything.")
@click.option("-q", "--quiet", is_flag=True, help="Only errors on standard error.")
@click.version_option(__version__, prog_name="efs-inventory", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context, *, config: Path | None, zone: str, verbose: int, quiet: bool) -> None:
    """Who mounts which Amazon EFS file system, from VPC flow logs."""
    if verbose and quiet:
        raise click.UsageError("-v and -q contradict each other")
    face = ctx.ensure_object(Face)
    face.config = config or face.config
    face.zone = zone_named(zone)
    face.verbosity = -1 if quiet else verbose
    configure(face.verbosity)


for command in (
    db,
    discover,
    snapshot,
    collect,
    run_daemon,
    list_,
    who,
    mounts,
    check_delete,
    status,
    export,
    changes,
    explore,
    setup,
    demo,
):
    cli.add_command(command)


def run(arguments: list[str] | None = None) -> int:
    """Run one command line; its exit code."""
    with standard_streams():
        return _run(arguments)


def _run(arguments: list[str] | None) -> int:
    try:
        result = cli.main(arguments, prog_name="efs-inventory", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except ReaderGoneError:
        return PIPE_CLOSED
    except InventoryError as error:  # outside a command: help, or the last of the output
        complain(error)
        return error.exit_code
    return result if isinstance(result, int) else 0


def main() -> NoReturn:
    """Entry point of ``efs-inventory``."""
    sys.exit(run())
