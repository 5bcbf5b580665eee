"""``export``: the feed for other systems."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from inventory.cli.face import Face
from inventory.errors import UsageError

if TYPE_CHECKING:
    from inventory.export import Record

FORMATS = ("ndjson", "csv", "parquet", "servicenow")


def _print_schema(ctx: click.Context, _parameter: click.Parameter, asked: bool) -> None:  # noqa: FBT001 - as click calls it
    if asked:
        from inventory.export import schema

        sys.stdout.write(schema.text())
        ctx.exit()


@click.command()
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    required=True,
    help="ndjson: one JSON record a line. csv, parquet: one row a record. servicenow: one payload a line.",
)
@click.option(
    "--dialect",
    type=click.Choice(["spreadsheet", "raw"]),
    help="Of CSV. spreadsheet (default): nothing in it is a formula. raw: the values as they are, to import.",
)
@click.option(
    "--gone",
    is_flag=True,
    help="Also what is gone: all mounts that are kept, however long they are over.",
)
@click.option(
    "--since",
    metavar="CURSOR",
    help="Only what changed after a cursor, and a new cursor as last record; 0: from the beginning.",
)
@click.option(
    "--push", is_flag=True, help="Post to ServiceNow; what became of each item is written."
)
@click.option(
    "--dry-run", is_flag=True, help="With --push: ask what it would do, and change nothing."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write to a file, which appears whole or not at all.",
)
@click.option(
    "--schema",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_schema,
    help="Print the JSON Schema of the records.",
)
@click.pass_obj
def export(
    face: Face,
    *,
    form: str,
    dialect: str | None,
    gone: bool,
    since: str | None,
    push: bool,
    dry_run: bool,
    output: Path | None,
) -> None:
    """Every file system, client and mount as records for a CMDB."""
    _check(form, dialect, output)
    if form == "servicenow":
        from inventory.cli.servicenow import How, servicenow

        if gone:
            raise UsageError("--gone is not for ServiceNow: what is gone has no relation")
        how: How = "dry run" if dry_run else "push" if push else "write"
        servicenow(face, since=since, how=how, output=output)
        return
    if push or dry_run:
        raise UsageError("--push and --dry-run are of --format servicenow")
    if since is not None and gone:
        raise UsageError(
            "--gone is of a whole export, not of changes", hint="leave out --gone or --since"
        )
    with _records(face, gone=gone) if since is None else _changes(face, since, form) as found:
        count = _write(found, form, dialect, output)
    if output is not None and face.verbosity >= 0:
        click.echo(f"{count} records written to {output}", err=True)


def _check(form: str, dialect: str | None, output: Path | None) -> None:
    if dialect is not None and form != "csv":
        raise UsageError(f"--dialect is of CSV, not of {form}", hint="leave it out")
    if form == "parquet" and output is None:
        raise UsageError("Parquet is no text to print", hint="name a file with -o FILE")


@contextmanager
def _records(face: Face, *, gone: bool) -> Iterator[Iterable[Record]]:
    from inventory.export import making, records
    from inventory.model import iso

    exported_at = iso(face.clock())
    with face.answers() as answers, making.many():
        yield records(answers, exported_at=exported_at, gone=gone)


@contextmanager
def _changes(face: Face, since: str, form: str) -> Iterator[Iterable[Any]]:
    settings = face.settings
    from inventory.export import feed, making
    from inventory.model import iso

    exported_at = iso(face.clock())
    with face.recorder() as store:
        with making.many():
            feed.refresh(store, settings)
        with store.reading() as conn:
            told = feed.lines if form == "ndjson" else feed.changed
            yield told(conn, since, exported_at=exported_at)


def _write(found: Iterable[Any], form: str, dialect: str | None, output: Path | None) -> int:
    from inventory.export import delimited, files, ndjson, parquet

    def write(stream: Any) -> int:  # noqa: ANN401 - of bytes or of text
        if form == "parquet":
            return parquet.write(found, stream)
        if form == "csv":
            return delimited.write(found, stream, "raw" if dialect == "raw" else "spreadsheet")
        return ndjson.write(found, stream)

    if output is None:
        return write(sys.stdout)
    with files.replacing(output, binary=form == "parquet") as stream:
        return write(stream)
