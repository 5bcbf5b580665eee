"""One reference to a file system, as answers tell it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from inventory.model import Version
from inventory.verdict import Standing


@dataclass(slots=True)
class Declared:
    """One reference, as it is told."""

    kind: str
    id: str
    standing: Standing
    why: str
    account: str = ""
    region: str = ""
    arn: str = ""
    access_points: tuple[str, ...] = ()
    first_seen: int | None = None
    last_seen: int | None = None
    """When a sweep last showed it."""
    mounts_as: frozenset[tuple[str, ...]] = field(default_factory=frozenset)
    """What a client that mounts by it is known by; see :func:`known_by`."""


class Found(NamedTuple):
    """Everything that sweeps tell."""

    declared: list[Declared]
    unplaced: list[Declared]
    """May be of this file system, may be of another one."""


def unplaced(kind: str, name: str, why: str, one: Version[Any]) -> Declared:
    """Something live of which nobody can say which file system it names."""
    return Declared(
        kind,
        name,
        Standing.LIVE,
        why,
        one.account,
        one.region,
        first_seen=one.first_seen,
        last_seen=one.last_seen,
    )
