"""What ``/metrics`` tells. Counters are of this process and begin at nothing; gauges are asked when somebody looks.

Labels are names of the configuration, calls, states, accounts and regions: never a tag, an address or an ARN. ``docs/reference/metrics.md``
explains each; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

CONTENT_TYPE = CONTENT_TYPE_LATEST

_SECONDS = (0.1, 1.0, 10.0, 60.0, 600.0, 3600.0)


@dataclass(frozen=True, slots=True)
class DutyState:
    """How one duty stands."""

    name: str
    failures: int
    age: float | None
    """Seconds since it was last done; ``None``: never yet."""
    elsewhere: bool
    """Whether another process does it."""


@dataclass(frozen=True, slots=True)
class State:
    """How everything stands when somebody looks."""

    now: int = 0
    """Epoch seconds."""
    ready: bool = False
    schedulers: int = 0
    """How many there were."""
    duties: tuple[DutyState, ...] = ()
    as_of: int | None = None
    sources: Mapping[str, int] = field(default_factory=dict)
    """By source, up to when it was read and is settled."""
    sweeps: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """By account and region, when interfaces were last listed whole."""
    unresolved: Mapping[str, int] = field(default_factory=dict)
    """By confidence, clients of the last week that could not be named for certain."""
    coverage: float | None = None
    file_systems: int = 0
    complete: int = 0
    """File systems that were looked at for all of the last week."""


class Metrics:
    """All of them, in a registry of their own. Shared by threads."""

    def __init__(self, version: str) -> None:
        self._version = version
        self.state: Callable[[], State] = State
        """How everything stands now."""
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)
        self._batches = self._counter(
            "batches", "Batches recorded, by what became of them.", "source", "state"
        )
        self._records = self._counter(
            "records", "Flow log records read, by outcome.", "source", "outcome"
        )
        self._read = self._counter("read_bytes", "Bytes of batches read, as stored.", "source")
        self._scanned = self._counter(
            "scanned_bytes", "Bytes that AWS scanned for a source.", "source"
        )
        self._sweeps = self._counter("sweeps", "Sweeps of an account and region recorded.")
        self._calls = self._counter("aws_calls", "Requests to AWS, every attempt.", "call")
        self._throttled = self._counter(
            "aws_throttled", "Requests that AWS turned away as too many.", "call"
        )
        self._events = self._counter("webhook_events", "Events that the webhook took.")
        self._forgotten = self._counter(
            "forgotten_rows", "Rows deleted because they were older than is kept.", "table"
        )
        self._tries = self._counter("duty_tries", "Tries of a duty, by ending.", "duty", "ending")
        self._seconds = Histogram(
            "efs_inventory_duty_seconds",
            "Seconds that a try of a duty took.",
            ["duty"],
            registry=self._registry,
            buckets=_SECONDS,
        )

    def _counter(self, name: str, says: str, *labels: str) -> Counter:
        return Counter(f"efs_inventory_{name}", says, labels, registry=self._registry)

    # -- what happened -------------------------------------------------------------------------------------------------------------------

    def batch(
        self, source: str, state: str, outcomes: Mapping[str, int], size: int, scanned: int
    ) -> None:
        """A batch of ``size`` bytes was recorded."""
        self._batches.labels(source, state).inc()
        self._read.labels(source).inc(size)
        self._scanned.labels(source).inc(scanned)
        for outcome, count in outcomes.items():
            self._records.labels(source, outcome).inc(count)

    def sweep(self) -> None:
        """A sweep was recorded."""
        self._sweeps.inc()

    def call(self, call: str, calls: int, throttled: int) -> None:
        """Requests were sent to AWS."""
        self._calls.labels(call).inc(calls)
        self._throttled.labels(call).inc(throttled)

    def posted(self, events: int) -> None:
        """The webhook took so many events."""
        self._events.inc(events)

    def forgot(self, rows: Mapping[str, int]) -> None:
        """Rows were deleted, by table."""
        for table, number in rows.items():
            self._forgotten.labels(table).inc(number)

    def tried(self, duty: str, ending: str, seconds: float) -> None:
        """A duty was tried."""
        self._tries.labels(duty, ending).inc()
        self._seconds.labels(duty).observe(seconds)

    # -- what is told --------------------------------------------------------------------------------------------------------------------

    def text(self) -> bytes:
        """Everything, in Prometheus's text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauges; the registry asks for them."""
        state = self.state()
        yield _gauge("info", "Always 1.", [((self._version,), 1)], "version")
        yield _gauge("ready", "1 when /readyz says yes.", [((), int(state.ready))])
        yield _gauge(
            "schedulers",
            "Schedulers begun since the start; more than one: it was mended.",
            [((), state.schedulers)],
        )
        yield _gauge(
            "duty_failures",
            "Failures in a row of a duty.",
            [((duty.name,), duty.failures) for duty in state.duties],
            "duty",
        )
        yield _gauge(
            "duty_age_seconds",
            "Seconds since a duty was last done, by whichever daemon.",
            [((duty.name,), duty.age) for duty in state.duties],
            "duty",
        )
        yield _gauge(
            "duty_elsewhere",
            "1 when another daemon does the duty.",
            [((duty.name,), int(duty.elsewhere)) for duty in state.duties],
            "duty",
        )
        yield from _seen(state)

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Nothing: so that registering does not ask for the state."""
        return ()


def _seen(state: State) -> Iterator[GaugeMetricFamily]:
    """What the inventory sees, as of the last look into the database."""
    yield _gauge(
        "as_of_timestamp_seconds",
        "Up to when answers speak, all file systems together.",
        [((), state.as_of)],
    )
    yield _gauge(
        "source_as_of_timestamp_seconds",
        "Up to when a source was read and is settled.",
        [((name,), as_of) for name, as_of in state.sources.items()],
        "source",
    )
    yield _gauge(
        "source_lag_seconds",
        "Seconds from there until now.",
        [((name,), state.now - as_of) for name, as_of in state.sources.items()],
        "source",
    )
    yield _gauge(
        "sweep_age_seconds",
        "Seconds since network interfaces of an account and region were last listed whole.",
        [(place, state.now - at) for place, at in state.sweeps.items()],
        "account",
        "region",
    )
    yield _gauge(
        "unresolved_clients",
        "Clients of the last week that could not be named for certain.",
        [((confidence,), count) for confidence, count in state.unresolved.items()],
        "confidence",
    )
    yield _gauge(
        "coverage_ratio",
        "Part of the last week that was looked at, all file systems together.",
        [((), state.coverage)],
    )
    yield _gauge("file_systems", "File systems that are there.", [((), state.file_systems)])
    yield _gauge(
        "file_systems_covered",
        "Those that were looked at for all of the last week.",
        [((), state.complete)],
    )


def _gauge(
    name: str, says: str, values: Iterable[tuple[tuple[str, ...], float | None]], *labels: str
) -> GaugeMetricFamily:
    """One gauge; what is not known has no sample."""
    made = GaugeMetricFamily(f"efs_inventory_{name}", says, labels=labels)
    for which, value in values:
        if value is not None:
            made.add_metric(which, value)
    return made
