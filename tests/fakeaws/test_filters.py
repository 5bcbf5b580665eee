"""EC2's filters, and what is hidden unless one asks for it."""

from __future__ import annotations

import pytest

from tests.fakeaws.asking import ask
from tests.fakeaws.serving import Served
from tests.world.plan import ACCOUNT, REGION

ENI, ENI_2 = "eni-0aaaaaaaaaaaaaaaa", "eni-0bbbbbbbbbbbbbbbb"
ENIS, INSTANCES = "describe_network_interfaces", "describe_instances"


@pytest.mark.parametrize(
    ("name", "given", "found"),
    [
        ("description", ["EFS mount target for *"], "a"),
        ("description", ["EFS mount target for fs-?"], "a"),
        ("description", ["efs*"], ""),
        ("description", [r"what\? \*"], "b"),
        ("description", ["what? *"], "bc"),
        ("description", ["EFS*", "what*"], "abc"),
        ("vpc-id", ["vpc-1"], "ab"),
        ("network-interface-id", ["eni-b", "eni-gone"], "b"),
        ("private-ip-address", ["10.0.0.2"], ""),
        ("addresses.private-ip-address", ["10.0.0.2"], "a"),
        ("owner-id", ["1*"], "abc"),
        ("attachment.instance-id", ["i-1"], "c"),
        ("requester-managed", ["true"], "a"),
        ("tag:team", ["blue"], "b"),
        ("tag-key", ["team"], "b"),
    ],
)
def test_filters(fake_aws: Served, name: str, given: list[str], found: str) -> None:
    rows = [
        {
            "NetworkInterfaceId": "eni-a",
            "Description": "EFS mount target for fs-1",
            "VpcId": "vpc-1",
            "OwnerId": "1",
            "RequesterManaged": True,
            "PrivateIpAddress": "10.0.0.1",
            "PrivateIpAddresses": [
                {"PrivateIpAddress": "10.0.0.1"},
                {"PrivateIpAddress": "10.0.0.2"},
            ],
        },
        {
            "NetworkInterfaceId": "eni-b",
            "Description": "what? *",
            "VpcId": "vpc-1",
            "OwnerId": "1",
            "TagSet": [{"Key": "team", "Value": "blue"}],
        },
        {
            "NetworkInterfaceId": "eni-c",
            "Description": "what! you",
            "OwnerId": "12",
            "Attachment": {"InstanceId": "i-1"},
        },
    ]
    fake_aws.cloud.place(ACCOUNT, REGION).put("ec2.describe-network-interfaces", rows)
    answer = ask("ec2", ENIS, Filters=[{"Name": name, "Values": given}])
    assert [r["NetworkInterfaceId"] for r in answer["NetworkInterfaces"]] == [
        f"eni-{letter}" for letter in found
    ]


def test_every_filter_must_pass(fake_aws: Served) -> None:
    rows = [{"NetworkInterfaceId": ENI}, {"NetworkInterfaceId": ENI_2}]
    fake_aws.cloud.place(ACCOUNT, REGION).put("ec2.describe-network-interfaces", rows)
    both = [
        {"Name": "network-interface-id", "Values": [ENI]},
        {"Name": "network-interface-id", "Values": [ENI_2]},
    ]
    assert ask("ec2", ENIS, Filters=both)["NetworkInterfaces"] == []


def test_managed_interfaces_are_hidden_unless_asked_for(fake_aws: Served) -> None:
    place = fake_aws.cloud.place(ACCOUNT, REGION)
    hidden = {"Managed": True, "HiddenByDefault": True}
    place.put(
        "ec2.describe-network-interfaces",
        [
            {"NetworkInterfaceId": ENI, "Operator": hidden},
            {"NetworkInterfaceId": ENI_2, "Operator": {"Managed": True}},
        ],
    )
    place.put(
        "ec2.describe-instances",
        [{"ReservationId": "r-1", "Instances": [{"InstanceId": "i-1", "Operator": hidden}]}],
    )
    assert len(ask("ec2", ENIS)["NetworkInterfaces"]) == 1
    assert len(ask("ec2", ENIS, IncludeManagedResources=True)["NetworkInterfaces"]) == 2
    assert ask("ec2", INSTANCES)["Reservations"] == []
    assert len(ask("ec2", INSTANCES, IncludeManagedResources=True)["Reservations"]) == 1
