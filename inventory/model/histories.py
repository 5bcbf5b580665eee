"""What is asked of histories (CloudTrail) about the past, and what is remembered of having asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

EVENTS = "event:"
"""How the subject of a stretch begins for which every event of one name was asked: ``event:NewClientConnection``."""

CONNECTIONS = f"{EVENTS}NewClientConnection"
"""Asked completely about this, a client without an event is known to have mounted without IAM."""

Place = tuple[str, str]
"""Account and region."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A history was asked about a subject and a stretch of time, and told all that it has; a miss is remembered too."""

    history: str
    account: str
    region: str
    subject: str
    start: int
    end: int
    """Exclusive."""
    asked_at: int
    found: int
    """Events."""


class Unnamed(NamedTuple):
    """A client that nobody could name, or not for certain, in the account and region of the file system that it was seen at."""

    account: str
    region: str
    file_system_id: str
    address: str
    interface_id: str
    """``""`` when not even that is known."""
    explained: bool
    """A sweep, or an event, told of the interface."""
    first_seen: int
    last_seen: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a history may be asked for, and what it was asked before."""

    places: Sequence[Place]
    """That have, or had, file systems."""
    unnamed: Sequence[Unnamed]
    asked: Sequence[Asked]
    swept: Mapping[Place, Sequence[int]]
    """When the network interfaces of a place were completely seen; ascending."""
