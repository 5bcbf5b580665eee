"""Services that may name a file system: each lists what it has, and describes one thing at a time.

What there is stands under the name of the describing call; the listing shows of it what its shape has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.model import Shape

from tests.fakeaws import models
from tests.fakeaws.calls import Call, Result, answers
from tests.fakeaws.paging import Pages
from tests.fakeaws.refusals import RefusalError

Row = Mapping[str, Any]


def _small(key: str) -> Pages:
    return Pages(key, "nextToken", size="maxResults", most=100, unasked=100)


def _large(key: str) -> Pages:
    return Pages(key, most=100, unasked=10)


def _summary(call: Call, key: str, row: Row) -> Row:
    """What a listing shows of something."""
    shape = models.members(call.operation.output_shape)[key].member  # type: ignore[attr-defined]
    return _within(row, shape)


def _within(row: Row, shape: Shape) -> Row:
    members = models.members(shape)
    return {
        name: _within(value, members[name]) if isinstance(value, Mapping) else value
        for name, value in row.items()
        if name in members
    }


def _served(
    listing: str, pages: Pages, describing: str, names: tuple[str, ...], missing: str
) -> None:
    """Registers a listing and its describing call."""

    def listed(call: Call) -> Result:
        given = {name: call.get(f"{name}Equals") for name in names}
        rows = [
            row
            for row in call.rows(describing)
            if all(value in (None, row.get(name)) for name, value in given.items())
        ]
        return {pages.key: [_summary(call, pages.key, row) for row in rows]}

    def described(call: Call) -> Result:
        for row in call.rows():
            if all(row.get(name) == call.get(name) for name in names):
                return dict(row)
        raise RefusalError(missing, f"nothing is called {call.get(names[0])}")

    answers(listing, pages)(listed)
    answers(describing)(described)


_GONE = "ResourceNotFoundException"

_served(
    "scheduler.list-schedules",
    Pages("Schedules", most=100, unasked=100),
    "scheduler.get-schedule",
    ("Name", "GroupName"),
    _GONE,
)
_served(
    "sagemaker.list-domains", _large("Domains"), "sagemaker.describe-domain", ("DomainId",), "ResourceNotFound"
)  # fmt: skip
_served(
    "sagemaker.list-user-profiles",
    _large("UserProfiles"),
    "sagemaker.describe-user-profile",
    ("DomainId", "UserProfileName"),
    "ResourceNotFound",
)
_served(
    "sagemaker.list-spaces",
    _large("Spaces"),
    "sagemaker.describe-space",
    ("DomainId", "SpaceName"),
    "ResourceNotFound",
)
_served(
    "datasync.list-tasks",
    _large("Tasks"),
    "datasync.describe-task",
    ("TaskArn",),
    "InvalidRequestException",
)
_served(
    "m2.list-environments", _small("environments"), "m2.get-environment", ("environmentId",), _GONE
)
_served(
    "bedrock-agentcore-control.list-agent-runtimes",
    _small("agentRuntimes"),
    "bedrock-agentcore-control.get-agent-runtime",
    ("agentRuntimeId",),
    _GONE,
)


@answers("datasync.list-locations", _large("Locations"))
def locations(call: Call) -> Result:
    """Of one type, as it is asked."""
    wanted = {value.lower() for one in call.get("Filters", ()) for value in one["Values"]}
    every = [
        (kind, row)
        for kind in ("efs", "s3")
        for row in call.rows(f"datasync.describe-location-{kind}")
    ]
    rows = [row for kind, row in every if not wanted or kind in wanted]
    return {"Locations": [_summary(call, "Locations", row) for row in rows]}


@answers("datasync.describe-location-efs")
def location(call: Call) -> Result:
    for row in call.rows():
        if row["LocationArn"] == call.get("LocationArn"):
            return dict(row)
    raise RefusalError("InvalidRequestException", "Location is not found.")


@answers("events.list-rules", Pages("Rules", size="Limit", most=100, unasked=100))
def rules(call: Call) -> Result:
    return {"Rules": list(call.rows())}


@answers("events.list-targets-by-rule", Pages("Targets", size="Limit", most=100, unasked=100))
def targets(call: Call) -> Result:
    """Targets stand with the name of their rule."""
    if call.get("Rule") not in {row["Name"] for row in call.rows("events.list-rules")}:
        raise RefusalError(_GONE, f"Rule {call.get('Rule')} does not exist.")
    mine = [row for row in call.rows() if row["RuleName"] == call.get("Rule")]
    return {"Targets": [_summary(call, "Targets", row) for row in mine]}


@answers("batch.describe-job-definitions", _small("jobDefinitions"))
def job_definitions(call: Call) -> Result:
    status = call.get("status")
    return {"jobDefinitions": [r for r in call.rows() if status in (None, r["status"])]}


@answers("codebuild.list-projects", Pages("projects", "nextToken", size="", unasked=100))
def projects(call: Call) -> Result:
    return {"projects": [row["name"] for row in call.rows("codebuild.batch-get-projects")]}


@answers("codebuild.batch-get-projects")
def project_details(call: Call) -> Result:
    names = call.get("names")
    if not 1 <= len(names) <= 100:
        raise call.refusal("invalid", "names must be from 1 to 100")
    found = [row for row in call.rows() if row["name"] in names]
    return {
        "projects": found,
        "projectsNotFound": sorted({*names} - {row["name"] for row in found}),
    }


@answers("transfer.list-servers", _large("Servers"))
def servers(call: Call) -> Result:
    return {"Servers": list(call.rows())}


def _of_server(call: Call, describing: str, key: str) -> list[Row]:
    server = call.get("ServerId")
    if server not in {row["ServerId"] for row in call.rows("transfer.list-servers")}:
        raise RefusalError(_GONE, f"Unknown server {server}")
    return [row[key] for row in call.rows(describing) if row["ServerId"] == server]


@answers("transfer.list-users", _large("Users"))
def users(call: Call) -> Result:
    rows = _of_server(call, "transfer.describe-user", "User")
    return {"ServerId": call.get("ServerId"), "Users": [_summary(call, "Users", r) for r in rows]}


@answers("transfer.list-accesses", _large("Accesses"))
def accesses(call: Call) -> Result:
    rows = _of_server(call, "transfer.describe-access", "Access")
    shown = [_summary(call, "Accesses", row) for row in rows]
    return {"ServerId": call.get("ServerId"), "Accesses": shown}


@answers("transfer.describe-user")
def user(call: Call) -> Result:
    return _described(call, "User", "UserName")


@answers("transfer.describe-access")
def access(call: Call) -> Result:
    return _described(call, "Access", "ExternalId")


def _described(call: Call, key: str, name: str) -> Result:
    for row in _of_server(call, call.name, key):
        if row[name] == call.get(name):
            return {"ServerId": call.get("ServerId"), key: row}
    raise RefusalError(_GONE, f"Unknown {key.lower()}")
