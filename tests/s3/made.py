"""Keys and contents of objects as AWS and archives write them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from datetime import UTC, datetime

from tests.unit.flowlog.lines import HEADER, line

ACCOUNT = "123456789012"
REGION = "eu-west-1"
FLOW_LOG = "fl-0abc0abc"


def name(
    at: int,
    *,
    account: str = ACCOUNT,
    region: str = REGION,
    flow_log: str = FLOW_LOG,
    mark: str = "0a1b2c3d",
    suffix: str = "log.gz",
) -> str:
    """The name of the object of a slot."""
    return f"{account}_vpcflowlogs_{region}_{flow_log}_{moment(at):%Y%m%dT%H%MZ}_{mark}.{suffix}"


def plain(
    at: int,
    *,
    before: str = "",
    hourly: bool = False,
    account: str = ACCOUNT,
    region: str = REGION,
    **more: str,
) -> str:
    folder = f"{before}AWSLogs/{account}/vpcflowlogs/{region}/{moment(at):%Y/%m/%d}/"
    hour = f"{moment(at):%H}/" if hourly else ""
    return f"{folder}{hour}{name(at, account=account, region=region, **more)}"


def hive(
    at: int,
    *,
    before: str = "",
    hourly: bool = False,
    account: str = ACCOUNT,
    region: str = REGION,
    service: str = "aws-service",
    **more: str,
) -> str:
    folder = (
        f"{before}AWSLogs/aws-account-id={account}/{service}=vpcflowlogs/aws-region={region}/"
        f"{moment(at):year=%Y/month=%m/day=%d}/"
    )
    hour = f"{moment(at):hour=%H}/" if hourly else ""
    return f"{folder}{hour}{name(at, account=account, region=region, **more)}"


def archived(at: int, *, before: str = "archive/", number: int = 0) -> str:
    """As Firehose names what it delivers."""
    return f"{before}{moment(at):%Y/%m/%d/%H}/logs-1-{moment(at):%Y-%m-%d-%H-%M-%S}-{number:08x}"


def moment(at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def text(at: int, *lines: str) -> bytes:
    """One object of text; without lines, one request that ends in the slot."""
    told = lines or (line(start=at + 10, end=at + 68),)
    return gzip.compress("\n".join((HEADER, *told, "")).encode(), mtime=0)


def envelope(
    lines: Iterable[str], group: str = "/vpc/flow-logs", stream: str = "eni-0a-all"
) -> str:
    """What a CloudWatch subscription sends."""
    events = [
        {"id": str(number), "timestamp": int(each.split()[10]) * 1000, "message": each}
        if len(each.split()) > 10 and each.split()[10].isdigit()
        else {"id": str(number), "timestamp": 0, "message": each}
        for number, each in enumerate(lines)
    ]
    return json.dumps(
        {
            "messageType": "DATA_MESSAGE",
            "owner": ACCOUNT,
            "logGroup": group,
            "logStream": stream,
            "subscriptionFilters": ["all"],
            "logEvents": events,
        }
    )


def members(*documents: str) -> bytes:
    """Gzip members one after the other, as Firehose joins what CloudWatch compressed."""
    return b"".join(gzip.compress(each.encode(), mtime=0) for each in documents)
