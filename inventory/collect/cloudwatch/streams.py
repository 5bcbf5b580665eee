"""Log events by FilterLogEvents: complete, whatever the format, and not billed by the byte.

AWS keeps one log stream for each network interface (``eni-…-all``, ``-accept`` or ``-reject``), so the streams of mount targets hold
everything that a server saw, and little else.
"""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from inventory.aws import Caller, corrupt
from inventory.collect.cloudwatch.log_group import LogGroup
from inventory.model import Span

MARGIN = 600
"""Seconds before and after a window in which events are asked for: an event's time is about the ``start`` of its record."""

STREAMS_A_CALL = 100
PREFIXES = 100
"""Interfaces up to which each is asked for its streams; beyond, the whole log group is listed."""

CALLS_A_SECOND = 5
"""FilterLogEvents allows five in the narrowest regions, and others ask too."""

REMEMBERED = 200_000
"""Event ids of one listing that are kept to tell what came twice."""

PATTERN = '?"2049" ?"NODATA" ?"SKIPDATA"'
"""Events with any of these terms: no more is needed of the streams of clients, and every format has them so."""

_STREAM = re.compile(r"(eni-[0-9a-f]+)(-all|-accept|-reject)?")

Event = Mapping[str, Any]


def interface_of(stream: str) -> str:
    """The interface whose records a log stream holds, ``""`` when its name tells none."""
    found = _STREAM.match(stream)
    return found[1] if found else ""


class Pace:
    """Lets through so many calls a second, whoever makes them. Shared by threads."""

    def __init__(self, sleep: Callable[[float], None], per_second: float = CALLS_A_SECOND) -> None:
        self._sleep = sleep
        self._apart = 1 / per_second
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self) -> None:
        """Until it is one's turn."""
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + self._apart
        if turn > now:
            self._sleep(turn - now)


class Streams:
    """The log streams of one place's groups. Shared by threads."""

    def __init__(self, caller: Caller, pace: Pace) -> None:
        self._caller = caller
        self._pace = pace
        self._lock = threading.Lock()
        self._names: dict[tuple[str, str], tuple[str, ...]] = {}

    def forget(self, group: str) -> None:
        """Ask again which streams there are: one was deleted."""
        with self._lock:
            self._names = {key: names for key, names in self._names.items() if key[0] != group}

    def names(self, group: LogGroup, interfaces: Sequence[str]) -> list[str]:
        """The streams of some interfaces that there are; each is asked for once. Raises ``AwsError``."""
        with self._lock:
            missing = [one for one in interfaces if (group.name, one) not in self._names]
            if len(missing) > PREFIXES:
                self._list_all(group.name, missing)
            else:
                for interface in missing:
                    self._names[group.name, interface] = self._listed(group.name, f"{interface}-")
            return [name for one in interfaces for name in self._names[group.name, one]]

    def _list_all(self, group: str, wanted: Sequence[str]) -> None:
        found: dict[str, list[str]] = {one: [] for one in wanted}
        for name in self._listed(group, "eni-"):
            if interface_of(name) in found:
                found[interface_of(name)].append(name)
        self._names.update({(group, one): tuple(names) for one, names in found.items()})

    def _listed(self, group: str, prefix: str) -> tuple[str, ...]:
        self._pace.wait()
        rows = self._caller.listed(
            "logs",
            "describe_log_streams",
            "logStreams",
            logGroupName=group,
            logStreamNamePrefix=prefix,
        )
        names = [row.get("logStreamName") for row in rows]
        if not all(isinstance(name, str) for name in names):
            raise corrupt("logs.describe-log-streams", "a log stream without a name")
        return tuple(sorted(str(name) for name in names))

    def events(self, group: LogGroup, window: Span, names: Sequence[str]) -> Iterator[Event]:
        """The events around a window of some streams, each once, in no particular order. Raises ``AwsError`` on the way."""
        for at in range(0, len(names), STREAMS_A_CALL):
            yield from self._pages(
                group, window, logStreamNames=list(names[at : at + STREAMS_A_CALL])
            )

    def matching(self, group: LogGroup, window: Span) -> Iterator[Event]:
        """The same for all streams of the group, of events that match :data:`PATTERN`."""
        yield from self._pages(group, window, filterPattern=PATTERN)

    def _pages(self, group: LogGroup, window: Span, **which: object) -> Iterator[Event]:
        once = _Once()
        pages = self._caller.pages(
            "logs",
            "filter_log_events",
            need=("events",),
            logGroupName=group.name,
            startTime=max(0, window[0] - MARGIN) * 1000,
            endTime=(window[1] + MARGIN) * 1000 - 1,  # both ends are included
            **which,
        )
        self._pace.wait()
        for page in pages:
            for event in page["events"]:
                message, ident = event.get("message"), event.get("eventId")
                if not isinstance(message, str) or not isinstance(ident, str):
                    raise corrupt("logs.filter-log-events", "an event without message or eventId")
                if once.new(ident):
                    yield event
            self._pace.wait()


class _Once:
    """Tells events that came before; of the newest :data:`REMEMBERED`, for memory is bounded."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._order: deque[str] = deque()

    def new(self, ident: str) -> bool:
        if ident in self._known:
            return False
        self._known.add(ident)
        self._order.append(ident)
        if len(self._order) > REMEMBERED:
            self._known.discard(self._order.popleft())
        return True
