"""The generator itself: are its files what AWS writes, and is its truth worth believing?"""

from __future__ import annotations

import gzip
import ipaddress
import itertools
import json
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import get_args

import polars as pl
import pytest

from tests.world.formats import FORMATS, SLOT, names
from tests.world.plan import ACCOUNT, REGION, SECRET
from tests.world.situations import BEHIND_NAT, ON_PREMISES
from tests.world.snapshots import answers
from tests.world.traffic import WindowStyle
from tests.world.truth import MOUNTS, Truth
from tests.world.world import FormatName, Paths, Vantage, World

Row = dict[str, str]

CALLS = {
    "ec2.describe-network-interfaces": "NetworkInterfaces",
    "ec2.describe-instances": "Reservations",
    "ec2.describe-flow-logs": "FlowLogs",
    "ec2.describe-subnets": "Subnets",
    "ec2.describe-vpcs": "Vpcs",
    "efs.describe-file-systems": "FileSystems",
    "efs.describe-mount-targets": "MountTargets",
    "efs.describe-access-points": "AccessPoints",
    "lambda.list-functions": "Functions",
    "ecs.list-clusters": "clusterArns",
    "ecs.describe-tasks": "tasks",
    "ecs.describe-task-definitions": "taskDefinitions",
}


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.fixture(scope="module")
def paths(world: World, tmp_path_factory: pytest.TempPathFactory) -> Paths:
    return world.write(tmp_path_factory.mktemp("world"))


def read(path: Path) -> list[Row]:
    """A reader in three lines, to hold the writer to what its header says."""
    header, *lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    fields = header.split(" ")
    return [dict(zip(fields, line.split(" "), strict=True)) for line in lines]


def read_all(paths: Paths) -> list[Row]:
    return [row for path in paths.objects for row in read(path)]


def snapshot(sweep: Path, call: str) -> list[dict[str, object]]:
    answer = json.loads((sweep / ACCOUNT / REGION / f"{call}.json").read_text())
    return list(answer[CALLS[call]])


@pytest.mark.parametrize("vantage", get_args(Vantage))
@pytest.mark.parametrize("log_format", get_args(FormatName))
def test_objects_parse_by_their_header(
    world: World, tmp_path: Path, vantage: Vantage, log_format: FormatName
) -> None:
    paths = world.write(tmp_path, vantage=vantage, log_format=log_format)
    truth = world.truth(vantage=vantage, log_format=log_format)
    outcomes = Counter(row["log-status"] for row in read_all(paths))
    assert outcomes.total() == truth.tally["records"]
    assert outcomes["NODATA"] == truth.tally["nodata"] > 0
    assert outcomes["SKIPDATA"] == truth.tally["skipdata"] > 0
    for path in paths.objects[:3]:
        first = gzip.decompress(path.read_bytes()).decode().splitlines()[0]
        assert first.split(" ") == names(FORMATS[log_format])


def test_objects_are_named_for_the_slot_of_their_ends(paths: Paths) -> None:
    slots: Counter[str] = Counter()
    for path in paths.objects:
        account, product, region, flow_log, moment, part = path.name.split("_")
        assert (account, product, region) == (ACCOUNT, "vpcflowlogs", REGION)
        assert flow_log in paths.flow_log_ids
        assert part.endswith(".log.gz")
        assert path.parent.parts[-3:] == (moment[:4], moment[4:6], moment[6:8])
        slots[f"{flow_log} {moment}"] += 1
        ends = {int(row["end"]) // SLOT for row in read(path)}
        assert len(ends) == 1
        minute = int(moment[9:11]) * 60 + int(moment[11:13])
        assert ends.pop() % 288 == minute // 5
    assert {1, 2} == set(slots.values()), "some slots have two files, most have one"


def test_parquet_holds_the_same_records(world: World, tmp_path: Path) -> None:
    """Underscore names; a number that is not there is null, a text that is not there is a dash."""
    text = world.write(tmp_path / "text", vantage="mount_target")
    columns = world.write(tmp_path / "columns", vantage="mount_target", container="parquet")
    assert [p.with_suffix("").stem for p in text.objects] == [
        p.with_suffix("").stem for p in columns.objects
    ]
    for one, two in zip(text.objects[::40], columns.objects[::40], strict=True):
        table = pl.read_parquet(two)
        rows = [
            {name: "-" if value is None else str(value) for name, value in row.items()}
            for row in table.iter_rows(named=True)
        ]
        expected = [
            {name.replace("-", "_"): value for name, value in row.items()} for row in read(one)
        ]
        assert rows == expected
        assert table.schema["start"] == pl.Int64


def test_the_same_seed_makes_the_same_bytes(tmp_path: Path) -> None:
    one, two = (World(seed=7).write(tmp_path / name) for name in ("one", "two"))
    other = World(seed=8).write(tmp_path / "other")
    trees = [
        {p.relative_to(w.root): p.read_bytes() for p in w.root.rglob("*") if p.is_file()}
        for w in (one, two, other)
    ]
    assert trees[0] == trees[1]
    assert trees[0] != trees[2]


def test_it_is_quick_and_small(tmp_path: Path) -> None:
    before = time.process_time()
    world = World(seed=11)
    world.write(tmp_path)
    truth = world.truth()
    assert time.process_time() - before < 3
    assert 10_000 < truth.tally["records"] < 40_000


def test_sweeps_are_whole_and_twenty_to_thirty_minutes_apart(world: World, paths: Paths) -> None:
    times = world.account.sweeps
    assert all(1200 <= b - a <= 1800 for a, b in itertools.pairwise(times[:-1]))
    assert len(paths.sweeps) == len(times)
    for sweep in (paths.sweeps[0], paths.sweeps[-1]):
        assert all(isinstance(snapshot(sweep, call), list) for call in CALLS)


def test_a_sweep_writes_what_every_call_answers(world: World, paths: Paths) -> None:
    moment = world.account.sweeps[7]
    told = answers(world.account, moment, world.flow_logs("both"))
    written = {
        file.name.removesuffix(".json"): json.loads(file.read_text())
        for file in paths.sweeps[7].rglob("*.json")
    }
    assert written == told


def test_snapshots_plant_a_secret_where_nobody_may_look(paths: Paths) -> None:
    place = paths.sweeps[0] / ACCOUNT / REGION
    planted = {p.stem for p in place.iterdir() if SECRET in p.read_text()}
    assert planted == {
        "ec2.describe-instances",
        "ecs.describe-task-definitions",
        "ecs.describe-tasks",
        "lambda.list-functions",
    }
    assert all(SECRET.encode() not in gzip.decompress(p.read_bytes()) for p in paths.objects[:50])


def test_addresses_belong_to_one_interface_at_a_time(world: World) -> None:
    held = defaultdict(list)
    for interface in world.account.interfaces:
        for address in interface.addresses:
            until = interface.until or world.end + 10**9
            held[interface.subnet.vpc.id, address].append((interface.since, until))
    reused = 0
    for spans in held.values():
        spans.sort()
        reused += len(spans) > 1
        assert all(a[1] <= b[0] for a, b in itertools.pairwise(spans))
    assert reused >= 3, "addresses are inherited: two Fargate chains and a mount target's"


def test_fargate_tasks_inherit_addresses_within_two_minutes(world: World, paths: Paths) -> None:
    chain = [
        [
            c
            for c in world.account.connections
            if c.client_address == address and c.party and c.party.kind == "ecs_task"
        ]
        for address in ("10.0.3.100", "10.0.3.101")
    ]
    for connections in chain:
        for one, two in itertools.pairwise(connections):
            gap = two.packets[0].at - one.packets[-1].at
            assert 60 < gap < 120
    seen_interfaces, seen_tasks = set(), set()
    for sweep in paths.sweeps:
        for interface in snapshot(sweep, "ec2.describe-network-interfaces"):
            seen_interfaces.add(interface["NetworkInterfaceId"])
        for task in snapshot(sweep, "ecs.describe-tasks"):
            seen_tasks.add(task["taskArn"])
    tasks = [t for t in world.account.tasks if t.stopped is not None]
    assert {t.arn for t in tasks} <= seen_tasks, "ECS shows stopped tasks for an hour"
    missed = [t for t in tasks if t.interface and t.interface.id not in seen_interfaces]
    assert 0 < len(missed) < len(tasks), "some interfaces live and die between two sweeps"


def test_one_instance_lives_between_two_sweeps(world: World, paths: Paths) -> None:
    brief = next(i for i in world.account.instances if i.name == "brief")
    eni = next(c.client for c in world.account.connections if c.party and brief.id in c.party.ids)
    seen = [
        interface["NetworkInterfaceId"]
        for sweep in paths.sweeps
        for interface in snapshot(sweep, "ec2.describe-network-interfaces")
    ]
    assert eni is not None
    assert eni.id not in seen
    before = [i for i in world.account.interfaces if i.addresses == eni.addresses and i != eni]
    assert [i.until is not None and i.until < eni.since for i in before] == [True]


def test_truth_holds_every_situation(world: World) -> None:
    truth = world.truth()
    kinds = Counter(client.kind for client in truth.clients)
    assert set(kinds) == {
        "address",
        "ec2_instance",
        "ecs_task",
        "eks_node",
        "gateway",
        "lambda_function",
    }
    states = Counter(client.state for client in truth.clients)
    assert set(states) == {"active", "idle", "ended", "probe", "attempted", "rejected"}
    told = {client.situation for client in truth.clients}
    meant = {c.situation for c in world.account.connections if c.party is not None}
    # A client that meets a file system at two mount targets is told once.
    assert told == meant
    assert {c.ids for c in truth.of("reports") if c.state in MOUNTS} == {
        ("report-writer",),
        ("etl-check", "etl-load"),
        ("print-shop",),
    }
    assert {f.name for f in truth.file_systems if not f.covered} == {"uncovered"}
    assert [f.name for f in truth.file_systems if f.gaps] == ["skip"]
    assert [f.name for f in truth.file_systems if f.deleted] == ["legacy"]
    assert BEHIND_NAT in truth.forbidden
    assert ON_PREMISES not in truth.forbidden


def test_the_mount_targets_side_alone_misses_only_what_never_arrived(world: World) -> None:
    both, alone = world.truth(), world.truth(vantage="mount_target")
    missing = {c.label for c in both.clients} - {c.label for c in alone.clients}
    assert missing == {c.label for c in both.clients if c.state == "attempted"}
    assert len(missing) == 1
    assert not {c.label for c in alone.clients} - {c.label for c in both.clients}


def test_counts_are_those_of_the_packets_sent(world: World) -> None:
    """Both sides recorded, nothing lost: the witness counts every packet once."""
    sent: Counter[str] = Counter()
    for connection in world.account.connections:
        if connection.target and connection.party:
            key = f"{connection.target.file_system.name} {connection.party.ids}"
            sent[key] += sum(p.requests + p.responses for p in connection.packets)
    for style in get_args(WindowStyle):
        for client in world.truth(style=style).clients:
            if client.packets is not None:
                assert client.packets == sent[f"{client.file_system} {client.ids}"], (style, client)


def test_the_hole_is_only_in_the_mount_targets_rows(world: World) -> None:
    skipped = [
        next(c for c in truth.of("skip") if c.state == "active")
        for truth in (world.truth(), world.truth(vantage="mount_target"))
    ]
    assert skipped[0].flows is not None
    assert skipped[1].flows is not None
    assert skipped[0].flows > skipped[1].flows
    assert [len(client.intervals) for client in skipped] == [1, 1]


def test_truth_of_a_window_adds_up(world: World) -> None:
    def flows(truth: Truth) -> Counter[str]:
        return Counter({c.label: c.flows for c in truth.clients if c.flows})

    half = world.start + 14 * 3600
    assert flows(world.truth(until=half)) + flows(world.truth(since=half)) == flows(world.truth())


def test_rows_show_what_aws_shows(world: World, paths: Paths) -> None:
    """The traps, in the files: secondary addresses, shadows, both VPCs, IPv6, late ECS fields."""
    rows = [row for row in read_all(paths) if "2049" in (row["srcport"], row["dstport"])]
    assert any(
        (row["srcaddr"], row["pkt-srcaddr"]) == ("10.0.3.12", "10.0.3.13") for row in rows
    ), "the own row of a secondary address shows the primary"
    assert any(
        (row["srcaddr"], row["pkt-srcaddr"]) == ("10.0.3.91", ON_PREMISES) for row in rows
    ), "a transit gateway's shadow"
    assert any(row["srcaddr"] == BEHIND_NAT for row in rows), "a NAT gateway's inner side"
    pair = ("10.0.3.11", "10.0.1.10")
    vpcs = {row["vpc-id"] for row in rows if (row["srcaddr"], row["dstaddr"]) == pair}
    assert len(vpcs) == 2, "the same pair of addresses in two VPCs"
    six = [row for row in rows if row["type"] == "IPv6"]
    assert six
    assert all(str(ipaddress.ip_address(row["srcaddr"])) == row["srcaddr"] for row in six)
    tasks = {t.interface.id: t.arn for t in world.account.tasks if t.interface}
    arns = defaultdict(set)
    for row in rows:
        if row["interface-id"] in tasks:
            arns[row["interface-id"]].add(row["ecs-task-arn"])
        else:
            assert row["ecs-task-arn"] == "-"
    assert all(values <= {"-", tasks[eni]} for eni, values in arns.items())
    assert any(len(values) == 2 for values in arns.values())
    assert {row["action"] for row in rows} == {"ACCEPT", "REJECT"}
    servers = {t.interface.id for t in world.account.mount_targets}
    assert {row["account-id"] for row in rows if row["interface-id"] in servers} == {"unknown"}
    assert {row["instance-id"] for row in rows if row["interface-id"] in servers} == {"-"}
