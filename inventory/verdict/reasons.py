"""The reasons that a verdict can have, each with its code: other programs rely on the codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from inventory.verdict.facts import Evidence


class Verdict(StrEnum):
    """The first that applies."""

    IN_USE = "IN_USE"
    REFERENCED = "REFERENCED"
    UNKNOWN = "UNKNOWN"
    QUIET = "QUIET"


class Severity(StrEnum):
    """``blocking`` reasons make the verdict of their class; the others are told beside it."""

    BLOCKING = "blocking"
    WARNING = "warning"
    INFO = "info"


class Code(StrEnum):
    """What a reason says; never renamed, never reused."""

    MOUNTED_NOW = "MOUNTED_NOW"
    MOUNTED_IN_WINDOW = "MOUNTED_IN_WINDOW"
    MOUNTED_AFTER_WINDOW = "MOUNTED_AFTER_WINDOW"
    LIVE_REFERENCE = "LIVE_REFERENCE"
    CLIENT_REJECTED = "CLIENT_REJECTED"
    CLIENT_ATTEMPTED = "CLIENT_ATTEMPTED"
    CLIENT_PROBED = "CLIENT_PROBED"
    MAINTENANCE_CLIENT = "MAINTENANCE_CLIENT"
    NOTHING_READ = "NOTHING_READ"
    BLIND = "BLIND"
    POSSIBLE_CLIENT = "POSSIBLE_CLIENT"
    AS_OF_BEHIND = "AS_OF_BEHIND"
    MOUNT_TARGETS_NOT_LISTED = "MOUNT_TARGETS_NOT_LISTED"
    WINDOW_TOO_SHORT = "WINDOW_TOO_SHORT"
    WINDOW_SHORTER_THAN_RHYTHM = "WINDOW_SHORTER_THAN_RHYTHM"
    REFERENCE_CHECK_FAILED = "REFERENCE_CHECK_FAILED"
    REFERENCE_CHECK_OLD = "REFERENCE_CHECK_OLD"
    REFERENCE_PLACE_UNKNOWN = "REFERENCE_PLACE_UNKNOWN"
    REFERENCE_UNPLACED = "REFERENCE_UNPLACED"
    NO_EVIDENCE_OF_USE = "NO_EVIDENCE_OF_USE"
    BLIND_ACCEPTED = "BLIND_ACCEPTED"
    DORMANT_REFERENCE = "DORMANT_REFERENCE"
    VANISHED_REFERENCE = "VANISHED_REFERENCE"
    ALREADY_DELETED = "ALREADY_DELETED"
    CONNECTIONS_WITHOUT_CLIENT = "CONNECTIONS_WITHOUT_CLIENT"
    MOUNTED_WITHOUT_IO = "MOUNTED_WITHOUT_IO"
    BRIDGED = "BRIDGED"
    METRIC_UNPROVEN = "METRIC_UNPROVEN"
    METRIC_CONTRADICTED = "METRIC_CONTRADICTED"


CODES: Mapping[Code, Verdict] = {
    Code.MOUNTED_NOW: Verdict.IN_USE,
    Code.MOUNTED_IN_WINDOW: Verdict.IN_USE,
    Code.MOUNTED_AFTER_WINDOW: Verdict.IN_USE,
    Code.CONNECTIONS_WITHOUT_CLIENT: Verdict.IN_USE,
    Code.MOUNTED_WITHOUT_IO: Verdict.IN_USE,
    Code.LIVE_REFERENCE: Verdict.REFERENCED,
    Code.CLIENT_REJECTED: Verdict.REFERENCED,
    Code.CLIENT_ATTEMPTED: Verdict.REFERENCED,
    Code.CLIENT_PROBED: Verdict.REFERENCED,
    Code.MAINTENANCE_CLIENT: Verdict.REFERENCED,
    Code.DORMANT_REFERENCE: Verdict.REFERENCED,
    Code.VANISHED_REFERENCE: Verdict.REFERENCED,
    Code.NOTHING_READ: Verdict.UNKNOWN,
    Code.BLIND: Verdict.UNKNOWN,
    Code.BLIND_ACCEPTED: Verdict.UNKNOWN,
    Code.POSSIBLE_CLIENT: Verdict.UNKNOWN,
    Code.AS_OF_BEHIND: Verdict.UNKNOWN,
    Code.MOUNT_TARGETS_NOT_LISTED: Verdict.UNKNOWN,
    Code.WINDOW_TOO_SHORT: Verdict.UNKNOWN,
    Code.WINDOW_SHORTER_THAN_RHYTHM: Verdict.UNKNOWN,
    Code.REFERENCE_CHECK_FAILED: Verdict.UNKNOWN,
    Code.REFERENCE_CHECK_OLD: Verdict.UNKNOWN,
    Code.REFERENCE_PLACE_UNKNOWN: Verdict.UNKNOWN,
    Code.REFERENCE_UNPLACED: Verdict.UNKNOWN,
    Code.BRIDGED: Verdict.UNKNOWN,
    Code.METRIC_UNPROVEN: Verdict.UNKNOWN,
    Code.METRIC_CONTRADICTED: Verdict.UNKNOWN,
    Code.NO_EVIDENCE_OF_USE: Verdict.QUIET,
    Code.ALREADY_DELETED: Verdict.QUIET,
}
"""The class of each code: the verdict that a blocking reason of it makes."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason, for people (``message``) and for programs (the rest)."""

    code: Code
    severity: Severity
    message: str
    evidence: Evidence = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        """Its class."""
        return CODES[self.code]


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict with everything that speaks for it or for another one."""

    verdict: Verdict
    reasons: tuple[Reason, ...]
    """Of every class, the verdict's own first; in it what blocks first."""
    last_seen: int | None
    """The newest use that counts, whatever the window's end."""
    longest_silence: int | None
    """Seconds between two uses; ``None`` when there were none to be apart."""
    quiet_from: int | None
    """The earliest moment at which the window could be long enough; ``None`` when it is, or while it is in use."""
