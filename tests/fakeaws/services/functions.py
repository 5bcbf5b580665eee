"""Lambda's list of functions."""

from __future__ import annotations

from tests.fakeaws.calls import Call, Result, answers
from tests.fakeaws.paging import Pages

PAGE = 50

_PAGES = Pages(
    "Functions", "Marker", "NextMarker", "MaxItems", most=PAGE, unasked=PAGE, capped=True
)


@answers("lambda.list-functions", _PAGES)
def functions(call: Call) -> Result:
    """Every version only when all are asked for."""
    every = call.get("FunctionVersion") == "ALL"
    return {"Functions": [r for r in call.rows() if every or r["Version"] == "$LATEST"]}
