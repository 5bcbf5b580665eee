"""What lets clients in at mount targets: the security groups of their interfaces, and of those the rules that let NFS in.

Only the groups of mount targets are asked for, live. Recorded answers may hold all groups of an account; of their rules those that let port
2049 in are kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from inventory.discover import fields
from inventory.discover.fields import Raw
from inventory.model import NFS_PORT, SecurityGroup, SecurityGroupRule

if TYPE_CHECKING:
    from inventory.discover.live import Gathering

EVERY_PROTOCOL = "-1"
_PROTOCOLS = ("tcp", "6", EVERY_PROTOCOL)
_ANY_PORT = -1
_AT_ONCE = 200
"""Values of one filter, the most that EC2 takes."""

_DESCRIBED_AS = "EFS mount target for "
"""How EFS describes the interfaces of mount targets (efs user guide, network interfaces)."""


# -- what is kept ------------------------------------------------------------------------------------------------------------------------


def security_group(raw: Raw) -> SecurityGroup:
    """The group itself; its rules are told by another call, with their ids."""
    return SecurityGroup(
        fields.required(raw, "GroupId"),
        fields.text(raw, "GroupName"),
        fields.text(raw, "VpcId"),
        fields.text(raw, "OwnerId"),
    )


def nfs_rule(raw: Raw) -> SecurityGroupRule | None:
    """``None`` for a rule that does not let NFS in: of traffic out, of other protocols, of other ports."""
    if fields.flag(raw, "IsEgress"):
        return None
    protocol = fields.required(raw, "IpProtocol")
    ports = [fields.number(raw, key) for key in ("FromPort", "ToPort")]
    first, last = (None if port == _ANY_PORT else port for port in ports)
    if protocol not in _PROTOCOLS:
        return None
    every = protocol == EVERY_PROTOCOL or first is None or last is None
    if not every and not (first or 0) <= NFS_PORT <= (last or 0):
        return None
    group = fields.child(raw, "ReferencedGroupInfo")
    return SecurityGroupRule(
        rule_id=fields.required(raw, "SecurityGroupRuleId"),
        group_id=fields.required(raw, "GroupId"),
        protocol="tcp" if protocol == "6" else protocol,
        from_port=None if every else first,
        to_port=None if every else last,
        cidr=fields.text(raw, "CidrIpv4"),
        cidr_ipv6=fields.text(raw, "CidrIpv6"),
        prefix_list_id=fields.text(raw, "PrefixListId"),
        source_group_id=fields.text(group, "GroupId"),
        source_account=fields.text(group, "UserId"),
        peering_id=fields.text(group, "VpcPeeringConnectionId"),
        description=fields.text(raw, "Description"),
        tags=fields.tags(raw, "Tags"),
    )


# -- how it is asked ---------------------------------------------------------------------------------------------------------------------


def groups(gathering: Gathering, call: str) -> Iterator[Any]:
    """The groups of every interface of a mount target."""
    yield from _of_mount_targets(gathering, call, "describe_security_groups", "SecurityGroups")


def rules(gathering: Gathering, call: str) -> Iterator[Any]:
    """Every rule of these groups."""
    yield from _of_mount_targets(
        gathering, call, "describe_security_group_rules", "SecurityGroupRules"
    )


def _of_mount_targets(gathering: Gathering, call: str, operation: str, key: str) -> Iterator[Any]:
    """Filters and not ids: a group that was deleted meanwhile is left out, and is no error."""
    listed = gathering.parents("ec2.describe-network-interfaces", call)
    wanted = sorted({group for row in listed for group in _groups_at_the_door(row)})
    for start in range(0, len(wanted), _AT_ONCE):
        chosen = [{"Name": "group-id", "Values": wanted[start : start + _AT_ONCE]}]
        yield from gathering.caller.listed(
            "ec2", operation, key, Filters=chosen, PaginationConfig={"PageSize": 1000}
        )


def _groups_at_the_door(row: Any) -> Iterator[str]:  # noqa: ANN401 - whatever the listing holds
    if not str(row.get("Description") or "").startswith(_DESCRIBED_AS):
        return
    for group in row.get("Groups") or ():
        if group.get("GroupId"):
            yield str(group["GroupId"])
