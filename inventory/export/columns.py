"""Records as rows: one set of columns for file systems, clients and mounts, the same in CSV and Parquet.

Nested keys are joined by a dot. What one kind of record does not have is empty. Lists of names are joined by a blank (no name holds one),
other lists and tags are JSON. New columns are added at the end.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

Kind = Literal["text", "number", "share", "flag", "time", "names", "json"]


class Column(NamedTuple):
    """A column, and what its cells hold."""

    name: str
    kind: Kind


def _columns(kind: Kind, names: str) -> list[Column]:
    return [Column(name, kind) for name in names.split()]


COLUMNS: tuple[Column, ...] = (
    *_columns("number", "schema_version"),
    *_columns("text", "record_type key"),
    *_columns("time", "exported_at"),
    *_columns("text", "op"),
    # file systems and clients
    *_columns("text", "id arn name account region"),
    *_columns("number", "clients_now"),
    *_columns("time", "last_seen idle_since"),
    *_columns("text", "activity"),
    *_columns("share", "coverage_ratio"),
    *_columns("time", "deleted_at as_of"),
    *_columns("flag", "coverage.complete"),
    *_columns("share", "coverage.ratio coverage.bridged_ratio"),
    *_columns("number", "coverage.blind_seconds"),
    *_columns("time", "coverage.visible_since"),
    *_columns("json", "coverage.gaps"),
    *_columns("text", "kind workload.kind workload.id workload.arn contact"),
    *_columns("json", "tags"),
    # mounts
    *_columns("text", "file_system client"),
    *_columns("json", "candidates"),
    *_columns("flag", "is_mount relation gateway possible"),
    *_columns("names", "file_systems"),
    *_columns("text", "confidence method state"),
    *_columns("time", "first_seen"),
    *_columns("names", "interfaces addresses mount_targets access_points principals"),
    *_columns("flag", "plain_nfs"),
    *_columns("json", "intervals"),
    *_columns("number", "flows packets bytes rejected_flows"),
    *_columns("text", "evidence.source evidence.type evidence.batch"),
    *_columns("json", "used_by"),
    # by change
    *_columns("text", "cursor"),
)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def _names(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


_TEXTS: Mapping[Kind, Callable[[object], str]] = {"names": _names, "json": _json}


class _Way(NamedTuple):
    """How a record's value gets into a column."""

    key: str
    inside: str
    """The key inside of that; ``""``: none."""
    text: Callable[[object], str] | None
    """What makes text of it; ``None``: it stays as it is."""


def _way(column: Column) -> _Way:
    key, _, inside = column.name.partition(".")
    return _Way(key, inside, _TEXTS.get(column.kind))


_WAYS = [_way(column) for column in COLUMNS]


def row(record: Mapping[str, Any]) -> list[Any]:
    """The cells of a record, in the order of the columns; ``None`` where it has no value."""
    cells: list[Any] = []
    for key, inside, text in _WAYS:
        value = record.get(key)
        if inside and value is not None:
            value = value.get(inside)
        cells.append(text(value) if text is not None and value is not None else value)
    return cells
