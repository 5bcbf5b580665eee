"""The least of S3 that reading a result's file takes: GET of what is below a folder, whole or cut."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit


class Shelf(ThreadingHTTPServer):
    """Serves ``/bucket/key``. ``cut``: how many of the next answers end in the middle; ``denied``: all are refused."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, root: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Get)
        self.root = root
        self.cut = 0
        self.denied = False
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Get(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Shelf

    def do_GET(self) -> None:
        shelf, key = self.server, unquote(urlsplit(self.path).path).lstrip("/")
        shelf.asked.append(key)
        path = shelf.root / key
        if shelf.denied or not path.is_file():
            code = "AccessDenied" if shelf.denied else "NoSuchKey"
            self._send(403 if shelf.denied else 404, f"<Error><Code>{code}</Code></Error>".encode())
            return
        body = path.read_bytes()
        if shelf.cut:
            shelf.cut -= 1
            self._send(200, body, sent=len(body) // 2)
        else:
            self._send(200, body)

    def _send(self, status: int, body: bytes, sent: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:sent])
        if sent is not None:
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Silent."""


@contextmanager
def shelf(root: Path) -> Iterator[Shelf]:
    """A server of a folder, on this machine."""
    served = Shelf(root)
    thread = threading.Thread(
        target=served.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
    )
    thread.start()
    try:
        yield served
    finally:
        served.shutdown()
        served.server_close()
        thread.join()
