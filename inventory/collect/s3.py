"""Flow logs in an S3 bucket, as AWS delivers them or as an archive keeps them.

Objects are found by listing, by nothing else: see ``docs/explain/buckets.md``.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import NamedTuple

from inventory.collect import Listing
from inventory.collect.buckets import Bucket, Stored
from inventory.collect.layouts import BUFFER, Root, folders
from inventory.collect.lookback import Range, asked, due
from inventory.collect.names import named
from inventory.collect.needs import Needs
from inventory.collect.objects import read_object
from inventory.collect.roots import Each, Found, Wanted, find
from inventory.config import S3Settings
from inventory.errors import SourceError
from inventory.flowlog.format import LogFormat
from inventory.model import DAY, Batch, BatchRef, BatchState, Known, Span

LISTINGS = 16
"""Listings at the same time: each is waited for, for tens of milliseconds a page."""

INTERVAL = 600
"""Aggregation interval of a flow log of which no sweep tells it: the longest there is."""

DELIVERY = 900
"""How long after its aggregation interval a record may come and be no surprise: AWS tries for 5 to 10 minutes."""

_SHOWN = 3
_SOMEWHERE = "us-east-1"
_LOG = logging.getLogger(__name__)


class _Seen(NamedTuple):
    """Objects of one folder, and the root it belongs to (``None``: beside all roots)."""

    root: Root | None
    objects: list[Stored]


class S3Source:
    """A source of objects (:class:`~inventory.collect.Source`). Keys are bucket and key, with ``/`` between; versions are size and ETag.

    Raises :class:`~inventory.errors.ConfigError` for a ``format`` that is none.
    """

    kind = "s3"

    def __init__(self, section: S3Settings, needs: Needs) -> None:
        LogFormat.parse(section.format)
        self.name = section.name
        self._section = section
        self._needs = needs
        self._wanted = Wanted(section.prefix, section.layout, section.accounts, section.regions)
        self._lock = threading.Lock()
        self._door: Bucket | None = None
        self._asleep: dict[str, str] = {}
        self._region = ""

    def listing(self, since: int | None, until: int | None) -> Listing:
        """See :meth:`Source.listing`.

        A range that an operator chose is listed with its neighbouring days, and settles nothing beyond it.
        """
        now = self._needs.clock()
        bucket = self._bucket()
        with ThreadPoolExecutor(LISTINGS, thread_name_prefix="list") as pool:
            try:
                wanted = asked(since, until, self._own_since(now))
                seen, looked = self._seen(bucket, wanted, now, pool.map)
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise
        refs = {ref.key: ref for ref in self._refs(seen, wanted)}
        found = sorted(refs.values(), key=lambda ref: (ref.slot or (0, 0), ref.key))
        settled = now - self._settle(found)
        return Listing(
            found,
            whole=not looked and since is None and until is None,
            settled=settled if until is None else min(settled, until),
            looked=looked | self._said(now),
        )

    def read(self, ref: BatchRef, known: Known) -> Batch:
        """See :meth:`Source.read`. Parquet goes through a temporary file, of which there is one for each thread that reads."""
        return read_object(
            self._bucket(),
            ref,
            ref.key.removeprefix(f"{self._section.bucket}/"),
            (self._section.format, known),
            self._asleep.get(ref.key, ""),
        )

    # -- who asks, and from where

    def _bucket(self) -> Bucket:
        """The bucket, asked in its own region."""
        with self._lock:
            if self._door is None:
                first = self._opened(self._here() or _SOMEWHERE)
                region = first.region()
                self._region = region
                self._door = self._opened(region) if region else first
            return self._door

    def _opened(self, region: str) -> Bucket:
        section = self._section
        caller = self._needs.caller(section.account or "", region)
        return Bucket(caller, section.bucket, section.bucket_owner or "")

    def _here(self) -> str:
        """The region that this program is told to be in, else one of the account that is asked as."""
        accounts = self._needs.settings.discover.accounts
        known = [one.regions[0] for one in accounts if one.id == self._section.account]
        return self._needs.region() or (known[0] if known else "")

    def _said(self, now: int) -> dict[str, int]:
        """Say once that bytes cross regions; what was said is kept with what was looked at."""
        here, there = self._needs.region(), self._region
        if not here or not there or here == there:
            return {}
        part = f"read from {here}, lies in {there}"
        if part not in self._needs.ledger.looked(self.name):
            _LOG.warning(
                "source %s: the bucket %s is in %s and is read from %s: AWS charges for transfer between regions",
                self.name,
                self._section.bucket,
                there,
                here,
            )
        return {part: now}

    # -- what is looked at

    def _seen(
        self, bucket: Bucket, wanted: Range, now: int, each: Each
    ) -> tuple[list[_Seen], dict[str, int]]:
        """Objects by folder, and by day when it was looked at."""
        if self._wanted.layout == "flat":
            every = bucket.below(self._wanted.prefix)
            if not every:
                raise self._nothing(Found())
            return [_Seen(None, every)], {}
        found = find(bucket, self._wanted, each)
        loose = [one for one in found.loose if named(_last(one.key)).by_aws]
        if not found.roots:
            if not loose:
                raise self._nothing(found)
            return [_Seen(None, loose)], {}
        parts = _Parts(found.roots)
        days = self._days(wanted, now, parts, found.roots)
        prefixes = [(root, prefix) for root in found.roots for prefix in folders(root, days)]
        listed = each(bucket.below, [prefix for _, prefix in prefixes])
        seen = [_Seen(root, objects) for (root, _), objects in zip(prefixes, listed, strict=True)]
        # Of a chosen range only what lies in it is read: its days are still to be looked at.
        looked = {} if wanted.chosen else {parts.name(day): now for day in days}
        return [_Seen(None, loose), *seen], looked

    def _days(self, wanted: Range, now: int, parts: _Parts, roots: list[Root]) -> list[int]:
        days = wanted.days(now)
        if wanted.chosen:
            return list(days)
        looked = parts.days(self._needs.ledger.looked(self.name))
        return due(days, now, looked, self._failing(roots), self._grace())

    def _failing(self, roots: list[Root]) -> set[int]:
        """Days with objects that could not be read, and may be by now."""
        done = self._needs.ledger.done(self.name)
        failed = [key for key, (_, state) in done.items() if state is BatchState.FAILED]
        keys = [key.removeprefix(f"{self._section.bucket}/") for key in failed]
        return {span[0] // DAY for root in roots for key in keys if (span := root.span(key))}

    def _own_since(self, now: int) -> int:
        return (self._section.since or self._needs.settings.collect.since).at(now)

    def _nothing(self, found: Found) -> SourceError:
        section = self._section
        where = f"s3://{section.bucket}/{section.prefix}"
        shown = ", ".join([*found.others, *(one.key for one in found.loose[:_SHOWN])])
        if not shown:
            return SourceError(
                f"there is nothing below {where}",
                hint="mend `bucket` and `prefix`; a new flow log delivers after about ten minutes",
            )
        narrowed = "" if section.layout == "auto" else f" of layout {section.layout!r}"
        chosen = (
            " of the chosen accounts and regions" if section.accounts or section.regions else ""
        )
        return SourceError(
            f"no flow logs{narrowed}{chosen} are below {where}, but {shown}",
            hint='mend `prefix`, `layout`, `accounts` or `regions`; layout = "flat" reads every object below the prefix',
        )

    # -- what is there

    def _refs(self, seen: list[_Seen], wanted: Range) -> Iterator[BatchRef]:
        for root, objects in seen:
            for one in objects:
                ref = self._ref(root, one)
                if ref is not None and (ref.slot is None or wanted.has(ref.slot)):
                    yield ref

    def _ref(self, root: Root | None, one: Stored) -> BatchRef | None:
        told = named(_last(one.key))
        slot: Span | None = told.slot
        if root is not None:
            slot = slot or root.slot(one.key)
            if slot is None:
                return None  # beside the days: whether it would be listed is chance
        if not self._wanted.has(told.account, told.region) or not (one.size or told.by_aws):
            return None
        key = f"{self._section.bucket}/{one.key}"
        if one.asleep:
            self._asleep[key] = one.asleep
        return BatchRef(
            key, one.version, one.size, told.flow_log_id, told.account, told.region, slot
        )

    # -- settled

    def _settle(self, refs: list[BatchRef]) -> int:
        """How long after it a moment is settled."""
        given = self._needs.settings.collect.settle
        if given is not None:
            return given
        ids = {ref.flow_log_id for ref in refs}
        known = {
            version.value.flow_log_id: version.value.max_aggregation_interval or INTERVAL
            for version in (self._needs.topology.versions("flow_log") if ids - {""} else ())
        }
        interval = max((known.get(one, INTERVAL) for one in ids), default=INTERVAL)
        return interval + DELIVERY + (BUFFER if "" in ids else 0)

    def _grace(self) -> int:
        """No shorter than :meth:`_settle` can be for any objects."""
        return self._needs.settings.collect.settle or INTERVAL + DELIVERY + BUFFER


class _Parts:
    """How the days of a source are named in the ledger: with a mark of its roots, so that a new root is looked back into at once."""

    def __init__(self, roots: list[Root]) -> None:
        spelled = "\n".join(sorted(root.prefix for root in roots))
        self._mark = hashlib.blake2b(spelled.encode("utf-8", "replace"), digest_size=6).hexdigest()

    def name(self, day: int) -> str:
        return f"{date.fromordinal(_ORDINAL + day)} in {self._mark}"

    def days(self, looked: Mapping[str, int]) -> dict[int, int]:
        """By day, when it was looked at in just these roots."""
        found = {}
        for part, at in looked.items():
            day, _, mark = part.partition(" in ")
            if mark == self._mark:
                found[date.fromisoformat(day).toordinal() - _ORDINAL] = at
        return found


_ORDINAL = date(1970, 1, 1).toordinal()


def _last(key: str) -> str:
    return key.rpartition("/")[2]
