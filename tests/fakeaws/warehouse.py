"""Tables over objects in a folder, and an engine that runs Athena's SQL on them: the heart of the fake Athena.

A table is what its DDL says: read by sqlglot, its partitions projected as the properties tell, its text columns by position and its Parquet
columns by name. A query is translated to DuckDB and really run, once its state is asked for often enough.
"""

# ruff: noqa: S608

from __future__ import annotations

import functools
import io
import itertools
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import sqlglot
from sqlglot import exp

POLLS = 2
"""Looks at a query before it is done: QUEUED, then RUNNING."""

_DUCK_TYPES = {"int": "INTEGER", "bigint": "BIGINT", "string": "VARCHAR", "date": "DATE"}
_ATHENA_TYPES = {
    "INTEGER": "integer",
    "BIGINT": "bigint",
    "HUGEINT": "bigint",
    "VARCHAR": "varchar",
}
_JAVA = {"yyyy": r"\d{4}", "MM": r"\d{2}", "dd": r"\d{2}", "HH": r"\d{2}"}


@dataclass(frozen=True)
class TableDefinition:
    """A table, as the catalogue has it."""

    database: str
    name: str
    columns: tuple[tuple[str, str], ...]
    keys: tuple[tuple[str, str], ...]
    parquet: bool
    location: str
    properties: Mapping[str, str]

    @classmethod
    def of(cls, ddl: str) -> TableDefinition:
        """Reads CREATE EXTERNAL TABLE."""
        parsed = sqlglot.parse_one(ddl, read="athena")
        assert isinstance(parsed, exp.Create)
        assert isinstance(parsed.this, exp.Schema), "columns"
        found: dict[str, Any] = {"properties": {}, "keys": (), "parquet": False}
        for each in parsed.args["properties"].expressions:
            if isinstance(each, exp.PartitionedByProperty):
                found["keys"] = _columns(each.this.expressions)
            elif isinstance(each, exp.LocationProperty):
                found["location"] = each.this.name
            elif isinstance(each, exp.FileFormatProperty):
                found["parquet"] = each.name.upper() == "PARQUET"
            elif type(each) is exp.Property:
                found["properties"][each.name] = each.args["value"].name
        table = parsed.this.this
        return cls(table.db, table.name, _columns(parsed.this.expressions), **found)

    def pattern(self) -> re.Pattern[str]:
        """What an object's address must be like to lie in a partition."""
        template = self.properties["storage.location.template"]
        assert template.endswith("/"), "templated locations must end with a slash"
        used = re.findall(r"\$\{(\w+)\}", template)
        assert sorted(used) == sorted(name for name, _ in self.keys), "each placeholder is a key"
        pieces = re.split(r"(\$\{\w+\})", template)
        return re.compile(
            "".join(
                f"(?P<{piece[2:-1]}>{self._values(piece[2:-1])})"
                if piece.startswith("${")
                else re.escape(piece)
                for piece in pieces
            )
        )

    def _values(self, key: str) -> str:
        kind = self.properties.get(f"projection.{key}.type", "enum")
        if kind == "date":
            shape = self.properties[f"projection.{key}.format"]
            return "".join(
                _JAVA.get(p, re.escape(p)) for p in re.findall(r"yyyy|MM|dd|HH|.", shape)
            )
        if kind == "integer":
            return rf"\d{{{self.properties[f'projection.{key}.digits']}}}"
        return r"[^/]+"

    def projects(self, values: Mapping[str, str]) -> bool:
        """Whether projection makes this partition; what it does not make has zero rows."""
        return all(self._projects(key, value) for key, value in values.items())

    def _projects(self, key: str, value: str) -> bool:
        told = self.properties.get
        kind = told(f"projection.{key}.type")
        if kind == "enum":
            return value in told(f"projection.{key}.values", "").split(",")
        low, _, high = told(f"projection.{key}.range", "").partition(",")
        if kind == "integer":
            return int(low) <= int(value) <= int(high)
        if kind == "date":
            return low <= value and (high == "NOW" or value <= high)
        return True


def _columns(expressions: Sequence[Any]) -> tuple[tuple[str, str], ...]:
    return tuple((one.name, one.args["kind"].sql("hive").lower()) for one in expressions)


@dataclass
class Query:
    """A query, and what became of it."""

    id: str
    parameters: Mapping[str, Any]
    output: str
    submitted: float
    state: str = "QUEUED"
    reason: str = ""
    error: Mapping[str, Any] | None = None
    scanned: int = 0
    columns: Sequence[tuple[str, str]] = ()
    rows: Sequence[Sequence[str | None]] = ()
    looks: int = 0


@dataclass
class Warehouse:
    """Buckets below a folder, tables over them, and the queries that were started."""

    root: Path
    workgroups: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {
            "primary": {"ResultConfiguration": {"OutputLocation": "s3://results/primary/"}}
        }
    )
    fails: list[Mapping[str, Any]] = field(default_factory=list)
    """The ``AthenaError`` with which the next queries fail."""
    polls: int = POLLS
    reticent: bool = False
    """The catalogue tells no properties of tables: partitions are as good as registered by hand."""

    def __post_init__(self) -> None:
        self.tables: dict[tuple[str, str], TableDefinition] = {}
        self.queries: dict[str, Query] = {}
        self._tokens: dict[str, str] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.RLock()
        self._duck = duckdb.connect()
        self._duck.execute("SET threads = 2")
        self._loaded: set[tuple[str, str]] = set()

    # -- tables ------------------------------------------------------------------------------------

    def create(self, ddl: str | TableDefinition) -> TableDefinition:
        made = ddl if isinstance(ddl, TableDefinition) else TableDefinition.of(ddl)
        self.tables[made.database, made.name] = made
        self._loaded.discard((made.database, made.name))
        return made

    def changed(self) -> None:
        """Objects came or went."""
        self._loaded.clear()

    def _load(self, table: TableDefinition) -> None:
        place = (table.database, table.name)
        if place in self._loaded:
            return
        duck, files = self._duck, self._files(table)
        duck.execute(f'CREATE SCHEMA IF NOT EXISTS "{table.database}"')
        keys = ", ".join(f'"{name}" {_DUCK_TYPES[kind]}' for name, kind in table.keys)
        duck.execute(
            f'CREATE OR REPLACE TABLE "{table.database}"."files of {table.name}" (filename VARCHAR, "$path" VARCHAR, size BIGINT, {keys})'
        )
        if files:
            marks = ", ".join("?" * (3 + len(table.keys)))
            duck.executemany(
                f'INSERT INTO "{table.database}"."files of {table.name}" VALUES ({marks})', files
            )
        duck.execute(
            f'CREATE OR REPLACE TABLE "{table.database}"."{table.name}" AS {self._select(table, [row[0] for row in files])}'
        )
        self._loaded.add(place)

    def _files(self, table: TableDefinition) -> list[list[Any]]:
        pattern, found = table.pattern(), []
        bucket = self.root / table.location.removeprefix("s3://").partition("/")[0]
        for path in sorted(bucket.rglob("*")):
            address = f"s3://{path.relative_to(self.root).as_posix()}"
            match = pattern.match(address)
            if match and path.is_file() and table.projects(match.groupdict()):
                values = [match[name] for name, _ in table.keys]
                found.append([str(path), address, path.stat().st_size, *values])
        return found

    def _select(self, table: TableDefinition, files: Sequence[str]) -> str:
        keys = "".join(f', f."{name}"' for name, _ in table.keys)
        if not files:
            empty = ", ".join(
                f'CAST(NULL AS {_DUCK_TYPES[kind]}) AS "{name}"' for name, kind in table.columns
            )
            return f'SELECT {empty}, f."$path"{keys} FROM "{table.database}"."files of {table.name}" f WHERE FALSE'
        listed = "[" + ", ".join(f"'{each}'" for each in files) + "]"
        if table.parquet:  # by name; a column that is not there is NULL
            self._duck.execute(
                f"CREATE OR REPLACE TEMP VIEW objects AS SELECT * FROM read_parquet({listed}, filename=true, union_by_name=true)"
            )
            there = {row[0] for row in self._duck.execute("DESCRIBE objects").fetchall()}
        else:  # by position; a dash in a column of numbers is NULL
            shape = "{" + ", ".join(f"'{name}': 'VARCHAR'" for name, _ in table.columns) + "}"
            skip = table.properties.get("skip.header.line.count", "0")
            self._duck.execute(
                f"CREATE OR REPLACE TEMP VIEW objects AS SELECT * FROM read_csv({listed}, delim=' ', header=false, skip={skip}, "
                f"columns={shape}, filename=true, auto_detect=false, null_padding=true, quote='', escape='')"
            )
            there = {name for name, _ in table.columns}
        values = ", ".join(
            f'TRY_CAST(o."{name}" AS {_DUCK_TYPES[kind]}) AS "{name}"' if name in there
            else f'CAST(NULL AS {_DUCK_TYPES[kind]}) AS "{name}"'
            for name, kind in table.columns
        )  # fmt: skip
        files_of = f'"{table.database}"."files of {table.name}"'
        return f'SELECT {values}, f."$path"{keys} FROM objects o JOIN {files_of} f ON o.filename = f.filename'

    # -- queries -----------------------------------------------------------------------------------

    def start(self, parameters: Mapping[str, Any], output: str, moment: float) -> Query | None:
        """The query of this token; ``None`` when the token was used for another."""
        with self._lock:
            token = parameters.get("ClientRequestToken", "")
            if token in self._tokens:
                known = self.queries[self._tokens[token]]
                return known if dict(known.parameters) == dict(parameters) else None
            number = next(self._numbers)
            query = Query(f"00000000-0000-4000-8000-{number:012d}", parameters, output, moment)
            self.queries[query.id] = query
            if token:
                self._tokens[token] = query.id
            return query

    def look(self, identity: str) -> Query | None:
        """A query, a step further on."""
        with self._lock:
            query = self.queries.get(identity)
            if query is not None and query.state in {"QUEUED", "RUNNING"}:
                query.looks += 1
                query.state = "QUEUED" if query.looks < self.polls else "RUNNING"
                if query.looks > self.polls:
                    self._finish(query)
            return query

    def stop(self, identity: str) -> None:
        with self._lock:
            query = self.queries[identity]
            if query.state in {"QUEUED", "RUNNING"}:
                query.state, query.reason = "CANCELLED", "Query cancelled by user"

    def _finish(self, query: Query) -> None:
        if self.fails:
            query.error = self.fails.pop(0)
            query.state, query.reason = "FAILED", str(query.error.get("ErrorMessage", ""))
            query.scanned = 10_000_000
            return
        try:
            self._run(query)
        except LookupError as error:
            query.state, query.reason = "FAILED", str(error.args[0])
            query.error = {
                "ErrorCategory": 2,
                "ErrorType": 1301,
                "Retryable": False,
                "ErrorMessage": query.reason,
            }

    def _run(self, query: Query) -> None:
        parsed, translated = _translated(query.parameters["QueryString"])
        for found in parsed.find_all(exp.Table):
            if found.db:
                if (found.db, found.name) not in self.tables:
                    raise LookupError(
                        f"TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.{found.db}.{found.name}' does not exist"
                    )
                table = self.tables[found.db, found.name]
                self._load(table)
                query.scanned = max(query.scanned, self._scanned(table, found))
        cutoff = self.workgroups[query.parameters["WorkGroup"]].get("BytesScannedCutoffPerQuery")
        if cutoff is not None and query.scanned > cutoff:
            query.state, query.reason = (
                "CANCELLED",
                "Query cancelled! : Bytes scanned limit was exceeded",
            )
            return
        result = self._duck.execute(translated)
        query.columns = [
            (c[0], _ATHENA_TYPES.get(str(c[1]), "varchar")) for c in result.description or []
        ]
        query.rows = [[None if v is None else str(v) for v in row] for row in result.fetchall()]
        query.state = "SUCCEEDED"
        if query.output:
            self._write(query)

    def _scanned(self, table: TableDefinition, found: exp.Table) -> int:
        """Bytes of the objects in the partitions that a query leaves after pruning: those of conditions on partition keys alone."""
        select = found.find_ancestor(exp.Select)
        where = select.args.get("where") if select else None
        keys = {name for name, _ in table.keys}
        terms = (
            where.this.flatten()
            if where and isinstance(where.this, exp.And)
            else [where.this]
            if where
            else []
        )
        pruning = [
            t.sql(dialect="duckdb")
            for t in terms
            if {c.name for c in t.find_all(exp.Column)} <= keys
        ]
        condition = " AND ".join(pruning) or "TRUE"
        files = self._duck.execute(
            f'SELECT filename, size FROM "{table.database}"."files of {table.name}" WHERE {condition}'
        ).fetchall()
        if not table.parquet or select is None or not files:
            return sum(size for _, size in files)
        listed = "[" + ", ".join(f"'{name}'" for name, _ in files) + "]"
        used = ", ".join(f"'{one.name}'" for one in select.find_all(exp.Column))
        row = self._duck.execute(
            f"SELECT coalesce(sum(total_compressed_size), 0) FROM parquet_metadata({listed}) WHERE path_in_schema IN ({used})"
        ).fetchone()
        return int(row[0]) if row else 0

    def _write(self, query: Query) -> None:
        path = self.root / query.output.removeprefix("s3://")
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = io.StringIO()
        for line in ([name for name, _ in query.columns], *query.rows):
            stream.write(
                ",".join("" if v is None else '"' + v.replace('"', '""') + '"' for v in line) + "\n"
            )
        path.write_text(stream.getvalue(), encoding="utf-8")

    @property
    def scanned(self) -> int:
        """Bytes of all queries."""
        return sum(query.scanned for query in self.queries.values())


@functools.lru_cache(maxsize=64)
def _translated(query: str) -> tuple[exp.Expression, str]:
    parsed = sqlglot.parse_one(query, read="athena")
    assert isinstance(parsed, exp.Expression)
    return parsed, parsed.sql(dialect="duckdb")


def when(moment: float) -> datetime:
    return datetime.fromtimestamp(moment, UTC)
