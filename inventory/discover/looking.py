"""How references are looked for, live: listings, and what each thing listed is described as, in as few calls as AWS allows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from inventory.aws import corrupt, has_no_name
from inventory.discover import declaring
from inventory.discover.fields import FieldError
from inventory.errors import AwsError

if TYPE_CHECKING:
    from inventory.discover.live import Gathering

Fetcher = Callable[["Gathering", str], Iterator[Any]]


def described(
    service: str,
    listing: tuple[str, str],
    operation: str,
    *names: str,
    gone: str = "",
    only: Mapping[str, Any] | None = None,
    worth: Callable[[Mapping[str, Any]], bool] = lambda _: True,
) -> Fetcher:
    """Each thing of a listing described by itself.

    ``listing``: its operation and the key of its answer, ``only`` its parameters. ``names``: what ``operation`` takes, by the same names as
    the listing gives it, and gives back. ``gone``: AWS's code for what was deleted meanwhile. ``worth``: whether anything is left to
    ask of a thing by what the listing shows.
    """

    def fetch(gathering: Gathering, call: str) -> Iterator[Any]:
        rows = gathering.caller.listed(service, *listing, **(only or {}))

        def one(row: Mapping[str, Any]) -> list[Any]:
            given = {name: required(row, name, call) for name in names}
            return [gathering.caller.ask(service, operation, need=names, **given)]

        yield from gathering.each(call, [row for row in rows if worth(row)], one, gone=gone)

    return _where_offered(service, fetch)


def required(row: object, name: str, call: str) -> str:
    """A field of a listing without which nothing more can be asked. Raises ``AwsError``."""
    value = row.get(name) if isinstance(row, Mapping) else None
    if not isinstance(value, str) or not value:
        raise corrupt(call, f"an entry without {name}")
    return value


def _where_offered(service: str, fetch: Fetcher) -> Fetcher:
    """Where botocore knows that a service is not offered (and that EC2 is), there is nothing of it.

    Of some services it knows no regions at all; then there is nothing where their endpoint's name is not there.
    """

    def fetch_if_offered(gathering: Gathering, call: str) -> Iterator[Any]:
        aws, region = gathering.caller.aws, gathering.caller.region
        offered = aws.offered(service, region) if aws.offered("ec2", region) is True else True
        if offered is False:
            return
        try:
            yield from fetch(gathering, call)
        except AwsError as error:
            if offered is not None or not has_no_name(error):
                raise

    return fetch_if_offered


def listed(service: str, operation: str, key: str, **parameters: Any) -> Fetcher:
    """One paged listing that tells everything by itself."""

    def fetch(gathering: Gathering, _: str) -> Iterator[Any]:
        yield from gathering.caller.listed(service, operation, key, **parameters)

    return _where_offered(service, fetch)


# -- ECS ---------------------------------------------------------------------------------------------------------------------------------


def rule_targets(gathering: Gathering, call: str) -> Iterator[Any]:
    """The targets of every rule of the default event bus, each with its rule: a target does not say whose it is."""
    rules = gathering.caller.listed("events", "list_rules", "Rules")

    def targets(rule: Mapping[str, Any]) -> list[Any]:
        found = gathering.caller.listed(
            "events", "list_targets_by_rule", "Targets", Rule=required(rule, "Name", call)
        )
        about = {f"Rule{key}": rule.get(key) for key in ("Arn", "Name", "State")}
        return [{**row, **about} for row in found]

    yield from gathering.each(call, rules, targets, gone="ResourceNotFoundException")


def may_start_tasks(schedule: Mapping[str, Any]) -> bool:
    """Whether a schedule's target, as its listing shows it, may be ECS. Some accounts have a schedule for each reminder that they send."""
    target = (schedule.get("Target") or {}).get("Arn")
    return not target or ":ecs:" in target


# -- CodeBuild ---------------------------------------------------------------------------------------------------------------------------


def build_projects(gathering: Gathering, call: str) -> Iterator[Any]:
    """A hundred at a time; one that is gone meanwhile is none."""
    names = gathering.caller.listed("codebuild", "list_projects", "projects")
    some = [names[start : start + 100] for start in range(0, len(names), 100)]

    def projects(chosen: Sequence[str]) -> list[Any]:
        asked = gathering.caller.ask(
            "codebuild", "batch_get_projects", need=("projects",), names=list(chosen)
        )
        found: list[Any] = asked["projects"]
        silent = len(chosen) - len(found) - len(asked.get("projectsNotFound") or ())
        if silent > 0:
            raise corrupt(call, f"nothing of {silent} of {len(chosen)} projects")
        return found

    yield from gathering.each(call, some, projects)


# -- Transfer Family ---------------------------------------------------------------------------------------------------------------------


WITH_USERS = frozenset({"SERVICE_MANAGED", "API_GATEWAY", "AWS_LAMBDA"})
WITH_GROUPS = frozenset({"AWS_DIRECTORY_SERVICE"})
"""Identity providers of Transfer Family servers. AWS refuses to list groups where there are users, so it is not asked."""


def of_servers(
    listing: tuple[str, str], operation: str, key: str, parameter: str, never: Collection[str]
) -> Fetcher:
    """What every Transfer Family server with EFS behind it has: users, or accesses. What is gone meanwhile is none.

    ``never``: identity providers of servers that cannot have any.
    """

    def fetch(gathering: Gathering, call: str) -> Iterator[Any]:
        servers = gathering.caller.listed("transfer", "list_servers", "Servers")
        behind = [
            required(row, "ServerId", call)
            for row in servers
            if row.get("Domain") == "EFS" and row.get("IdentityProviderType") not in never
        ]

        def names(server: str) -> list[Any]:
            rows = gathering.caller.listed("transfer", *listing, ServerId=server)
            return [(server, required(row, parameter, call)) for row in rows]

        def one(named: tuple[str, str]) -> list[Any]:
            server, name = named
            given = {"ServerId": server, parameter: name}
            asked = gathering.caller.ask("transfer", operation, need=(key,), **given)
            return [{"ServerId": server, key: asked[key]}]

        found = list(gathering.each(call, behind, names, gone=_GONE))
        yield from gathering.each(call, found, one, gone=_GONE)

    return _where_offered("transfer", fetch)


# -- policies ----------------------------------------------------------------------------------------------------------------------------


def file_system_policies(gathering: Gathering, call: str) -> Iterator[Any]:
    """Of each file system; AWS answers "not found" where there is none.

    Its text is read here, so that a record keeps no more of it than whom it lets in.
    """
    systems = [one for one, _ in gathering.ids("efs.describe-file-systems", call, "FileSystemId")]

    def policy(file_system_id: str) -> list[Any]:
        try:
            asked = gathering.caller.ask(
                "efs",
                "describe_file_system_policy",
                need=("FileSystemId", "Policy"),
                FileSystemId=file_system_id,
            )
        except AwsError as error:
            if error.code == "PolicyNotFound":
                return []
            raise
        try:
            told = declaring.statements({"Policy": asked["Policy"]})
        except FieldError as error:
            raise corrupt(call, f"a policy that cannot be read: {error}") from error
        return [{"FileSystemId": asked["FileSystemId"], "Statement": told}]

    yield from gathering.each(call, systems, policy, gone="FileSystemNotFound")


_EFS = {"Filters": [{"Name": "LocationType", "Values": ["EFS"], "Operator": "Equals"}]}
_GONE = "ResourceNotFoundException"
_GONE_STUDIO = "ResourceNotFound"

LOOKING: Mapping[str, Fetcher] = {
    "events.list-targets-by-rule": rule_targets,
    "scheduler.get-schedules": described(
        "scheduler",
        ("list_schedules", "Schedules"),
        "get_schedule",
        "Name",
        "GroupName",
        gone=_GONE,
        worth=may_start_tasks,
    ),
    "batch.describe-job-definitions": listed(
        "batch", "describe_job_definitions", "jobDefinitions", status="ACTIVE"
    ),
    "codebuild.batch-get-projects": _where_offered("codebuild", build_projects),
    "sagemaker.describe-domains": described(
        "sagemaker", ("list_domains", "Domains"), "describe_domain", "DomainId", gone=_GONE_STUDIO
    ),
    "sagemaker.describe-user-profiles": described(
        "sagemaker",
        ("list_user_profiles", "UserProfiles"),
        "describe_user_profile",
        "DomainId",
        "UserProfileName",
        gone=_GONE_STUDIO,
    ),
    "sagemaker.describe-spaces": described(
        "sagemaker",
        ("list_spaces", "Spaces"),
        "describe_space",
        "DomainId",
        "SpaceName",
        gone=_GONE_STUDIO,
    ),
    "datasync.describe-locations-efs": described(
        "datasync",
        ("list_locations", "Locations"),
        "describe_location_efs",
        "LocationArn",
        only=_EFS,
    ),
    "datasync.describe-tasks": described(
        "datasync", ("list_tasks", "Tasks"), "describe_task", "TaskArn"
    ),
    "transfer.describe-users": of_servers(
        ("list_users", "Users"), "describe_user", "User", "UserName", WITH_GROUPS
    ),
    "transfer.describe-accesses": of_servers(
        ("list_accesses", "Accesses"), "describe_access", "Access", "ExternalId", WITH_USERS
    ),
    "m2.get-environments": described(
        "m2", ("list_environments", "environments"), "get_environment", "environmentId", gone=_GONE
    ),
    "bedrock-agentcore-control.get-agent-runtimes": described(
        "bedrock-agentcore-control",
        ("list_agent_runtimes", "agentRuntimes"),
        "get_agent_runtime",
        "agentRuntimeId",
        gone=_GONE,
    ),
    "efs.describe-file-system-policies": file_system_policies,
}
"""By call how it is asked."""
