"""Whatever a service's model can hold, botocore's own parser reads back from what the fake writes."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.awsrequest import HeadersDict
from botocore.model import OperationModel, Shape
from botocore.parsers import create_parser

from tests.fakeaws import models
from tests.fakeaws.calls import HANDLERS, load_services
from tests.fakeaws.refusals import REASONS, RefusalError, refusal
from tests.fakeaws.writing import Reply, write, write_refusal

load_services()

TEXTS = ["", "a", " a b ", "<&>\"'", "ä–語😀", "$LATEST", "0", "true", "a\nb", "]]>"]
DEPTH = 5

OPERATIONS = {
    models.call_name(name, operation): (name, operation)
    for name in models.SERVICES
    for operation in models.service(name).operation_names
}


def made(rng: random.Random, shape: Shape, depth: int = 0) -> Any:  # noqa: ANN401 - as the shape says
    """Something that a shape can hold."""
    if shape.type_name == "structure":
        members = list(models.members(shape).items())
        chosen = rng.sample(members, rng.randint(0, min(6, len(members)))) if members else []
        if getattr(shape, "is_tagged_union", False):
            chosen = [rng.choice(members)]
        return {name: made(rng, member, depth + 1) for name, member in chosen}
    if shape.type_name == "list":
        count = 0 if depth > DEPTH else rng.randint(0, 3)
        return [made(rng, shape.member, depth + 1) for _ in range(count)]  # type: ignore[attr-defined]
    if shape.type_name == "map":
        count = 0 if depth > DEPTH else rng.randint(0, 2)
        return {f"k{n}": made(rng, shape.value, depth + 1) for n in range(count)}  # type: ignore[attr-defined]
    return _SCALARS[shape.type_name](rng)


_SCALARS: dict[str, Any] = {
    "string": lambda rng: rng.choice(TEXTS),
    "integer": lambda rng: rng.randint(-(2**31), 2**31),
    "long": lambda rng: rng.randint(0, 2**62),
    "float": lambda rng: rng.randint(0, 1000) / 8,
    "double": lambda rng: rng.randint(0, 1000) / 8,
    "boolean": lambda rng: rng.random() < 0.5,
    "blob": lambda rng: rng.randbytes(rng.randint(0, 9)),
    "timestamp": lambda rng: (
        datetime(2026, 1, 1, tzinfo=UTC) + timedelta(milliseconds=rng.randint(0, 10**10))
    ),
}


def parsed(operation: OperationModel, reply: Reply, shape: Shape | None) -> dict[str, Any]:
    response = {
        "status_code": reply.status,
        "headers": HeadersDict({"Content-Type": reply.content_type, **reply.headers}),
        "body": reply.body,
        "context": {"operation_name": operation.name},
    }
    parser = create_parser(operation.service_model.resolved_protocol)
    found: dict[str, Any] = parser.parse(response, shape)  # type: ignore[arg-type] # errors have none
    found.pop("ResponseMetadata", None)
    return found


@pytest.mark.parametrize("call", sorted(HANDLERS))
def test_botocore_reads_back_what_is_written(call: str) -> None:
    name, operation_name = OPERATIONS[call]
    operation = models.service(name).operation_model(operation_name)
    shape = operation.output_shape
    assert shape
    for seed in range(40):
        result = made(random.Random(f"{call} {seed}"), shape)
        assert parsed(operation, write(operation, result), shape) == result


@pytest.mark.parametrize("reason", sorted(REASONS))
@pytest.mark.parametrize("name", models.SERVICES)
def test_botocore_reads_every_refusal(name: str, reason: str) -> None:
    model = models.service(name)
    operation = model.operation_model(model.operation_names[0])
    refused = refusal(reason, name, models.style(model), 'no, not "that" <&>')
    found = parsed(operation, write_refusal(model, refused), None)
    assert found["Error"]["Code"] == refused.code
    assert found["Error"]["Message"] == 'no, not "that" <&>'


def test_a_refusal_with_its_own_members() -> None:
    model = models.service("efs")
    refused = RefusalError("FileSystemNotFound", "gone", 404, {"ErrorCode": "FileSystemNotFound"})
    operation = model.operation_model("DescribeFileSystems")
    shape = model.shape_for("FileSystemNotFound")
    found = parsed(operation, write_refusal(model, refused), shape)
    assert found["ErrorCode"] == "FileSystemNotFound"


@pytest.mark.parametrize(
    "given", [1_790_000_000, 1_790_000_000.0, "2026-09-21T14:13:20Z", "2026-09-21T16:13:20+02:00"]
)
@pytest.mark.parametrize("call", ["ec2.describe-flow-logs", "efs.describe-file-systems"])
def test_times_may_be_given_in_any_way(call: str, given: object) -> None:
    name, operation_name = OPERATIONS[call]
    operation = models.service(name).operation_model(operation_name)
    key = {"ec2": "FlowLogs", "efs": "FileSystems"}[name]
    reply = write(operation, {key: [{"CreationTime": given}]})
    (row,) = parsed(operation, reply, operation.output_shape)[key]
    assert row["CreationTime"] == datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)


def test_none_is_left_out_and_an_empty_list_is_not() -> None:
    for call, key in (("ec2.describe-vpcs", "Vpcs"), ("ecs.list-clusters", "clusterArns")):
        name, operation_name = OPERATIONS[call]
        operation = models.service(name).operation_model(operation_name)
        token = "NextToken" if name == "ec2" else "nextToken"
        reply = write(operation, {key: [], token: None})
        assert parsed(operation, reply, operation.output_shape) == {key: []}
