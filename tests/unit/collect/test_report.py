"""What a run tells of its batches."""

from __future__ import annotations

from inventory.collect.report import Report
from inventory.flowlog.content import nothing
from inventory.model import Batch, BatchRef, BatchState


def failed(key: str, problem: str) -> Batch:
    return Batch(BatchRef(key, "1", 1), BatchState.FAILED, nothing(), problem)


def test_what_many_batches_say_alike_is_told_once_with_their_number() -> None:
    report = Report()
    report.recorded("logs", failed("a", "denied"))
    report.recorded("logs", failed("b", "cut"))
    for key in "cde":
        report.recorded("logs", failed(key, "denied"))
    report.recorded("others", failed("a", "denied"))
    assert report.problems == [
        "source logs: a: denied (and 3 more)",
        "source logs: b: cut",
        "source others: a: denied",
    ]
    assert report.batches == {BatchState.FAILED: 6}
