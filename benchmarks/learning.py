"""What a sweep costs that says nothing new, and one that shows new tasks, when there is much past.

One account and region: interfaces that stay, and tasks of the past with an interface each, all of them known by hourly sweeps; flow logs of
the last day on top. Then live sweeps five minutes apart, learnt by one process as the daemon does. ``--postgres URL`` names an empty
database to use instead of SQLite in a temporary folder.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from inventory.model import (
    Batch,
    BatchRef,
    BatchState,
    CallState,
    FileSystem,
    Folded,
    MountTarget,
    NetworkInterface,
    Sighting,
    Sweep,
    Tally,
    Task,
    TaskAttachment,
    Vpc,
)
from inventory.resolve.networks import Networks
from inventory.store import Store

ACCOUNT, REGION, VPC, SUBNET = "111122223333", "eu-central-1", "vpc-0a", "subnet-0a"
START = 1_790_000_000 - 1_790_000_000 % 3600
HOUR = 3600
ARN = f"arn:aws:ecs:{REGION}:{ACCOUNT}"
NETWORKS = Networks({})
SERVER = "10.0.0.10"
CALLS = {
    "network_interface": ("ec2.describe-network-interfaces",),
    "task": ("ecs.list-clusters", "ecs.describe-tasks"),
    "file_system": ("efs.describe-file-systems",),
    "mount_target": ("efs.describe-mount-targets",),
    "vpc": ("ec2.describe-vpcs",),
}


def machine(number: int) -> NetworkInterface:
    """An instance's interface, which stays."""
    return NetworkInterface(
        f"eni-{number:017x}",
        VPC,
        SUBNET,
        ACCOUNT,
        interface_type="interface",
        status="in-use",
        addresses=(f"10.1.{number // 250}.{number % 250 + 4}",),
        groups=("sg-1", "sg-2"),
        attachment_id=f"eni-attach-{number:017x}",
        attach_time=START - 1000,
        instance_id=f"i-{number:017x}",
        instance_owner_id=ACCOUNT,
        device_index=0,
        availability_zone="euc1-az1",
        tags={"Name": f"web-{number}", "team": "shop"},
    )


def task(number: int, born: int) -> tuple[NetworkInterface, Task]:
    """A task and its interface. Addresses come back after a while, as they do."""
    address = f"10.2.{number % 2000 // 250}.{number % 250 + 4}"
    interface_id, attachment = (
        f"eni-{number:07x}aaaaaaaaaa",
        f"{number:08x}-1111-2222-3333-444444444444",
    )
    return (
        NetworkInterface(
            interface_id,
            VPC,
            SUBNET,
            ACCOUNT,
            description=f"{ARN}:attachment/{attachment}",
            interface_type="interface",
            requester_managed=True,
            status="in-use",
            addresses=(address,),
            groups=("sg-3",),
            attachment_id=f"eni-attach-t{number:016x}",
            attach_time=born + 5,
            instance_owner_id="501673713797",
        ),
        Task(
            f"{ARN}:task/ci/{number:032x}",
            f"{ARN}:cluster/ci",
            "service:runner",
            f"{ARN}:task-definition/runner:3",
            "FARGATE",
            "RUNNING",
            created_at=born,
            connectivity_at=born + 10,
            started_at=born + 20,
            attachments=(TaskAttachment(attachment, interface_id, SUBNET, (address,)),),
        ),
    )


SERVERS = (
    FileSystem("fs-0123456789abcdef0", name="shared", owner_id=ACCOUNT, number_of_mount_targets=1),
    MountTarget(
        "fsmt-0123456789abcdef0",
        "fs-0123456789abcdef0",
        VPC,
        SUBNET,
        ACCOUNT,
        "eni-0000000000005e4e4",
        (SERVER,),
    ),
)
VPCS = (Vpc(VPC, ACCOUNT, ("10.0.0.0/8",)),)


def sweep(
    moment: int, interfaces: list[NetworkInterface], tasks: list[Task], *, servers: bool = True
) -> Sweep:
    """Whole lists of these."""
    items = {"network_interface": tuple(interfaces), "task": tuple(tasks)}
    if servers:
        items |= {"file_system": SERVERS[:1], "mount_target": SERVERS[1:], "vpc": VPCS}
    calls = {call: CallState.WHOLE for kind in items for call in CALLS[kind]}
    return Sweep(f"at {moment}", moment, ACCOUNT, REGION, calls, {}, frozenset(items), items)


def batch(key: str, moment: int, clients: list[NetworkInterface]) -> Batch:
    """What the mount target's interface recorded of some clients in five minutes."""
    sightings = [
        Sighting(
            interface_id="eni-0000000000005e4e4",
            vpc_id=VPC,
            client=one.addresses[0],
            server=SERVER,
            action="ACCEPT",
            pkt_client="",
            instance_id="",
            task_arn="",
            next_hop="",
            az_id="",
            first_seen=moment,
            last_seen=moment + 290,
            requests=3,
            responses=3,
            packets_in=100,
            bytes_in=100_000,
            packets_out=100,
            bytes_out=100_000,
            stray=False,
        )
        for one in clients
    ]
    folded = Folded(sightings, [], Tally(), moment, moment + 290, "${version}")
    ref = BatchRef(key, "1", 1000, "fl-1", ACCOUNT, REGION, (moment, moment + 300))
    return Batch(ref, BatchState.DONE, folded, digest=key)


@contextmanager
def timed(what: str, *, profile: bool) -> Iterator[None]:
    """Print how long the block takes."""
    profiler = cProfile.Profile() if profile else None
    began, cpu = time.perf_counter(), time.process_time()
    if profiler:
        profiler.enable()
    yield
    if profiler:
        profiler.disable()
        pstats.Stats(profiler).sort_stats("cumulative").print_stats(45)
    seconds, spent = time.perf_counter() - began, time.process_time() - cpu
    print(f"| {what} | {seconds:.2f} | {spent:.2f} |", flush=True)


def prepare(store: Store, machines: int, tasks: int, hours: int) -> list[NetworkInterface]:
    """The past: tasks spread over the hours, each seen by one or two of the hourly sweeps."""
    staying = [machine(number) for number in range(machines)]
    each = tasks // hours
    for start in range(0, hours, 24):
        group = []
        for hour in range(start, min(start + 24, hours)):
            young = [
                task(n, START + hour * HOUR - 1200) for n in range(hour * each, (hour + 1) * each)
            ]
            shown = [*staying, *(interface for interface, _ in young)]
            group.append(sweep(START + hour * HOUR, shown, [one for _, one in young]))
        store.learn(group, NETWORKS)
    return staying


def main() -> None:
    """Print a table of seconds by the clock and of processor."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--machines", type=int, default=5_000)
    parser.add_argument("--tasks", type=int, default=20_000)
    parser.add_argument("--hours", type=int, default=400)
    parser.add_argument("--batches", type=int, default=288)
    parser.add_argument("--clients", type=int, default=300)
    parser.add_argument("--postgres")
    parser.add_argument("--profile", default="", help="which line to profile")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = given.postgres or f"sqlite:///{Path(folder) / 'bench.db'}"
        print("| what | s | cpu s |\n|---|---|---|")
        run(url, given)
    print(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB")


def run(url: str, given: argparse.Namespace) -> None:
    """The past by one process; then live sweeps by another one's store."""
    with Store.open(url, write=True) as store:
        store.upgrade()
        with timed("the past, in groups of a day", profile=False):
            staying = prepare(store, given.machines, given.tasks, given.hours)
        knowledge = store.knowledge()
        end = START + (given.hours - 1) * HOUR
        begin = end - given.batches * 300
        for n in range(given.batches):
            some = [batch(f"b{n}", begin + n * 300, staying[: given.clients])]
            knowledge = store.record("logs", "files", some, knowledge, NETWORKS)
    with Store.open(url, write=True) as store:
        live(store, staying, end, given.profile)
    with (
        timed("all knowledge, from nothing", profile=given.profile == "load"),
        Store.open(url) as other,
    ):
        other.knowledge()


def live(store: Store, staying: list[NetworkInterface], end: int, profile: str) -> None:
    """Each line is one sweep, five minutes after the one before."""
    fresh = [task(1_000_000 + n, end + 900) for n in range(50)]
    shown = [*staying, *(interface for interface, _ in fresh)]
    tasks = [one for _, one in fresh]
    steps = (
        ("first sweep after the start", sweep(end + 300, staying, [])),
        ("nothing new", sweep(end + 600, staying, [])),
        (
            "nothing new, interfaces alone",
            _only(sweep(end + 900, staying, []), "network_interface"),
        ),
        ("50 new tasks", sweep(end + 1200, shown, tasks)),
        ("the same again", sweep(end + 1500, shown, tasks)),
        ("file systems alone", _only(sweep(end + 1500, [], []), "file_system", "mount_target")),
    )
    knowledge = None
    for what, one in steps:
        with timed(what, profile=profile == what):
            knowledge = store.learn([one], NETWORKS)
    assert knowledge is not None
    with timed("a batch of 300 clients", profile=profile == "batch"):
        store.record(
            "logs", "files", [batch("new", end + 1200, staying[:300])], knowledge, NETWORKS
        )


def _only(one: Sweep, *kinds: str) -> Sweep:
    calls = {call: CallState.WHOLE for kind in kinds for call in CALLS[kind]}
    items = {kind: one.items[kind] for kind in kinds}
    name = f"{one.name} {kinds[0]}"
    return Sweep(name, one.taken_at, ACCOUNT, REGION, calls, {}, frozenset(kinds), items)


if __name__ == "__main__":
    main()
