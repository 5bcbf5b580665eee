"""The shapes of the answer of ``check-delete``, part by part; see :mod:`inventory.answers.shapes`."""

from __future__ import annotations

from collections.abc import Sequence

from inventory.answers.declared import Declared
from inventory.answers.shapes import Json, rounded
from inventory.model import MountTarget, Owner, Version, iso
from inventory.timeline import Coverage
from inventory.verdict import Check, Reason, Reference


def mount_target(one: Version[MountTarget], found: Coverage) -> Json:
    """A mount target, and how well it was looked at."""
    value = one.value
    return {
        "id": value.mount_target_id,
        "network_interface": value.network_interface_id or None,
        "addresses": list(value.addresses),
        "vpc": value.vpc_id or None,
        "subnet": value.subnet_id or None,
        "availability_zone_id": value.availability_zone_id or None,
        "state": "deleted" if one.not_after is not None else value.life_cycle_state or None,
        "deleted_at": iso(one.not_after),
        "coverage_ratio": rounded(found.ratio),
        "blind_seconds": found.blind_seconds,
        "visible_since": iso(found.visible_since),
    }


def name(client: Json) -> str:
    """A client in few words."""
    if client["client"] is None:
        return "one of " + ", ".join(one["id"] for one in client["candidates"])
    one = client["client"]
    called = f" ({one['name']})" if one["name"] and one["name"] != one["id"] else ""
    return f"{one['kind'].replace('_', ' ')} {one['id']}{called}"


def workload(owners: Sequence[Owner]) -> str:
    """What outlives a client, in few words that tell it from others; of candidates all of them."""
    return " or ".join(sorted({_outliving(owner) for owner in owners}))


def _outliving(owner: Owner) -> str:
    outlives = owner.workload
    kind, called = (outlives.kind, outlives.id) if outlives else (owner.kind.value, owner.id)
    place = f" ({owner.account} {owner.region})" if owner.account else ""
    return f"{kind.replace('_', ' ')} {called}{place}"


def reference(one: Declared, *, seen: bool) -> Reference:
    """As the verdict takes it."""
    return Reference(one.kind, one.id, one.standing, one.why, seen, declared(one, seen=seen))


def declared(one: Declared, *, seen: bool) -> Json:
    """As JSON; ``seen``: somebody who mounts by it was."""
    return {
        "kind": one.kind,
        "id": one.id,
        "arn": one.arn or None,
        "account": one.account or None,
        "region": one.region or None,
        "standing": one.standing.value,
        "why": one.why,
        "access_points": list(one.access_points),
        "first_shown": iso(one.first_seen),
        "last_shown": iso(one.last_seen),
        "seen": seen,
    }


def check(one: Check) -> Json:
    """One check for references."""
    return {
        "reference": one.reference,
        "call": one.call,
        "account": one.account,
        "region": one.region,
        "whole_at": iso(one.whole_at),
        "problem": one.problem or None,
    }


_MOMENTS = frozenset(
    {"start", "end", "since", "as_of", "asked_until", "listed_at", "whole_at", "quiet_from"}
    | {"first_seen", "last_seen", "until", "last_start"}
)


def reason(one: Reason) -> Json:
    """One reason as JSON; moments in its evidence as text."""
    evidence = {
        key: iso(value) if key in _MOMENTS else value for key, value in one.evidence.items()
    }
    return {
        "code": one.code.value,
        "class": one.verdict.value,
        "severity": one.severity.value,
        "message": one.message,
        "evidence": evidence or None,
    }
