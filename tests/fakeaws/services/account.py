"""Account management: which regions an account has enabled."""

from __future__ import annotations

from tests.fakeaws.calls import Call, Result, answers
from tests.fakeaws.paging import Pages


@answers("account.list-regions", Pages("Regions", most=50, unasked=50))
def regions(call: Call) -> Result:
    """One's own, or for the management account those of a member."""
    account = call.get("AccountId", call.account)
    organization = call.cloud.organization
    if account != call.account and not (
        organization and organization.may_ask(call.account) and organization.is_member(account)
    ):
        raise call.refusal("denied", "You do not have sufficient access to this account.")
    wanted = call.get("RegionOptStatusContains")
    return {
        "Regions": [
            {"RegionName": region, "RegionOptStatus": status}
            for region, status in sorted(call.cloud.regions(account).items())
            if not wanted or status in wanted
        ]
    }
