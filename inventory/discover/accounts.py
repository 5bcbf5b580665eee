"""Which accounts and regions there are to ask: configured ones, an organization's, or whoever the credentials at hand belong to."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from inventory.aws import Aws, Caller, corrupt
from inventory.config import AccountSettings, DiscoverSettings, OrganizationSettings
from inventory.errors import AwsError

GLOBAL = "global"
"""The region of calls that belong to none."""

LIST_ACCOUNTS = "organizations.list-accounts"
LIST_REGIONS = "account.list-regions"

_HOMES = {"aws": "us-east-1", "aws-cn": "cn-northwest-1", "aws-us-gov": "us-gov-west-1"}
"""By partition the region in which Organizations and Account answer."""

_OPTED_IN = ["ENABLED", "ENABLED_BY_DEFAULT"]


@dataclass(frozen=True, slots=True)
class Entrance:
    """One account, how to get into it, and which of its regions are asked."""

    account_id: str
    """``""``: whoever the credentials at hand belong to."""
    settings: AccountSettings | None
    regions: tuple[str, ...]
    """Empty: those that are enabled, which the account itself must be asked for."""
    home: str
    """The region whose endpoints are asked what concerns no region."""


@dataclass(slots=True)
class Entrances:
    """Every account that is to be asked, and what could not be found out about an organization."""

    accounts: list[Entrance] = field(default_factory=list)
    organization: str = ""
    """The account that was asked for the others; ``""`` without an organization."""
    problem: str = ""
    """Why the organization could not tell its accounts; then those known from earlier are asked."""


def entrances(
    settings: DiscoverSettings, aws: Aws, remembered: Collection[tuple[str, str]], region: str
) -> Entrances:
    """The accounts to ask. ``remembered`` are the (account, region) pairs of earlier sweeps; ``region`` is the one of the environment.

    An organization that does not answer is a problem, and loses nobody: its accounts of earlier sweeps stay.
    """
    found = Entrances()
    for account in settings.accounts:
        found.accounts.append(Entrance(account.id, account, account.regions, account.regions[0]))
    if settings.organization is not None:
        _add_organization(found, settings.organization, aws, remembered, region)
    if not settings.accounts and settings.organization is None:
        found.accounts.append(Entrance("", None, (region,), region))
    return found


def regions_of(entrance: Entrance, caller: Caller) -> tuple[str, ...]:
    """The regions that an account has enabled. Raises ``AwsError``."""
    if entrance.regions:
        return entrance.regions
    rows = caller.listed("account", "list_regions", "Regions", RegionOptStatusContains=_OPTED_IN)
    names = {str(row.get("RegionName") or "") for row in rows}
    if not names or "" in names:
        raise corrupt(LIST_REGIONS, "no region, or one without a name")
    return tuple(sorted(names))


def _add_organization(
    found: Entrances,
    organization: OrganizationSettings,
    aws: Aws,
    remembered: Collection[tuple[str, str]],
    region: str,
) -> None:
    role = organization.management_role_arn
    partition = role.split(":")[1] if role else aws.partition(region)
    home = _HOMES.get(partition, region)
    management = role.split(":")[4] if role else ""
    way_in = AccountSettings(id=management, regions=(home,), role_arn=role) if role else None
    configured = {entrance.account_id for entrance in found.accounts}
    found.organization = management or "organization"
    try:
        caller = aws.caller(way_in, home, management)
        found.organization = caller.identity()
        members = set(_members(caller, organization.include_ous))
    except AwsError as error:
        found.problem = error.told
        members = {account for account, _ in remembered}
    for account_id in sorted(members - configured - set(organization.exclude)):
        # The member role is not made in the management account: there, whoever lists the accounts also reads.
        member = f"arn:{partition}:iam::{account_id}:role/{organization.role_name}"
        arn = role if account_id == found.organization else member
        regions = () if organization.regions == "enabled" else organization.regions
        settings = AccountSettings(id=account_id, regions=regions or (home,), role_arn=arn)
        found.accounts.append(Entrance(account_id, settings, tuple(regions), home))


def _members(caller: Caller, units: Sequence[str]) -> Iterator[str]:
    """Ids of active accounts: of the whole organization, or of some organizational units with those below them."""
    if not units:
        yield from _active(caller.listed("organizations", "list_accounts", "Accounts"))
        return
    waiting, seen = list(units), set(units)
    while waiting:
        unit = waiting.pop()
        yield from _active(
            caller.listed("organizations", "list_accounts_for_parent", "Accounts", ParentId=unit)
        )
        below = caller.listed(
            "organizations",
            "list_organizational_units_for_parent",
            "OrganizationalUnits",
            ParentId=unit,
        )
        new = [str(row["Id"]) for row in below if row.get("Id") and row["Id"] not in seen]
        seen.update(new)
        waiting += new


def _active(rows: Sequence[Any]) -> Iterator[str]:
    """``State`` replaces ``Status``; an account with neither is taken for active."""
    for row in rows:
        if (row.get("State") or row.get("Status") or "ACTIVE") == "ACTIVE":
            if not row.get("Id"):
                raise corrupt(LIST_ACCOUNTS, "an account without Id")
            yield str(row["Id"])
