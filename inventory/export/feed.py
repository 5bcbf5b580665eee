"""The export by change: what is derived now is compared with what was told last, and each difference gets the next number.

Records are derived, so nobody can say what changed them: an hour of flow logs, a sweep that came late, the configuration. So they are
compared as they are. A full export and the sum of all changes are the same, because what is kept *is* the last full export
(docs/decisions/0016-changes-are-differences-of-exports.md).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from inventory.answers import Answers
from inventory.errors import StoppedError, UsageError
from inventory.export.events import Before, Now, Standing, events_of, standing
from inventory.export.ndjson import encoded
from inventory.export.records import SCHEMA_VERSION, Group, Record, groups
from inventory.store import feed
from inventory.store.values import digest, storable

if TYPE_CHECKING:
    from inventory.config import Settings
    from inventory.store import Store
    from inventory.store.views import Reader

LOCK = "export"
"""Held while the feed is brought up to date."""

PATIENCE = 60.0
"""Seconds to wait for somebody who holds the lock, as for every writer."""

_CURSOR = re.compile(r"([0-9a-f]{8})-([0-9]{1,18})")


# -- cursors -----------------------------------------------------------------------------------------------------------------------------


def sequence(text: str, position: feed.Position) -> int:
    """The number after which a reader goes on. Raises ``UsageError`` for what is no cursor of this feed."""
    if text == feed.BEGINNING:
        return 0
    match = _CURSOR.fullmatch(text)
    if match is None:
        msg = f"--since: {text!r} is no cursor"
        raise UsageError(
            msg, hint="take it from the last record of the export before, or begin with --since 0"
        )
    if int(match[1], 16) != position.identity or int(match[2]) > position.sequence:
        msg = f"--since: the cursor {text} is of another database, or of a newer state of this one"
        raise UsageError(msg, hint="begin again with --since 0")
    return int(match[2])


# -- bringing up to date -----------------------------------------------------------------------------------------------------------------


def refresh(
    store: Store,
    settings: Settings,
    *,
    patience: float | None = None,
    is_over: Callable[[], bool] = lambda: False,
) -> feed.Position:
    """Compare what is derived now with what was told last, in one transaction under a lock; up to where the feed goes then.

    Refreshing twice changes nothing. Raises ``LockedError`` when somebody else writes for longer than ``patience`` seconds
    (:data:`PATIENCE`), and ``StoppedError`` when ``is_over`` says so, which is asked before each file system; then nothing of it is kept.
    """
    with store.lock(LOCK, PATIENCE if patience is None else patience):
        return store.write(lambda conn: compare(conn, store, settings, is_over))


def compare(
    conn: Reader, store: Store, settings: Settings, is_over: Callable[[], bool] = lambda: False
) -> feed.Position:
    """As :func:`refresh`, inside of a writing transaction."""
    writer = feed.Writer(conn)
    told: set[str] = set()
    seen: set[str] = set()
    whole = True
    for group in groups(Answers(store, settings, conn), exported_at=""):
        if is_over():
            raise StoppedError("the program was asked to stop", hint="it is compared the next time")
        seen.add(storable(group.key))
        if _goes_back(conn, group):
            whole = False
        else:
            _compare_group(conn, writer, group, told)
    for key in sorted(set(feed.left_over(conn)) - seen):
        _compare_group(conn, writer, Group(key), told)
    if whole:
        writer.bury(key for key in feed.there(conn, "client") if key not in told)
    writer.close()
    return feed.position(conn)


def _goes_back(conn: Reader, group: Group) -> bool:
    """Whether less is known of a file system than was told already: a longer ``settle``, a clock that was put back.

    What was seen since is not gone, so nothing is told of it until that time is reached again.
    """
    if group.file_system is None:
        return False
    body = feed.bodies(conn, [storable(group.key)]).get(storable(group.key))
    then = json.loads(body)["as_of"] if body else None
    now = group.file_system["as_of"]
    return then is not None and (now is None or now < then)


def _compare_group(conn: Reader, writer: feed.Writer, group: Group, told: set[str]) -> None:
    """Write what is new or different of one file system, bury what is not any more, and say what happened."""
    before = feed.of_file_system(conn, storable(group.key))
    new = {storable(key): record for key, record in sorted(group.clients.items())}
    new = {key: record for key, record in new.items() if key not in told}
    told.update(new)
    own = {storable(key): record for key, record in sorted(group.mounts.items())}
    if group.file_system is not None:
        own = {storable(group.key): group.file_system} | own
    standings = {key: standing(record, group) for key, record in own.items()}
    was = _before(conn, before, standings)
    known = before | feed.of_keys(conn, new)
    entries = [
        _entry(key, record, group, standings.get(key)) for key, record in (new | own).items()
    ]
    changed = [
        one for one in entries if one.key not in known or known[one.key].digest != one.digest
    ]
    writer.put(sorted(changed, key=lambda one: feed.TYPES.index(one.record_type)))
    writer.bury(sorted(before.keys() - own.keys(), reverse=True))
    for event in events_of(group, Now(standings, own), was):
        writer.happened(event["event"], encoded(event))


def _before(
    conn: Reader, before: Mapping[str, feed.Known], standings: Mapping[str, Standing]
) -> Before:
    """What was told last, with the records of what nothing counts as any more."""
    was = {key: Standing.read(one.standing) for key, one in before.items()}
    kept = set(standings.values())
    lost = [key for key, one in was.items() if one not in kept]
    found = feed.bodies(conn, lost)
    return Before(was, {key: json.loads(body) for key, body in found.items()})


def _entry(key: str, record: Record, group: Group, counts_as: Standing | None) -> feed.Entry:
    body = encoded({name: value for name, value in record.items() if name != "exported_at"})
    return feed.Entry(
        key,
        record["record_type"],
        "" if record["record_type"] == "client" else storable(group.key),
        "" if counts_as is None else counts_as.written,
        digest(body),
        body,
    )


# -- reading -----------------------------------------------------------------------------------------------------------------------------


@contextmanager
def changes(store: Store, since: str, *, exported_at: str) -> Iterator[Iterator[Record]]:
    """As :func:`changed`, from one moment of the database."""
    with store.reading() as conn:
        yield changed(conn, since, exported_at=exported_at)


def changed(conn: Reader, since: str, *, exported_at: str) -> Iterator[Record]:
    """The records that changed after a cursor: upserts, then tombstones, then the new cursor.

    Of each key only the last change is told. Raises ``UsageError`` for a wrong cursor.
    """
    position = feed.position(conn)
    return _records(conn, sequence(since, position), position.cursor(), exported_at)


def lines(conn: Reader, since: str, *, exported_at: str) -> Iterator[str]:
    """As :func:`changed`, as NDJSON: a record's text is kept, so only ``exported_at`` is put into it. Three times as fast."""
    position = feed.position(conn)
    after = sequence(since, position)
    mark = f',"exported_at":{encoded(exported_at)}{_OP}'
    for stored in feed.since(conn, after):
        if stored.gone:
            yield encoded(_tombstone(json.loads(stored.body), exported_at))
        else:
            # Quotes inside of a key are escaped, so the first of these is the field.
            yield stored.body.replace(_OP, mark, 1)
    yield encoded(_cursor(position.cursor(), exported_at))


_OP = ',"op":'


def _records(conn: Reader, after: int, new: str, exported_at: str) -> Iterator[Record]:
    for stored in feed.since(conn, after):
        record = json.loads(stored.body)
        yield _tombstone(record, exported_at) if stored.gone else _dated(record, exported_at)
    yield _cursor(new, exported_at)


def _cursor(new: str, exported_at: str) -> Record:
    return {
        "schema_version": SCHEMA_VERSION,
        "record_type": "cursor",
        "key": "cursor",
        "exported_at": exported_at,
        "op": "cursor",
        "cursor": new,
    }


def _dated(record: Mapping[str, Any], exported_at: str) -> Record:
    begin = ("schema_version", "record_type", "key")
    return {name: record[name] for name in begin} | {"exported_at": exported_at} | dict(record)


def _tombstone(record: Mapping[str, Any], exported_at: str) -> Record:
    return _dated({name: record[name] for name in _KEPT if name in record}, exported_at) | {
        "op": "tombstone"
    }


_KEPT = (
    "schema_version",
    "record_type",
    "key",
    "op",
    "account",
    "region",
    "file_system",
    "client",
    "last_seen",
)
"""What a tombstone still tells: whose it was."""
