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

    def last_hidden(self, accepted: int) -> int | None:
        """The end of the last blind stretch that is longer than what is accepted, or may be."""
        length = max(one for one in LENGTHS if one <= max(accepted, 0))
        return self.hidden.get(length)


def read(conn: Connection) -> dict[FileSystemKey, Memory]:
    """Everything that is remembered, by file system."""
    looked: dict[FileSystemKey, int] = {}
    hidden: dict[FileSystemKey, dict[int, int]] = {}
    for what in (_LOOKED, _HIDDEN):
        mine = (META.c.name >= f"{what} ", META.c.name < f"{what}!")  # "!" comes after " "
        for name, value in conn.execute(select(META.c.name, META.c.value).where(*mine)):
            *_, account, region, file_system_id = name.split(" ")
            key = FileSystemKey(account, region, file_system_id)
            if what == _LOOKED:
                looked[key] = value
            else:
                hidden.setdefault(key, {})[int(name.split(" ")[1])] = value
    keys = looked.keys() | hidden.keys()
    return {key: Memory(looked.get(key), hidden.get(key, {})) for key in keys}


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
    hidden = {
        " ".join((_HIDDEN, str(length), *key)): end
        for key, one in sorted(memories.items())
        for length, end in sorted(one.hidden.items())
    }
    raise_moments(conn, hidden)


_LOOKED, _HIDDEN = "looked_since", "hidden_until"
