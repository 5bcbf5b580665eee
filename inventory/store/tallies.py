"""A batch's tally as the ledger keeps it: records by outcome, and for some fields how many of those on port 2049 told it.

All records of a sighting show the same in these fields, so its sightings tell; kept with the batch, the sum over years is one over batches.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from inventory.flowlog.format import LogFormat
from inventory.model import Folded

FIELDS: Mapping[str, str] = {
    "instance-id": "instance_id",
    "ecs-task-arn": "task_arn",
    "next-hop-interface-id": "next_hop",
}
"""Fields that name somebody, or are ``-``; where a sighting has them."""


class Named(NamedTuple):
    """Of the records on port 2049 of formats that carry a field, how many told it, and how many had ``-`` there."""

    named: int = 0
    dash: int = 0

    def plus(self, named: int, dash: int) -> Named:
        """With more of both."""
        return Named(self.named + named, self.dash + dash)


class Told(NamedTuple):
    """What a stored tally says."""

    counts: dict[str, int]
    """By outcome."""
    fields: dict[str, Named] | None
    """By field; ``None`` when its program did not count them."""


def carried(formats: str) -> list[str]:
    """The fields of :data:`FIELDS` that every format of a batch carries (several by newline)."""
    known = [LogFormat.parse(one) for one in formats.split("\n") if one]
    return [name for name in FIELDS if known and all(one and one.has(name) for one in known)]


def text_of(folded: Folded) -> str:
    """The tally of a batch that was just read."""
    fields = {name: Named() for name in carried(folded.format)}
    for one in folded.sightings:
        if not one.stray:
            records = one.requests + one.responses
            for name, known in fields.items():
                told = bool(getattr(one, FIELDS[name]))
                fields[name] = known.plus(records * told, records * (not told))
    counts = {outcome.value: count for outcome, count in folded.tally.counts.items()}
    return written(Told(counts, fields or None))


def written(told: Told) -> str:
    """As it is stored: one text for equal ones."""
    counts = {outcome: count for outcome, count in sorted(told.counts.items()) if count}
    return json.dumps(counts if told.fields is None else {**counts, "fields": told.fields})


def read(text: str) -> Told:
    """What :func:`written` wrote."""
    said = json.loads(text or "{}")
    fields = said.pop("fields", None)
    return Told(
        said, None if fields is None else {name: Named(*one) for name, one in fields.items()}
    )


def summed(many: Iterable[Mapping[str, Named]]) -> dict[str, Named]:
    """All together, in the order of :data:`FIELDS`; fields that none carries are left out."""
    found: dict[str, Named] = {}
    for one in many:
        for name, more in one.items():
            found[name] = found.get(name, Named()).plus(*more)
    return {name: found[name] for name in FIELDS if name in found}
