"""``list``, ``who``, ``mounts``, ``status``: what the inventory is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from inventory.cli.face import Face
from inventory.cli.output import Answer, emit, format_option

if TYPE_CHECKING:
    from inventory.answers import By

Row = Mapping[str, Any]

FILE_SYSTEM_COLUMNS = (
    "id",
    "arn",
    "name",
    "account",
    "region",
    "clients_now",
    "last_seen",
    "idle_since",
    "activity",
    "coverage_ratio",
    "deleted_at",
)
MOUNT_COLUMNS = (
    "file_system.id",
    "file_system.name",
    "file_system.account",
    "file_system.region",
    "possible",
    "client.kind",
    "client.id",
    "client.arn",
    "client.name",
    "client.account",
    "client.region",
    "client.workload.kind",
    "client.workload.id",
    "client.contact",
    "candidates",
    "confidence",
    "method",
    "state",
    "first_seen",
    "last_seen",
    "flows",
    "packets",
    "bytes",
    "rejected_flows",
    "interfaces",
    "addresses",
    "mount_targets",
    "access_points",
    "evidence.source",
    "evidence.type",
    "evidence.batch",
    "client.tags",
    "used_by",
)


def window_options(command: Callable[..., None]) -> Callable[..., None]:
    """``--since`` and ``--until`` of a question."""
    command = click.option(
        "--until", metavar="TIME", help="End of the window, exclusive; by default as_of."
    )(command)
    return click.option(
        "--since",
        metavar="TIME",
        help="Begin of the window: 2026-11-03, 2026-11-03T14:20Z, 7d or 36h (before as_of), or last-week alone; by default 7d.",
    )(command)


def _mount_rows(answer: Answer) -> Iterator[Row]:
    """Mounts as rows of their own, each with its file system (or, for ``mounts``, its client)."""
    shared = {key: answer[key] for key in ("file_system", "client") if key in answer}
    for possible, mounts in ((False, answer["mounts"]), (True, answer.get("possible") or ())):
        for mount in mounts:
            yield shared | {"possible": possible} | dict(mount)


@click.command("list", short_help="File systems and who is on them now.")
@format_option
@click.pass_obj
def list_(face: Face, *, form: str) -> None:
    """File systems: name, clients now, last seen, idle since, coverage."""
    from inventory.cli.view_list import list_blocks

    with face.answers() as answers:
        answer = answers.list()
    times = face.times(answer["as_of"])
    emit(
        answer,
        form,
        view=lambda it: list_blocks(it, times),
        rows=lambda it: it["file_systems"],
        columns=FILE_SYSTEM_COLUMNS,
    )


@click.command(short_help="Who mounted a file system.")
@click.argument("file_system", metavar="FS")
@window_options
@click.option(
    "--by",
    type=click.Choice(["client", "workload", "contact"]),
    help="What to group by: tables by workload, else by client.",
)
@format_option
@click.pass_obj
def who(
    face: Face, *, file_system: str, since: str | None, until: str | None, by: By | None, form: str
) -> None:
    """Who mounted a file system (FS: its id, ARN or Name tag), when, and how that is known."""
    from inventory.cli.view_mounts import who_blocks

    with face.answers() as answers:
        start, end = face.span(since, until, answers.as_of())
        answer = answers.who(
            file_system, start, end, by=("client" if form == "table" else by or "client")
        )
    times = face.times(answer["as_of"])
    emit(
        answer,
        form,
        view=lambda it: who_blocks(it, by or "workload", times),
        rows=_mount_rows,
        columns=MOUNT_COLUMNS,
    )


@click.command(short_help="What a client mounts.")
@click.argument("client", metavar="CLIENT")
@window_options
@format_option
@click.pass_obj
def mounts(face: Face, *, client: str, since: str | None, until: str | None, form: str) -> None:
    """What a client mounts (CLIENT: its id, ARN, network interface, name or address)."""
    from inventory.cli.view_mounts import mounts_blocks

    with face.answers() as answers:
        start, end = face.span(since, until, answers.as_of())
        answer = answers.mounts(client, start, end)
    times = face.times(answer["as_of"])
    emit(
        answer,
        form,
        view=lambda it: mounts_blocks(it, times),
        rows=_mount_rows,
        columns=MOUNT_COLUMNS,
    )


@click.command(short_help="How well it sees.")
@format_option
@click.pass_obj
def status(face: Face, *, form: str) -> None:
    """How well it sees: sources, lag, coverage, sweeps, unresolved clients, lines that could not be read."""
    from inventory.cli.view_status import STATUS_COLUMNS, status_blocks, status_rows

    with face.answers() as answers:
        answer = answers.status()
    times = face.times(answer["as_of"])
    emit(
        answer,
        form,
        view=lambda it: status_blocks(it, times, face.clock()),
        rows=status_rows,
        columns=STATUS_COLUMNS,
    )
