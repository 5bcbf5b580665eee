"""A healthy company: twenty accounts, tiny SKIPDATA holes, one account that nobody can get into. How much of what is quiet is QUIET?"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from inventory.answers import Asked
from inventory.config import Settings
from inventory.model import CLIENT_CONNECTIONS, DAY, HOUR, Batch, CallState, FileSystem, Span, Sweep
from inventory.store import Store
from tests.answers.conftest import Filled, Inventory, batch, own_row, upgraded
from tests.answers.test_deleting import swept
from tests.answers.test_witnesses import row, sums, told
from tests.builders import T, eni, file_system, mount_target
from tests.conftest import Programme

DAYS = 110
END = T + DAYS * DAY
ACCOUNTS = 20
HOLES = 0.5
"""Holes in the 110 days of one mount target, on average; each is one record of SKIPDATA, 20 to 60 seconds."""
ACCEPTED = 1800
USED = (END - 20 * DAY, END - 20 * DAY + 3000)
"""When somebody was at each file system that is not quiet."""


@dataclass
class Company:
    """Every account has its own VPC, a mount target for each file system, and a flow log of all of it."""

    each: int
    """File systems of one account: of five, three are quiet; of two, one."""
    holes: dict[str, list[Span]] = field(default_factory=dict)
    """By file system."""

    def __post_init__(self) -> None:
        rng = random.Random(2049)
        self.accounts = [f"{number:012}" for number in range(1, ACCOUNTS + 1)]
        self.failing = self.accounts[7]
        for account in self.accounts:
            for number in range(self.each):
                holes = []
                while rng.random() < HOLES / (1 + HOLES):  # as many on average
                    start = rng.randrange(T + DAY, END - DAY)
                    holes.append((start, start + rng.randint(20, 60)))
                self.holes[_name(account, number)] = holes

    @property
    def quiet(self) -> dict[str, str]:
        """The account of each file system that nobody used."""
        return {
            _name(account, number): account
            for account in self.accounts
            for number in range(self.each)
            if _is_quiet(number)
        }

    def sweeps(self, moment: int) -> Iterator[Sweep]:
        for account in self.accounts:
            things: list[Any] = []
            for number in range(self.each):
                made = _names(account, number)
                things += [
                    _system(account, number),
                    mount_target(
                        made["target"],
                        made["address"],
                        file_system_id=made["fs"],
                        network_interface_id=made["eni"],
                        vpc_id=f"vpc-{account}",
                        owner_id=account,
                    ),
                    eni(made["eni"], made["address"], vpc_id=f"vpc-{account}", owner_id=account),
                ]
            made_sweep = replace(swept(moment, *things), account=account)
            if account == self.failing and moment > T:
                broken = dict.fromkeys(made_sweep.calls, CallState.BROKEN)
                problems = dict.fromkeys(broken, "AccessDenied")
                made_sweep = replace(
                    made_sweep, calls=broken, problems=problems, whole=frozenset(), items={}
                )
            yield made_sweep

    def metrics(self) -> Iterator[Sweep]:
        """Connections by the hour, as of all accounts but the failing one."""
        for account in self.accounts:
            if account == self.failing:
                continue
            rows = [
                row(
                    CLIENT_CONNECTIONS,
                    self._connections(number),
                    fs=_name(account, number),
                    period=HOUR,
                )
                for number in range(self.each)
            ]
            yield told(*rows, at=END + HOUR, account=account)

    def _connections(self, number: int) -> dict[int, float]:
        points = sums(T - T % HOUR, END, period=HOUR)
        if _is_quiet(number):
            return points
        first, last = USED
        return points | sums(first - first % HOUR, last, 60, HOUR)

    def batches(self) -> Iterator[Batch]:
        for account in self.accounts:
            for number in range(self.each):
                made = _names(account, number)
                used = [] if _is_quiet(number) else [self._use(account, number)]
                holes = [(start, end - 1) for start, end in self.holes[made["fs"]]]
                yield batch(
                    used, [(T, END - 1)], skipped=holes, key=made["fs"], interface=made["eni"]
                )

    def _use(self, account: str, number: int) -> Any:  # noqa: ANN401 - a sighting
        made = _names(account, number)
        return own_row(
            *USED,
            interface_id=made["eni"],
            vpc_id=f"vpc-{account}",
            server=made["address"],
            client="10.0.200.9",
        )


def _is_quiet(number: int) -> bool:
    return number % 5 in (0, 2, 3)


def _name(account: str, number: int) -> str:
    return f"fs-{account}{number:05}"


def _names(account: str, number: int) -> dict[str, str]:
    mark = f"{account}{number:05}"
    return {
        "fs": f"fs-{mark}",
        "target": f"fsmt-{mark}",
        "eni": f"eni-{mark}",
        "address": f"10.0.1.{number + 10}",
    }


def _system(account: str, number: int) -> FileSystem:
    return file_system(
        _name(account, number),
        owner_id=account,
        creation_time=T - 100 * DAY,
        number_of_mount_targets=1,
    )


@pytest.fixture
def inventory(database_url: str, filled: Filled) -> Iterator[Inventory]:
    filled("upgraded", upgraded)
    with Store.open(database_url, write=True) as store:
        yield Inventory(store, Settings())


def verdicts(inventory: Inventory, accept_blind: int) -> dict[str, dict[str, Any]]:
    asked = Asked(until=END, accept_blind=accept_blind)
    return {one["id"]: one for one in inventory.answers.check_all(asked)["file_systems"]}


@pytest.mark.timeout(600)
def test_what_is_quiet_is_quiet_but_for_holes_and_the_failing_account(
    inventory: Inventory, programme: Programme, count: Callable[[str, int], None]
) -> None:
    each = programme.size("file systems of each of twenty accounts", 10, 2)
    company = Company(each)
    for moment in (T - DAY, T, END - 60):
        inventory.learn(*company.sweeps(moment))
    inventory.record(*company.batches())
    quiet = company.quiet
    lost = {name for name, account in quiet.items() if account == company.failing}
    holey = {name for name in quiet if company.holes[name]}

    accepting = verdicts(inventory, ACCEPTED)
    assert {n for n in quiet if accepting[n]["verdict"] != "QUIET"} == lost
    share = 1 - len(lost) / len(quiet)
    assert share >= 0.95

    strict = verdicts(inventory, 0)
    assert {n for n in quiet if strict[n]["verdict"] != "QUIET"} == lost | holey
    reasons = Counter(code for n in holey - lost for code in strict[n]["reasons"])
    assert set(reasons) == {"BLIND"}

    inventory.learn(*company.metrics())
    bridging = verdicts(inventory, 0)
    assert {n for n in quiet if bridging[n]["verdict"] != "QUIET"} == lost

    for found in (accepting, strict, bridging):
        assert {one["verdict"] for n, one in found.items() if n not in quiet} == {"IN_USE"}
    count("quiet file systems of a company", len(quiet))
    count("of these with a hole", len(holey))
    count("of these QUIET with --accept-blind 30m", len(quiet) - len(lost))
    count("of these QUIET without", len(quiet) - len(lost | holey))
    count("of these QUIET where connections bridge holes", len(quiet) - len(lost))
