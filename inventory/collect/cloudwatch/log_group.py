"""A log group as it is now: since when there is one, how long it keeps what it has."""

from __future__ import annotations

import threading
from typing import NamedTuple

from inventory.aws import Caller, corrupt
from inventory.errors import AwsError, AwsFault, SourceError
from inventory.model import DAY, Span, iso


class LogGroup(NamedTuple):
    """By DescribeLogGroups."""

    name: str
    created: int
    """Epoch seconds. What was logged before (under the same name) is not there any more."""
    keeps: int | None
    """Seconds; ``None``: for ever."""

    def forgotten(self, window: Span, now: int) -> str:
        """Why nothing of a window can be there any more, for people; ``""`` when something can."""
        if window[1] <= self.created:
            return f"the log group was made at {iso(self.created)}: nothing before that can be read"
        if self.keeps is not None and window[1] <= now - self.keeps:
            return f"older than the {self.keeps // DAY} days that the log group keeps: nothing of it can be read any more"
        return ""

    def shortened(self, window: Span, now: int) -> str:
        """Why a part of a window may be gone, for people; ``""`` when it is all there."""
        if self.keeps is not None and window[0] < now - self.keeps:
            return f"its begin is older than the {self.keeps // DAY} days that the log group keeps"
        return ""


class LogGroups:
    """Log groups, each asked for once. Shared by threads."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._lock = threading.Lock()
        self._known: dict[str, LogGroup] = {}

    def named(self, name: str) -> LogGroup:
        """Raises ``SourceError`` when there is none, ``AwsError`` when nobody can tell."""
        with self._lock:
            if name not in self._known:
                self._known[name] = self._asked(name)
            return self._known[name]

    def _asked(self, name: str) -> LogGroup:
        if self._caller.account and not self._known:
            self._caller.identity()  # else a log group of the same name in another account would be read
        rows = self._caller.listed(
            "logs", "describe_log_groups", "logGroups", logGroupNamePrefix=name
        )
        for row in rows:
            if row.get("logGroupName") == name:
                if not isinstance(row.get("creationTime"), int):
                    raise corrupt("logs.describe-log-groups", "a log group without creationTime")
                days = row.get("retentionInDays")
                return LogGroup(name, row["creationTime"] // 1000, days * DAY if days else None)
        where = f" in account {self._caller.account}" if self._caller.account else ""
        msg = f"there is no log group {name}{where} in {self._caller.region}"
        raise SourceError(
            msg,
            hint="it was deleted, or log_groups, region or account of the source name another place",
        )


def told(error: AwsError, group: str) -> str:
    """What AWS did not answer, for people; what to allow where it was a matter of that."""
    if error.fault is AwsFault.DENIED:
        call = str(error).partition(":")[0]
        action = "logs:" + "".join(word.title() for word in call.partition(".")[2].split("-"))
        return f"log group {group}: {error} (allow {action}; see docs/explain/log-groups.md)"
    if error.code == "ResourceNotFoundException":
        return (
            f"log group {group}: {error} (it, or a log stream of it, was deleted while it was read)"
        )
    if error.code == "MalformedQueryException":
        return f'log group {group}: {error} (a fault of this program: use method = "streams", and report it with the format)'
    return f"log group {group}: {error.told}"
