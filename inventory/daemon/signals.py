"""SIGTERM and SIGINT: the first asks to stop, the second ends at once.

A handler runs in the middle of whatever the main thread does, so it may take no lock: it sets a mark and writes a byte into a pipe. The
event that threads wait for is set by the main thread when it reads that byte.
"""

from __future__ import annotations

import os
import select
import signal
import threading
from types import FrameType
from typing import Self

from inventory.errors import StoppedError

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Signals:
    """Whether somebody asked to stop; a context, made and left in the main thread."""

    def __init__(self) -> None:
        self._asked: int | None = None
        self._event = threading.Event()
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        self._before: dict[int, object] = {}

    def __enter__(self) -> Self:
        for one in _SIGNALS:
            self._before[one] = signal.signal(one, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for one, handler in self._before.items():
            signal.signal(one, handler)  # type: ignore[arg-type]
        os.close(self._read)
        os.close(self._write)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self._asked is not None:
            os._exit(128 + number)
        self._asked = number
        os.write(self._write, b"!")

    @property
    def name(self) -> str:
        """The signal that asked to stop, ``""`` when none did."""
        return signal.Signals(self._asked).name if self._asked is not None else ""

    def is_set(self) -> bool:
        """Whether somebody asked to stop."""
        return self._asked is not None

    def wait(self, seconds: float) -> bool:
        """In the main thread: wait, and no longer than until somebody asks to stop; whether somebody did."""
        readable, _, _ = select.select([self._read], [], [], seconds)
        if readable or self.is_set():
            self._event.set()
        return self.is_set()

    def sleep(self, seconds: float) -> None:
        """In any thread: sleep; raises ``StoppedError`` when somebody asked to stop before or meanwhile."""
        if self._event.wait(seconds):
            message = "the program was asked to stop"
            raise StoppedError(message, hint="nothing is lost: it is done the next time")
