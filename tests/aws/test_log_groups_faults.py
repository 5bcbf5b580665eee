"""Whatever goes wrong with a call: no window is done with wrong rows, and nothing is lost once it works again."""

from __future__ import annotations

from collections.abc import Mapping

from inventory.model import Batch, BatchState, Folded
from tests.aws.test_log_groups import ENI, HOUR, KNOWN, SECOND, Desk, T, desk, put, request, target
from tests.conftest import Programme
from tests.fakeaws.calls import Call, Handler, Result
from tests.fakeaws.faults import FAULTS, Fault, silence

__all__ = ["desk"]

CALLS: Mapping[str, tuple[str, ...]] = {
    "streams": ("logs.describe-log-groups", "logs.describe-log-streams", "logs.filter-log-events"),
    "insights": (
        "logs.describe-log-groups", "logs.describe-queries", "logs.start-query", "logs.get-query-results",
        "logs.stop-query",
    ),
}  # fmt: skip

UNTOLD = {("logs.filter-log-events", "dropped_page"), ("logs.describe-log-streams", "dropped_page")}
"""Entries that AWS loses without a sign: nobody can tell. Of rows of queries somebody can, for they are counted."""


def _doubled(call: Call, handler: Handler) -> Result:
    """Every entry twice."""
    found = handler(call)
    return {key: [*rows, *rows] if isinstance(rows, list) else rows for key, rows in found.items()}


def _ended(status: str) -> Fault:
    def other(call: Call, handler: Handler) -> Result:
        return handler(call) | {"status": status}

    return Fault(f"ended as {status}", result=other)


MORE: tuple[Fault, ...] = (
    Fault("doubled_page", result=_doubled),
    *(_ended(status) for status in ("Running", "Failed", "Timeout", "Cancelled", "Unknown")),
)


def cases() -> list[tuple[str, str, Fault, int]]:
    """Method, call, fault, and the how manieth of the call meets it."""
    usual = [silence(0.3) if name == "silence" else fault for name, fault in FAULTS.items()]
    return [
        (method, call, fault, nth)
        for method, calls in CALLS.items()
        for call in calls
        for fault in (*usual, *(MORE if call == "logs.get-query-results" else MORE[:1]))
        for nth in (1, 2, 4)
        if (call, fault.name) not in UNTOLD
    ]


def filled(desk: Desk) -> None:
    desk.mount_targets += [target(SECOND, "fsmt-2")]
    for interface in (ENI, SECOND):
        put(desk, *(request(T - HOUR + 300 * n, interface_id=interface, srcaddr=f"10.2.0.{n}")
                    for n in range(24)), interface=interface)  # fmt: skip
    desk.served.cloud.page_size = 9


def read(desk: Desk, method: str) -> dict[str, Batch]:
    source = desk.source(method=method)
    refs = source.listing(T - HOUR, T + HOUR).refs
    return {ref.key: source.read(ref, KNOWN) for ref in refs}


def facts(folded: Folded) -> tuple[object, ...]:
    return folded.sightings, folded.captures, {k: n for k, n in folded.tally.counts.items() if n}


def test_each_call_with_each_fault(desk: Desk, programme: Programme) -> None:
    filled(desk)
    truth = {method: read(desk, method) for method in CALLS}
    assert all(len(b.folded.sightings) == 24 for m in truth.values() for b in m.values())
    struck = 0
    for method, call, fault, nth in programme.cases("calls with faults", cases(), 40):
        where = f"{method}: {fault.name} at {call} {nth}"
        rule = desk.served.cloud.faults.at(call, fault, nth=nth)
        desk.logs.queries.clear()
        before = desk.served.cloud.counts().total()
        batches = read(desk, method)
        struck += rule.seen >= nth
        for key, batch in batches.items():
            right = facts(truth[method][key].folded)
            assert batch.state in (BatchState.DONE, BatchState.FAILED), where
            if batch.state is BatchState.DONE:
                assert facts(batch.folded) == right, where
            else:
                assert batch.problem, where
                assert facts(batch.folded) == ([], [], {}), where
        assert desk.served.cloud.counts().total() - before < 150, f"{where}: a storm of requests"
        desk.served.cloud.faults.clear()
        again = read(desk, method)
        assert {key: facts(b.folded) for key, b in again.items()} == {
            key: facts(b.folded) for key, b in truth[method].items()
        }, where
    assert struck > 15
