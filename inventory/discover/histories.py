"""Histories: what can be asked afterwards about clients that no sweep could name. CloudTrail's event history is one of them.

A history is slow and bounded, so it is asked last, within a budget, and each answer is remembered, a miss too. What it tells comes back as
sweeps, so that learning of it renames old facts like any other knowledge. A fault ends the asking of that account and region for this time
and is reported; nothing of what was not told completely is taken for told.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from inventory.discover.calls import CALLS, Answer
from inventory.errors import AwsError
from inventory.model import KINDS, Asked, CallState, Place, Sweep, Wanted, iso

_LOG = logging.getLogger(__name__)


class Pages(Protocol):
    """What a history needs of :class:`inventory.aws.Caller`."""

    def pages(
        self, service: str, operation: str, *, need: Sequence[str], **parameters: Any
    ) -> Iterator[Mapping[str, Any]]:
        """Every page of a listing; raises :class:`~inventory.errors.AwsError`."""


@dataclass(frozen=True, slots=True)
class Question:
    """One subject and stretch of time, to be asked in one account and region."""

    place: Place
    subject: str
    """As in :class:`~inventory.model.Asked`."""
    start: int
    end: int
    """Exclusive."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of one question."""

    question: Question
    answer: Answer
    asked: tuple[Asked, ...]
    """What counts as asked now: nothing, a part, or all of the question."""
    fault: AwsError | None = None


@dataclass(slots=True)
class Purse:
    """How many calls may still be made: today (``budget``), and before a caller wants to go on with other things (``at_once``)."""

    budget: int
    at_once: int
    spent: int = 0

    @property
    def left(self) -> int:
        """Calls that may still be made now."""
        return min(self.budget, self.at_once) - self.spent

    def take(self) -> None:
        """One call is made."""
        self.spent += 1


class History(Protocol):
    """Something that can be asked about the past, such as CloudTrail."""

    name: str
    """In the names of its sweeps, and in what is remembered of asking it."""
    call: str
    """The call that it makes, by which its answers are read (``calls.CALLS``)."""

    def questions(self, wanted: Wanted, now: int) -> list[Question]:
        """What to ask, the most useful first: what is wanted, less what was asked before."""

    def ask(
        self, questions: Iterable[Question], callers: Mapping[Place, Pages], purse: Purse, now: int
    ) -> Iterator[Answered]:
        """Each question's answer, as far as the purse reaches; a place that failed is not asked again."""


@dataclass(slots=True)
class Told:
    """What histories told at one asking."""

    sweeps: list[Sweep] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    """To be remembered together with what was told: whoever is killed before asks again. Nothing without sweeps."""
    faults: list[AwsError] = field(default_factory=list)
    calls: int = 0
    """Pages asked for: what the asking took of the day's budget."""
    unasked: int = 0
    """Questions that are left for the next time."""


def ask(
    history: History, wanted: Wanted, callers: Mapping[Place, Pages], purse: Purse, now: int
) -> Told:
    """Ask one history what is wanted, where there is a caller, within the purse; never raises for a fault of AWS."""
    told = Told()
    planned = [q for q in history.questions(wanted, now) if q.place in callers]
    answers: dict[Place, Answer] = {}
    done = 0
    for found in history.ask(planned, callers, purse, now):
        done += 1
        told.asked += found.asked
        merged = answers.setdefault(found.question.place, Answer(CallState.WHOLE))
        merged.items += found.answer.items
        if found.answer.state is not CallState.WHOLE:
            merged.state = found.answer.state
            merged.problem = merged.problem or found.answer.problem
        if found.fault is not None:
            told.faults.append(found.fault)
            _LOG.warning("%s: %s", history.name, found.fault)
    told.calls, told.unasked = purse.spent, len(planned) - done
    told.sweeps = [
        _sweep(history, place, answer, now) for place, answer in sorted(answers.items(), key=_place)
    ]
    return told


def _place(entry: tuple[Place, Answer]) -> Place:
    return entry[0]


def _sweep(history: History, place: Place, answer: Answer, now: int) -> Sweep:
    """What a place's answers told together. It speaks of its own call only, and shows no kind completely."""
    fold = CALLS[history.call].fold
    values = fold(answer.items) if fold else answer.items
    items: dict[str, dict[str, Any]] = {}
    for value in values:
        kind = next(kind for kind, (shape, _) in KINDS.items() if isinstance(value, shape))
        items.setdefault(kind, {})[getattr(value, KINDS[kind][1])] = value
    moment = (iso(now) or "").replace("-", "").replace(":", "")
    return Sweep(
        name=f"{history.name}-{moment}",
        taken_at=now,
        account=place[0],
        region=place[1],
        calls={history.call: answer.state},
        problems={history.call: answer.problem} if answer.problem else {},
        whole=frozenset(),
        items={
            kind: tuple(found[key] for key in sorted(found))
            for kind, found in sorted(items.items())
        },
    )
