"""Every labelled situation of the made-up account gets its verdict, and nothing that is taken away makes one QUIET; on both databases."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Programme
from tests.e2e.conftest import Worlds
from tests.e2e.driver import Inventory, configure
from tests.world.world import Paths, World

Configured = Callable[[Paths], Inventory]

EXPECTED = {
    "shared": "IN_USE",
    "ci": "IN_USE",
    "reports": "IN_USE",
    "pictures": "IN_USE",
    "twin": "IN_USE",
    "idle-mounted": "IN_USE",
    "skip": "IN_USE",
    "remade": "IN_USE",
    "heir": "IN_USE",
    "legacy": "IN_USE",
    "dual": "IN_USE",
    "locked": "REFERENCED",
    "uncovered": "UNKNOWN",
    "quiet": "QUIET",
    "bare": "QUIET",
}
"""By name, over the day before the world's end. ``uncovered`` has no flow log; ``locked`` turned away whoever came."""


def asked_of(world: World, file_system_id: str, *options: str) -> tuple[str, ...]:
    until = datetime.fromtimestamp(world.end, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return ("check-delete", file_system_id, "--until", until, *(options or ("--days", "1")))


def verdicts(inventory: Inventory, world: World) -> dict[str, dict[str, Any]]:
    return {
        fs.name: inventory.verdict(*asked_of(world, fs.id)) for fs in world.account.file_systems
    }


@pytest.mark.timeout(600)
def test_every_situation_gets_its_verdict(worlds: Worlds, configured: Configured) -> None:
    paths, _ = worlds.written()
    inventory = configured(paths)
    inventory.collect()
    found = verdicts(inventory, worlds.world)
    assert {name: answer["verdict"] for name, answer in found.items()} == EXPECTED
    blocking = {
        name: {r["code"] for r in answer["reasons"] if r["severity"] == "blocking"}
        for name, answer in found.items()
    }
    assert {"LIVE_REFERENCE", "MOUNTED_NOW"} <= blocking["reports"]
    assert blocking["locked"] == {"CLIENT_REJECTED", "CLIENT_ATTEMPTED"}
    assert blocking["uncovered"] == {"BLIND"}
    assert "CLIENT_PROBED" in blocking["idle-mounted"]
    by_hand = [one for one in found["ci"]["clients"] if not one["referenced"]]
    assert "brief" in {one["client"]["name"] for one in by_hand if one["client"]}
    quiet = worlds.world.account.file_system("quiet").id
    whole = inventory.verdict(*asked_of(worlds.world, quiet)[:-2])
    codes = [r["code"] for r in whole["reasons"]]
    assert codes == ["WINDOW_TOO_SHORT"], "a day and a half say nothing of a quarter"
    then = inventory.verdict("check-delete", quiet, "--days", "1")
    assert then["asked_until"] == then["as_of"], "an archive is asked about its own time"
    later = datetime.fromtimestamp(worlds.world.end + 86_400, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    now = inventory.verdict("check-delete", quiet, "--days", "1", "--until", later)
    assert "AS_OF_BEHIND" in {r["code"] for r in now["reasons"]}, "who acts later asks about then"


# -- what may be taken away ------------------------------------------------------------------------

Taking = Callable[[random.Random, Path, Path], None]
"""From the folders of snapshots and logs."""


def _sweeps(snapshots: Path) -> list[Path]:
    return sorted(path for path in snapshots.iterdir() if path.is_dir())


def _objects(logs: Path) -> list[Path]:
    return sorted(path for path in logs.rglob("*") if path.is_file())


def one_sweep(rng: random.Random, snapshots: Path, _: Path) -> None:
    shutil.rmtree(rng.choice(_sweeps(snapshots)))


def half_of_the_sweeps(rng: random.Random, snapshots: Path, _: Path) -> None:
    found = _sweeps(snapshots)
    for path in rng.sample(found, len(found) // 2):
        shutil.rmtree(path)


def one_answer(rng: random.Random, snapshots: Path, _: Path) -> None:
    rng.choice(sorted(snapshots.rglob("*.json"))).unlink()


def a_call_is_denied(rng: random.Random, snapshots: Path, _: Path) -> None:
    """Mostly, for all of the time."""
    answers = sorted(snapshots.rglob("*.json"))
    name = rng.choice(sorted({path.name for path in answers}))
    for path in answers:
        if path.name == name and rng.random() < 0.7:
            path.write_text('{"An error occurred": "(AccessDenied)"}')


def one_object(rng: random.Random, _: Path, logs: Path) -> None:
    rng.choice(_objects(logs)).unlink()


def a_third_of_the_objects(rng: random.Random, _: Path, logs: Path) -> None:
    found = _objects(logs)
    for path in rng.sample(found, len(found) // 3):
        path.unlink()


def some_hours(rng: random.Random, _: Path, logs: Path) -> None:
    found = _objects(logs)
    first = rng.randrange(len(found))
    for path in found[first : first + len(found) // 4]:
        path.unlink()


def the_end_of_an_object(rng: random.Random, _: Path, logs: Path) -> None:
    path = rng.choice(_objects(logs))
    path.write_bytes(path.read_bytes()[:-20])


TAKEN: tuple[Taking, ...] = (
    one_sweep,
    half_of_the_sweeps,
    one_answer,
    a_call_is_denied,
    one_object,
    a_third_of_the_objects,
    some_hours,
    the_end_of_an_object,
)


@pytest.mark.timeout(600)
def test_nothing_that_is_taken_away_makes_a_verdict_quiet(
    worlds: Worlds, tmp_path: Path, database_url: str, programme: Programme
) -> None:
    """A seeded sample, another one on each database; the rest of the law is tried on the verdict itself."""
    paths, _ = worlds.written(vantage="mount_target")
    here = database_url.partition(":")[0]
    kinds = [(taking, seed) for taking in TAKEN for seed in range(8)]
    cases = programme.cases(f"worlds with something taken away, {here}", kinds, 1)
    for number, (taking, seed) in enumerate(cases):
        folder = tmp_path / str(number)
        snapshots, logs = folder / "snapshots", folder / "logs"
        shutil.copytree(paths.snapshots, snapshots)
        shutil.copytree(paths.logs, logs)
        taking(random.Random(seed), snapshots, logs)
        url = f"sqlite:///{folder / 'x.db'}" if number else database_url
        inventory = configure(folder / "i", url, snapshots, logs)
        done = inventory.run("collect")
        assert done.code in {0, 1}, done.err[-2000:]
        for name, answer in verdicts(inventory, worlds.world).items():
            assert answer["verdict"] != "QUIET" or EXPECTED[name] == "QUIET", (
                f"{taking.__name__}, seed {seed}: {name} became QUIET, was {EXPECTED[name]}\n"
                + json.dumps(answer["reasons"], indent=1)[:3000]
            )
        shutil.rmtree(folder)
