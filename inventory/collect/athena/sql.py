"""The queries: one reads a window whole, aggregated by Athena; one looks at what a table is like.

A window's query passes over its partitions once. It first judges each record as :class:`~inventory.flowlog.fold.Folder` does, and counts
what is of no interest away at once; of the rest it joins runs of one group by the same rules as :mod:`inventory.flowlog.groups`, so that
Athena and files give the same sightings. Of several flow logs that recorded one interface, the one with most records of a group in a
slot counts, as everywhere. Each row tells how many rows there are, and there is always one: a result that was cut is known.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from inventory.collect.athena.names import TEXTS, Column, quoted, texts
from inventory.collect.athena.table import Table
from inventory.collect.windows import Window
from inventory.flowlog.aggregated import TEXTS as TEXTS_OF_A_ROW
from inventory.flowlog.record import LONGEST, NEWEST
from inventory.model import CAPTURE_JOIN, NFS_PORT, RUN_GAP, SLOT

LONGEST_QUERY = 262_144
"""Bytes of a query, at most (athena API reference, StartQueryExecution)."""

_FOR_INTERFACES = 200_000
_MOST_COUNT = 10**15 - 1

KEYS = tuple(TEXTS_OF_A_ROW)
"""Fields that tell one group of records from another."""

COLUMNS = (
    "kind", *(f"k{n}" for n in range(len(KEYS))),
    "first_seen", "last_seen", "longest", "records", "packets", "bytes", "total",
)  # fmt: skip
"""Of a window's result, in order."""

END = "end"
"""The kind of the one row that is always there."""

_K = [f"k{n}" for n in range(len(KEYS))]
_LOOKING = 1800
"""Seconds of a slot of captures: longer than traffic's, for a day of thousands of idle interfaces is many rows."""

_TRAFFIC = "kind IN ('request', 'response', 'either')"
_CAPTURE = "kind IN ('nodata', 'skipdata', 'other')"


def window_query(table: Table, window: Window, watched: Collection[str]) -> str:
    """Everything of the records that start in a window.

    ``watched`` are the interfaces whose NODATA, SKIPDATA and records of other ports are evidence of looking.
    """
    fields = table.fields
    whole = (window.start, window.end + table.layout.width)
    began, ended = _moment(fields.get("start")), _moment(fields.get("end"))
    began, ended = _either(began, ended), _either(ended, began)
    keys = [_text(fields.get(key)) for key in KEYS]
    values = [
        f"{began} AS began", f"{ended} AS ended",
        f"{_port(fields.get('srcport'))} AS source_port", f"{_port(fields.get('dstport'))} AS target_port",
        f"{_protocol(fields.get('protocol'))} AS protocol", f"{_text(fields.get('log-status'))} AS status",
        f"{_count(fields.get('packets'))} AS packets", f"{_count(fields.get('bytes'))} AS bytes",
        f"({table.layout.within((window.start, window.end))}) AS own",
        *(f"{value} AS k{n}" for n, value in enumerate(keys)),
        """COALESCE(regexp_extract("$path", '_(fl-[0-9a-f]+)_', 1), '-') AS flow_log""",
    ]  # fmt: skip
    return f"""\
WITH raw AS (SELECT {", ".join(values)} FROM {table.sql} WHERE {table.layout.within(whole)}),
timely AS (SELECT raw.*, {_among(watched)} AS watched FROM raw
  WHERE (began >= {int(window.start)} AND began < {int(window.end)}) OR (began IS NULL AND own)),
judged AS (SELECT {_KIND} AS kind, timely.* FROM timely),
{_JOINING}"""  # noqa: S608 - of names that are checked and numbers, see names


def _among(watched: Collection[str]) -> str:
    """Whether a record's interface is watched; named once in a query, for the names may be most of its length."""
    names = texts(sorted(watched))
    if len(names) > _FOR_INTERFACES:  # too many to name: then everybody's is brought
        return "TRUE"
    return f"k0 IN ({names})" if names else "FALSE"


_KIND = f"""CASE
    WHEN began IS NULL THEN 'no_time'
    WHEN ended < began OR ended - began > {LONGEST} THEN 'malformed'
    WHEN status = 'NODATA' THEN CASE WHEN watched THEN 'nodata' ELSE 'nodata_elsewhere' END
    WHEN status = 'SKIPDATA' THEN CASE WHEN watched OR k0 = '-' THEN 'skipdata' ELSE 'skipdata_elsewhere' END
    WHEN source_port <> {NFS_PORT} AND target_port <> {NFS_PORT} THEN CASE WHEN watched THEN 'other' ELSE 'other_elsewhere' END
    WHEN protocol <> 6 THEN 'not_tcp'
    WHEN source_port = target_port THEN 'either'
    WHEN target_port = {NFS_PORT} THEN 'request' ELSE 'response' END"""
"""How each record ends. What is not watched is counted only, under a kind of its own."""


def _joining() -> str:
    kept = ", ".join(
        f"CASE WHEN {_TRAFFIC}{f' OR {_CAPTURE}' if n == 0 else ''} THEN {key} END AS {key}"
        for n, key in enumerate(_K)
    )
    keys = ", ".join(_K)
    alike = f"kind, {keys}, flow_log, slot"
    ends = "kind, k0, k2, k3, k4, slot, CASE WHEN k0 = '-' THEN flow_log ELSE '-' END"
    nothing = ", ".join(["CAST(NULL AS varchar)"] * len(_K) + ["CAST(NULL AS bigint)"] * 3)
    out = f"kind, {keys}, first_seen, last_seen, longest, records, packets, bytes"
    return f"""\
sorted AS (SELECT kind, {kept},
    CASE WHEN {_TRAFFIC} THEN flow_log ELSE '-' END AS flow_log,
    CASE WHEN {_TRAFFIC} OR {_CAPTURE} THEN began END AS first_start,
    CASE WHEN {_TRAFFIC} OR {_CAPTURE} THEN ended END AS last_end,
    CASE WHEN {_TRAFFIC} THEN began - began % {SLOT} WHEN {_CAPTURE} THEN began - began % {_LOOKING} ELSE 0 END AS slot,
    began, ended, packets, bytes FROM judged),
grouped AS (SELECT {alike}, first_start, last_end, min(began) AS earliest, max(ended) AS latest,
    max(ended - began) AS longest, count(*) AS records, sum(packets) AS packets, sum(bytes) AS bytes
  FROM sorted GROUP BY {alike}, first_start, last_end),
begun AS (SELECT grouped.*, CASE WHEN kind = 'skipdata' THEN 1
    WHEN first_start - max(last_end) OVER (PARTITION BY {alike} ORDER BY first_start, last_end
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) <= CASE WHEN {_TRAFFIC} THEN {RUN_GAP} ELSE {CAPTURE_JOIN} END
    THEN 0 ELSE 1 END AS fresh FROM grouped),
numbered AS (SELECT begun.*, sum(fresh) OVER (PARTITION BY {alike} ORDER BY first_start, last_end
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS run FROM begun),
runs AS (SELECT {alike}, min(earliest) AS first_seen, max(latest) AS last_seen, max(longest) AS longest,
    sum(records) AS records, sum(packets) AS packets, sum(bytes) AS bytes FROM numbered GROUP BY {alike}, run),
weighed AS (SELECT runs.*, sum(records) OVER (PARTITION BY {ends}, flow_log) AS weight FROM runs),
placed AS (SELECT weighed.*, rank() OVER (PARTITION BY {ends} ORDER BY weight DESC, flow_log) AS place FROM weighed),
rows_found AS (SELECT {out} FROM placed WHERE place = 1 OR NOT ({_TRAFFIC})
  UNION ALL SELECT '{END}', {nothing}, CAST(0 AS bigint), CAST(0 AS bigint), CAST(0 AS bigint))
SELECT rows_found.*, count(*) OVER () AS total FROM rows_found"""  # noqa: S608 - constants


_JOINING = _joining()


def sample_query(database: str, table: str) -> str:
    """One row of a table: its columns, and how partitions are spelled."""
    return f'SELECT "$path" AS object_path, * FROM {quoted(database)}.{quoted(table)} LIMIT 1'  # noqa: S608 - both are checked


# -- values ------------------------------------------------------------------------------------------------------------------------------


def _number(column: Column | None) -> str:
    if column is None or not column.plain:
        return "CAST(NULL AS bigint)"
    name = quoted(column.name)
    return f"TRY_CAST({name} AS bigint)" if column.type in TEXTS else f"CAST({name} AS bigint)"


def _moment(column: Column | None) -> str:
    """Epoch seconds; what is too large is milliseconds. Exact wherever ``/`` may make a fraction."""
    if column is None or not column.plain:
        return ""
    value = _number(column)
    return f"CASE WHEN {value} > {NEWEST} THEN CAST(({value} - {value} % 1000) / 1000 AS bigint) ELSE {value} END"


def _either(one: str, other: str) -> str:
    return f"COALESCE({one}, {other})" if one and other else one or other


def _port(column: Column | None) -> str:
    return f"COALESCE({_number(column)}, 0)"


def _protocol(column: Column | None) -> str:
    return f"COALESCE({_number(column)}, 6)"


def _count(column: Column | None) -> str:
    value = _number(column)
    return f"CASE WHEN {value} BETWEEN 0 AND {_MOST_COUNT} THEN {value} ELSE 0 END"


def _text(column: Column | None) -> str:
    if column is None or not column.plain:
        return "'-'"
    name = quoted(column.name)
    value = name if column.type in TEXTS else f"CAST({name} AS varchar)"
    return f"COALESCE(NULLIF({value}, ''), '-')"


def fits(query: str) -> bool:
    """Whether Athena takes a query of this length."""
    return len(query.encode()) <= LONGEST_QUERY


def header(columns: Sequence[str]) -> bool:
    """Whether a result has a window's columns."""
    return tuple(columns) == COLUMNS
