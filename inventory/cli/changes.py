"""``changes``: what happened, by workload."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from inventory.cli.blocks import Line, show
from inventory.cli.face import Face
from inventory.cli.output import FORMATS, flat, write_csv, write_json, write_ndjson
from inventory.errors import InventoryError, LockedError, UsageError
from inventory.telemetry import printable

if TYPE_CHECKING:
    from inventory.config import Settings
    from inventory.store import Store

COLUMNS = (
    "cursor",
    "event",
    "at",
    "as_of",
    "file_system.key",
    "file_system.id",
    "file_system.arn",
    "file_system.name",
    "file_system.account",
    "file_system.region",
    "workload.kind",
    "workload.id",
    "workload.arn",
    "clients",
    "candidates",
    "confidence",
    "state",
)

_SAID = {
    "new_client": "is mounted by",
    "client_gone": "is not mounted any more by",
    "rejected": "turned away",
    "quiet": "is quiet: nobody is left",
    "coverage_lost": "cannot be seen any more",
}


@click.command()
@click.option("--since", metavar="CURSOR", default="0", help="Only what happened after a cursor.")
@click.option("--follow", is_flag=True, help="Go on, until interrupted.")
@click.option(
    "--every",
    type=click.IntRange(min=1),
    metavar="SECONDS",
    default=60,
    show_default=True,
    help="How often --follow looks.",
)
@click.option("--notify", is_flag=True, help="Tell the webhook of [notify], too.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", show_default=True)
@click.pass_obj
def changes(face: Face, *, since: str, follow: bool, every: int, notify: bool, form: str) -> None:
    """New clients, clients that are gone, file systems that are quiet or cannot be seen."""
    if follow and form in {"json", "csv"}:
        raise UsageError(f"--follow has no end, {form} has", hint="use --format ndjson")
    settings = face.settings
    if notify and settings.notify.webhook_url is None:
        raise UsageError("--notify: there is no webhook", hint="set [notify] webhook_url")
    with face.recorder() as store:
        cursor = _look(face, store, settings, since, form)
        told = _tell(face, store, settings) if notify else True
        while follow:
            time.sleep(every)
            cursor = _looked_again(face, store, settings, cursor, form)
            if notify:
                told = _tell(face, store, settings)
    if not told:
        click.get_current_context().exit(1)


def _look(face: Face, store: Store, settings: Settings, since: str, form: str) -> str:
    """Bring the feed up to date and show what happened after a cursor; the new one."""
    from inventory.export import feed, happened

    feed.refresh(store, settings)
    with happened.since(store, since) as found:
        _show(face, form, found.events, found.cursor)
        return found.cursor


def _looked_again(face: Face, store: Store, settings: Settings, cursor: str, form: str) -> str:
    """As :func:`_look`; while another writes there is nothing new to show."""
    try:
        found = _look(face, store, settings, cursor, "lines" if form == "table" else form)
        sys.stdout.flush()
    except LockedError as error:
        _complain(error)
        return cursor
    return found


def _tell(face: Face, store: Store, settings: Settings) -> bool:
    """Whether the webhook took everything; what it did not is told again next time."""
    from inventory import notify
    from inventory.posting import PostingError

    try:
        notify.deliver(store, settings.notify, clock=face.clock, sleep=time.sleep)
    except PostingError as error:
        _complain(error)
        return False
    return True


def _complain(error: InventoryError) -> None:
    click.echo(f"problem: {printable(error.told)}", err=True)


# -- shown -------------------------------------------------------------------------------------------------------------------------------


def _show(face: Face, form: str, events: Iterator[Mapping[str, Any]], cursor: str) -> None:
    if form == "json":
        write_json({"cursor": cursor, "changes": list(events)})
    elif form == "csv":
        write_csv(COLUMNS, (flat(event) for event in events))
    elif form == "ndjson":
        write_ndjson(events)
    else:
        show(_lines(events, face.times().absolute))
        if form == "table":
            show([Line(f"cursor: {cursor}")])


def _lines(
    events: Iterable[Mapping[str, Any]], moment: Callable[[str | None], str]
) -> Iterator[Line]:
    for event in events:
        file_system = event["file_system"]
        name = file_system["name"] or file_system["id"] or file_system["key"]
        words = [moment(event["at"]), name, _SAID.get(event["event"], event["event"]), _who(event)]
        yield Line("  ".join(word for word in words if word))


def _who(event: Mapping[str, Any]) -> str:
    if event["candidates"]:
        names = ", ".join(key.rpartition("/")[2] for key in event["candidates"])
        return f"one of: {names}"
    workload = event["workload"]
    if workload is None:
        return ""
    sure = "" if event["confidence"] == "exact" else f" ({event['confidence']})"
    return f"{workload['kind']} {workload['id']}{sure}"
