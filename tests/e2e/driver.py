"""Drives the program as an operator does: a configuration file, commands, and what they print."""

from __future__ import annotations

import contextlib
import difflib
import io
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CONFIG = """\
[database]
url = {url}

[discover]
mode = "snapshots"
path = {snapshots}

[collect]
since = "2026-10-01"

[[sources]]
name = "flow-logs"
type = "files"
path = {logs}

[networks]
"192.168.0.0/16" = "on-premises"
"""

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Finished:
    """A command that ended by itself, or by a signal (then ``code`` is negative)."""

    code: int
    out: str
    err: str


@dataclass
class Inventory:
    """One configured inventory."""

    config: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, timeout: float = 100, **environment: str) -> Finished:
        """Runs a command in a process of its own."""
        done = subprocess.run(
            self._command(arguments),
            cwd=ROOT,
            env=self._environment(environment),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    def ask(self, *arguments: str) -> dict[str, Any]:
        """The JSON that a question prints; runs in this process, for there are many questions."""
        code, answer = self._answer(arguments)
        assert code == 0, f"{' '.join(arguments)}: exit {code}"
        return answer

    def verdict(self, *arguments: str) -> dict[str, Any]:
        """The JSON that ``check-delete`` prints, whose exit code must be its verdict."""
        code, answer = self._answer(arguments)
        expected = {"QUIET": 0, "IN_USE": 10, "REFERENCED": 11, "UNKNOWN": 12}
        assert code == expected[answer["verdict"]]
        return answer

    def _answer(self, arguments: tuple[str, ...]) -> tuple[int, dict[str, Any]]:
        from inventory.cli import run  # noqa: PLC0415 - only tests that ask need the program

        out, err = io.StringIO(), io.StringIO()
        out.reconfigure = err.reconfigure = lambda **_: None  # type: ignore[attr-defined]
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run(["--config", str(self.config), *arguments, "--format", "json"])
        said = f"{' '.join(arguments)}: exit {code}\n{err.getvalue()}{out.getvalue()}"
        assert out.getvalue().startswith("{"), said
        answer: dict[str, Any] = json.loads(out.getvalue())
        return code, answer

    def collect(self) -> Finished:
        """Reads everything that is there; must succeed."""
        done = self.run("collect")
        assert done.code == 0, f"collect: exit {done.code}\n{done.err[-4000:]}{done.out[-2000:]}"
        assert "Traceback" not in done.err, done.err[-4000:]
        return done

    def collect_until(self, failpoint: str, number: int) -> bool:
        """Collects with a point at which the process kills itself; whether it came to that."""
        return self._collect_to_the_end_or_death(
            100, EFS_INVENTORY_FAILPOINT=f"{failpoint}:{number}"
        )

    def collect_for(self, seconds: float) -> bool:
        """Collects and is killed with SIGKILL after a time; whether it was."""
        return self._collect_to_the_end_or_death(seconds)

    def _collect_to_the_end_or_death(self, seconds: float, **environment: str) -> bool:
        """Only the process itself is killed, as an operator or the kernel would; its workers must
        notice and go.
        """
        with tempfile.TemporaryFile() as err:
            process = subprocess.Popen(
                self._command(("collect",)),
                cwd=ROOT,
                env=self._environment(environment),
                stdout=subprocess.DEVNULL,
                stderr=err,
                start_new_session=True,
            )
            with process:
                try:
                    process.wait(seconds)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            err.seek(0)
            message = err.read().decode(errors="replace")
        orphans = _gone_or_killed(process.pid)
        assert not orphans, f"workers {orphans} outlive the process that was killed"
        expected = {0, -signal.SIGKILL}
        assert process.returncode in expected, f"exit {process.returncode}\n{message[-4000:]}"
        return process.returncode != 0

    def timed_collect(self) -> float:
        """Seconds that a whole collect takes."""
        before = time.monotonic()
        self.collect()
        return time.monotonic() - before

    def export(self) -> bytes:
        """The whole CMDB feed, with what is gone, without the moments of exporting."""
        done = self.run("export", "--format", "ndjson", "--gone")
        assert done.code == 0, f"export: exit {done.code}\n{done.err[-4000:]}"
        return re.sub(rb'"exported_at": ?"[^"]*"', b'"exported_at":""', done.out.encode())

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-m", "inventory", "--config", str(self.config), *arguments]

    def _environment(self, more: dict[str, str]) -> dict[str, str]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("EFS_INVENTORY_")}
        return {**inherited, "NO_COLOR": "1", "COLUMNS": "200", **self.environment, **more}


def _group(leader: int) -> list[int]:
    """The living processes of a process group."""
    living = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, group = status.read_text().rpartition(")")[2].split()[:3]
            if int(group) == leader and state not in "ZX":
                living.append(int(status.parent.name))
    return living


def _gone_or_killed(leader: int) -> list[int]:
    """What of a process group that this test started is alive five seconds later; it is ended."""
    deadline = time.monotonic() + 5
    while (living := _group(leader)) and time.monotonic() < deadline:
        time.sleep(0.02)
    for process in living:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    return living


def configure(folder: Path, url: str, snapshots: Path, logs: Path) -> Inventory:
    """Writes the configuration of one inventory into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "efs-inventory.toml"
    quoted = {"url": url, "snapshots": snapshots, "logs": logs}
    config.write_text(CONFIG.format(**{k: json.dumps(str(v)) for k, v in quoted.items()}))
    return Inventory(config)


def difference(expected: bytes, got: bytes) -> str:
    """The first lines in which two exports differ, for a message; empty when they do not."""
    if expected == got:
        return ""
    lines = difflib.unified_diff(
        expected.decode().splitlines(), got.decode().splitlines(), "expected", "got", n=0
    )
    shown = [line[:1200] for line in lines][:12]
    return "\n".join(shown) or "they differ only in how lines end"
