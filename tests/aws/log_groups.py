"""The made-up account's flow logs as CloudWatch Logs has them, and an inventory that reads them there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from inventory import pipeline
from inventory.answers import Answers
from inventory.cli.progress import Quiet
from inventory.collect.report import Report
from inventory.config import Settings, parse
from inventory.store import Store
from tests.fakeaws.services.logs import Logs
from tests.fakeaws.serving import Served
from tests.world.formats import FORMATS, Renderer
from tests.world.plan import ACCOUNT, REGION
from tests.world.snapshots import FlowLogConfig
from tests.world.world import FormatName, Vantage, World

GROUP = "/vpc/flow-logs"

Json = dict[str, Any]


def delivered(
    world: World,
    vantage: Vantage = "mount_target",
    log_format: FormatName = "recommended",
    *,
    apart: bool = True,
) -> tuple[Logs, list[FlowLogConfig]]:
    """Every record of the world in its interface's stream; each flow log has a group of its own, or (not ``apart``) all have one."""
    logs, configs = Logs(), world.flow_logs(vantage, log_format)
    renderer = Renderer(FORMATS[log_format], world.account.instances)
    placed = []
    for number, (config, records) in enumerate(world.records(vantage)):
        name = f"{GROUP}/{number}" if apart else GROUP
        if name not in logs.groups:
            logs.group(name)
        streams: dict[str, list[tuple[int, str]]] = defaultdict(list)
        for record in records:
            streams[f"{record.interface.id}-all"].append((record.start, renderer.line(record)))
        for stream, events in streams.items():
            logs.put(name, stream, sorted(events))
        placed.append(replace(configs[number], log_group=name))
        assert config.id == configs[number].id
    return logs, placed


def settings_of(folder: Path, url: str, snapshots: Path, source: Mapping[str, Any]) -> Settings:
    """An inventory of one source. Everything since before the world is wanted."""
    document = {
        "database": {"url": url},
        "discover": {"mode": "snapshots", "path": str(snapshots)},
        "collect": {"since": "2026-10-31T23:00:00Z"},
        "sources": [{"name": "flow-logs", **source}],
        "networks": {"192.168.0.0/16": "on-premises"},
    }
    return parse(document, folder=folder, environ={})


def cloudwatch(configs: list[FlowLogConfig], **more: Any) -> Json:
    groups = sorted({config.log_group for config in configs})
    return {"type": "cloudwatch", "region": REGION, "account": ACCOUNT, "log_groups": groups} | more


def serve(fake_aws: Served, logs: Logs, now: int) -> None:
    fake_aws.cloud.now = lambda: now
    fake_aws.cloud.place(ACCOUNT, REGION).put("logs", [logs])


def collect(settings: Settings, now: int) -> Report:
    return pipeline.collect(settings, progress=Quiet(), clock=lambda: now)


def answered(settings: Settings, world: World, *names: str) -> dict[str, Json]:
    """Who mounted each file system (or those of some names) in the world but its first and last hour, without where its evidence lies.

    At its edges each way of delivery has its own: an object's slot holds the ends of records, a window their starts.
    """
    window = (world.start + 3600, world.end - 3600)
    with Store.opened(settings) as store:
        answers = Answers(store, settings)
        wanted = [fs for fs in world.account.file_systems if not names or fs.name in names]
        found = {fs.name: answers.who(fs.id, *window) for fs in wanted}
    return {name: cast("Json", _without(answer)) for name, answer in found.items()}


def _without(answer: object) -> object:
    if isinstance(answer, dict):
        left_out = {"evidence", "as_of"}
        return {key: _without(value) for key, value in answer.items() if key not in left_out}
    return [_without(one) for one in answer] if isinstance(answer, list) else answer


def ledger(settings: Settings) -> dict[str, tuple[str, str]]:
    """Version and state of each batch."""
    with Store.opened(settings) as store:
        done = store.done("flow-logs")
    return {key: (version, state.value) for key, (version, state) in done.items()}
