"""What a table is like: its columns, its partitions, and what of flow logs it can tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from inventory.aws import Caller, corrupt
from inventory.collect.athena.layout import Layout, layout
from inventory.collect.athena.names import Column, by_field, column, quoted
from inventory.errors import AwsError, AwsFault, SourceError
from inventory.flowlog.format import LogFormat

_MISSING_TABLE = ("EntityNotFound",)


@dataclass(frozen=True)
class Table:
    """A table of flow logs."""

    database: str
    name: str
    fields: Mapping[str, Column]
    """By field of flow logs, the column that holds it."""
    layout: Layout

    @property
    def sql(self) -> str:
        """Its name in a query."""
        return f"{quoted(self.database)}.{quoted(self.name)}"

    @property
    def format(self) -> str:
        """Its fields in ``${…}`` form: what it cannot tell follows from what is missing."""
        return LogFormat(tuple(self.fields)).text


@dataclass(frozen=True)
class Sample:
    """One row of a table: names and types of its columns, and the values."""

    columns: Sequence[Column]
    values: Mapping[str, str]
    path: str


def learnt(caller: Caller, database: str, name: str, sample: Callable[[], Sample]) -> Table:
    """A table as the Glue catalogue describes it; where that may not be asked, as one row of it shows it.

    Raises ``SourceError`` for one that is not there or cannot be read as flow logs, ``AwsError`` when nobody answers.
    """
    quoted(database), quoted(name)
    try:
        columns, keys, properties = _by_catalogue(caller, database, name)
    except AwsError as error:
        if error.code.startswith(_MISSING_TABLE):
            msg = f"there is no table {database}.{name} in {caller.region}"
            hint = "check database, table and region; `efs-inventory setup athena-table` prints how to make one"
            raise SourceError(msg, hint=hint) from error
        if error.fault is not AwsFault.DENIED:
            raise
        seen = sample()
        keys = _partition_keys(seen)
        columns, properties = [one for one in seen.columns if one not in keys], {}
    where = f"the table {database}.{name}"
    try:
        parts = layout(keys, properties, lambda: sample().values)
    except SourceError as error:
        msg = f"{where}: {error}"
        raise SourceError(msg, hint=error.hint) from error
    return Table(database, name, _fields(columns, where), parts)


def _by_catalogue(
    caller: Caller, database: str, name: str
) -> tuple[list[Column], list[Column], dict[str, str]]:
    answer = caller.ask("glue", "get_table", need=("Table",), DatabaseName=database, Name=name)
    described = answer["Table"]
    columns = described.get("StorageDescriptor", {}).get("Columns")
    if not columns:
        raise corrupt("glue.get-table", "a table without columns")
    return (
        [column(one["Name"], one.get("Type", "string")) for one in columns],
        [
            column(one["Name"], one.get("Type", "string"))
            for one in described.get("PartitionKeys", [])
        ],
        {str(key): str(value) for key, value in described.get("Parameters", {}).items()},
    )


def _partition_keys(sample: Sample) -> list[Column]:
    """Columns whose values are folders on the way to the row's object: partition keys stand last in a table."""
    folders = f"/{sample.path}/"
    keys: list[Column] = []
    for one in reversed(sample.columns):
        value = sample.values.get(one.name, "")
        spelled = {value, value.zfill(2), value.replace("-", "/")} if value else set()
        if not any(f"/{each}/" in folders or f"={each}/" in folders for each in spelled):
            break
        keys.insert(0, one)
    return keys


def _fields(columns: Sequence[Column], where: str) -> dict[str, Column]:
    found = {field: one for field, one in by_field(columns).items() if one.plain}
    odd = {field: one for field, one in by_field(columns).items() if not one.plain}
    if "dstport" not in found or not {"start", "end"} & found.keys():
        lacking = "dstport" if "dstport" not in found else "start"
        shown = ", ".join(one.name for one in columns[:20])
        why = f"is of type {odd[lacking].type}" if lacking in odd else "is not there"
        msg = f"{where}: a column for {lacking} {why}; it has {shown}"
        raise SourceError(
            msg,
            hint="`efs-inventory setup athena-table` prints a table with columns as AWS names the fields",
        )
    return found
