"""Blocks in which very many lines are candidates: there, columns at once beat line by line, if polars is installed.

Only records without any doubt are dealt with here; every other line that might be a candidate goes back to be judged alone, so both ways
give the same result. Blocks that columns could misread (runs of spaces, signs before numbers, bytes beyond ASCII) never come here.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inventory.flowlog.groups import Run
from inventory.flowlog.record import (
    KEY_FIELDS,
    LONGEST,
    NEWEST,
    NUMBER_FIELDS,
    OLDEST,
    Columns,
    Key,
)
from inventory.flowlog.scan import find
from inventory.model import RUN_GAP, SLOT, Span

if TYPE_CHECKING:
    import polars as pl

ENOUGH = 6 * 2**20
"""Bytes gathered before they are dealt with: more is hardly faster, and takes memory."""

WORTH = 2**19
"""Bytes below which line by line is as fast as the import of polars."""

_LONGEST_COUNT = 15
_NOTHING = ("-", "None")
_MIRRORED = {
    "srcaddr": "dstaddr",
    "dstaddr": "srcaddr",
    "pkt-srcaddr": "pkt-dstaddr",
    "pkt-dstaddr": "pkt-srcaddr",
}


@functools.cache
def available() -> bool:
    """Whether polars is installed; does not import it."""
    return importlib.util.find_spec("polars") is not None


class Gathering:
    """Blocks of one format that wait to be dealt with together."""

    def __init__(self) -> None:
        self._blocks: list[bytes] = []
        self._size = 0
        self._columns: Columns | None = None

    def takes(self, block: bytes, columns: Columns) -> bool:
        """Whether the block may be read by columns; if so, it is kept."""
        if (
            not (columns.two_ended and available() and block.isascii())
            or b"+" in block
            or b"\0" in block
            or find(block, b"  ") >= 0
        ):
            return False
        self._blocks.append(block)
        self._size += len(block)
        self._columns = columns
        return True

    @property
    def enough(self) -> bool:
        """Whether it is time to :meth:`take`."""
        return self._size >= ENOUGH

    def take(self) -> tuple[bytes, Columns | None]:
        """Everything gathered, and its columns; ``None`` when there is nothing."""
        block, columns = b"".join(self._blocks), self._columns
        self._blocks, self._size, self._columns = [], 0, None
        return block, columns


@dataclass(slots=True)
class Dense:
    """What a block held: runs by key and direction, and what is left to judge line by line."""

    runs: list[tuple[Key, int, Run]]
    """The key as a request has it (of responses, source and target are exchanged), the number of one of the lines, and the run."""
    leftover: list[int]
    """Numbers of lines."""
    rows: int


def read(block: bytes, columns: Columns, window: Span | None) -> Dense | None:
    """Read the block by columns; ``None`` when polars cannot."""
    import polars as pl  # noqa: PLC0415 - an extra, and slow to import

    try:
        return _read(block, columns, window)
    except pl.exceptions.PolarsError:
        return None


def _read(block: bytes, columns: Columns, window: Span | None) -> Dense:
    import polars as pl  # noqa: PLC0415 - see above

    table = _table(block, columns)
    good, settled = _usual(columns, window)
    judged = table.with_row_index("row").with_columns(good.fill_null(value=False).alias("good"))
    leftover = judged.filter(~(pl.col("good") | settled.fill_null(value=False)))["row"].to_list()
    return Dense(list(_runs(judged.filter("good"), columns)), leftover, table.height)


def _table(block: bytes, columns: Columns) -> pl.DataFrame:
    """The columns that count, as texts; the one behind the last shows lines that are too long."""
    import polars as pl  # noqa: PLC0415 - see above

    place = columns.format.place
    wanted = {place(name) for name in (*KEY_FIELDS, *NUMBER_FIELDS, "srcport", "dstport")}
    return pl.read_csv(
        block,
        has_header=False,
        separator=" ",
        quote_char=None,
        schema={_column(number): pl.String for number in range(columns.width + 1)},
        columns=sorted(wanted | {0, columns.width - 1, columns.width}),
        truncate_ragged_lines=True,
        missing_columns="insert",
        extra_columns="ignore",
    )


def _column(number: int) -> str:
    return f"c{number}"


def _usual(columns: Columns, window: Span | None) -> tuple[pl.Expr, pl.Expr]:
    """Which rows are records on the port without any doubt, and which without any doubt none."""
    import polars as pl  # noqa: PLC0415 - see above

    def col(name: str) -> pl.Expr:
        return (
            pl.col(_column(columns.format.place(name))) if columns.format.has(name) else pl.lit("-")
        )

    def whole(text: pl.Expr, digits: int) -> tuple[pl.Expr, pl.Expr]:
        value = text.cast(pl.Int64, strict=False)
        return value, (value >= 0) & (text.str.len_bytes() <= digits)

    shape = (
        pl.col("c0").is_not_null()
        & pl.col(_column(columns.width - 1)).is_not_null()
        & pl.col(_column(columns.width)).is_null()
    )
    shape &= ~col("log-status").is_in(["NODATA", "SKIPDATA"])
    source, target = col("srcport"), col("dstport")
    ports = []
    for text in (source, target):
        value, is_number = whole(text, 5)
        ports.append(is_number & (value <= 65_535))  # noqa: PLR2004 - the highest port
    (start, start_fits), (end, end_fits) = whole(col("start"), 10), whole(col("end"), 10)
    (_, packets_fit), (_, size_fits) = (
        whole(col("packets"), _LONGEST_COUNT),
        whole(col("bytes"), _LONGEST_COUNT),
    )
    good = (
        shape
        & ((source == "2049") ^ (target == "2049"))
        & ports[0]
        & ports[1]
        & (col("protocol") == "6")
    )
    good &= start_fits & end_fits & packets_fit & size_fits
    good &= (start >= OLDEST) & (end >= start) & (end - start <= LONGEST) & (end <= NEWEST)
    if window is not None:
        good &= (start >= window[0]) & (start < window[1])
    # an address that is missing means different things at the two ends
    good &= ~col("srcaddr").is_in(_NOTHING) & ~col("dstaddr").is_in(_NOTHING)
    # elsewhere in the line the port means nothing, as long as the ports themselves are in form
    fine = [
        ok.fill_null(value=False) | text.is_in(_NOTHING)
        for ok, text in zip(ports, (source, target), strict=True)
    ]
    return good, shape & (source != "2049") & (target != "2049") & fine[0] & fine[1]


def _runs(rows: pl.DataFrame, columns: Columns) -> Iterator[tuple[Key, int, Run]]:
    """Rows of one key and slot within :data:`RUN_GAP` of each other as one run, as :func:`~.groups.joined` does."""
    import polars as pl  # noqa: PLC0415 - see above

    names = [name for name in KEY_FIELDS if columns.format.has(name)]
    request = pl.col(_column(columns.dstport)) == "2049"
    values = {
        name: pl.col(_column(columns.format.place(name))) for name in (*names, *NUMBER_FIELDS)
    }
    number = {name: values[name].cast(pl.Int64) for name in NUMBER_FIELDS}
    rows = rows.select(
        "row",
        *(
            pl.when(request)
            .then(values[name])
            .otherwise(values[_MIRRORED.get(name, name)])
            .alias(name)
            for name in names
        ),
        number["start"].alias("first"),
        number["end"].alias("last"),
        (number["start"] - number["start"] % SLOT).alias("slot"),
        *(number[name].alias(name) for name in ("packets", "bytes")),
        request.alias("request"),
    )
    keys = rows.select(names).unique().with_row_index("id")
    rows = rows.join(keys, on=names).sort("id", "slot", "first")
    other = (
        (pl.col("id") != pl.col("id").shift(1)) | (pl.col("slot") != pl.col("slot").shift(1))
    ).fill_null(value=True)
    # groups only grow, so one running maximum over all rows is that of each group
    group = other.cum_sum().cast(pl.Int64) * 2**32
    silence = group + pl.col("first") > (group + pl.col("last")).cum_max().shift(1) + RUN_GAP
    runs = (
        rows.with_columns((other | silence.fill_null(value=True)).cum_sum().alias("run"))
        .group_by("run")
        .agg(
            pl.col("id", "row").first(),
            pl.col("first").min(),
            pl.col("last").max(),
            pl.col("request").sum().alias("asked"),
            (~pl.col("request")).sum().alias("answered"),
            *(
                pl.col(name).filter(way).sum().alias(f"{name} {side}")
                for side, way in _ways()
                for name in ("packets", "bytes")
            ),
            (pl.col("last") - pl.col("first")).max().alias("longest"),
        )
        .drop("run")
    )
    texts = {name: [text.encode() for text in keys[name].to_list()] for name in names}
    absent = [b"-"] * keys.height
    told = [
        Key(*key) for key in zip(*(texts.get(name, absent) for name in KEY_FIELDS), strict=True)
    ]
    for one, row, *run in runs.iter_rows():
        yield told[one], row, tuple(run)


def _ways() -> tuple[tuple[str, pl.Expr], tuple[str, pl.Expr]]:
    import polars as pl  # noqa: PLC0415 - see above

    return ("in", pl.col("request")), ("out", ~pl.col("request"))
