"""Records as NDJSON: one ASCII JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import IO, Any

encoded = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode
"""A value as one line of ASCII."""


def write(records: Iterable[Mapping[str, Any] | str], stream: IO[str]) -> int:
    """Write records as they come, those that are text already as they are; how many there were."""
    count = 0
    for count, record in enumerate(records, 1):  # noqa: B007 - the last number is the count
        stream.write((record if isinstance(record, str) else encoded(record)) + "\n")
    return count
