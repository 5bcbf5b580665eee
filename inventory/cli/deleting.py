"""``check-delete``: may this file system go? Its exit code is its verdict, for a pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from inventory.cli.blocks import Block, show
from inventory.cli.face import Face
from inventory.cli.output import FORMATS, Answer, emit, write_json
from inventory.cli.times import roughly, span_of
from inventory.errors import InventoryError, UsageError

if TYPE_CHECKING:
    from inventory.answers import Asked

EXIT_CODES = {"QUIET": 0, "IN_USE": 10, "REFERENCED": 11, "UNKNOWN": 12}
"""By verdict; part of the public face."""

NO_PLAN = EXIT_CODES["UNKNOWN"]
"""A plan whose exit code is 0 is one for what is QUIET: whoever takes it for the gate by mistake goes on with nothing else."""

MARKDOWN = "markdown"

REASON_COLUMNS = (
    "file_system.id",
    "file_system.name",
    "file_system.account",
    "file_system.region",
    "verdict",
    "class",
    "severity",
    "code",
    "message",
    "evidence",
)

_DAY = 86_400


def _reason_rows(answer: Answer) -> Iterator[Mapping[str, Any]]:
    """Reasons as rows of their own, each with its file system and the verdict."""
    shared = {"file_system": answer["file_system"], "verdict": answer["verdict"]}
    for reason in answer["reasons"]:
        yield shared | dict(reason)


ALL_COLUMNS = (
    "id",
    "name",
    "account",
    "region",
    "verdict",
    "last_seen",
    "visible_since",
    "quiet_from",
    "clients",
    "reasons",
    "size.bytes",
    "monthly_cost_usd_about",
)


@click.command("check-delete", short_help="May a file system go? The exit code is the verdict.")
@click.argument("file_system", metavar="FS", required=False)
@click.option(
    "--days",
    type=click.IntRange(1, 100_000),
    metavar="N",
    help="Length of the window; by default as far back as anybody looked, at most 400.",
)
@click.option(
    "--since", metavar="TIME", help="Begin of the window: 2026-11-03, 30d (before as_of)."
)
@click.option(
    "--until",
    metavar="TIME",
    help="End of the window, exclusive; by default now, by the clock; of recorded answers as_of.",
)
@click.option(
    "--accept-blind",
    metavar="SPAN",
    help="Your decision: holes of at most so long (30m) do not count. It is shown.",
)
@click.option("--all", "everything", is_flag=True, help="Every file system, QUIET ones first.")
@click.option(
    "--plan",
    "planned",
    is_flag=True,
    help="The staged way of a scream test: what to take away, how to put it back. Changes nothing.",
)
@click.option(
    "--certificate",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write there what the verdict rests on, with its SHA-256.",
)
@click.option(
    "--verify",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="Check such a file instead, and ask its question again: exit code 0 or 12.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice([*FORMATS, MARKDOWN]),
    default="table",
    show_default=True,
    help="As of other questions; markdown: for a ticket.",
)
@click.pass_context
def check_delete(  # noqa: PLR0913 - click passes each option
    ctx: click.Context,
    *,
    file_system: str | None,
    days: int | None,
    since: str | None,
    until: str | None,
    accept_blind: str | None,
    everything: bool,
    planned: bool,
    certificate: Path | None,
    verify: Path | None,
    form: str,
) -> None:
    """May file system FS (its id, ARN or Name tag) be deleted?

    Exit code 0: QUIET, no evidence of use. 10: IN_USE. 11: REFERENCED. 12: UNKNOWN. With --all 0 whatever the verdicts are, with --plan
    12 when there is no whole plan.
    """
    face = ctx.ensure_object(Face)
    what = _what(file_system, everything=everything, verify=verify)
    if verify is not None and planned:
        raise UsageError("--plan is of one file system, and stands by itself")
    if verify is not None:
        _verify(ctx, face, verify, form)
        return
    if days is not None and since is not None:
        raise UsageError("--days and --since both say where the window begins: name one of them")
    if certificate is not None and what is None:
        raise UsageError("--certificate is of one file system: name it instead of --all")
    blind = 0 if accept_blind is None else span_of(accept_blind, option="--accept-blind")
    window = _Window(days, since, until, blind)
    if planned:
        if what is None or certificate is not None:
            raise UsageError("--plan is of one file system, and stands by itself")
        _plan(ctx, face, what, window, form)
        return
    _ask(ctx, face, what, window, certificate, form)


class _Window(NamedTuple):
    """What the options say of time."""

    days: int | None
    since: str | None
    until: str | None
    blind: int


def _what(file_system: str | None, *, everything: bool, verify: Path | None) -> str | None:
    """The file system that is asked about; ``None``: all, or what a certificate names. Raises ``UsageError`` unless it is one of these."""
    if sum([file_system is not None, everything, verify is not None]) != 1:
        raise UsageError(
            "name one file system, or --all, or --verify FILE",
            hint="such as: efs-inventory check-delete fs-0123456789abcdef0",
        )
    return file_system


def _ask(
    ctx: click.Context,
    face: Face,
    what: str | None,
    window: _Window,
    certificate: Path | None,
    form: str,
) -> None:
    from inventory.cli.view_verdict import all_blocks, verdict_blocks, verdict_markdown

    with face.answers() as answers:
        asked = _asked(face, answers.as_of(), window)
        if what is None:
            answer = answers.check_all(asked)
            _show_all(answer, form, lambda it: all_blocks(it, face.times(answer["as_of"])))
            return
        checked = answers.check_delete(what, asked, certified=certificate is not None)
    if certificate is not None and checked.certificate is not None:
        _write(certificate, checked.certificate)
    answer = checked.answer
    times = face.times(answer["as_of"])
    if form == MARKDOWN:
        click.echo("\n".join(verdict_markdown(answer, times)))
    else:
        emit(
            answer,
            form,
            view=lambda it: verdict_blocks(it, times),
            rows=_reason_rows,
            columns=REASON_COLUMNS,
        )
    ctx.exit(EXIT_CODES[answer["verdict"]])


def _asked(face: Face, as_of: str | None, window: _Window) -> Asked:
    from inventory.answers import Asked

    start, end = face.span(window.since, window.until, as_of)
    return Asked(
        since=start,
        until=_now(face, as_of) if end is None else end,
        length=None if window.days is None else window.days * _DAY,
        accept_blind=window.blind,
    )


def _plan(ctx: click.Context, face: Face, what: str, window: _Window, form: str) -> None:
    from inventory.cli.view_plan import plan_markdown, plan_text

    if form not in ("table", "json", MARKDOWN):
        raise UsageError("--plan answers as table, json or markdown")
    with face.answers() as answers:
        answer = answers.plan(what, _asked(face, answers.as_of(), window))
    times = face.times(answer["as_of"])
    if form == "json":
        write_json(answer)
    elif form == MARKDOWN:
        click.echo("\n".join(plan_markdown(answer, times)))
    else:
        show(plan_text(answer, times))
    ctx.exit(
        NO_PLAN if answer["stage"] in ("refused", "unknown") else EXIT_CODES[answer["verdict"]]
    )


def _now(face: Face, as_of: str | None) -> int | None:
    """Whoever acts now wants to know of now; what was recorded is asked about its own time, and it is said if that is past."""
    now, settings = face.clock(), face.settings
    if settings.discover.mode != "snapshots":
        return now
    behind = 0.0 if as_of is None else now - datetime.fromisoformat(as_of).timestamp()
    if behind > settings.collect.max_lag and face.verbosity >= 0:
        told = f"{face.times().absolute(as_of)}, {roughly(behind)} ago"
        click.echo(
            f"note: what was recorded ends at {told}; the verdict is of then. --until asks about later",
            err=True,
        )
    return None


def _show_all(answer: Answer, form: str, view: Callable[[Answer], Iterable[Block]]) -> None:
    if form == MARKDOWN:
        raise UsageError("--format markdown is of one file system")
    emit(answer, form, view=view, rows=lambda it: it["file_systems"], columns=ALL_COLUMNS)


def _verify(ctx: click.Context, face: Face, path: Path, form: str) -> None:
    from inventory.cli.view_verdict import verified_blocks

    if form not in ("table", "json"):
        raise UsageError("--verify answers as table or json")
    try:
        text = path.read_bytes()
    except OSError as error:
        raise UsageError(f"--verify: cannot read {path}: {error.strerror}") from error
    with face.answers() as answers:
        answer = answers.verify(text, face.clock())
    emit(answer, form, view=verified_blocks, rows=lambda it: [it], columns=())
    ctx.exit(EXIT_CODES[answer["verdict"]])


def _write(path: Path, certificate: Mapping[str, Any]) -> None:
    """Whole or not at all."""
    from inventory.answers.certifying import canonical

    unfinished = path.with_name(f".{path.name}.tmp")
    try:
        unfinished.write_bytes(canonical(certificate) + b"\n")
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise InventoryError(
            f"cannot write {path}: {error.strerror}", hint="name a file that this user may write"
        ) from error
