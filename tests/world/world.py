"""A made-up AWS account whose truth is known by construction.

::

    world = World(seed=1)
    paths = world.write(folder, vantage="both", log_format="recommended")
    truth = world.truth(vantage="both", log_format="recommended")

writes snapshot folders and flow log objects as AWS would, and says what every answer about them must
be. The account lives thirty hours; what happens in it, and what each thing is to prove, is told in
:mod:`tests.world.situations`. Everything follows from the seed.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from tests.world.formats import FORMATS, Container, Renderer, write_objects
from tests.world.plan import Account, Interface
from tests.world.situations import build
from tests.world.snapshots import FlowLogConfig, write_sweeps
from tests.world.traffic import Record, Windows, WindowStyle, records, skipped_spans
from tests.world.truth import Seen, Truth, tell

Vantage = Literal["both", "mount_target"]
"""``both``: a flow log for each VPC but D. ``mount_target``: one for each subnet of mount targets of
A and B, and nothing else."""

FormatName = Literal["default", "recommended", "v11"]
"""The formats that tell truth; ``minimal`` can be written, but hardly says anything."""

START = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp())
HOURS = 30


@dataclass(frozen=True)
class Paths:
    """What was written, oldest first."""

    root: Path
    snapshots: Path
    logs: Path
    sweeps: tuple[Path, ...]
    objects: tuple[Path, ...]
    flow_log_ids: tuple[str, ...]


class World:
    """The account of one seed. ``start`` is a whole hour, in epoch seconds."""

    def __init__(self, seed: int = 2049, start: int = START) -> None:
        if start % 3600:
            raise ValueError(f"start {start} is no whole hour")
        self.seed = seed
        end = start + HOURS * 3600
        self.account: Account = build(
            random.Random(seed), start, end, _sweep_times(seed, start, end)
        )

    @property
    def start(self) -> int:
        return self.account.start

    @property
    def end(self) -> int:
        return self.account.end

    def flow_logs(
        self,
        vantage: Vantage,
        log_format: FormatName | Literal["minimal"] = "recommended",
        aggregation: int = 600,
    ) -> list[FlowLogConfig]:
        """The flow logs there are, with ids that follow from the seed."""
        rng = random.Random(f"flow logs {self.seed} {vantage}")
        if vantage == "both":
            resources = [vpc.id for vpc in self.account.vpcs if vpc.logged]
        else:
            resources = [s.id for s in self.account.subnets if s.holds_mount_targets]
        return [
            FlowLogConfig(
                f"fl-{rng.getrandbits(68):017x}", resource, FORMATS[log_format], aggregation
            )
            for resource in resources
        ]

    def interfaces(self, flow_log: FlowLogConfig) -> list[Interface]:
        """The interfaces that a flow log records."""
        return [
            interface
            for interface in self.account.interfaces
            if flow_log.resource_id in (interface.subnet.id, interface.subnet.vpc.id)
        ]

    def records(
        self, vantage: Vantage, aggregation: int = 600, style: WindowStyle = "aligned"
    ) -> list[tuple[FlowLogConfig, list[Record]]]:
        """Every flow log with its records, in no particular order."""
        logs = self.flow_logs(vantage, aggregation=aggregation)
        whose = {i.id: log.id for log in logs for i in self.interfaces(log)}
        covered = [i for i in self.account.interfaces if i.id in whose]
        held: dict[str, list[Record]] = defaultdict(list)
        windows = Windows(aggregation, style)
        for record in records(self.account, windows, covered, self.seed):
            held[whose[record.interface.id]].append(record)
        return [(log, held[log.id]) for log in logs]

    def write(
        self,
        folder: Path,
        *,
        vantage: Vantage = "both",
        log_format: FormatName | Literal["minimal"] = "recommended",
        aggregation: int = 600,
        style: WindowStyle = "aligned",
        container: Container = "gzip",
        sweeps: Sequence[int] | None = None,
    ) -> Paths:
        """Writes ``snapshots/`` and ``logs/`` into a folder.

        ``sweeps`` replaces the times of the sweeps; then the truth about what lives between two of
        them need not hold any more.
        """
        configs = self.flow_logs(vantage, log_format, aggregation)
        logs = self.records(vantage, aggregation, style)
        snapshots, objects = folder / "snapshots", folder / "logs"
        snapshots.mkdir(parents=True)
        objects.mkdir()
        times = self.account.sweeps if sweeps is None else sweeps
        renderer = Renderer(FORMATS[log_format], self.account.instances)
        return Paths(
            root=folder,
            snapshots=snapshots,
            logs=objects,
            sweeps=tuple(write_sweeps(snapshots, self.account, times, configs)),
            objects=tuple(
                write_objects(
                    objects, [(log.id, rows) for log, rows in logs], renderer, self.seed, container
                )
            ),
            flow_log_ids=tuple(log.id for log in configs),
        )

    def truth(
        self,
        *,
        vantage: Vantage = "both",
        log_format: FormatName = "recommended",
        aggregation: int = 600,
        style: WindowStyle = "aligned",
        since: int | None = None,
        until: int | None = None,
    ) -> Truth:
        """What every answer must say about the files of the same options.

        ``since`` and ``until``, whole hours, narrow the counts to records that start there. States
        are always those at the end of the world.
        """
        logs = self.records(vantage, aggregation, style)
        windows = Windows(aggregation, style)
        recorded = frozenset(i.id for log, _ in logs for i in self.interfaces(log))
        seen = Seen(
            account=self.account,
            records=[record for _, rows in logs for record in rows],
            recorded=recorded,
            holes={
                target.id: skipped_spans(self.account, windows, target)
                for target, _, _ in self.account.holes
            },
            aggregation=aggregation,
            placeless=vantage == "both" and log_format == "default",
            weak=vantage == "mount_target" and log_format == "default",
            style=style,
        )
        return tell(seen, since, until)


def _sweep_times(seed: int, start: int, end: int) -> list[int]:
    """Twenty to thirty minutes apart, from before the first record to after the last."""
    rng = random.Random(f"sweeps {seed}")
    times, at = [], start - 600
    while at < end:
        times.append(at)
        at += rng.randint(1200, 1800)
    return [*times, end + 300]
