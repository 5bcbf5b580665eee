"""What stored bytes hold: gzip or not, text, JSON, Parquet or something foreign; told from the bytes, never from the name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from inventory.flowlog.envelope import Unwrapping
from inventory.flowlog.fold import Folder
from inventory.flowlog.inflate import MAGIC, InflateError, inflate
from inventory.model import BatchState, Folded, Tally

PARQUET = b"PAR1"
MAX_OBJECT = 5 * 10**9
"""Bytes of the largest object that is read at all."""

_HEAD = 4096
_FOREIGN = {
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"SQLite format 3": "an SQLite database",
    b"\x7fELF": "a program",
}
_CONTROLS = frozenset(range(32)) - frozenset(b"\t\n\r\x0b\x0c\x1b")


def fold_content(pieces: Iterable[bytes], folder: Folder) -> tuple[BatchState, str]:
    """Give the content of an object to ``folder``; the state of the batch, and for people why it is not ``done``.

    Not for Parquet (:data:`PARQUET`). ``foreign`` means that nothing in it is of a flow log. Never raises for bad content; what ``pieces``
    raises goes through.
    """
    pieces, head = _head(pieces)
    if not head:
        return BatchState.DONE, ""
    problem = ""
    found = _Content(folder)
    try:
        for chunk in inflate(pieces) if head.startswith(MAGIC) else pieces:
            if not found.takes(chunk):
                break
    except InflateError as error:
        problem = str(error)
    return found.finish(problem)


class _Content:
    """Inflated bytes: looks at the first ones, then gives all to who can read them."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._unwrapping: Unwrapping | None = None
        self._head = b""
        self._begun = False
        self._foreign = ""

    def takes(self, chunk: bytes) -> bool:
        """Whether more is wanted."""
        if not self._begun:
            self._head += chunk
            if len(self._head) < _HEAD:
                return True
            chunk = self._begin()
        self._give(chunk)
        return not self._foreign

    def _begin(self) -> bytes:
        self._begun = True
        head, self._head = self._head, b""
        self._foreign = foreign(head)
        if head.lstrip()[:1] in (b"{", b"["):
            self._unwrapping = Unwrapping(self._folder)
        return head.removeprefix(b"\xef\xbb\xbf")  # the mark that some editors put first

    def _give(self, chunk: bytes) -> None:
        if self._foreign or not chunk:
            return
        if self._unwrapping is not None:
            self._unwrapping.feed(chunk)
        else:
            self._folder.feed(chunk)

    def finish(self, problem: str) -> tuple[BatchState, str]:
        if not self._begun:
            content = self._begin()
            self._give(content)
            if not content and not problem:
                return BatchState.DONE, ""
        recognised = self._folder.recognised
        if self._unwrapping is not None:
            self._unwrapping.finish()
            recognised = self._folder.recognised or self._unwrapping.recognised
            problem = problem or self._unwrapping.problem
        elif not problem:
            self._folder.end()
            recognised = self._folder.recognised
        if self._folder.crowded:
            problem = problem or "more SKIPDATA records than can be kept"
        if self._foreign:
            return BatchState.FOREIGN, f"no flow log: {self._foreign}"
        if problem:
            return (BatchState.PARTIAL if recognised else BatchState.FAILED), problem
        if not recognised:
            what = (
                "JSON that holds no log events"
                if self._unwrapping is not None
                else "text in which nothing looks like a flow log record"
            )
            return BatchState.FOREIGN, f"no flow log: {what}"
        return BatchState.DONE, ""


def foreign(head: bytes) -> str:
    """What the first inflated bytes are when they cannot be of a flow log; ``""`` when they can."""
    for magic, name in _FOREIGN.items():
        if head.startswith(magic):
            return name
    if head.startswith(MAGIC):
        return "gzip inside gzip"
    # only the first line: rubbish behind good lines must not cost them
    return "binary" if _CONTROLS.intersection(head[:_HEAD].partition(b"\n")[0]) else ""


def nothing() -> Folded:
    """What a batch adds that was not read."""
    return Folded(
        sightings=[], captures=[], tally=Tally(), first_record=None, last_record=None, format=""
    )


def _head(pieces: Iterable[bytes]) -> tuple[Iterator[bytes], bytes]:
    given = iter(pieces)
    for piece in given:
        if piece:
            return chain([piece], given), piece
    return iter(()), b""
