"""``run``: the daemon."""

from __future__ import annotations

import sys

import click

from inventory.cli.face import Face
from inventory.telemetry import configure


@click.command(short_help="Collect for ever: the daemon.")
@click.pass_context
def run(ctx: click.Context) -> None:
    """Sweep and collect again and again, each at its own pace, until SIGTERM or Ctrl-C.

    Logs go to standard error, as JSON lines when that is no terminal.
    """
    face = ctx.find_object(Face) or Face()
    settings = face.settings
    configure(face.verbosity, json_lines=not sys.stderr.isatty())
    from inventory import daemon

    daemon.run(settings)
