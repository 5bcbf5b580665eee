"""What is to be remembered of looking at file systems, before the facts that tell it are forgotten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from inventory.answers.asking import Desk
from inventory.model import DAY, FileSystem, Span, Version
from inventory.store.mounts import FileSystemKey
from inventory.store.remembered import LENGTHS, Memory
from inventory.timeline import union


def memories(desk: Desk, until: int) -> dict[FileSystemKey, Memory]:
    """Of each file system when it was first looked at, and when it was last not, before ``until``; facts before it may go then."""
    return {
        FileSystemKey(version.account, version.region, version.value.file_system_id): _memory(
            desk, version, until
        )
        for version in desk.file_systems
    }


def _memory(desk: Desk, version: Version[FileSystem], until: int) -> Memory:
    before = _remembered(desk, version)
    begin = min(desk.observer.kept.facts, until)
    # Beyond the end as well, so that a stretch that ends later is told by its whole length.
    found = desk.observer.coverage(version, (begin, until + DAY))
    visible = found.visible_since
    looked = before.looked
    if looked is None and visible is not None and visible < until:
        looked = visible
    blind = union((gap.start, gap.end) for gap in found.gaps if gap.bridged_by is None)
    unseen = union((gap.start, gap.end) for gap in found.gaps)
    reach = (begin, until)
    return Memory(looked, _ends(blind, before.hidden, reach), _ends(unseen, before.unseen, reach))


def _remembered(desk: Desk, version: Version[FileSystem]) -> Memory:
    """What is remembered already. Of one that nobody knew when facts were forgotten, all of that time stays blind."""
    forgotten = desk.observer.kept.facts
    unknown = dict.fromkeys(LENGTHS, forgotten) if forgotten else {}
    return desk.observer.memory(version) or Memory(None, unknown, unknown)


def _ends(blind: Sequence[Span], before: Mapping[int, int], reach: Span) -> dict[int, int]:
    """By length, the end of the last of some stretches that was longer, or of what was remembered ``before``."""
    begin, until = reach
    found = dict(before)
    for span in blind:
        if span[0] < until:
            for length in _lengths(span, before, begin):
                found[length] = max(found.get(length, 0), min(span[1], until))
    return found


def _lengths(span: Span, before: Mapping[int, int], begin: int) -> list[int]:
    """The lengths that a blind stretch exceeds; one that begins where what was forgotten ends goes on from there."""
    known = [length for length, end in before.items() if span[0] == begin == end]
    return sorted({*known, *(length for length in LENGTHS if span[1] - span[0] > length)})
