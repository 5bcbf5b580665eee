"""EKS: clusters by name."""

from __future__ import annotations

from tests.fakeaws.calls import Call, Result, answers
from tests.fakeaws.paging import Pages
from tests.fakeaws.refusals import RefusalError

_PAGES = Pages("clusters", "nextToken", size="maxResults", most=100, unasked=100)


@answers("eks.list-clusters", _PAGES)
def clusters(call: Call) -> Result:
    """Those listed, and those of which there is a description."""
    described = [row["name"] for row in call.rows("eks.describe-cluster")]
    return {"clusters": list(dict.fromkeys([*call.rows(), *described]))}


@answers("eks.describe-cluster")
def cluster(call: Call) -> Result:
    for row in call.rows():
        if row["name"] == call.get("name"):
            return {"cluster": row}
    said = f"No cluster found for name: {call.get('name')}."
    raise RefusalError("ResourceNotFoundException", said, 404)
