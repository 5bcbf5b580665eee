"""Where in a bucket flow logs are: looked for level by level, never guessed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeVar

from inventory.collect.buckets import Bucket, Stored
from inventory.collect.layouts import Kind, Level, Root, is_hive, meaning
from inventory.errors import SourceError

MOST_FOLDERS = 2_000
"""Folders whose names say nothing that are looked into before the prefix is called too wide."""

_SOME = 3

Result = TypeVar("Result")

LAYOUTS: dict[str, Callable[[Root], bool]] = {
    "auto": lambda _: True,
    "plain": lambda root: root.by_aws and not root.hive,
    "hive": lambda root: root.by_aws and root.hive,
    "time": lambda root: not root.by_aws,
}
"""Which roots a layout of the configuration means; ``flat`` has none."""


class Wanted(NamedTuple):
    """What of a bucket is read; empty collections: all."""

    prefix: str
    layout: str
    accounts: Collection[str]
    regions: Collection[str]

    def has(self, account: str, region: str) -> bool:
        """Whether flow logs of an account and region are wanted; ``""`` is one that is not told, which may be."""
        return (not self.accounts or account in {"", *self.accounts}) and (
            not self.regions or region in {"", *self.regions}
        )


@dataclass(slots=True)
class Found:
    """What a bucket holds."""

    roots: list[Root] = field(default_factory=list)
    loose: list[Stored] = field(default_factory=list)
    """Objects beside the folders that were looked into."""
    others: list[str] = field(default_factory=list)
    """Some folders that are none: for a message when nothing is found."""


class Each(Protocol):
    """Applies a function to every prefix, perhaps at the same time; the results in the order of the prefixes."""

    def __call__(
        self, function: Callable[[str], Result], prefixes: Iterable[str], /
    ) -> Iterable[Result]:
        """See the class."""
        ...


def find(bucket: Bucket, wanted: Wanted, each: Each) -> Found:
    """Look for roots below the prefix.

    Raises ``AwsError`` when a folder cannot be listed, ``SourceError`` when there are too many to look into.
    """
    found = Found()
    level = {wanted.prefix: _where(wanted.prefix)}
    looked_into = 0
    while level:
        looked_into += sum(not one.account for one in level.values())
        if looked_into > MOST_FOLDERS:
            msg = f"there are more than {MOST_FOLDERS:,} folders to look for flow logs in"
            raise SourceError(
                msg, hint="name the prefix below which they lie, such as logs/AWSLogs/"
            )
        below: dict[str, Level] = {}
        listed = each(bucket.level, list(level))
        for where, (folders, objects) in zip(level.values(), listed, strict=True):
            found.loose += objects
            below |= _below(found, wanted, where, folders)
        level = below
    return found


def _below(
    found: Found, wanted: Wanted, where: Level, folders: list[str]
) -> Iterator[tuple[str, Level]]:
    """The folders to look into next; roots are noted."""
    for folder in folders:
        name = folder.rstrip("/").rpartition("/")[2]
        kind, level = meaning(name, where)
        if not wanted.has(level.account, level.region):
            continue
        if kind is Kind.YEAR:
            root = Root(
                folder[: len(folder) - len(name) - 1], is_hive(name), by_aws=bool(where.region)
            )
            if root not in found.roots and LAYOUTS[wanted.layout](root):
                found.roots.append(root)
        elif kind is Kind.REGION:
            root = Root(folder, is_hive(name), by_aws=True)
            if LAYOUTS[wanted.layout](root):
                found.roots.append(root)
        else:
            if len(found.others) < _SOME:
                found.others.append(folder)
            if kind is not Kind.OTHER:
                yield folder, level


def _where(prefix: str) -> Level:
    """What the whole folders of a prefix say."""
    level = Level()
    for name in prefix.split("/")[:-1]:
        level = meaning(name, level)[1]
    return level
