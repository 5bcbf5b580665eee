"""Hostile text: tags and descriptions are written by whoever may tag a resource."""

from __future__ import annotations

import csv
import io
import json
import logging
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.cli.blocks import Cell, Column, Line, Table, plain, show
from inventory.cli.output import flat
from inventory.cli.times import Times
from inventory.cli.view_list import list_blocks
from inventory.export.delimited import guarded
from inventory.telemetry import configure, printable
from tests.faces.fakes import ask, client, file_system, listed, mount, who_answer

HOSTILE = [
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x9b2J",
    "a\nb",
    "a\r\nerror: forged",
    "tab\there",
    "nul\0",
    "\u202egnp.exe",
    "\u2066isolate\u2069",
    "line\u2028sep\u2029",
    "zero\u200bwidth",
    "\ufeffbom",
    "\ue000private",
    "\U000e0041tag",
    "\ud800surrogate",
    "del\x7f",
]
FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "  =1",
    "\n=1",
    "\uff1d1+1",
    '=HYPERLINK("http://x")',
]


def unsafe(text: str) -> list[str]:
    return [
        each
        for each in text
        if unicodedata.category(each)[0] == "C" or unicodedata.category(each) in {"Zl", "Zp"}
    ]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_is_left_that_a_terminal_obeys(text: str) -> None:
    assert unsafe(text)
    assert unsafe(printable(text)) == []


@given(st.text())
def test_any_text_is_printable(text: str) -> None:
    shown = printable(text)
    assert unsafe(shown) == []
    assert printable(shown) == shown
    assert "\n" not in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b", "\\x1b"),
        ("\x9b", "\\x9b"),
        ("\u202e", "\\u202e"),
        ("\U000e0041", "\\U000e0041"),
        ("東京 ü é", "東京 ü é"),
    ],
)
def test_how_it_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(st.characters(exclude_categories=["C", "Zl", "Zp"])))
def test_harmless_text_is_left_alone(text: str) -> None:
    assert printable(text) == text


class Terminal(io.StringIO):
    """Standard output that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def on_terminal(*blocks: Line | Table) -> str:
    out = Terminal()
    show(blocks, out)
    return out.getvalue()


@pytest.mark.parametrize(
    "text", [*HOSTILE, "[red]markup[/red]", ":smile:", "[link=http://x]y[/link]"]
)
def test_a_terminal_gets_text_and_nothing_else(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "200")
    written = on_terminal(Line(text), Table([Column("Name")], [[Cell(text)]]))
    assert unsafe(written.replace("\n", "")) == []
    assert written.count(printable(text)) == 2


def test_colour_by_state_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    cell = Cell("active", "bold green")
    assert "\x1b[1;32mactive" in on_terminal(Table([Column("State")], [[cell]]))
    assert "\x1b" not in "".join(plain([Table([Column("State")], [[cell]])]))
    monkeypatch.setenv("NO_COLOR", "1")
    assert "32m" not in on_terminal(Table([Column("State")], [[cell]]))


def test_wide_characters_keep_columns_in_line() -> None:
    rows = [[Cell("東京"), Cell("x")], [Cell("ab"), Cell("y")]]
    lines = list(plain([Table([Column("Name"), Column("It")], rows)]))
    assert lines == ["NAME  IT", "東京  x", "ab    y"]


def test_narrow_terminals_leave_columns_out(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table([Column("A"), Column("B", wide=100)], [[Cell("a1"), Cell("b1")]])
    monkeypatch.setenv("COLUMNS", "80")
    assert "b1" not in on_terminal(table)
    monkeypatch.setenv("COLUMNS", "120")
    assert "b1" in on_terminal(table)


@pytest.mark.parametrize("width", [80, 100, 130])
def test_a_list_keeps_since_when_it_is_idle(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    entry = listed(id=f"fs-{'0' * 17}", name="nightly-reports", idle_since="2026-11-03T00:00:00Z")
    out = Terminal()
    answer = {"as_of": "2026-11-09T11:59:50Z", "file_systems": [entry]}
    show(list_blocks(answer, Times()), out)
    assert "Idle since" in out.getvalue()
    assert "2026-11-03" in out.getvalue()
    assert "100 %" in out.getvalue(), "cut"
    assert max(len(line.rstrip()) for line in out.getvalue().splitlines()) <= width


def test_the_widest_column_gives_way_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    table = Table(
        [Column("A", whole=True), Column("B"), Column("C", least=4)],
        [[Cell("whole text"), Cell("many words that can be folded"), Cell("four")]],
    )
    written = on_terminal(table)
    assert "whole text" in written
    assert "four" in written
    assert "folded" in written


# -- spreadsheets ----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_is_a_formula(text: str) -> None:
    assert guarded(text).startswith("'")


@given(st.text())
def test_a_guarded_cell_never_starts_a_formula(text: str) -> None:
    assert guarded(text).lstrip()[:1] not in set("=+-@\uff1d\uff0b\uff0d\uff20")
    assert unsafe(guarded(text)) == []


@pytest.mark.parametrize("text", ["web-1", "10.20.1.11", "a=b", "arn:aws:x"])
def test_plain_cells_stay(text: str) -> None:
    assert guarded(text) == text


@pytest.mark.parametrize("text", [*HOSTILE, *FORMULAS])
@pytest.mark.parametrize("form", ["table", "json", "csv", "ndjson"])
def test_hostile_names_in_every_answer(text: str, form: str) -> None:
    nasty = mount(
        client=client(
            id=text,
            name=text,
            tags={text: text},
            workload={"kind": text, "id": text, "arn": text},
            contact=text,
        ),
        addresses=[text],
    )
    answer = who_answer(nasty, file_system=file_system(name=text))
    for arguments, given_answer in (
        (["who", "x"], {"who": answer}),
        (["list"], {"list": {"as_of": None, "file_systems": [listed(name=text)]}}),
    ):
        result = ask([*arguments, "--format", form], **given_answer)
        assert result.exit_code == 0
        written = result.stdout
        assert unsafe(written.replace("\n", "")) == []
        if form == "json":
            assert written.isascii()
            assert json.loads(written) == given_answer[arguments[0]]
        if form == "csv":
            cells = [cell for row in csv.reader(io.StringIO(written)) for cell in row]
            assert not [cell for cell in cells if cell[:1] in set("=+-@\t\r") and cell]


def test_flat_rows() -> None:
    assert flat(
        {"a": {"b": 1, "tags": {"x": "y"}}, "c": ["d", "e"], "f": [{"g": 1}], "h": None}
    ) == {
        "a.b": 1,
        "a.tags": '{"x": "y"}',
        "c": "d e",
        "f": '[{"g": 1}]',
        "h": None,
    }


# -- logs ------------------------------------------------------------------------------------------


@pytest.fixture
def log_stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture(autouse=True)
def _restore_logging() -> object:
    root = logging.getLogger()
    before = (root.level, root.handlers[:])
    yield
    root.setLevel(before[0])
    root.handlers[:] = before[1]


@pytest.mark.parametrize(
    ("verbosity", "levels"),
    [
        (-1, "error"),
        (0, "warning error"),
        (1, "info warning error"),
        (2, "debug info warning error"),
    ],
)
def test_verbosity(verbosity: int, levels: str, log_stream: io.StringIO) -> None:
    configure(verbosity, log_stream)
    for level in ("debug", "info", "warning", "error"):
        getattr(logging.getLogger("inventory.x"), level)("said")
    assert [line.split(":")[0] for line in log_stream.getvalue().splitlines()] == levels.split()


def test_a_log_line_cannot_be_forged(log_stream: io.StringIO) -> None:
    configure(0, log_stream)
    logging.getLogger("x").warning("tag %s", "a\nerror: forged \x1b[0m")
    assert log_stream.getvalue() == "warning: tag a\\x0aerror: forged \\x1b[0m\n"


def test_a_traceback_is_escaped_too(log_stream: io.StringIO) -> None:
    configure(0, log_stream)
    try:
        int("\x1b[31m")
    except ValueError:
        logging.getLogger("x").exception("failed on %s", "\x1b[31m")
    assert "\x1b" not in log_stream.getvalue()
    assert "Traceback" in log_stream.getvalue()


@pytest.mark.parametrize("name", ["botocore", "urllib3", "boto3"])
def test_the_chatty_never_say_what_they_send(name: str, log_stream: io.StringIO) -> None:
    configure(2, log_stream)
    logging.getLogger(f"{name}.auth").debug("x-amz-security-token: SECRET")
    assert log_stream.getvalue() == ""


@pytest.mark.parametrize(("verbosity", "told"), [(0, ""), (1, ""), (2, "info: Context impl\n")])
def test_migrations_tell_their_steps_with_vv_alone(
    verbosity: int, told: str, log_stream: io.StringIO
) -> None:
    configure(verbosity, log_stream)
    logging.getLogger("alembic.runtime.migration").info("Context impl")
    assert log_stream.getvalue() == told
    logging.getLogger("alembic.runtime.migration").warning("odd")
    assert "warning: odd" in log_stream.getvalue()


def test_configuring_again_does_not_double(log_stream: io.StringIO) -> None:
    configure(0, io.StringIO())
    configure(0, log_stream)
    logging.getLogger("x").warning("once")
    assert log_stream.getvalue().count("once") == 1
    assert sys.stderr is not None
