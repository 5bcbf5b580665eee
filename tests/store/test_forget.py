"""Old facts forgotten: within what is kept nothing changes, before it nothing is told as looked at, and nothing comes back."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, event, func, select

from inventory.answers import Asked
from inventory.config import Settings
from inventory.config.sections import DiscoverSettings, NotifySettings, VerdictSettings
from inventory.discover.calls import SWEPT
from inventory.export import feed
from inventory.model import DAY, Batch, BatchState, CallState, Sweep, iso
from inventory.resolve.networks import Networks
from inventory.store import Kept, Store, forget, mounts, rejections
from inventory.store import feed as stored
from inventory.store.mounts import FileSystemKey
from inventory.store.tables import BATCH, CAPTURE, CLIENT, JOINED, METADATA, MOUNT_HOUR, SIGHTING
from tests.answers.conftest import HOUR, Filled, Inventory, batch, own_row, sweep
from tests.builders import (
    ACCOUNT,
    FS,
    REGION,
    SERVER,
    SERVER_ENI,
    T,
    eni,
    file_system,
    instance,
    machine_eni,
    mount_target,
)
from tests.builders import (
    CLIENT as ADDRESS,
)
from tests.conftest import Programme

DAYS = 4
SINCE = T - T % DAY
"""Before this everything is forgotten."""
BEGIN, END = SINCE - 2 * DAY, SINCE + 2 * DAY
THINGS = (
    file_system(creation_time=BEGIN - DAY),
    mount_target(),
    eni(SERVER_ENI, SERVER),
    machine_eni(),
    instance(),
    eni("eni-0000000000other01", "10.0.3.99"),
)


def sweeps() -> list[Sweep]:
    """Of days, in which every call answered."""
    calls = dict.fromkeys(SWEPT, CallState.WHOLE)
    moments = range(BEGIN - DAY, END + 1, 12 * HOUR)
    return [replace(sweep(at, *THINGS), calls=calls) for at in moments]


def swept(url: str) -> None:
    """Fill an empty database with them."""
    with Store.open(url, write=True) as store:
        store.upgrade()
        store.learn(sweeps(), Networks())


def emptied(inventory: Inventory) -> None:
    """Let the next case begin anew."""
    with inventory.store.writing() as conn:
        for table in reversed(METADATA.sorted_tables):
            conn.execute(delete(table))


@pytest.fixture
def inventory(database_url: str, filled: Filled) -> Iterator[Inventory]:
    filled("swept for days", swept)
    with Store.open(database_url, write=True) as store:
        yield Inventory(store)


def history(seed: int) -> list[Batch]:
    """Days of two clients that come and go, in files of some hours; now and then nobody looked."""
    chance = random.Random(seed)
    files = []
    for number, begin in enumerate(range(BEGIN, END, 6 * HOUR)):
        rows, seen = [], []
        for start in range(begin, begin + 6 * HOUR, 1200):
            if chance.random() < 0.03:
                continue
            seen.append((start, start + 599))
            for client in (ADDRESS, "10.0.3.99"):
                if chance.random() < (0.02 if start // 40_000 % 2 else 0.5):
                    last = start + chance.randrange(200, 640)
                    rows.append(own_row(start + chance.randrange(60), last, client=client))
        slot = (begin, begin + 6 * HOUR) if chance.random() < 0.7 else None
        files.append(batch(rows, seen, key=f"{number:02}.log", slot=slot))
    return files


def memories(inventory: Inventory) -> Mapping[FileSystemKey, Any]:
    return inventory.answers.memories(SINCE)


def forgotten(inventory: Inventory, *, drop: bool = True, since: int = SINCE) -> dict[str, int]:
    inventory.store.keep(Kept(since), inventory.answers.memories(since))
    return inventory.store.drop(lambda: False) if drop else {}


def asked(inventory: Inventory, since: int = SINCE + 2 * HOUR) -> list[Any]:
    """Every answer about time that is kept."""
    found = inventory.answers
    return [
        since_kept(one)
        for one in (
            found.who(FS, since, END),
            found.who(FS, since + 7 * HOUR + 1234, END - 5000),
            found.mounts(ADDRESS, since, END),
            [one | {"coverage_ratio": None} for one in found.list()["file_systems"]],  # of a week
            found.check_delete(FS, Asked(since=since, until=END)).answer,
            found.check_delete(FS, Asked(length=DAY, accept_blind=600)).answer,
        )
    ]


def since_kept(told: Any) -> Any:  # noqa: ANN401 - JSON
    """An answer without the moment from which on somebody is known to have looked: it moves on."""
    if isinstance(told, dict):
        return {
            key: value is not None if key == "visible_since" else since_kept(value)
            for key, value in told.items()
        }
    return [since_kept(one) for one in told] if isinstance(told, list) else told


def rows(store: Store, table: Any, *where: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401 - a table
    with store.reading() as conn:
        return sorted(tuple(row) for row in conn.execute(select(table).where(*where)))


def count(inventory: Inventory, table: Any) -> int:  # noqa: ANN401 - a table
    with inventory.store.reading() as conn:
        return int(conn.execute(select(func.count()).select_from(table)).scalar_one())


def anew(store: Store) -> list[tuple[Any, ...]]:
    """The mounts after everything was derived once more."""
    topology = store.topology()
    with store.writing() as conn:
        mounts.rebuild(conn, mounts.units_between(conn, None), topology, Networks())
    return rows(store, MOUNT_HOUR)


# -- what stays ----------------------------------------------------------------------------------------------------------------------------


def test_within_what_is_kept_no_answer_changes(inventory: Inventory, programme: Programme) -> None:
    """Neither when it is forgotten, nor when its rows are gone; and what was derived stays as it was derived."""
    for seed in programme.cases("histories forgotten", range(200), 1):
        inventory.record(*history(seed))
        inventory.store.compact(SINCE + DAY, Networks(), lambda: False)
        before, derived = asked(inventory), rows(inventory.store, MOUNT_HOUR)
        forgotten(inventory, drop=False)
        assert asked(inventory) == before
        gone = inventory.store.drop(lambda: False)
        assert gone["sighting"] > 0
        assert gone["capture"] > 0
        assert gone["batch"] > 0
        assert asked(inventory) == before
        assert rows(inventory.store, MOUNT_HOUR) == derived == anew(inventory.store)
        assert rows(inventory.store, SIGHTING, SIGHTING.c.last_seen < SINCE) == []
        assert rows(inventory.store, CAPTURE, CAPTURE.c.end < SINCE) == []
        assert inventory.store.drop(lambda: False) == {}
        emptied(inventory)
        inventory.learn(*sweeps())


def test_a_silence_is_as_long_as_it_was(inventory: Inventory) -> None:
    """Somebody who came before a hole, all of it forgotten: the verdict needs as long a window as it did."""
    seen = [
        (at, at + 599) for at in range(BEGIN, END, 600) if not SINCE - 2 * HOUR < at < SINCE - HOUR
    ]
    inventory.record(batch([own_row(BEGIN, BEGIN + 300)], seen, slot=(BEGIN, END)))
    whole = Asked(since=SINCE + HOUR, until=END)
    before = inventory.answers.check_delete(FS, whole).answer
    hidden = [one for one in before["reasons"] if one["code"] == "WINDOW_SHORTER_THAN_RHYTHM"]
    assert hidden
    forgotten(inventory)
    assert inventory.answers.check_delete(FS, whole).answer["reasons"] == before["reasons"]
    accepted = inventory.answers.check_delete(FS, replace(whole, accept_blind=2 * HOUR)).answer
    assert (
        accepted["longest_silence_days"] == 0
    )  # the hole does not count, and before it he was there once


def test_a_hole_of_several_reasons_before_the_window_is_one(inventory: Inventory) -> None:
    """As in the window: none of its parts alone is longer than what is accepted."""
    begin = SINCE - DAY
    seen = [(at, at + 599) for at in range(BEGIN, END, 600) if not begin <= at < begin + 6000]
    skipped = [(begin + 2000, begin + 3999)]
    use = own_row(BEGIN, BEGIN + 300)
    inventory.record(batch([use], seen, skipped=skipped, slot=(BEGIN, END)))
    whole = Asked(since=SINCE + HOUR, until=END, accept_blind=3000)
    before = inventory.answers.check_delete(FS, whole).answer
    assert before["longest_silence_days"] == 1.1
    forgotten(inventory)
    after = inventory.answers.check_delete(FS, whole).answer
    assert after["longest_silence_days"] == before["longest_silence_days"]


def test_what_was_never_used_stays_quiet(inventory: Inventory) -> None:
    seen = [(at, at + 599) for at in range(BEGIN, END, 600)]
    inventory.record(batch([], seen, slot=(BEGIN, END)))
    whole = Asked(since=SINCE + HOUR, until=END)
    before = inventory.answers.check_delete(FS, whole).answer
    forgotten(inventory)
    after = inventory.answers.check_delete(FS, whole).answer
    assert after["reasons"] == before["reasons"]
    assert after["longest_silence_days"] is None


def test_twice_by_parts_remembers_what_once_does(inventory: Inventory) -> None:
    """A hole across the moment up to which it was forgotten first is as long as it is."""
    middle = SINCE - DAY
    seen = [
        (at, at + 599) for at in range(BEGIN, END, 600) if not middle - 2400 <= at < middle + 2400
    ]
    inventory.record(batch([own_row(BEGIN, BEGIN + 300)], seen, slot=(BEGIN, END)))
    whole = Asked(since=SINCE + HOUR, until=END, accept_blind=3600)
    before = inventory.answers.check_delete(FS, whole).answer
    forgotten(inventory, since=middle)
    forgotten(inventory, since=SINCE)
    after = inventory.answers.check_delete(FS, whole).answer
    assert after["longest_silence_days"] == before["longest_silence_days"] > 0.9


def test_what_was_not_remembered_stays_hidden_when_more_is_forgotten(inventory: Inventory) -> None:
    """Learnt of while it was written down, or by another account's sweep then: nobody can tell whether somebody looked."""
    middle = SINCE - DAY
    seen = [(at, at + 599) for at in range(BEGIN, END, 600)]
    inventory.record(batch([own_row(BEGIN, BEGIN + 300)], seen, slot=(BEGIN, END)))
    inventory.store.keep(Kept(middle))
    whole = Asked(since=SINCE + HOUR, until=END)
    before = inventory.answers.check_delete(FS, whole).answer
    assert before["longest_silence_days"] == 1
    forgotten(inventory)
    after = inventory.answers.check_delete(FS, whole).answer
    assert after["longest_silence_days"] == before["longest_silence_days"]
    assert after["reasons"] == before["reasons"]


def test_a_hole_before_all_that_was_read_is_remembered(inventory: Inventory) -> None:
    """What the oldest file showed stays when it cannot be read again, and then nobody knows what else it holds."""
    middle = BEGIN + 12 * HOUR
    oldest = batch([own_row(BEGIN, BEGIN + 300)], [], key="a.log", slot=(BEGIN, middle))
    seen = [(at, at + 599) for at in range(middle, END, 600)]
    inventory.record(oldest, batch([], seen, key="b.log", slot=(middle, END)))
    again = batch(key="a.log", state=BatchState.FAILED, problem="cut", slot=(BEGIN, middle))
    inventory.record(replace(again, ref=replace(again.ref, version="2")))
    whole = Asked(since=SINCE + HOUR, until=END)
    before = inventory.answers.check_delete(FS, whole).answer
    assert before["longest_silence_days"] == 0.5
    forgotten(inventory)
    after = inventory.answers.check_delete(FS, whole).answer
    assert after["longest_silence_days"] == before["longest_silence_days"]


# -- what is forgotten ---------------------------------------------------------------------------------------------------------------------


def test_time_that_is_forgotten_was_not_looked_at(inventory: Inventory) -> None:
    inventory.record(
        batch([], [(at, at + 599) for at in range(BEGIN, END, 600)], slot=(BEGIN, END))
    )
    seen = inventory.answers.who(FS, BEGIN + HOUR, END - HOUR)["coverage"]
    assert seen["complete"]
    forgotten(inventory, drop=False)
    told = inventory.answers.who(FS, BEGIN + HOUR, END - HOUR)["coverage"]
    assert [(gap["start"], gap["end"], gap["reason"]) for gap in told["gaps"]] == [
        (iso(BEGIN + HOUR), iso(SINCE), "forgotten")
    ]
    assert told["visible_since"] == iso(SINCE)
    inventory.store.drop(lambda: False)
    assert inventory.answers.who(FS, BEGIN + HOUR, END - HOUR)["coverage"] == told


def test_no_verdict_becomes_quiet(inventory: Inventory) -> None:
    seen = [(at, at + 599) for at in range(BEGIN, END, 600)]
    inventory.record(batch([own_row(SINCE - 9000, SINCE - 8400)], seen, slot=(BEGIN, END)))
    forgotten(inventory)
    codes = {}
    for since in (SINCE - 3 * HOUR, SINCE - HOUR, SINCE + HOUR):
        told = inventory.answers.check_delete(FS, Asked(since=since, until=END)).answer
        codes[since] = {one["code"] for one in told["reasons"] if one["severity"] == "blocking"}
    assert {"MOUNTED_IN_WINDOW", "BLIND"} <= codes[SINCE - 3 * HOUR]
    assert "BLIND" in codes[SINCE - HOUR]
    assert "BLIND" not in codes[SINCE + HOUR]
    by_default = inventory.answers.check_delete(FS, Asked(until=END)).answer
    assert by_default["window"]["since"] == iso(SINCE)


def sparse(seed: int) -> list[Batch]:
    """Days of which hardly anything is to be seen, and some of it nobody saw."""
    chance = random.Random(seed)
    holes = [chance.randrange(BEGIN, END) for _ in range(chance.randrange(4))]
    seen = [
        (at, at + 599)
        for at in range(BEGIN, END, 600)
        if not any(hole <= at < hole + 3000 for hole in holes)
    ]
    uses = [chance.choice(seen)[0] for _ in range(chance.randrange(4))]
    rows = [own_row(at, at + 500, client=chance.choice((ADDRESS, "10.0.3.99"))) for at in uses]
    return [batch(rows, seen, key=f"{seed}.log", slot=(BEGIN, END))]


def verdicts(inventory: Inventory) -> list[str]:
    """Of windows that begin before the moment and after it, as they are and with short holes accepted."""
    starts = range(BEGIN + HOUR, END - HOUR, 23 * HOUR)
    asked = [Asked(start, END, accept_blind=accepted) for start in starts for accepted in (0, 3600)]
    return [inventory.answers.check_delete(FS, one).answer["verdict"] for one in asked]


def test_forgetting_never_makes_a_verdict_quiet(
    sqlite_database_url: str, programme: Programme, tmp_path: Path
) -> None:
    """Whatever window is asked about; and what is QUIET by what is kept still is."""
    swept(sqlite_database_url)
    pairs: Counter[tuple[str, str]] = Counter()
    settings = Settings(
        verdict=VerdictSettings.model_validate({"min_window": "1h"}),
        discover=DiscoverSettings.model_validate({"references": []}),
    )
    for seed in programme.cases("sparse histories forgotten", range(500), 2):
        copy = tmp_path / f"{seed}.db"
        shutil.copy(sqlite_database_url.removeprefix("sqlite:///"), copy)
        with Store.open(f"sqlite:///{copy}", write=True) as store:
            inventory = Inventory(store, settings)
            inventory.record(*sparse(seed))
            before = verdicts(inventory)
            forgotten(inventory, since=SINCE - DAY)
            forgotten(inventory)
            pairs.update(zip(before, verdicts(inventory), strict=True))
    assert [pair for pair in pairs if pair[1] == "QUIET" != pair[0]] == []
    assert pairs["IN_USE", "UNKNOWN"] == 0
    assert pairs["QUIET", "QUIET"] > 0
    assert pairs["QUIET", "UNKNOWN"] > 0


def test_old_mounts_are_told_without_evidence_until_they_go_too(inventory: Inventory) -> None:
    seen = [(at, at + 599) for at in range(BEGIN, END, 600)]
    stays = [own_row(at, at + 590) for at in (BEGIN, BEGIN + 600, BEGIN + 9000, BEGIN + 9600)]
    inventory.record(
        batch(
            stays,
            [one for one in seen if one[0] < SINCE - HOUR],
            key="old.log",
            slot=(BEGIN, SINCE - HOUR),
        )
    )
    inventory.record(batch([], [one for one in seen if one[0] >= SINCE - HOUR], key="new.log"))
    (before,) = inventory.answers.who(FS, BEGIN, END)["mounts"]
    forgotten(inventory)
    (after,) = inventory.answers.who(FS, BEGIN + 300, END)["mounts"]  # cuts an hour without facts
    assert after["evidence"] is None
    assert (after["packets"], after["state"]) == (before["packets"], "ended")
    assert [one["ended_reason"] for one in after["intervals"]] == ["forgotten", "gap"]
    assert [one["end"] for one in after["intervals"]] == [one["end"] for one in before["intervals"]]
    inventory.store.keep(Kept(mounts=SINCE - DAY))
    inventory.store.drop(lambda: False)
    assert inventory.answers.who(FS, BEGIN, END)["mounts"] == []
    assert count(inventory, MOUNT_HOUR) == count(inventory, CLIENT) == 0


def test_the_feed_buries_a_mount_when_it_goes_and_not_before(inventory: Inventory) -> None:
    notify = NotifySettings.model_validate({"gone_after": "90d"})
    settings = inventory.settings.model_copy(update={"notify": notify})
    inventory.record(
        batch([own_row(BEGIN, BEGIN + 590)], [(at, at + 599) for at in range(BEGIN, END, 600)])
    )

    def told(after: int) -> tuple[list[tuple[str, bool]], int]:
        position = feed.refresh(inventory.store, settings)
        with inventory.store.reading() as conn:
            new = [(one.record_type, one.gone) for one in stored.since(conn, after)]
        return [one for one in new if one[0] != "file_system"], position.sequence

    first, at = told(0)
    assert first == [("client", False), ("mount", False)]
    forgotten(inventory)
    again, at = told(at)
    assert ("mount", True) not in again
    inventory.store.keep(Kept(mounts=SINCE - DAY))
    inventory.store.drop(lambda: False)
    last, at = told(at)
    assert last == [("mount", True), ("client", True)]
    assert told(at) == ([], at)


# -- what comes late -----------------------------------------------------------------------------------------------------------------------


def test_what_comes_late_for_forgotten_time_counts_nothing(inventory: Inventory) -> None:
    inventory.record(*history(3))
    forgotten(inventory)
    before, derived = asked(inventory), rows(inventory.store, MOUNT_HOUR)
    late = [
        own_row(at, at + 600, client="10.0.3.99") for at in (BEGIN + 60, SINCE - 7300, SINCE - 300)
    ]
    inventory.record(
        batch(late[:2], [(BEGIN, SINCE - 7000)], key="late.log", slot=(BEGIN, SINCE - 6700))
    )
    inventory.record(batch(late, [(BEGIN, SINCE - 600)], key="nameless.log"))
    assert asked(inventory) == before
    assert rows(inventory.store, MOUNT_HOUR) == derived == anew(inventory.store)
    kept = rows(inventory.store, SIGHTING, SIGHTING.c.first_seen == SINCE - 300)
    assert len(kept) == 1  # the next hour is derived with it
    inventory.store.drop(lambda: False)
    assert "late.log" not in inventory.store.done("logs")
    assert inventory.store.done("logs")["nameless.log"][1] is BatchState.DONE


def test_a_batch_without_a_time_in_its_name_is_known_as_long_as_it_is_there(
    inventory: Inventory,
) -> None:
    inventory.record(batch([own_row(BEGIN, BEGIN + 590)], [(BEGIN, BEGIN + 599)], key="old"))
    inventory.record(batch([], [(SINCE, END)], key="new"))
    forgotten(inventory)
    assert set(inventory.store.done("logs")) == {"old", "new"}
    inventory.store.forget("logs", {"old", "new"})
    assert set(inventory.store.done("logs")) == {"old", "new"}
    inventory.store.forget("logs", {"new"})
    assert set(inventory.store.done("logs")) == {"new"}


@pytest.mark.parametrize("state", [BatchState.FAILED, BatchState.PARTIAL])
def test_what_could_not_be_read_to_its_end_stays_a_hole(
    inventory: Inventory, state: BatchState
) -> None:
    """Its last good record is old, but nobody knows how far it went on: that it is not listed any more does not tell."""
    inventory.record(
        batch([], [(BEGIN, BEGIN + HOUR)], key="grows.log"),
        batch([], [(BEGIN + HOUR, END)], key="other.log"),
    )
    rows = [] if state is BatchState.FAILED else [(BEGIN, BEGIN + HOUR)]
    again = batch([], rows, key="grows.log", state=state, problem="cut")
    inventory.record(replace(again, ref=replace(again.ref, version="2")))

    def coverage() -> Any:  # noqa: ANN401 - JSON
        return since_kept(inventory.answers.who(FS, SINCE + 2 * HOUR, END)["coverage"])

    before = coverage()
    assert {gap["reason"] for gap in before["gaps"]} == {"batch_failed"}
    forgotten(inventory)
    inventory.store.forget("logs", {"other.log"})
    assert coverage() == before


def test_later_knowledge_renames_what_has_facts_and_nothing_else(inventory: Inventory) -> None:
    stays = [own_row(at, at + 590, client="10.0.3.99") for at in (SINCE - 7200, SINCE + 7200)]
    inventory.record(batch(stays, [(BEGIN, END)], slot=(BEGIN, END)))
    forgotten(inventory)
    old = rows(inventory.store, MOUNT_HOUR, MOUNT_HOUR.c.hour < SINCE)
    machine = machine_eni("eni-0000000000other01", "10.0.3.99", instance_id="i-0000000000other01")
    things = (*THINGS[:-1], machine, instance("i-0000000000other01"))
    inventory.learn(*(sweep(at + 60, *things) for at in range(BEGIN, END, 6 * HOUR)))
    assert rows(inventory.store, MOUNT_HOUR, MOUNT_HOUR.c.hour < SINCE) == old != []
    (one,) = inventory.answers.who(FS, SINCE + HOUR, END)["mounts"]
    assert one["client"]["id"] == "i-0000000000other01"


def test_a_flow_log_of_rejections_is_known_for_one_when_they_are_forgotten(
    inventory: Inventory,
) -> None:
    """No sweep tells its type: what it shows of other ports proves nothing, then as before."""
    rejected = own_row(BEGIN, BEGIN + 60, action="REJECT", responses=0)
    inventory.record(
        batch([rejected], [(BEGIN, BEGIN + HOUR)], key="old.log", slot=(BEGIN, BEGIN + HOUR)),
        batch([], [(BEGIN + HOUR, END)], key="new.log"),
    )

    def coverage() -> Any:  # noqa: ANN401 - JSON
        return inventory.answers.who(FS, SINCE + 2 * HOUR, END)["coverage"]

    before = coverage()
    assert {gap["reason"] for gap in before["gaps"]} == {"reject_only"}
    for moment in (SINCE - DAY, SINCE):  # the second time nothing is left that tells it
        forgotten(inventory, since=moment)
    assert count(inventory, SIGHTING) == 0
    assert since_kept(coverage()) == since_kept(before)


def test_whatever_is_forgotten_at_once_is_looked_through_by_the_day(inventory: Inventory) -> None:
    """A retention that was made a year shorter: on PostgreSQL no statement may take longer than half a minute."""
    inventory.record(*history(2))
    statements: list[str] = []

    def heard(*given: Any) -> None:
        statements.append(given[2])

    with inventory.store.writing() as conn:
        event.listen(conn, "before_cursor_execute", heard)
        rejections.remember(conn, SINCE)
    looked = [one for one in statements if "DISTINCT" in one]
    assert len(looked) == (SINCE - BEGIN) // DAY


def test_the_number_of_a_batch_is_never_given_to_another(inventory: Inventory) -> None:
    """Mounts name their evidence by it, and outlive it."""
    inventory.record(batch([], [(SINCE, END)], key="new", slot=(SINCE, END)))
    inventory.record(
        batch(
            [own_row(BEGIN, BEGIN + 590)],
            [(BEGIN, BEGIN + 599)],
            key="old",
            slot=(BEGIN, BEGIN + 600),
        )
    )
    forgotten(inventory)
    inventory.record(batch([], [(END, END + 599)], key="next", slot=(END, END + 600)))
    forgotten(inventory)
    (mount,) = inventory.answers.who(FS, BEGIN, END)["mounts"]
    assert mount["evidence"] is None
    assert set(inventory.store.done("logs")) == {"new", "next"}


def test_joined_batches_go_with_their_facts(inventory: Inventory) -> None:
    inventory.record(
        *(
            batch([own_row(at, at + 290)], [(at, at + 290)], key=f"{at}", slot=(at, at + 300))
            for at in range(SINCE - 3 * HOUR, SINCE + 2 * HOUR, 300)
        )
    )
    inventory.store.compact(END, Networks(), lambda: False)
    joined = count(inventory, JOINED)
    forgotten(inventory)
    assert 0 < count(inventory, JOINED) < joined
    # What lies in the last hour may reach beyond it.
    assert {int(key) for key in inventory.store.done("logs")} >= set(
        range(SINCE - HOUR, SINCE, 300)
    )
    assert min(int(key) for key in inventory.store.done("logs")) >= SINCE - HOUR - 300


@pytest.mark.parametrize("times", [3])
def test_a_few_rows_at_a_time(
    inventory: Inventory, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """Stopped before each transaction in turn, it comes to the same end, and no answer changes on the way."""
    monkeypatch.setattr(forget, "ROWS", 40)
    inventory.record(*history(5))
    forgotten(inventory, drop=False)
    before, steps = asked(inventory), 0
    while True:
        left = iter([False] * times)
        gone = inventory.store.drop(lambda left=left: next(left, True))  # type: ignore[misc]
        steps += 1
        if not gone:
            break
    assert steps > 5
    assert asked(inventory) == before
    assert inventory.store.drop(lambda: False) == {}
    assert rows(inventory.store, BATCH, BATCH.c.slot_end <= SINCE - HOUR) == []


def test_the_place_of_a_file_system_is_its_key(inventory: Inventory) -> None:
    inventory.record(*history(1))
    told = memories(inventory)
    assert set(told) == {FileSystemKey(ACCOUNT, REGION, FS)}
    assert told[FileSystemKey(ACCOUNT, REGION, FS)].looked == BEGIN
