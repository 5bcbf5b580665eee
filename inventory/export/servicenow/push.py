"""Posts payloads to an instance, and takes away relations that ended: the engine itself never removes one.

Each item and relation is reported with what became of it. A file system that is refused does not stop the others.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from inventory.errors import ConfigError
from inventory.export.servicenow.items import FILE_SYSTEM_CLASS, Ci, Terms
from inventory.export.servicenow.payloads import Payload, Removal
from inventory.export.servicenow.work import Work
from inventory.posting import Poster, PostingError, Resolver, resolved

if TYPE_CHECKING:
    from inventory.config.sections import ServiceNowSettings

Line = dict[str, Any]

_DENIED = {401, 403}
_GONE = 404


@dataclass(frozen=True, slots=True)
class Instance:
    """A ServiceNow instance to push to."""

    poster: Poster
    url: str
    headers: Mapping[str, str]
    terms: Terms
    dry_run: bool

    def push(self, work: Iterable[Work]) -> Iterator[Line]:
        """What became of each item and relation, as it comes. Raises ``PostingError`` when the instance cannot be reached or denies."""
        for one in work:
            for payload in one.payloads:
                yield from self._reconciled(one.file_system, payload)
            for removal in one.removals:
                yield self._removed(one.file_system, removal)

    def _reconciled(self, file_system: str, payload: Payload) -> Iterator[Line]:
        path = "identifyreconcile/query" if self.dry_run else "identifyreconcile"
        query = urlencode({"sysparm_data_source": self.terms.data_source})
        try:
            found = self._call("POST", f"{path}?{query}", payload)
        except PostingError as error:
            if error.status is None or error.status in _DENIED:
                raise
            yield {"file_system": file_system, "operation": "FAILED", "errors": [str(error)]}
            return
        told = found.get("items") or []
        for number, item in enumerate(payload["items"]):
            answer = told[number] if number < len(told) else {}
            yield {
                "file_system": file_system,
                "className": item["className"],
                "internal_id": item["internal_id"],
                "operation": answer.get("operation"),
                "sys_id": answer.get("sysId"),
                "errors": _errors(answer) if answer else ["the instance did not answer for it"],
            }
        answers = found.get("relations") or []
        for number, relation in enumerate(payload["relations"]):
            answer = answers[number] if number < len(answers) else {}
            yield {
                "file_system": file_system,
                "relation": relation["type"],
                "parent": relation["parent_id"],
                "child": relation["child_id"],
                "operation": answer.get("operation"),
                "sys_id": answer.get("sysId"),
                "errors": _errors(answer),
            }

    def _removed(self, file_system: str, removal: Removal) -> Line:
        line = {
            "file_system": file_system,
            "relation": self.terms.relation_type,
            "parent": removal.client.internal_id,
            "child": removal.file_system.internal_id,
            "operation": "DELETE",
            "sys_id": None,
            "errors": list[str](),
        }
        try:
            sys_id = self._remove(removal)
        except PostingError as error:
            if error.status is None or error.status in _DENIED:
                raise
            return line | {"operation": "FAILED", "errors": [str(error)]}
        return line | {"operation": "DELETE" if sys_id else "NO_CHANGE", "sys_id": sys_id}

    def _remove(self, removal: Removal) -> str | None:
        """Take a relation away by the instance API; its sys_id, or ``None`` when it is not there."""
        child, parent = self._sys_id(removal.file_system), self._sys_id(removal.client)
        if child is None or parent is None:
            return None
        place = f"cmdb/instance/{FILE_SYSTEM_CLASS}/{quote(child)}"
        for relation in self._call("GET", place).get("inbound_relations") or []:
            kind, target = relation.get("type") or {}, relation.get("target") or {}
            if (
                kind.get("display_value") == self.terms.relation_type
                and target.get("value") == parent
            ):
                found = str(relation["sys_id"])
                if not self.dry_run:
                    self._delete(f"{place}/relation/{quote(found)}")
                return found
        return None

    def _delete(self, path: str) -> None:
        try:
            self._call("DELETE", path)
        except PostingError as error:
            if error.status != _GONE:  # somebody else was there first
                raise

    def _sys_id(self, one: Ci) -> str | None:
        """The sys_id of an item, by what identifies it; ``None`` when there is none, or not only one."""
        query = urlencode(
            {"sysparm_query": f"object_id={one.object_id.replace('^', '^^')}", "sysparm_limit": "2"}
        )
        found = self._call("GET", f"cmdb/instance/{one.class_name}?{query}")
        listed = found.get("list", [])
        return str(listed[0]["sys_id"]) if len(listed) == 1 else None

    def _call(self, method: str, path: str, body: Payload | None = None) -> dict[str, Any]:
        """The ``result`` of an answer; a list of results as ``list``."""
        content = b"" if body is None else json.dumps(body).encode()
        url = f"{self.url.rstrip('/')}/api/now/{path}"
        reply = self.poster.send(method, url, content=content, headers=self.headers)
        try:
            result = json.loads(reply.body)["result"] if reply.body else {}
        except (ValueError, KeyError, TypeError) as error:
            msg = "ServiceNow answered with something that is no answer of its API"
            raise PostingError(msg, hint="is [export.servicenow] url an instance?") from error
        return result if isinstance(result, dict) else {"list": result}


def _errors(answer: Mapping[str, Any]) -> list[str]:
    return [
        ": ".join(str(part) for part in (one.get("error"), one.get("message")) if part)
        for one in answer.get("errors") or []
    ]


def instance(
    settings: ServiceNowSettings,
    terms: Terms,
    *,
    sleep: Callable[[float], None],
    dry_run: bool,
    resolve: Resolver = resolved,
) -> Instance:
    """The configured instance. Raises ``ConfigError`` when it, or who posts to it, is not configured."""
    if settings.url is None:
        raise ConfigError(
            "--push needs [export.servicenow] url",
            hint='the instance, such as "https://example.service-now.com"',
        )
    headers = {"Accept": "application/json", "Content-Type": "application/json"}
    headers["Authorization"] = _authorization(settings)
    poster = Poster("ServiceNow", settings.allow_private, sleep, resolve)
    return Instance(poster, settings.url, headers, terms, dry_run)


def _authorization(settings: ServiceNowSettings) -> str:
    if settings.token_file is not None:
        return f"Bearer {_read(settings.token_file, 'token_file')}"
    if settings.user is None or settings.password_file is None:
        raise ConfigError("--push needs [export.servicenow] user and password_file, or token_file")
    pair = f"{settings.user}:{_read(settings.password_file, 'password_file')}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _read(path: Path, key: str) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        told = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"[export.servicenow] {key}: cannot read {path}: {told}") from error
