"""What declares mounts, reduced: which file system, which access point, and whether it can mount by itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from inventory.discover.calls import CALLS, read_answer
from inventory.model import CallState
from tests.unit.discover.declared_examples import DEFINITION, POINT, SYSTEM, examples

EXAMPLES = examples("planted")
BOTH = ((SYSTEM, POINT),)
SYSTEM_ALONE = ((SYSTEM, ""),)


def values(call: str, **changes: Any) -> list[Any]:
    answer = read_answer(call, {CALLS[call].key: [EXAMPLES[call] | changes]})
    assert answer.state is CallState.WHOLE, answer.problem
    return answer.items


@pytest.mark.parametrize(
    ("call", "mounts"),
    [
        ("batch.describe-job-definitions", BOTH),
        ("codebuild.batch-get-projects", SYSTEM_ALONE),
        ("sagemaker.describe-domains", SYSTEM_ALONE),
        ("sagemaker.describe-user-profiles", SYSTEM_ALONE),
        ("sagemaker.describe-spaces", SYSTEM_ALONE),
        ("datasync.describe-locations-efs", BOTH),
        ("transfer.describe-users", SYSTEM_ALONE),
        ("transfer.describe-accesses", SYSTEM_ALONE),
        ("m2.get-environments", SYSTEM_ALONE),
        ("bedrock-agentcore-control.get-agent-runtimes", (("", POINT),)),
    ],
)
def test_each_names_its_file_system(call: str, mounts: tuple[tuple[str, str], ...]) -> None:
    (found,) = values(call)
    assert found.mounts == mounts
    assert found.name


@pytest.mark.parametrize(
    ("call", "changes"),
    [
        ("batch.describe-job-definitions", {"containerProperties": {}}),
        ("codebuild.batch-get-projects", {"fileSystemLocations": []}),
        ("sagemaker.describe-domains", {"HomeEfsFileSystemId": None}),
        ("sagemaker.describe-user-profiles", {"UserSettings": {}}),
        ("sagemaker.describe-spaces", {"SpaceSettings": {}}),
        ("transfer.describe-users", {"User": {"Arn": "a", "HomeDirectory": "/home/ada"}}),
        ("m2.get-environments", {"storageConfigurations": [{"fsx": {"fileSystemId": "fs-9"}}]}),
        ("bedrock-agentcore-control.get-agent-runtimes", {"filesystemConfigurations": []}),
        ("events.list-targets-by-rule", {"EcsParameters": None}),
        ("scheduler.get-schedules", {"Target": {"Arn": "arn:aws:lambda:r:1:function:f"}}),
    ],
)
def test_what_names_none_stands_for_nothing(call: str, changes: dict[str, Any]) -> None:
    assert values(call, **changes) == []


def test_a_service_starts_tasks_by_every_definition_of_its_deployments() -> None:
    (service,) = values("ecs.describe-services")
    assert service.task_definition_arns == (DEFINITION[:-1] + "3", DEFINITION)
    assert (service.desired_count, service.daemon) == (2, False)


@pytest.mark.parametrize(
    ("state", "enabled"),
    [
        ("ENABLED", True),
        ("ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS", True),
        ("DISABLED", False),
    ],
)
def test_a_rule_that_is_disabled_starts_nothing(state: str, enabled: bool) -> None:
    (found,) = values("events.list-targets-by-rule", RuleState=state)
    assert found.enabled is enabled


def test_a_job_of_several_nodes_has_the_volumes_of_all() -> None:
    volume = EXAMPLES["batch.describe-job-definitions"]["containerProperties"]["volumes"][0]
    nodes = {"nodeRangeProperties": [{"targetNodes": "0:", "container": {"volumes": [volume]}}]}
    (found,) = values(
        "batch.describe-job-definitions", containerProperties={}, nodeProperties=nodes
    )
    assert found.mounts == BOTH


@pytest.mark.parametrize(
    ("schedule", "scheduled"),
    [
        ({"ScheduleExpression": "rate(1 day)"}, True),
        ({"ScheduleExpression": "rate(1 day)", "Status": "DISABLED"}, False),
        (None, False),
    ],
)
def test_a_transfer_is_scheduled_unless_it_is_disabled(
    schedule: dict | None, scheduled: bool
) -> None:
    (found,) = values("datasync.describe-tasks", Schedule=schedule)
    assert found.scheduled is scheduled


@pytest.mark.parametrize(
    ("principal", "accounts", "anybody"),
    [
        ({"AWS": "arn:aws:iam::999988887777:role/x"}, ("999988887777",), False),
        ({"AWS": ["444455556666", "999988887777"]}, ("444455556666", "999988887777"), False),
        ({"AWS": "*"}, (), True),
        ("*", (), True),
        ({"Service": "x.amazonaws.com"}, (), False),
    ],
)
def test_a_policy_says_whom_it_lets_in(
    principal: dict | str, accounts: tuple[str, ...], anybody: bool
) -> None:
    policy = {"Statement": {"Effect": "Allow", "Principal": principal}}
    as_text = {"Policy": json.dumps(policy), "Statement": None}
    for changes in (as_text, policy):
        (found,) = values("efs.describe-file-system-policies", **changes)
        assert (found.accounts, found.anybody) == (accounts, anybody)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"Statement": "x"}', '{"Statement": [1]}'])
def test_a_policy_that_cannot_be_read_breaks_the_call(text: str) -> None:
    call = "efs.describe-file-system-policies"
    row = {"FileSystemId": SYSTEM, "Policy": text}
    assert read_answer(call, {"Policies": [row]}).state is CallState.BROKEN
