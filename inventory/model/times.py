"""Constants of the field, and the doors between epoch seconds and ``datetime``."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime
from functools import lru_cache
from typing import overload

NFS_PORT = 2049
"""TCP port of NFSv4, the only one that EFS mount targets serve."""

SLOT = 300
"""Seconds of one slot: sightings are grouped by the five minutes of the record's ``start``, which is also the file slot of S3 delivery."""

HOUR = 3600
DAY = 86_400

RUN_GAP = 60
"""Silence in seconds that ends a run inside a slot: the tolerance of a record's own times (AWS: up to 60 s off). An address that passes
from one task to the next inside one slot therefore makes two sightings."""

CAPTURE_JOIN = 240
"""Records of one interface in one batch at most this far apart make one capture: twice the shortest aggregation interval plus 120 s."""

Span = tuple[int, int]
"""``(start, end)`` in epoch seconds, half-open."""


def epoch(moment: datetime) -> int:
    """Epoch seconds of an aware ``datetime``; a naive one is a bug and raises ``ValueError``."""
    if moment.tzinfo is None:
        msg = f"naive datetime {moment!r}: every time in the inventory has a zone"
        raise ValueError(msg)
    return int(moment.timestamp())


def instant(seconds: int) -> datetime:
    """The aware UTC ``datetime`` of epoch seconds."""
    return datetime.fromtimestamp(seconds, UTC)


@overload
def iso(seconds: int) -> str: ...
@overload
def iso(seconds: int | None) -> str | None: ...
def iso(seconds: int | None) -> str | None:
    """ISO 8601 with ``Z``, as JSON and CSV always show times; ``None`` stays ``None``."""
    if seconds is None:
        return None
    return f"{_minute(seconds // 60)}{seconds % 60:02}Z"


@lru_cache(maxsize=65_536)
def _minute(number: int) -> str:
    """The beginning of what is said of each of its seconds; exports say the same minutes very often."""
    return instant(60 * number).strftime("%Y-%m-%dT%H:%M:")


@lru_cache(maxsize=65_536)
def canonical_address(text: str) -> str:
    """One spelling for each address: IPv6 compressed in lower case, IPv4-mapped IPv6 as IPv4. Raises ``ValueError`` for anything else."""
    address = ipaddress.ip_address(text)
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)
