"""AWS's own description of its services, from botocore: which request is which operation."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import botocore.session
from botocore import xform_name
from botocore.model import OperationModel, ServiceModel, Shape

SERVICES = (
    "account",
    "athena",
    "batch",
    "bedrock-agentcore-control",
    "cloudtrail",
    "cloudwatch",
    "codebuild",
    "datasync",
    "ec2",
    "ecs",
    "efs",
    "eks",
    "events",
    "fsx",
    "glue",
    "lambda",
    "logs",
    "m2",
    "organizations",
    "s3",
    "s3files",
    "sagemaker",
    "scheduler",
    "sts",
    "transfer",
)
"""What may be spoken to: a name here, and handlers in :mod:`tests.fakeaws.calls`, add a service."""

CBOR = "smithy-rpc-v2-cbor"

STYLES = frozenset({"ec2", "query", "json", "rest-json", "rest-xml", CBOR})
"""The protocols that are spoken here."""

_session = botocore.session.Session()


@functools.cache
def service(name: str) -> ServiceModel:
    """A service's model by botocore's name for it, ``efs``."""
    return _session.get_service_model(name)


@functools.cache
def _signed_as() -> Mapping[str, str]:
    return {service(name).signing_name: name for name in SERVICES}


def signed_as(signing_name: str) -> str:
    """botocore's name for what a signature's scope names, ``elasticfilesystem``; ``""`` if none."""
    return _signed_as().get(signing_name, "")


def style(model: ServiceModel) -> str:
    """The protocol that the installed botocore speaks with a service."""
    found = str(model.resolved_protocol)
    assert found in STYLES, f"{model.service_name} now speaks {found}: teach it to the fake"
    return found


@functools.cache
def partition(region: str) -> str:
    """``aws``, ``aws-cn``, ``aws-us-gov``."""
    return _session.get_partition_for_region(region)


def call_name(service_name: str, operation: str) -> str:
    """As the AWS CLI spells it: ``ec2.describe-network-interfaces``."""
    return f"{service_name}.{xform_name(operation, '-')}"


@dataclass(frozen=True)
class Route:
    """One operation's method and path."""

    method: str
    path: re.Pattern[str]
    query: tuple[str, ...]
    """What the path's own query must hold, ``list-type=2``."""
    needed: frozenset[str]
    """The query's and the headers' names, in lower case, without which it is another operation."""
    operation: OperationModel


@functools.cache
def routes(name: str) -> tuple[Route, ...]:
    """Every operation of a REST service, the most particular first."""
    model = service(name)
    found = []
    for operation_name in model.operation_names:
        operation = model.operation_model(operation_name)
        uri, _, query = operation.http["requestUri"].partition("?")
        pieces = re.split(r"(\{[^}]+\})", uri.rstrip("/"))
        pattern = "".join(_piece(piece) for piece in pieces) + "/?"
        fixed = sum(len(piece) for piece in pieces if not piece.startswith("{"))
        route = Route(
            operation.http["method"],
            re.compile(pattern),
            tuple(filter(None, query.split("&"))),
            _needed(operation),
            operation,
        )
        found.append((-fixed, -len(route.query), -len(route.needed), operation_name, route))
    return tuple(route for *_, route in sorted(found, key=lambda f: f[:-1]))


def _needed(operation: OperationModel) -> frozenset[str]:
    required = getattr(operation.input_shape, "required_members", ())
    placed = (members(operation.input_shape)[name] for name in required)
    return frozenset(
        str(member.serialization["name"]).lower()
        for member in placed
        if member.serialization.get("location") in {"header", "querystring"}
    )


def _piece(piece: str) -> str:
    if not piece.startswith("{"):
        return re.escape(piece)
    name = piece[1:-1]
    return f"(?P<{_group(name.rstrip('+'))}>{'.+' if name.endswith('+') else '[^/]+'})"


def _group(name: str) -> str:
    """A member's name as a regular expression may have it."""
    return re.sub(r"\W", "_", name)


def routed(
    name: str, method: str, path: str, query: Mapping[str, Any], headers: Iterable[str]
) -> tuple[OperationModel, dict[str, str]] | None:
    """A REST request's operation, and what its path holds by the path's own names.

    S3 has several operations at one path: then what else a request holds tells which.
    """
    given = {key.lower() for key in query} | set(headers)
    found = None
    for route in routes(name):
        match = route.path.fullmatch(path) if route.method == method else None
        if match and all(_holds(query, wanted) for wanted in route.query):
            found = route.operation, {k: unquote(v) for k, v in match.groupdict().items()}
            if route.needed <= given:
                return found
    return found


def _holds(query: Mapping[str, Any], wanted: str) -> bool:
    key, _, value = wanted.partition("=")
    return key in query and (not value or value in query[key])


def in_path(name: str, found: Mapping[str, str]) -> str | None:
    """What the path holds for a member whose name there is ``name``."""
    return found.get(_group(name))


def members(shape: Shape | None) -> Mapping[str, Shape]:
    """A structure's members; none for no shape."""
    found: Mapping[str, Shape] = getattr(shape, "members", {})
    return found
