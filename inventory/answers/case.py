"""One file system before ``check-delete``: everything that its verdict rests on, gathered, judged and told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inventory.answers import consequences, shapes, verdict_shapes, witnessing
from inventory.answers.asking import Desk
from inventory.answers.contacts import Contact
from inventory.answers.declared import Found
from inventory.answers.declaring import declared, known_by, matched
from inventory.answers.finding import keys_of
from inventory.answers.labels import Labels
from inventory.answers.reaching import Checker, Reached
from inventory.answers.shapes import Json
from inventory.answers.who import entry
from inventory.discover.kubernetes import cluster_of
from inventory.errors import InventoryError, UsageError
from inventory.model import DAY, FileSystem, MountState, MountTarget, Span, Version, iso
from inventory.store import uses, views
from inventory.timeline import Gap, GapReason, union
from inventory.verdict import Blind, Connections, Facts, History, Judgement, Rules, Use, judge

if TYPE_CHECKING:
    from inventory.config import Settings

LONGEST = 400 * DAY
"""The default window is never longer: for so long knowledge is kept."""

_FOREVER = 1 << 40


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked: until when, and how far back. All in epoch seconds, and seconds."""

    since: int | None = None
    until: int | None = None
    """``None``: up to ``as_of``. Whoever acts on the answer asks up to now."""
    length: int | None = None
    """Instead of ``since``: how much before the end of what is known."""
    accept_blind: int = 0


@dataclass
class Case:
    """One file system, and what is known of it."""

    desk: Desk
    settings: Settings
    checker: Checker
    labels: Labels
    version: Version[FileSystem]
    asked: Asked

    def __post_init__(self) -> None:
        self.home = (self.version.account, self.version.region)
        listed = self.desk.knowledge.whole_sweeps("mount_target", *self.home)
        self.listed_at = max(listed, default=None)
        self.as_of = self.desk.observer.as_of(self.version)
        self.asked_until = self._until()
        self.window = self._window()
        self.seeing = self.desk.observer.seeing(self.version, self.window)
        self.targets = self._targets()
        self.metrics = self.desk.observer.metrics
        self.activities = self.metrics.activities(self.version)

    def told(self) -> tuple[Json, Reached]:
        """The answer, and where references were looked for."""
        since = (self.window[0], _FOREVER)
        contacts = self.desk.contacts(self.version, since, self.seeing)
        possible = self.desk.possible(self.version, since, self.seeing)
        found = declared(self.desk, self.version, self.window[0], self._dumped())
        seen = [known_by(self.desk, contact.owners) for contact in contacts]
        met = matched(found.declared, {each for known in seen for each in known})
        reached = self.checker.reached(self.version.value.file_system_id, self.home, self._let_in())
        clients = self._clients(contacts)
        blind = tuple(_blind(self.seeing.coverage.gaps))
        connected = (self.window[0] + witnessing.MARGIN, _FOREVER)
        facts = Facts(
            window=self.window,
            asked_until=self.asked_until,
            asked=self.asked.since is not None or self.asked.length is not None,
            as_of=self.as_of,
            blind=blind,
            bridged=self.seeing.coverage.bridged,
            uses=tuple(self._uses(contacts, clients)),
            possible=tuple(self._uses(possible, self._clients(possible))),
            history=self._history(),
            references=tuple(
                verdict_shapes.reference(one, seen=was)
                for one, was in zip(found.declared, met, strict=True)
            ),
            checks=reached.checks,
            unreached=reached.unreached,
            unplaced=tuple(
                verdict_shapes.reference(one, seen=False)
                for one in found.unplaced
                if (one.account, one.region) in reached.places
            ),
            connections=tuple(self.metrics.unseen(self.version, connected, _present(contacts))),
            untouched=witnessing.untouched(self.activities),
            witness=self.metrics.witness(self.version, [(one.start, one.end) for one in blind]),
            listed_at=self.listed_at,
            deleted_at=self.version.not_after,
        )
        judgement = judge(facts, self._rules())
        return self._shape(judgement, found, met, reached, clients, seen), reached

    # -- when --------------------------------------------------------------------------------------------------------------------------

    def _until(self) -> int:
        known = self.asked.until if self.asked.until is not None else self.as_of
        if known is None:
            msg = "no flow logs have been read yet, so there is no time to ask about"
            raise InventoryError(msg, hint="run 'efs-inventory collect', or name a time by --until")
        return known

    def _window(self) -> Span:
        """What can be judged: up to what is asked or known, whichever comes first."""
        end = self._end()
        if self.asked.length is not None:
            start = end - self.asked.length
        elif self.asked.since is not None:
            start = self.asked.since
        else:
            start = self._reach_back(end)
        if start >= end:
            msg = f"the window from {iso(start)} until {iso(end)} is empty"
            raise UsageError(msg, hint="--since must lie before --until and before as_of")
        return (start, end)

    def _end(self) -> int:
        bounds = [self.asked_until, *([] if self.as_of is None else [self.as_of])]
        targets = self.desk.knowledge.topology.mount_targets_of(
            self.version.value.file_system_id, region=self.version.region
        )
        if self.listed_at is not None and all(one.not_after is not None for one in targets):
            # Without a mount target it is seen as long as sweeps look; how long ago that may be is a rule of its own.
            bounds.append(self.listed_at)
        return min(bounds)

    def _reach_back(self, end: int) -> int:
        """The end of what was blind from the beginning; a file system is not asked about before it was made."""
        born = self.version.value.creation_time
        start = max(end - LONGEST, min(born, end - 1)) if born is not None else end - LONGEST
        if self.as_of is None:
            return max(start, end - self.settings.verdict.min_window)
        found = self.desk.observer.seeing(self.version, (start, end)).coverage
        seen_from = found.asked[0][0] if found.asked else start
        for gap in found.gaps:
            if gap.start > seen_from:
                break
            if gap.bridged_by is None:
                seen_from = max(seen_from, gap.end)
        if seen_from >= end:
            return max(start, end - self.settings.verdict.min_window)
        return seen_from if found.gaps and seen_from > found.asked[0][0] else start

    def _rules(self) -> Rules:
        verdict, every = self.settings.verdict, self.settings.discover.every
        return Rules(
            accept_blind=self.asked.accept_blind,
            min_window=verdict.min_window,
            max_lag=self.settings.collect.max_lag,
            reference_max_age=verdict.reference_max_age,
            listing_max_age=max(
                self.settings.collect.max_lag,
                # Recorded sweeps come at whatever pace somebody records them.
                verdict.reference_max_age
                if self.settings.discover.mode == "snapshots"
                else 2 * every.file_systems,
            ),
        )

    # -- who ---------------------------------------------------------------------------------------------------------------------------

    def _clients(self, contacts: Sequence[Contact]) -> list[Json]:
        evidence = views.evidence(self.desk.conn, {contact.evidence for contact in contacts})
        return [entry(self.desk, one, evidence.get(one.evidence)) for one in contacts]

    def _uses(self, contacts: Sequence[Contact], clients: Sequence[Json]) -> Iterable[Use]:
        for contact, client in zip(contacts, clients, strict=True):
            labelled = self.labels.of(contact.owners, contact.addresses, contact.interfaces)
            yield Use(
                client=verdict_shapes.name(client),
                workload=verdict_shapes.workload(contact.owners),
                state=contact.state,
                first_seen=contact.first_seen,
                last_seen=contact.last_seen,
                label=labelled.label if labelled else None,
                labelled_by=labelled.by if labelled else "",
                evidence={
                    "client": verdict_shapes.name(client),
                    "state": contact.state.value,
                    "confidence": contact.confidence.value,
                    "first_seen": contact.first_seen,
                    "last_seen": contact.last_seen,
                    "batch": client["evidence"],
                },
            )

    def _history(self) -> History:
        """Uses before the window, of everybody who is not labelled, and what nobody looked at meanwhile."""
        found: dict[str, list[Span]] = defaultdict(list)
        everybody: list[Span] = []
        for key in keys_of(self.version, self.desk.knowledge.topology):
            for used in uses.uses_before(self.desk.conn, key, self.window[0]):
                everybody += used.days
                owners = [self.desk.named(owner) for owner in used.attribution.owners]
                interfaces = [used.attribution.interface_id]
                if self.labels.of(owners, used.addresses, interfaces) is None:
                    found[verdict_shapes.workload(owners)].extend(used.days)
        spans = {workload: tuple(days) for workload, days in found.items()}
        since = self._looked_since(spans)
        earlier = self._witnessed(everybody)
        first = min((one.start for one in earlier), default=None)
        return History(
            since,
            spans,
            self._blind_since(since),
            witnessed=tuple((one.start, one.end - 1) for one in earlier),
            witnessed_blind=self._blind_since(first),
        )

    def _witnessed(self, present: Iterable[Span]) -> list[Connections]:
        """When somebody was connected before the window, and no client was seen at all; not where it is forgotten whether one was."""
        kept = self.desk.observer.kept.mounts
        before = (kept + witnessing.MARGIN if kept else -_FOREVER, self.window[0])
        there = list(present)
        for one in self.metrics.unseen(self.version, before, there):
            around = (one.start - witnessing.MARGIN, one.end + witnessing.MARGIN)
            for key in keys_of(self.version, self.desk.knowledge.topology):
                there += uses.anybody(self.desk.conn, key, around)
        return self.metrics.unseen(self.version, before, there)

    def _blind_since(self, since: int | None) -> tuple[Span, ...]:
        """What nobody looked at between a moment and the window."""
        if since is None or since >= self.window[0]:
            return ()
        before = self.desk.observer.seeing(self.version, (since, self.window[0])).coverage
        blind = union(
            (gap.start, gap.end)
            for gap in before.gaps
            if gap.bridged_by is None and gap.reason is not GapReason.FORGOTTEN
        )
        longer = [(start, end) for start, end in blind if end - start > self.asked.accept_blind]
        return (*longer, *self._blind_once(since))

    def _looked_since(self, spans: Mapping[str, Sequence[Span]]) -> int | None:
        """From when on uses would have been seen; at the latest from when on one was, and not before mounts are kept."""
        visible = self.seeing.coverage.visible_since
        memory = self.desk.observer.memory(self.version)
        looked = memory.looked if memory else None
        firsts = [start for days in spans.values() for start, _ in days]
        known = [*firsts, *(one for one in (visible, looked) if one is not None)]
        if not known:
            return None
        born = self.version.value.creation_time
        since = max(min(known), self.desk.observer.kept.mounts)
        return since if born is None else max(born, since)

    def _blind_once(self, since: int) -> list[Span]:
        """Up to the last moment, of the time before facts are kept, at which nobody is remembered to have looked."""
        kept, memory = self.desk.observer.kept.facts, self.desk.observer.memory(self.version)
        believed = self.metrics.proof(self.version).holds
        until = memory.last_hidden(self.asked.accept_blind, bridged=believed) if memory else kept
        end = min(until or 0, kept, self.window[0])
        return [(since, end)] if since < end else []

    # -- what --------------------------------------------------------------------------------------------------------------------------

    def _dumped(self) -> dict[tuple[str, str, str], int]:
        found: dict[tuple[str, str, str], int] = {}
        for (account, region), calls in self.checker.asked.items():
            for call, times in calls.items():
                cluster = cluster_of(call)
                if cluster and times.whole_at is not None:
                    found[account, region, cluster] = times.whole_at
        return found

    def _let_in(self) -> frozenset[str]:
        """Other accounts that its policy names."""
        told = [
            one.value
            for one in self.desk.knowledge.topology.versions("file_system_policy")
            if (one.account, one.region) == self.home
            and one.value.file_system_id == self.version.value.file_system_id
            and one.not_after is None
        ]
        return frozenset(account for one in told for account in one.accounts) - {self.home[0]}

    def _targets(self) -> list[Version[MountTarget]]:
        """Those that can have existed in the window."""
        topology = self.desk.knowledge.topology
        found = topology.mount_targets_of(
            self.version.value.file_system_id, region=self.version.region
        )
        return [one for one in found if one.not_after is None or one.not_after > self.window[0]]

    def metric(self) -> Json | None:
        """What the verdict rests on of CloudWatch's word; null when it said nothing of this file system."""
        return witnessing.rests_on(
            self.metrics.proof(self.version),
            self.seeing.coverage.bridged,
            self.metrics.witness(self.version, ()),
        )

    # -- the answer --------------------------------------------------------------------------------------------------------------------

    def _shape(
        self,
        judgement: Judgement,
        found: Found,
        met: Sequence[bool],
        reached: Reached,
        clients: Sequence[Json],
        seen: Sequence[set[tuple[str, ...]]],
    ) -> Json:
        declared_by = {each for one in found.declared for each in one.mounts_as}
        there = [
            {
                **client,
                "referenced": bool(known & declared_by),
                "consequence": consequences.consequence(client),
            }
            for client, known in zip(clients, seen, strict=True)
        ]
        silence = judgement.longest_silence
        return {
            "file_system": shapes.file_system(self.version),
            "window": shapes.window(self.window),
            "asked_until": iso(self.asked_until),
            "as_of": iso(self.as_of),
            "verdict": judgement.verdict.value,
            "last_seen": iso(judgement.last_seen),
            "visible_since": iso(self.seeing.coverage.visible_since),
            "coverage": shapes.coverage(self.seeing.coverage),
            "reasons": [verdict_shapes.reason(one) for one in judgement.reasons],
            "references": [
                verdict_shapes.declared(one, seen=was)
                for one, was in zip(found.declared, met, strict=True)
            ],
            "activity": witnessing.shape(self.activities),
            "longest_silence_days": None if silence is None else round(silence / DAY, 1),
            "certificate": {"sha256": None, "valid_until": None},
            "quiet_from": iso(judgement.quiet_from),
            "accepted_blind_seconds": self.asked.accept_blind,
            "labels": self.labels.entries,
            "mount_targets": [
                verdict_shapes.mount_target(
                    one, self.desk.observer.coverage_of(self.version, one, self.window)
                )
                for one in self.targets
            ],
            "clients": there,
            "checks": [verdict_shapes.check(one) for one in reached.checks],
            "order": consequences.order(
                self.version,
                [one for one in self.targets if one.not_after is None],
                found.declared,
                [
                    verdict_shapes.name(one)
                    for one in clients
                    if one["state"] in ("active", "idle", "unknown")
                ],
            ),
            "not_seen": list(consequences.UNSEEN),
        }


def _present(contacts: Iterable[Contact]) -> Iterable[Span]:
    """When clients were there by flow logs; of one that still is, all that comes after, too."""
    for contact in contacts:
        if contact.state is MountState.PROBE:
            yield contact.first_seen, contact.last_seen
        for interval, _ in contact.intervals:
            going_on = interval.open_end and interval.ended_reason is None
            yield interval.start, _FOREVER if going_on else interval.end


def _blind(gaps: Iterable[Gap]) -> Iterable[Blind]:
    return (Blind(gap.start, gap.end, gap.reason.value) for gap in gaps if gap.bridged_by is None)
