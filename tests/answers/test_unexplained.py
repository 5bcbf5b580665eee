"""Which clients nobody could name, and since when: what brings a sweep forward."""

from __future__ import annotations

from collections.abc import Callable

from inventory.model import Vpc
from tests.answers.conftest import END, HOUR, USUAL, Inventory, batch, own_row
from tests.builders import ACCOUNT, REGION, T, eni, sighting
from tests.builders import VPC as VPC_ID

Make = Callable[..., Inventory]
STRANGER = "10.0.3.99"
THINGS = (*USUAL, Vpc(VPC_ID, ACCOUNT, ("10.0.0.0/16",)))


def test_nobody_unknown_asks_for_nothing(make: Make) -> None:
    inventory = make(*THINGS)
    assert inventory.store.unexplained() == {}
    inventory.record(batch([own_row(T + 100, T + 400)], [(T, END)]))
    assert inventory.store.unexplained() == {}


def test_the_newest_stranger_counts_from_when_it_turned_up(make: Make) -> None:
    inventory = make(*THINGS)
    rows = [own_row(T + at, T + at + 60, client=STRANGER) for at in (300, 600, 2 * HOUR)]
    inventory.record(batch(rows, [(T, END)]))
    assert inventory.store.unexplained() == {(ACCOUNT, REGION): T + 300}
    later = own_row(T + 3 * HOUR, T + 3 * HOUR + 60, client="10.0.3.98")
    inventory.record(batch([later], key="b.log"))
    assert inventory.store.unexplained() == {(ACCOUNT, REGION): T + 3 * HOUR}


def test_a_stranger_of_long_ago_is_not_asked_for_any_more(make: Make) -> None:
    inventory = make(*THINGS)
    inventory.record(batch([own_row(T, T + 60, client=STRANGER)], [(T, END)]))
    inventory.record(batch([own_row(T + 30 * HOUR, T + 30 * HOUR + 60)], key="b.log"))
    assert inventory.store.unexplained() == {}


def test_a_stranger_that_a_sweep_explains_is_none(make: Make) -> None:
    inventory = make(
        *THINGS,
        eni(
            "eni-0000000000000aaaa",
            STRANGER,
            description="arn:aws:ecs:eu-central-1:111122223333:attachment/c8773f8d-1317-457a-ba3c-b57775ac6a04",
            requester_managed=True,
            instance_owner_id="501673713797",
        ),
    )
    inventory.record(
        batch([sighting(client=STRANGER, interface_id="eni-000000000000server")], [(T, END)])
    )
    assert inventory.store.unexplained() == {}
