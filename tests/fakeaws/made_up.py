"""The made-up account of :mod:`tests.world` as what a place of the fake holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.fakeaws.cloud import Cloud, Rows, Source
from tests.world.plan import ACCOUNT, REGION
from tests.world.snapshots import FlowLogConfig, answers
from tests.world.world import FormatName, Vantage, World

BESIDE_THE_LIST = frozenset({"failures"})
"""Lists in an answer that are not what it lists."""


def source(world: World, flow_logs: Sequence[FlowLogConfig]) -> Source:
    """Everything the world has at a moment, whole seconds; the last moment asked for is kept."""
    kept: dict[int, Mapping[str, Rows]] = {}

    def at(moment: float) -> Mapping[str, Rows]:
        second = int(moment)
        found = kept.get(second)
        if found is None:
            found = {
                call: rows
                for call, answer in answers(world.account, second, flow_logs).items()
                for key, rows in answer.items()
                if key not in BESIDE_THE_LIST
            }
            kept.clear()
            kept[second] = found
        return found

    return at


def settle(
    cloud: Cloud, world: World, vantage: Vantage = "both", log_format: FormatName = "recommended"
) -> None:
    """Puts the world's account into its region of the cloud."""
    place = cloud.place(ACCOUNT, REGION)
    place.holds(source(world, world.flow_logs(vantage, log_format)))
