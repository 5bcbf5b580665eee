"""How a table is partitioned by time, and which partitions a window is read from.

AWS puts records into folders of the day (or hour, UTC) in which they *end*; a record that starts a second before midnight lies in the
next day's. So a window is read from its own partitions and the one that follows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from inventory.collect.athena.names import WHOLE_NUMBERS, Column, quoted, text
from inventory.errors import SourceError
from inventory.model import DAY, HOUR, Span, instant

_PATTERNS = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H"}
_PATTERN = re.compile(r"yyyy|MM|dd|HH|[-/_. ]")
_SAMPLES = (
    (re.compile(r"\d{4}([-/_.])\d{2}\1\d{2}"), "yyyy{0}MM{0}dd"),
    (re.compile(r"\d{4}([-/_.])\d{2}\1\d{2}\1\d{2}"), "yyyy{0}MM{0}dd{0}HH"),
    (re.compile(r"\d{8}"), "yyyyMMdd"),
    (re.compile(r"\d{10}"), "yyyyMMddHH"),
)
_UNITS = {
    "year": ("%Y", 4), "yyyy": ("%Y", 4), "month": ("%m", 2), "mm": ("%m", 2),
    "day": ("%d", 2), "dd": ("%d", 2), "hour": ("%H", 2), "hh": ("%H", 2),
}  # fmt: skip
_NOW = re.compile(
    r"NOW(?:\s*([+-])\s*(\d+)\s*(YEAR|MONTH|WEEK|DAY|HOUR|MINUTE|SECOND)S?)?", re.ASCII
)
_SECONDS = {
    "YEAR": 366 * DAY, "MONTH": 31 * DAY, "WEEK": 7 * DAY, "DAY": DAY, "HOUR": HOUR, "MINUTE": 60, "SECOND": 1,
}  # fmt: skip
_MOST_PARTITIONS = 400


@dataclass(frozen=True)
class TimeKey:
    """A partition key that tells a time, and how its values are spelled (``strftime``)."""

    column: Column
    form: str

    def value(self, moment: int) -> str:
        """The text of the partition that holds a moment."""
        return instant(moment).strftime(self.form)

    def literal(self, moment: int) -> str:
        """The same as SQL."""
        value = self.value(moment)
        if self.column.type in WHOLE_NUMBERS:
            return str(int(value))
        return f"DATE {text(value)}" if self.column.type == "date" else text(value)


@dataclass(frozen=True)
class Layout:
    """The time keys of a table, coarsest first."""

    keys: tuple[TimeKey, ...]
    properties: Mapping[str, str]
    """The table's, of which ``projection.…`` tell what partitions there can be."""

    @property
    def width(self) -> int:
        """Seconds of one partition: a day or an hour."""
        return HOUR if any("%H" in key.form for key in self.keys) else DAY

    def within(self, span: Span) -> str:
        """SQL that is true in the partitions that touch ``span``, in a form that prunes all others."""
        moments = list(range(span[0] - span[0] % self.width, span[1], self.width))
        if len(moments) > _MOST_PARTITIONS:
            msg = f"a window of {len(moments)} partitions is too long for one query"
            raise SourceError(
                msg, hint=f"make `window` shorter: at most {_MOST_PARTITIONS - 1} partitions"
            )
        terms = [
            f"{quoted(key.column.name)} IN ({', '.join(dict.fromkeys(map(key.literal, moments)))})"
            for key in self.keys
        ]
        if len(self.keys) > 1 and len(moments) > 1:  # 31 October and 1 November are not 1 October
            terms.append(f"({' OR '.join(self._exactly(moment) for moment in moments)})")
        return " AND ".join(terms)

    def _exactly(self, moment: int) -> str:
        same = (f"{quoted(key.column.name)} = {key.literal(moment)}" for key in self.keys)
        return f"({' AND '.join(same)})"

    def unreachable(self, span: Span, now: int) -> str:
        """Why partition projection leaves out a moment of ``span``, for people; ``""`` when it does not, or nobody can tell.

        Athena answers zero rows for a partition outside of a projection's range, and no error (athena user guide,
        partition-projection-setting-up).
        """
        if self.properties.get("projection.enabled", "").lower() != "true":
            return ""
        for key in self.keys:
            name = f"projection.{key.column.name}"
            bounds = self.properties.get(f"{name}.range", "")
            values = self.properties.get(f"{name}.values", "")
            for moment in (span[0], span[1] - 1):
                if bounds and not _inside(key, moment, bounds, now):
                    return f"{name}.range = {bounds} leaves out {key.value(moment)}"
                if values and key.value(moment) not in _listed(values):
                    return f"{name}.values leave out {key.value(moment)}"
        return ""


def layout(
    keys: Sequence[Column], properties: Mapping[str, str], sample: Callable[[], Mapping[str, str]]
) -> Layout:
    """What the partition keys of a table mean; ``sample`` gives one partition's values, where the properties do not tell the spelling.

    Raises ``SourceError`` for a table without time keys, and for one whose other keys must be named in each query.
    """
    _refuse_injected(keys, properties)
    plain = {
        key.name: unit for key in keys if (unit := _UNITS.get(key.name)) and key.type != "date"
    }
    forms = {form for form, _ in plain.values()}
    found: list[TimeKey] = []
    for key in keys:
        form = _stated(key, properties)
        if not form and key.name in plain and ({"%Y", "%m"} <= forms or plain[key.name][0] == "%H"):
            form = plain[key.name][0]
        if form:
            found.append(TimeKey(key, form))
    if not any("%d" in key.form for key in found):
        found += _by_sample(keys, found, sample())
    if not any("%d" in key.form for key in found):
        msg = "its partitions tell no day: each window would scan the whole table"
        raise SourceError(
            msg, hint="partition it by day: `efs-inventory setup athena-table` prints how"
        )
    order = ("%Y", "%m", "%d", "%H")
    found.sort(key=lambda key: min(order.index(unit) for unit in order if unit in key.form))
    return Layout(tuple(found), dict(properties))


def _refuse_injected(keys: Iterable[Column], properties: Mapping[str, str]) -> None:
    for key in keys:
        if properties.get(f"projection.{key.name}.type", "").lower() == "injected":
            msg = f"its partition key {key.name} is projected as `injected`, so every query must name its values"
            raise SourceError(
                msg, hint="make it an enum: `efs-inventory setup athena-table` prints how"
            )


def _stated(key: Column, properties: Mapping[str, str]) -> str:
    """The spelling that the table's properties, or the key's type, state."""
    if properties.get(f"projection.{key.name}.type", "").lower() == "date":
        return _form(properties.get(f"projection.{key.name}.format", ""))
    return "%Y-%m-%d" if key.type == "date" else ""


def _form(pattern: str) -> str:
    """A pattern of Java's as ``strftime`` has it; ``""`` for one with other parts."""
    pieces = _PATTERN.findall(pattern)
    if not pieces or "".join(pieces) != pattern:
        return ""
    return "".join(_PATTERNS.get(piece, piece) for piece in pieces)


def _by_sample(
    keys: Iterable[Column], known: Iterable[TimeKey], values: Mapping[str, str]
) -> list[TimeKey]:
    told = {key.column.name for key in known}
    found = []
    for key in keys:
        for shape, pattern in _SAMPLES:
            match = shape.fullmatch(values.get(key.name, ""))
            if match and key.name not in told:
                found.append(TimeKey(key, _form(pattern.format(*match.groups()))))
                break
    return found


def _listed(values: str) -> set[str]:
    return {value.strip() for value in values.split(",")}


def _inside(key: TimeKey, moment: int, bounds: str, now: int) -> bool:
    """Whether a range holds the partition of a moment; one that cannot be read is taken to."""
    low, _, high = (part.strip() for part in bounds.partition(","))
    value = key.value(moment)
    if key.form in ("%Y", "%m", "%d", "%H"):
        try:
            return int(low) <= int(value) <= int(high)
        except ValueError:
            return True
    first, last = _bound(key, low, now), _bound(key, high, now)
    return (first is None or key.value(first) <= value) and (
        last is None or value <= key.value(last)
    )


def _bound(key: TimeKey, bound: str, now: int) -> int | None:
    relative = _NOW.fullmatch(bound)
    if relative is not None:
        sign, count, unit = relative.groups()
        shift = int(count) * _SECONDS[unit] if count else 0
        return now + (-shift if sign == "-" else shift)
    try:
        told = datetime.strptime(bound, key.form).replace(tzinfo=UTC)
    except ValueError:
        return None
    return int((told - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(seconds=1))
