"""Where a sighting took place: from which side, and at which mount target."""

from __future__ import annotations

from typing import Any

import pytest

from inventory.model import OtherServer, Vantage, Vpc, VpcLink
from inventory.resolve.attribute import Locus, locate
from tests.builders import (
    ACCOUNT,
    CLIENT,
    CLIENT_ENI,
    SERVER,
    SERVER_ENI,
    TARGET,
    VPC,
    eni,
    machine_eni,
    mount_target,
    peering,
    seen,
    sighting,
    topology,
)

TARGETS = (seen(mount_target()),)


def place(*versions: Any, **changes: Any) -> Locus:
    return locate(sighting(**changes), topology(*TARGETS, *versions))


def ids(locus: Locus) -> list[str]:
    return [target.value.mount_target_id for target in locus.servers]


# -- vantage -------------------------------------------------------------------------------------


def test_the_mount_targets_own_interface_needs_no_address() -> None:
    locus = place(interface_id=SERVER_ENI, server="10.9.9.9", vpc_id="")
    assert (locus.vantage, ids(locus), locus.certain, locus.vpc_id) == (
        Vantage.MOUNT_TARGET,
        [TARGET],
        True,
        VPC,
    )


def test_the_clients_own_interface() -> None:
    assert place(seen(machine_eni())).vantage is Vantage.CLIENT


def test_an_interface_that_no_sweep_named_is_the_clients() -> None:
    assert place(interface_id="eni-unknown").vantage is Vantage.CLIENT
    assert place(interface_id="").vantage is Vantage.CLIENT


@pytest.mark.parametrize(
    "changes",
    [
        {"interface_type": "transit_gateway"},
        {"interface_type": "gateway_load_balancer_endpoint"},
        {"interface_type": "vpc_endpoint"},
        {"tags": {"AWSNetworkFirewallManaged": "true"}},
    ],
)
def test_what_only_carries_traffic_is_a_shadow_whatever_its_address(
    changes: dict[str, Any],
) -> None:
    assert (
        place(seen(eni("eni-t", CLIENT, **changes)), interface_id="eni-t").vantage is Vantage.SHADOW
    )


def test_a_nat_gateway_is_the_client_of_its_own_address_and_a_shadow_of_others() -> None:
    nat = seen(eni("eni-nat", "10.0.3.90", interface_type="nat_gateway"))
    assert place(nat, interface_id="eni-nat", client="10.0.3.90").vantage is Vantage.CLIENT
    assert place(nat, interface_id="eni-nat", client="100.64.7.9").vantage is Vantage.SHADOW


def test_an_instance_that_routes_for_others_is_a_shadow() -> None:
    appliance = seen(machine_eni("eni-x", "10.0.3.91"))
    assert place(appliance, interface_id="eni-x").vantage is Vantage.SHADOW


def test_a_clients_row_shows_its_primary_address_and_the_true_one() -> None:
    pod = seen(machine_eni(CLIENT_ENI, "10.0.3.80", prefixes=("10.0.9.16/28",)))
    assert place(pod, client="10.0.3.80", pkt_client="10.0.9.20").vantage is Vantage.CLIENT
    assert place(pod, client="10.0.9.20").vantage is Vantage.CLIENT
    assert place(pod, client="10.0.9.99").vantage is Vantage.SHADOW


def test_a_router_whose_rows_tell_another_true_client_is_a_shadow() -> None:
    """Forwarded, a record's ``srcaddr`` is the router's primary address, ``pkt-srcaddr`` the client's."""
    router = seen(machine_eni("eni-r", "10.0.3.91", instance_id="i-router"))
    block = seen(Vpc(VPC, ACCOUNT, ("10.0.0.0/16",)))

    def vantage(true_client: str, *more: Any) -> Vantage:
        told = {"interface_id": "eni-r", "client": "10.0.3.91", "pkt_client": true_client}
        return place(router, *more, **told).vantage

    assert vantage(CLIENT, seen(machine_eni())) is Vantage.SHADOW
    assert vantage("192.168.50.20", block) is Vantage.SHADOW  # nobody's of ours
    peer = seen(machine_eni("eni-p", "10.7.0.1", vpc_id="vpc-0c"))
    assert vantage("10.7.0.1", peer, seen(peering(VPC, "vpc-0c"))) is Vantage.SHADOW
    assert vantage("10.0.3.91") is Vantage.CLIENT
    # A pod's address that came since the last sweep is the interface's own, unless another is proven to have it.
    assert vantage("10.0.3.99", block) is Vantage.CLIENT
    earlier = seen(machine_eni("eni-q", "10.0.3.99", instance_id="i-q"), 0, 50, before=200)
    assert vantage("10.0.3.99", block, earlier) is Vantage.CLIENT


def test_an_address_in_a_vpc_that_nobody_knows_makes_no_shadow() -> None:
    somewhere = seen(eni("eni-else", CLIENT, vpc_id=""))
    assert place(somewhere, interface_id="eni-unknown", vpc_id="").vantage is Vantage.CLIENT
    here = seen(eni("eni-else", CLIENT))
    assert place(here, interface_id="eni-unknown").vantage is Vantage.SHADOW


def test_an_interface_whose_addresses_are_unknown_is_no_shadow() -> None:
    bare = eni()
    object.__setattr__(bare, "addresses", ())
    assert place(seen(bare)).vantage is Vantage.CLIENT


def test_a_minimal_format_tells_no_server_so_every_one_in_reach_is_a_candidate() -> None:
    peer = seen(mount_target("fsmt-c", "10.7.0.9", vpc_id="vpc-0c", network_interface_id="eni-c"))
    away = seen(mount_target("fsmt-d", "10.8.0.9", vpc_id="vpc-0d", network_interface_id="eni-d"))
    gone = seen(mount_target("fsmt-e", "10.0.1.7", network_interface_id="eni-e"), 0, 10, before=50)
    link = seen(peering(VPC, "vpc-0c"))
    locus = place(seen(machine_eni()), peer, away, gone, link, client="", server="")
    assert (locus.vantage, ids(locus), locus.certain) == (Vantage.CLIENT, [TARGET, "fsmt-c"], False)
    own = place(seen(machine_eni()), interface_id=SERVER_ENI, client="", server="")
    assert (own.vantage, ids(own), own.certain) == (Vantage.MOUNT_TARGET, [TARGET], True)


# -- server --------------------------------------------------------------------------------------


def test_the_server_is_found_in_the_recorders_vpc() -> None:
    twin = seen(
        mount_target("fsmt-b", vpc_id="vpc-0b", network_interface_id="eni-b", file_system_id="fs-b")
    )
    here = place(seen(machine_eni()), twin)
    assert (ids(here), here.certain, here.vpc_id) == ([TARGET], True, VPC)
    there = place(seen(machine_eni(vpc_id="vpc-0b")), twin, vpc_id="")
    assert (ids(there), there.vpc_id) == (["fsmt-b"], "vpc-0b")


def test_a_peered_vpc_is_asked_only_with_a_way_to_it() -> None:
    twin = seen(mount_target("fsmt-b", vpc_id="vpc-0b", network_interface_id="eni-b"))
    client = seen(machine_eni(vpc_id="vpc-0c"))
    vpcs = [seen(Vpc(v, ACCOUNT)) for v in (VPC, "vpc-0b", "vpc-0c")]
    one = place(client, twin, *vpcs, seen(peering(VPC, "vpc-0c")))
    assert (ids(one), one.certain, one.vpc_id) == ([TARGET], False, VPC)
    links = [seen(VpcLink(f"tgw-1/{v}", "tgw-1", (v,))) for v in (VPC, "vpc-0b", "vpc-0c")]
    both = place(client, twin, *vpcs, *links)
    assert (sorted(ids(both)), both.certain, both.vpc_id) == (sorted(["fsmt-b", TARGET]), False, "")
    no_way = place(client, twin, *vpcs, seen(peering("vpc-0c", "vpc-0d")))
    assert ids(no_way) == []


def test_with_links_unknown_every_vpc_is_asked() -> None:
    client = seen(machine_eni(vpc_id="vpc-0c"))
    locus = place(client)
    assert (ids(locus), locus.certain) == ([TARGET], False)


def test_an_address_inside_the_own_vpc_is_not_looked_for_elsewhere() -> None:
    client = seen(machine_eni(vpc_id="vpc-0c"))
    vpc = seen(Vpc("vpc-0c", ACCOUNT, ("10.0.0.0/16",)))
    assert ids(place(client, vpc, seen(peering(VPC, "vpc-0c")))) == []


def test_next_hop_names_the_mount_target() -> None:
    locus = place(seen(machine_eni(vpc_id="vpc-0c")), next_hop=SERVER_ENI)
    assert (ids(locus), locus.certain) == ([TARGET], True)
    other = place(seen(machine_eni(vpc_id="vpc-0c")), next_hop=SERVER_ENI, server="10.0.1.99")
    assert ids(other) == []


def test_between_two_owners_of_the_servers_address_both_are_candidates() -> None:
    old = seen(mount_target(), 0, 50, before=200)
    new = seen(mount_target("fsmt-2", network_interface_id="eni-2"), 200, 300, after=50)
    locus = locate(sighting(), topology(old, new, seen(machine_eni())))
    assert (ids(locus), locus.certain) == ([TARGET, "fsmt-2"], False)


def test_other_servers_are_told_apart() -> None:
    fsx = seen(OtherServer("fs-9", "fsx", "", VPC, ("eni-fsx",), ("10.0.3.60",)))
    by_address = place(seen(machine_eni()), fsx, server="10.0.3.60")
    assert by_address.other is not None
    assert by_address.servers == ()
    own = place(fsx, interface_id="eni-fsx", server="10.0.3.60")
    assert (own.vantage, own.other and own.other.value.server_id) == (Vantage.MOUNT_TARGET, "fs-9")
    away = place(
        seen(machine_eni(CLIENT_ENI, "10.7.0.1", vpc_id="vpc-0c")), fsx, server="10.0.3.60"
    )
    assert away.other is not None


def test_no_server_at_all() -> None:
    locus = place(seen(machine_eni()), server="10.0.3.61")
    assert (locus.servers, locus.other, locus.certain) == ((), None, False)
    assert SERVER != "10.0.3.61"
