"""The whole way over HTTP: rounds of live sweeps into the database, recorded and replayed, by organization, inside a budget."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from inventory import pipeline
from inventory.answers import Answers
from inventory.cli.progress import progress_for
from inventory.collect.report import Report
from inventory.config import Settings, parse
from inventory.discover import pace
from inventory.model import KINDS
from inventory.store import Store
from inventory.store.versions import read_versions
from tests.aws.conftest import WORLD, Asking, Clock
from tests.fakeaws.cloud import Cloud
from tests.fakeaws.organization import Member, Organization
from tests.world.plan import ACCOUNT, REGION, SECRET

HOUR = 3600
OTHER = "444455556666"
ROLE = f"arn:aws:iam::{OTHER}:role/efs-inventory"


pytestmark = pytest.mark.usefixtures("impatient")


def collect(settings: Settings, clock: Clock) -> Report:
    with progress_for(-1) as progress:
        return pipeline.collect(settings, progress=progress, clock=clock)


def tables(url: str) -> Iterator[tuple[Any, ...]]:
    """What sweeps left behind, without numbers of rows that hang on the order of insertion."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as conn:
        for query in (
            "SELECT name, account, region, taken_at FROM sweep",
            "SELECT s.name, c.call, c.state, c.problem FROM sweep_call c JOIN sweep s ON s.id = c.sweep_id",
            "SELECT s.name, p.kind, k.whole FROM sweep_kind k JOIN sweep s ON s.id = k.sweep_id JOIN scope p ON p.id = k.scope_id",
            "SELECT p.kind, p.account, p.region, k.key, k.digest, k.body FROM knowledge k JOIN scope p ON p.id = k.scope_id",
            "SELECT k.digest, r.first_seen, r.last_seen FROM knowledge_run r JOIN knowledge k ON k.id = r.knowledge_id",
        ):
            yield from sorted(tuple(row) for row in conn.execute(text(query)))
    engine.dispose()


def test_recording_and_replaying_gives_the_same_database(
    cloud: Cloud, clock: Clock, configured: Callable[..., Settings], tmp_path: Path
) -> None:
    live, folder = configured(), tmp_path / "snapshots"
    for _ in range(3):
        assert pipeline.discover(live, clock=clock).problems == []
        assert pipeline.snapshot(live, folder, clock=clock).problems == []
        clock.moment += HOUR
    assert SECRET not in "".join(file.read_text() for file in folder.rglob("*.json"))
    url = f"sqlite:///{tmp_path / 'replayed.db'}"
    document = {
        "database": {"url": url},
        "discover": {"mode": "snapshots", "path": str(folder)},
    }
    replayed = parse(document, folder=tmp_path, environ={})
    assert pipeline.discover(replayed, clock=clock).problems == []
    lived, told = list(tables(live.database.url)), list(tables(url))
    known = {row[3] for row in told if row[:1] == ("task_definition",)}
    assert known
    # A task definition is asked for once; a whole recorded sweep tells it each time.
    definitions = {row[4] for row in told if row[:1] == ("task_definition",)}
    assert _without(lived, definitions) == _without(told, definitions)


def _without(rows: list[tuple[Any, ...]], digests: set[str]) -> list[tuple[Any, ...]]:
    return [row for row in rows if row[0] not in digests and row[1] != "task_definition"]


def bounds(store: Store) -> dict[tuple[str, str], list[int | None]]:
    with store.reading() as conn:
        return {
            (kind, getattr(version.value, KINDS[kind][1])): [version.not_after]
            for kind, versions in read_versions(conn).items()
            for version in versions
        }


@pytest.mark.parametrize("fault", ["denied", "throttle", "cut_json"])
def test_what_a_broken_round_did_not_show_is_not_gone(
    fault: str, cloud: Cloud, clock: Clock, configured: Callable[..., Settings]
) -> None:
    settings = configured()
    pipeline.discover(settings, clock=clock)
    cloud.faults.always("e*", fault)
    cloud.faults.always("lambda*", fault)
    for _ in range(3):
        clock.moment += 300
        report = pipeline.discover(settings, clock=clock)
        assert any(ACCOUNT in told for told in report.problems)
    with Store.opened(settings) as store:
        assert {tuple(found) for found in bounds(store).values()} == {(None,)}
        status = Answers(store, settings).status()
    assert any(
        "ec2.describe-network-interfaces" in told or "calls" in told for told in status["problems"]
    )
    cloud.faults.clear()
    clock.moment += 300
    assert pipeline.discover(settings, clock=clock).problems == []


def test_collect_asks_what_is_due_and_no_more(
    cloud: Cloud, clock: Clock, configured: Callable[..., Settings]
) -> None:
    settings = configured()
    collect(settings, clock)
    for minutes, expected in (
        (5, {"ec2.describe-network-interfaces"}),
        (10, {"ec2.describe-network-interfaces"}),
    ):
        cloud.forget()
        clock.moment = WORLD.start + 6 * HOUR + minutes * 60
        collect(settings, clock)
        assert set(cloud.counts()) - {"sts.get-caller-identity"} == expected
    cloud.forget()
    clock.moment += 60
    collect(settings, clock)
    assert set(cloud.counts()) == {"sts.get-caller-identity"}


def test_the_budget_of_a_day_is_kept_and_told(
    cloud: Cloud, clock: Clock, configured: Callable[..., Settings]
) -> None:
    settings = configured(max_calls_per_day=10)
    report = pipeline.discover(settings, clock=clock)
    asked = cloud.counts()
    assert sum(asked.values()) - asked["sts.get-caller-identity"] == 10
    assert any("max_calls_per_day" in told for told in report.problems)
    cloud.forget()
    clock.moment += HOUR
    pipeline.discover(settings, clock=clock)
    assert set(cloud.counts()) == {"sts.get-caller-identity"}
    clock.moment += 24 * HOUR
    pipeline.discover(settings, clock=clock)
    assert sum(cloud.counts().values()) > 10


def test_every_request_is_counted_by_call(
    cloud: Cloud, clock: Clock, configured: Callable[..., Settings]
) -> None:
    settings = configured()
    cloud.faults.at("ec2.describe-vpcs", "throttle", times=2)
    pipeline.discover(settings, clock=clock)
    with Store.opened(settings) as store:
        used = store.used(clock.moment // 86_400)
    assert Counter(used.by_call) == cloud.counts()
    assert used.throttled == {(ACCOUNT, REGION, "ec2.describe-vpcs"): 2}


# -- several accounts ------------------------------------------------------------------------------


def test_a_role_is_assumed_with_its_external_id(
    cloud: Cloud, clock: Clock, configured: Callable[..., Settings]
) -> None:
    cloud.role(ROLE, "known-to-both")
    cloud.place(OTHER, "us-east-1").put(
        "ec2.describe-vpcs", [{"VpcId": "vpc-0f", "OwnerId": OTHER}]
    )
    accounts = [
        {"id": OTHER, "regions": ["us-east-1"], "role_arn": ROLE, "external_id": "known-to-both"}
    ]
    settings = configured(accounts=accounts)
    assert pipeline.discover(settings, clock=clock).problems == []
    with Store.opened(settings) as store:
        (vpc,) = store.topology().versions("vpc")
        assert (vpc.account, vpc.region, vpc.value.vpc_id) == (OTHER, "us-east-1", "vpc-0f")


def test_one_account_that_fails_does_not_stop_the_others_and_is_told_first(
    cloud: Cloud, clock: Clock, configured: Callable[..., Settings]
) -> None:
    cloud.role(ROLE, "known-to-both")
    accounts = [
        {"id": OTHER, "regions": ["us-east-1"], "role_arn": ROLE, "external_id": "wrong"},
        {"id": ACCOUNT, "regions": [REGION]},
    ]
    settings = configured(accounts=accounts)
    report = pipeline.discover(settings, clock=clock)
    (told,) = report.problems
    assert OTHER in told
    assert "sts.assume-role" in told
    assert "known-to-both" not in told
    with Store.opened(settings) as store:
        assert len(store.topology().versions("file_system")) > 3
        status = Answers(store, settings).status()
    assert OTHER in status["problems"][0]


def test_an_account_joins_the_organization_by_itself_and_none_is_lost_when_it_does_not_answer(
    cloud: Cloud, clock: Clock, configured: Callable[..., Settings]
) -> None:
    for account in (OTHER, "777788889999"):
        cloud.role(f"arn:aws:iam::{account}:role/reader")
        cloud.place(account, "us-east-1").put("ec2.describe-vpcs", [{"VpcId": f"vpc-{account}"}])
    cloud.organization = organization = Organization(ACCOUNT)
    organization.accounts.append(Member(OTHER, "one", organization.root))
    settings = configured(accounts=[], organization={"role_name": "reader", "exclude": [ACCOUNT]})

    def swept() -> set[str]:
        with Store.opened(settings) as store:
            return {version.account for version in store.topology().versions("vpc")}

    assert pipeline.discover(settings, clock=clock).problems == []
    assert swept() == {OTHER}
    organization.accounts.append(Member("777788889999", "two", organization.root))
    clock.moment += 300
    assert pipeline.discover(settings, clock=clock).problems == []
    assert swept() == {OTHER, "777788889999"}
    cloud.faults.always("organizations*", "denied")
    cloud.forget()
    clock.moment += 300
    report = pipeline.discover(settings, clock=clock)
    assert ["organizations.list-accounts" in told for told in report.problems] == [True]
    assert {one.account for one in cloud.log if one.call == "ec2.describe-vpcs"} == {
        OTHER,
        "777788889999",
    }


def test_expired_credentials_close_nothing(
    cloud: Cloud, clock: Clock, configured: Callable[..., Settings]
) -> None:
    settings = configured()
    pipeline.discover(settings, clock=clock)
    cloud.faults.always("*", "expired_token")
    clock.moment += 300
    report = pipeline.discover(settings, clock=clock)
    assert "expired" in report.problems[0]
    with Store.opened(settings) as store:
        assert {tuple(found) for found in bounds(store).values()} == {(None,)}


# -- how many calls --------------------------------------------------------------------------------


def interfaces(number: int) -> list[dict[str, Any]]:
    return [
        {
            "NetworkInterfaceId": f"eni-{n:017x}",
            "VpcId": "vpc-0a",
            "PrivateIpAddress": f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}",
        }
        for n in range(number)
    ]


def test_twenty_thousand_interfaces_take_twenty_calls(asking: Asking) -> None:
    asking.cloud.place(ACCOUNT, REGION).put("ec2.describe-network-interfaces", interfaces(20_000))
    (made,) = asking.sweeps(lambda _: ["ec2.describe-network-interfaces"])
    assert len(made.items["network_interface"]) == 20_000
    assert asking.cloud.counts()["ec2.describe-network-interfaces"] <= 25


CALLS_A_DAY = 8_000


def test_a_day_of_a_large_place_takes_so_many_calls(
    asking: Asking, count: Callable[[str, int], None]
) -> None:
    """5,000 interfaces, 40 file systems, 300 functions, 10 clusters of 200 tasks: each group asked once for real, times its pace."""
    place = asking.cloud.place(ACCOUNT, REGION)
    _large(place.put)
    total = 0
    for group, calls in pace.GROUPS.items():
        asking.cloud.forget()
        (made,) = asking.sweeps(lambda _, calls=calls: calls)  # type: ignore[misc]
        assert made.problems == {}
        asked = asking.cloud.counts()
        once = asked.pop("ecs.describe-task-definition", 0)
        rounds_a_day = 86_400 // getattr(asking.settings.every, group)
        total += once + rounds_a_day * (sum(asked.values()) - asked["sts.get-caller-identity"])
    count("requests of a day of a place with 5,000 interfaces", total)
    assert total <= CALLS_A_DAY


def _large(put: Callable[[str, Any], None]) -> None:
    arn = f"arn:aws:ecs:{REGION}:{ACCOUNT}"
    put("ec2.describe-network-interfaces", interfaces(5_000))
    systems = [f"fs-{n:017x}" for n in range(40)]
    put("efs.describe-file-systems", [_system(one) for one in systems])
    targets = [
        {
            "MountTargetId": f"fsmt-{n:017x}",
            "FileSystemId": one,
            "SubnetId": "subnet-1",
            "LifeCycleState": "available",
        }
        for n, one in enumerate(systems)
    ]
    put("efs.describe-mount-targets", targets)
    put(
        "lambda.list-functions",
        [
            {
                "FunctionName": f"f{n}",
                "FunctionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f{n}",
                "Version": "$LATEST",
            }
            for n in range(300)
        ],
    )
    clusters = [f"{arn}:cluster/c{n}" for n in range(10)]
    put("ecs.list-clusters", clusters)
    tasks = [
        {
            "taskArn": f"{arn}:task/c{c}/{n:032x}",
            "clusterArn": clusters[c],
            "taskDefinitionArn": f"{arn}:task-definition/d{c}:1",
            "lastStatus": "RUNNING",
            "desiredStatus": "RUNNING",
        }
        for c in range(10)
        for n in range(200)
    ]  # fmt: skip
    put("ecs.describe-tasks", tasks)
    put("ecs.describe-container-instances", [])
    put(
        "ecs.describe-task-definitions",
        [
            {"taskDefinitionArn": f"{arn}:task-definition/d{c}:1", "family": f"d{c}", "revision": 1}
            for c in range(10)
        ],
    )


def _system(file_system_id: str) -> dict[str, Any]:
    return {
        "FileSystemId": file_system_id,
        "OwnerId": ACCOUNT,
        "CreationToken": file_system_id,
        "CreationTime": "2026-01-01T00:00:00Z",
        "LifeCycleState": "available",
        "NumberOfMountTargets": 1,
        "SizeInBytes": {"Value": 1},
        "PerformanceMode": "generalPurpose",
        "Tags": [],
    }


# -- CloudTrail ------------------------------------------------------------------------------------

LOOKUP = "cloudtrail.lookup-events"


def asked_before(settings: Settings) -> list[tuple[str, int]]:
    with Store.opened(settings) as store:
        wanted = store.wanted_of("cloudtrail", 0)
    return [(row.subject, row.end - row.start) for row in wanted.asked]


def connected(moment: int, address: str) -> dict[str, Any]:
    """As LookupEvents shows an IAM-authorised connection."""
    said = {
        "eventVersion": "1.08",
        "userIdentity": {"type": "AssumedRole", "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/r/s"},
        "eventTime": datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventSource": "elasticfilesystem.amazonaws.com",
        "eventName": "NewClientConnection",
        "awsRegion": REGION,
        "eventID": "e-1",
        "resources": [
            {
                "type": "AWS::EFS::FileSystem",
                "ARN": f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}:file-system/fs-01234567",
            }
        ],
        "serviceEventDetails": {"permissions": {"ClientMount": True}, "sourceIpAddress": address},
    }
    return {
        "EventId": "e-1",
        "EventName": "NewClientConnection",
        "EventTime": moment,
        "EventSource": "elasticfilesystem.amazonaws.com",
        "CloudTrailEvent": json.dumps(said),
    }


def test_cloudtrail_is_asked_once_about_a_time_and_only_where_it_is_configured(
    cloud: Cloud, clock: Clock, configured: Callable[..., Settings]
) -> None:
    settings = configured()
    collect(settings, clock)
    assert LOOKUP not in cloud.counts()
    event = connected(clock.moment - 7200, "10.0.3.11")
    cloud.place(ACCOUNT, REGION).put(LOOKUP, [event])
    settings = configured(cloudtrail={"enabled": True, "since": "6h"})
    assert collect(settings, clock).problems == []
    first = cloud.counts()[LOOKUP]
    assert first > 0
    (told,) = asked_before(settings)
    assert told == ("event:NewClientConnection", 6 * HOUR - 900)
    with Store.opened(settings) as store:
        (connection,) = store.topology().versions("client_connection")
    assert connection.value.client_address == "10.0.3.11"
    assert collect(settings, clock).problems == []
    assert cloud.counts()[LOOKUP] == first


@pytest.mark.parametrize("fault", ["denied", "throttle", "cut_json", "missing_key"])
def test_a_cloudtrail_that_does_not_answer_is_told_and_asked_again(
    fault: str, cloud: Cloud, clock: Clock, configured: Callable[..., Settings]
) -> None:
    settings = configured(cloudtrail={"enabled": True, "since": "6h"})
    cloud.faults.always(LOOKUP, fault)
    report = collect(settings, clock)
    assert [LOOKUP in told for told in report.problems] == [True]
    assert asked_before(settings) == []
    cloud.faults.clear()
    assert collect(settings, clock).problems == []
    assert len(asked_before(settings)) == 1


def test_cloudtrail_has_a_budget_of_its_own(
    cloud: Cloud, clock: Clock, configured: Callable[..., Settings]
) -> None:
    settings = configured(cloudtrail={"enabled": True, "since": "3d", "max_calls_per_day": 1})
    for _ in range(2):
        collect(settings, clock)
    assert cloud.counts()[LOOKUP] == 1
