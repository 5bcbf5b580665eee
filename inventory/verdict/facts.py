"""What a verdict rests on: plain values, gathered by whoever asks. All moments are epoch seconds, UTC; spans are half-open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from inventory.model import DAY, HOUR, MountState, Span
from inventory.verdict.connections import Connections, Untouched

Evidence = Mapping[str, Any]
"""What a reason points to, ready for JSON; moments in it are epoch seconds still."""


class Label(StrEnum):
    """What the configuration says of a client that is no user of a file system."""

    PROBE = "probe"
    MAINTENANCE = "maintenance"


@dataclass(frozen=True, slots=True)
class Use:
    """One client at the file system (or one set of candidates for it), in the window or after it."""

    client: str
    """For people."""
    workload: str
    """What makes two clients the same workload; never empty."""
    state: MountState
    first_seen: int
    last_seen: int
    label: Label | None = None
    labelled_by: str = ""
    """The entry of the configuration."""
    evidence: Evidence = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Blind:
    """A stretch of the window that nobody looked at."""

    start: int
    end: int
    reason: str


class Standing(StrEnum):
    """What a reference is worth."""

    LIVE = "live"
    """It can mount at any moment, without anybody changing anything."""
    DORMANT = "dormant"
    """It is there, and nothing runs by it."""
    VANISHED = "vanished"
    """It was there in the window and is not any more."""
    CONTEXT = "context"
    """It belongs to the file system, and mounts nothing."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Something that names the file system."""

    kind: str
    id: str
    standing: Standing
    why: str
    """Of its standing, for people."""
    seen: bool = False
    """Somebody who mounts by it was seen in the window."""
    evidence: Evidence = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Check:
    """One call by which references are looked for, in one account and region in reach."""

    reference: str
    """The name in ``[discover] references``."""
    call: str
    account: str
    region: str
    whole_at: int | None
    """When it last answered whole; ``None``: it never did."""
    problem: str = ""
    """What its newest answer says, when that is not whole."""
    failed: bool = False
    """It has not succeeded, however young the last success is: of recorded answers the newest counts."""


@dataclass(frozen=True, slots=True)
class History:
    """When each workload used the file system, as far back as anybody looked."""

    since: int | None = None
    """From when on somebody looked, or from when on there was something to look at; ``None``: nobody did."""
    uses: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)
    """By workload, in any order, overlapping or not; each with first and last second. Of what is labelled no user nothing."""
    blind: tuple[Span, ...] = ()
    """Between ``since`` and the window: a use may have been there."""
    witnessed: tuple[Span, ...] = ()
    """When somebody was connected, by a metric alone: uses of nobody knows whom. First and last second."""
    witnessed_blind: tuple[Span, ...] = ()
    """Between the first of these and the window, as ``blind``."""


class Trust(StrEnum):
    """What the zeros of a metric are worth, by what it said elsewhere in its account and region."""

    PROVEN = "proven"
    """It was above zero where a mount was seen, and denied none."""
    UNPROVEN = "unproven"
    """It was never above zero where a mount was seen."""
    CONTRADICTED = "contradicted"
    """It was zero all the while that a mount was seen."""


@dataclass(frozen=True, slots=True)
class Witness:
    """What is known of how ClientConnections did."""

    trust: Trust
    evidence: Evidence = field(default_factory=dict)
    """Where flow logs and the metric met: file system, start and end."""
    needed: bool = False
    """It was zero at moments of the window that nobody looked at."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator decided, in seconds."""

    accept_blind: int = 0
    """The longest blind stretch that is accepted."""
    min_window: int = 100 * DAY
    max_lag: int = HOUR
    reference_max_age: int = DAY
    listing_max_age: int = 2 * HOUR
    """How old the newest whole list of mount targets may be: where one was made since, nobody looked."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything there is to know for one verdict."""

    window: Span
    """What was looked at; it ends with what is asked, or with what is known."""
    asked_until: int
    asked: bool
    """The window's length was asked for; else it is as far back as anybody looked."""
    as_of: int | None
    """Up to where every source needed was read; ``None``: nothing was."""
    blind: tuple[Blind, ...] = ()
    """Inside the window, neither seen nor bridged; in order."""
    bridged: tuple[Span, ...] = ()
    """Inside the window, not seen, and nobody was connected by the word of a metric."""
    uses: tuple[Use, ...] = ()
    """From the window's begin on, whatever its end."""
    possible: tuple[Use, ...] = ()
    """Clients that may have been at this file system or at another one."""
    history: History = History()
    references: tuple[Reference, ...] = ()
    checks: tuple[Check, ...] = ()
    unreached: tuple[str, ...] = ()
    """Places in reach that no sweep knows, for people."""
    unplaced: tuple[Reference, ...] = ()
    """What names some file system of which nobody can say whether it is this one."""
    connections: tuple[Connections, ...] = ()
    """In the window or after it, where no client was seen."""
    untouched: Untouched | None = None
    witness: Witness | None = None
    """``None``: it was never answered for this file system."""
    listed_at: int | None = None
    """When the mount targets were last listed whole."""
    deleted_at: int | None = None
