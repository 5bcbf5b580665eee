"""The daemon as a process: it reads what comes, ends when it is told to, and another goes on where it ended."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from inventory.store import Store

ROOT = Path(__file__).parents[2]
LINE = "2 123456789012 eni-0a1b2c3d4e5f60718 10.0.1.5 10.0.2.9 40000 2049 6 5 500 1762179600 1762179660 ACCEPT OK\n"

Start = Callable[..., subprocess.Popen[str]]

PATIENCE = 100
"""Seconds to wait for what takes one or two where nothing else goes on."""

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(400)]


def within(seconds: float, found: Callable[[], object]) -> object:
    """What ``found`` finds in the end."""
    end = time.monotonic() + seconds
    while not (what := found()):
        assert time.monotonic() < end, "nothing came of it"
        time.sleep(0.2)
    return what


def ended(process: subprocess.Popen[str]) -> tuple[int, list[dict[str, Any]]]:
    """Exit code and log of a process that ends by itself."""
    _, err = process.communicate(timeout=PATIENCE)
    return process.returncode, [json.loads(line) for line in err.splitlines()]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """``start(url)``: a daemon over ``tmp_path/logs``; ``slow`` values make its source a slow one (see ``slow.py``)."""
    running: list[subprocess.Popen[str]] = []
    for folder in ("logs", "snapshots"):
        (tmp_path / folder).mkdir()

    def begin(
        url: str, *, sources: tuple[str, ...] = ("flow-logs",), **slow: object
    ) -> subprocess.Popen[str]:
        config = tmp_path / "efs-inventory.toml"
        config.write_text(
            f'[database]\nurl = "{url}"\n[discover]\nmode = "snapshots"\npath = "snapshots"\n[collect]\nworkers = 1\n'
            '[serve]\nbind = "127.0.0.1:0"\n'
            + "".join(
                f'[[sources]]\nname = "{name}"\ntype = "files"\npath = "logs/"\nevery = "1s"\n'
                for name in sources
            )
        )
        command = [sys.executable, "-m", "inventory", "-v", "--config", str(config), "run"]
        if slow:
            command = [sys.executable, "tests/daemon/slow.py", str(config)]
        told = {f"SLOW_{name.upper()}": str(value) for name, value in slow.items()}
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={
                **os.environ,
                "SLOW_TOLD": str(tmp_path / "told"),
                **told,
                "PYTHONPATH": str(ROOT),
            },
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def readings(tmp_path: Path) -> list[tuple[int, str]]:
    """By whom each batch was begun to be read."""
    told = tmp_path / "told"
    rows = told.read_text().split("\n")[:-1] if told.exists() else []
    return [(int(pid), key) for pid, key in (row.split() for row in rows)]


def done(url: str, source: str = "flow-logs") -> set[str]:
    """The batches that the database has; none when there is no schema yet."""
    try:
        with Store.open(url) as store:
            return set(store.done(source))
    except Exception:  # noqa: BLE001 - not there yet
        return set()


def test_it_reads_what_comes_and_ends_when_told(
    start: Start, database_url: str, tmp_path: Path
) -> None:
    number = signal.SIGINT if database_url.startswith("sqlite") else signal.SIGTERM
    (tmp_path / "logs" / "a.log").write_text(LINE)
    process = start(database_url)
    within(PATIENCE, lambda: done(database_url) == {"a.log"})
    (tmp_path / "logs" / "b.log").write_text(LINE.replace("10.0.1.5", "10.0.1.6"))
    within(PATIENCE, lambda: done(database_url) == {"a.log", "b.log"})
    begun = time.monotonic()
    process.send_signal(number)
    code, log = ended(process)
    assert code == 0
    assert time.monotonic() - begun < 10
    assert log[-1]["message"] == f"{number.name}: stopping"
    assert any(line.get("duty") == "source flow-logs" for line in log)
    with Store.open(database_url) as store:
        rows = store.duties()
    assert {"sweep", "source flow-logs", "compact", "forget"} == set(rows)
    assert rows["source flow-logs"].failures == 0


def test_systemd_and_whoever_asks_learn_how_it_is(
    start: Start, sqlite_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "logs" / "a.log").write_text(LINE)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(PATIENCE)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        process = start(sqlite_database_url)
        assert manager.recv(1000) == b"READY=1"
        assert process.stderr is not None
        address = next(
            found[1]
            for line in process.stderr
            if (found := re.search(r"health and metrics at ([0-9.:]+)", line))
        )

        def get(path: str) -> str:
            with urllib.request.urlopen(f"http://{address}{path}", timeout=10) as answer:
                return str(answer.read().decode())

        within(PATIENCE, lambda: done(sqlite_database_url))
        said = manager.recv(1000).decode().split("\n")
        assert "WATCHDOG=1" in said
        assert json.loads(get("/healthz")) == {"alive": True, "problems": []}
        assert json.loads(get("/readyz")) == {"ready": True, "problems": []}
        told = get("/metrics")
        assert 'efs_inventory_batches_total{source="flow-logs",state="done"} 1.0' in told
        assert "efs_inventory_ready 1.0" in told
        assert "process_open_fds" in told
        process.terminate()
        while b"STOPPING=1" not in manager.recv(1000):
            pass
        assert process.wait(PATIENCE) == 0


def test_a_full_disk_is_told_and_nothing_is_lost(
    start: Start, sqlite_database_url: str, tmp_path: Path
) -> None:
    process = start(sqlite_database_url, batches=200, seconds=0.03)
    within(PATIENCE, lambda: done(sqlite_database_url))
    written = max(file.stat().st_size for file in tmp_path.glob("efs-inventory.db*"))
    _, most = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (written, most))
    assert process.stderr is not None
    line = next(json.loads(line) for line in process.stderr if '"level": "error"' in line)
    assert "disk" in line["message"]
    assert "report it" not in line["message"]
    time.sleep(1)
    assert process.poll() is None
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (most, most))
    within(PATIENCE, lambda: len(done(sqlite_database_url)) == 200)
    process.terminate()
    assert ended(process)[0] == 0


def test_three_daemons_start_at_once_on_an_empty_database(
    start: Start, postgres_database_url: str
) -> None:
    running = [start(postgres_database_url, batches=5, seconds=0) for _ in range(3)]
    within(PATIENCE, lambda: len(done(postgres_database_url)) == 5)
    assert [process.poll() for process in running] == [None, None, None]
    for process in running:
        process.terminate()
    assert [ended(process)[0] for process in running] == [0, 0, 0]


def test_what_is_at_hand_is_ended_and_the_rest_left_for_the_next(
    start: Start, database_url: str, tmp_path: Path
) -> None:
    process = start(database_url, batches=60, seconds=0.1)
    within(PATIENCE, lambda: len(readings(tmp_path)) > 5)
    process.terminate()
    assert ended(process)[0] == 0
    kept = done(database_url)
    assert 0 < len(kept) < 60
    second = start(database_url, batches=60, seconds=0)
    within(PATIENCE, lambda: len(done(database_url)) == 60)
    again = {key for pid, key in readings(tmp_path) if pid == second.pid}
    assert not again & kept


def test_what_hangs_is_left(start: Start, sqlite_database_url: str, tmp_path: Path) -> None:
    process = start(sqlite_database_url, seconds=600, grace=0.5)
    within(PATIENCE, lambda: readings(tmp_path))
    begun = time.monotonic()
    process.terminate()
    code, log = ended(process)
    assert code == 0
    assert time.monotonic() - begun < 10
    assert log[-1]["message"] == "left unfinished, to be done the next time: source flow-logs"
    assert done(sqlite_database_url) == set()


def test_a_second_signal_ends_at_once(
    start: Start, sqlite_database_url: str, tmp_path: Path
) -> None:
    process = start(sqlite_database_url, seconds=600)
    within(PATIENCE, lambda: readings(tmp_path))
    process.terminate()
    time.sleep(0.3)
    assert process.poll() is None
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert ended(process)[0] == 128 + signal.SIGINT
    assert time.monotonic() - begun < 2


def test_two_daemons_share_the_sources_and_one_takes_over_from_a_dead_one(
    start: Start, postgres_database_url: str, tmp_path: Path
) -> None:
    url, names = postgres_database_url, ("a", "b")
    slow = {"batches": 40, "seconds": 0.15}
    first = start(url, sources=names, **slow)
    within(PATIENCE, lambda: len(readings(tmp_path)) > 4)
    second = start(url, sources=names, **slow)
    time.sleep(3)
    assert {pid for pid, _ in readings(tmp_path)} == {first.pid}
    first.kill()
    first.wait()
    killed = time.monotonic()
    within(PATIENCE, lambda: any(pid == second.pid for pid, _ in readings(tmp_path)))
    assert time.monotonic() - killed < 60
    within(PATIENCE, lambda: len(done(url, "a")) == len(done(url, "b")) == 40)
    counts = Counter(key for _, key in readings(tmp_path))
    assert set(counts.values()) <= {1, 2}
    assert sum(counts.values()) < 80 + 2 * 25  # only what was read and not recorded is read again
    assert second.poll() is None


def test_a_second_daemon_on_sqlite_waits_and_then_says_who_holds_it(
    start: Start, sqlite_database_url: str, tmp_path: Path
) -> None:
    first = start(sqlite_database_url, batches=1)
    within(PATIENCE, lambda: done(sqlite_database_url))
    second = start(sqlite_database_url, batches=1, patience=1)
    _, err = second.communicate(timeout=PATIENCE)
    assert second.returncode == 1
    assert f"is in use by run, process {first.pid} on " in err
    third = start(sqlite_database_url, batches=2)
    first.terminate()
    assert ended(first)[0] == 0
    within(PATIENCE, lambda: len(done(sqlite_database_url)) == 2)
    assert third.poll() is None


def test_a_database_that_is_away_is_waited_for(start: Start, tmp_path: Path) -> None:
    process = start(f"postgresql://nobody@localhost/inventory?host={tmp_path}")
    assert process.stderr is not None
    lines = (json.loads(line)["message"] for line in process.stderr)
    assert "cannot be reached" in next(line for line in lines if "health" not in line)
    assert process.poll() is None
    process.terminate()
    assert ended(process)[0] == 0
