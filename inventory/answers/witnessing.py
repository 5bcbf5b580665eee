"""What CloudWatch tells of a file system: who was connected that nobody saw, what nobody was by its word, and when anything was read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from inventory.answers.shapes import Json
from inventory.model import (
    CLIENT_CONNECTIONS,
    DATA_READ,
    DATA_WRITE,
    IO_METRICS,
    METADATA,
    FileSystem,
    Meaning,
    MetricRun,
    Place,
    Span,
    Version,
    iso,
)
from inventory.resolve.topology import Topology
from inventory.store import metrics
from inventory.store.metrics import Proof
from inventory.store.mounts import FileSystemKey
from inventory.store.views import Reader
from inventory.timeline import intersect, total, union, whole_periods
from inventory.verdict import Connections, Trust, Untouched, Witness, all_through

MARGIN = 900
"""Seconds by which flow logs and the metric may disagree about when a client was there: a connection outlives the last packet until a lease
expires, and records are up to an aggregation interval apart."""

_FOREVER = 1 << 40
_EVER = (-_FOREVER, _FOREVER)


@dataclass(frozen=True, slots=True)
class Activity:
    """When something was done through one metric's kind of I/O, as far as it is known."""

    last: int | None
    """The end of the newest period in which there was some; ``None``: in none that is known."""
    none_since: int | None
    """Every period from then on up to ``until`` was answered with zero; ``None``: the newest was not."""
    until: int
    """The end of the newest period that was answered."""


class Metrics:
    """Answers for file systems from one reading of the database."""

    def __init__(self, conn: Reader, topology: Topology) -> None:
        self._conn = conn
        self._topology = topology
        self._proofs: dict[Place, Proof] = {}

    # -- connections -------------------------------------------------------------------------------------------------------------------

    def bridges(self, version: Version[FileSystem], window: Span) -> list[Span]:
        """When nobody was connected by the word of a metric that can be believed: nothing but periods that were answered with zero."""
        zeros = self.zeros(version, window)
        return zeros if zeros and self.proof(version).holds else []

    def zeros(self, version: Version[FileSystem], window: Span) -> list[Span]:
        """The moments of a window whose whole period was answered with zero, believed or not."""
        told = self._told(version, (CLIENT_CONNECTIONS,), window)
        spans = ((run.start, run.end) for run in told if run.meaning is Meaning.ZERO)
        return intersect(spans, [window])

    def proof(self, version: Version[FileSystem]) -> Proof:
        """How the metric did in the account and region of a file system."""
        place = (version.account, version.region)
        if place not in self._proofs:
            targets = self._topology.versions("mount_target")
            accounts = {target.account for target in targets if target.region == version.region}
            self._proofs[place] = metrics.proof(self._conn, place, accounts)
        return self._proofs[place]

    def unseen(
        self, version: Version[FileSystem], window: Span, present: Iterable[Span]
    ) -> list[Connections]:
        """As :func:`unseen`, of what is known of a file system."""
        return unseen(self._told(version, (CLIENT_CONNECTIONS,), window), window, present)

    def witness(self, version: Version[FileSystem], blind: Sequence[Span]) -> Witness | None:
        """How far the metric is believed, and whether it would have been needed; ``None`` when it was never answered."""
        if not self._told(version, (CLIENT_CONNECTIONS,), _EVER):
            return None
        proof = self.proof(version)
        met = proof.contradicted or proof.agreed
        trust = Trust.PROVEN
        if proof.contradicted is not None:
            trust = Trust.CONTRADICTED
        elif proof.agreed is None:
            trust = Trust.UNPROVEN
        needed = any(total(intersect([span], self.zeros(version, span))) for span in blind)
        return Witness(trust, {} if met is None else met._asdict(), needed)

    def _told(
        self, version: Version[FileSystem], names: Iterable[str], window: Span
    ) -> list[MetricRun]:
        key = FileSystemKey(version.account, version.region, version.value.file_system_id)
        return metrics.of_file_system(self._conn, key, list(names), window)

    # -- what was read and written -----------------------------------------------------------------------------------------------------

    def activities(self, version: Version[FileSystem]) -> dict[str, Activity]:
        """By metric; one that was never answered is not among them."""
        by_metric: dict[str, list[MetricRun]] = {}
        for run in self._told(version, IO_METRICS, _EVER):
            by_metric.setdefault(run.metric, []).append(run)
        return {metric: _activity(runs) for metric, runs in sorted(by_metric.items())}

    def word(self, version: Version[FileSystem], window: Span) -> str | None:
        """What was done in a window, the most telling that is known: ``written``, ``read``, ``metadata``, ``none``; null when unknown."""
        told = self._told(version, IO_METRICS, window)
        for metric, name in _WORDS.items():
            if any(run.metric == metric and run.meaning is Meaning.ABOVE for run in told):
                return name
        known = self.activities(version)
        still = [_untouched(known, (metric,)) for metric in IO_METRICS]
        return "none" if all(all_through(one, window) for one in still) else None


def unseen(told: Iterable[MetricRun], window: Span, present: Iterable[Span]) -> list[Connections]:
    """The whole periods inside a window in which somebody was connected while no client was seen, nor :data:`MARGIN` before or after.

    ``present``: first and last second of each stay of a client.
    """
    explained = union((start - MARGIN, end + 1 + MARGIN) for start, end in present)
    outside = [(-_FOREVER, window[0]), (window[1], _FOREVER)]
    found = [
        Connections(*span, run.period, -(-run.largest * 60 // run.period))
        for run in told
        if run.meaning is Meaning.ABOVE
        for span in whole_periods((run.start, run.end), run.period, [*explained, *outside])
    ]
    return sorted(found, key=lambda one: (one.start, one.end, one.period))


_WORDS = {DATA_WRITE: "written", DATA_READ: "read", METADATA: "metadata"}
_KEYS = {"read": DATA_READ, "write": DATA_WRITE, "metadata": METADATA}


def _activity(runs: Sequence[MetricRun]) -> Activity:
    until = max(run.end for run in runs)
    zeros = union((run.start, run.end) for run in runs if run.meaning is Meaning.ZERO)
    above = [run.end for run in runs if run.meaning is Meaning.ABOVE]
    still = zeros[-1][0] if zeros and zeros[-1][1] == until else None
    return Activity(max(above, default=None), still, until)


def untouched(known: Mapping[str, Activity]) -> Untouched | None:
    """Since when nothing was read or written; ``None`` where that is not known. What is asked of names and dates is neither."""
    return _untouched(known, (DATA_READ, DATA_WRITE))


def _untouched(known: Mapping[str, Activity], needed: Sequence[str]) -> Untouched | None:
    since: list[int] = []
    until: list[int] = []
    for metric in needed:
        one = known.get(metric)
        if one is None or one.none_since is None:
            return None
        since.append(one.none_since)
        until.append(one.until)
    return Untouched(max(since), min(until))


def shape(known: Mapping[str, Activity]) -> Json | None:
    """As JSON: each kind of I/O, null where it was never answered; all of it null when none was."""
    if not known:
        return None
    return {key: _one(known.get(metric)) for key, metric in _KEYS.items()}


def _one(known: Activity | None) -> Json | None:
    if known is None:
        return None
    return {
        "last": iso(known.last),
        "none_since": iso(known.none_since),
        "answered_until": iso(known.until),
    }


def rests_on(proof: Proof, zeros: Iterable[Span], witness: Witness | None) -> Json | None:
    """What a verdict rests on of the metric: how far it is believed and by what, and the stretches that it bridged."""
    if witness is None:
        return None
    return {
        "trust": witness.trust.value,
        "agreed": _met(proof.agreed),
        "contradicted": _met(proof.contradicted),
        "bridged": [{"start": iso(start), "end": iso(end)} for start, end in zeros],
    }


def _met(met: metrics.Meeting | None) -> Json | None:
    if met is None:
        return None
    return {"file_system": met.file_system_id, "start": iso(met.start), "end": iso(met.end)}
