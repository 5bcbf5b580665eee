"""A result or a refusal to the bytes of its service's protocol.

What stands in a result must stand in the service's model: a name that does not, raises. So a test
cannot hold something that AWS would never have said. An empty list is written, as AWS writes it;
``None`` is left out.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from botocore.model import OperationModel, ServiceModel, Shape
from botocore.serialize import CBORSerializer
from botocore.utils import parse_timestamp

from tests.fakeaws import models
from tests.fakeaws.refusals import RefusalError

REQUEST_ID = "7a62c49f-347e-4fc4-9331-6e8e9f9a2049"


@dataclass(frozen=True)
class Reply:
    """One HTTP response."""

    status: int
    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)


def moment(given: Any) -> datetime:  # noqa: ANN401 - whatever stands for a time
    """A time given as epoch seconds, ISO text or a datetime. Without a zone it is UTC."""
    found: datetime = given if isinstance(given, datetime) else parse_timestamp(given)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


# -- results -------------------------------------------------------------------------------------


def write(operation: OperationModel, result: Mapping[str, Any]) -> Reply:
    """A result as its service would answer it."""
    shape = operation.output_shape
    _refuse_unknown(result, shape, operation.name)
    return _WRITERS[models.style(operation.service_model)](operation, result, shape)


def _refuse_unknown(given: Mapping[str, Any], shape: Shape | None, where: str) -> None:
    unknown = given.keys() - models.members(shape).keys()
    assert not unknown, f"{where}: botocore knows no {', '.join(sorted(unknown))}"


def _json_reply(operation: OperationModel, result: Mapping[str, Any], shape: Shape | None) -> Reply:
    version = operation.service_model.metadata.get("jsonVersion", "1.1")
    body = json.dumps(_json(result, shape, operation.name) if shape else {}).encode()
    return Reply(200, body, f"application/x-amz-json-{version}")


_CBOR_HEADERS = {"smithy-protocol": "rpc-v2-cbor"}


def _cbor_reply(operation: OperationModel, result: Mapping[str, Any], shape: Shape | None) -> Reply:
    """botocore writes requests so; answers are the same."""
    body = bytearray()
    if shape is not None:
        checked = {k: v for k, v in result.items() if v is not None}
        _json(checked, shape, operation.name)  # refuses what the model does not know
        CBORSerializer()._serialize_data_item(body, _at(checked, shape), shape)  # type: ignore[attr-defined]
    return Reply(200, bytes(body), "application/cbor", _CBOR_HEADERS)


def _at(given: Any, shape: Shape) -> Any:  # noqa: ANN401 - as the shape says
    """Times are datetimes, however they were given."""
    if shape.type_name == "structure":
        members = models.members(shape)
        return {k: _at(v, members[k]) for k, v in given.items() if v is not None}
    if shape.type_name == "list":
        return [_at(item, shape.member) for item in given]  # type: ignore[attr-defined]
    return moment(given) if shape.type_name == "timestamp" else given


def _cbor_refusal(_: ServiceModel, refused: RefusalError) -> Reply:
    said = {"__type": refused.code, "message": refused.message}
    body = bytes([0xA0 + len(said)]) + b"".join(
        _cbor_text(text) for pair in said.items() for text in pair
    )
    return Reply(refused.status, body, "application/cbor", _CBOR_HEADERS)


def _cbor_text(text: str) -> bytes:
    """A text of at most 65,535 bytes."""
    encoded = text.encode()
    return b"\x79" + len(encoded).to_bytes(2, "big") + encoded


def _rest_reply(operation: OperationModel, result: Mapping[str, Any], shape: Shape | None) -> Reply:
    members = models.members(shape)
    placed = {name: members[name].serialization.get("location") for name in result}
    headers: dict[str, str] = {}
    for name, place in placed.items():
        called = members[name].serialization.get("name", name)
        if place == "headers":
            headers |= {called + key: str(text) for key, text in result[name].items()}
        elif place == "header" and result[name] is not None:
            headers[called] = _header(result[name], members[name])
    inside = {name: result[name] for name, place in placed.items() if place is None}
    status = int(operation.http.get("responseCode", 200))
    kind, body = _rest_body(operation, inside, shape)
    return Reply(status, body, headers.pop("Content-Type", kind), headers)


def _rest_body(
    operation: OperationModel, inside: Mapping[str, Any], shape: Shape | None
) -> tuple[str, bytes]:
    """The body's type, and the body."""
    members = models.members(shape)
    payload = shape.serialization.get("payload") if shape else None
    if payload and members[payload].type_name in {"blob", "string"}:
        return "application/octet-stream", _bytes(inside.get(payload, b""))
    if payload:
        inside, shape = inside.get(payload, {}), members[payload]
    if models.style(operation.service_model) == "rest-json":
        body = json.dumps(_json(inside, shape, operation.name) if shape else {})
        return "application/json", body.encode()
    if all("location" in member.serialization for member in members.values()):
        return "application/xml", b""
    if operation.name == "GetBucketLocation":  # alone among all, its root is its only member
        text = _element("LocationConstraint", escape(inside["LocationConstraint"]))
    else:
        root = str(shape.serialization.get("name", f"{operation.name}Result")) if shape else ""
        text = _element(root, _xml(inside, shape, operation.name), _namespace(operation))
    return "application/xml", _DECLARATION + text.encode()


def _ec2_reply(operation: OperationModel, result: Mapping[str, Any], shape: Shape | None) -> Reply:
    inside = f"<requestId>{REQUEST_ID}</requestId>"
    inside += _xml(result, shape, operation.name) if shape else ""
    text = _element(f"{operation.name}Response", inside, _namespace(operation))
    return Reply(200, _DECLARATION + text.encode(), "text/xml;charset=UTF-8")


def _query_reply(
    operation: OperationModel, result: Mapping[str, Any], shape: Shape | None
) -> Reply:
    inside = ""
    if shape is not None:
        wrapper = str(shape.serialization.get("resultWrapper", f"{operation.name}Result"))
        inside = _element(wrapper, _xml(result, shape, operation.name))
    inside += f"<ResponseMetadata><RequestId>{REQUEST_ID}</RequestId></ResponseMetadata>"
    text = _element(f"{operation.name}Response", inside, _namespace(operation))
    return Reply(200, text.encode(), "text/xml")


# -- refusals ------------------------------------------------------------------------------------


def write_refusal(model: ServiceModel, refused: RefusalError) -> Reply:
    """A refusal as a service would answer it."""
    return _REFUSERS[models.style(model)](model, refused)


def _ec2_refusal(_: ServiceModel, refused: RefusalError) -> Reply:
    inside = _code_and_message(refused)
    text = (
        f"<Response><Errors><Error>{inside}</Error></Errors>"
        f"<RequestID>{REQUEST_ID}</RequestID></Response>"
    )
    return Reply(refused.status, _DECLARATION + text.encode(), "text/xml;charset=UTF-8")


def _query_refusal(_: ServiceModel, refused: RefusalError) -> Reply:
    who = "Sender" if refused.status < 500 else "Receiver"
    inside = f"<Type>{who}</Type>" + _code_and_message(refused)
    text = _element("ErrorResponse", f"<Error>{inside}</Error><RequestId>{REQUEST_ID}</RequestId>")
    return Reply(refused.status, text.encode(), "text/xml")


def _xml_refusal(_: ServiceModel, refused: RefusalError) -> Reply:
    inside = _code_and_message(refused) + f"<RequestId>{REQUEST_ID}</RequestId>"
    return Reply(
        refused.status, _DECLARATION + _element("Error", inside).encode(), "application/xml"
    )


def _code_and_message(refused: RefusalError) -> str:
    return f"<Code>{escape(refused.code)}</Code><Message>{escape(refused.message)}</Message>"


def _json_refusal(model: ServiceModel, refused: RefusalError) -> Reply:
    body = {"__type": refused.code, "message": refused.message, **refused.extra}
    version = model.metadata.get("jsonVersion", "1.1")
    return Reply(refused.status, json.dumps(body).encode(), f"application/x-amz-json-{version}")


def _rest_refusal(_: ServiceModel, refused: RefusalError) -> Reply:
    body = {"message": refused.message, **refused.extra}
    headers = {"x-amzn-ErrorType": refused.code}
    return Reply(refused.status, json.dumps(body).encode(), "application/json", headers)


# -- values --------------------------------------------------------------------------------------


def _json(given: Any, shape: Shape, where: str) -> Any:  # noqa: ANN401 - as the shape says
    if shape.type_name == "structure" and not getattr(shape, "is_document_type", False):
        _refuse_unknown(given, shape, where)
        members = models.members(shape)
        return {
            members[name].serialization.get("name", name): _json(value, members[name], name)
            for name, value in given.items()
            if value is not None
        }
    if shape.type_name == "list":
        return [_json(item, shape.member, where) for item in given]  # type: ignore[attr-defined]
    if shape.type_name == "map":
        return {key: _json(value, shape.value, where) for key, value in given.items()}  # type: ignore[attr-defined]
    if shape.type_name == "timestamp":
        return _time(given, shape, "unixTimestamp")
    return base64.b64encode(_bytes(given)).decode() if shape.type_name == "blob" else given


def _xml(given: Mapping[str, Any], shape: Shape | None, where: str) -> str:
    """The elements of a structure."""
    _refuse_unknown(given, shape, where)
    members = models.members(shape)
    return "".join(
        _xml_member(name, value, members[name])
        for name, value in given.items()
        if value is not None
    )


def _xml_member(name: str, given: Any, shape: Shape) -> str:  # noqa: ANN401 - as the shape says
    called = str(shape.serialization.get("name", name))
    if shape.type_name == "list":
        member: Shape = shape.member  # type: ignore[attr-defined]
        if shape.serialization.get("flattened"):
            called = str(member.serialization.get("name", called))
            return "".join(_xml_member(called, item, member) for item in given)
        item_name = str(member.serialization.get("name", "member"))
        return _element(called, "".join(_xml_member(item_name, i, member) for i in given))
    if shape.type_name == "structure":
        return _element(called, _xml(given, shape, name))
    if shape.type_name == "map":
        return _element(called, "".join(_xml_entry(key, v, shape) for key, v in given.items()))
    return _element(called, escape(_xml_text(given, shape)))


def _xml_entry(key: str, given: Any, shape: Shape) -> str:  # noqa: ANN401 - as the shape says
    name = str(shape.key.serialization.get("name", "key"))  # type: ignore[attr-defined]
    inside = _element(name, escape(key)) + _xml_member("value", given, shape.value)  # type: ignore[attr-defined]
    return _element("entry", inside)


def _xml_text(given: Any, shape: Shape) -> str:  # noqa: ANN401 - as the shape says
    if shape.type_name == "boolean":
        return "true" if given else "false"
    if shape.type_name == "timestamp":
        return str(_time(given, shape, "iso8601"))
    if shape.type_name == "blob":
        return base64.b64encode(_bytes(given)).decode()
    return str(given)


def _header(given: Any, shape: Shape) -> str:  # noqa: ANN401 - as the shape says
    return str(_time(given, shape, "rfc822")) if shape.type_name == "timestamp" else str(given)


def _time(given: object, shape: Shape, default: str) -> str | float:
    at = moment(given).astimezone(UTC)
    return _TIMES[str(shape.serialization.get("timestampFormat", default))](at)


def _bytes(given: str | bytes) -> bytes:
    return given.encode() if isinstance(given, str) else given


def _element(name: str, inside: str, namespace: str = "") -> str:
    declared = f" xmlns={quoteattr(namespace)}" if namespace else ""
    return f"<{name}{declared}>{inside}</{name}>" if inside else f"<{name}{declared}/>"


def _namespace(operation: OperationModel) -> str:
    model = operation.service_model
    if models.style(model) == "ec2":
        return f"http://ec2.amazonaws.com/doc/{model.api_version}/"
    return str(model.metadata.get("xmlNamespace", ""))


_DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>\n'

_TIMES: Mapping[str, Callable[[datetime], str | float]] = {
    "unixTimestamp": lambda at: round(at.timestamp(), 3),
    "iso8601": lambda at: at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    "rfc822": lambda at: format_datetime(at, usegmt=True),
}

Writer = Callable[[OperationModel, Mapping[str, Any], Shape | None], Reply]
_WRITERS: Mapping[str, Writer] = {
    "ec2": _ec2_reply,
    "query": _query_reply,
    "json": _json_reply,
    "rest-json": _rest_reply,
    "rest-xml": _rest_reply,
    models.CBOR: _cbor_reply,
}

_REFUSERS: Mapping[str, Callable[[ServiceModel, RefusalError], Reply]] = {
    "ec2": _ec2_refusal,
    "query": _query_refusal,
    "json": _json_refusal,
    "rest-json": _rest_refusal,
    "rest-xml": _xml_refusal,
    models.CBOR: _cbor_refusal,
}
