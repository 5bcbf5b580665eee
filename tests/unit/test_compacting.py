"""How far back facts stay as they were read: as far as anything may be read again."""

from __future__ import annotations

from typing import Any, cast

import pytest

from inventory import steps
from inventory.collect.report import Report
from inventory.config import CloudWatchSettings, FilesSettings, Settings
from inventory.config.sections import CollectSettings, RetentionSettings
from inventory.model import DAY, HOUR
from inventory.store import Store

NOW = 1_700_000_000 - 1_700_000_000 % DAY


class Noted:
    """A store that is read up to now, and notes before when it is to join facts."""

    before = 0

    def read_up_to(self, _sources: set[str]) -> int:
        return NOW

    def compact(self, before: int, *_: object) -> int:
        self.before = before
        return 0


def compacted(*sources: Any, since: str = "14d", runs: str = "1d") -> int:
    store = Noted()
    settings = Settings(
        sources=sources,
        collect=CollectSettings.model_validate({"since": since}),
        retention=RetentionSettings.model_validate({"runs": runs}),
    )
    steps.compact(steps.Run(cast("Store", store), settings, Report(), lambda: NOW))
    return store.before


FILES = FilesSettings(name="files", type="files", path="/logs")


def groups(**changes: object) -> CloudWatchSettings:
    usual = {"name": "groups", "type": "cloudwatch", "log_groups": ["flow"], "region": "eu-west-1"}
    return CloudWatchSettings.model_validate(usual | changes)


def test_objects_stay_apart_for_some_days() -> None:
    assert compacted(FILES) == NOW - 3 * DAY


def test_facts_stay_apart_for_as_long_as_they_are_to_stay_as_they_were_read() -> None:
    assert compacted(FILES, runs="14d") == NOW - 14 * DAY
    assert compacted(FILES, groups(), runs="20d") == NOW - 20 * DAY
    assert compacted(FILES, groups(passes=["settle", "30d"]), runs="20d") == NOW - 31 * DAY


def test_windows_stay_apart_as_long_as_they_may_be_read_again() -> None:
    assert compacted(FILES, groups()) == NOW - 14 * DAY
    assert compacted(groups(since="30d"), FILES) == NOW - 30 * DAY
    assert compacted(groups(window="1h"), since="337h") == NOW - 14 * DAY - HOUR
    assert compacted(groups(), since="2d") == NOW - 3 * DAY


@pytest.mark.parametrize("days", [4, 20])
def test_a_later_pass_comes_first(days: int) -> None:
    found = compacted(groups(passes=["settle", f"{days}d"]))
    assert found == NOW - max(14, days + 1) * DAY
