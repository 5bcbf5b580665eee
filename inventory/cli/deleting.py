"""``check-delete``: may this file system go? Its exit code is its verdict, for a pipeline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from inventory.cli.face import Face
from inventory.cli.output import FORMATS, Answer, emit
from inventory.cli.times import span_of
from inventory.errors import UsageError

EXIT_CODES = {"QUIET": 0, "IN_USE": 10, "REFERENCED": 11, "UNKNOWN": 12}
"""By verdict; part of the public face."""

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


@click.command("check-delete", short_help="May a file system go? The exit code is the verdict.")
@click.argument("file_system", metavar="FS")
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
    "--until", metavar="TIME", help="End of the window, exclusive; by default now, by the clock."
)
@click.option(
    "--accept-blind",
    metavar="SPAN",
    help="Your decision: holes of at most so long (30m) do not count. It is shown.",
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
def check_delete(
    ctx: click.Context,
    *,
    file_system: str,
    days: int | None,
    since: str | None,
    until: str | None,
    accept_blind: str | None,
    form: str,
) -> None:
    """May file system FS (its id, ARN or Name tag) be deleted?

    Exit code 0: QUIET, no evidence of use. 10: IN_USE. 11: REFERENCED. 12: UNKNOWN.
    """
    from inventory.answers import Asked
    from inventory.cli.view_verdict import verdict_blocks, verdict_markdown

    face = ctx.ensure_object(Face)
    if days is not None and since is not None:
        raise UsageError("--days and --since both say where the window begins: name one of them")
    blind = 0 if accept_blind is None else span_of(accept_blind, option="--accept-blind")
    with face.answers() as answers:
        start, end = face.span(since, until, answers.as_of())
        asked = Asked(
            since=start,
            until=face.clock() if end is None else end,
            length=None if days is None else days * _DAY,
            accept_blind=blind,
        )
        answer = answers.check_delete(file_system, asked)
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
