"""By name of ``[discover] references``, the calls that look for what declares a mount, in each account and region."""

from __future__ import annotations

from collections.abc import Collection, Mapping

REFERENCE_CALLS: Mapping[str, tuple[str, ...]] = {
    "lambda": ("lambda.list-functions",),
    "ecs": (
        "ecs.list-clusters",
        "ecs.describe-tasks",
        "ecs.describe-services",
        "events.list-targets-by-rule",
        "scheduler.get-schedules",
        "ecs.describe-task-definitions",
    ),
    "eks": ("eks.describe-clusters",),
    "replication": ("efs.describe-replication-configurations",),
    "batch": ("batch.describe-job-definitions",),
    "codebuild": ("codebuild.batch-get-projects",),
    "sagemaker": (
        "sagemaker.describe-domains",
        "sagemaker.describe-user-profiles",
        "sagemaker.describe-spaces",
    ),
    "datasync": ("datasync.describe-locations-efs", "datasync.describe-tasks"),
    "transfer": ("transfer.describe-users", "transfer.describe-accesses"),
    "bedrock_agentcore": ("bedrock-agentcore-control.get-agent-runtimes",),
    "m2": ("m2.get-environments",),
    "user_data": ("ec2.describe-instance-attributes",),
}
"""One that no sweep makes has no success: what it looks for is not known to be absent."""

STARTERS = ("ecs.describe-services", "events.list-targets-by-rule", "scheduler.get-schedules")
"""Calls that tell by which task definitions tasks may be started: those are read too."""

OWN = ("efs.describe-access-points", "efs.describe-file-system-policies")
"""Calls of the file system's own account and region that the others lean on: which access points are its own, and whom it lets in."""

_ASKED_ANYWAY = frozenset({"lambda", "eks", "replication"})
"""What other questions need, too."""


def unnamed(references: Collection[str]) -> frozenset[str]:
    """The calls that are made only to look for references which nobody named: they are not made."""
    kept = {call for name in {*references, *_ASKED_ANYWAY} for call in REFERENCE_CALLS[name]}
    core = {call for call in REFERENCE_CALLS["ecs"] if call not in STARTERS}
    every = {call for calls in REFERENCE_CALLS.values() for call in calls}
    return frozenset(every - kept - core)
