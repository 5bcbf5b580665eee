"""Records that do not name their flow log are believed while a flow log that shows everybody was there to write them."""

from __future__ import annotations

from typing import Any

from inventory.model import FlowLog
from inventory.store import Store
from tests.answers.conftest import HOUR, USUAL, Inventory, batch, sweep
from tests.builders import FS, VPC, T

ALL, REJECT = FlowLog("fl-0all", VPC, "ALL"), FlowLog("fl-0reject", VPC, "REJECT")
FAILED = FlowLog("fl-0all", VPC, "ALL", deliver_logs_status="FAILED")


def gaps(database_url: str, *shown: tuple[FlowLog, ...]) -> dict[int, list[str]]:
    """By hour that was asked about, why nobody looked: hourly sweeps show flow logs, and the mount target's records go on all the time."""
    with Store.open(database_url, write=True) as store:
        store.upgrade()
        inventory = Inventory(store)
        inventory.learn(*(sweep(T + n * HOUR, *USUAL, *one) for n, one in enumerate(shown)))
        inventory.record(batch([], [(T, T + len(shown) * HOUR)]))
        return {n: _reasons(inventory, T + n * HOUR) for n in range(len(shown) - 1)}


def _reasons(inventory: Inventory, since: int) -> list[str]:
    answer: dict[str, Any] = inventory.answers.who(FS, since=since, until=since + HOUR)
    return [gap["reason"] for gap in answer["coverage"]["gaps"]]


def test_one_that_shows_everybody_is_enough(database_url: str) -> None:
    assert gaps(database_url, *[(ALL, REJECT)] * 3) == {0: [], 1: []}


def test_where_only_rejections_are_recorded_any_more_nobody_looks(database_url: str) -> None:
    found = gaps(database_url, *[(ALL, REJECT)] * 2, *[(REJECT,)] * 3)
    assert found == {0: [], 1: [], 2: ["reject_only"], 3: ["reject_only"]}


def test_while_the_only_one_fails_nobody_looks(database_url: str) -> None:
    found = gaps(database_url, *[(ALL,)] * 2, *[(FAILED,)] * 3, *[(ALL,)] * 2)
    assert found == {0: [], 1: [], 2: ["delivery_failed"], 3: ["delivery_failed"], 4: [], 5: []}
