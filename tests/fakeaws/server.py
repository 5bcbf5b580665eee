"""The fake over HTTP on this machine, for real boto3: ``with FakeAws(cloud) as url``."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.fakeaws.calls import load_services
from tests.fakeaws.cloud import Cloud
from tests.fakeaws.faults import Sending
from tests.fakeaws.front import respond
from tests.fakeaws.reading import Wire
from tests.fakeaws.writing import REQUEST_ID

DRIPS = 20
"""Pieces of a body that is slow to come."""


class FakeAws:
    """A server of one cloud, from ``with`` to its end; then its errors, if any, are raised."""

    def __init__(self, cloud: Cloud) -> None:
        load_services()
        self.cloud = cloud

    def __enter__(self) -> str:
        self._server = _Server(self.cloud)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self._thread.start()
        return self._server.url

    def __exit__(self, *_: object) -> None:
        self._server.stop()
        self._thread.join()
        if self.cloud.mishaps:
            raise ExceptionGroup("the fake failed, or was asked what it cannot", self.cloud.mishaps)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(("127.0.0.1", 0), _Exchange)
        self.cloud = cloud
        self.stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - socketserver's own
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - socketserver's own
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def stop(self) -> None:
        """Ends at once, whatever is being answered."""
        self.stopping.set()
        self.shutdown()
        self.server_close()
        with self._lock:
            for request in self._open:
                with suppress(OSError):
                    request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - socketserver's own
        """A client that went away is no error of ours."""


class _Exchange(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        wire = Wire(self.command, self.path, headers, self.rfile.read(length))
        self._send(respond(self.server.cloud, wire))

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = _answer  # noqa: N815 - http.server's names

    def _send(self, sending: Sending) -> None:
        if sending.delay:
            self.server.stopping.wait(sending.delay)
        if sending.reset:
            self._reset()
            return
        reply = sending.reply
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("x-amzn-RequestId", REQUEST_ID)
        for name, value in ({"Content-Length": str(len(reply.body))} | dict(reply.headers)).items():
            self.send_header(name, value)
        head = b"".join(self._headers_buffer) + b"\r\n"
        self._headers_buffer: list[bytes] = []
        body = b"" if self.command == "HEAD" else reply.body[: sending.sent]
        if sending.drip:
            self._drip(head, body, sending.drip)
        else:
            self.wfile.write(head + body)  # one packet: no waiting for the other side's ACK
        if sending.sent is not None:
            self.close_connection = True

    def _drip(self, head: bytes, body: bytes, seconds: float) -> None:
        self.wfile.write(head)
        step = max(1, len(body) // DRIPS)
        for at in range(0, len(body), step):
            self.server.stopping.wait(seconds / DRIPS)
            self.wfile.write(body[at : at + step])

    def _reset(self) -> None:
        """Closes without the usual farewell: the client sees "connection reset by peer"."""
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """The log is the cloud's."""
