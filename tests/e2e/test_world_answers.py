"""Every client of every file system of the made-up account is named right, counted right, and
nobody is invented; from both vantages or one, in every format, on both databases.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest

from tests.conftest import Programme
from tests.e2e.comparing import (
    count_differences,
    coverage_differences,
    list_differences,
    who_differences,
)
from tests.e2e.conftest import Worlds
from tests.e2e.driver import Inventory, configure
from tests.world.plan import SECRET
from tests.world.traffic import WindowStyle
from tests.world.truth import Truth
from tests.world.world import FormatName, Paths, Vantage, World

HOUR = 3600

Configured = Callable[[Paths], Inventory]


def iso(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def span(since: int, until: int) -> tuple[str, ...]:
    return ("--since", iso(since), "--until", iso(until))


def differences(inventory: Inventory, truth: Truth, aggregation: int = 600) -> Iterator[str]:
    """Asks everything."""
    yield from list_differences(truth, inventory.ask("list"))
    whole = span(truth.start, truth.end)
    inside = span(truth.start + HOUR, truth.end - HOUR)
    for fs in truth.file_systems:
        yield from who_differences(truth, fs.name, inventory.ask("who", fs.id, *whole))
        answer = inventory.ask("who", fs.id, *inside)
        yield from coverage_differences(fs, answer, aggregation)


def check(found: Iterator[str]) -> None:
    problems = list(found)
    assert not problems, f"{len(problems)} differences:\n" + "\n".join(problems[:60])


@pytest.mark.parametrize("log_format", get_args(FormatName))
@pytest.mark.parametrize("vantage", get_args(Vantage))
def test_every_client_of_every_file_system(
    worlds: Worlds, configured: Configured, vantage: Vantage, log_format: FormatName
) -> None:
    paths, truth = worlds.written(vantage=vantage, log_format=log_format)
    inventory = configured(paths)
    inventory.collect()
    check(differences(inventory, truth))


@pytest.mark.parametrize("vantage", get_args(Vantage))
def test_windows_of_a_minute(worlds: Worlds, configured: Configured, vantage: Vantage) -> None:
    paths, truth = worlds.written(vantage=vantage, aggregation=60)
    inventory = configured(paths)
    inventory.collect()
    check(differences(inventory, truth, 60))


@pytest.mark.parametrize("style", ["spread", "nitro"])
def test_counts_come_from_one_witness_when_the_sides_windows_differ(
    worlds: Worlds, configured: Configured, style: str
) -> None:
    paths, truth = worlds.written(style=style)
    inventory = configured(paths)
    inventory.collect()
    check(differences(inventory, truth))


def test_counts_of_a_part_of_the_time(worlds: Worlds, configured: Configured) -> None:
    paths, _ = worlds.written()
    since, until = worlds.world.start + 6 * HOUR, worlds.world.start + 12 * HOUR
    truth = worlds.world.truth(since=since, until=until)
    inventory = configured(paths)
    inventory.collect()
    check(
        difference
        for fs in truth.file_systems
        for difference in count_differences(
            truth, fs.name, inventory.ask("who", fs.id, *span(since, until))
        )
    )


def test_mounts_of_a_client(worlds: Worlds, configured: Configured, programme: Programme) -> None:
    """``mounts`` is the same truth from the other side."""
    paths, truth = worlds.written()
    inventory = configured(paths)
    inventory.collect()
    problems = []
    certain = {(c.kind, c.ids[0]) for c in truth.clients if len(c.ids) == 1 and not c.aliases}
    for kind, ident in programme.cases("clients asked for", sorted(certain), 15):
        answer = inventory.ask("mounts", ident, *span(truth.start, truth.end))
        got = sorted((m["file_system"]["id"], m["state"]) for m in answer["mounts"])
        expected = sorted((c.file_system_id, c.state) for c in truth.clients if c.ids == (ident,))
        if got != expected:
            problems.append(f"mounts {kind} {ident}: expected {expected}, got {got}")
    assert not problems, "\n".join(problems)


def test_status_counts_every_record_once(worlds: Worlds, configured: Configured) -> None:
    paths, truth = worlds.written()
    inventory = configured(paths)
    inventory.collect()
    text = str(inventory.ask("status"))
    assert str(truth.tally["records"]) in text, f"{truth.tally} is not in {text[:3000]}"


def test_parquet(worlds: Worlds, configured: Configured) -> None:
    paths, truth = worlds.written(container="parquet", vantage="mount_target")
    inventory = configured(paths)
    inventory.collect()
    check(differences(inventory, truth))


def test_the_minimal_format_names_possible_clients_and_no_others(
    worlds: Worlds, configured: Configured
) -> None:
    """``${interface-id} ${dstport}``: the client's interface is known, its server is not."""
    paths, truth = worlds.written(log_format="minimal")
    inventory = configured(paths)
    inventory.collect()
    window = span(truth.start - HOUR, truth.end + HOUR)
    elsewhere = {c.ids[0] for c in truth.of("twin")}
    problems = []
    for name in ("shared", "ci", "reports", "twin"):
        fs = next(fs for fs in truth.file_systems if fs.name == name)
        answer = inventory.ask("who", fs.id, *window)
        named = {m["client"]["id"] for m in answer["mounts"] if m["client"]}
        invented = named & ({i for c in truth.clients for i in c.ids} | truth.forbidden)
        if invented:
            problems.append(f"{name}: named as sure, though no server is told: {invented}")
        possible = {
            person["id"]
            for entry in answer["possible"]
            for person in ([entry["client"]] if entry["client"] else entry["candidates"])
        }
        # An address or a gateway has no interface of a client's own to be known by.
        meant = {
            c.ids[0]
            for c in truth.of(name)
            if c.kind not in {"address", "gateway"} and not c.aliases
        }
        if meant - possible:
            problems.append(f"{name}: not possible: {meant - possible}")
        if name != "twin" and possible & elsewhere:
            problems.append(f"{name}: out of reach, in VPC B: {possible & elsewhere}")
    assert not problems, "\n".join(problems)


def test_nothing_beyond_the_allow_list_is_kept(
    worlds: Worlds, tmp_path: Path, sqlite_database_url: str
) -> None:
    """Environments and the like hold a secret; it is in no table, no log and no export."""
    paths, _ = worlds.written()
    inventory = configure(tmp_path, sqlite_database_url, paths.snapshots, paths.logs)
    done = inventory.run("-vv", "collect")
    assert done.code == 0, done.err[-4000:]
    assert SECRET not in done.out + done.err
    assert SECRET.encode() not in inventory.export()
    kept = [p for p in tmp_path.rglob("*") if p.is_file() and SECRET.encode() in p.read_bytes()]
    assert kept == []


@pytest.mark.timeout(3000)
def test_other_worlds(tmp_path: Path, programme: Programme) -> None:
    """Other seeds, and options drawn from them."""
    for seed in programme.cases("made-up accounts", range(100, 160), 1):
        rng = random.Random(seed)
        options: dict[str, Any] = {
            "vantage": rng.choice(get_args(Vantage)),
            "log_format": rng.choice(get_args(FormatName)),
            "aggregation": rng.choice((60, 600)),
            "style": rng.choice(get_args(WindowStyle)),
        }
        folder = tmp_path / str(seed)
        world = World(seed)
        paths = world.write(folder, **options)
        url = f"sqlite:///{folder / 'x.db'}"
        inventory = configure(folder, url, paths.snapshots, paths.logs)
        inventory.collect()
        problems = list(differences(inventory, world.truth(**options), options["aggregation"]))
        assert not problems, f"World({seed}), {options}:\n" + "\n".join(problems[:40])
        shutil.rmtree(folder)
