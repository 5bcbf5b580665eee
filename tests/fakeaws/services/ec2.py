"""EC2's descriptions: by id, by filter, in pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.fakeaws.calls import Call, Result, answers
from tests.fakeaws.filters import Found, at, filtered
from tests.fakeaws.paging import Pages
from tests.fakeaws.refusals import RefusalError

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Listing:
    """One ``Describe`` of EC2."""

    key: str
    ids: str
    """The parameter of ids."""
    id: Found
    unknown: str
    """The refusal's code, without ``.NotFound``, for an id that is not there."""
    filters: Mapping[str, Found]
    called: str = "Filters"


_INTERFACE_FILTERS: Mapping[str, Found] = {
    "addresses.private-ip-address": at("PrivateIpAddresses", "PrivateIpAddress"),
    "attachment.instance-id": at("Attachment", "InstanceId"),
    "attachment.instance-owner-id": at("Attachment", "InstanceOwnerId"),
    "availability-zone": at("AvailabilityZone"),
    "description": at("Description"),
    "group-id": at("Groups", "GroupId"),
    "interface-type": at("InterfaceType"),
    "ipv6-addresses.ipv6-address": at("Ipv6Addresses", "Ipv6Address"),
    "mac-address": at("MacAddress"),
    "network-interface-id": at("NetworkInterfaceId"),
    "operator.managed": at("Operator", "Managed"),
    "operator.principal": at("Operator", "Principal"),
    "owner-id": at("OwnerId"),
    "private-ip-address": at("PrivateIpAddress"),
    "requester-id": at("RequesterId"),
    "requester-managed": at("RequesterManaged"),
    "status": at("Status"),
    "subnet-id": at("SubnetId"),
    "vpc-id": at("VpcId"),
}

_INTERFACES = Listing(
    "NetworkInterfaces",
    "NetworkInterfaceIds",
    at("NetworkInterfaceId"),
    "InvalidNetworkInterfaceID",
    _INTERFACE_FILTERS,
)

_INSTANCES = Listing(
    "Reservations",
    "InstanceIds",
    at("Instances", "InstanceId"),
    "InvalidInstanceID",
    {
        "instance-id": at("Instances", "InstanceId"),
        "instance-state-name": at("Instances", "State", "Name"),
        "owner-id": at("OwnerId"),
        "private-ip-address": at("Instances", "PrivateIpAddress"),
        "subnet-id": at("Instances", "SubnetId"),
        "vpc-id": at("Instances", "VpcId"),
    },
)

_PLAIN: Mapping[str, tuple[Listing, int]] = {
    "ec2.describe-vpcs": (
        Listing(
            "Vpcs",
            "VpcIds",
            at("VpcId"),
            "InvalidVpcID",
            {"cidr": at("CidrBlock"), "owner-id": at("OwnerId"), "vpc-id": at("VpcId")},
        ),
        1000,
    ),
    "ec2.describe-subnets": (
        Listing(
            "Subnets",
            "SubnetIds",
            at("SubnetId"),
            "InvalidSubnetID",
            {"owner-id": at("OwnerId"), "subnet-id": at("SubnetId"), "vpc-id": at("VpcId")},
        ),
        1000,
    ),
    "ec2.describe-flow-logs": (
        Listing(
            "FlowLogs",
            "FlowLogIds",
            at("FlowLogId"),
            "InvalidFlowLogId",
            {
                "deliver-log-status": at("DeliverLogsStatus"),
                "flow-log-id": at("FlowLogId"),
                "log-destination-type": at("LogDestinationType"),
                "log-group-name": at("LogGroupName"),
                "resource-id": at("ResourceId"),
                "traffic-type": at("TrafficType"),
            },
            called="Filter",
        ),
        1000,
    ),
    "ec2.describe-route-tables": (
        Listing(
            "RouteTables",
            "RouteTableIds",
            at("RouteTableId"),
            "InvalidRouteTableID",
            {
                "association.subnet-id": at("Associations", "SubnetId"),
                "route-table-id": at("RouteTableId"),
                "vpc-id": at("VpcId"),
            },
        ),
        100,
    ),
    "ec2.describe-security-groups": (
        Listing(
            "SecurityGroups",
            "GroupIds",
            at("GroupId"),
            "InvalidGroup",
            {"group-id": at("GroupId"), "owner-id": at("OwnerId"), "vpc-id": at("VpcId")},
        ),
        1000,
    ),
    "ec2.describe-security-group-rules": (
        Listing(
            "SecurityGroupRules",
            "SecurityGroupRuleIds",
            at("SecurityGroupRuleId"),
            "InvalidSecurityGroupRuleId",
            {"group-id": at("GroupId"), "security-group-rule-id": at("SecurityGroupRuleId")},
        ),
        1000,
    ),
    "ec2.describe-vpc-peering-connections": (
        Listing(
            "VpcPeeringConnections",
            "VpcPeeringConnectionIds",
            at("VpcPeeringConnectionId"),
            "InvalidVpcPeeringConnectionID",
            {
                "accepter-vpc-info.vpc-id": at("AccepterVpcInfo", "VpcId"),
                "requester-vpc-info.vpc-id": at("RequesterVpcInfo", "VpcId"),
                "status-code": at("Status", "Code"),
            },
        ),
        1000,
    ),
    "ec2.describe-transit-gateway-vpc-attachments": (
        Listing(
            "TransitGatewayVpcAttachments",
            "TransitGatewayAttachmentIds",
            at("TransitGatewayAttachmentId"),
            "InvalidTransitGatewayAttachmentID",
            {
                "state": at("State"),
                "transit-gateway-id": at("TransitGatewayId"),
                "vpc-id": at("VpcId"),
            },
        ),
        1000,
    ),
}


def _described(call: Call, listing: Listing, rows: Sequence[Row]) -> Result:
    _refuse_dry_run(call)
    wanted = call.get(listing.ids, [])
    if wanted:
        held = {str(found) for row in rows for found in listing.id(row)}
        missing = [one for one in wanted if one not in held]
        if missing:
            said = f"The ID '{missing[0]}' does not exist"
            raise RefusalError(f"{listing.unknown}.NotFound", said)
        rows = [row for row in rows if set(wanted) & set(listing.id(row))]
    return {listing.key: filtered(call, rows, call.get(listing.called, []), listing.filters)}


def _refuse_dry_run(call: Call) -> None:
    if call.get("DryRun"):
        raise RefusalError(
            "DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412
        )


def _refuse_ids_with_pages(call: Call, listing: Listing) -> None:
    if call.get(listing.ids) and "MaxResults" in call.parameters:
        said = f"The parameter {listing.ids} cannot be used with the parameter MaxResults"
        raise call.refusal("combination", said)


def _shown(call: Call, row: Row) -> bool:
    """What AWS services manage may be hidden by default, unless one asks for it."""
    hidden = row.get("Operator", {}).get("HiddenByDefault", False)
    return bool(call.get("IncludeManagedResources")) or not hidden


@answers("ec2.describe-network-interfaces", Pages("NetworkInterfaces", least=5))
def network_interfaces(call: Call) -> Result:
    _refuse_ids_with_pages(call, _INTERFACES)
    return _described(call, _INTERFACES, [row for row in call.rows() if _shown(call, row)])


@answers("ec2.describe-instances", Pages("Reservations", least=5))
def instances(call: Call) -> Result:
    _refuse_ids_with_pages(call, _INSTANCES)
    rows = []
    for row in call.rows():
        shown = [instance for instance in row["Instances"] if _shown(call, instance)]
        if shown:
            rows.append({**row, "Instances": shown})
    return _described(call, _INSTANCES, rows)


def _answer_plainly(name: str, listing: Listing, most: int) -> None:
    @answers(name, Pages(listing.key, least=5, most=most))
    def describe(call: Call) -> Result:
        return _described(call, listing, call.rows())


for _name, (_listing, _most) in _PLAIN.items():
    _answer_plainly(_name, _listing, _most)
