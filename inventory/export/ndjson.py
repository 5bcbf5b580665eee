"""Records as NDJSON: one ASCII JSON object a line. A file appears whole or not at all."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from inventory.errors import InventoryError


def write(records: Iterable[Mapping[str, Any]], stream: TextIO) -> int:
    """Write records as they come; how many there were."""
    count = 0
    for count, record in enumerate(records, 1):  # noqa: B007 - the last number is the count
        stream.write(json.dumps(record, ensure_ascii=True, separators=(",", ":")) + "\n")
    return count


@contextmanager
def replacing(path: Path) -> Iterator[TextIO]:
    """A file to write that takes the place of ``path`` when the block ends well: written beside it, synced, renamed.

    Devices and pipes are written as they are. Raises ``InventoryError`` when the place cannot be written; the old file then stays.
    """
    target = path.resolve()
    try:
        if target.exists() and not target.is_file():
            with target.open("w", encoding="ascii") as stream:
                yield stream
            return
        with _renamed(target) as stream:
            yield stream
    except OSError as error:
        hint = (
            ""
            if target.parent.is_dir()
            else f"make the folder {target.parent} first, or name another"
        )
        raise InventoryError(
            f"cannot write {path}: {error.strerror or error}",
            hint=hint or "name another place, or write to standard output",
        ) from error


@contextmanager
def _renamed(target: Path) -> Iterator[TextIO]:
    beside = target.with_name(f".{target.name}.{secrets.token_hex(6)}.part")
    descriptor = os.open(
        beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666
    )  # the umask decides who may read
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
