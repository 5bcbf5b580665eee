"""What one live sweep asks, and that half an answer is never taken for a whole one. (Over HTTP: ``tests/aws``.)"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from inventory.discover import live, pace
from inventory.discover.calls import WHOLE_BY, Answer
from inventory.discover.live import Gathering
from inventory.errors import AwsError, AwsFault
from inventory.model import CallState, Sweep
from tests.builders import ACCOUNT, FS, REGION, TARGET, T

CLUSTER = f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/ci"
OTHER_CLUSTER = f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/web"
TASK = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/ci/1"
DEFINITION = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/runner:3"


@dataclass
class Account:
    """Stands for a caller and its ``aws``; ``answers`` by operation, or by operation and one parameter's value."""

    answers: dict[Any, Any] = field(default_factory=dict)
    missing_services: tuple[str, ...] = ()
    asked: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    account: str = ACCOUNT
    region: str = REGION
    core: tuple[str, ...] = ("ec2", "ecs", "efs", "eks", "fsx", "lambda", "s3files")
    """Services whose operations are told apart by their name alone; of others there is nothing but what ``(service, operation)`` gives."""

    @property
    def aws(self) -> Account:
        return self

    def offered(self, service: str, _region: str) -> bool | None:
        return service not in self.missing_services

    def knows(self, *_: str) -> bool:
        return True

    def _answer(self, operation: str, parameters: Mapping[str, Any], service: str) -> object:
        self.asked.append((operation, parameters))
        found = self.answers.get((service, operation), self.answers.get(operation))
        for value in parameters.values():
            key = (operation, tuple(map(str, value)) if isinstance(value, list) else value)
            found = self.answers.get(key, found) if isinstance(value, str | list) else found
        if isinstance(found, AwsError):
            raise found
        return found

    def listed(self, service: str, operation: str, _key: str, **parameters: Any) -> object:
        if service not in self.core and (service, operation) not in self.answers:
            return []
        return self._answer(operation, parameters, service) or []

    def ask(
        self, service: str, operation: str, *, need: tuple[str, ...], **parameters: Any
    ) -> object:
        return self._answer(operation, parameters, service) or {key: [] for key in need}

    def whole(self, work: Callable[[], object]) -> object:
        return work()

    def pages(
        self, service: str, operation: str, *, need: tuple[str, ...], **parameters: Any
    ) -> Iterator[object]:
        """Of metrics each that is asked for, without a datapoint."""
        complete = {"StatusCode": "Complete", "Timestamps": [], "Values": []}
        nothing = [{"Id": one["Id"]} | complete for one in parameters["MetricDataQueries"]]
        yield self._answer(operation, parameters, service) or dict.fromkeys(need, nothing)


def fault(kind: AwsFault = AwsFault.DENIED, code: str = "") -> AwsError:
    return AwsError(kind, f"was {kind.value}", code=code)


def answers(account: Account, *calls: str) -> dict[str, Answer]:
    return Gathering(account).answers(calls or pace.ALL)  # type: ignore[arg-type]


def sweep(account: Account) -> Sweep:
    gathering = Gathering(account)  # type: ignore[arg-type]
    return live.sweep(gathering, gathering.answers(pace.ALL), name="n", moment=T)


def test_an_account_with_nothing_is_whole_in_everything() -> None:
    made = sweep(Account())
    assert made.whole == set(WHOLE_BY)
    assert all(made.calls[call] is CallState.WHOLE for call in pace.ALL)
    assert not any(made.items.values())


@pytest.mark.parametrize(
    ("service", "call"), [("eks", "eks.describe-clusters"), ("fsx", "fsx.describe-file-systems")]
)
def test_a_service_that_is_not_offered_in_the_region_has_nothing_there(
    service: str, call: str
) -> None:
    account = Account(missing_services=(service,))
    assert answers(account, call)[call].state is CallState.WHOLE
    assert account.asked == []


@pytest.mark.parametrize("missing", [("lambda", "efs", "ecs"), ("ec2", "efs", "eks", "fsx")])
def test_a_region_that_botocores_list_does_not_know_is_asked_all_the_same(
    missing: tuple[str, ...],
) -> None:
    """A list that is older than a region would else make everything in it "none"."""
    account = Account(missing_services=missing)
    answers(account)
    asked = {name for name, _ in account.asked}
    assert {"list_functions", "describe_file_systems", "list_clusters"} <= asked
    fsx = [name for name, parameters in account.asked if name == "describe_file_systems"]
    assert len(fsx) == 2  # of EFS and of FSx


# -- mount targets ---------------------------------------------------------------------------------

SYSTEMS = "efs.describe-file-systems"
TARGETS = "efs.describe-mount-targets"


def with_systems(**changes: Any) -> Account:
    systems = [
        {"FileSystemId": FS, "NumberOfMountTargets": 1},
        {"FileSystemId": "fs-2", "NumberOfMountTargets": 1},
    ]
    target = {"MountTargetId": TARGET, "FileSystemId": FS}
    other = {"MountTargetId": "fsmt-2", "FileSystemId": "fs-2"}
    return Account(
        {
            "describe_file_systems": systems,
            ("describe_mount_targets", FS): [target],
            ("describe_mount_targets", "fs-2"): [other],
        }
        | changes
    )


def targets_of(found: Mapping[str, Answer]) -> list[str]:
    return sorted(target.mount_target_id for target in found[TARGETS].items)


def test_mount_targets_are_asked_for_file_system_by_file_system() -> None:
    found = answers(with_systems(), SYSTEMS, TARGETS)
    assert targets_of(found) == [TARGET, "fsmt-2"]
    assert found[TARGETS].state is CallState.WHOLE


def test_one_that_says_that_it_has_none_is_not_asked() -> None:
    account = with_systems(describe_file_systems=[{"FileSystemId": FS, "NumberOfMountTargets": 0}])
    answers(account, TARGETS)
    assert [name for name, _ in account.asked] == ["describe_file_systems"]


@pytest.mark.parametrize("kind", AwsFault)
def test_no_list_of_file_systems_is_no_empty_list_of_mount_targets(kind: AwsFault) -> None:
    made = sweep(with_systems(describe_file_systems=fault(kind)))
    assert made.calls[TARGETS] is CallState.BROKEN
    assert not made.whole & {"mount_target", "file_system"}
    assert "efs.describe-file-systems" in made.problems[TARGETS]


@pytest.mark.parametrize("kind", AwsFault)
def test_what_the_others_answered_stays_when_one_fails(kind: AwsFault) -> None:
    found = answers(with_systems(), SYSTEMS)
    assert found[SYSTEMS].state is CallState.WHOLE
    account = with_systems()
    account.answers["describe_mount_targets", "fs-2"] = fault(kind)
    found = answers(account, SYSTEMS, TARGETS)
    assert (targets_of(found), found[TARGETS].state) == ([TARGET], CallState.BROKEN)


def test_a_file_system_that_went_between_two_calls_has_none() -> None:
    account = with_systems()
    account.answers["describe_mount_targets", "fs-2"] = fault(
        AwsFault.REFUSED, "FileSystemNotFound"
    )
    found = answers(account, SYSTEMS, TARGETS)
    assert (targets_of(found), found[TARGETS].state) == ([TARGET], CallState.WHOLE)


def test_no_replication_at_all_is_an_error_of_aws_and_means_none() -> None:
    account = Account(
        {"describe_replication_configurations": fault(AwsFault.REFUSED, "ReplicationNotFound")}
    )
    call = "efs.describe-replication-configurations"
    assert answers(account, call)[call].state is CallState.WHOLE


# -- tasks -----------------------------------------------------------------------------------------

TASKS = "ecs.describe-tasks"


def with_tasks(**changes: Any) -> Account:
    task = {"taskArn": TASK, "taskDefinitionArn": DEFINITION, "lastStatus": "RUNNING"}
    stopped = {"taskArn": f"{TASK}0", "taskDefinitionArn": DEFINITION, "lastStatus": "STOPPED"}
    return Account(
        {
            "list_clusters": [CLUSTER, OTHER_CLUSTER],
            ("list_tasks", CLUSTER): [TASK],
            ("list_tasks", OTHER_CLUSTER): [],
            ("list_tasks", "STOPPED"): [],
            ("describe_tasks", (TASK,)): {"tasks": [task], "failures": []},
            ("describe_tasks", (f"{TASK}0",)): {"tasks": [stopped], "failures": []},
            "describe_task_definition": {"taskDefinition": {"taskDefinitionArn": DEFINITION}},
        }
        | changes
    )


def test_running_and_stopped_tasks_of_every_cluster_are_asked_for() -> None:
    account = with_tasks()
    found = answers(account, "ecs.list-clusters", TASKS)
    listed = [
        (p["cluster"], p["desiredStatus"]) for name, p in account.asked if name == "list_tasks"
    ]
    assert listed == [(c, s) for c in (CLUSTER, OTHER_CLUSTER) for s in ("RUNNING", "STOPPED")]
    assert [one.task_arn for one in found[TASKS].items] == [TASK]
    assert found[TASKS].state is CallState.WHOLE


def test_tasks_are_described_by_the_hundred() -> None:
    arns = [f"{TASK}/{n}" for n in range(250)]
    account = with_tasks()
    account.answers["list_tasks", "RUNNING"] = arns
    for first in (0, 100, 200):
        some = tuple(arns[first : first + 100])
        rows = [{"taskArn": arn, "lastStatus": "RUNNING"} for arn in some]
        account.answers["describe_tasks", some] = {"tasks": rows}
    assert len(answers(account, TASKS)[TASKS].items) == 250
    sizes = [len(p["tasks"]) for name, p in account.asked if name == "describe_tasks"]
    assert sizes == [100, 100, 50] * 2


@pytest.mark.parametrize(
    ("reason", "state"), [("MISSING", CallState.WHOLE), ("ACCESS", CallState.BROKEN)]
)
def test_a_task_that_ended_meanwhile_is_missing_and_anything_else_is_a_failure(
    reason: str, state: CallState
) -> None:
    account = with_tasks()
    account.answers["describe_tasks", (TASK,)] = {"tasks": [], "failures": [{"reason": reason}]}
    assert answers(account, TASKS)[TASKS].state is state


@pytest.mark.parametrize("key", ["tasks", "containerInstances"])
def test_what_ecs_says_nothing_of_is_not_gone(key: str) -> None:
    call, listed, operation = {
        "tasks": (TASKS, "list_tasks", "describe_tasks"),
        "containerInstances": (
            "ecs.describe-container-instances",
            "list_container_instances",
            "describe_container_instances",
        ),
    }[key]
    account = with_tasks()
    account.answers[listed, CLUSTER] = ["a", "b"]
    account.answers[operation, ("a", "b")] = {key: [], "failures": [{"reason": "MISSING"}]}
    answer = answers(account, call)[call]
    assert answer.state is CallState.BROKEN
    assert "nothing of 1 of 2" in answer.problem


@pytest.mark.parametrize("kind", AwsFault)
def test_clusters_that_could_not_be_listed_are_not_no_tasks(kind: AwsFault) -> None:
    made = sweep(with_tasks(list_clusters=fault(kind)))
    assert not made.whole & {"task", "container_instance"}
    assert made.calls[TASKS] is made.calls["ecs.describe-container-instances"] is CallState.BROKEN


def test_a_task_definition_is_asked_for_once_and_for_ever() -> None:
    call = "ecs.describe-task-definitions"
    account = with_tasks()
    assert [d.task_definition_arn for d in answers(account, call)[call].items] == [DEFINITION]
    again = Gathering(with_tasks(), {DEFINITION})  # type: ignore[arg-type]
    assert again.answers([call])[call].items == []


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("Unable to describe task definition.", CallState.WHOLE),
        ("The request is not valid.", CallState.BROKEN),
    ],
)
def test_a_task_definition_that_is_not_there_is_told_from_one_that_was_refused(
    said: str, state: CallState
) -> None:
    call = "ecs.describe-task-definitions"
    refused = fault(AwsFault.REFUSED, "ClientException")
    refused.__cause__ = Exception(f"An error occurred (ClientException): {said}")
    account = with_tasks(describe_task_definition=refused)
    assert answers(account, call)[call].state is state


# -- faults ----------------------------------------------------------------------------------------

OPERATIONS = {
    "ec2.describe-network-interfaces": "describe_network_interfaces",
    "ec2.describe-instances": "describe_instances",
    "lambda.list-functions": "list_functions",
    "efs.describe-access-points": "describe_access_points",
    "ec2.describe-vpcs": "describe_vpcs",
    "ec2.describe-subnets": "describe_subnets",
    "ec2.describe-route-tables": "describe_route_tables",
    "ec2.describe-flow-logs": "describe_flow_logs",
    "ec2.describe-vpc-peering-connections": "describe_vpc_peering_connections",
    "fsx.describe-file-systems": "describe_file_systems",
}


@pytest.mark.parametrize("kind", AwsFault)
@pytest.mark.parametrize("call", OPERATIONS)
def test_a_call_that_fails_is_broken_and_told(call: str, kind: AwsFault) -> None:
    made = sweep(Account({OPERATIONS[call]: fault(kind)}))
    assert made.calls[call] is CallState.BROKEN
    assert f"was {kind.value}" in made.problems[call]
    assert not {k for k, calls in WHOLE_BY.items() if call in calls} & made.whole


def test_s3_files_out_of_reach_is_not_known_and_no_fault() -> None:
    made = sweep(Account({"list_file_systems": fault(AwsFault.NO_ENDPOINT)}))
    assert made.calls["s3files.list-file-systems"] is CallState.MISSING
    assert "other_server" not in made.whole
    assert made.problems == {}


@pytest.mark.parametrize("kind", sorted(set(AwsFault) - {AwsFault.NO_ENDPOINT}))
def test_s3_files_that_fails_otherwise_is_a_fault(kind: AwsFault) -> None:
    made = sweep(Account({"list_file_systems": fault(kind)}))
    assert made.calls["s3files.list-file-systems"] is CallState.BROKEN
    assert made.calls["s3files.list-mount-targets"] is CallState.BROKEN


def test_a_listing_of_interfaces_that_took_too_long_shows_no_one_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ticks = iter(range(0, 100_000, 200))
    monkeypatch.setattr("inventory.discover.live.time.monotonic", lambda: float(next(ticks)))
    call = "ec2.describe-network-interfaces"
    answer = answers(
        Account({"describe_network_interfaces": [{"NetworkInterfaceId": "eni-1"}]}), call
    )[call]
    assert (answer.state, len(answer.items)) == (CallState.BROKEN, 1)
    assert "too long" in answer.problem


def test_hopeless_faults_stop_asking_and_others_after_a_few() -> None:
    def calls_made(kind: AwsFault) -> int:
        systems = [{"FileSystemId": f"fs-{n}", "NumberOfMountTargets": 1} for n in range(50)]
        account = Account({"describe_file_systems": systems, "describe_mount_targets": fault(kind)})
        answers(account, TARGETS)
        return sum(name == "describe_mount_targets" for name, _ in account.asked)

    assert {kind: calls_made(kind) for kind in AwsFault} == {
        kind: 1 if kind in live._HOPELESS else live.ENOUGH_FAILURES for kind in AwsFault
    }


def test_every_call_is_a_reading_one() -> None:
    account = with_systems()
    account.answers |= with_tasks().answers
    answers(account)
    verbs = {name.partition("_")[0] for name, _ in account.asked}
    assert verbs == {"describe", "list", "get"}
