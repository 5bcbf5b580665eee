"""A door before moto's S3: writes down what is asked, and answers in its place when a test says so."""

from __future__ import annotations

import base64
import http.client
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

_DROPPED = frozenset({"connection", "transfer-encoding", "content-length", "server", "date"})


@dataclass(frozen=True)
class Request:
    """A request that came."""

    method: str
    path: str
    """Without the query, unquoted: ``/bucket/key``."""
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """By lower-case name."""

    @property
    def call(self) -> str:
        """``LIST``, ``GET`` or ``HEAD``."""
        return "LIST" if "list-type" in self.query else self.method


@dataclass
class Reply:
    """What is answered; ``cut`` bytes of the body are sent of what its length promises."""

    status: int
    headers: dict[str, str]
    body: bytes
    cut: int | None = None


Play = Callable[[Request, Callable[[], Reply]], Reply]
"""Answers a request; the function asks moto."""


@dataclass
class Rule:
    """Answers some requests, a number of times."""

    call: str
    part: str
    play: Play
    times: int = 1


@dataclass
class Front:
    """The door. Rules are tried in order; each answer uses one of a rule's times."""

    host: str
    port: int
    url: str = ""
    asked: list[Request] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, call: str, part: str, play: Play, times: int = 1) -> None:
        """Requests of a call whose path or prefix holds ``part`` are answered by ``play``."""
        self.rules.append(Rule(call, part, play, times))

    def count(self, call: str, part: str = "") -> int:
        """Requests of a call that came."""
        return sum(
            one.call == call and part in one.path + one.query.get("prefix", "")
            for one in self.asked
        )

    def play(self, request: Request, ask: Callable[[], Reply]) -> Reply:
        with self.lock:
            self.asked.append(request)
            told = request.path + request.query.get("prefix", "")
            rule = next(
                (r for r in self.rules if r.times and r.call == request.call and r.part in told),
                None,
            )
            if rule is not None:
                rule.times -= 1
        return rule.play(request, ask) if rule is not None else ask()


@contextmanager
def fronting(host: str, port: int) -> Iterator[Front]:
    """A door before the server at ``host`` and ``port``."""
    front = Front(host, port)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(front))
    server.daemon_threads = True
    front.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield front
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(front: Front) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            query = {k: v[0] for k, v in parse_qs(parts.query, keep_blank_values=True).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, unquote(parts.path), query, headers)
            self._send(front.play(request, self._ask))

        def _ask(self) -> Reply:
            connection = http.client.HTTPConnection(front.host, front.port, timeout=20)
            try:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                connection.request(self.command, self.path, body, dict(self.headers))
                got = connection.getresponse()
                headers = {k: v for k, v in got.getheaders() if k.lower() not in _DROPPED}
                return Reply(got.status, headers, got.read())
            finally:
                connection.close()

        def _send(self, reply: Reply) -> None:
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body[: reply.cut])
            if reply.cut is not None:
                self.close_connection = True

        do_GET = do_HEAD = do_POST = _serve  # noqa: N815 - the names that the library calls

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's word
            """Nothing is logged."""

    return Handler


# -- plays


def error(status: int, code: str, message: str = "", **headers: str) -> Play:
    """AWS's error."""
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
    return lambda _, __: Reply(status, {"Content-Type": "application/xml", **headers}, body)


def cut(_: Request, ask: Callable[[], Reply]) -> Reply:
    """The connection closes in the middle of the body."""
    reply = ask()
    reply.cut = len(reply.body) // 2
    return reply


def instead(body: bytes) -> Play:
    """Something else, in good order."""
    return lambda _, __: Reply(200, {"Content-Type": "application/xml"}, body)


def changed(change: Callable[[bytes], bytes]) -> Play:
    """What moto says, changed."""

    def play(_: Request, ask: Callable[[], Reply]) -> Reply:
        reply = ask()
        reply.body = change(reply.body)
        return reply

    return play


def damaged(_: Request, ask: Callable[[], Reply]) -> Reply:
    """One bit of the body is another one than its checksum, which AWS sends along, says."""
    reply = ask()
    checksum = base64.b64encode(zlib.crc32(reply.body).to_bytes(4, "big")).decode()
    reply.headers["x-amz-checksum-crc32"] = checksum
    middle = len(reply.body) // 2
    reply.body = reply.body[:middle] + bytes([reply.body[middle] ^ 1]) + reply.body[middle + 1 :]
    return reply


def after(happens: Callable[[], object]) -> Play:
    """Something happens before the request arrives."""

    def play(_: Request, ask: Callable[[], Reply]) -> Reply:
        happens()
        return ask()

    return play
