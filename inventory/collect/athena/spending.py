"""What reading a source may have Athena scan in a day, and what it did."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from inventory.collect.needs import Ledger
from inventory.errors import ConfigError, SourceError
from inventory.model import DAY, BatchState

_LOOK_BACK = 400
_MOST_AT_ONCE = 4
"""Queries of ours at a time: the quota of 20 (in most regions) is shared with people."""


def per_reading(ledger: Ledger, source: str, today: int) -> int | None:
    """Bytes that one reading of a window scanned on average, by all that is written down; ``None`` before the first one."""
    done = ledger.done(source)
    readings = sum(_reading(version) for version, state in done.values() if _was_paid(state))
    days = [
        int(datetime.fromisoformat(key.partition("/")[0]).timestamp()) // DAY
        for key in _windows(done)
    ]
    if not readings or not days:
        return None
    begin = max(min(days), today - _LOOK_BACK)
    total = sum(ledger.scanned(source, day) for day in range(begin, today + 1))
    return total // readings if total else None


def _windows(done: Mapping[str, object]) -> list[str]:
    return [key for key in done if key[:1].isdigit() and "Z/" in key]


def _was_paid(state: BatchState) -> bool:
    return state in {BatchState.DONE, BatchState.PARTIAL, BatchState.GONE}


def _reading(version: str) -> int:
    number = version.rpartition(" ")[2]
    return int(number) if number.isdigit() else 1


def refuse_too_much(
    source: str, *, width: int, passes: int, known: int | None, most: int | None
) -> None:
    """Raises ``ConfigError`` when a day's windows, each read ``passes`` times, must exceed the day's cap by what one is known to scan."""
    if known is None or most is None:
        return
    windows = DAY / width
    needed = int(windows * passes * known)
    if needed <= most:
        return
    number = f"{windows:g} window{'' if windows == 1 else 's'}"
    msg = (
        f"source {source}: {number} a day × {passes} passes × {known:,} bytes (what a reading scanned until now) = "
        f"{needed:,} bytes a day, more than max_scanned_bytes_per_day = {most:,}"
    )
    hint = 'raise the cap, read each window once (passes = ["26h"]), or make the logs smaller: Parquet, a flow log of mount targets alone'
    raise ConfigError(msg, hint=hint)


@dataclass
class Purse:
    """The day's cap while a source is read. Shared by threads."""

    ledger: Ledger
    source: str
    most: int | None
    known: int | None
    _spent: dict[int, int] = field(default_factory=dict)
    _before: dict[int, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """With a cap one query runs at a time, so that its bytes are known before the next begins."""
        self._gate = threading.BoundedSemaphore(_MOST_AT_ONCE if self.most is None else 1)

    @contextmanager
    def opened(self, day: int) -> Iterator[None]:
        """While a query runs. Raises ``SourceError`` when the cap of the day leaves no room for another."""
        with self._gate:
            if self.most is not None:
                spent, expected = self._spent_on(day), self.known or 0
                if spent >= self.most or (expected and spent + expected > self.most):
                    msg = (
                        f"not asked: {spent:,} bytes are scanned today, a reading is about {expected:,}, "
                        f"and max_scanned_bytes_per_day is {self.most:,}"
                    )
                    raise SourceError(msg, hint="it goes on at midnight UTC; or raise the cap")
            yield

    def paid(self, day: int, size: int) -> None:
        """A query scanned so much."""
        with self._lock:
            self._spent[day] = self._spent.get(day, 0) + size
            self.known = max(self.known or 0, size)

    def _spent_on(self, day: int) -> int:
        with self._lock:
            if day not in self._before:
                self._before[day] = self.ledger.scanned(self.source, day)
            return self._before[day] + self._spent.get(day, 0)
