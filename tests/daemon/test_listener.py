"""The listener answers those who may ask, in time, and nobody who was led here."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from inventory.daemon import listener
from inventory.daemon.listener import Answer, Listener, Path
from inventory.errors import ListenError

TOKEN = "t" * 40

Listen = Callable[..., int]

pytestmark = pytest.mark.enable_socket


def fails(_trusted: bool) -> Answer:
    raise ZeroDivisionError


PATHS = {
    "/open": Path(lambda trusted: Answer(200, b"all" if trusted else b"some"), open=True),
    "/closed": Path(lambda _: Answer(200, b"all"), open=False),
    "/broken": Path(fails, open=True),
}


@pytest.fixture
def listen() -> Iterator[Listen]:
    """``listen(bind, token)``: its port."""
    running: list[Listener] = []

    def begin(bind: str = "127.0.0.1:0", token: str | None = None) -> int:
        made = Listener(bind, PATHS, token)
        port = int(made.start().rpartition(":")[2])
        running.append(made)
        return port

    yield begin
    for one in running:
        one.close()


def ask(
    port: int, path: str, method: str = "GET", host: str = "localhost", **headers: str
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, headers={"Host": host, **headers})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


def raw(port: int, sent: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(sent)
        got = b""
        while more := connection.recv(4096):
            got += more
    return got


@pytest.mark.parametrize(
    ("path", "method", "host", "status"),
    [
        ("/open", "GET", "localhost:8080", 200),
        ("/open?x=1", "GET", "127.0.0.1", 200),
        ("/open", "GET", "[::1]:8080", 200),
        ("/open", "HEAD", "localhost", 200),
        ("/open", "POST", "localhost", 405),
        ("/open", "GET", "evil.example", 421),
        ("/open", "GET", "localhost.evil.example", 421),
        ("/open", "GET", "127.0.0.1.evil.example:80", 421),
        ("/../open", "GET", "localhost", 404),
        ("/", "GET", "localhost", 404),
        ("/broken", "GET", "localhost", 500),
    ],
)
def test_who_is_answered_what(
    listen: Listen, path: str, method: str, host: str, status: int
) -> None:
    got, body = ask(listen(), path, method, host)
    assert got == status
    assert b"Zero" not in body
    assert (body == b"") == (method == "HEAD")


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /open HTTP/1.1\r\n\r\n",
        b"GET /open HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
        b"GET  /open HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\r\n\r\n",
        b"GET /open HTTP/2\r\nHost: localhost\r\n\r\n",
    ],
)
def test_what_is_no_request_of_ours_is_turned_away(listen: Listen, sent: bytes) -> None:
    assert raw(listen(), sent).startswith(b"HTTP/1.1 400 ")


def test_too_long_a_request_is_not_read_to_its_end(listen: Listen) -> None:
    port = listen()
    with pytest.raises((ConnectionError, AssertionError)):
        assert raw(port, b"GET /" + b"a" * 100_000)
    assert ask(port, "/open")[0] == 200


def test_the_token_opens_what_is_closed_beyond_this_machine(listen: Listen) -> None:
    port = listen("0.0.0.0:0", TOKEN)
    assert ask(port, "/open") == (200, b"some")
    assert ask(port, "/closed")[0] == 401
    assert ask(port, "/closed", Authorization="Bearer wrong")[0] == 401
    assert ask(port, "/closed", Authorization=f"Bearer {TOKEN}") == (200, b"all")


def test_without_a_token_only_this_machine_sees_everything(listen: Listen) -> None:
    assert ask(listen(), "/closed") == (200, b"all")
    assert ask(listen("0.0.0.0:0"), "/closed")[0] == 401


def test_slow_callers_get_seconds_and_no_more_threads_than_there_is_room(
    listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "SECONDS", 1.0)
    port, before = listen(), threading.active_count()
    crowd = [socket.create_connection(("127.0.0.1", port)) for _ in range(60)]
    try:
        for one in crowd:
            one.send(b"G")
        time.sleep(0.2)
        assert threading.active_count() - before <= listener.MOST_AT_ONCE
        end = time.monotonic() + 10
        while threading.active_count() > before:
            assert time.monotonic() < end
            time.sleep(0.05)
        assert ask(port, "/open")[0] == 200
    finally:
        for one in crowd:
            one.close()


def test_an_address_in_use_is_told(listen: Listen) -> None:
    with pytest.raises(ListenError, match=r"cannot listen at 127\.0\.0\.1:\d+: Address already"):
        Listener(f"127.0.0.1:{listen()}", PATHS).start()
