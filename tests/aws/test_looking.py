"""What names a file system is found over real HTTP, whatever protocol its service speaks, and page by page."""

from __future__ import annotations

from typing import Any

import pytest

from inventory.discover.looking import LOOKING
from inventory.model import CallState
from tests.aws.conftest import Asking
from tests.unit.discover.declared_examples import ARN, DEFINITION, SYSTEM, examples
from tests.world.plan import ACCOUNT, REGION

EXAMPLES = examples("planted")
CALLS = ["ecs.list-clusters", "ecs.describe-services", "efs.describe-file-systems", *LOOKING]


def holdings() -> dict[str, list[Any]]:
    """What the fake must hold so that each call finds its example twice, but where there can be one only."""
    held: dict[str, list[Any]] = {
        "ecs.list-clusters": [ARN.format("ecs", "cluster/ci")],
        "ecs.describe-services": [EXAMPLES["ecs.describe-services"]],
        "efs.describe-file-systems": [
            {"FileSystemId": SYSTEM, "NumberOfMountTargets": 0, "LifeCycleState": "available"},
            {"FileSystemId": "fs-0000000000000000b", "NumberOfMountTargets": 0},
        ],
        "efs.describe-file-system-policy": [
            {
                "FileSystemId": SYSTEM,
                "Policy": '{"Statement": [{"Effect": "Allow", "Principal": {"AWS": "999988887777"}}]}',
            }
        ],
        "events.list-rules": [
            {"Name": "nightly", "Arn": ARN.format("events", "rule/nightly"), "State": "ENABLED"}
        ],
        "transfer.list-servers": [
            {"Arn": "a", "ServerId": "s-0123456789abcdef0", "Domain": "EFS"},
            {"Arn": "b", "ServerId": "s-0123456789abcdef1", "Domain": "S3"},
        ],
        "datasync.describe-location-s3": [{"LocationArn": "l", "LocationUri": "s3://x"}],
    }
    target = dict(EXAMPLES["events.list-targets-by-rule"])
    held["events.list-targets-by-rule"] = [target]
    for ours, theirs in {
        "scheduler.get-schedules": "scheduler.get-schedule",
        "batch.describe-job-definitions": "batch.describe-job-definitions",
        "codebuild.batch-get-projects": "codebuild.batch-get-projects",
        "sagemaker.describe-domains": "sagemaker.describe-domain",
        "sagemaker.describe-user-profiles": "sagemaker.describe-user-profile",
        "sagemaker.describe-spaces": "sagemaker.describe-space",
        "datasync.describe-locations-efs": "datasync.describe-location-efs",
        "datasync.describe-tasks": "datasync.describe-task",
        "transfer.describe-users": "transfer.describe-user",
        "transfer.describe-accesses": "transfer.describe-access",
        "m2.get-environments": "m2.get-environment",
        "bedrock-agentcore-control.get-agent-runtimes": "bedrock-agentcore-control.get-agent-runtime",
    }.items():
        held[theirs] = [EXAMPLES[ours]]
    return held


@pytest.fixture
def place(asking: Asking) -> Asking:
    there = asking.cloud.place(ACCOUNT, REGION)
    for call, rows in holdings().items():
        there.put(call, rows)
    return asking


def test_each_service_is_looked_through(place: Asking) -> None:
    (made,) = place.sweeps(lambda _: CALLS)
    assert made.problems == {}
    assert {made.calls[call] for call in CALLS} == {CallState.WHOLE}
    found = {kind: len(items) for kind, items in made.items.items() if kind != "file_system"}
    assert found == dict.fromkeys(
        ["ecs_service", "task_schedule", "timed_task", "batch_definition", "build_project", "studio_domain", "studio_profile",
         "studio_space", "transfer_location", "transfer_task", "transfer_user", "transfer_access", "mainframe_environment",
         "agent_runtime", "file_system_policy"],
        1,
    )  # fmt: skip
    (policy,) = made.items["file_system_policy"]
    assert policy.accounts == ("999988887777",)


def test_definitions_of_services_and_schedules_are_read(place: Asking) -> None:
    """Nothing runs by them, and still they mount."""
    older = DEFINITION[:-1] + "3"
    rows = [
        {"taskDefinitionArn": arn, "family": "nightly", "revision": int(arn[-1]), "volumes": []}
        for arn in (DEFINITION, older)
    ]
    place.cloud.place(ACCOUNT, REGION).put("ecs.describe-task-definitions", rows)
    place.cloud.place(ACCOUNT, REGION).put("ecs.describe-tasks", [])
    calls = [*CALLS, "ecs.describe-tasks", "ecs.describe-task-definitions"]
    (made,) = place.sweeps(lambda _: calls)
    assert made.problems == {}
    read = {one.task_definition_arn for one in made.items["task_definition"]}
    assert read == {DEFINITION, older}


def test_a_denied_description_is_no_absence(place: Asking) -> None:
    place.cloud.faults.always("sagemaker.describe-domain", "denied")
    (made,) = place.sweeps(lambda _: CALLS)
    assert made.calls["sagemaker.describe-domains"] is CallState.BROKEN
    assert "studio_domain" not in made.whole
    assert "studio_space" in made.whole
