"""The fake's CloudWatch Logs, asked by boto3: the limits and ends that are documented."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.fakeaws.refusals import RefusalError
from tests.fakeaws.services.logs import Logs, matcher
from tests.fakeaws.serving import Served
from tests.world.plan import ACCOUNT, REGION

T = 1_790_000_000
GROUP = "/vpc/flow-logs"


@pytest.fixture
def logs(fake_aws: Served) -> Logs:
    made = Logs()
    made.group(GROUP, keeps_days=30)
    made.put(GROUP, "eni-1-all", [(T + n, f"2 a {n} 2049 OK") for n in range(4)])
    made.put(GROUP, "eni-2-all", [(T + 1, "2 b 9 443 OK")])
    fake_aws.cloud.now = lambda: T + 60
    fake_aws.cloud.place(ACCOUNT, REGION).put("logs", [made])
    return made


def client() -> Any:  # noqa: ANN401 - boto3's clients have no static type
    return boto3.client("logs")


def refused(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


@pytest.mark.usefixtures("logs")
def test_both_ends_are_included_in_milliseconds() -> None:
    found = client().filter_log_events(
        logGroupName=GROUP, startTime=T * 1000, endTime=(T + 1) * 1000
    )
    assert [event["timestamp"] for event in found["events"]] == [T * 1000, (T + 1) * 1000, (T + 1) * 1000]  # fmt: skip
    before = client().filter_log_events(logGroupName=GROUP, endTime=T * 1000 - 1)
    assert before["events"] == []


@pytest.mark.usefixtures("logs")
def test_streams_are_interleaved_by_time_and_chosen_by_name() -> None:
    found = client().filter_log_events(logGroupName=GROUP)["events"]
    assert [event["logStreamName"] for event in found][:3] == ["eni-1-all", "eni-1-all", "eni-2-all"]  # fmt: skip
    assert len({event["eventId"] for event in found}) == 5
    one = client().filter_log_events(logGroupName=GROUP, logStreamNames=["eni-2-all"])
    assert len(one["events"]) == 1


@pytest.mark.usefixtures("logs")
@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"logStreamNames": [f"eni-{n}-all" for n in range(101)]}, "InvalidParameterException"),
        ({"logStreamNames": ["eni-3-all"]}, "ResourceNotFoundException"),
        ({"logStreamNames": ["eni-1-all"], "logStreamNamePrefix": "eni"}, "InvalidParameterException"),
        ({"logGroupName": "/other"}, "ResourceNotFoundException"),
        ({"filterPattern": "[a, b"}, "InvalidParameterException"),
        ({"limit": 10_001}, "InvalidParameterException"),
    ],
)  # fmt: skip
def test_what_aws_refuses(parameters: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError) as error:
        client().filter_log_events(**({"logGroupName": GROUP} | parameters))
    assert refused(error) == code


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("", True),
        ('?"2049" ?"NODATA"', True),
        ('?"443" ?"NODATA"', False),
        ('"2049" "OK"', True),
        ('"2049" "NODATA"', False),
        ("[v, name, n, port=2049, status]", True),
        ('[v, name, n, port="443", status]', False),
        ("[v, name, n, port!=443, status=OK]", True),
        ("[v, name, port=2049]", False),
    ],
)
def test_filter_patterns(pattern: str, found: bool) -> None:
    assert matcher(pattern)("2 a 7 2049 OK") is found


@pytest.mark.parametrize("pattern", ["{ $.port = 2049 }", '?"a" "b"', "[a b]", "%2049%"])
def test_patterns_that_are_not_for_such_records(pattern: str) -> None:
    with pytest.raises(RefusalError):
        matcher(pattern)


def test_a_query_runs_before_it_is_complete(logs: Logs) -> None:
    """With a part of its rows; its ends are both included, in seconds; it can be stopped only while it runs."""
    logs.polls = 2
    ident = client().start_query(
        logGroupName=GROUP, queryString="fields @message", startTime=T, endTime=T + 1
    )["queryId"]
    polls = [client().get_query_results(queryId=ident) for _ in range(3)]
    assert [poll["status"] for poll in polls] == ["Running", "Running", "Complete"]
    assert [len(poll["results"]) for poll in polls] == [1, 1, 3]
    assert polls[2]["statistics"]["recordsScanned"] == 3
    with pytest.raises(ClientError):
        client().stop_query(queryId=ident)


@pytest.mark.usefixtures("logs")
def test_a_query_that_is_none_is_not_started() -> None:
    with pytest.raises(ClientError) as error:
        client().start_query(logGroupName=GROUP, queryString="SELECT 1", startTime=T, endTime=T)
    assert refused(error) == "MalformedQueryException"


def test_what_is_older_than_the_group_keeps_is_not_there(logs: Logs) -> None:
    logs.put(GROUP, "eni-1-all", [(T - 31 * 86_400, "2 a 0 2049 OK")])
    assert len(client().filter_log_events(logGroupName=GROUP)["events"]) == 5
