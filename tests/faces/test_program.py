"""The program as a process: exit codes, streams, interruptions, what a start waits for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from inventory import __version__, cli
from inventory.cli.face import Face
from inventory.collect.report import Report
from inventory.errors import (
    InventoryError,
    LockedError,
    MissingExtraError,
    NotFoundError,
    SchemaError,
    UsageError,
)
from inventory.model import BatchState, Outcome, Tally

ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-m", "inventory"]


def environment(**more: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("EFS_INVENTORY_")}
    return kept | {"PYTHONPATH": str(ROOT)} | more


def program(*arguments: str, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *arguments],
        cwd=cwd,
        env=environment(**more),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_version_and_help(tmp_path: Path) -> None:
    assert program("--version", cwd=tmp_path).stdout == f"efs-inventory {__version__}\n"
    shown = program("--help", cwd=tmp_path)
    assert shown.returncode == 0
    for command in (
        "changes",
        "collect",
        "db",
        "demo",
        "discover",
        "export",
        "list",
        "mounts",
        "status",
        "who",
    ):
        assert f"\n  {command} " in shown.stdout


@pytest.mark.parametrize(
    "command", [[], ["who"], ["collect"], ["db", "upgrade"], ["export"], ["demo"]]
)
def test_help_waits_for_nothing_heavy(command: list[str], tmp_path: Path) -> None:
    code = (
        "import sys; bare = set(sys.modules); sys.argv = ['efs-inventory', *sys.argv[1:], '--help']\n"
        "from inventory.cli import run\n"
        "code = run(sys.argv[1:])\n"
        "fetched = {name for name, one in sys.modules.items() if 'site-packages' in (getattr(one, '__file__', '') or '')}\n"
        "heavy = {name.partition('.')[0] for name in fetched - bare} - {'inventory', 'click'}\n"
        "sys.exit(code or (f'imported {heavy}' if heavy else 0))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *command],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "command",
    [
        ["list"],
        ["who", "x"],
        ["mounts", "x"],
        ["status"],
        ["collect"],
        ["discover"],
        ["db", "current"],
        ["export", "--format", "ndjson"],
    ],
)
def test_without_configuration_is_exit_2(command: list[str], tmp_path: Path) -> None:
    done = program(*command, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "error: no configuration: there is no efs-inventory.toml in this folder",
        "hint: name one with --config FILE or EFS_INVENTORY_CONFIG, or begin with a copy of config.example.toml",
    ]


def test_a_wrong_configuration_names_all_keys(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text('[colect]\n[database]\nurl = "x"\n')
    for arguments, more in (
        (["--config", "bad.toml", "list"], {}),
        (["list"], {"EFS_INVENTORY_CONFIG": "bad.toml"}),
    ):
        done = program(*arguments, cwd=tmp_path, **more)
        assert done.returncode == 2
        assert done.stderr.splitlines()[:2] == [
            "error: bad.toml: 2 keys are wrong",
            '  colect: unknown key; did you mean "collect"?',
        ]
        assert done.stderr.splitlines()[-1] == "hint: config.example.toml shows every key"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InventoryError("x", hint="y"), 1),
        (LockedError("held by 42"), 1),
        (SchemaError("newer"), 1),
        (UsageError("x"), 2),
        (MissingExtraError("PostgreSQL", "postgres"), 2),
        (NotFoundError("x"), 3),
        (KeyboardInterrupt(), 130),
        (BrokenPipeError(), 141),
    ],
)
def test_exit_codes(
    error: BaseException,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(_: object) -> None:
        raise error

    monkeypatch.setattr(Face, "answers", fail)
    monkeypatch.setattr(os, "dup2", lambda *_: None)
    assert cli.run(["list"]) == code
    told = capsys.readouterr()
    assert told.out == ""
    assert "Traceback" not in told.err
    if isinstance(error, InventoryError):
        assert told.err.splitlines()[0] == f"error: {error}"
        assert (f"hint: {error.hint}" in told.err) is bool(error.hint)


def test_a_closed_pipe_is_no_traceback(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*PROGRAM, "--help"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        told = process.stderr.read().decode()
        process.wait(30)
    assert "Traceback" not in told
    assert "Exception ignored" not in told


def test_ctrl_c_is_clean(tmp_path: Path) -> None:
    code = (
        "import sys, time, os, signal\n"
        "from inventory import cli\nfrom inventory.cli.face import Face\n"
        "def wait(_):\n    print('ready', flush=True)\n    time.sleep(30)\n"
        "Face.answers = wait\nsys.exit(cli.run(['list']))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=30)
    assert process.returncode == 130
    assert told.strip() == "interrupted"


def test_a_terminal_without_unicode_is_no_reason_to_fail(tmp_path: Path) -> None:
    done = program("who", "\u6771", "--since", "\u6771", cwd=tmp_path, PYTHONIOENCODING="ascii")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


# -- discover and collect --------------------------------------------------------------------------


class Pipeline:
    """Stands for :mod:`inventory.pipeline`: an outcome given beforehand."""

    def __init__(self, *problems: str) -> None:
        tally = Tally({Outcome.REQUEST: 1200, Outcome.MALFORMED: 3})
        self.outcome = Report(sweeps=2, batches={}, tally=tally, problems=list(problems))
        self.asked: dict[str, object] = {}

    def discover(self, settings: object, *, clock: object) -> object:
        self.asked = {"settings": settings, "clock": clock}
        return self.outcome

    def collect(self, _settings: object, **asked: object) -> object:
        self.asked = asked
        progress = asked["progress"]
        progress.start(2, 3_000)  # type: ignore[attr-defined]
        for name in ("a.gz", "b\x1b.gz"):
            progress.advance(1_500, name)  # type: ignore[attr-defined]
        self.outcome.batches = {BatchState.DONE: 2}
        return self.outcome


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "efs-inventory.toml").write_text('[discover]\nmode = "snapshots"\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_with(standing: Pipeline, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("inventory.pipeline.collect", standing.collect)
    monkeypatch.setattr("inventory.pipeline.discover", standing.discover)
    return cli.run(arguments)


@pytest.mark.usefixtures("configured")
def test_collect_says_what_it_did(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    standing = Pipeline()
    assert (
        run_with(
            standing,
            [
                "collect",
                "--source",
                "a",
                "--source",
                "b",
                "--since",
                "2026-11-02",
                "--until",
                "2026-11-09",
            ],
            monkeypatch,
        )
        == 0
    )
    assert (
        capsys.readouterr().out
        == "2 new sweeps\nbatches: 2 done\nrecords: 1,200 request, 3 malformed\n"
    )
    assert (standing.asked["sources"], standing.asked["since"], standing.asked["until"]) == (
        ("a", "b"),
        1_793_577_600,
        1_794_182_400,
    )


@pytest.mark.usefixtures("configured")
def test_progress_off_a_terminal_is_lines_with_v(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_with(Pipeline(), ["-v", "collect"], monkeypatch) == 0
    told = capsys.readouterr().err.splitlines()
    assert told == [
        "2 batches to read, 3,000 bytes",
        "[1/2] a.gz (1,500 bytes)",
        "[2/2] b\\x1b.gz (1,500 bytes)",
    ]
    assert run_with(Pipeline(), ["collect"], monkeypatch) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize("command", ["collect", "discover"])
def test_problems_are_named_and_exit_1(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_with(Pipeline("source a: x.gz: cut\x1b after 3 lines"), [command], monkeypatch) == 1
    told = capsys.readouterr()
    assert told.err == "problem: source a: x.gz: cut\\x1b after 3 lines\n"
    assert "2 new sweeps" in told.out, "the rest was done all the same"
    assert run_with(Pipeline("x"), ["-q", command], monkeypatch) == 1
    assert capsys.readouterr().out == ""
