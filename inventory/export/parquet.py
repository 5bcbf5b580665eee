"""Records as Parquet: the columns of CSV with types, times as timestamps in UTC; written in portions, so memory is flat."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO

from inventory.errors import InventoryError, MissingExtraError
from inventory.export.columns import COLUMNS, Kind, row

if TYPE_CHECKING:
    import polars as pl

PORTION = 10_000
"""Records at a time: what bounds the memory."""


def write(records: Iterable[Mapping[str, Any]], stream: BinaryIO) -> int:
    """Write records as they come; how many there were.

    Raises ``MissingExtraError`` without polars, ``InventoryError`` when they cannot be written (no room), and whatever ``records`` raises.
    """
    try:
        import polars as pl  # noqa: PLC0415 - an extra
        from polars.io.plugins import register_io_source  # noqa: PLC0415 - as above
    except ImportError:
        raise MissingExtraError("export --format parquet", "parquet") from None
    portions = _Portions(records, _types(pl))
    plan = register_io_source(portions.frames, schema=portions.schema)
    try:
        plan.sink_parquet(stream, compression="zstd")
    except Exception as error:
        if portions.failure is not None:
            raise portions.failure from None  # polars would tell of it in its own words
        if isinstance(error, pl.exceptions.PolarsError):  # of a full disk, too
            raise InventoryError(
                f"cannot write Parquet: {error}",
                hint="look whether there is room, or name another place",
            ) from error
        raise
    return portions.count


class _Portions:
    """Data frames of records, as polars asks for them."""

    def __init__(self, records: Iterable[Mapping[str, Any]], types: Mapping[Kind, Any]) -> None:
        self._records = records
        self.schema = {column.name: types[column.kind] for column in COLUMNS}
        self.count = 0
        self.failure: BaseException | None = None

    def frames(
        self,
        with_columns: list[str] | None,
        predicate: pl.Expr | None,
        n_rows: int | None,
        batch_size: int | None,
    ) -> Iterator[pl.DataFrame]:
        del with_columns, predicate, n_rows, batch_size  # everything is wanted
        try:
            coming = iter(self._records)
            while some := list(islice(coming, PORTION)):
                self.count += len(some)
                yield self._frame([row(record) for record in some])
        except BaseException as error:
            self.failure = error
            raise

    def _frame(self, rows: list[list[Any]]) -> pl.DataFrame:
        import polars as pl  # noqa: PLC0415 - an extra

        moments = [column.name for column in COLUMNS if column.kind == "time"]
        told = {name: pl.String if name in moments else kind for name, kind in self.schema.items()}
        frame = pl.DataFrame(rows, schema=told, orient="row")
        return frame.with_columns(
            pl.col(moments).str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_zone="UTC")
        )


def _types(pl: Any) -> dict[Kind, Any]:  # noqa: ANN401 - the module, which may be missing
    text, moment = pl.String, pl.Datetime("us", "UTC")
    return {
        "text": text,
        "names": text,
        "json": text,
        "number": pl.Int64,
        "share": pl.Float64,
        "flag": pl.Boolean,
        "time": moment,
    }
