"""``discover`` and ``collect``: what brings knowledge and facts in."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from inventory.cli.blocks import Line, counted, show
from inventory.cli.face import Face
from inventory.cli.progress import progress_for
from inventory.telemetry import printable

if TYPE_CHECKING:
    from inventory.collect.report import Report
    from inventory.model import Outcome as Ending


@click.command(short_help="Learn what owns what, from new sweeps.")
@click.pass_context
def discover(ctx: click.Context) -> None:
    """Learn what owns what: ask AWS, or read the recorded answers that are new."""
    face = ctx.find_object(Face) or Face()
    settings = face.settings
    from inventory import pipeline

    outcome = pipeline.discover(settings, clock=face.clock)
    _finish(ctx, face, outcome, [_sweeps_line(outcome)])


@click.command(short_help="Record a sweep of AWS as files.")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.pass_context
def snapshot(ctx: click.Context, folder: Path) -> None:
    """Record a whole sweep of AWS below DIR, as the files that mode = "snapshots" reads.

    Of every answer only the fields that the inventory uses are written. No database is touched.
    """
    face = ctx.find_object(Face) or Face()
    settings = face.settings
    from inventory import pipeline

    outcome = pipeline.snapshot(settings, folder, clock=face.clock)
    _finish(
        ctx, face, outcome, [Line(f"{counted(outcome.sweeps, 'sweep')} recorded below {folder}")]
    )


@click.command()
@click.option(
    "--source",
    "sources",
    multiple=True,
    metavar="NAME",
    help="Read only this source; may be given again.",
)
@click.option(
    "--since",
    metavar="TIME",
    help="Read windows and objects from here: a date, a time, 7d, 36h, last-week.",
)
@click.option("--until", metavar="TIME", help="Up to here, exclusive.")
@click.pass_context
def collect(
    ctx: click.Context, *, sources: tuple[str, ...], since: str | None, until: str | None
) -> None:
    """Discover, then read the flow logs that are new, once."""
    face = ctx.find_object(Face) or Face()
    outcome = collect_once(face, sources=sources, since=since, until=until)
    _finish(ctx, face, outcome, summary_lines(outcome))


def collect_once(
    face: Face, *, sources: Sequence[str], since: str | None, until: str | None
) -> Report:
    """Collect with the progress display that fits."""
    settings = face.settings
    start, end = face.span(since, until)
    from inventory import pipeline

    # Folding makes millions of small values without cycles; looking through them for some is a tenth of the time.
    gc.set_threshold(200_000, 20, 20)
    with progress_for(face.verbosity) as progress:
        return pipeline.collect(
            settings,
            sources=sources,
            progress=progress,
            clock=face.clock,
            since=start,
            until=end,
        )


def summary_lines(outcome: Report) -> Iterator[Line]:
    """What was read, for people."""
    yield _sweeps_line(outcome)
    if outcome.batches:
        batches = ", ".join(
            f"{count:,} {state}" for state, count in sorted(outcome.batches.items())
        )
        records = ", ".join(
            f"{count:,} {name.replace('_', ' ')}"
            for name, count in _most_first(outcome.tally.counts)
        )
        yield Line(f"batches: {batches}")
        yield Line(f"records: {records or 'none'}")
    else:
        yield Line("batches: none read" if outcome.problems else "batches: no new files")


def _sweeps_line(outcome: Report) -> Line:
    return Line(counted(outcome.sweeps, "new sweep"))


def _most_first(counts: Mapping[Ending, int]) -> list[tuple[Ending, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _finish(ctx: click.Context, face: Face, outcome: Report, summary: Iterable[Line]) -> None:
    if face.verbosity >= 0:
        show(summary)
    for problem in outcome.problems:
        click.echo(f"problem: {printable(problem)}", err=True)
    if outcome.problems:
        ctx.exit(1)
