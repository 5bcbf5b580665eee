"""Rounds in which something is amiss: whatever it is, what was learnt stays, and ``status`` tells what was not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from inventory import pipeline
from inventory.answers import Answers
from inventory.config import Settings, parse
from inventory.discover import sweeping
from inventory.errors import SnapshotError
from inventory.model import Sweep
from inventory.resolve.networks import Networks
from inventory.store import Store
from tests.aws.conftest import Clock
from tests.fakeaws.calls import Call, Handler, Result
from tests.fakeaws.cloud import Cloud
from tests.fakeaws.faults import Fault
from tests.fakeaws.organization import Member, Organization
from tests.world.plan import ACCOUNT, REGION

pytestmark = pytest.mark.usefixtures("impatient")

HOUR, DAY = 3600, 86_400
OTHER = "444455556666"
READER = "arn:aws:iam::{}:role/reader"


def status(settings: Settings) -> dict[str, Any]:
    with Store.opened(settings) as store:
        return Answers(store, settings).status()


def swept(settings: Settings) -> set[tuple[str, str]]:
    """Accounts and regions of which anything is known."""
    return {(one["account"], one["region"]) for one in status(settings)["sweeps"]}


def organization(cloud: Cloud, *accounts: str) -> Organization:
    """Whose management account is ``ACCOUNT``."""
    cloud.organization = found = Organization(ACCOUNT)
    for account in accounts:
        cloud.role(READER.format(account))
        found.accounts.append(Member(account, f"n{account}", found.root))
    return found


def without(key: str, listed: str) -> Fault:
    """The first entry of an answer's list lacks its key."""

    def cut(call: Call, handler: Handler) -> Result:
        found: Result = handler(call)
        rows = [dict(row) for row in found[listed]]
        del rows[0][key]
        return found | {listed: rows}

    return Fault(f"no {key}", result=cut)


@pytest.mark.parametrize("other", ["a file", "a folder"])
def test_a_folder_that_holds_no_dumps_loses_no_live_sweep(
    other: str, cloud: Cloud, clock: Clock, configured: Callable[..., Settings], tmp_path: Path
) -> None:
    foreign = tmp_path / "snapshots" / "prod"
    foreign.parent.mkdir()
    foreign.write_text("") if other == "a file" else foreign.mkdir()
    settings = configured()
    assert pipeline.discover(settings, clock=clock).problems == []
    assert swept(settings) == {(ACCOUNT, REGION)}


def test_a_folder_that_cannot_be_read_loses_no_live_sweep(
    cloud: Cloud, clock: Clock, configured: Callable[..., Settings], tmp_path: Path
) -> None:
    (tmp_path / "snapshots").write_text("no folder")
    settings = configured()
    with pytest.raises(SnapshotError):
        pipeline.discover(settings, clock=clock)
    assert swept(settings) == {(ACCOUNT, REGION)}


def test_credentials_at_hand_that_expire_are_told_by_status(
    cloud: Cloud, clock: Clock, configured: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", REGION)
    settings = configured(accounts=[])
    assert pipeline.discover(settings, clock=clock).problems == []
    cloud.faults.always("*", "expired_token")
    clock.moment += 5 * DAY
    (told,) = pipeline.discover(settings, clock=clock).problems
    assert "expired" in told
    first = status(settings)["problems"][0]
    assert first.startswith(f"account {ACCOUNT}: nothing answers")
    assert "expired" in first


def test_the_management_account_is_asked_though_the_organization_does_not_answer(
    cloud: Cloud, clock: Clock, configured: Callable[..., Settings]
) -> None:
    organization(cloud, ACCOUNT)
    settings = configured(accounts=[], organization={"role_name": "reader"})
    assert pipeline.discover(settings, clock=clock).problems == []
    cloud.faults.always("organizations.list-accounts", "throttle")
    cloud.forget()
    clock.moment += 2 * HOUR
    pipeline.discover(settings, clock=clock)
    assert {one.account for one in cloud.log if one.call == "ec2.describe-vpcs"} == {ACCOUNT}


@pytest.mark.parametrize(
    ("call", "key", "listed", "child"),
    [
        ("efs.describe-file-systems", "FileSystemId", "FileSystems", "efs.describe-mount-targets"),
        ("ecs.describe-tasks", "taskArn", "tasks", "ecs.describe-tasks"),
        ("ec2.describe-vpcs", "VpcId", "Vpcs", "ec2.describe-vpcs"),
    ],
)
def test_an_entry_without_its_id_makes_its_call_broken_and_stops_nobody(
    call: str,
    key: str,
    listed: str,
    child: str,
    cloud: Cloud,
    clock: Clock,
    configured: Callable[..., Settings],
) -> None:
    cloud.role(READER.format(OTHER))
    cloud.place(OTHER, "us-east-1").put("ec2.describe-vpcs", [{"VpcId": "vpc-1"}])
    role = {"role_arn": READER.format(OTHER)}
    accounts = [
        {"id": ACCOUNT, "regions": [REGION]},
        {"id": OTHER, "regions": ["us-east-1"]} | role,
    ]
    settings = configured(accounts=accounts)
    cloud.faults.always(call, without(key, listed), account=ACCOUNT)
    report = pipeline.discover(settings, clock=clock)
    assert any(f"{ACCOUNT} {REGION}: {child}: " in told for told in report.problems)
    assert swept(settings) == {(ACCOUNT, REGION), (OTHER, "us-east-1")}


def test_an_account_without_its_id_is_an_organization_that_does_not_answer(
    cloud: Cloud, clock: Clock, configured: Callable[..., Settings]
) -> None:
    organization(cloud, ACCOUNT)
    settings = configured(accounts=[], organization={"role_name": "reader"})
    cloud.faults.always("organizations.list-accounts", without("Id", "Accounts"))
    report = pipeline.discover(settings, clock=clock)
    assert any("organizations.list-accounts" in told for told in report.problems)


def test_regions_of_a_round_that_was_killed_are_asked_the_next_time(
    cloud: Cloud, clock: Clock, configured: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    organization(cloud, ACCOUNT)
    for region in ("us-west-2", "us-east-1"):
        cloud.place(ACCOUNT, region).put("ec2.describe-vpcs", [{"VpcId": f"vpc-{region}"}])
    settings = configured(accounts=[], organization={"role_name": "reader"})
    monkeypatch.setattr(sweeping, "GROUP_ITEMS", 20)
    learn, calls = Store.learn, iter(range(9))

    def killed(store: Store, sweeps: list[Sweep], networks: Networks) -> object:
        if next(calls) == 1:
            raise KeyboardInterrupt
        return learn(store, sweeps, networks)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "learn", killed)
        with pytest.raises(KeyboardInterrupt):
            pipeline.discover(settings, clock=clock)
    clock.moment += HOUR
    cloud.forget()
    pipeline.discover(settings, clock=clock)
    asked = {one.region for one in cloud.log if one.call == "ec2.describe-vpcs"}
    assert asked == {REGION, "us-west-2", "us-east-1"}


@pytest.mark.parametrize("fault", ["five_hundred", "reset", "five_oh_three"])
def test_s3_files_that_fails_is_no_service_that_is_not_there(
    fault: str, cloud: Cloud, clock: Clock, configured: Callable[..., Settings]
) -> None:
    settings = configured()
    cloud.faults.always("s3files*", fault)
    (*_, told) = pipeline.discover(settings, clock=clock).problems
    assert "s3files" in told


def test_a_task_of_which_ecs_says_nothing_is_not_gone(
    cloud: Cloud, clock: Clock, configured: Callable[..., Settings]
) -> None:
    settings = configured()
    pipeline.discover(settings, clock=clock)
    nothing = Fault("nothing", result=lambda _call, _handler: {"tasks": []})
    cloud.faults.always("ecs.describe-tasks", nothing)
    clock.moment += 600
    problems = pipeline.discover(settings, clock=clock).problems
    assert any(
        "ecs.describe-tasks: AWS, or something on the way, sent nothing of" in told
        for told in problems
    )
    with Store.opened(settings) as store:
        running = [
            version
            for version in store.topology().versions("task")
            if version.value.last_status == "RUNNING"
        ]
        assert running
        assert {version.not_after for version in running} == {None}


def test_what_is_not_asked_any_more_is_told(
    cloud: Cloud, clock: Clock, configured: Callable[..., Settings]
) -> None:
    cloud.role(READER.format(OTHER))
    other = {"id": OTHER, "regions": ["us-east-1"], "role_arn": READER.format(OTHER)}
    own = {"id": ACCOUNT, "regions": [REGION]}
    pipeline.discover(configured(accounts=[own, other]), clock=clock)
    settings = configured(accounts=[own])
    for _ in range(3):
        clock.moment += DAY
        pipeline.discover(settings, clock=clock)
    told = [line for line in status(settings)["problems"] if "not asked since" in line]
    assert len(told) == 1
    assert told[0].startswith(f"account {OTHER} us-east-1: not asked since ")


def test_a_call_that_is_not_recorded_any_more_is_told_when_it_is_read_again(
    cloud: Cloud, clock: Clock, configured: Callable[..., Settings], tmp_path: Path
) -> None:
    folder = tmp_path / "recorded"
    pipeline.snapshot(configured(), folder, clock=clock)
    cloud.faults.always("ec2.describe-instances", "denied")
    for _ in range(3):
        clock.moment += DAY
        pipeline.snapshot(configured(), folder, clock=clock)
    document = {
        "database": {"url": f"sqlite:///{tmp_path / 'replayed.db'}"},
        "discover": {"mode": "snapshots", "path": str(folder)},
    }
    settings = parse(document, folder=tmp_path, environ={})
    pipeline.discover(settings, clock=clock)
    (told,) = (line for line in status(settings)["problems"] if "not asked since" in line)
    assert told.startswith(f"account {ACCOUNT} {REGION}: ec2.describe-instances not asked since ")


def test_an_organization_that_could_not_say_who_it_is_once_is_not_told_for_ever(
    cloud: Cloud, clock: Clock, configured: Callable[..., Settings]
) -> None:
    organization(cloud, ACCOUNT)
    settings = configured(accounts=[], organization={"role_name": "reader"})
    cloud.faults.always("sts.get-caller-identity", "throttle")
    pipeline.discover(settings, clock=clock)
    assert status(settings)["problems"][0].startswith("organization: nothing answers")
    cloud.faults.clear()
    clock.moment += HOUR
    pipeline.discover(settings, clock=clock)
    assert not any("organization:" in line for line in status(settings)["problems"])


def test_a_budget_that_only_the_asking_who_we_are_goes_beyond_is_not_used_up(
    cloud: Cloud, clock: Clock, configured: Callable[..., Settings]
) -> None:
    settings = configured()
    pipeline.discover(settings, clock=clock)
    with Store.opened(settings) as store:
        asked = sum(
            number
            for call, number in store.used(clock.moment // DAY).by_call.items()
            if not call.startswith("sts.")
        )
    enough = configured(max_calls_per_day=asked + 1)
    assert not any("used up" in line for line in status(enough)["problems"])
    assert any(
        "used up" in line for line in status(configured(max_calls_per_day=asked))["problems"]
    )
