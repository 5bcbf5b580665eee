"""CloudTrail's event history: how far it goes back, and how often it may be asked."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakeaws.asking import ask, code
from tests.fakeaws.serving import Served
from tests.world.plan import ACCOUNT, REGION

NOW = 1_790_000_000.0
DAY = 86_400


@pytest.fixture
def history(fake_aws: Served) -> Served:
    fake_aws.cloud.now = lambda: NOW
    rows = [
        {
            "EventId": f"e{age}",
            "EventName": "DeleteNetworkInterface" if age % 2 else "NewClientConnection",
            "EventTime": NOW - age * DAY,
            "Resources": [{"ResourceName": f"eni-{age}", "ResourceType": "x"}],
            "CloudTrailEvent": '{"eventVersion": "1.08"}',
        }
        for age in (200, 91, 89, 50, 3, 1)
    ]
    fake_aws.cloud.place(ACCOUNT, REGION).put("cloudtrail.lookup-events", rows)
    return fake_aws


def looked_up(key: str = "", value: str = "", **parameters: Any) -> list[str]:
    attributes = [{"AttributeKey": key, "AttributeValue": value}]
    given = {"LookupAttributes": attributes} if key else {}
    return [
        e["EventId"] for e in ask("cloudtrail", "lookup_events", **given, **parameters)["Events"]
    ]


def test_the_history_is_ninety_days_newest_first(history: Served) -> None:
    assert looked_up() == ["e1", "e3", "e50", "e89"]
    assert looked_up("EventName", "NewClientConnection") == ["e50"]
    assert looked_up("ResourceName", "eni-3") == ["e3"]
    assert looked_up(StartTime=NOW - 60 * DAY, EndTime=NOW - 2 * DAY) == ["e3", "e50"]
    (event,) = ask("cloudtrail", "lookup_events", MaxResults=1)["Events"]
    assert event["EventTime"].timestamp() == NOW - DAY
    assert event["CloudTrailEvent"] == '{"eventVersion": "1.08"}'


def test_two_lookups_a_second_and_no_more(history: Served) -> None:
    cloud = history.cloud
    cloud.limit("cloudtrail.lookup-events", 2)
    assert looked_up()
    assert looked_up()
    assert code("cloudtrail", "lookup_events") == (400, "ThrottlingException")
    cloud.now = lambda: NOW + 1
    assert looked_up()
