"""Counting requests, and the day's budget of them."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from inventory.errors import AwsError, AwsFault
from inventory.model import FREE


@dataclass(slots=True)
class Use:
    """Requests of one call in one account and region: every attempt counts, as AWS counts them."""

    calls: int = 0
    throttled: int = 0


CallKey = tuple[str, str, str]
"""Account, region and call, ``ec2.describe-network-interfaces`` and the like."""


class Meter:
    """Counts requests, and refuses them when the day's budget is used up. Shared by threads."""

    def __init__(self, limit: int | None = None, used: int = 0) -> None:
        """``used`` of ``limit`` requests were made before on this day (UTC)."""
        self.limit = limit
        self._used = used
        self._lock = threading.Lock()
        self._uses: dict[CallKey, Use] = {}

    def count(self, key: CallKey, *, throttled: bool = False) -> None:
        """One request was sent, or one came back throttled."""
        with self._lock:
            use = self._uses.setdefault(key, Use())
            if throttled:
                use.throttled += 1
            else:
                use.calls += 1
                self._used += not key[2].startswith(FREE)

    def check(self, key: CallKey) -> None:
        """Raises ``AwsError`` when the budget is used up."""
        spent = self.limit is not None and self._used >= self.limit
        if spent and not key[2].startswith(FREE):
            raise AwsError(
                AwsFault.BUDGET,
                f"{key[2]} was not called: the {self.limit:,} calls of max_calls_per_day are used up",
                hint="it goes on at midnight UTC; or raise [discover] max_calls_per_day",
            )

    def take(self) -> dict[CallKey, Use]:
        """What was counted since it was last taken."""
        with self._lock:
            taken, self._uses = self._uses, {}
        return taken
