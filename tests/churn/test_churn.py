"""Addresses pass from hand to hand within two minutes: who was it then?

Ten-minute tasks in a /26, sweeps at their pace with every third failing, flow logs that name neither instance nor task.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from inventory.answers import Answers
from inventory.config import Settings
from inventory.store import Store, mounts
from tests.churn import feeding
from tests.churn.measuring import Figures, measured
from tests.churn.plan import FILE_SYSTEMS, HOUR, START, Churn, churn
from tests.churn.sweeping import sweeps
from tests.churn.traffic import FILE, Record, Seeing, records, write
from tests.conftest import Programme

Count = Callable[[str, int], None]

SEEINGS = (
    Seeing("both ends by the minute", "v5", clients=True),
    Seeing("mount targets alone by the minute", "v2"),
    Seeing("mount targets alone by ten minutes", "v2", aggregation=600),
    Seeing("mount targets alone with next hop", "v11"),
    Seeing("both ends by ten minutes, late", "v5", aggregation=600, clients=True, late=True),
    Seeing("mount targets alone by the minute, late", "v2", late=True),
    Seeing("mount targets alone by ten minutes, late", "v2", aggregation=600, late=True),
)
"""Late ones bear times that are up to a minute off, which AWS allows."""

ALONE, ALONE_LATE = SEEINGS[1], SEEINGS[5]


def _as_it_was_read(_store: Store) -> None:
    """Nothing happens to it."""


def _derived_again(store: Store) -> None:
    """Every mount from every fact and all that is known."""
    topology = store.knowledge().topology
    store.write(
        lambda conn: mounts.rebuild(
            conn, mounts.units_between(conn, None), topology, feeding.NOBODY
        )
    )


STATES: tuple[Callable[[Store], None], ...] = (_as_it_was_read, _derived_again)
"""What may be done to a database without making its answers worse, in this order. The figures are the sum over all of them."""


@pytest.fixture
def store(sqlite_database_url: str) -> Iterator[Store]:
    with Store.open(sqlite_database_url, write=True) as opened:
        opened.upgrade()
        yield opened


def read(store: Store, what: Churn, seeing: Seeing, folder: Path, step: int) -> list[Record]:
    """Everything, as a daemon reads it; what was there to read."""
    made = list(records(what, seeing))
    files = write(folder / "to come", what, seeing, made)
    for _ in feeding.as_a_daemon(store, sweeps(what), files, folder / "logs", step):
        pass
    return made


def check(figures: Figures, seeing: Seeing) -> None:
    """Where times are a minute off, the last words of a task are inferred to be its; that is all the difference it may make."""
    assert not figures.wrong, f"{seeing.name}: {figures}\n" + "\n".join(figures.wrong[:20])
    exact, named = figures.exact_share, figures.named_share
    if seeing.late:
        exact, named = exact + 0.02, figures.known_share
    assert exact >= 0.95, f"{seeing.name}: {figures}\n{figures.missed}"
    assert named >= 0.99, f"{seeing.name}: {figures}\n{figures.missed}"


def tell(count: Count, seeing: Seeing, figures: Figures) -> None:
    for what, number in (
        ("addresses in a slot", figures.units),
        ("named exactly", figures.exact),
        ("among candidates", figures.candidates),
        ("inferred", figures.inferred),
        ("wrong", len(figures.wrong)),
    ):
        count(f"churn, {seeing.name}: {what}", number)


@pytest.mark.parametrize("seeing", SEEINGS, ids=lambda seeing: seeing.name)
@pytest.mark.timeout(3500)
def test_short_lived_clients_are_told_apart(
    seeing: Seeing, tmp_path: Path, store: Store, programme: Programme, count: Count
) -> None:
    hours = programme.size("hours of churn", 50, 2)
    what = churn(programme.seed, hours)
    made = read(store, what, seeing, tmp_path, 5 * HOUR if programme.whole else HOUR)
    for state in STATES:
        state(store)
        figures = measured(store, made)
        check(figures, seeing)
        tell(count, seeing, figures)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("seeing", SEEINGS, ids=lambda seeing: seeing.name)
def test_other_seeds(seeing: Seeing, seed: int, tmp_path: Path, store: Store, count: Count) -> None:
    made = read(store, churn(seed, 4), seeing, tmp_path, HOUR)
    check(figures := measured(store, made), seeing)
    tell(count, seeing, figures)


def test_on_either_database(tmp_path: Path, database_url: str) -> None:
    with Store.open(database_url, write=True) as opened:
        opened.upgrade()
        made = read(opened, churn(1, 1), ALONE, tmp_path, HOUR)
        check(measured(opened, made), ALONE)


@pytest.mark.parametrize("seeing", [ALONE, ALONE_LATE], ids=lambda seeing: seeing.name)
def test_nobody_is_named_for_sure_before_it_is_sure(
    seeing: Seeing, tmp_path: Path, store: Store, programme: Programme
) -> None:
    """Half an hour after half an hour, when tasks that ended are not known yet: a name may be missing, but none is exact and wrong."""
    what = churn(programme.seed, programme.size("hours of churn, step by step", 6, 1))
    made = list(records(what, seeing))
    files = write(tmp_path / "to come", what, seeing, made)
    for now in feeding.as_a_daemon(store, sweeps(what), files, tmp_path / "logs", HOUR // 2):
        seen = [record for record in made if record.end - record.end % FILE + FILE <= now]
        wrong = measured(store, seen).wrong if seen else []
        assert not [one for one in wrong if "exact by" in one]


def asked(store: Store, what: Churn) -> str:
    """Every answer about the churn."""
    answers = Answers(store, Settings())
    window = (START - HOUR, what.end + 2 * HOUR)
    every = [
        answers.who(fs.id, *window, by) for fs in FILE_SYSTEMS for by in ("client", "workload")
    ]
    return json.dumps([answers.list(), *every], indent=1)


def test_logs_read_before_any_sweep_give_the_same_answers(
    tmp_path: Path, sqlite_database_url: str, store: Store, programme: Programme
) -> None:
    """To the byte: what was read long ago gets its names when sweeps tell them."""
    seeing = programme.cases("ways of seeing, sweeps last", SEEINGS, 1)
    what = churn(programme.seed, 2)
    for number, one in enumerate(seeing):
        told = [
            _told(tmp_path / f"{number} {way.__name__}", what, one, way)
            for way in (_sweeps_with_logs, _logs_first)
        ]
        assert told[0] == told[1]


def _told(folder: Path, what: Churn, seeing: Seeing, way: Callable[..., Iterable[int]]) -> str:
    files = write(folder / "to come", what, seeing, records(what, seeing))
    with Store.open(f"sqlite:///{folder}/churn.db", write=True) as store:
        store.upgrade()
        for _ in way(store, sweeps(what), files, folder / "logs"):
            pass
        return asked(store, what)


_sweeps_with_logs = feeding.as_a_daemon


def _logs_first(
    store: Store, later: Iterable, files: dict[int, Path], folder: Path
) -> Iterator[int]:
    folder.mkdir()
    for path in files.values():
        path.rename(folder / path.name)
    feeding.collect(store, folder)
    feeding.learn(store, list(later))
    feeding.collect(store, folder)
    yield from ()


def test_the_measure_sees_an_owner_who_was_not_there(tmp_path: Path, store: Store) -> None:
    made = read(store, churn(2, 1), ALONE, tmp_path, HOUR)
    assert not measured(store, made).wrong
    swapped = [
        record._replace(use=other.use)
        for record, other in zip(made, reversed(made), strict=True)
        if record.use.address != other.use.address
    ]
    assert measured(store, swapped).wrong
