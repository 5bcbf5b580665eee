"""Which file system to look at first."""

from __future__ import annotations

import itertools

from inventory.verdict import CODES, Verdict
from inventory.verdict.ranking import MOUNTED_WITHOUT_IO, rank

IN_ORDER = [
    ("QUIET", {"NO_EVIDENCE_OF_USE"}),
    ("IN_USE", {"MOUNTED_NOW", MOUNTED_WITHOUT_IO}),
    ("REFERENCED", {"LIVE_REFERENCE"}),
    ("UNKNOWN", {"BLIND"}),
    ("IN_USE", {"MOUNTED_NOW"}),
]


def test_what_may_go_comes_first_then_what_nobody_reads_or_writes() -> None:
    ranks = [rank(verdict, codes) for verdict, codes in IN_ORDER]
    assert ranks == sorted(set(ranks))


def test_every_verdict_has_a_place_whatever_the_reasons() -> None:
    for verdict, code in itertools.product(Verdict, CODES):
        assert rank(verdict.value, {code.value}) >= 0


def test_a_reason_of_another_class_makes_nothing_idle() -> None:
    """What is referenced and was once idle stays where references are."""
    assert rank("REFERENCED", {MOUNTED_WITHOUT_IO}) == rank("REFERENCED", set())
