"""Commands for a person: what a shell makes of them is what AWS takes, and what others wrote stays text."""

from __future__ import annotations

import json
import shlex
import subprocess
from typing import Any

import boto3
import pytest
from botocore import xform_name
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator
from hypothesis import given, settings
from hypothesis import strategies as st
from moto import mock_aws

from inventory.answers import commands
from inventory.discover import doors
from inventory.model import SecurityGroupRule
from tests.builders import REGION, VPC, nfs_rule

NASTY = "$(touch x) `id` '; rm -rf / #\"\\ \n file:///etc/passwd && || \x7f é"
SOURCES: list[dict[str, str]] = [
    {"cidr": "10.0.0.0/16"},
    {"cidr": "", "cidr_ipv6": "2001:db8::/56"},
    {"cidr": "", "prefix_list_id": "pl-0123"},
    {"cidr": "", "source_group_id": "sg-web"},
    {
        "cidr": "",
        "source_group_id": "sg-web",
        "source_account": "444455556666",
        "peering_id": "pcx-1",
    },
]


def parameters(command: str) -> tuple[str, str, dict[str, Any]]:
    """Service, operation and parameters of a command, as the AWS CLI reads them."""
    words = shlex.split(command)
    assert words[0] == "aws"
    assert words[3] == "--region"
    operation = "".join(part.capitalize() for part in words[2].split("-"))
    found: dict[str, list[str]] = {}
    for word in words[5:]:
        if word.startswith("--"):
            found[word[2:]] = []
        else:
            found[[*found][-1]].append(word)
    return words[1], operation, {_camel(name): _value(v) for name, v in found.items()}


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("-"))


LISTS = {"SecurityGroupRuleIds", "SecurityGroups"}


def _value(words: list[str]) -> Any:  # noqa: ANN401 - as the CLI makes it of words
    if words and words[0].startswith("["):
        return json.loads(words[0])
    return words


def checked(command: str) -> tuple[str, dict[str, Any]]:
    """The operation and its parameters, which AWS's own model finds no fault with."""
    service, operation, found = parameters(command)
    for name, value in found.items():
        if isinstance(value, list) and name not in LISTS and value and isinstance(value[0], str):
            (found[name],) = value
    model = ServiceModel(Loader().load_service_model(service, "service-2"), service)
    shape = model.operation_model(operation).input_shape
    assert shape is not None
    assert ParamValidator().validate(found, shape).generate_report() == ""
    assert set(found) <= set(shape.members), "the CLI knows no other options"
    return operation, found


@pytest.mark.parametrize("source", SOURCES)
def test_every_command_is_one_that_aws_takes(source: dict[str, str]) -> None:
    rule = nfs_rule(description=NASTY, tags={"team": NASTY, "aws:cloudformation:x": "y"}, **source)
    operation, revoked = checked(commands.revoke(rule, REGION))
    assert operation == "RevokeSecurityGroupIngress"
    assert revoked == {"GroupId": "sg-nfs", "SecurityGroupRuleIds": ["sgr-1"]}
    operation, made = checked(commands.authorize(rule, REGION))
    assert operation == "AuthorizeSecurityGroupIngress"
    (permission,) = made["IpPermissions"]
    assert (permission["IpProtocol"], permission["FromPort"], permission["ToPort"]) == (
        "tcp",
        2049,
        2049,
    )
    (told,) = next(value for value in permission.values() if isinstance(value, list))
    assert told["Description"] == NASTY
    assert made["TagSpecifications"][0]["Tags"] == [{"Key": "team", "Value": NASTY}]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"protocol": "-1", "from_port": None, "to_port": None}, {"IpProtocol": "-1"}),
        (
            {"from_port": None, "to_port": None},
            {"IpProtocol": "tcp", "FromPort": 0, "ToPort": 65535},
        ),
        (
            {"from_port": 2000, "to_port": 3000},
            {"IpProtocol": "tcp", "FromPort": 2000, "ToPort": 3000},
        ),
    ],
)
def test_wide_rules_come_back_as_wide(changes: dict[str, Any], expected: dict[str, Any]) -> None:
    made = commands.permission(nfs_rule(**changes))
    assert {key: made[key] for key in made if key != "IpRanges"} == expected


def test_groups_are_taken_away_and_given_back() -> None:
    made = commands.empty_group("efs-scream-test-fs-1", "lets nobody in", VPC, REGION)
    assert made.startswith("EMPTY=$(")
    words = made.removeprefix("EMPTY=$(").removesuffix(")")
    assert words.endswith(" --query GroupId --output text")
    checked(words.removesuffix(" --query GroupId --output text"))
    _, given_away = checked(
        commands.no_groups("fsmt-0123456789abcdef0", REGION).replace(
            '"$EMPTY"', "sg-0123456789abcdef0"
        )
    )
    assert given_away == {
        "MountTargetId": "fsmt-0123456789abcdef0",
        "SecurityGroups": ["sg-0123456789abcdef0"],
    }
    _, back = checked(
        commands.groups_back("fsmt-0123456789abcdef0", ["sg-11111111", "sg-22222222"], REGION)
    )
    assert back == {
        "MountTargetId": "fsmt-0123456789abcdef0",
        "SecurityGroups": ["sg-11111111", "sg-22222222"],
    }
    checked(commands.delete_empty_group(REGION).replace('"$EMPTY"', "sg-0123456789abcdef0"))


text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)


@given(text, text, text)
@settings(max_examples=200)
def test_no_text_of_others_is_more_than_text(name: str, description: str, value: str) -> None:
    """The words of a command are as many and as long whatever is in them; the text has no line end and no quote that could end early."""
    rule = nfs_rule(group_id=f"sg-{name}", description=description, tags={f"t{name}": value})
    made = commands.authorize(rule, REGION)
    words = shlex.split(made)
    plain = shlex.split(commands.authorize(nfs_rule(description="x", tags={"a": "b"}), REGION))
    if description and not rule.tags.keys() & {"aws:"}:
        assert len(words) == len(plain)
    assert words[6] == f"sg-{name}"
    said = json.loads(words[8])[0]["IpRanges"][0]
    assert said.get("Description", "") == description
    json_word = made.split("--ip-permissions ", 1)[1]
    assert not {"\n", "`"} & set(json_word)


def test_a_shell_runs_nothing_of_a_description() -> None:
    rule = nfs_rule(description=NASTY, tags={"t": NASTY})
    script = f"aws() {{ printf '%s\\n' \"$#\"; }}; {commands.authorize(rule, REGION)}"
    done = subprocess.run(
        ["/bin/sh", "-c", script], capture_output=True, text=True, check=True, cwd="/"
    )
    assert done.stdout == "10\n"
    assert done.stderr == ""


@pytest.mark.parametrize(
    "source",
    [{"CidrIp": "10.1.0.0/16", "Description": "shop"}, {"CidrIp": "10.2.0.0/16"}],
)
def test_what_is_taken_away_and_put_back_is_the_same_rule(source: dict[str, str]) -> None:
    """Tried on an EC2 in memory: only the rule's id is another one."""
    with mock_aws():
        ec2: Any = boto3.client(
            "ec2", region_name=REGION, aws_access_key_id="x", aws_secret_access_key="y"
        )
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        group = ec2.create_security_group(GroupName="g", Description="d", VpcId=vpc)["GroupId"]
        given_rule = {"IpProtocol": "tcp", "FromPort": 2049, "ToPort": 2049, "IpRanges": [source]}
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[given_rule])
        (before,) = rules_of(ec2, group)
        run(ec2, commands.revoke(before, REGION))
        assert rules_of(ec2, group) == []
        run(ec2, commands.authorize(before, REGION))
        (after,) = rules_of(ec2, group)
        assert after.rule_id != before.rule_id
        assert _without_id(after) == _without_id(before)


def _without_id(rule: SecurityGroupRule) -> tuple[Any, ...]:
    return (rule.group_id, rule.protocol, rule.from_port, rule.to_port, rule.cidr, rule.description)


def rules_of(ec2: Any, group: str) -> list[SecurityGroupRule]:  # noqa: ANN401 - boto3's own
    asked = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])
    found = [doors.nfs_rule(row) for row in asked["SecurityGroupRules"] if not row["IsEgress"]]
    return [rule for rule in found if rule is not None]


def run(ec2: Any, command: str) -> None:  # noqa: ANN401 - boto3's own
    operation, found = checked(command)
    getattr(ec2, xform_name(operation))(**found)
