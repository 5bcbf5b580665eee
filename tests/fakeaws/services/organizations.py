"""AWS Organizations, which answers the management account and whom it delegated to."""

from __future__ import annotations

from tests.fakeaws.calls import Call, Result, answers
from tests.fakeaws.organization import Organization
from tests.fakeaws.paging import Pages
from tests.fakeaws.refusals import RefusalError


def _pages(key: str) -> Pages:
    return Pages(key, most=20, unasked=20)


def _organization(call: Call) -> Organization:
    """Raises ``RefusalError`` for who may not ask."""
    found = call.cloud.organization
    if found is None or not (found.may_ask(call.account) or found.is_member(call.account)):
        said = "Your account is not a member of an organization."
        raise RefusalError("AWSOrganizationsNotInUseException", said)
    if not found.may_ask(call.account):
        raise call.refusal("denied", "You don't have permissions to access this resource.")
    return found


def _parent(call: Call, organization: Organization) -> str:
    parent = str(call.get("ParentId"))
    if not organization.is_parent(parent):
        raise RefusalError("ParentNotFoundException", "You specified parent that doesn't exist.")
    return parent


@answers("organizations.list-roots", _pages("Roots"))
def roots(call: Call) -> Result:
    return {"Roots": _organization(call).roots()}


@answers("organizations.list-accounts", _pages("Accounts"))
def accounts(call: Call) -> Result:
    return {"Accounts": _organization(call).accounts_of(None)}


@answers("organizations.list-accounts-for-parent", _pages("Accounts"))
def accounts_for_parent(call: Call) -> Result:
    organization = _organization(call)
    return {"Accounts": organization.accounts_of(_parent(call, organization))}


@answers("organizations.list-organizational-units-for-parent", _pages("OrganizationalUnits"))
def units_for_parent(call: Call) -> Result:
    organization = _organization(call)
    return {"OrganizationalUnits": organization.units_of(_parent(call, organization))}
