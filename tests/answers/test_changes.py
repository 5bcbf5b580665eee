"""What happened, by workload; shown, followed, and told to a webhook at least once."""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
import json
import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import pytest_socket
from click.testing import CliRunner, Result

from inventory import notify, posting
from inventory.cli import cli
from inventory.config import Settings
from inventory.errors import ConfigError, LockedError
from inventory.export import feed, happened
from inventory.posting import Poster, PostingError, is_public
from inventory.telemetry import configure
from tests.answers.conftest import HOUR, USUAL, Inventory, batch, own_row, sweep
from tests.builders import FS, INSTANCE, T

SECRET = "0123456789abcdef0123456789abcdef"


def look(inventory: Inventory, cursor: str = "0") -> tuple[str, list[dict[str, Any]]]:
    feed.refresh(inventory.store, inventory.settings)
    with happened.since(inventory.store, cursor) as found:
        return found.cursor, list(found.events)


def names(events: list[dict[str, Any]]) -> list[str]:
    return [event["event"] for event in events]


def mounted(make: Callable[..., Inventory], *things: Any) -> Inventory:
    inventory = make(*things)
    inventory.record(batch([own_row(T + 100, T + 160)], [(T, T + 300)], key="1"))
    return inventory


# -- events ----------------------------------------------------------------------------------------


def test_a_client_comes_and_goes_and_the_file_system_is_quiet(
    make: Callable[..., Inventory],
) -> None:
    inventory = mounted(make)
    cursor, (event,) = look(inventory)
    assert event["event"] == "new_client"
    assert (event["at"], event["confidence"]) == ("2026-11-18T11:01:40Z", "exact")
    assert event["file_system"]["id"] == FS
    assert event["workload"]["id"] == INSTANCE
    assert [key.rpartition("/")[2] for key in event["clients"]] == [INSTANCE]
    assert look(inventory, cursor) == (cursor, [])
    inventory.record(batch([], [(T + 300, T + 20 * HOUR)], key="2"))
    cursor, events = look(inventory, cursor)
    assert events == []
    inventory.record(batch([], [(T + 20 * HOUR, T + 25 * HOUR)], key="3"))
    cursor, events = look(inventory, cursor)
    assert names(events) == ["client_gone", "quiet"]
    assert [event["at"] for event in events] == ["2026-11-18T11:02:40Z"] * 2
    assert events[0]["workload"]["id"] == INSTANCE
    assert events[1]["workload"] is None


def test_silence_that_nobody_watched_is_lost_coverage_and_no_client_gone(
    make: Callable[..., Inventory],
) -> None:
    inventory = make()
    inventory.record(batch([own_row(T + 100, T + 160)], [(T - 2 * HOUR, T + 300)], key="1"))
    cursor, _ = look(inventory)
    elsewhere = batch([], [(T + 40 * HOUR, T + 41 * HOUR)], key="2", interface="eni-0dead")
    inventory.record(elsewhere)
    _, events = look(inventory, cursor)
    assert "client_gone" not in names(events)
    assert "quiet" not in names(events)
    assert names(events) == ["coverage_lost"]


def test_a_rejection_is_told_once(make: Callable[..., Inventory]) -> None:
    inventory = make()
    turned = {"action": "REJECT", "responses": 0, "packets_out": 0, "bytes_out": 0}
    inventory.record(batch([own_row(T + 100, T + 160, **turned)], [(T, T + 300)], key="1"))
    cursor, events = look(inventory)
    assert names(events) == ["rejected"]
    inventory.record(batch([own_row(T + 900, T + 960, **turned)], [(T + 300, T + 1200)], key="2"))
    assert look(inventory, cursor)[1] == []


def test_another_name_is_no_client_that_is_gone(make: Callable[..., Inventory]) -> None:
    inventory = mounted(make, *USUAL[:3])
    cursor, events = look(inventory)
    assert names(events) == ["new_client"]
    inventory.learn(*(sweep(T + n * HOUR + 60, *USUAL) for n in range(-1, 8)))
    _, events = look(inventory, cursor)
    assert names(events) == ["new_client"]
    assert events[0]["workload"]["id"] == INSTANCE


# -- the command -----------------------------------------------------------------------------------


@pytest.fixture
def config(database_url: str, tmp_path: Path) -> Path:
    place = tmp_path / "efs-inventory.toml"
    (tmp_path / "secret").write_text(SECRET + "\n")
    place.write_text(f"[database]\nurl = {json.dumps(database_url)}\n")
    return place


def run(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--config", str(config), *arguments], catch_exceptions=False)


def test_every_form(make: Callable[..., Inventory], config: Path) -> None:
    mounted(make)
    shown = run(config, "changes").stdout.splitlines()
    assert shown[0] == f"2026-11-18 11:01:40Z  shared  is mounted by  ec2_instance {INSTANCE}"
    assert shown[1].startswith("cursor: ")
    answer = json.loads(run(config, "changes", "--format", "json").stdout)
    (event,) = answer["changes"]
    assert shown[1] == f"cursor: {answer['cursor']}"
    assert json.loads(run(config, "changes", "--format", "ndjson").stdout) == event
    (row,) = csv.DictReader(io.StringIO(run(config, "changes", "--format", "csv").stdout))
    assert (row["event"], row["workload.id"]) == ("new_client", INSTANCE)
    nothing = run(config, "changes", "--format", "ndjson", "--since", event["cursor"])
    assert (nothing.exit_code, nothing.stdout) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--follow", "--format", "json"], "error: --follow has no end, json has"),
        (["--notify"], "error: --notify: there is no webhook"),
        (["--since", "yesterday"], "error: --since: 'yesterday' is no cursor"),
        (["--follow", "--every", "0"], "--every"),
    ],
)
def test_wrong_usage(
    make: Callable[..., Inventory], config: Path, arguments: list[str], message: str
) -> None:
    make()
    result = run(config, "changes", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


class _EnoughError(Exception):
    pass


def test_it_follows_and_outlasts_another_writer(
    make: Callable[..., Inventory], config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inventory = mounted(make)
    pauses: list[float] = []
    real = feed.refresh

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 1:
            monkeypatch.setattr(feed, "refresh", busy)
        if len(pauses) == 2:
            monkeypatch.setattr(feed, "refresh", real)
            inventory.record(batch([], [(T + 300, T + 25 * HOUR)], key="2"))
        if len(pauses) == 4:
            raise _EnoughError

    def busy(*_: object) -> None:
        raise LockedError("in use by collect")

    monkeypatch.setattr("time.sleep", sleep)
    out = CliRunner()
    with pytest.raises(_EnoughError):
        out.invoke(
            cli,
            ["--config", str(config), "changes", "--follow", "--every", "7", "--format", "ndjson"],
            catch_exceptions=False,
        )
    assert pauses == [7, 7, 7, 7]
    assert len(look(inventory)[1]) == 3


# -- the webhook -----------------------------------------------------------------------------------


class Hook(ThreadingHTTPServer):
    """Answers as told, and keeps what it was sent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.body = b""
        self.pause = 0.0
        """Seconds between what comes and the answer."""
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook"


class _Handler(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((dict(self.headers), body))
        self.server.closing.wait(self.server.pause)
        status, headers = self.server.answers.pop(0) if self.server.answers else (204, {})
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name it has there
        pass


@pytest.fixture
def hook() -> Iterator[Hook]:
    pytest_socket.enable_socket()
    pytest_socket.socket_allow_hosts(["127.0.0.1"], allow_unix_socket=True)
    with Hook() as served:
        thread = threading.Thread(target=served.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield served
        finally:
            served.closing.set()
            served.shutdown()
            thread.join()


def settings(hook: Hook, tmp_path: Path, **changes: Any) -> Settings:
    (tmp_path / "secret").write_text(SECRET + "\n")
    given = {
        "webhook_url": hook.url,
        "secret_file": str(tmp_path / "secret"),
        "allow_private": True,
    }
    return Settings.model_validate({"notify": given | changes}, context={"folder": tmp_path})


def deliver(inventory: Inventory, **options: Any) -> int:
    given: dict[str, Any] = {"clock": lambda: T, "sleep": lambda _: None} | options
    return notify.deliver(inventory.store, inventory.settings.notify, **given)


def begun(make: Callable[..., Inventory], hook: Hook, tmp_path: Path, **changes: Any) -> Inventory:
    """With a beginning made before the client came."""
    inventory = make()
    inventory.settings = settings(hook, tmp_path, **changes)
    inventory.record(batch([], [(T - 300, T)], key="0"))
    look(inventory)
    assert deliver(inventory) == 0
    inventory.record(batch([own_row(T + 100, T + 160)], [(T, T + 300)], key="1"))
    look(inventory)
    return inventory


def test_what_happens_is_told_once_and_signed(
    make: Callable[..., Inventory], hook: Hook, tmp_path: Path
) -> None:
    inventory = begun(make, hook, tmp_path)
    assert deliver(inventory) == 1
    assert deliver(inventory) == 0
    ((headers, body),) = hook.got
    told = json.loads(body)
    assert names(told["events"]) == ["new_client"]
    assert told["cursor"] == told["events"][0]["cursor"] == headers[notify.DELIVERY]
    moment, made = (part.split("=")[1] for part in headers[notify.SIGNATURE].split(","))
    assert moment == str(T)
    expected = hmac.new(SECRET.encode(), f"{T}.".encode() + body, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(made, expected)


def test_what_was_there_before_the_webhook_is_not_told(
    make: Callable[..., Inventory], hook: Hook, tmp_path: Path
) -> None:
    inventory = mounted(make)
    inventory.settings = settings(hook, tmp_path)
    look(inventory)
    assert deliver(inventory) == 0
    assert deliver(inventory) == 0
    assert hook.got == []


def test_it_is_tried_again_with_growing_pauses(
    make: Callable[..., Inventory], hook: Hook, tmp_path: Path
) -> None:
    inventory = begun(make, hook, tmp_path)
    hook.answers = [
        (503, {}),
        (429, {"Retry-After": "9"}),
        (500, {"Retry-After": "86400"}),
        (200, {}),
    ]
    pauses: list[float] = []
    assert deliver(inventory, sleep=pauses.append) == 1
    assert pauses == [1, 9, 60]
    assert len({headers[notify.DELIVERY] for headers, _ in hook.got}) == 1


@pytest.mark.parametrize("status", [400, 302, 503])
def test_what_is_not_taken_is_told_again(
    make: Callable[..., Inventory], hook: Hook, tmp_path: Path, status: int
) -> None:
    inventory = begun(make, hook, tmp_path)
    hook.answers = [(status, {"Location": hook.url})] * 5
    with pytest.raises(PostingError, match=str(status)) as caught:
        deliver(inventory)
    assert hook.url not in str(caught.value)
    assert len(hook.got) == (5 if status == 503 else 1)
    hook.answers = []
    assert deliver(inventory) == 1


def test_a_death_before_it_is_written_down_tells_it_twice(
    make: Callable[..., Inventory], hook: Hook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inventory = begun(make, hook, tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(inventory.store, "write", _dies)
        with pytest.raises(_EnoughError):
            deliver(inventory)
    assert deliver(inventory) == 1
    first, second = hook.got
    assert first[1] == second[1]


def _dies(_: object) -> None:
    raise _EnoughError


def test_only_the_events_asked_for(
    make: Callable[..., Inventory], hook: Hook, tmp_path: Path
) -> None:
    inventory = begun(make, hook, tmp_path, events=["quiet"])
    assert deliver(inventory) == 0
    inventory.record(batch([], [(T + 300, T + 25 * HOUR)], key="2"))
    look(inventory)
    assert deliver(inventory) == 1
    ((_, body),) = hook.got
    assert names(json.loads(body)["events"]) == ["quiet"]


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["93.184.216.34", "10.0.0.1"], ["169.254.169.254"], ["::1"], []]
)
def test_it_goes_to_no_private_address(
    make: Callable[..., Inventory], hook: Hook, tmp_path: Path, addresses: list[str]
) -> None:
    inventory = begun(make, hook, tmp_path)
    inventory.settings = settings(hook, tmp_path, allow_private=False)
    with pytest.raises(PostingError, match="which is not public") as caught:
        deliver(inventory, resolve=lambda _host, _port: addresses)
    assert "allow_private" in caught.value.hint
    assert hook.got == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("10.1.2.3", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("0.0.0.0", False),  # noqa: S104 - an address to refuse
        ("224.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:93.184.216.34", True),
        ("64:ff9b::a00:1", False),
        ("2002:a00:1::", False),
        ("fe80::1%eth0", False),
        ("fd00:ec2::254", False),
        ("fec0::1", False),
        ("64:ff9b:1::a9fe:a9fe", False),
        ("::10.0.0.1", False),
    ],
)
def test_what_is_public(address: str, public: bool) -> None:
    assert is_public(address) is public


def test_an_answer_that_cannot_be_unpacked_is_told(hook: Hook) -> None:
    hook.body = b"no gzip"
    hook.answers = [(200, {"Content-Encoding": "gzip"})] * 5
    with (
        Poster("the webhook", allow_private=True, sleep=lambda _: None) as poster,
        pytest.raises(PostingError, match="the webhook cannot be reached"),
    ):
        poster.send("POST", hook.url)


@pytest.mark.usefixtures("hook")
@pytest.mark.parametrize("private", [True, False])
def test_a_name_that_is_none_is_told(*, private: bool) -> None:
    with (
        Poster("the webhook", allow_private=private, sleep=lambda _: None) as poster,
        pytest.raises(PostingError, match="the webhook cannot be reached"),
    ):
        poster.send("POST", f"http://{'a' * 70}.example.com/")


def test_no_thread_is_left_with_a_server_that_sends_for_ever(
    hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the midst of a header: what was given up on ends, though the server does not and the poster is not closed yet."""

    def answer(handler: _Handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nSlow:")
        with suppress(OSError):
            while not handler.server.closing.wait(0.05):
                handler.wfile.write(b" ")
                handler.server.got.append(({}, b" "))

    monkeypatch.setattr(_Handler, "do_POST", answer)
    monkeypatch.setattr(posting, "MOST_SECONDS", 0.3)
    monkeypatch.setattr(posting, "TRIES", 3)
    with Poster("the slow one", allow_private=True, sleep=lambda _: None) as poster:
        for _ in range(2):
            with pytest.raises(PostingError, match="no whole answer"):
                poster.send("POST", hook.url)
        end = time.monotonic() + 5
        while left := [one for one in threading.enumerate() if one.name == "ask the slow one"]:
            assert time.monotonic() < end, f"{len(left)} threads are left"
            time.sleep(0.01)
    assert len(hook.got) > 6, "it did send"


def test_no_secret_is_told_of_an_answer_that_is_no_http(
    hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error of the protocol shows the line that is none, and many servers repeat the path."""

    def answer(handler: _Handler) -> None:
        handler.wfile.write(f"404 there is no {handler.path}\r\n\r\n".encode())

    monkeypatch.setattr(_Handler, "do_POST", answer)
    told = {}
    for hidden in (True, False):
        poster = Poster("it", allow_private=True, sleep=lambda _: None, secret_url=hidden)
        with poster, pytest.raises(PostingError, match="cannot be reached") as caught:
            poster.send("POST", f"{hook.url}/{SECRET}")
        told[hidden] = "".join(traceback.format_exception(caught.value))
    assert SECRET in told[False], "else there is nothing to hide"
    assert SECRET not in told[True]


def test_no_secret_is_told_or_logged(hook: Hook) -> None:
    hook.answers = [(200, {"Set-Cookie": f"session={SECRET}"})]
    out, root = io.StringIO(), logging.getLogger()
    before = root.handlers[:], root.level
    try:
        configure(2, out)
        with Poster("ServiceNow", allow_private=True, sleep=lambda _: None) as poster:
            poster.send("POST", f"{hook.url}/{SECRET}", headers={"Authorization": SECRET})
            with pytest.raises(PostingError, match="no header may") as caught:
                poster.send("POST", hook.url, headers={"Authorization": f"Bearer {SECRET}\nold"})
    finally:
        root.handlers[:] = before[0]
        root.setLevel(before[1])
    assert SECRET not in out.getvalue() + caught.value.told
    assert len(hook.got) == 1


@pytest.mark.parametrize(
    ("secret", "message"),
    [(None, "needs secret_file"), ("short", "less than 16 characters"), ("-", "cannot read")],
)
def test_without_a_secret_nothing_is_sent(
    make: Callable[..., Inventory], hook: Hook, tmp_path: Path, secret: str | None, message: str
) -> None:
    inventory = begun(make, hook, tmp_path)
    place = tmp_path / "other"
    if secret == "short":
        place.write_text(secret)
    inventory.settings = settings(hook, tmp_path, secret_file=secret and str(place))
    with pytest.raises(ConfigError, match=message):
        deliver(inventory)
    assert hook.got == []


def test_the_command_tells_and_says_when_it_cannot(
    make: Callable[..., Inventory], hook: Hook, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    with config.open("a") as more:
        more.write(
            f'[notify]\nwebhook_url = "{hook.url}"\nsecret_file = "secret"\nallow_private = true\n'
        )
    inventory = make()
    inventory.record(batch([], [(T - 300, T)], key="0"))
    assert run(config, "changes", "--notify").exit_code == 0
    inventory.record(batch([own_row(T + 100, T + 160)], [(T, T + 300)], key="1"))
    hook.answers = [(500, {})] * 5
    result = run(config, "changes", "--notify")
    assert result.exit_code == 1
    assert result.stderr == "problem: the webhook answered 500: nothing\n"
    assert run(config, "changes", "--notify").exit_code == 0
    assert len(hook.got) == 6
