"""A small listener for health and metrics: ``GET`` of a few fixed paths, and nothing else, from a few at a time.

It needs no extra, parses eight kilobytes of a request and no more, gives each caller seconds, and answers only under names that cannot be
somebody else's: who is led here by a name server (DNS rebinding) comes with another ``Host``. It is no place for pages.
"""

from __future__ import annotations

import hmac
import ipaddress
import logging
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from inventory.errors import ListenError

MOST_AT_ONCE = 16
HEAD_BYTES = 8192
SECONDS = 5.0
"""For a caller to say what it wants, and to take the answer."""

SHORTEST_TOKEN = 32
"""Bytes of a token that cannot be guessed."""

_LOG = logging.getLogger(__name__)

_REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    421: "Misdirected Request",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a path answers."""

    status: int
    body: bytes
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Path:
    """One path: ``answer`` is told whether the caller may see everything."""

    answer: Callable[[bool], Answer]
    open: bool
    """Whether it also answers who may not see everything."""


@dataclass(frozen=True, slots=True)
class Door:
    """Who may come in."""

    host: str
    token: str | None

    def knows(self, name: str) -> bool:
        """Whether ``Host`` names us: an address (which no name server can lead astray), localhost, or what we listen on."""
        host = name.rsplit(":", 1)[0] if not name.endswith("]") else name
        host = host.strip("[]").lower()
        if host in {"localhost", self.host.lower()}:
            return True
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return False
        return True

    def trusts(self, authorization: str) -> bool:
        """Whether the caller has the token; without one, whoever reaches an address of this machine alone."""
        if self.token is None:
            return _is_loopback(self.host)
        given = authorization.removeprefix("Bearer ").strip()
        return hmac.compare_digest(given.encode(), self.token.encode())


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Listener:
    """Answers ``paths`` at ``bind`` (``host:port``) from :meth:`start` until :meth:`close`."""

    def __init__(self, bind: str, paths: Mapping[str, Path], token: str | None = None) -> None:
        host, _, port = bind.rpartition(":")
        self._door = Door(host.strip("[]"), token)
        self._port = int(port)
        self._paths = paths
        self._server: _Server | None = None

    def start(self) -> str:
        """Listen; the address, with the port that was chosen when it was 0. Raises ``ListenError``."""
        place = f"{self._door.host}:{self._port}"
        family = socket.AF_INET6 if ":" in self._door.host else socket.AF_INET
        try:
            self._server = _Server(family, (self._door.host, self._port), self._door, self._paths)
        except OSError as error:
            message = f"cannot listen at {place}: {error.strerror}"
            raise ListenError(message, hint="name another address in [serve] bind") from None
        threading.Thread(target=self._server.serve_forever, name="listener", daemon=True).start()
        return f"{self._door.host}:{self._server.server_address[1]}"

    def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(
        self, family: int, address: tuple[str, int], door: Door, paths: Mapping[str, Path]
    ) -> None:
        self.address_family = family
        self.door, self.paths = door, paths
        self._room = threading.BoundedSemaphore(MOST_AT_ONCE)
        super().__init__(address, _Caller)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - socketserver's
        """In a thread, if there is room; whoever comes in too great a crowd is turned away."""
        if self._room.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as above
        """One caller."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401, ARG002 - as above
        """Somebody went away in the middle, or a bug."""
        _LOG.debug("a caller was not answered", exc_info=True)


class _Caller(socketserver.BaseRequestHandler):
    """One request, one answer, and the connection ends."""

    server: _Server

    def handle(self) -> None:
        """Answer."""
        head = _head(self.request)
        if head is None:
            return
        try:
            method, answer = self._answer(head)
        except Exception:  # noqa: BLE001 - a caller gets an answer, whatever it is
            _LOG.exception("a path failed; this is a bug, please report it")
            method, answer = "GET", _plain(500)
        with suppress(OSError):
            self.request.settimeout(SECONDS)
            self.request.sendall(_rendered(answer, with_body=method != "HEAD"))

    def _answer(self, head: str) -> tuple[str, Answer]:
        first, *rest = head.split("\r\n")
        words = first.split(" ")
        headers = [
            (name.strip().lower(), value.strip())
            for name, _, value in (line.partition(":") for line in rest)
        ]
        if len(words) != 3 or not words[2].startswith("HTTP/1."):  # noqa: PLR2004 - method, path, version
            return "GET", _plain(400)
        method, path = words[0], words[1].partition("?")[0]
        hosts = [value for name, value in headers if name == "host"]
        trusted = self.server.door.trusts(
            next((value for name, value in headers if name == "authorization"), "")
        )
        if len(hosts) != 1:
            return method, _plain(400)
        if not self.server.door.knows(hosts[0]):
            return method, _plain(421)
        if method not in {"GET", "HEAD"}:
            return method, _plain(405)
        found = self.server.paths.get(path)
        if found is None:
            return method, _plain(404)
        if not (trusted or found.open):
            return method, _plain(401)
        return method, found.answer(trusted)


def _head(connection: socket.socket) -> str | None:
    """The request up to its empty line; ``None`` when it does not come in time, or is too long."""
    end, got = time.monotonic() + SECONDS, b""
    while b"\r\n\r\n" not in got:
        left = end - time.monotonic()
        if left <= 0 or len(got) > HEAD_BYTES:
            return None
        connection.settimeout(left)
        try:
            more = connection.recv(HEAD_BYTES)
        except OSError:
            return None
        if not more:
            return None
        got += more
    return got.partition(b"\r\n\r\n")[0].decode("latin-1")


def _plain(status: int) -> Answer:
    return Answer(status, f"{_REASONS[status]}\n".encode(), "text/plain; charset=utf-8")


def _rendered(answer: Answer, *, with_body: bool) -> bytes:
    lines = [
        f"HTTP/1.1 {answer.status} {_REASONS[answer.status]}",
        f"Content-Type: {answer.content_type}",
        f"Content-Length: {len(answer.body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'",
        "Connection: close",
    ]
    if answer.status == 405:  # noqa: PLR2004 - as in the table above
        lines.append("Allow: GET, HEAD")
    if answer.status == 401:  # noqa: PLR2004 - as above
        lines.append("WWW-Authenticate: Bearer")
    return "\r\n".join([*lines, "", ""]).encode() + (answer.body if with_body else b"")
