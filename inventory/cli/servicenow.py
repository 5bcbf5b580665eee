"""``export --format servicenow``: payloads written, or pushed with a report of each item."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from inventory.cli.blocks import counted
from inventory.cli.face import Face

if TYPE_CHECKING:
    from inventory.export.servicenow.work import Changed

How = Literal["write", "push", "dry run"]
Line = dict[str, Any]


def servicenow(face: Face, *, since: str | None, how: How, output: Path | None) -> None:
    """Write or push. Exit code 1 when the instance took something not; everything else is done then, and there is no new cursor."""
    failed = 0

    def watched(lines: Iterable[Line]) -> Iterator[Line]:
        nonlocal failed
        for line in lines:
            if "cursor" in line and failed:
                return  # the same is to be told again
            failed += bool(line.get("errors"))
            yield line

    with ExitStack() as stack:
        if how == "write" and since is None:
            lines = stack.enter_context(_payloads(face))
        else:
            lines = stack.enter_context(_by_change(face, since or "0", how))
        count = _write(watched(lines), output)
    if output is not None and face.verbosity >= 0:
        click.echo(f"{counted(count, 'line')} written to {output}", err=True)
    if failed:
        click.echo(
            f"problem: {counted(failed, 'entry', 'entries')} not taken by ServiceNow", err=True
        )
        click.get_current_context().exit(1)


def _write(lines: Iterable[Line], output: Path | None) -> int:
    from inventory.export import files, ndjson

    if output is None:
        return ndjson.write(lines, sys.stdout)
    with files.replacing(output) as stream:
        return ndjson.write(lines, stream)


@contextmanager
def _payloads(face: Face) -> Iterator[Iterator[Line]]:
    """Of the whole export; nothing is written into the database."""
    settings = face.settings
    from inventory.export import groups
    from inventory.export.servicenow import payloads, work

    terms = work.terms_of(settings)
    with face.answers() as answers:
        found = groups(answers, exported_at="")
        yield (payload for group in found for payload in payloads.payloads(group, terms))


@contextmanager
def _by_change(face: Face, since: str, how: How) -> Iterator[Iterator[Line]]:
    """Of what changed after a cursor, which comes last."""
    settings = face.settings
    from inventory.export import feed
    from inventory.export.servicenow import push, work

    terms = work.terms_of(settings)
    told = settings.export.servicenow
    with ExitStack() as stack:
        instance = None
        if how != "write":
            instance = push.instance(told, terms, sleep=time.sleep, dry_run=how == "dry run")
            stack.enter_context(instance.poster)
        store = stack.enter_context(face.recorder())
        feed.refresh(store, settings)
        changed = work.changed(store, since, terms)
        lines = _written(changed, terms) if instance is None else instance.push(changed.work)
        yield _with_cursor(lines, changed.cursor)


def _written(changed: Changed, terms: Any) -> Iterator[Line]:  # noqa: ANN401 - imported late
    for one in changed.work:
        yield from one.payloads
        for removal in one.removals:
            yield removal.told(terms)


def _with_cursor(lines: Iterable[Line], cursor: str) -> Iterator[Line]:
    yield from lines
    yield {"cursor": cursor}
