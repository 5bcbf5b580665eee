"""Writing a sweep as the files that snapshots mode reads back: of every answer only the fields that the reducers look at.

What is kept need not be listed anywhere: an answer is read through :class:`Kept`, which remembers what was asked for by name. So the
allow-list of recorded files is the reducers' own, and cannot fall behind.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from inventory.discover.calls import CALLS, read_answer
from inventory.errors import SnapshotError


class Kept(Mapping[str, Any]):
    """An object of an answer that remembers which of its fields were read."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self._raw = raw
        self._read: dict[str, Any] = {}

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401 - whatever the answer holds
        if key not in self._read:
            self._read[key] = _watched(self._raw[key])
        return self._read[key]

    def __contains__(self, key: object) -> bool:
        return key in self._raw

    def __iter__(self) -> Iterator[str]:
        return iter(self._raw)

    def __len__(self) -> int:
        return len(self._raw)

    def kept(self) -> dict[str, Any]:
        """The fields that were read, in their order, and of those inside them likewise."""
        return {key: _plain(self._read[key]) for key in self._raw if key in self._read}


def _watched(value: Any) -> Any:  # noqa: ANN401 - whatever the answer holds
    if isinstance(value, Mapping):
        return Kept(value)
    if isinstance(value, list | tuple):
        return [_watched(one) for one in value]
    return value


def _plain(value: Any) -> Any:  # noqa: ANN401 - as above
    if isinstance(value, Kept):
        return value.kept()
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value


def allowed(call: str, rows: Sequence[Any]) -> dict[str, Any]:
    """An answer with nothing in it but what is read of it."""
    answer = Kept({CALLS[call].key: list(rows)})
    read_answer(call, answer)
    return answer.kept() or {CALLS[call].key: []}


def write(place: Path, answers: Mapping[str, Sequence[Any]]) -> None:
    """Write the rows of whole answers as the folder ``place``, which appears whole or not at all; nothing when there are none.

    Raises ``SnapshotError`` when it cannot be written, or is there already.
    """
    if not answers:
        return
    unfinished = place.with_name(f"{place.name}.tmp")
    try:
        unfinished.mkdir(parents=True)
        for call, rows in answers.items():
            text = json.dumps(allowed(call, rows), indent=1, ensure_ascii=False) + "\n"
            (unfinished / f"{call}.json").write_text(text, encoding="utf-8")
        unfinished.rename(place)  # refused where there is another sweep of the same moment
    except OSError as error:
        _discard(unfinished)
        raise SnapshotError(
            f"cannot write {error.filename or unfinished}: {error.strerror or error}",
            hint="name a folder that this user may write",
        ) from error
    except BaseException:
        _discard(unfinished)
        raise


def _discard(unfinished: Path) -> None:
    """Away with it, and with the folders above that hold nothing else."""
    shutil.rmtree(unfinished, ignore_errors=True)
    for folder in (unfinished.parent, unfinished.parent.parent):
        with suppress(OSError):
            folder.rmdir()
