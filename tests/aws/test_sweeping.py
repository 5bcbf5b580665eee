"""Live sweeps of a made-up account, by real boto3 over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from inventory.discover import snapshots
from inventory.discover.calls import WHOLE_BY
from inventory.errors import AwsError
from inventory.model import CallState, Sweep
from inventory.resolve.topology import Topology
from tests.aws.conftest import WORLD, Asking
from tests.conftest import Programme
from tests.fakeaws.cloud import Cloud
from tests.fakeaws.faults import FAULTS, NEED_PAGES
from tests.world.plan import ACCOUNT, REGION, SECRET

REQUESTS = {
    "ec2.describe-network-interfaces": "ec2.describe-network-interfaces",
    "ec2.describe-instances": "ec2.describe-instances",
    "ecs.list-clusters": "ecs.list-clusters",
    "ecs.list-tasks": "ecs.describe-tasks",
    "ecs.describe-tasks": "ecs.describe-tasks",
    "ecs.list-container-instances": "ecs.describe-container-instances",
    "ecs.describe-container-instances": "ecs.describe-container-instances",
    "ecs.describe-task-definition": "ecs.describe-task-definitions",
    "lambda.list-functions": "lambda.list-functions",
    "efs.describe-file-systems": "efs.describe-file-systems",
    "efs.describe-mount-targets": "efs.describe-mount-targets",
    "efs.describe-access-points": "efs.describe-access-points",
    "efs.describe-replication-configurations": "efs.describe-replication-configurations",
    "ec2.describe-vpcs": "ec2.describe-vpcs",
    "ec2.describe-subnets": "ec2.describe-subnets",
    "ec2.describe-route-tables": "ec2.describe-route-tables",
    "ec2.describe-vpc-peering-connections": "ec2.describe-vpc-peering-connections",
    "ec2.describe-transit-gateway-vpc-attachments": "ec2.describe-transit-gateway-vpc-attachments",
    "ec2.describe-flow-logs": "ec2.describe-flow-logs",
    "ec2.describe-security-groups": "ec2.describe-security-groups",
    "ec2.describe-security-group-rules": "ec2.describe-security-group-rules",
    "efs.describe-file-system-policy": "efs.describe-file-system-policies",
    "ecs.list-services": "ecs.describe-services",
    "events.list-rules": "events.list-targets-by-rule",
    "scheduler.list-schedules": "scheduler.get-schedules",
    "batch.describe-job-definitions": "batch.describe-job-definitions",
    "codebuild.list-projects": "codebuild.batch-get-projects",
    "sagemaker.list-domains": "sagemaker.describe-domains",
    "sagemaker.list-user-profiles": "sagemaker.describe-user-profiles",
    "sagemaker.list-spaces": "sagemaker.describe-spaces",
    "datasync.list-locations": "datasync.describe-locations-efs",
    "datasync.list-tasks": "datasync.describe-tasks",
    "transfer.list-servers": "transfer.describe-users",
    "m2.list-environments": "m2.get-environments",
    "bedrock-agentcore-control.list-agent-runtimes": "bedrock-agentcore-control.get-agent-runtimes",
    "eks.list-clusters": "eks.describe-clusters",
    "fsx.describe-file-systems": "fsx.describe-file-systems",
    "cloudwatch.get-metric-data": "cloudwatch.get-metric-data",
    "s3files.list-file-systems": "s3files.list-file-systems",
}
"""Every request that a sweep of this account sends, and the call of the sweep that it is for."""

UNPAGED = {
    "ecs.describe-tasks",
    "ecs.describe-container-instances",
    "ecs.describe-task-definition",
    "efs.describe-file-system-policy",
}

UNDETECTABLE = {"dropped_page"}
"""A page that is lost while its token and its key are there looks like an empty one; AWS has those."""


def only(sweeps: list[Sweep]) -> Sweep:
    (sweep,) = sweeps
    return sweep


def test_a_live_sweep_says_what_the_recorded_answers_of_the_same_moment_say(
    asking: Asking, tmp_path: Path
) -> None:
    made = only(asking.sweeps())
    assert made.problems == {}
    assert set(WHOLE_BY) == made.whole
    paths = WORLD.write(tmp_path / "world", sweeps=[asking.clock()])
    (ref,) = snapshots.sweeps(paths.snapshots)
    told = snapshots.read(ref)
    assert (made.name, made.taken_at, made.account, made.region) == (
        told.name,
        told.taken_at,
        told.account,
        told.region,
    )
    used = {task.task_definition_arn for task in told.items["task"]}
    assert {one.task_definition_arn for one in made.items["task_definition"]} == used
    for kind in set(told.items) - {"task_definition"}:  # only those of tasks are asked for
        assert made.items[kind] == told.items[kind], kind


def test_every_request_is_in_the_list_of_requests_that_can_fail(asking: Asking) -> None:
    asking.sweeps()
    sent = {one.call for one in asking.cloud.log}
    assert sent - {"sts.get-caller-identity"} == set(REQUESTS)
    assert {one.account for one in asking.cloud.log} == {ACCOUNT}


def test_small_pages_give_the_same_sweep(asking: Asking) -> None:
    whole = only(asking.sweeps())
    asking.cloud.page_size = 3
    assert only(asking.sweeps()) == whole
    assert asking.cloud.counts()["ec2.describe-network-interfaces"] > 5


CASES = [
    (request, fault)
    for request in REQUESTS
    for fault in sorted(FAULTS.keys() - UNDETECTABLE)
    if not (fault in NEED_PAGES and request in UNPAGED)
]


def test_a_fault_at_any_request_closes_nothing_and_invents_nothing(
    asking: Asking, programme: Programme
) -> None:
    """Of every call: what comes is a part of the truth, whole only when it is all of it, and what is not whole is told."""
    truth = only(asking.sweeps())
    wrong: list[str] = []
    for request, fault in programme.cases("requests of a sweep x faults", CASES, 130):
        asking.cloud.faults.clear()
        asking.cloud.faults.always(request, fault)
        made = only(asking.sweeps())
        wrong += [f"{fault} at {request}: {what}" for what in _wrongs(made, truth, request, fault)]
    assert wrong == []


def _wrongs(made: Sweep, truth: Sweep, request: str, fault: str) -> Iterator[str]:
    call = REQUESTS[request]
    for kind, items in made.items.items():
        if not set(map(repr, items)) <= set(map(repr, truth.items.get(kind, ()))):
            yield f"{kind} is invented"
    for kind in made.whole:
        if made.items.get(kind, ()) != truth.items.get(kind, ()):
            yield f"{kind} is said to be whole"
    if fault == "slow_body" and made != truth:
        yield "slow, and not the same"
    elif not _is_lost(made, call) and not _same(made, truth, call):
        yield f"{call} is neither whole nor told: {made.calls[call]}"


def _is_lost(made: Sweep, call: str) -> bool:
    """Broken and told; or, of a service that is not everywhere, out of reach."""
    if call.startswith("s3files.") and made.calls[call] is CallState.MISSING:
        return True
    return made.calls[call] is CallState.BROKEN and bool(made.problems[call])


def _same(made: Sweep, truth: Sweep, call: str) -> bool:
    kinds = {kind for kind, calls in WHOLE_BY.items() if call in calls}
    return made.calls[call] is CallState.WHOLE and all(
        made.items.get(kind, ()) == truth.items.get(kind, ()) for kind in kinds
    )


@pytest.mark.parametrize("fault", ["throttle", "five_oh_three", "reset", "cut_json", "missing_key"])
def test_a_fault_that_passes_costs_a_try_and_no_knowledge(fault: str, asking: Asking) -> None:
    from inventory.aws import Aws, Patience  # noqa: PLC0415 - the real patience, for once
    from inventory.discover import rounds  # noqa: PLC0415

    truth = only(asking.sweeps())
    asking.cloud.faults.at("lambda.list-functions", fault)
    patient = Aws(patience=Patience(connect=2, read=2, attempts=3, pause=0))
    past = rounds.Past({}, Topology({}))
    made = rounds.sweeps(asking.settings, patient, past, rounds.everything, clock=asking.clock)
    assert only(list(made)) == truth


def test_the_wrong_account_is_learnt_nothing_of(asking: Asking, cloud: Cloud) -> None:
    other = cloud.key("999900001111")
    assert other.account != ACCOUNT
    settings = asking.settings.accounts[0].model_copy(update={"id": "999900001111"})
    asking.settings = asking.settings.model_copy(update={"accounts": (settings,)})
    made = only(asking.sweeps())
    assert made.account == "999900001111"
    assert made.whole == frozenset()
    assert not made.items
    assert all("belong to account" in told for told in made.problems.values())


def test_nobody_to_ask_as_is_an_error(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    asking.settings = asking.settings.model_copy(update={"accounts": ()})
    with pytest.raises(AwsError, match="no AWS credentials"):
        asking.sweeps()


def test_nothing_beyond_the_allow_list_is_kept(asking: Asking) -> None:
    assert SECRET not in repr(asking.sweeps())
    assert REGION in repr(asking.sweeps())
