"""CloudTrail's event history (LookupEvents): 90 days, two calls a second, fifty events a page; asked by one attribute and a span of time.

Three things are asked, in this order:

- every connection of an NFS client, by event name, in windows of time: then a client without one is known to have mounted without IAM;
- what was done to an interface that flow logs show and no sweep explains, by its id;
- which interfaces and instances were made and deleted around the time when an address was somebody's whom no sweep saw, by event name.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from inventory.discover import fields, trail
from inventory.discover.calls import Answer, read_answer
from inventory.discover.fields import FieldError
from inventory.discover.histories import Answered, Pages, Purse, Question
from inventory.errors import AwsError
from inventory.model import (
    CONNECTIONS,
    DAY,
    EVENTS,
    HOUR,
    Asked,
    CallState,
    Place,
    Span,
    Unnamed,
    Wanted,
    instant,
)
from inventory.timeline import intersect, subtract, union

NAME = "cloudtrail"

KEPT = 90 * DAY
"""How far back CloudTrail's event history reaches."""

SETTLE = 900
"""Seconds until an event is surely in the history."""

SHORTEST = 900
"""Seconds of the newest stretch that are worth a question; less is left until it has grown."""

LONGEST = DAY
"""Seconds of one question about events by name."""

GRID = 900
"""Questions about addresses begin and end at multiples of this, so that neighbours share them."""

AGAIN = DAY
"""Seconds after which an interface that nobody could explain, or a stretch that could not be read, is asked about again."""

MOST_TIMES = 3
"""How often an interface is asked about in all."""

PAUSE = 0.5
"""Seconds between two calls of one account and region."""

INTERFACE = "interface:"
"""How a subject begins that is one network interface."""

UNREADABLE = "unreadable:"
"""How a subject begins that stands for a stretch with an event that could not be read."""

AROUND = (
    "CreateNetworkInterface",
    "RunInstances",
    "DeleteNetworkInterface",
    "TerminateInstances",
)
"""The events that bound how long an address was somebody's."""

_LOG = logging.getLogger(__name__)


class CloudTrail:
    """The history that every account and region has; a :class:`~inventory.discover.histories.History`."""

    name = NAME
    call = trail.CALL

    def __init__(self, *, since: int = KEPT, sleep: Callable[[float], None] = time.sleep) -> None:
        """``since``: how many seconds back it is asked, at most what CloudTrail keeps."""
        self._reach = min(since, KEPT)
        self._sleep = sleep

    # -- what to ask -------------------------------------------------------------------------------------------------------------------

    def questions(self, wanted: Wanted, now: int) -> list[Question]:
        """Connections first, the newest first; then interfaces, then addresses."""
        window = (now - self._reach, now - SETTLE)
        before = _Before(wanted.asked, now)
        return [
            *self._connections(wanted.places, before, window),
            *self._interfaces(wanted, before, window, now),
            *self._addresses(wanted, before, window),
        ]

    def _connections(
        self, places: Sequence[Place], before: _Before, window: Span
    ) -> list[Question]:
        found: list[Question] = []
        for place in places:
            left = subtract([window], before.spans(place, CONNECTIONS))
            found += [
                Question(place, CONNECTIONS, start, end)
                for start, end in _pieces(left)
                if end - start >= SHORTEST or end < window[1]
            ]
        return sorted(found, key=lambda question: (-question.end, question.place))

    def _interfaces(
        self, wanted: Wanted, before: _Before, window: Span, now: int
    ) -> list[Question]:
        """In the file system's own account first, then in every other one of its region: nobody knows whose an interface is."""
        unexplained = [
            one
            for one in wanted.unnamed
            if one.interface_id and not one.explained and one.first_seen < window[1]
        ]
        found: dict[tuple[Place, str], Question] = {}
        for one in unexplained:
            own = (one.account, one.region)
            others = {p for p in (*wanted.places, *wanted.swept) if p[1] == one.region} - {own}
            for place in (own, *sorted(others)):
                subject = INTERFACE + one.interface_id
                times = [row.asked_at for row in before.of(place, subject)]
                lately = now - max(times, default=0) < AGAIN or before.unread(place, subject)
                if len(times) < MOST_TIMES and not lately:
                    found.setdefault((place, subject), Question(place, subject, *window))
        return list(found.values())

    def _addresses(self, wanted: Wanted, before: _Before, window: Span) -> list[Question]:
        spans: dict[Place, list[Span]] = defaultdict(list)
        for one in wanted.unnamed:
            if one.address and not one.interface_id:
                place = (one.account, one.region)
                spans[place].append(_around(one, wanted.swept.get(place, ())))
        found = []
        for place, around in sorted(spans.items()):
            for name in AROUND:
                subject = EVENTS + name
                asked = before.spans(place, subject)
                left = subtract(intersect(union(around), [window]), asked)
                found += [Question(place, subject, start, end) for start, end in _pieces(left)]
        return sorted(found, key=lambda question: -question.end)

    # -- asking ------------------------------------------------------------------------------------------------------------------------

    def ask(
        self, questions: Iterable[Question], callers: Mapping[Place, Pages], purse: Purse, now: int
    ) -> Iterator[Answered]:
        """Each question's answer, as far as the purse reaches; a place that failed is not asked again."""
        failed: set[Place] = set()
        for question in questions:
            if question.place in failed:
                continue
            if purse.left <= 0:
                return
            answered = self._answered(question, callers[question.place], purse, now)
            if answered.fault is not None:
                failed.add(question.place)
            yield answered

    def _answered(self, question: Question, caller: Pages, purse: Purse, now: int) -> Answered:
        rows: list[Any] = []
        fault: AwsError | None = None
        reached: int | None = question.end
        try:
            for page in self._pages(question, caller, purse):
                rows += page["Events"]
                reached = _oldest(page["Events"], reached)
                if purse.left <= 0 and page.get("NextToken"):
                    # Others of the same second may be on the next page.
                    reached = None if reached is None else reached + 1
                    break
            else:
                reached = question.start
        except AwsError as error:
            fault, reached = error, None
        answer = read_answer(trail.CALL, {"Events": rows})
        if fault is not None:
            answer = Answer(CallState.BROKEN, answer.items, str(fault))
        return Answered(question, answer, self._counted(question, answer, reached, now), fault)

    def _pages(
        self, question: Question, caller: Pages, purse: Purse
    ) -> Iterator[Mapping[str, Any]]:
        """Each page is one call; between two calls of one account and region there is a pause."""
        if question.subject.startswith(INTERFACE):
            attribute = ("ResourceName", question.subject.removeprefix(INTERFACE))
        else:
            attribute = ("EventName", question.subject.removeprefix(EVENTS))
        pages = caller.pages(
            "cloudtrail",
            "lookup_events",
            need=("Events",),
            LookupAttributes=[{"AttributeKey": attribute[0], "AttributeValue": attribute[1]}],
            StartTime=instant(question.start),
            EndTime=instant(question.end - 1),
            MaxResults=50,
        )
        more = True
        while more:
            if purse.spent:
                self._sleep(PAUSE)
            purse.take()
            page = next(pages, None)
            more = page is not None and bool(page.get("NextToken"))
            if page is not None:
                yield page

    def _counted(
        self, question: Question, answer: Answer, reached: int | None, now: int
    ) -> tuple[Asked, ...]:
        """What counts as asked: all of it when all pages came; else, as the newest events come first, what lies after the last page."""
        if reached is None or reached >= question.end:
            return ()
        if question.subject.startswith(INTERFACE) and reached > question.start:
            return ()
        subject = question.subject
        if answer.state is not CallState.WHOLE:
            subject = UNREADABLE + subject
        account, region = question.place
        found = len(answer.items)
        return (Asked(NAME, account, region, subject, reached, question.end, now, found),)


class _Before:
    """What was asked before, by place and subject."""

    def __init__(self, asked: Iterable[Asked], now: int) -> None:
        self._now = now
        self._rows: dict[tuple[Place, str], list[Asked]] = defaultdict(list)
        for row in asked:
            self._rows[(row.account, row.region), row.subject].append(row)

    def of(self, place: Place, subject: str) -> Sequence[Asked]:
        return self._rows.get((place, subject), ())

    def unread(self, place: Place, subject: str) -> Sequence[Asked]:
        """What could not be read a short time ago, and is not asked about again yet."""
        rows = self.of(place, UNREADABLE + subject)
        return [row for row in rows if self._now - row.asked_at < AGAIN]

    def spans(self, place: Place, subject: str) -> list[Span]:
        """What need not be asked about."""
        rows = (*self.of(place, subject), *self.unread(place, subject))
        return [(row.start, row.end) for row in rows]


def _pieces(spans: Iterable[Span]) -> Iterator[Span]:
    """Cut at the days of UTC, so that no piece is longer than one."""
    for start, end in spans:
        cut = start
        while cut < end:
            following = min(end, cut - cut % LONGEST + LONGEST)
            yield cut, following
            cut = following


def _around(one: Unnamed, sweeps: Sequence[int]) -> Span:
    """When its interface can have been made and deleted: between the sweeps that missed it, if these are near."""
    earlier = [moment for moment in sweeps if moment < one.first_seen]
    later = [moment for moment in sweeps if moment > one.last_seen]
    start = max(max(earlier, default=0), one.first_seen - DAY)
    end = min(min(later, default=one.last_seen + HOUR), one.last_seen + HOUR)
    return start - start % GRID, end - end % GRID + GRID


def _oldest(rows: Sequence[Any], reached: int | None) -> int | None:
    """The moment after which everything was told, by pages that begin with the newest event; ``None`` once they are out of order."""
    for row in rows:
        try:
            moment = fields.moment(fields.mapping(row, "the entry"), "EventTime")
        except FieldError:
            return None
        if reached is None or moment is None or moment > reached:
            return None
        reached = moment
    return reached
