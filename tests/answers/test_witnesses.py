"""What CloudWatch tells of a file system: bridged holes, somebody unseen, mounted without I/O; on both databases."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from inventory.answers import Asked
from inventory.config import ClientsSettings, Settings
from inventory.discover import calls, datapoints
from inventory.discover.calls import SWEPT
from inventory.model import (
    CLIENT_CONNECTIONS,
    DATA_READ,
    DATA_WRITE,
    DAY,
    IO_METRICS,
    CallState,
    Sighting,
    Span,
    Sweep,
    epoch,
    iso,
)
from inventory.store import Kept, Store
from tests.answers.conftest import USUAL, Filled, Inventory, batch, own_row, sweep, upgraded
from tests.builders import (
    ACCOUNT,
    CLIENT,
    FS,
    REGION,
    TARGET,
    T,
    eni,
    file_system,
    mount_target,
)

HOUR, MINUTE = 3600, 60
BEGIN = T - T % DAY + DAY
"""A midnight: periods of every length begin there."""
END = BEGIN + 40 * DAY
HOLE = (END - 10 * DAY, END - 9 * DAY)
OTHER = "fs-0fedcba9876543210"
OTHER_TARGET, OTHER_ENI, OTHER_SERVER = (
    "fsmt-0fedcba9876543210",
    "eni-0fedcba9876543210",
    "10.0.9.9",
)
STRANGER = "444455556666"

Points = dict[int, float]


def sums(start: int, end: int, value: float = 0, period: int = MINUTE) -> Points:
    """The same sum in each period."""
    return dict.fromkeys(range(start, end, period), value)


def row(
    metric: str, points: Points, *, fs: str = FS, period: int = MINUTE, status: str = "Complete"
) -> dict[str, Any]:
    """As GetMetricData answers."""
    return {
        "Id": "q0",
        "Label": f"{fs} {metric} {period}",
        "Timestamps": [iso(moment) for moment in points],
        "Values": list(points.values()),
        "StatusCode": status,
    }


def told(*rows: dict[str, Any], at: int = END + HOUR, account: str = ACCOUNT) -> Sweep:
    """A sweep that asked for metrics alone."""
    answer = calls.read_answer(datapoints.CALL, {datapoints.KEY: list(rows)})
    return calls.sweep(
        f"metrics-{at}", at, account, REGION, {datapoints.CALL: answer}, asked=(datapoints.CALL,)
    )


def connections(points: Points, **of: Any) -> dict[str, Any]:
    return row(CLIENT_CONNECTIONS, points, **of)


def proof(moment: int = BEGIN + DAY) -> dict[str, Any]:
    """Of the other file system, which somebody mounts for an hour: above zero while it is, zero around it."""
    points = sums(moment - HOUR, moment + 2 * HOUR) | sums(moment, moment + HOUR + MINUTE, 1)
    return connections(points, fs=OTHER)


MOUNTED = (BEGIN + DAY, BEGIN + DAY + HOUR)
"""When somebody mounted the other file system."""


def elsewhere(span: Span = MOUNTED) -> Sighting:
    return own_row(*span, server=OTHER_SERVER, interface_id=OTHER_ENI)


def everywhere(*things: Any) -> tuple[Any, ...]:
    """The usual things, and another file system with a mount target of its own."""
    other = file_system(
        OTHER,
        arn=f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}:file-system/{OTHER}",
        name="other",
    )
    target = mount_target(
        OTHER_TARGET, OTHER_SERVER, file_system_id=OTHER, network_interface_id=OTHER_ENI
    )
    return (*(things or USUAL), other, target, eni(OTHER_ENI, OTHER_SERVER))


def swept(moment: int) -> Sweep:
    return replace(
        sweep(moment, *everywhere()),
        calls=dict.fromkeys(SWEPT, CallState.WHOLE),
    )


Built = Callable[..., Inventory]


@pytest.fixture
def built(database_url: str, filled: Filled) -> Iterator[Built]:
    """Forty days in which nobody was there, with a hole of a day that nobody looked at, and somebody at the other file system."""
    filled("upgraded", upgraded)
    with Store.open(database_url, write=True) as store:

        def build(
            *rows: dict[str, Any],
            seen: Iterable[Sighting] = (),
            hole: Span = HOLE,
            at: int = END + HOUR,
            account: str = ACCOUNT,
            **options: Any,
        ) -> Inventory:
            settings = Settings(clients=ClientsSettings(**options))
            inventory = Inventory(store, settings)
            inventory.learn(*(swept(moment) for moment in (BEGIN - DAY, BEGIN, END - 60)))
            looked = [(BEGIN, hole[0] - 1), (hole[1], END - 1)]
            inventory.record(batch([elsewhere(), *seen], looked, key="logs.log"))
            inventory.learn(told(*rows, at=at, account=account))
            return inventory

        yield build


def check(inventory: Inventory, **asked: Any) -> dict[str, Any]:
    values: dict[str, Any] = {"until": END, "length": 30 * DAY}
    return inventory.answers.check_delete(FS, Asked(**(values | asked))).answer


def codes(answer: dict[str, Any]) -> list[str]:
    return [one["code"] for one in answer["reasons"]]


def blocking(answer: dict[str, Any]) -> list[str]:
    return [one["code"] for one in answer["reasons"] if one["severity"] == "blocking"]


def evidence(answer: dict[str, Any], code: str) -> dict[str, Any]:
    (found,) = [one for one in answer["reasons"] if one["code"] == code]
    return dict(found["evidence"])


# -- holes -----------------------------------------------------------------------------------------


def test_without_a_witness_a_hole_is_blind(built: Built) -> None:
    answer = check(built())
    assert (answer["verdict"], blocking(answer)) == ("UNKNOWN", ["BLIND"])
    assert answer["activity"] is None


@pytest.mark.parametrize("period", [MINUTE, DAY])
def test_a_hole_that_a_proven_metric_answered_with_zero_is_bridged(
    built: Built, period: int
) -> None:
    answer = check(built(connections(sums(*HOLE, period=period), period=period), proof()))
    assert (answer["verdict"], codes(answer)) == ("QUIET", ["NO_EVIDENCE_OF_USE", "BRIDGED"])
    assert evidence(answer, "BRIDGED")["seconds"] == DAY
    (gap,) = answer["coverage"]["gaps"]
    assert gap == {
        "start": iso(HOLE[0]),
        "end": iso(HOLE[1]),
        "reason": "no_records",
        "bridged_by": "ClientConnections",
    }
    assert answer["coverage"]["complete"]
    assert answer["coverage"]["bridged_ratio"] == pytest.approx(1 / 30, abs=1e-4)
    assert answer["coverage"]["ratio"] == pytest.approx(29 / 30, abs=1e-4)
    (target,) = answer["mount_targets"]
    assert (target["id"], target["blind_seconds"]) == (TARGET, 0)


def test_a_missing_datapoint_is_no_zero(built: Built) -> None:
    points = sums(*HOLE)
    del points[HOLE[0] + 7 * MINUTE]
    answer = check(built(connections(points), proof()))
    assert (answer["verdict"], blocking(answer)) == ("UNKNOWN", ["BLIND"])
    assert evidence(answer, "BLIND")["start"] == iso(HOLE[0] + 7 * MINUTE)
    assert answer["coverage"]["blind_seconds"] == MINUTE


def test_a_period_that_reaches_into_what_was_seen_counts_only_whole(built: Built) -> None:
    """The hole begins and ends inside hours that were not told."""
    hole = (HOLE[0] - 60, HOLE[1] + 60)
    rows = connections(sums(*HOLE, period=HOUR), period=HOUR), proof()
    answer = check(built(*rows, hole=hole))
    assert blocking(answer) == ["BLIND", "BLIND"]
    assert answer["coverage"]["blind_seconds"] == 120


@pytest.mark.parametrize("status", ["PartialData"])
def test_only_a_complete_answer_bridges(built: Built, status: str) -> None:
    answer = check(built(connections(sums(*HOLE), status=status), proof()))
    assert blocking(answer) == ["BLIND"]


def test_what_another_account_was_told_is_of_another_file_system(built: Built) -> None:
    inventory = built(proof())
    inventory.learn(told(connections(sums(*HOLE)), account=STRANGER))
    assert blocking(check(inventory)) == ["BLIND"]


def test_a_metric_that_proved_itself_elsewhere_is_not_proven_here(built: Built) -> None:
    inventory = built(connections(sums(*HOLE)))
    inventory.learn(told(proof(), account=STRANGER))
    answer = check(inventory)
    assert blocking(answer) == ["BLIND"]
    assert "METRIC_UNPROVEN" in codes(answer)


def test_zeros_of_the_last_minutes_are_not_settled(built: Built) -> None:
    at = HOLE[1] + 5 * MINUTE
    answer = check(built(connections(sums(*HOLE)), proof(), at=at))
    assert blocking(answer) == ["BLIND"]
    assert answer["coverage"]["blind_seconds"] == 10 * MINUTE


def test_an_unproven_metric_bridges_nothing(built: Built) -> None:
    answer = check(built(connections(sums(*HOLE))))
    assert blocking(answer) == ["BLIND"]
    assert "METRIC_UNPROVEN" in codes(answer)
    above = connections(sums(BEGIN + 3 * DAY, BEGIN + 3 * DAY + HOUR, 1), fs=OTHER)
    inventory = built(connections(sums(*HOLE)), above)
    assert "METRIC_UNPROVEN" in codes(check(inventory)), "nobody was seen there then"


def test_one_contradiction_disproves_it(built: Built) -> None:
    mount = (BEGIN + 5 * DAY, BEGIN + 5 * DAY + 600)
    denial = connections(sums(mount[0] + 240, mount[0] + 300), fs=OTHER)
    inventory = built(connections(sums(*HOLE)), proof(), denial, seen=[elsewhere(mount)])
    answer = check(inventory)
    assert (answer["verdict"], blocking(answer)) == ("UNKNOWN", ["BLIND"])
    assert evidence(answer, "METRIC_CONTRADICTED")["file_system_id"] == OTHER
    assert evidence(answer, "METRIC_CONTRADICTED")["start"] == iso(mount[0])


def test_a_contradiction_is_not_forgotten_with_its_flow_logs(built: Built) -> None:
    mount = (BEGIN + 5 * DAY, BEGIN + 5 * DAY + 600)
    denial = connections(sums(mount[0] + 240, mount[0] + 300), fs=OTHER)
    inventory = built(connections(sums(*HOLE)), proof(), denial, seen=[elsewhere(mount)])
    before = evidence(check(inventory), "METRIC_CONTRADICTED")
    for since in (BEGIN + 8 * DAY, BEGIN + 9 * DAY):
        inventory.store.keep(Kept(since), inventory.answers.memories(since))
        inventory.store.drop(lambda: False)
        answer = check(inventory)
        assert (answer["verdict"], blocking(answer)) == ("UNKNOWN", ["BLIND"])
        assert evidence(answer, "METRIC_CONTRADICTED") == before


def test_a_metric_that_is_disproved_bridges_no_forgotten_time_either(built: Built) -> None:
    """What was remembered of looking while it was believed is as long a silence as if it had never been."""
    since = HOLE[1] + DAY
    inventory = built(connections(sums(*HOLE)), proof())
    inventory.store.keep(Kept(since), inventory.answers.memories(since))
    lately = {"since": since + DAY, "length": None}
    assert check(inventory, **lately)["verdict"] == "QUIET"
    mount = (END - 2 * DAY, END - 2 * DAY + 600)
    inventory.record(batch([elsewhere(mount)], key="later.log"))
    inventory.learn(told(connections(sums(*mount), fs=OTHER), at=END + 2 * HOUR))
    answer = check(inventory, **lately)
    assert "METRIC_CONTRADICTED" in codes(answer)
    assert blocking(answer) == ["WINDOW_SHORTER_THAN_RHYTHM"]


def test_where_mounts_are_forgotten_nothing_is_bridged(built: Built) -> None:
    """Flow logs had shown somebody whom the metric did not: that this is given up makes nobody of him."""
    begin = BEGIN + 12 * DAY
    later = begin + 20 * DAY
    seen = [own_row(begin + 1200, begin + 1380), elsewhere((later, later + HOUR))]
    zeros = connections(sums(BEGIN, END, period=HOUR), period=HOUR)
    inventory = built(zeros, proof(later), seen=seen)
    assert check(inventory)["verdict"] == "IN_USE"
    since = begin + DAY
    inventory.store.keep(Kept(since), inventory.answers.memories(since))
    assert check(inventory)["verdict"] == "IN_USE"
    inventory.store.keep(Kept(since, since))
    inventory.store.drop(lambda: False)
    answer = check(inventory)
    assert (answer["verdict"], blocking(answer)) == ("UNKNOWN", ["BLIND"])


@pytest.mark.parametrize(
    ("mount", "zeros"),
    [
        ((0, 200), (60, 120)),
        ((0, 600), (0, 120)),
        ((0, 600), (540, 660)),
        ((0, 30), (-HOUR, HOUR)),
    ],
    ids=["short", "as it begins", "as it ends", "between two minutes"],
)
def test_at_its_edges_a_mount_and_the_metric_may_disagree(
    built: Built, mount: Span, zeros: Span
) -> None:
    begin = BEGIN + 5 * DAY
    seen = elsewhere((begin + mount[0], begin + mount[1]))
    around = connections(sums(begin + zeros[0], begin + zeros[1]), fs=OTHER)
    answer = check(built(connections(sums(*HOLE)), proof(), around, seen=[seen]))
    assert answer["verdict"] == "QUIET"


def test_an_hour_of_zero_denies_a_mount_of_some_minutes_in_it(built: Built) -> None:
    begin = BEGIN + 5 * DAY
    hour = connections(sums(begin, begin + HOUR, period=HOUR), fs=OTHER, period=HOUR)
    seen = elsewhere((begin + 1200, begin + 1500))
    answer = check(built(connections(sums(*HOLE)), proof(), hour, seen=[seen]))
    assert "METRIC_CONTRADICTED" in codes(answer)
    assert blocking(answer) == ["BLIND"]


def test_silence_between_two_mounts_in_one_hour_denies_nothing(built: Built) -> None:
    """A job every ten minutes: the hour of mounts goes on, the client does not."""
    begin = BEGIN + 5 * DAY
    seen = [elsewhere((begin + at, begin + at + 50)) for at in range(0, HOUR, 600)]
    points = sums(begin, begin + HOUR) | dict.fromkeys(range(begin, begin + HOUR, 600), 1.0)
    answer = check(
        built(connections(sums(*HOLE)), proof(), connections(points, fs=OTHER), seen=seen)
    )
    assert answer["verdict"] == "QUIET"


def test_what_was_above_zero_by_another_answer_is_not_bridged(built: Built) -> None:
    """A sum that was mended: whatever came first."""
    late = HOLE[0] + HOUR
    rows = connections(sums(*HOLE)), proof()
    inventory = built(*rows)
    assert check(inventory)["verdict"] == "QUIET"
    inventory.learn(told(connections({late: 2.0}), at=END + 2 * HOUR))
    answer = check(inventory)
    assert answer["verdict"] == "IN_USE"
    assert answer["coverage"]["blind_seconds"] == MINUTE
    inventory.learn(told(*rows, at=END + 3 * HOUR))
    assert check(inventory)["coverage"]["blind_seconds"] == MINUTE


# -- somebody unseen -------------------------------------------------------------------------------


def test_connections_without_a_client_are_use(built: Built) -> None:
    unseen = HOLE[0] + 2 * HOUR
    points = sums(*HOLE) | sums(unseen, unseen + 5 * MINUTE, 3)
    answer = check(built(connections(points), proof()))
    assert answer["verdict"] == "IN_USE"
    assert blocking(answer) == ["CONNECTIONS_WITHOUT_CLIENT", "BLIND"]
    assert evidence(answer, "CONNECTIONS_WITHOUT_CLIENT") == {
        "start": iso(unseen),
        "end": iso(unseen + 5 * MINUTE),
        "last_start": iso(unseen),
        "most": 3,
        "stretches": 1,
        "seconds": 300,
    }
    assert answer["coverage"]["blind_seconds"] == 300, "all else of the hole is bridged"


def test_they_count_also_where_flow_logs_saw_nobody(built: Built) -> None:
    answer = check(built(connections(sums(END - DAY, END - DAY + HOUR, 60, HOUR), period=HOUR)))
    assert "CONNECTIONS_WITHOUT_CLIENT" in blocking(answer)
    assert evidence(answer, "CONNECTIONS_WITHOUT_CLIENT")["most"] == 1


def test_they_count_unsettled_partial_and_after_the_window(built: Built) -> None:
    """Positive evidence stands whatever is missing."""
    row = connections({END + 2 * DAY: 1.0}, status="PartialData")
    answer = check(built(row, at=END + 2 * DAY + 30))
    assert "CONNECTIONS_WITHOUT_CLIENT" in blocking(answer)


def test_where_clients_were_seen_they_are_nothing_new(built: Built) -> None:
    stay = (END - 5 * DAY, END - 5 * DAY + 1800)
    points = sums(stay[0] - MINUTE, stay[1] + 5 * MINUTE, 1)
    inventory = built(connections(points), seen=[own_row(*stay)])
    answer = check(inventory)
    assert answer["verdict"] == "IN_USE"
    assert "CONNECTIONS_WITHOUT_CLIENT" not in codes(answer)


def test_whoever_is_labelled_explains_them(built: Built) -> None:
    stay = (END - 5 * DAY, END - 5 * DAY + 1800)
    rows = connections(sums(*stay, 1)), connections(sums(*HOLE)), proof()
    answer = check(built(*rows, seen=[own_row(*stay)], maintenance=(f"{CLIENT}/32",)))
    assert answer["verdict"] == "REFERENCED"
    assert "CONNECTIONS_WITHOUT_CLIENT" not in codes(answer)


def test_before_the_window_they_are_a_rhythm_and_no_use(built: Built) -> None:
    """Known to the metric alone, long before anybody kept flow logs."""
    first = BEGIN - 80 * DAY
    rows = [
        connections(sums(moment, moment + HOUR, 60, HOUR), period=HOUR)
        for moment in (first, first + 60 * DAY)
    ]
    rows.append(connections(sums(first + 61 * DAY, BEGIN, 0, HOUR), period=HOUR))
    answer = check(built(*rows, connections(sums(*HOLE)), proof()))
    assert blocking(answer) == ["WINDOW_SHORTER_THAN_RHYTHM"]
    assert answer["longest_silence_days"] == pytest.approx(60, abs=0.1)
    assert answer["quiet_from"] > iso(END)
    assert "CONNECTIONS_WITHOUT_CLIENT" not in codes(answer)


def test_a_scanner_that_was_seen_before_the_window_is_no_rhythm(built: Built) -> None:
    """It was connected, and flow logs show who."""
    moment = END - 35 * DAY
    scanner = own_row(moment, moment + 10, packets_in=5, bytes_in=300, packets_out=5, bytes_out=300)
    rows = connections({moment - moment % MINUTE: 1.0}), connections(sums(*HOLE)), proof()
    answer = check(built(*rows, seen=[scanner]))
    assert (answer["verdict"], answer["longest_silence_days"]) == ("QUIET", None)


def test_whoever_was_seen_is_no_rhythm_when_that_is_forgotten(built: Built) -> None:
    """What the metric told of the time of forgotten mounts goes with them: it cannot be said any more who that was."""
    moment = END - 35 * DAY
    scanner = own_row(moment, moment + 10, packets_in=5, bytes_in=300, packets_out=5, bytes_out=300)
    points = sums(BEGIN, END - 31 * DAY) | {moment: 1.0}
    inventory = built(connections(points), connections(sums(*HOLE)), proof(), seen=[scanner])
    asked = {"until": END, "length": 30 * DAY}
    assert check(inventory, **asked)["longest_silence_days"] is None
    since = END - 33 * DAY
    inventory.store.keep(Kept(since, since), inventory.answers.memories(since))
    told_by_word = check(inventory, **asked)
    assert told_by_word["longest_silence_days"] is None
    gone = inventory.store.drop(lambda: False)
    assert gone["metric_run"] == 5  # two of this one, three of the other
    assert check(inventory, **asked) == told_by_word
    assert inventory.store.drop(lambda: False) == {}


# -- the window ------------------------------------------------------------------------------------


def test_the_default_window_reaches_as_far_back_as_the_metric_bridges(built: Built) -> None:
    inventory = built(connections(sums(*HOLE)), proof())
    assert check(inventory, length=None)["window"]["since"] == iso(BEGIN)
    answer = check(inventory, length=None)
    assert blocking(answer) == ["WINDOW_TOO_SHORT"]


# -- activity --------------------------------------------------------------------------------------


def io(read: Points, write: Points, metadata: Points, period: int = HOUR) -> list[dict[str, Any]]:
    points = dict(zip(IO_METRICS, (read, write, metadata), strict=True))
    return [row(metric, values, period=period) for metric, values in points.items()]


def mounted() -> Sighting:
    return own_row(END - 700, END - 10)


def test_mounted_and_neither_read_nor_written(built: Built) -> None:
    still = sums(BEGIN, END, 0, HOUR)
    renewed = still | {END - 2 * HOUR: 512.0}
    inventory = built(*io(still, still, renewed), seen=[mounted()])
    answer = check(inventory)
    assert answer["verdict"] == "IN_USE"
    assert blocking(answer)[:2] == ["MOUNTED_NOW", "MOUNTED_WITHOUT_IO"]
    assert evidence(answer, "MOUNTED_WITHOUT_IO")["seconds"] == 30 * DAY
    none = {"last": None, "none_since": iso(BEGIN), "answered_until": iso(END)}
    assert answer["activity"] == {
        "read": none,
        "write": none,
        "metadata": {
            "last": iso(END - HOUR),
            "none_since": iso(END - HOUR),
            "answered_until": iso(END),
        },
    }
    lines = inventory.answers.check_all(Asked(until=END, length=30 * DAY))["file_systems"]
    assert lines[0]["id"] == FS, "whoever is mounted and idle comes after what is quiet"
    assert lines[0]["activity"] == answer["activity"]


@pytest.mark.parametrize(
    ("spoilt", "how"), [(DATA_READ, "missing"), (DATA_WRITE, "above"), (DATA_WRITE, "partial")]
)
def test_only_answers_of_zero_prove_that_nothing_was_read(
    built: Built, spoilt: str, how: str
) -> None:
    still = sums(BEGIN, END, 0, HOUR)
    moment = END - 4 * DAY
    rows = []
    for metric in IO_METRICS:
        points, status = dict(still), "Complete"
        if metric == spoilt and how == "missing":
            del points[moment]
        elif metric == spoilt and how == "above":
            points[moment] = 1.0
        elif metric == spoilt:
            status = "PartialData"
        rows.append(row(metric, points, period=HOUR, status=status))
    answer = check(built(*rows, seen=[mounted()]))
    assert "MOUNTED_WITHOUT_IO" not in codes(answer)


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ((0, 0, 0), "none"),
        ((7, 0, 7), "read"),
        ((None, 0, 0), None),
    ],
)
def test_list_tells_what_was_done_in_the_last_week(
    built: Built, values: tuple[float | None, ...], word: str | None
) -> None:
    still = sums(BEGIN, END, 0, HOUR)
    given = [{} if value is None else still | {END - 2 * DAY: float(value)} for value in values]
    inventory = built(*io(given[0], given[1], given[2]))
    lines = {one["id"]: one for one in inventory.answers.list()["file_systems"]}
    assert lines[FS]["activity"] == word
    assert lines[OTHER]["activity"] is None


# -- the certificate -------------------------------------------------------------------------------


def test_a_certificate_tells_what_the_metric_bridged_and_why_it_is_believed(built: Built) -> None:
    inventory = built(connections(sums(*HOLE)), proof())
    checked = inventory.answers.check_delete(FS, Asked(until=END, length=30 * DAY), certified=True)
    assert checked.certificate is not None
    assert checked.answer["verdict"] == "QUIET"
    assert checked.certificate["rests_on"]["client_connections"] == {
        "trust": "proven",
        "agreed": {"file_system": OTHER, "start": iso(MOUNTED[0]), "end": iso(MOUNTED[1])},
        "contradicted": None,
        "bridged": [{"start": iso(HOLE[0]), "end": iso(HOLE[1])}],
    }
    text = json.dumps(checked.certificate).encode()
    assert inventory.answers.verify(text, END + HOUR)["valid"]
    mount = (BEGIN + 5 * DAY, BEGIN + 5 * DAY + 600)
    inventory.record(batch([elsewhere(mount)], [], key="late.log"))
    inventory.learn(told(connections(sums(*mount), fs=OTHER), at=END + 2 * HOUR))
    again = inventory.answers.verify(text, END + HOUR)
    assert again["verdict"] == "UNKNOWN", "what it rested on has lost its proof"


# -- the law ---------------------------------------------------------------------------------------


def test_what_is_bridged_is_what_was_answered_with_zero_and_with_nothing_else(built: Built) -> None:
    """By a model that knows nothing of runs: minute by minute, from the rows themselves, in whatever order they came."""
    rng = random.Random(2049)
    inventory = built(proof())
    zeros: set[tuple[int, int]] = set()
    above: set[int] = set()
    bridged: set[int] = set()
    for number in range(15):
        period = rng.choice([MINUTE, MINUTE, 300, HOUR])
        status = rng.choice(["Complete", "Complete", "Complete", "PartialData"])
        at = rng.choice([END, END, HOLE[0] + rng.randrange(7 * HOUR)])
        begin = HOLE[0] + rng.randrange(-1, 6) * HOUR
        points = {
            moment: 5.0 if rng.random() < 0.01 else 0.0
            for moment in range(begin, begin + rng.choice([1, 2, 6]) * HOUR, period)
            if rng.random() < 0.97
        }
        sent = told(connections(points, period=period, status=status), at=at)
        inventory.learn(replace(sent, name=f"metrics {number}"))
        for moment, value in points.items():
            if value and moment <= at:
                above.update(range(moment, moment + period, MINUTE))
            elif not value and status == "Complete" and moment + period <= at - 900:
                zeros.add((moment, moment + period))
        believed = (set(range(*zero, MINUTE)) for zero in zeros)
        expected = set().union(*(one for one in believed if not one & above))
        coverage = check(inventory, length=None, since=BEGIN)["coverage"]
        bridged = {
            minute
            for gap in coverage["gaps"]
            if gap["bridged_by"]
            for minute in range(seconds(gap["start"]), seconds(gap["end"]), MINUTE)
        }
        assert bridged == expected & set(range(*HOLE, MINUTE))
    assert bridged
    assert above


def seconds(text: str) -> int:
    return epoch(datetime.fromisoformat(text))
