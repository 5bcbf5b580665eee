"""Which calls of an account and region are due: each kind at its own pace, and places that cannot reach a mount target seldom."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from inventory.config import EverySettings
from inventory.discover import datapoints
from inventory.discover.live import OPTIONAL
from inventory.discover.looking import LOOKING
from inventory.discover.references import STARTERS

GROUPS: Mapping[str, tuple[str, ...]] = {
    "interfaces": ("ec2.describe-network-interfaces",),
    "tasks": (
        "ecs.list-clusters",
        "ecs.describe-tasks",
        "ecs.describe-container-instances",
        "ecs.describe-task-definitions",
    ),
    "instances": ("ec2.describe-instances",),
    "file_systems": (
        "efs.describe-file-systems",
        "efs.describe-mount-targets",
        "efs.describe-access-points",
    ),
    "functions": ("lambda.list-functions",),
    "metrics": (datapoints.CALL,),
    "flow_logs": (
        "ec2.describe-flow-logs",
        "ec2.describe-vpcs",
        "ec2.describe-subnets",
        "ec2.describe-vpc-peering-connections",
        "ec2.describe-transit-gateway-vpc-attachments",
        "ec2.describe-route-tables",
        "ec2.describe-security-groups",
        "ec2.describe-security-group-rules",
        "fsx.describe-file-systems",
        "s3files.list-file-systems",
        "s3files.list-mount-targets",
    ),
    "references": (
        "efs.describe-replication-configurations",
        "eks.describe-clusters",
        "ecs.list-clusters",
        "ecs.describe-services",
        *LOOKING,
        "ecs.describe-task-definitions",
    ),
}
"""By key of ``[discover.every]``, the calls that are made at its pace."""

STARTING = frozenset({"ecs.list-clusters", *STARTERS, "ecs.describe-task-definitions"})
"""Calls of references that go together: services are whole only with the clusters, and definitions are read of what may start tasks."""

ALONE = frozenset({"ec2.describe-security-groups", "ec2.describe-security-group-rules"})
"""Calls that no other of their group needs: one that is denied is made again by itself."""

ALL = frozenset(call for calls in GROUPS.values() for call in calls)
"""Every call of a whole sweep."""

FORWARD = frozenset(
    call for group in ("interfaces", "tasks", "instances", "functions") for call in GROUPS[group]
)
"""What is asked at once when a client turns up that nothing explains."""

RETRY = 300
"""Seconds after which a call that failed is made again, though its kind is not due."""

SOONEST = 60
"""Seconds between two askings, however much there is to explain."""

AHEAD = 60
"""Seconds that the clock of whoever asked before may have been ahead. What was asked later than that was asked before the clock was put
back: it does not tell when to ask again."""


class Times(Protocol):
    """When a call was last made, and when it was last whole; epoch seconds."""

    @property
    def asked_at(self) -> int:
        """By its newest sweep, whatever the answer."""
        ...

    @property
    def whole_at(self) -> int | None:
        """``None`` when it never was, or not lately."""
        ...


def due(
    times: Mapping[str, Times],
    every: EverySettings,
    now: int,
    *,
    near: bool,
    unwanted: Collection[str] = (),
) -> frozenset[str]:
    """The calls of one account and region that are due at ``now``, by when they were made before.

    ``near``: one of its VPCs can reach a mount target, or nobody knows. Elsewhere only file systems are looked for at their own pace, in
    case that one comes; all else is made as seldom as references are. ``unwanted`` calls are never made.

    Calls of a kind are made together, for each tells what another one needs. Not those that look for references: they are many, most stand
    alone, and one that is denied would make all others again and again; nor those of :data:`ALONE`.
    """
    found: set[str] = set()
    for group, calls in GROUPS.items():
        pace = getattr(every, group)
        if not near and group != "file_systems":
            pace = max(pace, every.references)
        wanted = [call for call in calls if call not in unwanted]
        late = {c for c in wanted if c not in OPTIONAL and is_due(times.get(c), pace, now)}
        if group == "references":
            found |= late | (STARTING.intersection(wanted) if late & STARTING else set())
        elif late - ALONE:
            found.update(wanted)
        else:
            found |= late
    return frozenset(found)


def is_due(times: Times | None, pace: int, now: int) -> bool:
    """Whether a call is to be made again. A little early is on time: whoever is started every five minutes is not started to the second."""
    if times is None or times.asked_at > now + AHEAD:
        return True
    slack = min(30, pace // 10)
    if times.whole_at is not None and now - times.whole_at < pace - slack:
        return False
    return now - times.asked_at >= min(pace, RETRY) - slack


def forward(times: Mapping[str, Times], first_seen: int, now: int) -> frozenset[str]:
    """What may explain a client that turned up at ``first_seen``: the calls that were not made since, and not a moment ago."""
    return frozenset(
        call
        for call in FORWARD
        if (known := times.get(call)) is None
        or (known.asked_at <= first_seen and now - known.asked_at >= SOONEST)
    )


def is_dated_ahead(times: Collection[Times], now: int) -> bool:
    """Whether anything was asked at a moment that is still to come: the clock was put back."""
    return any(known.asked_at > now + AHEAD for known in times)


def by_place(
    times: Mapping[tuple[str, str, str], Times],
) -> dict[tuple[str, str], dict[str, Times]]:
    """By account and region, then call."""
    found: dict[tuple[str, str], dict[str, Times]] = {}
    for (account, region, call), known in times.items():
        found.setdefault((account, region), {})[call] = known
    return found


def places_of(times: Collection[tuple[str, str, str]]) -> frozenset[tuple[str, str]]:
    """Every account and region that was ever asked, without those that are no region."""
    return frozenset((account, region) for account, region, _ in times if region != "global")
