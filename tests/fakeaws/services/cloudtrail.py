"""CloudTrail's event history: ninety days, newest first, by one attribute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.fakeaws.calls import Call, Result, answers
from tests.fakeaws.paging import Pages
from tests.fakeaws.refusals import RefusalError
from tests.fakeaws.writing import moment

DAYS_KEPT = 90

Row = Mapping[str, Any]

_PAGES = Pages("Events", most=50, unasked=50)


@answers("cloudtrail.lookup-events", _PAGES)
def events(call: Call) -> Result:
    passes = _attribute(call)
    now = call.cloud.now()
    since, until = _moment(call, "StartTime", 0), _moment(call, "EndTime", now)
    if since > until:
        raise RefusalError("InvalidTimeRangeException", "The start time is after the end time.")
    oldest = max(since, now - DAYS_KEPT * 86_400)
    found = [row for row in call.rows() if oldest <= _at(row) <= min(until, now) and passes(row)]
    return {"Events": sorted(found, key=_at, reverse=True)}


def _moment(call: Call, name: str, default: float) -> float:
    given = call.get(name)
    return default if given is None else moment(given).timestamp()


def _at(row: Row) -> float:
    return moment(row["EventTime"]).timestamp()


def _attribute(call: Call) -> Any:  # noqa: ANN401 - a predicate of rows
    given = call.get("LookupAttributes", [])
    if len(given) > 1:
        said = "You can only specify one attribute."
        raise RefusalError("InvalidLookupAttributesException", said)
    if not given:
        return lambda _: True
    found, value = _ATTRIBUTES[given[0]["AttributeKey"]], given[0]["AttributeValue"]
    return lambda row: value in found(row)


def _resources(name: str) -> Any:  # noqa: ANN401 - a reader of rows
    return lambda row: [r.get(name) for r in row.get("Resources", ())]


def _field(name: str) -> Any:  # noqa: ANN401 - a reader of rows
    return lambda row: [row.get(name)]


_ATTRIBUTES: Mapping[str, Any] = {
    "EventId": _field("EventId"),
    "EventName": _field("EventName"),
    "ReadOnly": _field("ReadOnly"),
    "Username": _field("Username"),
    "EventSource": _field("EventSource"),
    "AccessKeyId": _field("AccessKeyId"),
    "ResourceName": _resources("ResourceName"),
    "ResourceType": _resources("ResourceType"),
}
