"""What vanishes, refuses or is left out while references are looked for takes nothing else with it. (Over HTTP: ``tests/aws``.)"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from inventory.aws.faults import translated
from inventory.errors import AwsError, AwsFault
from inventory.model import CallState
from tests.unit.discover.declared_examples import ARN, SYSTEM
from tests.unit.discover.test_live import Account, answers, fault

GONE = fault(AwsFault.REFUSED, "ResourceNotFoundException")


def server(name: str = "s-1", kind: str = "SERVICE_MANAGED") -> dict[str, Any]:
    return {"ServerId": name, "Domain": "EFS", "IdentityProviderType": kind}


def described(name: str) -> dict[str, Any]:
    arn = ARN.format("transfer", f"user/s-1/{name}")
    home = f"/{SYSTEM}/{name}"
    return {"User": {"Arn": arn, "UserName": name, "HomeDirectory": home}}


@pytest.mark.parametrize("gone", ["ada", "bob"])
def test_a_user_who_is_gone_meanwhile_takes_no_other_user_along(gone: str) -> None:
    there = "bob" if gone == "ada" else "ada"
    account = Account(
        {
            ("transfer", "list_servers"): [server()],
            ("transfer", "list_users"): [{"UserName": "ada"}, {"UserName": "bob"}],
            ("describe_user", gone): GONE,
            ("describe_user", there): described(there),
        }
    )
    found = answers(account, "transfer.describe-users")["transfer.describe-users"]
    assert found.state is CallState.WHOLE
    assert [one.name for one in found.items] == [there]


def test_servers_are_asked_only_for_what_their_identity_provider_can_have() -> None:
    """AWS refuses to list groups where it manages the users itself."""
    managed, directory = server("s-1"), server("s-2", "AWS_DIRECTORY_SERVICE")
    account = Account(
        {
            ("transfer", "list_servers"): [managed, directory],
            ("list_users", "s-2"): fault(AwsFault.REFUSED, "InvalidRequestException"),
            ("list_accesses", "s-1"): fault(AwsFault.REFUSED, "InvalidRequestException"),
        },
        core=("transfer",),
    )
    for call in ("transfer.describe-users", "transfer.describe-accesses"):
        assert answers(account, call)[call].state is CallState.WHOLE


@dataclass
class Unlisted(Account):
    """botocore has no list of the regions of some services."""

    def offered(self, service: str, region: str) -> bool | None:
        return None if service in self.missing_services else super().offered(service, region)


def unresolved(number: int) -> AwsError:
    """As it comes from a resolver: the name is not there, or there was no answer."""
    error = EndpointConnectionError(endpoint_url="https://x", error=socket.gaierror(number, "x"))
    told = translated(error, "x", "")
    told.__cause__ = error
    return told


@pytest.mark.parametrize(
    ("number", "listed", "state"),
    [
        (socket.EAI_NONAME, False, CallState.WHOLE),
        (socket.EAI_AGAIN, False, CallState.BROKEN),
        (socket.EAI_NONAME, True, CallState.BROKEN),
    ],
)
def test_where_a_service_has_no_name_there_is_nothing_of_it(
    number: int, listed: bool, state: CallState
) -> None:
    """Only a name server that says so tells it, and only of a service of which botocore knows no regions."""
    call = "bedrock-agentcore-control.get-agent-runtimes"
    given = {("bedrock-agentcore-control", "list_agent_runtimes"): unresolved(number)}
    unlisted = () if listed else ("bedrock-agentcore-control",)
    assert answers(Unlisted(given, unlisted), call)[call].state is state


def test_a_project_of_which_nothing_comes_is_not_known() -> None:
    """AWS says of each whether it is there."""
    account = Account(
        {
            ("codebuild", "list_projects"): ["site", "gone"],
            ("codebuild", "batch_get_projects"): {"projects": [], "projectsNotFound": ["gone"]},
        }
    )
    call = "codebuild.batch-get-projects"
    assert answers(account, call)[call].state is CallState.BROKEN


def test_only_schedules_that_may_start_tasks_are_asked_for() -> None:
    """Some accounts have a schedule for each reminder that they send."""
    cluster = ARN.format("ecs", "cluster/ci")
    targets = {"reminder": ARN.format("lambda", "function:remind"), "nightly": cluster, "odd": ""}
    rows = [
        {"Name": name, "GroupName": "default", "Target": {"Arn": arn}}
        for name, arn in targets.items()
    ]
    account = Account({("scheduler", "list_schedules"): rows}, core=("scheduler",))
    answers(account, "scheduler.get-schedules")
    asked = [given["Name"] for name, given in account.asked if name == "get_schedule"]
    assert asked == ["nightly", "odd"]
