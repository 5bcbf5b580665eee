"""The account's VPCs and what joins them."""

from __future__ import annotations

from dataclasses import dataclass

from tests.world.builder import Builder
from tests.world.plan import Interface, Subnet, Vpc


@dataclass(frozen=True)
class Network:
    """VPCs A and B have the same CIDR, C is peered with A only, D has no flow log at all."""

    a: Vpc
    b: Vpc
    c: Vpc
    d: Vpc
    a_targets: Subnet
    a_targets_2: Subnet
    a_clients: Subnet
    b_targets: Subnet
    b_clients: Subnet
    c_clients: Subnet
    d_targets: Subnet
    transit: Interface
    nat: Interface
    nat_id: str


def network(world: Builder) -> Network:
    a = world.vpc("a", "10.0.0.0/16")
    b = world.vpc("b", "10.0.0.0/16")
    c = world.vpc("c", "10.30.0.0/16")
    d = world.vpc("d", "10.40.0.0/16", logged=False)
    a_clients = world.subnet(a, "10.0.3.0/24")
    world.account.peerings.append((world.id("pcx"), a, c))
    world.account.transit_gateway = world.id("tgw")
    world.account.transit_vpcs.append(a)
    nat_id = world.id("nat")
    transit = f"Network Interface for Transit Gateway Attachment {world.id('tgw-attach')}"
    return Network(
        a=a,
        b=b,
        c=c,
        d=d,
        a_targets=world.subnet(a, "10.0.1.0/24", holds_mount_targets=True),
        a_targets_2=world.subnet(a, "10.0.2.0/24", "b", holds_mount_targets=True),
        a_clients=a_clients,
        b_targets=world.subnet(b, "10.0.1.0/24", holds_mount_targets=True),
        b_clients=world.subnet(b, "10.0.3.0/24"),
        c_clients=world.subnet(c, "10.30.3.0/24"),
        # Holds a mount target, but nobody made a flow log for it.
        d_targets=world.subnet(d, "10.40.1.0/24"),
        transit=world.gateway(
            a_clients, "10.0.3.91", kind="transit_gateway", description=transit, managed=False
        ),
        nat=world.gateway(
            a_clients,
            "10.0.3.90",
            kind="nat_gateway",
            description=f"Interface for NAT Gateway {nat_id}",
            managed=True,
        ),
        nat_id=nat_id,
    )
