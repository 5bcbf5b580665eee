"""Whether a mount was made without IAM: no connection is known, and CloudTrail told all that it has."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from inventory.answers.presences import BLIND, Asked, Presence
from inventory.model import HOUR, RUN_GAP
from inventory.store.mounts import MountRow

AtTarget = tuple[str, str]
"""A client's address and a mount target's id."""


def by_address(rows: Iterable[MountRow]) -> dict[AtTarget, list[MountRow]]:
    """All who had one address at one mount target."""
    found: dict[AtTarget, list[MountRow]] = defaultdict(list)
    for row in rows:
        found[row.mount.client, row.mount.mount_target_id].append(row)
    return found


def is_plain(
    mounted: Sequence[Presence],
    told: Sequence[MountRow],
    everybody: Callable[[], Mapping[AtTarget, Sequence[MountRow]]],
    asked: Asked,
) -> bool | None:
    """Whether the mounts were made without IAM; ``None`` when nobody can tell. ``everybody`` is asked for only where it may matter.

    One that may have begun earlier than it was seen may have connected earlier, too.
    """
    for row in told:
        if row.mount.attribution.principals:
            return False
    if asked.connected is None:
        return None
    answers = [_connected(presence, everybody, asked) for presence in mounted]
    if any(answers):
        return False
    return True if answers and all(answer is False for answer in answers) else None


def _connected(
    presence: Presence, everybody: Callable[[], Mapping[AtTarget, Sequence[MountRow]]], asked: Asked
) -> bool | None:
    interval = presence.interval
    addresses = {row.mount.client for row in presence.rows} - {""}
    span = (interval.start - RUN_GAP, interval.end + RUN_GAP)
    if interval.open_end:
        # CloudTrail is some minutes behind, and is asked now and then: of the last hour it need not have told.
        span = (span[0], max(interval.start + RUN_GAP, min(span[1], asked.as_of - HOUR)))
    found = asked.connected(span, addresses) if addresses and asked.connected else None
    if found is not False:
        return found
    begun = (
        not interval.open_start
        and interval.start >= asked.window[0]
        and not _goes_on(presence, everybody(), asked)
    )
    return False if begun else None


def _goes_on(
    presence: Presence, everybody: Mapping[AtTarget, Sequence[MountRow]], asked: Asked
) -> bool:
    """Whether an address that others had just before goes on: another name for the same client is no beginning."""
    own = set(map(id, presence.rows))
    start, target = presence.interval.start, presence.mount_target_id
    since = start - asked.sights.get(target, BLIND).mount_gap
    return any(
        row.mount.first_seen < start and row.mount.last_seen >= since
        for client in {row.mount.client for row in presence.rows}
        for row in everybody.get((client, target), ())
        if id(row) not in own
    )
