"""Names and values in SQL for Athena: which column holds which field, and how each is spelled safely.

Nothing reaches a query but identifiers of a narrow form, whole numbers, and texts whose quotes are doubled: Athena's own parameters
cannot stand for identifiers, nor outside of WHERE (athena user guide, querying-with-prepared-statements).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from inventory.errors import SourceError
from inventory.flowlog.fields import FIELDS

_IDENTIFIER = re.compile(r"[a-z0-9_]{1,128}", re.ASCII)

OTHER_NAMES: Mapping[str, tuple[str, ...]] = {
    "account-id": ("accountid", "account"),
    "interface-id": ("interfaceid", "eni", "eni_id"),
    "srcaddr": ("sourceaddress", "source_address", "src_addr"),
    "dstaddr": ("destinationaddress", "destination_address", "dst_addr"),
    "srcport": ("sourceport", "source_port", "src_port"),
    "dstport": ("destinationport", "destination_port", "dst_port"),
    "packets": ("numpackets", "num_packets"),
    "bytes": ("numbytes", "num_bytes"),
    "start": ("starttime", "start_time"),
    "end": ("endtime", "end_time"),
    "log-status": ("logstatus",),
}
"""What older tables of AWS's own documentation, and those made after them, call a field."""

WHOLE_NUMBERS = frozenset({"tinyint", "smallint", "int", "integer", "bigint"})
TEXTS = frozenset({"string", "varchar", "char"})


class Column(NamedTuple):
    """A column: its name in the table, and its type without length, as Hive or Athena calls it."""

    name: str
    type: str

    @property
    def plain(self) -> bool:
        """A type that values of flow logs can be read from."""
        return self.type in WHOLE_NUMBERS or self.type in TEXTS


def column(name: str, kind: str) -> Column:
    """A column as a catalogue names it: in lower case, its type without length."""
    return Column(name.lower(), kind.lower().partition("(")[0].strip())


def by_field(columns: Iterable[Column]) -> dict[str, Column]:
    """The columns that hold fields of flow logs, by AWS's name of the field; AWS's own spelling wins over older ones."""
    named = {one.name: one for one in columns}
    found: dict[str, Column] = {}
    for field in FIELDS:
        own = field.name.replace("-", "_")
        for name in (own, own.replace("_", ""), *OTHER_NAMES.get(field.name, ())):
            if name in named:
                found[field.name] = named[name]
                break
    return found


def quoted(identifier: str) -> str:
    """An identifier in double quotes. Raises ``SourceError`` for one of another form than ``[a-z0-9_]{1,128}``."""
    if not _IDENTIFIER.fullmatch(identifier):
        msg = f"{identifier[:130]!r} is no name that can be asked for"
        raise SourceError(msg, hint="databases, tables and columns of [a-z0-9_], at most 128 signs")
    return f'"{identifier}"'


def text(value: str) -> str:
    """A text in single quotes."""
    return "'" + value.replace("'", "''") + "'"


def texts(values: Iterable[str]) -> str:
    """Several, with commas between."""
    return ", ".join(text(value) for value in values)
