"""``list``: every file system in one line, as of now."""

from __future__ import annotations

from collections.abc import Sequence

from inventory.answers import shapes
from inventory.answers.asking import Desk
from inventory.answers.contacts import Use
from inventory.answers.finding import keys_of
from inventory.answers.seeing import Seeing
from inventory.answers.shapes import Json
from inventory.model import FileSystem, MountState, Version, iso
from inventory.store import mounts
from inventory.timeline import DEFAULT_AGGREGATION, intersect, mount_gap, total


def list_file_systems(desk: Desk) -> Json:
    """The answer of ``list``, by account, region and id."""
    return {
        "as_of": iso(desk.as_of()),
        "file_systems": [file_system_line(desk, version) for version in desk.file_systems],
    }


def file_system_line(desk: Desk, version: Version[FileSystem]) -> Json:
    """One file system of ``list``. ``clients_now`` is null when it was not looked at lately, ``coverage_ratio`` is of the last week."""
    as_of = desk.observer.as_of(version)
    window = desk.last_week(as_of)
    seeing = desk.observer.seeing(version, window)
    lately = [use for use in desk.uses(version, window, seeing) if use.is_mount]
    now = [use for use in lately if use.state in (MountState.ACTIVE, MountState.IDLE)]
    described = shapes.file_system(version)
    last = _newest(lately) if lately else _newest_ever(desk, version)
    return {
        **{name: described[name] for name in ("id", "arn", "name", "account", "region")},
        "clients_now": len(now) if _seen_lately(version, seeing) else None,
        "last_seen": iso(last.last_seen),
        "idle_since": iso(_idle_since(desk, version, last, now, seeing)),
        "activity": desk.observer.metrics.word(version, window) if as_of is not None else None,
        "coverage_ratio": shapes.rounded(seeing.coverage.ratio) if as_of is not None else 0.0,
        "deleted_at": described["deleted_at"],
    }


def _newest(lately: Sequence[Use]) -> mounts.Newest:
    busy = [use.last_busy for use in lately if use.last_busy is not None]
    return mounts.Newest(max(use.last_seen for use in lately), max(busy, default=None))


def _newest_ever(desk: Desk, version: Version[FileSystem]) -> mounts.Newest:
    found = [
        mounts.newest_accepted(desk.conn, key) for key in keys_of(version, desk.knowledge.topology)
    ]
    seen = [one.last_seen for one in found if one.last_seen is not None]
    busy = [one.last_busy for one in found if one.last_busy is not None]
    return mounts.Newest(max(seen, default=None), max(busy, default=None))


def _seen_lately(version: Version[FileSystem], seeing: Seeing) -> bool:
    """Whether nobody can be mounting now unseen: every mount target was looked at for the mount gap that ends at ``as_of``."""
    if seeing.as_of is None:
        return False
    if version.not_after is not None and version.not_after <= seeing.as_of:
        return True
    gap = max(
        (sight.mount_gap for sight in seeing.sights.values()),
        default=mount_gap(DEFAULT_AGGREGATION),
    )
    lately = (seeing.as_of - gap, seeing.as_of)
    blind = [(hole.start, hole.end) for hole in seeing.coverage.gaps if hole.bridged_by is None]
    return total(intersect([lately], blind)) == 0


def _idle_since(
    desk: Desk,
    version: Version[FileSystem],
    last: mounts.Newest,
    now: Sequence[Use],
    seeing: Seeing,
) -> int | None:
    """Since when nothing but lease renewals was seen; null while somebody is active, and when it was not looked at all that time."""
    if seeing.as_of is None or any(use.state is MountState.ACTIVE for use in now):
        return None
    since = last.last_busy if last.last_busy is not None else seeing.coverage.visible_since
    if since is None or since >= seeing.as_of:
        return None
    return since if desk.observer.seeing(version, (since, seeing.as_of)).coverage.complete else None
