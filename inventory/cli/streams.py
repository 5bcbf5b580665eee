"""Standard output and error as the program may find them: full, closed, unread, without Unicode."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import Any, TextIO, cast

from inventory.errors import InventoryError


class ReaderGoneError(Exception):
    """Nobody reads standard output any more. No ``OSError``: click would turn that into a plain failure."""


class OutputError(InventoryError):
    """Standard output cannot be written: a full disk, a closed descriptor."""


class GuardedOutput:
    """Standard output whose failures say that they are its own. Everything else is the stream's."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._failure: ReaderGoneError | OutputError | None = None

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the stream has
        return getattr(self._stream, name)

    def isatty(self) -> bool:
        """Whether it is a terminal; a closed one is none."""
        return self._stream is not None and self._stream.isatty()

    def write(self, text: str) -> int:
        """Write text. Raises :class:`ReaderGoneError` and :class:`OutputError`, once it failed each time."""
        if self._stream is None:
            self._failure = OutputError("cannot write standard output: it is closed")
        with self._told_apart():
            return self._stream.write(text) if self._stream is not None else 0

    def flush(self) -> None:
        """Hand everything on. Raises as :meth:`write` does."""
        with self._told_apart():
            if self._stream is not None:
                self._stream.flush()

    @contextmanager
    def _told_apart(self) -> Iterator[None]:
        """A failure is kept: click tries a stream with an empty text, and takes no notice of what comes of it."""
        if self._failure is not None:
            raise self._failure
        try:
            yield
        except OSError as error:
            _drop_the_rest()
            message = f"cannot write standard output: {error.strerror or error}"
            gone = isinstance(error, BrokenPipeError)
            self._failure = ReaderGoneError() if gone else OutputError(message)
            raise self._failure from error


def _drop_the_rest() -> None:
    """What Python would still flush at exit goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


@contextmanager
def standard_streams() -> Iterator[None]:
    """Standard output guarded, a closed standard error silent, both without failing over characters that they do not know."""
    before = sys.stdout, sys.stderr
    _fill_closed_descriptors()
    for stream in before:
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.stdout = cast("TextIO", GuardedOutput(before[0]))
    try:
        if before[1] is None:
            with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123 - a device, by its name
                sys.stderr = nowhere
                yield
        else:
            yield
    finally:
        sys.stdout, sys.stderr = before


def _fill_closed_descriptors() -> None:
    """A file opened later must not get the number of a closed standard stream: what a library writes there would end in it."""
    while (free := os.open(os.devnull, os.O_RDWR)) <= 2:  # noqa: PLR2004 - standard error, the last of them
        pass
    os.close(free)
