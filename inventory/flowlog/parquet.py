"""Flow logs as Parquet: only the columns that count, only the rows that can matter, in batches.

AWS writes field names with underscores, numbers as integers, and NULL where a text shows ``-``; tools write texts or floats instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from inventory.errors import ConfigError, MissingExtraError
from inventory.flowlog.fold import Folder
from inventory.flowlog.format import LogFormat
from inventory.flowlog.record import KEY_FIELDS, NUMBER_FIELDS, OLDEST
from inventory.flowlog.scan import PORT
from inventory.model import BatchState

if TYPE_CHECKING:
    import polars as pl

_WANTED = frozenset(KEY_FIELDS) | frozenset(NUMBER_FIELDS) | {"srcport", "dstport"}
_BATCH = 20_000


def fold_parquet(path: str, folder: Folder) -> tuple[BatchState, str]:
    """Give a Parquet file to ``folder``; the state of the batch, and for people why it is not ``done``.

    Never raises for bad content. Raises :class:`~inventory.errors.MissingExtraError` without polars.
    """
    try:
        import polars as pl  # noqa: PLC0415 - an extra, and slow to import
    except ImportError:
        what = "reading Parquet"
        raise MissingExtraError(what, "parquet") from None
    faults = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError)
    try:
        table = pl.scan_parquet(path, glob=False, low_memory=True)
        columns = _columns(dict(table.collect_schema()))
        if columns is None:
            return BatchState.FOREIGN, "no flow log: a Parquet table without columns of flow logs"
        _fold(table, columns, folder)
    except ConfigError as error:
        return BatchState.FAILED, f"Parquet: {error}"
    except faults as error:
        reason = str(error).strip().partition("\n")[0][:200]
        return (
            BatchState.PARTIAL if folder.tables else BatchState.FAILED
        ), f"corrupt or cut Parquet: {reason}"
    if folder.crowded:
        return BatchState.PARTIAL, "more SKIPDATA records than can be kept"
    return BatchState.DONE, ""


class _Table:
    """The columns of a table: by field, its own name and an expression that gives AWS's text of a value."""

    def __init__(self, full: LogFormat, names: dict[str, str], texts: dict[str, pl.Expr]) -> None:
        self.full = full
        self.names = names
        self.texts = texts


def _columns(schema: dict[str, pl.DataType]) -> _Table | None:
    import polars as pl  # noqa: PLC0415 - there, or we would not be here

    header = LogFormat.header(",".join(schema).encode("utf-8", "replace"))
    if header is None:
        return None
    names = dict(zip(header.names, schema, strict=True))
    texts: dict[str, pl.Expr] = {}
    for field in header.names:
        if field in _WANTED:
            kind, value = schema[names[field]], pl.col(names[field])
            if kind == pl.Datetime:
                value = value.dt.epoch("s")
            elif kind.is_float():
                value = value.cast(pl.Int64, strict=False)
            texts[field] = value.cast(pl.String).fill_null("-").alias(field)
    return _Table(header, names, texts)


def _fold(table: pl.LazyFrame, columns: _Table, folder: Folder) -> None:
    import polars as pl  # noqa: PLC0415 - there, or we would not be here

    narrow = LogFormat(tuple(columns.texts) or columns.full.names[:1])
    total = int(table.select(pl.len()).collect(engine="streaming").item())
    folder.table(columns.full, narrow, _reach(table, columns) if total else None)
    candidate = pl.lit(value=False)
    for field in ("srcport", "dstport"):
        if field in columns.texts:
            candidate |= columns.texts[field] == PORT.decode()
    if "log-status" in columns.texts:
        candidate |= columns.texts["log-status"].is_in(["NODATA", "SKIPDATA"])
    examined = 0
    if not columns.full.is_transit_gateway and columns.texts:
        wanted = table.filter(candidate).select(columns.texts.values())
        for batch in wanted.collect_batches(chunk_size=_BATCH, engine="streaming"):
            examined += batch.height
            for row in batch.iter_rows():
                folder.values([value.encode("utf-8", "replace") for value in row])
    folder.unexamined(total - examined)


def _reach(table: pl.LazyFrame, columns: _Table) -> tuple[int, int] | None:
    """Earliest start and latest end of all rows, where they are seconds."""
    import polars as pl  # noqa: PLC0415 - there, or we would not be here

    if "start" not in columns.texts or "end" not in columns.texts:
        return None
    start, end = (columns.texts[field].cast(pl.Int64, strict=False) for field in ("start", "end"))
    usable = (start >= OLDEST) & (end >= start) & (end < 2**31)
    first, last = (
        table.filter(usable).select(start.min(), end.max()).collect(engine="streaming").row(0)
    )
    return None if first is None or last is None else (int(first), int(last))
