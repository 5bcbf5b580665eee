"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from inventory.errors import InventoryError


@contextmanager
def replacing(path: Path, *, binary: bool = False) -> Iterator[IO[Any]]:
    """A file to write that takes the place of ``path`` when the block ends well: written beside it, synced, renamed.

    Text is UTF-8, its line ends as they are written. Devices and pipes are written as they are. Raises ``InventoryError`` when the place
    cannot be written; the old file then stays.
    """
    target = path.resolve()
    try:
        if target.exists() and not target.is_file():
            with open(target, **_how(binary=binary)) as stream:  # noqa: PTH123 - as the other
                yield stream
            return
        with _renamed(target, binary=binary) as stream:
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


def _how(*, binary: bool) -> dict[str, Any]:
    if binary:
        return {"mode": "wb"}
    return {"mode": "w", "encoding": "utf-8", "errors": "backslashreplace", "newline": ""}


@contextmanager
def _renamed(target: Path, *, binary: bool) -> Iterator[IO[Any]]:
    beside = target.with_name(f".{target.name}.{secrets.token_hex(6)}.part")
    descriptor = os.open(
        beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666
    )  # the umask decides who may read
    try:
        with os.fdopen(descriptor, **_how(binary=binary)) as stream:
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
