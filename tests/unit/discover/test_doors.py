"""What is kept of security groups: only rules that let NFS in, with all that it takes to make them again."""

from __future__ import annotations

from typing import Any

import pytest

from inventory.discover import doors, reduce
from inventory.discover.calls import read_answer
from inventory.discover.fields import FieldError
from inventory.model import CallState, FileSystemSize, SecurityGroup, SecurityGroupRule
from tests.builders import FS
from tests.unit.discover.test_live import Account, answers, fault

RULES = "ec2.describe-security-group-rules"
GROUPS = "ec2.describe-security-groups"
INTERFACES = "ec2.describe-network-interfaces"


def raw(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "SecurityGroupRuleId": "sgr-1",
        "GroupId": "sg-1",
        "GroupOwnerId": "111122223333",
        "IsEgress": False,
        "IpProtocol": "tcp",
        "FromPort": 2049,
        "ToPort": 2049,
        "CidrIpv4": "10.0.0.0/16",
        "Tags": [],
    }
    return values | changes


@pytest.mark.parametrize(
    ("changes", "ports"),
    [
        ({}, (2049, 2049)),
        ({"IpProtocol": "6"}, (2049, 2049)),
        ({"FromPort": 2000, "ToPort": 3000}, (2000, 3000)),
        ({"FromPort": 0, "ToPort": 65535}, (0, 65535)),
        ({"IpProtocol": "-1", "FromPort": -1, "ToPort": -1}, (None, None)),
        ({"IpProtocol": "-1", "FromPort": None, "ToPort": None}, (None, None)),
    ],
)
def test_rules_that_let_nfs_in_are_kept(
    changes: dict[str, Any], ports: tuple[int | None, int | None]
) -> None:
    rule = doors.nfs_rule(raw(**changes))
    assert rule is not None
    assert (rule.from_port, rule.to_port) == ports


@pytest.mark.parametrize(
    "changes",
    [
        {"IsEgress": True},
        {"IpProtocol": "udp"},
        {"IpProtocol": "icmp", "FromPort": -1, "ToPort": -1},
        {"FromPort": 443, "ToPort": 443},
        {"FromPort": 2050, "ToPort": 3000},
        {"FromPort": 0, "ToPort": 2048},
    ],
)
def test_other_rules_are_not(changes: dict[str, Any]) -> None:
    assert doors.nfs_rule(raw(**changes)) is None


def test_a_rule_is_kept_with_all_its_parts() -> None:
    given = raw(
        CidrIpv4=None,
        ReferencedGroupInfo={
            "GroupId": "sg-2",
            "UserId": "444455556666",
            "VpcPeeringConnectionId": "pcx-1",
        },
        Description="from the shop",
        Tags=[{"Key": "team", "Value": "shop"}],
    )
    assert doors.nfs_rule(given) == SecurityGroupRule(
        "sgr-1",
        "sg-1",
        "tcp",
        2049,
        2049,
        source_group_id="sg-2",
        source_account="444455556666",
        peering_id="pcx-1",
        description="from the shop",
        tags={"team": "shop"},
    )


@pytest.mark.parametrize("missing", ["SecurityGroupRuleId", "GroupId", "IpProtocol"])
def test_a_rule_without_what_names_it_breaks_the_call(missing: str) -> None:
    with pytest.raises(FieldError, match=missing):
        doors.nfs_rule(raw(**{missing: None}))
    answer = read_answer(RULES, {"SecurityGroupRules": [raw(**{missing: None}), raw()]})
    assert answer.state is CallState.BROKEN
    assert len(answer.items) == 1


def test_a_group_is_kept_by_name_and_place() -> None:
    given = {"GroupId": "sg-1", "GroupName": "nfs", "VpcId": "vpc-1", "OwnerId": "1"}
    assert doors.security_group(given) == SecurityGroup("sg-1", "nfs", "vpc-1", "1")


# -- live ------------------------------------------------------------------------------------------


def interface(number: int, description: str, *groups: str) -> dict[str, Any]:
    return {
        "NetworkInterfaceId": f"eni-{number}",
        "Description": description,
        "Groups": [{"GroupId": group} for group in groups],
    }


def account(**more: Any) -> Account:
    at_mount_targets = f"EFS mount target for {FS} (fsmt-0123456789abcdef0)"
    return Account(
        {
            "describe_network_interfaces": [
                interface(1, at_mount_targets, "sg-2", "sg-1"),
                interface(2, at_mount_targets, "sg-1"),
                interface(3, "a web server", "sg-web"),
            ],
            "describe_security_groups": [{"GroupId": "sg-1"}],
            "describe_security_group_rules": [raw()],
            **more,
        }
    )


def test_only_the_groups_of_mount_targets_are_asked_for() -> None:
    made = account()
    found = answers(made, GROUPS, RULES)
    assert [found[call].state for call in (GROUPS, RULES)] == [CallState.WHOLE] * 2
    filters = [
        given["Filters"]
        for operation, given in made.asked
        if operation.endswith(("groups", "rules"))
    ]
    assert filters == [[{"Name": "group-id", "Values": ["sg-1", "sg-2"]}]] * 2


def test_where_there_is_no_mount_target_nothing_is_asked() -> None:
    made = account(describe_network_interfaces=[interface(3, "a web server", "sg-web")])
    found = answers(made, GROUPS, RULES)
    assert found[RULES].state is CallState.WHOLE
    assert [operation for operation, _ in made.asked] == ["describe_network_interfaces"]


def test_a_denial_is_an_outcome_of_its_own() -> None:
    found = answers(account(describe_security_group_rules=fault()), GROUPS, RULES)
    assert found[GROUPS].state is CallState.WHOLE
    assert found[RULES].state is CallState.BROKEN
    assert found[RULES].problem == "was denied"


def test_without_a_whole_list_of_interfaces_the_groups_are_not_whole() -> None:
    found = answers(account(describe_network_interfaces=fault()), GROUPS)
    assert found[GROUPS].state is CallState.BROKEN


def test_many_groups_are_asked_for_in_parts() -> None:
    every = [f"sg-{number:04}" for number in range(450)]
    listed = interface(1, "EFS mount target for fs-1 (fsmt-1)", *every)
    made = account(describe_network_interfaces=[listed])
    answers(made, GROUPS)
    sizes = [len(given["Filters"][0]["Values"]) for _, given in made.asked if "Filters" in given]
    assert sizes == [200, 200, 50]


# -- sizes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ({"Value": 60, "ValueInStandard": 10, "ValueInIA": 20, "ValueInArchive": 30}, (10, 20, 30)),
        ({"Value": 60}, (60, 0, 0)),
        ({"Value": 60, "ValueInIA": 20}, (40, 20, 0)),
    ],
)
def test_sizes_are_told_by_storage_class(
    size: dict[str, int], expected: tuple[int, int, int]
) -> None:
    told = reduce.file_system_size({"FileSystemId": FS, "SizeInBytes": size})
    assert told == FileSystemSize(FS, *expected)


@pytest.mark.parametrize("size", [None, {}, {"Value": "much"}, "much", {"Value": None}])
def test_a_size_that_nobody_can_read_takes_nothing_away(size: object) -> None:
    row = {"FileSystemId": FS, "SizeInBytes": size}
    answer = read_answer("efs.describe-file-systems", {"FileSystems": [row]})
    assert answer.state is CallState.WHOLE
    assert len(answer.items) == 1
    assert answer.sizes == []


def test_one_zone_is_told() -> None:
    row = {"FileSystemId": FS, "SizeInBytes": {"Value": 1}, "AvailabilityZoneId": "euc1-az1"}
    found = reduce.file_system_size(row)
    assert found is not None
    assert found.one_zone
