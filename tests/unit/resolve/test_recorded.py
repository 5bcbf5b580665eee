"""Interfaces, tasks and mount targets as others recorded them, with the labels they were given by hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from inventory.discover.calls import CALLS, read_answer
from inventory.model import CallState, NetworkInterface, OwnerKind, Version
from inventory.resolve.attribute import ClientEnd, attribute, locate
from inventory.resolve.networks import Networks
from inventory.resolve.owners import ownership
from inventory.resolve.rules import classify
from tests.builders import ACCOUNT, REGION, T, end, seen, sighting, topology

pytestmark = pytest.mark.recorded

KINDS = {
    "ec2_instance": OwnerKind.EC2_INSTANCE,
    "ecs_task": OwnerKind.ECS_TASK,
    "lambda": OwnerKind.LAMBDA_FUNCTION,
    "eks_branch_eni": OwnerKind.EKS_POD,
    "nat_gateway": OwnerKind.GATEWAY,
    "transit_gateway": OwnerKind.GATEWAY,
    "elb_gateway": OwnerKind.GATEWAY,
    "user_unattached": OwnerKind.UNKNOWN,
}
"""What each label is as owner; all other labels are services."""


def load(recorded: Path, name: str) -> Any:  # noqa: ANN401  # JSON
    return json.loads((recorded / "aws" / name).read_text())


def interface(raw: dict[str, Any]) -> NetworkInterface:
    """Descriptions quoted without an interface get an id, as every real one has it; some addresses are blacked out."""
    answer = {"NetworkInterfaces": [{"NetworkInterfaceId": "eni-0"} | raw]}
    read = read_answer("ec2.describe-network-interfaces", answer)
    assert read.state is CallState.WHOLE or read.problem.endswith(
        "PrivateIpAddress is no address"
    ), read.problem
    value: NetworkInterface = read.items[0]
    return value


def test_every_labelled_interface_is_told_right(recorded: Path) -> None:
    cases = load(recorded, "eni_cases.json")
    wrong = []
    for case in cases:
        value = interface(case["eni"])
        finding = classify(value, topology(), T)
        expected = (case["expected_kind"], case["expected_id"] or "")
        kind = KINDS.get(case["expected_kind"], OwnerKind.AWS_SERVICE)
        if (finding.finding, finding.id) != expected or finding.kind is not kind:
            wrong.append((expected, finding))
    assert len(cases) > 50
    assert not wrong


def _linked(recorded: Path, link: str) -> list[dict[str, Any]]:
    found = [case for case in load(recorded, "linked_cases.json") if case["link"] == link]
    assert found
    return found


def _value(call: str, raw: dict[str, Any]) -> Any:  # noqa: ANN401  # a value of any kind
    read = read_answer(call, {CALLS[call].key: [raw]})
    assert read.state is CallState.WHOLE, read.problem
    return read.items[0]


def test_a_mount_target_is_the_same_by_its_api_and_by_its_interface(recorded: Path) -> None:
    for case in _linked(recorded, "mount_target -> eni"):
        target = seen(_value("efs.describe-mount-targets", case["mount_target"]))
        eni: Version[NetworkInterface] = seen(interface(case["eni"]))
        by_api, by_interface = topology(target), topology(eni)
        address, vpc_id = case["mount_target"]["IpAddress"], case["mount_target"]["VpcId"]
        for known in (by_api, by_interface, topology(target, eni)):
            (found,) = known.servers(vpc_id, address, T + 1).certain
            assert found.value.mount_target_id == case["mount_target"]["MountTargetId"]
            assert found.value.file_system_id == case["mount_target"]["FileSystemId"]
            assert found.value.network_interface_id == case["eni"]["NetworkInterfaceId"]
            seen_there = sighting(interface_id=case["eni"]["NetworkInterfaceId"], server=address)
            assert locate(seen_there, known).servers == (found,)


def test_a_fargate_tasks_interface_leads_to_the_task(recorded: Path) -> None:
    for case in _linked(recorded, "fargate task attachment -> eni"):
        eni = interface(case["eni"])
        task = _value("ecs.describe-tasks", case["task"])
        # The recordings rewrote times and some addresses, so the link itself is what counts.
        found = ownership(eni.network_interface_id, T + 1, "", topology(seen(eni), seen(task)))
        assert found is not None
        (owner,) = found.owners
        assert owner.arn == case["task"]["taskArn"]
        assert owner.id == case["task"]["taskArn"].rsplit("/", 1)[-1]
        assert owner.workload is not None
        assert case["task"]["group"].endswith(f":{owner.workload.id}")


def test_a_stopped_task_leads_from_its_deleted_interfaces_address_to_the_task(
    recorded: Path,
) -> None:
    for case in _linked(recorded, "stopped fargate task still names its deleted eni"):
        raw = case["task"]
        details = {d["name"]: d["value"] for d in raw["attachments"][0]["details"]}
        task = Version(_value("ecs.describe-tasks", raw), ACCOUNT, REGION, T, T, None, None)
        moment = int(datetime.fromisoformat(raw["pullStartedAt"]).timestamp())
        known = topology(task)
        (own,) = known.interface(details["networkInterfaceId"], moment)
        assert own.value.addresses == (details["privateIPv4Address"],)
        client = ClientEnd(
            **(
                _fields(end())
                | {
                    "vpc_id": "",
                    "address": details["privateIPv4Address"],
                    "first_seen": moment,
                    "last_seen": moment,
                }
            )
        )
        held = known.holders("", details["privateIPv4Address"], moment)
        assert held.certain == (details["networkInterfaceId"],)
        (who,) = attribute(client, known, Networks())
        assert who.attribution.owners[0].id in (
            details["privateIPv4Address"],
            raw["taskArn"].rsplit("/", 1)[-1],
        )


def test_a_whole_account(recorded: Path) -> None:
    (case,) = [
        c for c in load(recorded, "linked_cases.json") if c["link"].startswith("whole account")
    ]
    interfaces = [seen(interface(raw)) for raw in case["enis"]]
    targets = [seen(_value("efs.describe-mount-targets", raw)) for raw in case["mount_targets"]]
    known = topology(*interfaces, *targets)
    for target in targets:
        (found,) = known.servers("", target.value.addresses[0], T + 1).certain
        assert found.value.mount_target_id == target.value.mount_target_id
    findings = [classify(version.value, known, T).finding for version in interfaces]
    assert "unknown" not in findings
    assert findings.count("ecs_task") == 2
    assert findings.count("efs_mount_target") == len(targets)
    mounted = set(case["expected"]) - {"never_mounted_now"}
    assert {f"mounters_of_{fs}" for fs in known.served_file_systems()} == mounted
    for file_system_id in case["expected"]["never_mounted_now"]:
        assert known.mount_targets_of(file_system_id) == ()


def test_a_task_by_its_state_change_event(recorded: Path) -> None:
    task = _value(
        "ecs.describe-tasks", load(recorded, "aws-docs/ecs_task_state_change_event.json")["detail"]
    )
    (attachment,) = task.attachments
    assert attachment.addresses == ("10.0.0.139",)
    found = ownership(attachment.network_interface_id, T, "", topology(seen(task)))
    assert found is not None
    assert found.owners[0].arn == task.task_arn


def _fields(client: ClientEnd) -> dict[str, Any]:
    return {name: getattr(client, name) for name in ClientEnd.__slots__}


# -- whole answers -------------------------------------------------------------------------------


def _decoded(raw: dict[str, Any]) -> object:
    if raw.get("__class__") == "datetime":
        parts = ("year", "month", "day", "hour", "minute", "second", "microsecond")
        return datetime(**{part: raw[part] for part in parts}, tzinfo=UTC)
    return raw


ANSWERS = {
    "ec2.DescribeFlowLogs": "ec2.describe-flow-logs",
    "ecs.DescribeTasks": "ecs.describe-tasks",
    "ecs.DescribeTaskDefinition": "ecs.describe-task-definitions",
    "elasticfilesystem.DescribeFileSystems": "efs.describe-file-systems",
    "elasticfilesystem.DescribeMountTargets": "efs.describe-mount-targets",
    "lambda.ListFunctions": "lambda.list-functions",
}


KEYS = {
    "ec2.DescribeFlowLogs": "FlowLogId",
    "ecs.DescribeTasks": "taskArn",
    "ecs.DescribeTaskDefinition": "taskDefinitionArn",
    "elasticfilesystem.DescribeFileSystems": "FileSystemId",
    "elasticfilesystem.DescribeMountTargets": "MountTargetId",
    "lambda.ListFunctions": "FunctionArn",
}
"""The key of each answer's entries; some recordings repeat one."""


@pytest.mark.parametrize("folder", ANSWERS)
def test_recorded_answers_are_read_whole(recorded: Path, folder: str) -> None:
    call = ANSWERS[folder]
    count = 0
    for file in sorted((recorded / "aws" / "c7n" / folder).glob("*.json")):
        raw = json.loads(file.read_text(), object_hook=_decoded)
        answer = raw["data"]
        if "taskDefinition" in answer:
            answer = {"taskDefinitions": [answer["taskDefinition"]]}
        if raw["status_code"] != 200 or "Error" in answer:
            continue
        read = read_answer(call, answer)
        cut = any(answer.get(key) for key in ("NextToken", "nextToken", "NextMarker"))
        assert read.state is (CallState.BROKEN if cut else CallState.WHOLE), (
            f"{file.name}: {read.problem}"
        )
        key = KEYS[folder]
        assert len(read.items) == len({row[key] for row in answer[CALLS[call].key]})
        count += len(read.items)
    assert count
