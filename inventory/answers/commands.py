"""Commands of the AWS CLI for a person to run: each word quoted for a POSIX shell, whatever others wrote into descriptions and tags.

JSON inside of a command is plain ASCII without single quotes, backticks or line ends (they are escapes), so it is the same text in a shell,
on a terminal and in a ticket. Nothing here is run by this program.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from inventory.model import SecurityGroupRule

_ESCAPED = {character: f"\\u{ord(character):04x}" for character in "'`\x7f"}
_RESERVED = "aws:"
"""How keys of tags begin that nobody but AWS may set."""


def aws(service: str, operation: str, region: str, *words: str) -> str:
    """One command."""
    return shlex.join(("aws", service, operation, "--region", region, *words))


def revoke(rule: SecurityGroupRule, region: str) -> str:
    """Takes one rule away, by its id."""
    return aws(
        "ec2",
        "revoke-security-group-ingress",
        region,
        "--group-id",
        rule.group_id,
        "--security-group-rule-ids",
        rule.rule_id,
    )


def authorize(rule: SecurityGroupRule, region: str) -> str:
    """Makes the same rule again. AWS gives it another id."""
    words = ["--group-id", rule.group_id, "--ip-permissions", _json([permission(rule)])]
    tags = [
        {"Key": key, "Value": value}
        for key, value in rule.tags.items()
        if not key.lower().startswith(_RESERVED)
    ]
    if tags:
        words += [
            "--tag-specifications",
            _json([{"ResourceType": "security-group-rule", "Tags": tags}]),
        ]
    return aws("ec2", "authorize-security-group-ingress", region, *words)


def permission(rule: SecurityGroupRule) -> dict[str, Any]:
    """A rule as EC2 takes it: protocol, ports, source and description."""
    ports = {"FromPort": rule.from_port, "ToPort": rule.to_port}
    told = {"Description": rule.description} if rule.description else {}
    if rule.protocol == "tcp" and rule.from_port is None:
        ports = {"FromPort": 0, "ToPort": 65_535}
    found: dict[str, Any] = {
        "IpProtocol": rule.protocol,
        **{name: port for name, port in ports.items() if port is not None},
    }
    if rule.cidr:
        found["IpRanges"] = [{"CidrIp": rule.cidr, **told}]
    elif rule.cidr_ipv6:
        found["Ipv6Ranges"] = [{"CidrIpv6": rule.cidr_ipv6, **told}]
    elif rule.prefix_list_id:
        found["PrefixListIds"] = [{"PrefixListId": rule.prefix_list_id, **told}]
    else:
        found["UserIdGroupPairs"] = [{**_group(rule), **told}]
    return found


def _group(rule: SecurityGroupRule) -> Mapping[str, str]:
    named = {
        "GroupId": rule.source_group_id,
        "UserId": rule.source_account,
        "VpcPeeringConnectionId": rule.peering_id,
    }
    return {name: value for name, value in named.items() if value}


def empty_group(name: str, description: str, vpc_id: str, region: str) -> str:
    """Makes a security group that lets nobody in, and keeps its id in ``$EMPTY``."""
    command = aws(
        "ec2",
        "create-security-group",
        region,
        "--group-name",
        name,
        "--description",
        description,
        "--vpc-id",
        vpc_id,
        "--query",
        "GroupId",
        "--output",
        "text",
    )
    return f"EMPTY=$({command})"


def no_groups(mount_target_id: str, region: str) -> str:
    """Gives a mount target the empty group alone."""
    words = _modify(mount_target_id, region, ())
    return f'{words} "$EMPTY"'


def groups_back(mount_target_id: str, group_ids: Sequence[str], region: str) -> str:
    """Gives a mount target the groups that it has now."""
    return _modify(mount_target_id, region, group_ids)


def _modify(mount_target_id: str, region: str, group_ids: Iterable[str]) -> str:
    return aws(
        "efs",
        "modify-mount-target-security-groups",
        region,
        "--mount-target-id",
        mount_target_id,
        "--security-groups",
        *group_ids,
    )


def delete_empty_group(region: str) -> str:
    """Takes the empty group away, when no mount target has it any more."""
    return aws("ec2", "delete-security-group", region, "--group-id") + ' "$EMPTY"'


def _json(value: object) -> str:
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    return "".join(_ESCAPED.get(character, character) for character in text)
