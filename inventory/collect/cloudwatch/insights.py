"""Queries in Logs Insights QL, written from a flow log's own format, and what their rows say.

Every field is taken out of ``@message`` by the format (fields of custom formats are not discovered), under names with a prefix that no
discovered field has. What is put into a query is checked first: names of fields, ids of interfaces, numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from inventory.flowlog.aggregated import TEXTS, AggregatedRow, Part, seconds
from inventory.flowlog.choice import TELLING, form
from inventory.flowlog.format import LogFormat
from inventory.model import NFS_PORT, RUN_GAP, Span

ROWS = 100_000
"""The most rows that Insights gives for one query."""

LONGEST = 10_000
"""Characters of a query."""

ROOM = 5_000
"""Characters of a query that interfaces and log streams may take; what does not fit is not asked for by name."""

PADDING = 600
"""Seconds before and after a window in which events are looked through: an event's time is about the ``start`` of its record."""

_NAME = re.compile(r"[a-z][a-z0-9-]*", re.ASCII)
_INTERFACE = re.compile(r"eni-[0-9a-f]+", re.ASCII)
_MARK = re.compile(r"[A-Za-z0-9._/#:;, -]{1,700}", re.ASCII)


class OddRow(Exception):  # noqa: N818 - told by who catches it
    """A row of results that the query cannot have."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a query asks for."""

    mark: str
    """In a comment, by which the query is known as ours."""
    log_format: LogFormat
    window: Span
    """Records that start in it."""
    interfaces: Sequence[str]
    """Those of mount targets: everything of theirs."""
    everybody: bool
    """What others recorded of port 2049, too."""


def text(wanted: Wanted, rows: int = ROWS) -> str:
    """The query. Raises ``ValueError`` for anything that does not belong into one."""
    _check(wanted)
    has = wanted.log_format.has
    interfaces, streams = _interfaces(wanted), _streams(wanted)
    named = interfaces if len(interfaces) <= ROOM else ""
    lines = [f"# {wanted.mark}"]
    if named and not wanted.everybody and len(interfaces) + len(streams) <= ROOM:
        lines.append(f"filter @logStream in [{streams}]")
    stars = " ".join("*" for _ in wanted.log_format.names)
    aliases = ", ".join(map(_alias, wanted.log_format.names))
    lines.append(f'parse @message "{stars}" as {aliases}')
    if not has("interface-id"):
        lines.append("parse @logStream /^(?<p_interface_id>eni-[0-9a-f]+)/")
    lines.append(f"fields {_times(wanted.log_format)}")
    lines.append(f"filter {_shape(wanted.log_format)}")
    lines.append(f"filter {_inside(wanted)}")
    lines.append(f"fields {_ports(wanted.log_format)}")
    lines.append(f"filter {_whose(wanted, named)}")
    width = str(
        RUN_GAP
    )  # what begins in one minute is one run anyway; each hole is a row of its own
    if has("log-status"):
        width += f' - {RUN_GAP - 1} * strcontains(p_log_status, "SKIPDATA")'
    lines.append(f"fields n_start - n_start % ({width}) as n_minute, n_end - n_start as n_long")
    lines.append(f"stats {_sums(wanted.log_format)} by {', '.join(_keys(wanted.log_format))}")
    lines.append(f"limit {rows}")
    query = lines[0] + "\n" + "\n| ".join(lines[1:])
    if len(query) > LONGEST:
        msg = f"the query would have {len(query):,} characters, and Insights takes {LONGEST:,}"
        raise ValueError(msg)
    return query


def _check(wanted: Wanted) -> None:
    odd = [name for name in wanted.log_format.names if not _NAME.fullmatch(name)]
    odd += [one for one in wanted.interfaces if not _INTERFACE.fullmatch(one)]
    if not _MARK.fullmatch(wanted.mark):
        odd.append(wanted.mark)
    if odd:
        msg = f"{odd[0][:80]!r} does not belong into a query"
        raise ValueError(msg)


def _alias(name: str) -> str:
    return "p_" + name.replace("-", "_")


def _interfaces(wanted: Wanted) -> str:
    return ", ".join(f'"{one}"' for one in wanted.interfaces)


def _streams(wanted: Wanted) -> str:
    """By their names, of which Insights keeps an index: what is not in them need not be scanned."""
    kinds = ("all", "accept", "reject")
    return ", ".join(f'"{one}-{kind}"' for one in wanted.interfaces for kind in kinds)


def _times(log_format: LogFormat) -> str:
    """Start and end as numbers; the event's time for formats that lack both."""
    start, end = (
        ("start" if log_format.has("start") else "end"),
        ("end" if log_format.has("end") else "start"),
    )
    if not log_format.has(start):
        return "floor(toMillis(@timestamp) / 1000) as n_start, floor(toMillis(@timestamp) / 1000) as n_end"
    return f"{_alias(start)} * 1 as n_start, {_alias(end)} * 1 as n_end"


def _shape(log_format: LogFormat) -> str:
    """What tells records of this format from all else, as formats are told apart: values in form, and as many as there are fields."""
    checks = [f"{_alias(name)} like /{form(name)}/" for name in TELLING if log_format.has(name)]
    checks.append(f"{_alias(log_format.names[-1])} not like / /")
    return " and ".join(checks)


def _inside(wanted: Wanted) -> str:
    start, end = wanted.window
    inside = f"(n_start >= {start} and n_start < {end})"
    if not wanted.log_format.has("log-status"):
        return inside
    return f"{inside} or (n_start >= {start}000 and n_start < {end}000)"  # SKIPDATA has been seen in milliseconds


def _ports(log_format: LogFormat) -> str:
    """1 where an end is on port 2049, else 0."""

    def on(field: str, name: str) -> str:
        value = _alias(field) if log_format.has(field) else '"-"'
        return f'strcontains(concat(":", {value}, ":"), ":{NFS_PORT}:") as {name}'

    return f"{on('dstport', 'n_to')}, {on('srcport', 'n_from')}"


def _whose(wanted: Wanted, named: str) -> str:
    """Everything of the mount targets' interfaces; of others what the vantage asks for, and holes."""
    tcp = ' and p_protocol in ["6", "-"]' if wanted.log_format.has("protocol") else ""
    talk = "n_to + n_from > 0"
    if named:
        talk = f"p_interface_id in [{named}]" + (f" or {talk}" if wanted.everybody else "")
    elif wanted.log_format.has("log-status"):
        talk += ' or p_log_status in ["NODATA", "SKIPDATA"]'
    return f"({talk}){tcp}"


def _sums(log_format: LogFormat) -> str:
    sums = [
        "min(n_start) as n_first",
        "max(n_end) as n_last",
        "max(n_long) as n_longest",
        "count(*) as n_records",
    ]
    sums += [
        f"sum({_alias(name)}) as n_{name}" for name in ("packets", "bytes") if log_format.has(name)
    ]
    return ", ".join(sums)


def _keys(log_format: LogFormat) -> list[str]:
    names = [
        name for name in (*TEXTS, "log-status") if log_format.has(name) or name == "interface-id"
    ]
    return ["n_minute", "n_to", "n_from", *map(_alias, names)]


def rows(results: Sequence[Mapping[str, str]]) -> Iterator[AggregatedRow]:
    """What the rows of :func:`text` say. Raises :class:`OddRow`."""
    for row in results:
        first, last = seconds(_whole(row, "n_first")), seconds(_whole(row, "n_last"))
        longest = _whole(row, "n_longest")
        texts = {attribute: row.get(_alias(name), "") for name, attribute in TEXTS.items()}
        yield AggregatedRow(
            part=_part(row),
            first=first,
            last=last,
            longest=min(longest, last - first),  # in milliseconds where the times are
            records=_whole(row, "n_records"),
            packets=_whole(row, "n_packets", missing=0),
            bytes=_whole(row, "n_bytes", missing=0),
            **texts,
        )


def _part(row: Mapping[str, str]) -> Part:
    status = row.get("p_log_status", "")
    if status in ("NODATA", "SKIPDATA"):
        return Part(status.lower())
    to, of = _whole(row, "n_to") == 1, _whole(row, "n_from") == 1
    if to and of:
        return Part.EITHER
    return Part.REQUEST if to else Part.RESPONSE if of else Part.OTHER


def _whole(row: Mapping[str, str], name: str, missing: int | None = None) -> int:
    """A number of a row, however Insights spells it (``12``, ``12.0``, ``1.2E1``)."""
    value = row.get(name)
    if value is None and missing is not None:
        return missing
    try:
        number = Decimal(value or "")
        whole = int(number)
    except (InvalidOperation, ValueError, OverflowError):
        msg = f"{name} is {str(value)[:40]!r}"
        raise OddRow(msg) from None
    if whole != number:
        msg = f"{name} is {str(value)[:40]!r}"
        raise OddRow(msg)
    return whole
