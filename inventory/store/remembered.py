"""What is remembered of looking at a file system once its facts are forgotten: when it began, and when it was last not looked at.

The rhythm of a file system needs no more (:mod:`inventory.verdict.rhythm`): forgetting makes no silence shorter than it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, select

from inventory.store.kept import raise_moments
from inventory.store.mounts import FileSystemKey
from inventory.store.statements import upsert
from inventory.store.tables import META

LENGTHS = (0, 60, 600, 1800, 3600, 6 * 3600, 86_400)
"""Seconds by which blind stretches are told apart: an operator may accept short ones."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Of the time before facts are kept."""

    looked: int | None = None
    """From when on somebody looked at every mount target; ``None``: not before facts are kept."""
    hidden: Mapping[int, int] = field(default_factory=dict)
    """By each of :data:`LENGTHS`, the end of the last blind stretch that was longer."""
    unseen: Mapping[int, int] = field(default_factory=dict)
    """As ``hidden``, by what was seen alone: a metric that bridged may be disproved later."""

    def last_hidden(self, accepted: int, *, bridged: bool) -> int | None:
        """The end of the last blind stretch that is longer than what is accepted, or may be; ``bridged``: as a metric bridged it."""
        length = max(one for one in LENGTHS if one <= max(accepted, 0))
        return (self.hidden if bridged else self.unseen).get(length)


def read(conn: Connection) -> dict[FileSystemKey, Memory]:
    """Everything that is remembered, by file system."""
    looked: dict[FileSystemKey, int] = {}
    ends: dict[str, dict[FileSystemKey, dict[int, int]]] = {_HIDDEN: {}, _UNSEEN: {}}
    for what in (_LOOKED, *ends):
        mine = (META.c.name >= f"{what} ", META.c.name < f"{what}!")  # "!" comes after " "
        for name, value in conn.execute(select(META.c.name, META.c.value).where(*mine)):
            *_, account, region, file_system_id = name.split(" ")
            key = FileSystemKey(account, region, file_system_id)
            if what == _LOOKED:
                looked[key] = value
            else:
                ends[what].setdefault(key, {})[int(name.split(" ")[1])] = value
    keys = looked.keys() | ends[_HIDDEN].keys() | ends[_UNSEEN].keys()
    return {
        key: Memory(looked.get(key), *(ends[what].get(key, {}) for what in (_HIDDEN, _UNSEEN)))
        for key in keys
    }


def remember(conn: Connection, memories: Mapping[FileSystemKey, Memory]) -> None:
    """Write down what is remembered besides what was: the first look stays, the last blind stretch moves on."""
    looked = {
        " ".join((_LOOKED, *key)): one.looked
        for key, one in sorted(memories.items())
        if one.looked is not None
    }
    if looked:
        statement = upsert(conn, META).on_conflict_do_nothing(index_elements=["name"])
        conn.execute(statement, [{"name": name, "value": at} for name, at in looked.items()])
    ends = {
        " ".join((what, str(length), *key)): end
        for key, one in sorted(memories.items())
        for what, told in ((_HIDDEN, one.hidden), (_UNSEEN, one.unseen))
        for length, end in sorted(told.items())
    }
    raise_moments(conn, ends)


_LOOKED, _HIDDEN, _UNSEEN = "looked_since", "hidden_until", "unseen_until"
