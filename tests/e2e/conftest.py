"""Worlds, written once for each set of options, and inventories that read them."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SEED
from tests.e2e.driver import Inventory, configure
from tests.world.truth import Truth
from tests.world.world import Paths, World

POSTGRESQL_SAMPLE = 6
"""Worlds that are asked on PostgreSQL too in every run; ``--long`` asks all of them, and SQLite always does."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out most of the worlds on PostgreSQL: a seeded sample stays."""
    seed = os.environ.get("EFS_INVENTORY_TEST_SEED", str(SEED))
    worlds = sorted(
        item.nodeid
        for item in items
        if item.path.name == "test_world_answers.py" and "postgresql" in item.name
    )
    if config.getoption("long") or len(worlds) <= POSTGRESQL_SAMPLE:
        return
    kept = set(random.Random(f"{seed} worlds").sample(worlds, POSTGRESQL_SAMPLE))
    left_out = [item for item in items if item.nodeid in worlds and item.nodeid not in kept]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@dataclass
class Worlds:
    """``written(vantage=…, log_format=…, …)``: a world, its files and its truth."""

    factory: pytest.TempPathFactory
    world: World = field(default_factory=World)
    made: dict[str, Paths] = field(default_factory=dict)

    def paths(self, **options: Any) -> Paths:
        """The files alone."""
        key = repr(sorted(options.items()))
        if key not in self.made:
            self.made[key] = self.world.write(self.factory.mktemp("world"), **options)
        return self.made[key]

    def written(self, **options: Any) -> tuple[Paths, Truth]:
        told = {k: v for k, v in options.items() if k != "container"}
        if told.get("log_format") == "minimal":
            del told["log_format"]  # the truth that the format cannot tell
        return self.paths(**options), self.world.truth(**told)


@pytest.fixture(scope="session")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Worlds:
    return Worlds(tmp_path_factory)


@pytest.fixture
def configured(tmp_path: Path, database_url: str) -> Callable[[Paths], Inventory]:
    """An inventory over a world's files, on the database of the test."""

    def make(paths: Paths) -> Inventory:
        return configure(tmp_path / "inventory", database_url, paths.snapshots, paths.logs)

    return make
