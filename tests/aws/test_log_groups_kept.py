"""What log groups told is kept on both databases: read again, read late, and when the log has forgotten it."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.aws.log_groups import (
    GROUP,
    answered,
    cloudwatch,
    collect,
    delivered,
    ledger,
    serve,
    settings_of,
)
from tests.fakeaws.services.logs import Logs
from tests.fakeaws.serving import Served
from tests.world.snapshots import FlowLogConfig, write_sweeps
from tests.world.world import World

pytestmark = pytest.mark.usefixtures("nobody_waits")

HOUR, DAY = 3600, 86_400
WORLD = World()
ASKED = ("twin", "quiet", "shared")
"""File systems of the flow log that is read, and one of another."""


@pytest.fixture(scope="module")
def small() -> tuple[Logs, FlowLogConfig]:
    """The flow log with fewest records."""
    logs, configs = delivered(WORLD)
    sizes = {name: sum(map(len, group.streams.values())) for name, group in logs.groups.items()}
    config = min(configs, key=lambda one: sizes[one.log_group])
    return logs, config


def part(logs: Logs, config: FlowLogConfig, share: float, rng: random.Random) -> tuple[Logs, Logs]:
    """Some of the records, and the others: of windows that are not 26 hours old when the first are read."""
    early, late = Logs(), Logs()
    for some in (early, late):
        some.group(GROUP)
    for stream, events in logs.groups[config.log_group].streams.items():
        for event in events:
            late_one = event["timestamp"] >= (WORLD.start + 8 * HOUR) * 1000
            some = late if late_one and rng.random() >= share else early
            some.put(GROUP, stream, [(event["timestamp"] // 1000, event["message"])])
    return early, late


def add(logs: Logs, more: Logs) -> None:
    for stream, events in more.groups[GROUP].streams.items():
        logs.put(GROUP, stream, [(e["timestamp"] // 1000, e["message"]) for e in events])


@pytest.mark.parametrize("method", ["streams", pytest.param("insights", marks=pytest.mark.long)])
def test_late_records_are_added_and_forgotten_ones_stay(
    fake_aws: Served, tmp_path: Path, database_url: str, small: tuple[Logs, FlowLogConfig], method: str
) -> None:  # fmt: skip
    logs, config = small
    early, late = part(logs, config, 0.8, random.Random(7))
    (tmp_path / "sweeps").mkdir()
    config = FlowLogConfig(config.id, config.resource_id, config.log_format, 600, GROUP)
    write_sweeps(tmp_path / "sweeps", WORLD.account, WORLD.account.sweeps[::25], [config])
    source = cloudwatch([config], method=method, window="3h", passes=["settle", "26h", "6d"])
    settings = settings_of(tmp_path, database_url, tmp_path / "sweeps", source)
    whole = settings_of(tmp_path, f"sqlite:///{tmp_path}/whole.db", tmp_path / "sweeps", source)

    now = WORLD.end + 2 * HOUR
    serve(fake_aws, early, now)
    assert collect(settings, now).problems == []
    first = answered(settings, WORLD, *ASKED)
    fake_aws.cloud.forget()
    assert collect(settings, now).problems == []
    assert fake_aws.cloud.counts().total() == 0, "what is done is not asked for again"

    add(early, late)
    now = WORLD.end + 28 * HOUR
    serve(fake_aws, early, now)
    assert collect(settings, now).problems == []
    assert collect(whole, now).problems == []
    everything = answered(settings, WORLD, *ASKED)
    assert everything == answered(whole, WORLD, *ASKED)
    assert everything != first

    early.groups[GROUP].keeps_days = 3
    now = WORLD.end + 7 * DAY
    serve(fake_aws, early, now)
    assert collect(settings, now).problems == []
    assert answered(settings, WORLD, *ASKED) == everything
    states = {state for key, (_, state) in ledger(settings).items() if "2026-11-01T1" in key}
    assert states == {"done"}
    fake_aws.cloud.forget()
    assert collect(settings, now).problems == []
    asked = set(fake_aws.cloud.counts())
    usual = {"sts.get-caller-identity", "logs.describe-log-groups"}
    assert asked == usual, "what is gone is not asked for again"
