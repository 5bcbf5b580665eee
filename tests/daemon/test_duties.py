"""When duties are tried, and what becomes of those that fail; by made-up clocks, on both databases."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import text

from inventory.daemon import duties
from inventory.daemon.duties import LONGEST, Duty, Ending, Roster
from inventory.errors import SourceError
from inventory.store import DutyRow, Store
from tests.store.test_locks import holder

NOW = 1_762_179_600


@dataclass
class Bench:
    """A roster, its clocks, and what it told."""

    store: Store
    seconds: float = 0.0
    step: int = 0
    over: bool = False
    endings: list[tuple[str, Ending]] = field(default_factory=list)
    roster: Roster = field(init=False)

    def __post_init__(self) -> None:
        self.roster = Roster(
            self.store,
            clock=lambda: NOW + int(self.seconds) + self.step,
            monotonic=lambda: self.seconds,
            is_over=lambda: self.over,
            heard=lambda duty, ending, _: self.endings.append((duty.name, ending)),
            chance=random.Random(1),
        )

    def run(self, duty: Duty, seconds: int, every: int = 5) -> list[int]:
        """Let time pass, in ticks; the moments at which the duty was tried."""
        tried: list[int] = []
        for _ in range(0, seconds, every):
            before = len(self.endings)
            self.roster.turn(duty)
            if len(self.endings) > before:
                tried.append(int(self.seconds))
            self.seconds += every
        return tried


@pytest.fixture
def bench(database_url: str) -> Iterator[Bench]:
    with Store.open(database_url, write=True) as store:
        store.upgrade()
        with store.alone("run", 5):
            made = Bench(store)
            yield made
            made.roster.close()


def done(_duty: Duty, _store: Store) -> Ending:
    return Ending.DONE


def broken(_duty: Duty, _store: Store) -> Ending:
    message = "the bucket is away"
    raise SourceError(message, hint="wait")


def duty(work: Callable[[Duty, Store], Ending] = done, name: str = "source a") -> Duty:
    return Duty(name, name, 60, work)


def test_a_duty_that_rests_holds_no_connection_to_sqlite(sqlite_database_url: str) -> None:
    """Each would keep up to 32 MiB of pages from one trying to the next."""
    file = sqlite_database_url.removeprefix("sqlite:///")

    def opened() -> int:
        links = Path("/proc/self/fd").iterdir()
        return sum(file in str(one.readlink()) for one in links if one.is_symlink())

    held: list[int] = []

    def work(_: Duty, store: Store) -> Ending:
        with store.reading(), store.writing():
            held.append(opened())
        return Ending.DONE

    with Store.open(sqlite_database_url, write=True) as store:
        store.upgrade()
        store.rest()
        before = opened()
        bench = Bench(store)
        bench.run(duty(work), 130)
        bench.run(duty(broken, "source b"), 30)
        assert len(held) == 3
        assert min(held) > before
        assert opened() == before


def test_a_duty_is_tried_as_often_as_it_says(bench: Bench) -> None:
    tried = bench.run(duty(), 600)
    assert 10 <= len(tried) <= 11
    assert tried[0] == 0
    row = bench.store.duties()["source a"]
    assert row.failures == 0
    assert row.done_at == row.tried_at == NOW + tried[-1]


def test_a_failing_one_waits_longer_each_time_and_holds_up_no_other(bench: Bench) -> None:
    bad, good = duty(broken, "source bad"), duty(done, "source good")
    bad_tries: list[int] = []
    good_tries: list[int] = []
    for _ in range(480):
        bad_tries += bench.run(bad, 5)
        bench.seconds -= 5
        good_tries += bench.run(good, 5)
    waits = [after - before for before, after in pairwise(bad_tries)]
    assert max(waits) <= LONGEST + 5
    assert waits[0] < 20
    assert len(bad_tries) < 20
    assert len(good_tries) >= 39
    assert len(set(waits[5:])) > 2  # jitter
    row = bench.store.duties()["source bad"]
    assert (row.done_at, row.failures) == (None, len(bad_tries))
    assert row.problem == "the bucket is away (wait)"


def test_one_that_gets_well_goes_on_at_its_own_pace(bench: Bench) -> None:
    one = duty(broken)
    bench.run(one, 600)
    one.work = done
    tried = bench.run(one, 900)
    assert tried[0] - 600 <= LONGEST
    assert one.failures == 0
    assert bench.store.duties()["source a"].problem == ""
    assert len(tried) >= (900 - LONGEST) // 60


def test_a_bug_is_told_and_ends_nothing(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    one = duty(lambda *_: Ending.DONE if bench.seconds > 100 else 1 / 0)  # type: ignore[arg-type]
    bench.run(one, 300)
    assert "report it" in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert one.failures == 0


@pytest.mark.parametrize("step", [-86_400, -3600, 3600, 10 * 365 * 86_400])
def test_whoever_puts_the_clock_holds_nothing_up(bench: Bench, step: int) -> None:
    one = duty()
    bench.run(one, 300)
    bench.step = step
    assert 4 <= len(bench.run(one, 300)) <= 6


def test_what_another_process_has_just_done_is_not_done_again(bench: Bench) -> None:
    bench.store.note(DutyRow("source a", NOW - 20, NOW - 20, 0, "", "process 1 on another"))
    one = duty()
    bench.run(one, 35)
    assert [ending for _, ending in bench.endings] == [Ending.ELSEWHERE]
    assert one.done_at == -20
    bench.run(one, 30)
    assert bench.endings[-1] == ("source a", Ending.DONE)


def test_what_another_process_did_in_the_future_tells_nothing(bench: Bench) -> None:
    bench.store.note(DutyRow("source a", NOW + 3600, NOW + 3600, 0, "", "process 1 on another"))
    bench.run(duty(), 5)
    assert bench.endings == [("source a", Ending.DONE)]


def test_what_another_process_holds_is_skipped_and_taken_over(
    postgres_database_url: str,
) -> None:
    with Store.open(postgres_database_url, write=True) as store:
        store.upgrade()
        bench, one = Bench(store), duty(name="source s")
        with holder(postgres_database_url) as process:
            bench.run(one, 20)
            assert {ending for _, ending in bench.endings} == {Ending.ELSEWHERE}
            assert f"process {process.pid}" in one.elsewhere
            process.kill()
            process.wait()
            bench.run(one, 10)
        assert bench.endings[-1] == ("source s", Ending.DONE)
        assert one.elsewhere == ""
        bench.roster.close()


def test_two_duties_of_one_lock_take_turns(bench: Bench) -> None:
    inner = Duty("resolve", "discover", 60, done)

    def work(_duty: Duty, _store: Store) -> Ending:
        bench.roster.turn(inner)
        return Ending.DONE

    outer = Duty("sweep", "discover", 60, work)
    bench.run(outer, 5)
    assert bench.endings == [("resolve", Ending.ELSEWHERE), ("sweep", Ending.DONE)]
    assert inner.elsewhere == ""
    bench.run(inner, 5)
    assert bench.endings[-1] == ("resolve", Ending.DONE)


def test_a_duty_is_never_tried_twice_at_a_time(bench: Bench) -> None:
    def work(again: Duty, _store: Store) -> Ending:
        bench.roster.turn(again)
        return Ending.DONE

    one = duty(work)
    bench.run(one, 5)
    assert bench.endings == [("source a", Ending.DONE)]


def test_nothing_is_begun_when_the_program_stops(bench: Bench) -> None:
    bench.over = True
    assert bench.run(duty(), 60) == []


def test_a_database_of_a_newer_program_is_left_alone(bench: Bench) -> None:
    one = duty()
    bench.run(one, 5)
    with bench.store.writing() as conn:
        conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    bench.run(one, 120)
    assert "newer than this program" in one.problem
    assert bench.endings.count(("source a", Ending.DONE)) == 1


def test_hurry_lets_all_be_tried_at_once(bench: Bench) -> None:
    one = duty(broken)
    bench.run(one, 100)
    duties.hurry([one])
    assert bench.run(one, 5) == [100]
