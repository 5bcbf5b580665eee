"""A request's bytes to an operation and its parameters, as the service's model describes them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit
from xml.etree import ElementTree as ET

from botocore.model import OperationModel, Shape
from botocore.parsers import RpcV2CBORParser
from botocore.utils import parse_timestamp

from tests.fakeaws import models
from tests.fakeaws.refusals import RefusalError, refusal

Unread = Any
"""A value as it came, before a shape gave it meaning."""


@dataclass(frozen=True)
class Wire:
    """One HTTP request."""

    method: str
    target: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)


@dataclass(frozen=True)
class Scope:
    """What a signature says: who, where, and for which service."""

    key: str
    region: str
    service: str
    token: str = ""


def scope(wire: Wire) -> Scope:
    """Raises ``RefusalError`` for a request that is not signed, or for a service not known here."""
    given = wire.headers.get("authorization", "")
    if not given.startswith("AWS4-HMAC-SHA256 "):
        raise RefusalError("MissingAuthenticationToken", "the request is not signed", 403)
    fields = dict(part.strip().partition("=")[::2] for part in given.split(" ", 1)[1].split(","))
    key, _, region, name, _ = fields["Credential"].split("/")
    service = models.signed_as(name)
    if not service:
        raise RefusalError("UnknownService", f"the fake has no service signed as {name}", 400)
    return Scope(key, region, service, wire.headers.get("x-amz-security-token", ""))


@dataclass
class Reader:
    """Reads one request; what it cannot make sense of it refuses in the service's words."""

    service: str
    wire: Wire
    found: dict[str, str] = field(default_factory=dict)
    """What a REST path holds."""

    def operation(self) -> OperationModel:
        """The operation that is asked for. Raises ``RefusalError``."""
        model = models.service(self.service)
        name = _OPERATIONS[models.style(model)](self)
        if name not in model.operation_names:
            raise RefusalError("InvalidAction", f"{self.service} has no operation {name!r}", 400)
        return model.operation_model(name)

    def parameters(self, operation: OperationModel) -> dict[str, Any]:
        """The operation's parameters by the names of its model. Raises ``RefusalError``."""
        style = models.style(models.service(self.service))
        found: dict[str, Any] = _PARAMETERS[style](self, operation)
        return found

    # -- which operation -------------------------------------------------------------------------

    def _by_form(self) -> str:
        return str(dict(parse_qsl(self.wire.body.decode())).get("Action", ""))

    def _by_target(self) -> str:
        return self.wire.headers.get("x-amz-target", "").rpartition(".")[2]

    def _by_path(self) -> str:
        """``/service/CodeBuild_20161006/operation/ListProjects``."""
        return self.wire.path.rpartition("/operation/")[2]

    def _by_route(self) -> str:
        wire = self.wire
        routed = models.routed(self.service, wire.method, wire.path, wire.query, wire.headers)
        if routed is None:
            return f"{wire.method} {wire.path}"
        operation, self.found = routed
        return str(operation.name)

    # -- which parameters ------------------------------------------------------------------------

    def _form_parameters(self, operation: OperationModel) -> dict[str, Any]:
        given = parse_qsl(self.wire.body.decode(), keep_blank_values=True)
        tree = _tree([(k, v) for k, v in given if k not in {"Action", "Version"}])
        style = models.style(models.service(self.service))
        return self._form(tree, operation.input_shape, style)

    def _json_parameters(self, operation: OperationModel) -> dict[str, Any]:
        return self._structure(self._json(self.wire.body), operation.input_shape)

    def _cbor_parameters(self, operation: OperationModel) -> dict[str, Any]:
        given = {}
        if self.wire.body:
            parser = RpcV2CBORParser()
            stream = parser.get_peekable_stream_from_bytes(self.wire.body)
            given = parser.parse_data_item(stream)
        return self._structure(given, operation.input_shape)

    def _rest_parameters(self, operation: OperationModel) -> dict[str, Any]:
        shape = operation.input_shape
        given: dict[str, Any] = {}
        in_body = {}
        for name, member in models.members(shape).items():
            place = member.serialization.get("location")
            if place is None:
                in_body[name] = member
                continue
            value = self._placed(place, member.serialization.get("name", name), member)
            if value is not None:
                given[name] = self._value(value, member)
        payload = shape.serialization.get("payload") if shape else None
        if payload:
            given |= self._payload(payload, in_body[payload])
        elif in_body and self.wire.body:
            given |= self._structure(self._json(self.wire.body), shape)
        return given

    def _placed(self, place: str, name: str, member: Shape) -> Unread:
        if place == "uri":
            return models.in_path(name, self.found)
        if place == "querystring":
            values = self.wire.query.get(name)
            if member.type_name == "list" or values is None:
                return values
            return values[-1]
        if place == "headers":
            lead = name.lower()
            return {
                key.removeprefix(lead): value
                for key, value in self.wire.headers.items()
                if key.startswith(lead)
            }
        return self.wire.headers.get(name.lower())

    def _payload(self, name: str, member: Shape) -> dict[str, Any]:
        if member.type_name in {"blob", "string"}:
            return {name: self.wire.body}
        if not self.wire.body:
            return {}
        if models.style(models.service(self.service)) == "rest-xml":
            return {name: _xml(ET.fromstring(self.wire.body), member)}  # noqa: S314 - from our own test
        return {name: self._structure(self._json(self.wire.body), member)}

    # -- values ----------------------------------------------------------------------------------

    def _json(self, body: bytes) -> Unread:
        try:
            return json.loads(body or b"{}")
        except ValueError as error:
            raise RefusalError("SerializationException", str(error)) from error

    def _structure(self, given: Unread, shape: Shape | None) -> dict[str, Any]:
        if not isinstance(given, dict):
            raise RefusalError("SerializationException", "the body is no JSON object")
        known = {m.serialization.get("name", n): n for n, m in models.members(shape).items()}
        self._refuse_unknown(given.keys() - known.keys())
        members = models.members(shape)
        return {
            known[key]: self._value(value, members[known[key]])
            for key, value in given.items()
            if value is not None
        }

    def _refuse_unknown(self, unknown: set[str]) -> None:
        if unknown:
            names = ", ".join(sorted(unknown))
            style = models.style(models.service(self.service))
            said = f"The parameter {names} is not recognized"
            raise refusal("unknown_parameter", self.service, style, said)

    def _value(self, given: Unread, shape: Shape) -> Any:  # noqa: ANN401 - as the shape says
        if shape.type_name == "structure":
            return self._structure(given, shape)
        if shape.type_name == "list":
            return [self._value(item, shape.member) for item in given]  # type: ignore[attr-defined]
        if shape.type_name == "map":
            return {k: self._value(v, shape.value) for k, v in given.items()}  # type: ignore[attr-defined]
        try:
            return _SCALARS.get(shape.type_name, str)(given)
        except (TypeError, ValueError) as error:
            said = f"{given!r} is not of type {shape.type_name}"
            raise refusal("invalid", self.service, "", said) from error

    def _form(self, tree: Unread, shape: Shape | None, style: str) -> dict[str, Any]:
        members = models.members(shape)
        known = {_form_name(member, name, style): name for name, member in members.items()}
        self._refuse_unknown(tree.keys() - known.keys())
        return {
            known[key]: self._form_value(value, members[known[key]], style)
            for key, value in tree.items()
        }

    def _form_value(self, given: Unread, shape: Shape, style: str) -> Any:  # noqa: ANN401 - as the shape says
        if shape.type_name == "structure":
            return self._form(given, shape, style)
        if shape.type_name == "list":
            if given == "":
                return []
            if style == "query" and not shape.serialization.get("flattened"):
                given = next(iter(given.values()))
            numbered = sorted(given, key=int)
            return [self._form_value(given[n], shape.member, style) for n in numbered]  # type: ignore[attr-defined]
        return self._value(given, shape)


def _form_name(shape: Shape, default: str, style: str) -> str:
    if style != "ec2":
        return str(shape.serialization.get("name", default))
    if "queryName" in shape.serialization:
        return str(shape.serialization["queryName"])
    name = str(shape.serialization.get("name", default))
    return name[0].upper() + name[1:]


def _tree(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """``[("Filter.1.Name", "vpc-id")]`` to ``{"Filter": {"1": {"Name": "vpc-id"}}}``."""
    tree: dict[str, Any] = {}
    for key, value in pairs:
        *way, last = key.split(".")
        node = tree
        for step in way:
            node = node.setdefault(step, {})
        node[last] = value
    return tree


def _xml(node: ET.Element, shape: Shape) -> Any:  # noqa: ANN401 - as the shape says
    if shape.type_name == "structure":
        children: dict[str, list[ET.Element]] = {}
        for child in node:
            children.setdefault(child.tag.rpartition("}")[2], []).append(child)
        found = {}
        for name, member in models.members(shape).items():
            nodes = children.get(member.serialization.get("name", name), [])
            if nodes and member.serialization.get("flattened"):
                found[name] = [_xml(n, member.member) for n in nodes]  # type: ignore[attr-defined]
            elif nodes:
                found[name] = _xml(nodes[0], member)
        return found
    if shape.type_name == "list":
        return [_xml(child, shape.member) for child in node]  # type: ignore[attr-defined]
    return _SCALARS.get(shape.type_name, str)(node.text or "")


def _boolean(given: Unread) -> bool:
    if given in (True, "true"):
        return True
    if given in (False, "false"):
        return False
    raise ValueError(given)


def _timestamp(given: Unread) -> datetime:
    found: datetime = parse_timestamp(given)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


_SCALARS: Mapping[str, Any] = {
    "boolean": _boolean,
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
    "timestamp": _timestamp,
    "blob": base64.b64decode,
}

_OPERATIONS: Mapping[str, Any] = {
    "ec2": Reader._by_form,
    "query": Reader._by_form,
    "json": Reader._by_target,
    "rest-json": Reader._by_route,
    "rest-xml": Reader._by_route,
    models.CBOR: Reader._by_path,
}

_PARAMETERS: Mapping[str, Any] = {
    "ec2": Reader._form_parameters,
    "query": Reader._form_parameters,
    "json": Reader._json_parameters,
    "rest-json": Reader._rest_parameters,
    "rest-xml": Reader._rest_parameters,
    models.CBOR: Reader._cbor_parameters,
}
