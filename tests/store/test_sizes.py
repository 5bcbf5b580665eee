"""Sizes of file systems: the newest stands, in whatever order sweeps come, and no knowledge changes by them."""

from __future__ import annotations

import itertools
from dataclasses import replace

from inventory.model import FileSystemSize, Sweep
from inventory.resolve.networks import Networks
from inventory.store import Store, sizes
from tests.answers.conftest import USUAL, sweep
from tests.builders import ACCOUNT, FS, REGION, T

KEY = (ACCOUNT, REGION, FS)


def told(moment: int, *found: FileSystemSize) -> Sweep:
    return replace(sweep(moment, *USUAL), sizes=found)


def newest(store: Store) -> dict[tuple[str, str, str], FileSystemSize]:
    with store.reading() as conn:
        return sizes.newest(conn)


def test_the_newest_stands_whatever_the_order(database_url: str) -> None:
    small, large = FileSystemSize(FS, 10, 20, 30), FileSystemSize(FS, 1 << 50, one_zone=True)
    other = FileSystemSize("fs-other", 5)
    sweeps = [told(T, large), told(T + 60, small, other), told(T + 120)]
    with Store.open(database_url, write=True) as store:
        store.upgrade()
        assert newest(store) == {}
        for number, order in enumerate(itertools.permutations(sweeps)):
            later = [replace(one, name=f"{one.name}-{number}") for one in order]
            for one in later:
                store.learn([one], Networks())
            expected = {KEY: small, (ACCOUNT, REGION, "fs-other"): other}
            if number == 0:
                assert newest(store) == expected
            store.learn(later, Networks())
            assert newest(store) == expected


def test_a_late_sweep_of_an_older_size_changes_nothing(database_url: str) -> None:
    with Store.open(database_url, write=True) as store:
        store.upgrade()
        store.learn([told(T + 60, FileSystemSize(FS, 2))], Networks())
        store.learn([told(T, FileSystemSize(FS, 900))], Networks())
        assert newest(store)[KEY].total == 2
        store.learn([told(T + 120, FileSystemSize(FS, 0))], Networks())
        assert newest(store)[KEY].total == 0


def test_two_sizes_of_one_moment_give_the_same_in_both_orders(database_url: str) -> None:
    one = told(T, FileSystemSize(FS, 7))
    other = replace(told(T, FileSystemSize(FS, 9)), name="another")
    with Store.open(database_url, write=True) as store:
        store.upgrade()
        for order in ([one, other], [other, one]):
            store.learn(order, Networks())
            assert newest(store)[KEY].total == 9


def test_a_size_that_changes_every_hour_makes_no_version(database_url: str) -> None:
    with Store.open(database_url, write=True) as store:
        store.upgrade()
        for hour in range(5):
            store.learn([told(T + 3600 * hour, FileSystemSize(FS, 1000 * hour))], Networks())
        assert len(store.topology().versions("file_system")) == 1
        assert newest(store)[KEY].total == 4000
