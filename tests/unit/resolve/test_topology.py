"""Who had this address then."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.model import (
    NetworkInterface,
    OtherServer,
    RouteTable,
    Subnet,
    Version,
    Vpc,
    VpcLink,
)
from inventory.resolve.interfaces import Held, Holders
from inventory.resolve.networks import Networks, PrefixMap
from inventory.resolve.owners import finding_of
from inventory.resolve.topology import Topology
from tests.builders import (
    ACCOUNT,
    CLIENT,
    CLIENT_ENI,
    FS,
    INSTANCE,
    REGION,
    SERVER,
    SERVER_ENI,
    SUBNET,
    TARGET,
    VPC,
    T,
    eni,
    file_system,
    function,
    instance,
    lambda_eni,
    machine_eni,
    mount_target,
    peering,
    seen,
    task,
    task_eni,
    topology,
)


def at(known: Topology, moment: int, address: str = CLIENT, vpc: str = VPC) -> Holders:
    return known.holders(vpc, address, T + moment)


# -- leases --------------------------------------------------------------------------------------


def test_a_lease_is_certain_while_seen_and_possible_up_to_its_bounds() -> None:
    known = topology(seen(eni(), 100, 200, after=50, before=300))
    only = (CLIENT_ENI,)
    assert at(known, 50) == Holders()
    assert at(known, 51) == Holders((), only)
    assert at(known, 100) == at(known, 200) == Holders(only)
    assert at(known, 299) == Holders((), only)
    assert at(known, 300) == Holders()


def test_the_same_address_in_two_vpcs_has_two_holders() -> None:
    known = topology(seen(eni("eni-a")), seen(eni("eni-b", vpc_id="vpc-0b")))
    assert at(known, 5).certain == ("eni-a",)
    assert at(known, 5, vpc="vpc-0b").certain == ("eni-b",)
    assert at(known, 5, vpc="vpc-0c") == Holders()


def test_between_two_leases_of_one_address_both_are_possible() -> None:
    known = topology(
        seen(eni("eni-a"), 0, 100, before=200), seen(eni("eni-b"), 200, 300, after=100)
    )
    assert at(known, 100) == Holders(("eni-a",))
    assert at(known, 150) == Holders((), ("eni-a", "eni-b"))
    assert at(known, 200) == Holders(("eni-b",))


def test_attach_time_proves_an_interface_before_the_first_sweep_saw_it() -> None:
    known = topology(seen(eni(attach_time=T + 60, attachment_id="x"), 100, 200, after=0))
    assert at(known, 59) == Holders((), (CLIENT_ENI,))
    assert at(known, 60).certain == (CLIENT_ENI,)


def test_the_first_interface_of_an_instance_is_not_before_its_attachment() -> None:
    known = topology(
        seen(machine_eni("eni-a"), 0, 100, before=200),
        seen(machine_eni("eni-b", instance_id="i-b", attach_time=T + 150), 200, 300, after=100),
    )
    assert at(known, 149) == Holders((), ("eni-a",))
    assert at(known, 150) == Holders(("eni-b",), ("eni-a",))
    assert at(known, 150).best == ("eni-b",)


def test_launch_time_proves_presence_where_no_attach_time_does() -> None:
    known = topology(
        seen(machine_eni(attach_time=None), 100, 200),
        seen(instance(launch_time=T + 40, interfaces=(CLIENT_ENI,)), 100, 200),
    )
    assert at(known, 40).certain == (CLIENT_ENI,)
    assert at(known, 39) == Holders((), (CLIENT_ENI,))  # LaunchTime is the last start only


def test_a_change_of_tags_does_not_interrupt_a_lease() -> None:
    known = topology(
        seen(machine_eni(), 0, 100, before=200),
        seen(machine_eni(tags={"a": "b"}), 200, 300, after=100),
    )
    assert at(known, 150).certain == (CLIENT_ENI,)


def test_a_sweep_that_could_not_read_the_addresses_ends_no_lease() -> None:
    two = machine_eni("eni-1", CLIENT, "10.0.3.13")
    known = topology(
        seen(two, 0, 900, before=1200),
        seen(replace(two, addresses=()), 1200, 1200, after=900, before=None),
    )
    for address in (CLIENT, "10.0.3.13"):
        held = known.holders(VPC, address, T + 1500)
        assert (held.certain, held.possible) == ((), ("eni-1",))
    gone = topology(
        seen(two, 0, 900, before=1200),
        seen(replace(two, addresses=()), 1200, 1200, after=900, before=1500),
    )
    for address in (CLIENT, "10.0.3.13"):
        assert gone.holders(VPC, address, T + 1300).possible == ("eni-1",)
        assert gone.holders(VPC, address, T + 1600).possible == ()


def test_secondary_addresses_come_and_go() -> None:
    known = topology(
        seen(machine_eni(CLIENT_ENI, CLIENT, "10.0.3.50"), 0, 100, before=200),
        seen(machine_eni(CLIENT_ENI, CLIENT), 200, 300, after=100, before=400),
        seen(machine_eni(CLIENT_ENI, CLIENT, "10.0.3.50"), 400, 500, after=300),
        seen(machine_eni("eni-b", "10.0.3.60", "10.0.3.50", instance_id="i-b"), 200, 300, after=100, before=400),
    )  # fmt: skip
    assert at(known, 50, "10.0.3.50").certain == (CLIENT_ENI,)
    assert at(known, 250, "10.0.3.50") == Holders(("eni-b",))
    assert at(known, 350, "10.0.3.50").possible == (CLIENT_ENI, "eni-b")
    assert at(known, 450, "10.0.3.50") == Holders((CLIENT_ENI,))
    assert at(known, 250).certain == (CLIENT_ENI,)


def test_prefixes_and_ipv6_are_leases_too() -> None:
    known = topology(
        seen(
            machine_eni(
                CLIENT_ENI, CLIENT, "2a05:d014::73", prefixes=("10.0.9.16/28", "2a05:d014:1::/80")
            )
        )
    )
    assert at(known, 1, "10.0.9.31").certain == (CLIENT_ENI,)
    assert at(known, 1, "10.0.9.32") == Holders()
    assert at(known, 1, "2a05:d014::73").certain == (CLIENT_ENI,)
    assert at(known, 1, "2a05:d014:1::ffff").certain == (CLIENT_ENI,)
    assert known.ever_held(CLIENT_ENI, "10.0.9.16")
    assert not known.ever_held(CLIENT_ENI, "10.0.9.15")


def test_an_ipv6_address_is_no_interfaces_for_life_even_the_only_one() -> None:
    six, other = "2a05:d014::73", "2a05:d014::74"
    known = topology(
        seen(machine_eni(CLIENT_ENI, six), 0, 100, before=200),
        seen(machine_eni(CLIENT_ENI, other), 200, 300, after=100),
        seen(machine_eni("eni-b", other, instance_id="i-b"), 0, 100, before=200),
        seen(machine_eni("eni-b", six, instance_id="i-b"), 200, 300, after=100),
    )
    assert at(known, 50, six) == Holders((CLIENT_ENI,))
    assert at(known, 150, six) == Holders((), (CLIENT_ENI, "eni-b"))
    assert at(known, 250, six) == Holders(("eni-b",))
    assert at(known, -500, six).certain == ()  # attached, but perhaps without it
    unattached = topology(seen(eni(CLIENT_ENI, six, attach_time=T - 1000)))
    assert at(unattached, -500, six) == Holders((), (CLIENT_ENI,))


def test_what_a_service_made_keeps_its_ipv6_address_for_life() -> None:
    six = "2a05:d014::73"
    stopped = task(
        address=six,
        created_at=T + 10,
        connectivity_at=T + 20,
        execution_stopped_at=T + 80,
        stopped_at=T + 95,
        last_status="STOPPED",
    )
    known = topology(seen(stopped, 1000, 2000), seen(Subnet(SUBNET, VPC)))
    assert at(known, 20, six).certain == at(known, 80, six).certain == (CLIENT_ENI,)
    assert at(known, 1000, six) == Holders()


def test_a_shared_vpc_shows_one_interface_in_two_accounts() -> None:
    known = topology(seen(eni(), 0, 100), seen(eni(), 300, 400, account="444455556666", after=200))
    assert at(known, 200).certain == (CLIENT_ENI,)


PARTICIPANT = "444455556666"
"""An account that may use a VPC that another one owns; the owner sees of its interfaces next to nothing."""


@pytest.mark.parametrize("theirs", [(100, 200), (0, 50), (300, 400)])
def test_the_account_that_owns_an_interface_speaks_before_others(theirs: tuple[int, int]) -> None:
    bare = eni(owner_id=PARTICIPANT)
    full = machine_eni(owner_id=PARTICIPANT, instance_owner_id=PARTICIPANT)
    known = topology(
        seen(bare, 0, 1_000, after=-100), seen(full, *theirs, account=PARTICIPANT, after=-50)
    )
    assert [v.value for v in known.interface(CLIENT_ENI, T + 150)] == [full]
    assert at(known, 0).certain == at(known, 1_000).certain == (CLIENT_ENI,)
    assert known.instances_of(CLIENT_ENI, T + 150) == (Held(INSTANCE, certain=True),)


def test_a_service_in_a_shared_vpc_is_told_by_its_own_account() -> None:
    bare = eni(owner_id=PARTICIPANT)
    service = eni(owner_id=PARTICIPANT, requester_managed=True, requester_id="new-service")
    known = topology(
        seen(bare, 0, 1_000), seen(service, 0, 50, account=PARTICIPANT, region="eu-west-1")
    )
    for moment in (T + 20, T + 500):
        found = finding_of(CLIENT_ENI, moment, known)
        assert found is not None
        assert (found[0].finding, found[1].account) == ("service_unknown", PARTICIPANT)


# -- tasks ---------------------------------------------------------------------------------------


def test_a_running_task_holds_its_address_from_connectivity_to_the_last_sweep() -> None:
    known = topology(
        seen(task(created_at=T + 10, connectivity_at=T + 20), 100, 200, after=0, before=300),
        seen(Subnet(SUBNET, VPC)),
    )
    assert at(known, 9) == Holders()
    assert at(known, 10) == Holders((), (CLIENT_ENI,))
    assert at(known, 20).certain == at(known, 200).certain == (CLIENT_ENI,)
    assert at(known, 250) == Holders((), (CLIENT_ENI,))
    assert at(known, 300) == Holders()


def test_a_stopped_task_still_names_the_interface_that_no_sweep_saw() -> None:
    stopped = task(
        created_at=T + 10,
        connectivity_at=T + 20,
        started_at=T + 30,
        execution_stopped_at=T + 80,
        stopping_at=T + 79,
        stopped_at=T + 95,
        last_status="STOPPED",
    )
    known = topology(seen(stopped, 1000, 2000), seen(function()))  # the VPC is known by a function
    assert at(known, 20).certain == at(known, 80).certain == (CLIENT_ENI,)
    assert at(known, 81) == Holders((), (CLIENT_ENI,))
    assert at(known, 95 + 60) == Holders()  # a record's times may be a minute late
    assert known.interface(CLIENT_ENI, T + 50)[0].value.description.endswith(
        "c8773f8d-1317-457a-ba3c-b57775ac6a04"
    )


def test_a_task_that_never_connected_held_its_address_only_possibly() -> None:
    failed = task(
        created_at=T + 10,
        connectivity_at=None,
        started_at=None,
        stopped_at=T + 95,
        last_status="STOPPED",
    )
    known = topology(seen(failed, 1000, 2000), seen(Subnet(SUBNET, VPC)))
    assert at(known, 50) == Holders((), (CLIENT_ENI,))


def test_a_task_that_is_stopping_is_certain_only_until_its_containers_ended() -> None:
    stopping = task(
        created_at=T, connectivity_at=T + 10, stopping_at=T + 80, last_status="DEPROVISIONING"
    )
    known = topology(seen(stopping, 100, 100, before=200), seen(Subnet(SUBNET, VPC)))
    assert at(known, 80).certain == (CLIENT_ENI,)
    assert at(known, 90) == Holders((), (CLIENT_ENI,))
    assert at(known, 200) == Holders()


def test_nothing_is_certain_of_a_task_before_it_was_created() -> None:
    """A live listing may be read seconds after the moment that the sweep is dated by."""
    young = task(created_at=T + 104, connectivity_at=None, started_at=None, last_status="PENDING")
    once = topology(seen(young, 100, 100, after=0), seen(Subnet(SUBNET, VPC)))
    assert [at(once, moment) for moment in (100, 103)] == [Holders(), Holders()]
    assert at(once, 104) == Holders((), (CLIENT_ENI,))
    again = topology(seen(young, 100, 200, after=0), seen(Subnet(SUBNET, VPC)))
    assert at(again, 103) == Holders()
    assert at(again, 104).certain == at(again, 200).certain == (CLIENT_ENI,)


@pytest.mark.parametrize("made", [task_eni(attach_time=T + 107), machine_eni(attach_time=T + 107)])
def test_nothing_is_certain_of_an_interface_before_what_made_it_attached_it(
    made: NetworkInterface,
) -> None:
    once = topology(seen(made, 100, 100, after=0))
    assert at(once, 100).certain == ()
    assert at(once, 107).possible == (CLIENT_ENI,)
    again = topology(seen(made, 100, 200, after=0))
    assert at(again, 106).certain == ()
    assert at(again, 107).certain == at(again, 200).certain == (CLIENT_ENI,)


def test_a_task_and_its_interface_in_one_young_sweep() -> None:
    """Each alone would prove the other too early."""
    young = task(created_at=T + 104, connectivity_at=None, started_at=None, last_status="PENDING")
    known = topology(seen(young, 100, 200), seen(task_eni(attach_time=T + 107), 100, 200))
    assert at(known, 103).certain == ()
    assert at(known, 107).certain == (CLIENT_ENI,)


def test_two_tasks_that_pass_an_address_on_are_told_apart() -> None:
    first = task(
        "one",
        created_at=T,
        connectivity_at=T + 10,
        execution_stopped_at=T + 600,
        stopped_at=T + 630,
        last_status="STOPPED",
    )
    second = task(
        "two", interface="eni-2", attachment="u2", created_at=T + 660, connectivity_at=T + 674
    )
    known = topology(seen(first, 3600, 3600), seen(second, 3600, 3600), seen(Subnet(SUBNET, VPC)))
    assert at(known, 600).best == (CLIENT_ENI,)
    assert at(known, 645).best == (CLIENT_ENI,)
    assert at(known, 680).best == ("eni-2",)


# -- instances -----------------------------------------------------------------------------------


def test_an_interface_that_moves_belongs_to_each_instance_in_its_time() -> None:
    def attached(instance_id: str, since: int) -> NetworkInterface:
        return machine_eni(instance_id=instance_id, device_index=1, attach_time=T + since)

    known = topology(
        seen(attached("i-old", 0), 100, 200, after=90, before=400),
        seen(attached("i-new", 340), 400, 500, after=200),
    )
    assert known.instances_of(CLIENT_ENI, T + 50) == (Held("i-old", certain=True),)
    assert known.instances_of(CLIENT_ENI, T + 200) == (Held("i-old", certain=True),)
    assert known.instances_of(CLIENT_ENI, T + 300) == (Held("i-old", certain=False),)
    assert known.instances_of(CLIENT_ENI, T + 340) == (Held("i-new", certain=True),)
    assert known.holders(VPC, CLIENT, T + 300).certain == (CLIENT_ENI,)


def test_an_interface_that_comes_back_is_with_the_other_in_between() -> None:
    moves = [("i-a", 0), ("i-b", 200), ("i-a", 400)]
    known = topology(
        *(
            seen(
                machine_eni(instance_id=instance_id, device_index=1, attach_time=T + since),
                since + 50,
                since + 150,
                after=since - 50,
                before=since + 250,
            )
            for instance_id, since in moves
        )
    )
    held = [known.instances_of(CLIENT_ENI, T + moment)[0].instance_id for moment in (10, 300, 500)]
    assert held == ["i-a", "i-b", "i-a"]


def test_an_instances_first_interface_stays_with_it_for_life() -> None:
    known = topology(seen(machine_eni(), 100, 200, after=50, before=300))
    assert known.instances_of(CLIENT_ENI, T + 10_000) == (Held(INSTANCE, certain=True),)


def test_an_instance_alone_makes_its_interface_known() -> None:
    known = topology(seen(instance(interfaces=(CLIENT_ENI,), addresses=(CLIENT,)), 100, 200))
    assert at(known, 150).certain == (CLIENT_ENI,)
    assert known.instances_of(CLIENT_ENI, T + 150) == (Held(INSTANCE, certain=True),)


# -- servers -------------------------------------------------------------------------------------


def test_a_mount_targets_address_passes_on_to_another_file_system() -> None:
    heir = mount_target("fsmt-2", file_system_id="fs-2", network_interface_id="eni-2")
    known = topology(
        seen(mount_target(), 0, 100, before=200),
        seen(heir, 300, 400, after=150),
        seen(file_system("fs-2", creation_time=T + 180)),
    )

    def ids(moment: int) -> tuple[list[str], list[str]]:
        found = known.servers(VPC, SERVER, T + moment)
        return (
            [v.value.mount_target_id for v in found.certain],
            [v.value.mount_target_id for v in found.possible],
        )

    assert ids(50) == ([TARGET], [])
    assert ids(179) == ([], [TARGET])  # the other file system was not yet created
    assert ids(190) == ([], [TARGET, "fsmt-2"])
    assert ids(250) == ([], ["fsmt-2"])
    assert ids(300) == (["fsmt-2"], [])
    assert known.mount_target_of_interface(SERVER_ENI).value.file_system_id == FS  # type: ignore[union-attr]  # it is known
    assert known.server_addresses() == {SERVER}


@pytest.mark.parametrize(
    "description",
    [f"EFS mount target for {FS} ({TARGET})", f"Mount target {TARGET} for file system {FS}"],
)
def test_an_interfaces_description_makes_a_mount_target_known(description: str) -> None:
    known = topology(
        seen(eni(SERVER_ENI, SERVER, description=description), 100, 200, after=50, before=300)
    )
    found = known.servers(VPC, SERVER, T + 150).certain
    assert [(v.value.mount_target_id, v.value.file_system_id) for v in found] == [(TARGET, FS)]
    assert known.servers(VPC, SERVER, T + 300).best == ()


def test_a_mount_target_without_its_interface_in_the_answer_is_joined_by_description() -> None:
    target = mount_target(network_interface_id="", vpc_id="")
    interface = eni(SERVER_ENI, SERVER, description=f"EFS mount target for {FS} ({TARGET})")
    known = topology(seen(target, 0, 100), seen(interface, 100, 300), seen(file_system()))
    found = known.mount_target_of_interface(SERVER_ENI)
    assert found is not None
    assert found.value.mount_target_id == TARGET
    assert known.servers(VPC, SERVER, T + 250).certain
    assert [v.account for v in known.mount_targets_of(FS)] == [ACCOUNT]


@pytest.mark.parametrize("changes", [{"instance_id": INSTANCE}, {"status": "available"}])
def test_a_persons_description_makes_no_mount_target(changes: dict[str, Any]) -> None:
    described = eni(
        SERVER_ENI, SERVER, description=f"EFS mount target for {FS} ({TARGET})", **changes
    )
    assert topology(seen(described)).servers(VPC, SERVER, T + 1).best == ()


def test_an_ipv6_only_mount_target_is_found_by_its_interface() -> None:
    target = mount_target(addresses=())
    known = topology(seen(target), seen(eni(SERVER_ENI, "2a05:d014::18")))
    assert [v.value for v in known.servers(VPC, "2a05:d014::18", T + 1).certain] == [target]


def test_other_servers_are_found_by_address_and_by_interface() -> None:
    fsx = OtherServer("fs-9", "fsx", "", VPC, ("eni-fsx",), ())
    known = topology(seen(fsx), seen(eni("eni-fsx", "10.0.3.60"), 0, 100, before=200))
    assert [v.value for v in known.servers(VPC, "10.0.3.60", T + 50).other] == [fsx]
    assert known.servers(VPC, "10.0.3.60", T + 250).other == ()  # its interface is gone
    assert known.other_server_of_interface("eni-fsx") is not None


def test_deleted_things_are_still_found() -> None:
    known = topology(
        seen(file_system(), 0, 100, before=200), seen(mount_target(), 0, 100, before=200)
    )
    assert known.file_system(FS, ACCOUNT, REGION).value.name == "shared"  # type: ignore[union-attr]  # it is known
    assert known.file_system(FS, "000000000000") is None
    assert [v.value.mount_target_id for v in known.mount_targets_of(FS)] == [TARGET]
    life = known.mount_target_life(TARGET)
    assert life is not None
    assert (life.until, life.before) == (T + 100, T + 200)


# -- routes and networks -------------------------------------------------------------------------


def test_vpcs_reach_each_other_over_one_hub() -> None:
    vpcs = [seen(Vpc(v, ACCOUNT)) for v in (VPC, "vpc-0b", "vpc-0c", "vpc-0d")]
    tgw = [seen(VpcLink(f"tgw-1/{v}", "tgw-1", (v,))) for v in (VPC, "vpc-0c")]
    known = topology(*vpcs, seen(peering(VPC, "vpc-0b"), 0, 100, before=200), *tgw)
    assert known.reachable(VPC) == frozenset({"vpc-0b", "vpc-0c"})
    assert known.reachable(VPC, T + 300) == frozenset({"vpc-0c"})
    assert known.reachable("vpc-0d") == frozenset()  # links of the account are known, it has none


def routed(vpc_id: str, *hubs: str, first: int = 0, last: int = 10_000) -> Version[RouteTable]:
    return seen(RouteTable(f"rtb-{vpc_id}", vpc_id, hubs), first, last)


ROUTES_LISTED = {"route_table": {(ACCOUNT, REGION)}, "vpc": {(ACCOUNT, REGION)}}


def test_a_hub_that_no_route_leads_to_is_no_way() -> None:
    link = seen(peering(VPC, "vpc-0b"))
    there, back = routed(VPC, "pcx-1"), routed("vpc-0b", "pcx-1")
    for tables, way in (((there, back), ["vpc-0b"]), ((there, routed("vpc-0b")), [])):
        assert topology(link, *tables, whole=ROUTES_LISTED).reachable(VPC, T + 5) == frozenset(way)
    assert (
        topology(link, routed(VPC), back, whole=ROUTES_LISTED).reachable(VPC, T + 5) == frozenset()
    )


def test_routes_that_nobody_listed_whole_or_knows_of_that_time_bar_no_way() -> None:
    link, tables = (
        seen(peering(VPC, "vpc-0b")),
        (routed(VPC, first=100), routed("vpc-0b", first=100)),
    )
    assert topology(link, *tables).reachable(VPC, T + 200) == frozenset({"vpc-0b"})
    listed = topology(link, *tables, whole=ROUTES_LISTED)
    assert listed.reachable(VPC, T + 200) == frozenset()
    assert listed.reachable(VPC, T + 50) == frozenset({"vpc-0b"})
    assert (
        topology(link, tables[0], whole=ROUTES_LISTED).reachable("vpc-0b", T + 200) == frozenset()
    )


def test_which_vpcs_can_reach_a_mount_target() -> None:
    vpcs = [seen(Vpc(v, ACCOUNT)) for v in (VPC, "vpc-0b", "vpc-0c")]
    linked = seen(peering(VPC, "vpc-0b"))
    assert topology(*vpcs, linked).vpcs_that_reach_mount_targets() is None  # no mount target yet
    known = topology(*vpcs, linked, seen(mount_target()))
    assert known.vpcs_that_reach_mount_targets() == frozenset({VPC, "vpc-0b"})
    assert topology(*vpcs, seen(mount_target())).vpcs_that_reach_mount_targets() is None


def test_unknown_links_are_not_no_links() -> None:
    assert topology(seen(Vpc(VPC, ACCOUNT))).reachable(VPC) is None
    whole = {"vpc_link": {(ACCOUNT, REGION)}}
    assert topology(seen(Vpc(VPC, ACCOUNT)), whole=whole).reachable(VPC) == frozenset()


def test_an_address_is_inside_a_vpc_outside_or_nobody_knows() -> None:
    known = topology(
        seen(Vpc(VPC, ACCOUNT, ("10.0.0.0/16",))), seen(Subnet("s", "vpc-0b", "", ("10.1.0.0/24",)))
    )
    assert known.routes.inside(VPC, "10.0.3.11") is True
    assert known.routes.inside(VPC, "192.168.0.1") is False
    assert known.routes.inside("vpc-0b", "10.1.0.7") is True
    assert known.routes.inside("vpc-0b", "10.2.0.7") is None
    assert known.routes.inside("vpc-0c", "10.2.0.7") is None


def test_without_cidrs_a_neighbour_shows_that_an_address_is_inside() -> None:
    known = topology(seen(eni(CLIENT_ENI, CLIENT, "2a05:d014::73")))
    assert known.routes.inside(VPC, "10.0.3.200") is True
    assert known.routes.inside(VPC, "10.0.4.200") is None
    assert known.routes.inside(VPC, "2a05:d014::ffff") is True
    assert known.routes.inside(VPC, "2a05:d014:0:1::1") is None


def test_the_longest_named_network_wins() -> None:
    networks = Networks({"10.0.0.0/8": "company", "10.8.0.0/16": "Tokyo", "2001:db8::/32": "six"})
    assert networks.name("10.8.1.1") == "Tokyo"
    assert networks.name("10.9.1.1") == "company"
    assert networks.name("2001:db8::1") == "six"
    assert networks.name("192.168.0.1") is None
    assert networks.name("no address") is None
    with pytest.raises(ValueError, match="does not appear"):
        Networks({"10.8.0.0/40": "x"})


def test_an_empty_map_of_prefixes_is_false() -> None:
    assert not PrefixMap([])
    assert PrefixMap([("10.0.0.0/8", 1)])


# -- laws ----------------------------------------------------------------------------------------

_MOMENTS = st.integers(0, 600)


@st.composite
def _versions(draw: st.DrawFn) -> list[Version[Any]]:
    """Sweeps every 100 seconds show a few interfaces, instances, mount targets and tasks."""
    found: list[Version[Any]] = []
    for name in draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=4, unique=True)):
        first = draw(st.integers(0, 4))
        last = draw(st.integers(first, 5))
        after = first * 100 - 100 if first else None
        before = last * 100 + 100 if last < 5 else None
        address = "10.0.3.1" if name in "ac" else "10.0.3.2"  # a primary address never changes
        value = draw(
            st.sampled_from(
                (
                    eni(f"eni-{name}", address),
                    machine_eni(f"eni-{name}", address, "10.0.3.3", instance_id=f"i-{name}"),
                    lambda_eni(f"eni-{name}", address),
                    mount_target(f"fsmt-{name}", address, network_interface_id=f"eni-{name}"),
                    task(name, interface=f"eni-{name}", address=address, attachment=name),
                    instance(f"i-{name}", interfaces=(f"eni-{name}",), addresses=(address,)),
                )
            )
        )
        found.append(seen(value, first * 100, last * 100, after=after, before=before))
    return found


@given(_versions(), st.randoms(use_true_random=False), _MOMENTS)
def test_the_order_of_versions_does_not_matter(
    versions: list[Version[Any]], rng: random.Random, moment: int
) -> None:
    shuffled = list(versions)
    rng.shuffle(shuffled)
    one, two = topology(*versions), topology(*shuffled)
    for address, letter in itertools.product(("10.0.3.1", "10.0.3.2", "10.0.3.3"), "abcd"):
        assert at(one, moment, address) == at(two, moment, address)
        assert one.servers(VPC, address, T + moment) == two.servers(VPC, address, T + moment)
        assert one.interface(f"eni-{letter}", T + moment) == two.interface(
            f"eni-{letter}", T + moment
        )
        assert one.instances_of(f"eni-{letter}", T + moment) == two.instances_of(
            f"eni-{letter}", T + moment
        )
        assert one.life(f"eni-{letter}") == two.life(f"eni-{letter}")


@given(_versions(), _MOMENTS)
def test_what_a_sweep_showed_at_a_moment_is_certain_then(
    versions: list[Version[Any]], moment: int
) -> None:
    known = topology(*versions)
    for version in versions:
        if isinstance(version.value, NetworkInterface) and version.certain(T + moment):
            for address in version.value.addresses:
                assert version.value.network_interface_id in at(known, moment, address).certain


@given(_versions(), _versions(), _MOMENTS)
def test_more_knowledge_never_makes_a_proven_holder_unproven(
    versions: list[Version[Any]], more: list[Version[Any]], moment: int
) -> None:
    before, after = topology(*versions), topology(*versions, *more)
    for address in ("10.0.3.1", "10.0.3.2"):
        assert set(at(before, moment, address).certain) <= set(at(after, moment, address).certain)
