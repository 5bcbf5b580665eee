"""``export``: the feed for other systems."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from inventory.cli.face import Face


@click.command()
@click.option(
    "--format", "form", type=click.Choice(["ndjson"]), required=True, help="One JSON record a line."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write to a file, which appears whole or not at all.",
)
@click.pass_obj
def export(face: Face, *, form: str, output: Path | None) -> None:  # noqa: ARG001 - one format so far
    """Every file system, client and mount as records for a CMDB."""
    from inventory.export import ndjson, records
    from inventory.model import iso

    exported_at = iso(face.clock()) or ""
    with face.answers() as answers:
        found = records(answers, exported_at=exported_at)
        if output is None:
            ndjson.write(found, sys.stdout)
            return
        with ndjson.replacing(output) as stream:
            count = ndjson.write(found, stream)
    if face.verbosity >= 0:
        click.echo(f"{count} records written to {output}", err=True)
