r"""Records as CSV, in two dialects.

``spreadsheet``: safe to open in a spreadsheet, which takes text that begins with ``=``, ``+``, ``-`` or ``@`` for a formula (CWE-1236);
such text gets an apostrophe, and what a terminal would obey is shown as ``\xNN``. ``raw``: the values as they are, for a machine to import,
for which an apostrophe would be a wrong value.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TextIO

from inventory.export.columns import COLUMNS, row
from inventory.telemetry import printable

Dialect = Literal["spreadsheet", "raw"]

_SIGNS = "=+-@\uff1d\uff0b\uff0d\uff20"  # the full-width signs start formulas too
_FORMULA = (*_SIGNS, "\t", "\r", "\n")
_NEXT_CELL = re.compile(rf';(?=[\s"]*[{re.escape(_SIGNS)}])')
"""Where the comma is for decimals, a spreadsheet begins a cell after a semicolon, whatever quotes are around it."""


def guarded(text: str) -> str:
    """Text that a spreadsheet takes for text: an apostrophe goes before what it would take for a formula."""
    safe = printable(text)
    if ";" in safe:
        safe = _NEXT_CELL.sub(";'", safe)
    return f"'{safe}" if text.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA) else safe


def cell(value: object, text: Callable[[str], str] = guarded) -> object:
    """A value as CSV shows it: nothing for ``None``, ``true`` and ``false``, text guarded, numbers as they are."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return text(value) if isinstance(value, str) else value


def write(
    records: Iterable[Mapping[str, Any]], stream: TextIO, dialect: Dialect = "spreadsheet"
) -> int:
    """Write a header and a row for each record as it comes; how many records there were. RFC 4180 but for the bare line feed."""
    text = guarded if dialect == "spreadsheet" else str
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([column.name for column in COLUMNS])
    count = 0
    for count, record in enumerate(records, 1):  # noqa: B007 - the last number is the count
        writer.writerow([cell(value, text) for value in row(record)])
    return count
