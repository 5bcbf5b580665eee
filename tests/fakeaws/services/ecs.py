"""ECS: clusters, and by cluster tasks and container instances; task definitions one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.fakeaws.calls import Call, Result, answers
from tests.fakeaws.paging import Pages
from tests.fakeaws.refusals import RefusalError

Row = Mapping[str, Any]

MOST_DESCRIBED = 100
MOST_SERVICES = 10


def _pages(key: str) -> Pages:
    return Pages(key, "nextToken", size="maxResults", most=100, unasked=100)


def _short(arn: str) -> str:
    return arn.rpartition("/")[2]


def _cluster(call: Call) -> str:
    """The ARN of the cluster that is asked about. Raises ``RefusalError``."""
    given = call.get("cluster", "default")
    for arn in call.rows("ecs.list-clusters"):
        if given in (arn, _short(arn)):
            return str(arn)
    raise RefusalError("ClusterNotFoundException", "Cluster not found.")


def _in_cluster(rows: Sequence[Row], key: str, cluster: str) -> list[Row]:
    """Rows say their cluster in their ARN: ``…:task/<cluster>/<id>``."""
    return [row for row in rows if row[key].split("/")[-2] == _short(cluster)]


def _tasks(call: Call) -> list[Row]:
    return _in_cluster(call.rows("ecs.describe-tasks"), "taskArn", _cluster(call))


def _container_instances(call: Call) -> list[Row]:
    rows = call.rows("ecs.describe-container-instances")
    return _in_cluster(rows, "containerInstanceArn", _cluster(call))


@answers("ecs.list-clusters", _pages("clusterArns"))
def clusters(call: Call) -> Result:
    return {"clusterArns": list(call.rows())}


@answers("ecs.list-tasks", _pages("taskArns"))
def list_tasks(call: Call) -> Result:
    """Running ones, unless others are asked for."""
    status = call.get("desiredStatus", "RUNNING")
    tasks = [task for task in _tasks(call) if task["desiredStatus"] == status]
    for name, has in _TASK_FILTERS.items():
        wanted = call.get(name)
        tasks = [task for task in tasks if wanted is None or has(task, wanted)]
    return {"taskArns": [task["taskArn"] for task in tasks]}


_TASK_FILTERS: Mapping[str, Any] = {
    "family": lambda task, wanted: _family(task["taskDefinitionArn"])[0] == wanted,
    "serviceName": lambda task, wanted: task.get("group") == f"service:{_short(wanted)}",
    "startedBy": lambda task, wanted: task.get("startedBy") == wanted,
    "launchType": lambda task, wanted: task.get("launchType") == wanted,
    "containerInstance": lambda task, wanted: (
        _short(task.get("containerInstanceArn", "")) == _short(wanted)
    ),
}


@answers("ecs.describe-tasks")
def describe_tasks(call: Call) -> Result:
    found, failures = _described(call, "tasks", "taskArn", _tasks(call))
    return {"tasks": found, "failures": failures}


@answers("ecs.list-container-instances", _pages("containerInstanceArns"))
def list_container_instances(call: Call) -> Result:
    """Active and draining ones, unless others are asked for."""
    statuses = [call.get("status")] if call.get("status") else ["ACTIVE", "DRAINING"]
    rows = [row for row in _container_instances(call) if row["status"] in statuses]
    return {"containerInstanceArns": [row["containerInstanceArn"] for row in rows]}


def _services(call: Call) -> list[Row]:
    return _in_cluster(call.rows("ecs.describe-services"), "serviceArn", _cluster(call))


@answers("ecs.list-services", _pages("serviceArns"))
def list_services(call: Call) -> Result:
    return {"serviceArns": [row["serviceArn"] for row in _services(call)]}


@answers("ecs.describe-services")
def describe_services(call: Call) -> Result:
    """Ten at most, not a hundred."""
    if len(call.get("services")) > MOST_SERVICES:
        raise call.refusal("invalid", f"services may be {MOST_SERVICES} at most.")
    found, failures = _described(call, "services", "serviceArn", _services(call))
    return {"services": found, "failures": failures}


@answers("ecs.describe-container-instances")
def describe_container_instances(call: Call) -> Result:
    found, failures = _described(
        call, "containerInstances", "containerInstanceArn", _container_instances(call)
    )
    return {"containerInstances": found, "failures": failures}


def _described(
    call: Call, asked: str, key: str, rows: Sequence[Row]
) -> tuple[list[Row], list[Row]]:
    wanted = call.get(asked)
    if not 1 <= len(wanted) <= MOST_DESCRIBED:
        said = f"{asked} must be from 1 to {MOST_DESCRIBED} elements."
        raise call.refusal("invalid", said)
    held = {_short(row[key]): row for row in rows}
    found = [_tagged(call, held[_short(one)]) for one in wanted if _short(one) in held]
    failures: list[Row] = [
        {"arn": one, "reason": "MISSING"} for one in wanted if _short(one) not in held
    ]
    return found, failures


def _tagged(call: Call, row: Row) -> Row:
    """Tags come only when they are asked for."""
    if "TAGS" in call.get("include", ()):
        return {"tags": [], **row}
    return {key: value for key, value in row.items() if key != "tags"} | {"tags": []}


@answers("ecs.describe-task-definition")
def describe_task_definition(call: Call) -> Result:
    """By ARN or ``family:revision``; a family alone is its newest active revision."""
    family, revision = _family(call.get("taskDefinition"))
    fitting = [
        row
        for row in call.rows("ecs.describe-task-definitions")
        if row["family"] == family
        and (row["revision"] == revision if revision else row.get("status") == "ACTIVE")
    ]
    if not fitting:
        raise RefusalError("ClientException", "Unable to describe task definition.")
    newest = max(fitting, key=lambda row: row["revision"])
    definition = {key: value for key, value in newest.items() if key != "tags"}
    tags = newest.get("tags", []) if "TAGS" in call.get("include", ()) else []
    return {"taskDefinition": definition, "tags": tags}


def _family(definition: str) -> tuple[str, int | None]:
    name, _, revision = _short(definition).partition(":")
    return name, int(revision) if revision else None
