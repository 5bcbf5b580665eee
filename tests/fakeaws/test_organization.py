"""The organization and its regions: who may ask, and what is answered."""

from __future__ import annotations

import boto3

from tests.fakeaws.asking import ask, code
from tests.fakeaws.organization import Member, Organization, Unit
from tests.fakeaws.serving import Served
from tests.world.plan import ACCOUNT, REGION

OTHER = "444455556666"


def test_only_the_management_account_and_its_delegates_see_the_organization(
    fake_aws: Served,
) -> None:
    organization = Organization(
        management=OTHER, accounts=[Member(ACCOUNT, "ours", "r-root1"), Member(OTHER, "top", "")]
    )
    fake_aws.cloud.organization = organization
    assert code("organizations", "list_accounts") == (400, "AccessDeniedException")
    organization.delegated.add(ACCOUNT)
    answer = ask("organizations", "list_accounts")
    assert [account["Id"] for account in answer["Accounts"]] == [ACCOUNT, OTHER]
    parent = {"ParentId": "ou-none-11111111"}
    assert code("organizations", "list_accounts_for_parent", **parent) == (
        400,
        "ParentNotFoundException",
    )


def test_the_organization_is_walked_from_its_root(fake_aws: Served) -> None:
    fake_aws.cloud.organization = Organization(
        management=ACCOUNT,
        units=[
            Unit("ou-root-11111111", "prod", "r-root1"),
            Unit("ou-root-22222222", "prod-eu", "ou-root-11111111"),
        ],
        accounts=[
            Member(ACCOUNT, "top", "r-root1"),
            *[Member(f"5{n:011d}", f"a{n}", "ou-root-22222222") for n in range(25)],
        ],
    )
    (root,) = ask("organizations", "list_roots")["Roots"]
    client = boto3.client("organizations")
    units = client.get_paginator("list_organizational_units_for_parent")
    accounts = client.get_paginator("list_accounts_for_parent")
    found, todo = [], [root["Id"]]
    while todo:
        parent = todo.pop()
        todo += [u["Id"] for p in units.paginate(ParentId=parent) for u in p["OrganizationalUnits"]]
        found += [a["Id"] for p in accounts.paginate(ParentId=parent) for a in p["Accounts"]]
    assert found == [ACCOUNT, *[f"5{n:011d}" for n in range(25)]]
    assert fake_aws.cloud.counts()["organizations.list-accounts-for-parent"] == 4


def test_regions_of_a_member_are_the_management_accounts_to_ask(fake_aws: Served) -> None:
    cloud = fake_aws.cloud
    cloud.region(OTHER, "eu-south-2", "ENABLED")
    cloud.region(OTHER, "ap-east-1", "DISABLED")
    cloud.organization = Organization(ACCOUNT, accounts=[Member(OTHER, "other", "r-root1")])
    assert ask("account", "list_regions", AccountId=OTHER)["Regions"] == [
        {"RegionName": "ap-east-1", "RegionOptStatus": "DISABLED"},
        {"RegionName": "eu-south-2", "RegionOptStatus": "ENABLED"},
    ]
    enabled = ask(
        "account",
        "list_regions",
        AccountId=OTHER,
        RegionOptStatusContains=["ENABLED", "ENABLED_BY_DEFAULT"],
    )
    assert [r["RegionName"] for r in enabled["Regions"]] == ["eu-south-2"]


def test_nothing_works_in_a_region_that_is_not_enabled(fake_aws: Served) -> None:
    fake_aws.cloud.region(ACCOUNT, REGION, "DISABLED")
    assert code("ec2", "describe_vpcs") == (401, "AuthFailure")
    assert code("efs", "describe_file_systems") == (403, "UnrecognizedClientException")
    assert code("sts", "get_caller_identity") == (403, "InvalidClientTokenId")
