"""Where a round asks: near places at their pace, far ones seldom, and every near one when somebody turned up whom nobody knows."""

from __future__ import annotations

from typing import NamedTuple

from inventory.config import DiscoverSettings
from inventory.discover import pace, rounds
from inventory.discover.rounds import Past
from inventory.model import Vpc
from inventory.resolve.topology import Topology
from tests.builders import ACCOUNT, REGION, VPC, T, mount_target, peering, seen, topology

HERE, PEER, FAR, NEW = (ACCOUNT, REGION), ("2" * 12, REGION), ("3" * 12, REGION), ("4" * 12, REGION)
PLACES = (HERE, PEER, FAR)


class Known(NamedTuple):
    """When a call was last made and last whole."""

    asked_at: int
    whole_at: int | None


def world() -> Topology:
    vpcs = [
        seen(Vpc(vpc_id, account), account=account)
        for vpc_id, (account, _) in ((VPC, HERE), ("vpc-0b", PEER), ("vpc-0c", FAR))
    ]
    whole = {"vpc": set(PLACES), "vpc_link": {HERE}}
    return topology(*vpcs, seen(mount_target()), seen(peering(VPC, "vpc-0b")), whole=whole)


def past(asked_at: int) -> Past:
    times = {(*place, call): Known(asked_at, asked_at) for place in PLACES for call in pace.ALL}
    return Past(times, world())


def test_near_is_where_a_mount_target_can_be_reached_or_nobody_knows() -> None:
    known = world()
    reaching = known.vpcs_that_reach_mount_targets()
    near = {place: rounds.is_near(known, place, reaching) for place in (*PLACES, NEW)}
    assert near == {HERE: True, PEER: True, FAR: False, NEW: True}
    assert rounds.is_near(known, FAR, None)


def test_far_places_are_asked_for_file_systems_alone() -> None:
    wanted = rounds.due(DiscoverSettings(), past(T), T + 3600)
    assert "ec2.describe-network-interfaces" in wanted(HERE)
    assert "ec2.describe-network-interfaces" in wanted(PEER)
    assert set(wanted(FAR)) == set(pace.GROUPS["file_systems"])
    assert set(wanted(NEW)) == pace.ALL


def test_somebody_unknown_brings_the_sweep_of_every_near_place_forward() -> None:
    wanted = rounds.explaining(past(T), {HERE: T + 100}, T + 200)
    assert set(wanted(HERE)) == set(wanted(PEER)) == pace.FORWARD
    assert set(wanted(FAR)) == set()


def test_whom_the_last_sweep_could_not_name_brings_none_forward() -> None:
    assert set(rounds.explaining(past(T + 150), {HERE: T + 100}, T + 300)(HERE)) == set()
    assert set(rounds.explaining(past(T), {}, T + 300)(HERE)) == set()
