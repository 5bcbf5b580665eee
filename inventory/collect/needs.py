"""What a source may need beside its own section: the time, AWS, knowledge, and what earlier runs left behind.

Made once for a run and handed to the sources that want it. Everything is asked for when it is first used, so a source of files pays for
none of it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from inventory.config import AccountSettings, Settings
from inventory.model import DAY, BatchState
from inventory.resolve.topology import Topology

if TYPE_CHECKING:
    from inventory.aws import Aws, Caller, CallKey, Use


class Ledger(Protocol):
    """What earlier runs left behind."""

    def topology(self) -> Topology:
        """All knowledge, ready to be asked: flow logs, mount targets and their interfaces."""
        ...

    def done(self, source: str) -> Mapping[str, tuple[str, BatchState]]:
        """Version and state of every batch of a source, by key."""
        ...

    def looked(self, source: str) -> Mapping[str, int]:
        """By part of a source, when it was last looked at."""
        ...

    def scanned(self, source: str, day: int) -> int:
        """Bytes that a source had scanned on a day (UTC, days since 1970)."""
        ...


@dataclass
class Needs:
    """See the module. Shared by threads."""

    settings: Settings
    ledger: Ledger
    clock: Callable[[], int]
    """Epoch seconds, now."""
    sleep: Callable[[float], None]
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @cached_property
    def topology(self) -> Topology:
        """All knowledge as of the run's begin."""
        return self.ledger.topology()

    def region(self) -> str:
        """The region that the environment or the AWS configuration names; ``""`` when neither does."""
        with self._lock:
            return self._aws.region()

    def caller(self, account: str, region: str) -> Caller:
        """Calls in a region as an account that discovery gets into, or with ``""`` (or one unknown to it) by the credentials at hand.

        Raises ``AwsError`` when there are none.
        """
        with self._lock:
            aws = self._aws
        return aws.caller(self._way_in(account, region), region, account)

    def _way_in(self, account: str, region: str) -> AccountSettings | None:
        discover = self.settings.discover
        for known in discover.accounts:
            if known.id == account:
                return known
        if not account or discover.organization is None:
            return None
        role = f"arn:{self._aws.partition(region)}:iam::{account}:role/{discover.organization.role_name}"
        return AccountSettings(id=account, regions=(region,), role_arn=role)

    @cached_property
    def _aws(self) -> Aws:
        from inventory.aws import Aws  # noqa: PLC0415 - botocore is most of a second, which files need not wait for

        return Aws(sleep=self.sleep)

    def uses(self) -> Mapping[CallKey, Use]:
        """Requests that were sent since this was last asked."""
        return self._aws.meter.take() if "_aws" in self.__dict__ else {}

    def close(self) -> None:
        """Close the connections to AWS that nobody uses; what is asked later opens its own."""
        if "_aws" in self.__dict__:
            self._aws.close()

    @property
    def day(self) -> int:
        """Today, in days since 1970 (UTC)."""
        return self.clock() // DAY
