"""The shapes of the answer of ``check-delete --plan``, part by part; see :mod:`inventory.answers.shapes`."""

from __future__ import annotations

from collections.abc import Sequence

from inventory.answers.asking import Desk
from inventory.answers.hearing import Heard
from inventory.answers.shapes import Json
from inventory.model import SecurityGroupRule, iso
from inventory.resolve import owners
from inventory.resolve.doors import Door, Interface, is_narrow

_OPEN_CONNECTIONS = (
    "connections that are open go on: security groups track them, and a client that renews its lease every minute is never idle. Who "
    "has it mounted screams only when it has to connect again (a restart, a new mount): let clients unmount or restart first"
)
NOTES = (
    _OPEN_CONNECTIONS,
    "where a group lets everything in and everything out, connections are not tracked, and break at once",
    "a rule that is put back has another id; Terraform or CloudFormation may put back by themselves what was taken away by hand",
    "the commands are for a POSIX shell, with credentials of the file system's account that may change this; the program itself only reads",
    "who tries is shown by `who` with state rejected, and check-delete says CLIENT_REJECTED, which is REFERENCED",
)
"""What whoever follows the plan must know."""


HANGING = ("active", "idle", "unknown", "ended")
"""States of clients that a closed door concerns."""


def hanging(client: Json) -> Json:
    """A client that would hang or fail, by its entry in the answer of ``check-delete``."""
    found = {name: client[name] for name in ("client", "candidates", "state", "last_seen")}
    ended = client["state"] == "ended"
    return found | {
        "consequence": "does not mount it now, as far as was seen; its next mount would fail"
        if ended
        else client["consequence"]
    }


def door(desk: Desk, one: Door, heard: Heard, foreign: Sequence[Interface]) -> Json:
    """One mount target: who is let in, by which rules, who shares its groups, and who hears."""
    value = one.target.value
    return {
        "id": value.mount_target_id,
        "network_interface": one.interface_id or None,
        "addresses": list(value.addresses),
        "subnet": value.subnet_id or None,
        "open": one.is_open,
        "unknown": list(one.unknown),
        "open_until": iso(one.open_until),
        "closed_by": iso(one.closed_by),
        "groups": [
            {"id": group, "name": None, "looked_at": None}
            if isinstance(group, str)
            else {
                "id": group.value.group_id,
                "name": group.value.name or None,
                "looked_at": iso(group.last_seen),
            }
            for group in one.groups
        ],
        "rules": [rule(each.value) for each in one.rules],
        "shared_with": [sharing(desk, each, one) for each in foreign],
        "heard_by": list(heard.flow_logs),
    }


def rule(one: SecurityGroupRule) -> Json:
    """One rule that lets NFS in."""
    return {
        "id": one.rule_id,
        "group": one.group_id,
        "protocol": one.protocol,
        "from_port": one.from_port,
        "to_port": one.to_port,
        "source": one.cidr or one.cidr_ipv6 or one.prefix_list_id or one.source_group_id or None,
        "description": one.description or None,
        "nfs_only": is_narrow(one),
    }


def sharing(desk: Desk, interface: Interface, one: Door) -> Json:
    """Another interface that has one of the groups, and whose it is."""
    topology = desk.knowledge.topology
    interface_id = interface.value.network_interface_id
    mine = {group if isinstance(group, str) else group.value.group_id for group in one.groups}
    found = owners.ownership(interface_id, interface.last_seen, "", topology)
    target = topology.mount_target_of_interface(interface_id)
    return {
        "network_interface": interface_id,
        "groups": sorted(mine & set(interface.value.groups)),
        "owners": [
            {
                "kind": owner.kind.value,
                "id": owner.id,
                "name": owner.name,
                "account": owner.account or None,
            }
            for owner in (found.owners if found else ())
        ],
        "file_system": target.value.file_system_id if target else None,
    }
