"""Read twice, in any order, late, or killed anywhere: the same export to the byte."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Programme
from tests.e2e.conftest import Worlds
from tests.e2e.driver import Inventory, configure, difference
from tests.world.delivery import (
    Portion,
    deliver,
    logs_then_sweeps,
    newest_first,
    portions,
    prepare,
)
from tests.world.world import Paths

ORDERS: dict[str, Callable[[Paths], list[Portion]]] = {
    "logs before sweeps": logs_then_sweeps,
    "newest first": lambda paths: newest_first(paths, 4),
    "in five random portions": lambda paths: portions(paths, 5, random.Random(1)),
    "sweeps before logs": lambda paths: [*reversed(logs_then_sweeps(paths))],
}


@pytest.fixture(scope="session")
def reference(worlds: Worlds, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What one undisturbed collect of everything exports."""
    paths, _ = worlds.written()
    folder = tmp_path_factory.mktemp("reference")
    inventory = configure(folder, f"sqlite:///{folder / 'x.db'}", paths.snapshots, paths.logs)
    inventory.collect()
    return inventory.export()


def arriving(folder: Path, url: str) -> tuple[Paths, Inventory]:
    place = prepare(folder / "arrived")
    return place, configure(folder / "inventory", url, place.snapshots, place.logs)


def assert_same(expected: bytes, inventory: Inventory) -> None:
    assert expected.count(b"\n") > 40, "the reference holds the account"
    problem = difference(expected, inventory.export())
    assert not problem, problem


@pytest.mark.parametrize("order", ORDERS)
def test_any_order_of_arrival(
    worlds: Worlds, reference: bytes, tmp_path: Path, database_url: str, order: str
) -> None:
    source, _ = worlds.written()
    place, inventory = arriving(tmp_path, database_url)
    for portion in ORDERS[order](source):
        deliver(portion, source, place)
        inventory.collect()
    assert_same(reference, inventory)


def test_read_twice(worlds: Worlds, reference: bytes, tmp_path: Path, database_url: str) -> None:
    """Again, and again after every file was touched: a new version with the same content."""
    source, _ = worlds.written()
    place, inventory = arriving(tmp_path, database_url)
    deliver(Portion(source.sweeps, source.objects), source, place)
    inventory.collect()
    inventory.collect()
    assert_same(reference, inventory)
    for path in place.logs.rglob("*.gz"):
        path.touch()
    inventory.collect()
    assert_same(reference, inventory)


def test_the_same_content_under_another_path_counts_once(
    worlds: Worlds, tmp_path: Path, sqlite_database_url: str
) -> None:
    source, truth = worlds.written()
    place, inventory = arriving(tmp_path, sqlite_database_url)
    deliver(Portion(source.sweeps, source.objects), source, place)
    shutil.copytree(place.logs / "AWSLogs", place.logs / "copied" / "AWSLogs")
    inventory.collect()
    window = ("--since", "2026-11-01", "--until", "2026-11-03")
    for fs in truth.file_systems:
        got = {m["client"]["id"]: m for m in inventory.ask("who", fs.id, *window)["mounts"]
               if m["client"]}  # fmt: skip
        for client in truth.of(fs.name):
            if client.flows is not None and len(client.ids) == 1 and not client.aliases:
                assert got[client.ids[0]]["flows"] == client.flows, client.label


# -- killed --------------------------------------------------------------------------------------


FAILPOINTS = {"statement": range(1, 200), "commit": range(1, 12)}
"""Where the store kills its process when asked to, and how often a collect of the part passes there
at least."""


@pytest.fixture(scope="session")
def part(worlds: Worlds) -> Portion:
    """A morning of the world: enough for every kind of write, short enough to kill often."""
    paths, _ = worlds.written()
    return Portion(paths.sweeps[:26], paths.objects[:220])


@pytest.fixture(scope="session")
def part_reference(
    worlds: Worlds, part: Portion, tmp_path_factory: pytest.TempPathFactory
) -> tuple[bytes, float]:
    """What the part exports, and the seconds that collecting it takes."""
    folder = tmp_path_factory.mktemp("part")
    place, inventory = arriving(folder, f"sqlite:///{folder / 'x.db'}")
    deliver(part, worlds.written()[0], place)
    took = inventory.timed_collect()
    return inventory.export(), took


@pytest.mark.timeout(1500)
def test_killed_at_random_moments(
    worlds: Worlds,
    part: Portion,
    part_reference: tuple[bytes, float],
    tmp_path: Path,
    database_url: str,
    programme: Programme,
) -> None:
    expected, took = part_reference
    rng = random.Random(programme.seed)
    place, inventory = arriving(tmp_path, database_url)
    deliver(part, worlds.written()[0], place)
    # The early ones first: what is once done to its end leaves nothing to be killed in, and the reference may have had a slower machine.
    number = programme.size("kills at random moments", 40, 4)
    moments = sorted([rng.uniform(0.1, 0.2), *(rng.uniform(0.1, 1.0) for _ in range(number - 1))])
    kills = sum(inventory.collect_for(moment * took) for moment in moments)
    inventory.collect()
    assert kills, "no collect was killed: it took longer to prepare than to work"
    assert_same(expected, inventory)


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("failpoint", FAILPOINTS)
def test_killed_at_failpoints(
    worlds: Worlds,
    part: Portion,
    part_reference: tuple[bytes, float],
    tmp_path: Path,
    database_url: str,
    programme: Programme,
    failpoint: str,
) -> None:
    """Each kill leaves what the next one starts from."""
    expected, _ = part_reference
    place, inventory = arriving(tmp_path, database_url)
    deliver(part, worlds.written()[0], place)
    numbers = programme.cases(f"kills before a {failpoint}", FAILPOINTS[failpoint], 4)
    killed = [number for number in numbers if inventory.collect_until(failpoint, number)]
    inventory.collect()
    assert killed, f"no failpoint {failpoint!r} was ever reached"
    assert_same(expected, inventory)
