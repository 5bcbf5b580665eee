"""What the fake holds: accounts, their keys and roles, what is in each region, a clock, and a log.

::

    cloud = Cloud(now=lambda: moment)
    cloud.place("111122223333", "eu-central-1").put("ec2.describe-vpcs", [{"VpcId": "vpc-1"}])

Rows are raw dicts in the shape that the AWS CLI prints, under the CLI's name of the call that lists
them. Nothing is shared between clouds.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.fakeaws.faults import Faults
from tests.fakeaws.models import partition
from tests.fakeaws.organization import Organization
from tests.fakeaws.reading import Scope

Rows = Sequence[Any]
Source = Callable[[float], Mapping[str, Rows]]
"""What there is at a moment, by call."""


@dataclass(frozen=True)
class Key:
    """An access key. ``expires`` is on the cloud's clock."""

    id: str
    secret: str
    account: str
    arn: str
    token: str = ""
    expires: float | None = None


@dataclass(frozen=True)
class Role:
    """A role that may be assumed; with an ``external_id`` only by who knows it."""

    arn: str
    external_id: str = ""
    callers: frozenset[str] = frozenset()
    """Accounts that may; none named means all."""

    @property
    def account(self) -> str:
        return self.arn.split(":")[4]


@dataclass(frozen=True)
class Asked:
    """One request that came, whatever it was answered."""

    account: str
    region: str
    call: str
    parameters: Mapping[str, Any]
    moment: float
    fault: str = ""


class Place:
    """One account's region."""

    def __init__(self) -> None:
        self._put: dict[str, Rows] = {}
        self._source: Source | None = None

    def put(self, call: str, rows: Rows) -> None:
        """Holds these rows from now on, whatever the source says of this call."""
        self._put[call] = rows

    def holds(self, source: Source) -> None:
        """Asks a source what there is, at every call."""
        self._source = source

    def answers(self, moment: float) -> Mapping[str, Rows]:
        """Everything there is at a moment, by call."""
        found = self._source(moment) if self._source else {}
        return {**found, **self._put}


@dataclass
class Cloud:
    """Everything. Methods may be called by several threads, and while it is being asked."""

    now: Callable[[], float] = time.time
    page_size: int | None = None
    """The most entries of any page: AWS may always give fewer than it was asked for."""
    faults: Faults = field(default_factory=Faults)
    organization: Organization | None = None
    log: list[Asked] = field(default_factory=list)
    mishaps: list[Exception] = field(default_factory=list)
    """Errors of the fake itself, answered as 500. A test that leaves one fails."""

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._places: dict[tuple[str, str], Place] = {}
        self._keys: dict[str, Key] = {}
        self._roles: dict[str, Role] = {}
        self._regions: dict[str, dict[str, str]] = {}
        self._limits: dict[str, tuple[int, Callable[[], float] | None]] = {}
        self._rates: Counter[tuple[str, str, str, int]] = Counter()
        self._numbers = itertools.count(1)

    # -- what there is ---------------------------------------------------------------------------

    def place(self, account: str, region: str) -> Place:
        """What an account has in a region; made at first use."""
        with self._lock:
            return self._places.setdefault((account, region), Place())

    def key(self, account: str, arn: str = "") -> Key:
        """A new access key of an account, of its user ``test`` unless an ARN is given."""
        number = next(self._numbers)
        arn = arn or f"arn:aws:iam::{account}:user/test"
        return self._kept(Key(f"AKIA{number:016d}", f"secret-{number}", account, arn))

    def session_key(self, role: Role, session: str, region: str, lifetime: float) -> Key:
        """A new key of an assumed role."""
        number = next(self._numbers)
        name = role.arn.rpartition("/")[2]
        arn = f"arn:{partition(region)}:sts::{role.account}:assumed-role/{name}/{session}"
        key = Key(
            f"ASIA{number:016d}",
            f"secret-{number}",
            role.account,
            arn,
            token=f"token-{number}",
            expires=self.now() + lifetime,
        )
        return self._kept(key)

    def _kept(self, key: Key) -> Key:
        with self._lock:
            self._keys[key.id] = key
        return key

    def role(self, arn: str, external_id: str = "", *callers: str) -> Role:
        """A role that may be assumed, by the accounts named or by all."""
        role = Role(arn, external_id, frozenset(callers))
        with self._lock:
            self._roles[arn] = role
        return role

    def role_of(self, arn: str) -> Role | None:
        return self._roles.get(arn)

    def region(self, account: str, region: str, status: str = "ENABLED") -> None:
        """Whether an account has a region enabled; in a ``DISABLED`` one nothing works for it."""
        with self._lock:
            self._regions.setdefault(account, {})[region] = status

    def regions(self, account: str) -> Mapping[str, str]:
        """The status of each region of an account: those told of, and those where it has something."""
        with self._lock:
            placed = {
                region: "ENABLED_BY_DEFAULT" for acct, region in self._places if acct == account
            }
            return placed | self._regions.get(account, {})

    # -- who asks, and how often -----------------------------------------------------------------

    def known(self, scope: Scope) -> Key | None:
        """The key that a request is signed with; ``None`` for one never given out, or a token that is not its own."""
        key = self._keys.get(scope.key)
        return key if key is not None and key.token == scope.token else None

    def limit(self, call: str, per_second: int, clock: Callable[[], float] | None = None) -> None:
        """Throttles a call's requests beyond so many in one second, per account and region.

        Seconds are the cloud's unless another clock is given: with a clock that stands still, they
        are so many in all.
        """
        self._limits[call] = (per_second, clock)

    def too_many(self, account: str, region: str, call: str) -> bool:
        """Counts a request against its limit."""
        if call not in self._limits:
            return False
        most, clock = self._limits[call]
        with self._lock:
            second = (account, region, call, int((clock or self.now)()))
            self._rates[second] += 1
            return self._rates[second] > most

    def note(self, asked: Asked) -> None:
        with self._lock:
            self.log.append(asked)

    def counts(self) -> Counter[str]:
        """Requests by call, every attempt."""
        with self._lock:
            return Counter(asked.call for asked in self.log)

    def forget(self) -> None:
        """Empties the log."""
        with self._lock:
            self.log.clear()
