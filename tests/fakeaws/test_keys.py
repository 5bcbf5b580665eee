"""Who asks: keys, roles, and when they expire."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from inventory.aws import Aws
from inventory.config import AccountSettings
from inventory.errors import AwsError, AwsFault
from tests.fakeaws.serving import Served
from tests.world.plan import ACCOUNT, REGION

OTHER = "444455556666"
ROLE = f"arn:aws:iam::{OTHER}:role/reader"


def assumed(**parameters: Any) -> Any:  # noqa: ANN401 - boto3's answer
    given = {"RoleArn": ROLE, "RoleSessionName": "efs-inventory"} | parameters
    return boto3.client("sts").assume_role(**given)["Credentials"]


def client(service: str, credentials: Any, region: str = REGION) -> Any:  # noqa: ANN401 - boto3's own
    return boto3.client(  # type: ignore[call-overload]
        service,
        region_name=region,
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return error.value.response["Error"]["Code"]


def test_a_role_works_in_its_own_account(fake_aws: Served) -> None:
    fake_aws.cloud.role(ROLE)
    fake_aws.cloud.place(OTHER, REGION).put("ec2.describe-vpcs", [{"VpcId": "vpc-theirs"}])
    credentials = assumed()
    assert client("sts", credentials).get_caller_identity()["Arn"] == (
        f"arn:aws:sts::{OTHER}:assumed-role/reader/efs-inventory"
    )
    assert client("ec2", credentials).describe_vpcs()["Vpcs"] == [{"VpcId": "vpc-theirs"}]
    assert boto3.client("ec2").describe_vpcs()["Vpcs"] == []
    assert [a.account for a in fake_aws.cloud.log] == [ACCOUNT, OTHER, OTHER, ACCOUNT]


def test_a_role_is_refused_without_its_external_id(fake_aws: Served) -> None:
    fake_aws.cloud.role(ROLE, "open sesame".replace(" ", "-"))
    for given in ({}, {"ExternalId": "open-barley"}):
        with pytest.raises(ClientError) as caught:
            assumed(**given)
        assert code(caught) == "AccessDenied"
    assert assumed(ExternalId="open-sesame")


def test_a_role_is_refused_to_those_it_does_not_trust(fake_aws: Served) -> None:
    fake_aws.cloud.role(ROLE, "", OTHER)
    with pytest.raises(ClientError) as caught:
        assumed()
    assert code(caught) == "AccessDenied"
    fake_aws.cloud.role(ROLE, "", ACCOUNT)
    assert assumed()


def test_a_session_expires_on_the_clouds_clock(fake_aws: Served) -> None:
    cloud, now = fake_aws.cloud, time.time()
    cloud.role(ROLE)
    credentials = assumed(DurationSeconds=900)
    assert 890 < credentials["Expiration"].timestamp() - now <= 960
    cloud.now = lambda: now + 880
    assert client("sts", credentials).get_caller_identity()
    cloud.now = lambda: now + 1000
    for service, method, word in (
        ("sts", "get_caller_identity", "ExpiredToken"),
        ("ec2", "describe_vpcs", "RequestExpired"),
        ("efs", "describe_file_systems", "ExpiredTokenException"),
        ("ecs", "list_clusters", "ExpiredTokenException"),
    ):
        with pytest.raises(ClientError) as caught:
            getattr(client(service, credentials), method)()
        assert code(caught) == word


def test_a_key_nobody_gave_out_is_refused(fake_aws: Served) -> None:
    fake_aws.cloud.role(ROLE)
    credentials = assumed()
    for wrong in (
        credentials | {"AccessKeyId": "AKIAIOSFODNN7EXAMPLE"},
        credentials | {"SessionToken": "another"},
        credentials | {"SessionToken": None},
    ):
        with pytest.raises(ClientError) as caught:
            client("ec2", wrong).describe_vpcs()
        assert code(caught) == "AuthFailure"


@pytest.mark.parametrize(
    ("region", "partition"),
    [("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")],
)
def test_arns_are_of_the_regions_partition(fake_aws: Served, region: str, partition: str) -> None:
    arn = f"arn:{partition}:iam::{OTHER}:role/reader"
    fake_aws.cloud.role(arn)
    sts = boto3.client("sts", region_name=region)
    answer = sts.assume_role(RoleArn=arn, RoleSessionName="me")
    assert answer["AssumedRoleUser"]["Arn"].startswith(f"arn:{partition}:sts::{OTHER}:")
    where = client("sts", answer["Credentials"], region).get_caller_identity()["Arn"]
    assert where == answer["AssumedRoleUser"]["Arn"]
    assert {a.region for a in fake_aws.cloud.log} == {region}


def test_the_programs_own_roles_work(fake_aws: Served) -> None:
    fake_aws.cloud.role(ROLE, "open-sesame")
    account = AccountSettings(id=OTHER, regions=(REGION,), role_arn=ROLE, external_id="open-sesame")
    caller = Aws().caller(account, REGION)
    assert caller.identity() == OTHER
    caller.identity()
    assert fake_aws.cloud.counts() == {"sts.assume-role": 1, "sts.get-caller-identity": 2}
    wrong = AccountSettings(id=OTHER, regions=(REGION,), role_arn=ROLE, external_id="open-barley")
    with pytest.raises(AwsError) as caught:
        Aws().caller(wrong, REGION).identity()
    assert caught.value.fault is AwsFault.DENIED


def test_nothing_is_left_open_when_all_was_asked(fake_aws: Served) -> None:
    """Of the role that was assumed either; what is asked later opens its own."""
    fake_aws.cloud.role(ROLE)
    account = AccountSettings(id=OTHER, regions=(REGION,), role_arn=ROLE)
    aws = Aws()

    def opened() -> int:
        links = Path("/proc/self/fd").iterdir()
        return sum(str(one.readlink()).startswith("socket:") for one in links if one.is_symlink())

    before = opened()
    for _ in range(2):
        assert aws.caller(account, REGION, OTHER).identity()
        assert opened() > before
        aws.close()
        end = time.monotonic() + 5
        while opened() > before:  # the fake closes its ends in this process, too
            assert time.monotonic() < end, f"{opened() - before} sockets are open"
            time.sleep(0.01)
