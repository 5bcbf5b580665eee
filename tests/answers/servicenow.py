"""A ServiceNow instance that enforces what its documentation says of identification and reconciliation.

Payloads: at most 500 items, each with a known class, an ``internal_id`` of its own, identifying values, no ``sys_`` values, no item
twice; dependent classes with their whole chain of hosts; relations of a known type between items of the payload; a known data source. An
item is found by source and native key, else by what identifies it. An older word changes nothing. No relation is ever removed by a
payload. The instance API lists, shows and deletes relations.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

IDENTIFIERS = {
    "cmdb_ci_cloud_service_account": ("account_id",),
    "cmdb_ci_aws_datacenter": ("object_id",),
    "cmdb_ci_cloud_directory": ("object_id",),
    "cmdb_ci_vm_instance": ("object_id",),
    "cmdb_ci_cloud_function": ("object_id",),
    "cmdb_ci_cloud_ecs_service": ("object_id",),
    "cmdb_ci_cloud_ecs_task": ("object_id",),
    "cmdb_ci_cmp_resource": ("name", "object_id", "resource_type"),
}
INDEPENDENT = {"cmdb_ci_cloud_service_account"}
HOSTED_ON = "Hosted on::Hosts"
STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


@dataclass
class Ci:
    sys_id: str
    class_name: str
    values: dict[str, str]
    seen: str = ""


@dataclass
class Cmdb:
    """What the instance holds."""

    cis: dict[str, Ci] = field(default_factory=dict)
    relations: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    """By sys_id: parent, child, type."""
    native: dict[tuple[str, str], str] = field(default_factory=dict)
    relation_types: set[str] = field(default_factory=lambda: {HOSTED_ON, "Uses::Used by"})
    data_sources: set[str] = field(default_factory=lambda: {"EFS Mount Inventory"})
    refused: set[str] = field(default_factory=set)
    """Object ids that this instance's rules do not let in."""

    def of(self, class_name: str) -> list[Ci]:
        return [ci for ci in self.cis.values() if ci.class_name == class_name]

    def used_by(self, object_id: str, kind: str = "Uses::Used by") -> set[str]:
        """The object ids of those that use an item."""
        return {
            self.cis[parent].values["object_id"]
            for parent, child, type_ in self.relations.values()
            if type_ == kind and self.cis[child].values.get("object_id") == object_id
        }

    # -- identification and reconciliation ---------------------------------------------------------

    def reconcile(
        self, payload: dict[str, Any], data_source: str, *, write: bool
    ) -> dict[str, Any]:
        """The result; raises ``ValueError`` for what the engine refuses as a whole."""
        items, relations = payload["items"], payload["relations"]
        self._check(items, relations, data_source)
        chains = self._chains(items, relations)
        identities = {one["internal_id"]: self._identity(one, chains) for one in items}
        twice = [key for key, number in Counter(identities.values()).items() if number > 1]
        if twice:
            raise ValueError(f"DUPLICATE_PAYLOAD_RECORDS: {twice[0]}")
        target = self if write else Cmdb(dict(self.cis), dict(self.relations), dict(self.native))
        target.refused = self.refused
        ids: dict[str, str] = {}
        told = []
        for one in items:
            answer = target._item(one, identities[one["internal_id"]])
            if answer["operation"]:
                ids[one["internal_id"]] = answer["sysId"]
            told.append(answer)
        return {"items": told, "relations": [target._relation(one, ids) for one in relations]}

    def _check(
        self, items: list[dict[str, Any]], relations: list[dict[str, Any]], data_source: str
    ) -> None:
        if data_source not in self.data_sources:
            raise ValueError(f"INVALID_INPUT_DATA: unknown data source {data_source}")
        if len(items) > 500:
            raise ValueError(f"payload of {len(items)} items")
        names = [one["internal_id"] for one in items]
        if len(set(names)) != len(names):
            raise ValueError("DUPLICATE_PAYLOAD_RECORDS: internal_id")
        for one in items:
            _check_item(one)
        for one in relations:
            if one["type"] not in self.relation_types:
                raise ValueError(f"No such relationship with name [{one['type']}]")
            if not {one["parent_id"], one["child_id"]} <= set(names):
                raise ValueError("INVALID_INPUT_DATA: a relation to nothing")

    def _chains(
        self, items: list[dict[str, Any]], relations: list[dict[str, Any]]
    ) -> dict[str, str]:
        """By internal id of what is hosted, that of its host; every dependent item must have one in the payload."""
        hosts = {one["parent_id"]: one["child_id"] for one in relations if one["type"] == HOSTED_ON}
        for one in items:
            if one["className"] not in INDEPENDENT and one["internal_id"] not in hosts:
                raise ValueError(f"MISSING_DEPENDENCY: {one['internal_id']}")
        return hosts

    def _identity(self, item: dict[str, Any], hosts: dict[str, str]) -> tuple[str, ...]:
        """Identifying values, with those of the chain of hosts."""
        names = IDENTIFIERS[item["className"]]
        missing = [name for name in names if not item["values"].get(name)]
        if missing:
            raise ValueError(f"MISSING_MATCHING_ATTRIBUTES: {missing}")
        chain, at = (
            [item["className"], *(item["values"][name] for name in names)],
            item["internal_id"],
        )
        while at in hosts:
            at = hosts[at]
            chain.append(at)
        return tuple(chain)

    def _item(self, item: dict[str, Any], identity: tuple[str, ...]) -> dict[str, Any]:
        if item["values"].get("object_id") in self.refused:
            error = {"error": "INSERT_NOT_ALLOWED_FOR_SOURCE", "message": "by a rule"}
            return {"operation": None, "sysId": None, "errors": [error]}
        source = item.get("sys_object_source_info", {})
        native = (source.get("source_name", ""), source.get("source_native_key", ""))
        sys_id = self.native.get(native) if native[1] else None
        sys_id = sys_id or f"{abs(hash(identity)):032x}"[:32]
        stamp = source.get("source_recency_timestamp", "")
        known = self.cis.get(sys_id)
        if known is None:
            self.cis[sys_id] = Ci(sys_id, item["className"], dict(item["values"]), stamp)
            if native[1]:
                self.native[native] = sys_id
            return {"operation": "INSERT", "sysId": sys_id, "errors": []}
        if (known.values == item["values"] and stamp <= known.seen) or stamp < known.seen:
            return {"operation": "NO_CHANGE", "sysId": sys_id, "errors": []}
        self.cis[sys_id] = Ci(sys_id, item["className"], known.values | item["values"], stamp)
        return {"operation": "UPDATE", "sysId": sys_id, "errors": []}

    def _relation(self, relation: dict[str, Any], ids: dict[str, str]) -> dict[str, Any]:
        if not {relation["parent_id"], relation["child_id"]} <= ids.keys():
            return {
                "operation": None,
                "sysId": None,
                "errors": [{"error": "ABANDONED", "message": ""}],
            }
        made = (ids[relation["parent_id"]], ids[relation["child_id"]], relation["type"])
        for sys_id, known in self.relations.items():
            if known == made:
                return {"operation": "NO_CHANGE", "sysId": sys_id, "errors": []}
        sys_id = f"rel{len(self.relations):029x}"
        self.relations[sys_id] = made
        return {"operation": "INSERT", "sysId": sys_id, "errors": []}

    # -- the instance API --------------------------------------------------------------------------

    def listed(self, class_name: str, query: str) -> list[dict[str, str]]:
        name, _, value = query.partition("=")
        value = value.replace("^^", "^")
        return [
            {"sys_id": ci.sys_id, "name": ci.values.get("name", "")}
            for ci in self.of(class_name)
            if ci.values.get(name) == value
        ]

    def shown(self, sys_id: str) -> dict[str, Any]:
        def told(sys_id: str, other: str, kind: str) -> dict[str, Any]:
            return {
                "sys_id": sys_id,
                "type": {"display_value": kind, "value": "t"},
                "target": {"display_value": self.cis[other].values.get("name"), "value": other},
            }

        relations = self.relations.items()
        return {
            "attributes": self.cis[sys_id].values,
            "inbound_relations": [told(r, p, t) for r, (p, c, t) in relations if c == sys_id],
            "outbound_relations": [told(r, c, t) for r, (p, c, t) in relations if p == sys_id],
        }


def _check_item(one: dict[str, Any]) -> None:
    """What is wrong with an item by itself."""
    if one["className"] not in IDENTIFIERS:
        raise ValueError(f"INVALID_INPUT_DATA: no class {one['className']}")
    if unknown := set(one) - {
        "className",
        "internal_id",
        "values",
        "sys_object_source_info",
    }:
        raise ValueError(f"INVALID_INPUT_DATA: {unknown}")
    for name, value in one["values"].items():
        if name.startswith("sys_") or not isinstance(value, str):
            raise ValueError(f"INVALID_INPUT_DATA: {name}")
    source = one.get("sys_object_source_info", {})
    stamp = source.get("source_recency_timestamp")
    if stamp is not None and not STAMP.fullmatch(stamp):
        raise ValueError(f"INVALID_INPUT_DATA: {stamp}")


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.cmdb = Cmdb()
        self.user, self.password, self.token = "feed", "pass word", "tok"
        self.failures: list[tuple[int, dict[str, str]]] = []
        self.calls: list[tuple[str, str]] = []
        self.payloads: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def _handle(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size)
        parts = urlsplit(self.path)
        self.server.calls.append((self.command, parts.path))
        if self.server.failures:
            status, headers = self.server.failures.pop(0)
            self._answer(status, {"error": {"message": "later"}}, headers)
        elif not self._is_allowed():
            self._answer(401, {"error": {"message": "User Not Authenticated"}})
        else:
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            self._asked(unquote(parts.path).removeprefix("/api/now/"), query, body)

    do_GET = do_POST = do_DELETE = _handle  # noqa: N815 - the names they have there

    def _is_allowed(self) -> bool:
        kind, _, given = self.headers.get("Authorization", "").partition(" ")
        if kind == "Bearer":
            return given == self.server.token
        return b64decode(given).decode() == f"{self.server.user}:{self.server.password}"

    def _asked(self, path: str, query: dict[str, str], body: bytes) -> None:
        cmdb = self.server.cmdb
        words = path.split("/")
        try:
            if self.command == "POST" and path in {"identifyreconcile", "identifyreconcile/query"}:
                payload = json.loads(body)
                self.server.payloads.append(payload)
                write = path == "identifyreconcile"
                found = cmdb.reconcile(payload, query["sysparm_data_source"], write=write)
                self._answer(200, {"result": found})
            elif words[:2] != ["cmdb", "instance"]:
                self._answer(404, {"error": {"message": "no such API"}})
            elif self.command == "GET" and len(words) == 3:
                self._answer(200, {"result": cmdb.listed(words[2], query["sysparm_query"])})
            elif self.command == "GET" and len(words) == 4:
                self._answer(200, {"result": cmdb.shown(words[3])})
            elif self.command == "DELETE" and len(words) == 6 and words[4] == "relation":
                gone = cmdb.relations.pop(words[5], None)
                self._answer(404 if gone is None else 204, None)
            else:
                self._answer(405, None)
        except ValueError as error:
            self._answer(400, {"error": {"message": str(error)}})

    def _answer(
        self, status: int, document: dict[str, Any] | None, headers: dict[str, str] | None = None
    ) -> None:
        body = b"" if document is None else json.dumps(document).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name it has there
        pass
