"""Windows lie on a grid, are read at each age, and never in between."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from inventory.collect.windows import Window, of_another_width, settled, windows

HOUR = 3600
T = 1_700_000_000 - 1_700_000_000 % HOUR


def test_a_window_is_read_once_it_is_settled_and_again_at_each_age() -> None:
    def at(now: int) -> list[int]:
        return [w.reading for w in windows((T, T + HOUR), HOUR, [1500, 26 * HOUR], now)]

    assert at(T + HOUR + 1499) == []
    assert at(T + HOUR + 1500) == [1]
    assert at(T + 27 * HOUR - 1) == [1]
    assert at(T + 27 * HOUR) == [2]


def test_the_name_tells_the_window_and_the_version_the_reading() -> None:
    (one,) = windows((T, T + 1), HOUR, [0, 60], T + HOUR)
    assert (one.key, one.version) == ("2023-11-14T22:00:00Z/2023-11-14T23:00:00Z", "reading 1")


@given(
    st.integers(0, 10**7),
    st.integers(1, 10**6),
    st.sampled_from([300, 3600, 86400]),
    st.integers(0, 10**6),
)
def test_windows_tile_what_is_settled(start: int, length: int, width: int, later: int) -> None:
    """Nothing is left out, nothing is read twice, whatever the span and the clock."""
    now, ages = start + length + later, [1500, 93_600]
    found = list(windows((start, start + length), width, ages, now))
    bound = min(settled(width, ages, now), start + length + width)
    covered = [moment for w in found for moment in (w.start, w.end)]
    assert covered == sorted(covered)
    assert all(a.end == b.start for a, b in pairwise(found))
    if start < bound:
        assert found[0].start <= start
        assert found[-1].end >= min(settled(width, ages, now), start + length)
    else:
        assert found == []


def test_the_grid_does_not_move_with_the_span() -> None:
    later = list(windows((T + 100, T + 2 * HOUR), HOUR, [0], T + 10 * HOUR))
    assert later[0] == Window(T, T + HOUR, 1)


@given(
    st.lists(st.sampled_from([300, 900, 1800, 3000, 3600, 21_600]), min_size=2, max_size=4),
    st.integers(0, 40_000),
)
def test_no_moment_is_in_two_windows_when_their_width_changes(
    widths: list[int], begin: int
) -> None:
    """Read by one width after the other, from anywhere on: each moment is read in one window, and none is left out."""
    now, ledger = T + 5 * 86_400, set[str]()
    for width in widths:
        span = (T + begin, T + 60_000)
        others = of_another_width(ledger, width)
        found = list(windows(span, width, [1500], now, others))
        assert found[0].start <= span[0]
        assert found[-1].end >= span[1]
        assert all(a.end == b.start for a, b in pairwise(found))
        ledger |= {one.key for one in found}
        assert all(len(list(_holding(ledger, moment))) == 1 for moment in range(*span, 1700))


def _holding(keys: set[str], moment: int) -> Iterator[str]:
    for key in keys:
        start, end = of_another_width([key], 1)[0]
        if start <= moment < end:
            yield key


def test_keys_of_something_else_are_no_windows() -> None:
    assert of_another_width(["a.log", "2023-11-14T22:00:00Z", "/", ""], HOUR) == []
