"""Whom a round asks: configured accounts, an organization's, those of earlier rounds when it does not answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from inventory.config import AccountSettings, DiscoverSettings, OrganizationSettings
from inventory.discover import accounts
from inventory.errors import AwsError, AwsFault

HUB, ONE, TWO, THREE = "111111111111", "222222222222", "333333333333", "444444444444"
ROLE = f"arn:aws:iam::{HUB}:role/lister"


@dataclass
class Organization:
    """Stands for :class:`inventory.aws.Aws` and its callers."""

    children: Mapping[str, Sequence[Mapping[str, str]]] = field(default_factory=dict)
    fault: AwsFault | None = None
    asked: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    ways_in: list[object] = field(default_factory=list)

    def caller(self, way_in: object, region: str, account: str = "") -> Organization:
        self.ways_in.append((way_in, region, account))
        return self

    def partition(self, region: str) -> str:
        return "aws-cn" if region.startswith("cn-") else "aws"

    def identity(self) -> str:
        if self.fault:
            raise AwsError(self.fault, "not today")
        return HUB

    def listed(self, _service: str, operation: str, _key: str, **parameters: Any) -> Sequence[Any]:
        self.asked.append((operation, parameters))
        unit = parameters.get("ParentId", "")
        if operation == "list_organizational_units_for_parent":
            return [{"Id": one} for one in self.children if one.startswith(f"{unit}/")]
        return self.children.get(unit, ())


def found(
    aws: Organization, settings: DiscoverSettings, remembered: Sequence[tuple[str, str]] = ()
) -> accounts.Entrances:
    return accounts.entrances(settings, aws, remembered, "eu-central-1")  # type: ignore[arg-type]


def organization(**changes: Any) -> DiscoverSettings:
    values = {"role_name": "reader", "management_role_arn": ROLE} | changes
    return DiscoverSettings(organization=OrganizationSettings(**values))


def ids(entrances: accounts.Entrances) -> list[str]:
    return [one.account_id for one in entrances.accounts]


ALL = {"": [{"Id": ONE, "Status": "ACTIVE"}, {"Id": TWO, "State": "ACTIVE"}, {"Id": HUB}]}


def test_without_any_account_the_credentials_at_hand_are_asked_where_they_are() -> None:
    (only,) = found(Organization(), DiscoverSettings()).accounts
    assert (only.account_id, only.settings, only.regions) == ("", None, ("eu-central-1",))


def test_every_active_account_of_the_organization_is_asked_by_its_own_role() -> None:
    entrances = found(Organization(ALL), organization())
    assert ids(entrances) == [HUB, ONE, TWO]
    roles = {one.account_id: one.settings.role_arn for one in entrances.accounts if one.settings}
    assert roles == {
        HUB: ROLE,
        ONE: f"arn:aws:iam::{ONE}:role/reader",
        TWO: f"arn:aws:iam::{TWO}:role/reader",
    }
    assert (entrances.organization, entrances.problem) == (HUB, "")


@pytest.mark.parametrize("state", ["SUSPENDED", "PENDING_CLOSURE", "CLOSED"])
@pytest.mark.parametrize("key", ["State", "Status"])
def test_accounts_that_are_closed_are_not(state: str, key: str) -> None:
    aws = Organization({"": [{"Id": ONE}, {"Id": TWO, key: state}]})
    assert ids(found(aws, organization())) == [ONE]


def test_excluded_ones_are_not_and_configured_ones_keep_their_own_way_in() -> None:
    own = AccountSettings(id=ONE, regions=("us-east-1",), profile="one")
    settings = organization(exclude=(TWO,)).model_copy(update={"accounts": (own,)})
    entrances = found(Organization(ALL), settings)
    assert ids(entrances) == [ONE, HUB]
    assert entrances.accounts[0].settings == own


def test_units_are_walked_through_with_those_below_them() -> None:
    aws = Organization({"ou-a": [{"Id": ONE}], "ou-a/b": [{"Id": TWO}], "ou-z": [{"Id": THREE}]})
    assert ids(found(aws, organization(include_ous=("ou-a",)))) == [ONE, TWO]


def test_the_management_account_is_not_lost_either() -> None:
    aws = Organization({"": [{"Status": "ACTIVE"}]})
    entrances = found(aws, organization(), [(ONE, "eu-central-1"), (HUB, "eu-central-1")])
    assert ids(entrances) == [HUB, ONE]
    assert "an account without Id" in entrances.problem
    (hub, _) = entrances.accounts
    assert hub.settings is not None
    assert hub.settings.role_arn == ROLE


@pytest.mark.parametrize("fault", AwsFault)
def test_an_organization_that_does_not_answer_loses_nobody(fault: AwsFault) -> None:
    remembered = [(ONE, "eu-central-1"), (TWO, "eu-central-1"), (TWO, "us-east-1")]
    entrances = found(Organization(fault=fault), organization(), remembered)
    assert ids(entrances) == [ONE, TWO]
    assert "not today" in entrances.problem


def test_the_partition_is_that_of_the_role() -> None:
    role = f"arn:aws-cn:iam::{HUB}:role/lister"
    aws = Organization({"": [{"Id": ONE}]})
    (only,) = found(aws, organization(management_role_arn=role)).accounts
    assert only.settings is not None
    assert (only.settings.role_arn, only.home) == (
        f"arn:aws-cn:iam::{ONE}:role/reader",
        "cn-northwest-1",
    )


def test_enabled_regions_are_asked_of_the_account_itself() -> None:
    (first, *_) = found(Organization(ALL), organization()).accounts
    aws = Organization({"": [{"RegionName": "eu-central-1"}, {"RegionName": "af-south-1"}]})
    assert first.regions == ()
    assert accounts.regions_of(first, aws) == ("af-south-1", "eu-central-1")  # type: ignore[arg-type]
    assert aws.asked == [
        ("list_regions", {"RegionOptStatusContains": ["ENABLED", "ENABLED_BY_DEFAULT"]})
    ]


@pytest.mark.parametrize("rows", [[], [{}], [{"RegionName": "eu-central-1"}, {"RegionName": ""}]])
def test_an_account_without_regions_is_none_that_told_them(rows: list[dict[str, str]]) -> None:
    (first, *_) = found(Organization(ALL), organization()).accounts
    with pytest.raises(AwsError) as raised:
        accounts.regions_of(first, Organization({"": rows}))  # type: ignore[arg-type]
    assert raised.value.fault is AwsFault.CORRUPT
