"""CloudWatch: GetMetricData, as finely as it keeps datapoints of that age.

A result holds at most 100,800 datapoints, or ten for each of ``page_size``; the rest of it comes in further results of the same id.

What there is lies under the call's own name, a row for each series, by the minute::

    {"FileSystemId": "fs-…", "MetricName": "ClientConnections", "Points": {minute: value}}

A minute without a value has no datapoint. ``"Status"`` is another one than ``Complete``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tests.fakeaws.calls import Call, Result, answers
from tests.fakeaws.paging import Pages
from tests.fakeaws.writing import moment

MINUTE, HOUR, DAY = 60, 3600, 86_400
KEPT = ((15 * DAY, MINUTE), (63 * DAY, 300), (455 * DAY, HOUR))
"""Up to which age datapoints are kept, and how finely."""

MOST_QUERIES = 500
MOST_POINTS = 100_800

Query = Mapping[str, Any]


@answers(
    "cloudwatch.get-metric-data", Pages("MetricDataResults", size="MaxDatapoints", most=MOST_POINTS)
)
def metric_data(call: Call) -> Result:
    """Each result in as many parts as its datapoints fill; all parts but the last are ``PartialData``."""
    queries = call.get("MetricDataQueries", [])
    start, end = (int(moment(call.get(name)).timestamp()) for name in ("StartTime", "EndTime"))
    _refuse(call, queries, start, end)
    found: list[dict[str, Any]] = []
    share = min(MOST_POINTS, 10 * (call.cloud.page_size or MOST_POINTS))
    for query in queries:
        status, points = _series(call, query, start, end)
        named = {"Id": query["Id"], "Label": query.get("Label", query["Id"])}
        parts = [points[at : at + share] for at in range(0, len(points), share)] or [[]]
        for number, part in enumerate(parts, 1):
            found.append(
                named
                | {
                    "Timestamps": [at for at, _ in part],
                    "Values": [value for _, value in part],
                    "StatusCode": status if number == len(parts) else "PartialData",
                }
            )
    return {"MetricDataResults": found, "Messages": []}


def _refuse(call: Call, queries: list[Query], start: int, end: int) -> None:
    """What AWS refuses beyond what its model says."""
    ids = [query["Id"] for query in queries]
    wrong = ""
    if not 1 <= len(queries) <= MOST_QUERIES:
        wrong = f"The collection MetricDataQueries must have a size from 1 to {MOST_QUERIES}"
    elif start >= end:
        wrong = "The parameter StartTime must be less than the parameter EndTime"
    elif len(set(ids)) < len(ids):
        wrong = "The values for parameter id in MetricDataQueries are not unique"
    elif bad := [one for one in ids if not re.fullmatch(r"[a-z][a-zA-Z0-9_]*", one)]:
        wrong = f"The value {bad[0]} for parameter MetricDataQueries.member.Id is not matching the expected pattern"
    elif any("MetricStat" not in query for query in queries):
        wrong = "Either Expression or MetricStat must be given"
    else:
        periods = {query["MetricStat"]["Period"] for query in queries}
        if odd := [one for one in periods if one not in {1, 5, 10, 20, 30} and one % MINUTE]:
            wrong = f"Period {odd[0]} must be a multiple of 60"
    if wrong:
        raise call.refusal("invalid", wrong)


def _series(call: Call, query: Query, start: int, end: int) -> tuple[str, list[tuple[int, float]]]:
    stat = query["MetricStat"]
    metric, period = stat["Metric"], stat["Period"]
    dimensions = {one["Name"]: one["Value"] for one in metric.get("Dimensions", ())}
    if metric["Namespace"] != "AWS/EFS" or stat["Stat"] != "Sum":
        return "Complete", []
    status = "Complete"
    sums: dict[int, float] = {}
    for row in call.rows():
        if (row["FileSystemId"], row["MetricName"]) != (
            dimensions.get("FileSystemId"),
            metric["MetricName"],
        ):
            continue
        status = row.get("Status", status)
        for minute, value in row["Points"].items():
            if not start <= minute < end:
                continue
            begin = start + (minute - start) // period * period
            if _is_kept(call.cloud.now() - begin, period):
                sums[begin] = sums.get(begin, 0) + value
    return status, sorted(sums.items())


def _is_kept(age: float, period: int) -> bool:
    """Whether what is kept of that age is as fine as is asked for."""
    return any(age <= oldest and period % finest == 0 for oldest, finest in KEPT)
