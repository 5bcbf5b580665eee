"""Answers as JSON, NDJSON and CSV, for programs. Times are UTC here whatever ``--tz`` says."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import click

from inventory.cli.blocks import Block, show

Answer = Mapping[str, Any]
FORMATS = ("table", "json", "csv", "ndjson")

format_option = click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="table",
    show_default=True,
    help="table: for people, plain when piped; csv is safe to open in a spreadsheet.",
)


def flat(value: object, prefix: str = "") -> dict[str, object]:
    """One level of keys: ``client.id``; lists of texts joined by a blank, tags and other lists as JSON."""
    if isinstance(value, Mapping) and not prefix.endswith("tags"):
        found: dict[str, object] = {}
        for key, each in value.items():
            found |= flat(each, f"{prefix}.{key}" if prefix else str(key))
        return found
    if isinstance(value, (Mapping, list, tuple)):
        texts = not isinstance(value, Mapping) and all(isinstance(each, str) for each in value)
        return {prefix: " ".join(value) if texts else json.dumps(value, ensure_ascii=True)}
    return {prefix: value}


def write_csv(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Flat rows under named columns, of which each row may have some; safe for spreadsheets."""
    from inventory.export.delimited import cell

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([cell(row.get(column)) for column in columns])


def write_json(answer: object) -> None:
    """ASCII JSON, indented."""
    sys.stdout.write(json.dumps(answer, ensure_ascii=True, indent=2) + "\n")


def write_ndjson(rows: Iterable[object]) -> None:
    """One ASCII JSON value a line."""
    for row in rows:
        sys.stdout.write(json.dumps(row, ensure_ascii=True, separators=(",", ":")) + "\n")


def emit(
    answer: Answer,
    form: str,
    *,
    view: Callable[[Answer], Iterable[Block]],
    rows: Callable[[Answer], Iterable[Mapping[str, object]]],
    columns: Sequence[str],
) -> None:
    """Write an answer in the form asked for: ``view`` makes text of it, ``rows`` the lines of NDJSON and CSV."""
    if form == "json":
        write_json(answer)
    elif form == "ndjson":
        write_ndjson(rows(answer))
    elif form == "csv":
        write_csv(columns, (flat(row) for row in rows(answer)))
    else:
        show(view(answer))
