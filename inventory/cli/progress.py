"""Progress of ``collect`` on standard error: a bar on a terminal, lines with ``-v`` elsewhere, nothing with ``-q``."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Protocol, Self

from inventory.telemetry import printable


class Progress(Protocol):
    """What the pipeline tells while it reads. Usable as a context, which ends the display."""

    def start(self, total_batches: int, total_bytes: int) -> None:
        """Say how much there is to read, in batches and bytes as stored; called anew for each source."""

    def advance(self, size: int, batch: str) -> None:
        """One more batch, of ``size`` bytes as stored, was read."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the display, whatever happened."""


class Quiet:
    """Shows nothing."""

    def start(self, total_batches: int, total_bytes: int) -> None:
        """Show nothing."""

    def advance(self, size: int, batch: str) -> None:
        """Show nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class Lines(Quiet):
    """One line for each batch."""

    def __init__(self) -> None:
        self._done = 0
        self._total = 0

    def start(self, total_batches: int, total_bytes: int) -> None:
        """Say how much there is to read."""
        self._done, self._total = 0, total_batches
        sys.stderr.write(f"{total_batches} batches to read, {total_bytes:,} bytes\n")

    def advance(self, size: int, batch: str) -> None:
        """Name the batch."""
        self._done += 1
        sys.stderr.write(f"[{self._done}/{self._total}] {printable(batch)} ({size:,} bytes)\n")


class Bar:
    """A bar by bytes, with batches, speed and the time that is left."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )
        from rich.progress import Progress as RichProgress

        self._bytes = RichProgress(
            "[progress.description]{task.description}",
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            "{task.fields[batches]}",
            console=Console(stderr=True, highlight=False),
        )
        self._task = self._bytes.add_task("reading", total=None, batches="", visible=False)
        self._done = 0
        self._total = 0
        self._shown = False

    def start(self, total_batches: int, total_bytes: int) -> None:
        """Begin a bar for what there is to read; none when there is nothing."""
        self._done, self._total = 0, total_batches
        if not total_batches:
            return
        self._bytes.reset(
            self._task,
            total=max(total_bytes, 1),
            visible=True,
            batches=f"0/{total_batches} batches",
        )
        self._bytes.start()
        self._shown = True

    def advance(self, size: int, batch: str) -> None:  # noqa: ARG002 - the bar has no room for names
        """Move the bar."""
        self._done += 1
        self._bytes.update(self._task, advance=size, batches=f"{self._done}/{self._total} batches")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            self._bytes.stop()


def progress_for(verbosity: int) -> Progress:
    """The display that fits standard error and ``-v``/``-q``."""
    if verbosity < 0:
        return Quiet()
    if sys.stderr.isatty():
        return Bar()
    return Lines() if verbosity > 0 else Quiet()
