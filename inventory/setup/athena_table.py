"""The table that Athena reads flow logs by, as DDL for the flow log's own format.

Partitions are projected, so none has to be loaded. AWS's own examples have traps that are avoided here (athena user guide, vpc-flow-logs;
facts found by trying): a text table is positional, so no field may be left out, not even one that is a folder too; every placeholder of the
location's template is a partition key, and the template ends in a slash; ``start``, ``end`` and ``date`` are words of the DDL.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from inventory.errors import ConfigError, NotFoundError, UsageError
from inventory.flowlog.format import DEFAULT_FORMAT, LogFormat
from inventory.model import FlowLog, Version
from inventory.resolve.topology import Topology

FileFormat = Literal["text", "parquet"]
Partitions = Literal["plain", "hive"]

_INTS = frozenset({"version", "srcport", "dstport", "protocol", "tcp-flags", "traffic-path"})
_LONGS = frozenset({"packets", "bytes", "start", "end"})
_IDENTIFIER = re.compile(r"[a-z0-9_]{1,128}", re.ASCII)
_PLACE = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/(?:[\w!.*()=/-]+/)?", re.ASCII)
_ACCOUNT = re.compile(r"\d{12}", re.ASCII)
_REGION = re.compile(r"[a-z]{2,4}(?:-[a-z]+)+-\d{1,2}", re.ASCII)
_STORED = {
    "parquet": "STORED AS PARQUET",
    "text": "ROW FORMAT DELIMITED FIELDS TERMINATED BY ' '\nSTORED AS TEXTFILE",
}
_TIMES = {"hive": {"year": "int", "month": "int", "day": "int"}, "plain": {"day": "string"}}
_FIRST_YEAR = 2015
_YEARS_AHEAD = 20


@dataclass(frozen=True)
class FlowLogTable:
    """What the DDL is made from."""

    format: LogFormat
    location: str
    """The folder that holds the accounts' folders: ``s3://bucket/prefix/AWSLogs/``."""
    accounts: Sequence[str]
    regions: Sequence[str]
    database: str = "flow_logs"
    table: str = "vpc_flow_logs"
    files: FileFormat = "text"
    partitions: Partitions = "plain"
    hourly: bool = False
    since: date = date(2024, 1, 1)

    def ddl(self) -> str:
        """``CREATE EXTERNAL TABLE``, ready to be run. Raises ``UsageError`` for a name or a place of another form than AWS's."""
        self._check()
        columns = ",\n".join(f"  `{name}` {_type(field)}" for field, name in self._columns())
        keys = ", ".join(f"`{name}` {kind}" for name, kind in self._keys().items())
        stored = _STORED[self.files]
        properties = ",\n".join(
            f"  '{key}' = '{value}'" for key, value in self._properties().items()
        )
        return (
            f"CREATE EXTERNAL TABLE IF NOT EXISTS `{self.database}`.`{self.table}` (\n{columns}\n)\n"
            f"PARTITIONED BY ({keys})\n{stored}\nLOCATION '{self.location}'\nTBLPROPERTIES (\n{properties}\n)\n"
        )

    def _columns(self) -> list[tuple[str, str]]:
        return [(field, field.replace("-", "_")) for field in self.format.names]

    def _keys(self) -> dict[str, str]:
        """Partition keys: none may be called as a field is."""
        return {
            "acct": "string",
            "rgn": "string",
            **_TIMES[self.partitions],
            **({"hour": "int"} if self.hourly else {}),
        }

    def _properties(self) -> dict[str, str]:
        found = {
            **({"skip.header.line.count": "1"} if self.files == "text" else {}),
            "projection.enabled": "true",
            "projection.acct.type": "enum",
            "projection.acct.values": ",".join(self.accounts),
            "projection.rgn.type": "enum",
            "projection.rgn.values": ",".join(self.regions),
        }
        if self.partitions == "hive":
            last = self.since.year + _YEARS_AHEAD
            found |= _integer("year", self.since.year, last, 4)
            found |= _integer("month", 1, 12, 2) | _integer("day", 1, 31, 2)
        else:
            found |= {
                "projection.day.type": "date",
                "projection.day.range": f"{self.since:%Y/%m/%d},NOW",
                "projection.day.format": "yyyy/MM/dd",
                "projection.day.interval": "1",
                "projection.day.interval.unit": "DAYS",
            }
        if self.hourly:
            found |= _integer("hour", 0, 23, 2)
        return found | {"storage.location.template": self.location + self._folders()}

    def _folders(self) -> str:
        if self.partitions == "hive":
            hour = "hour=${hour}/" if self.hourly else ""
            return (
                "aws-account-id=${acct}/aws-service=vpcflowlogs/aws-region=${rgn}/"
                f"year=${{year}}/month=${{month}}/day=${{day}}/{hour}"
            )
        return "${acct}/vpcflowlogs/${rgn}/${day}/" + ("${hour}/" if self.hourly else "")

    def _check(self) -> None:
        for what, name in (("database", self.database), ("table", self.table)):
            if not _IDENTIFIER.fullmatch(name):
                raise UsageError(f"{what} {name[:130]!r}: only a-z, 0-9 and _, at most 128 of them")
        if not _PLACE.fullmatch(self.location) or ".." in self.location:
            raise UsageError(
                f"location {self.location[:200]!r} is no folder in a bucket",
                hint="--location s3://bucket/prefix/AWSLogs/",
            )
        for values, form, what, example in (
            (self.accounts, _ACCOUNT, "account", "--account 123456789012"),
            (self.regions, _REGION, "region", "--region eu-central-1"),
        ):
            odd = [value for value in values if not form.fullmatch(value)]
            if odd or not values:
                told = f"{what} {odd[0][:60]!r} is none" if odd else f"no {what} is named"
                raise UsageError(told, hint=f"{example}; may be given again")
        if self.since.year < _FIRST_YEAR:
            raise UsageError(f"since {self.since}: there were no flow logs before {_FIRST_YEAR}")
        odd = [name for _, name in self._columns() if name in self._keys()]
        if odd:
            raise UsageError(f"the format has a field {odd[0]}, which is a partition of the table")


def stated(text: str) -> LogFormat:
    """The format that ``--format`` states. Raises ``UsageError``."""
    try:
        return LogFormat.parse(text) or DEFAULT_FORMAT
    except ConfigError as error:
        raise UsageError(str(error), hint=error.hint) from error


def told(topology: Topology, flow_log_id: str | None) -> dict[str, Any]:
    """Format, location, accounts and regions of the flow log into S3 that the newest sweeps show, or of the one named.

    Several flow logs of one format into one place are one table. Raises ``UsageError`` when there is no such flow log, or the choice is
    the operator's.
    """
    there = [v for v in _newest(topology) if v.value.log_destination_type == "s3"]
    if flow_log_id is not None:
        there = [v for v in there if v.value.flow_log_id == flow_log_id]
        if not there:
            raise NotFoundError(
                f"no sweep shows a flow log {flow_log_id} into S3",
                hint="`efs-inventory discover` asks anew",
            )
    if not there:
        raise UsageError(
            "the newest sweeps show no flow log into S3",
            hint="give --format, --location, --account and --region, or run `efs-inventory discover` first",
        )
    kinds: dict[tuple[str, str], list[Version[FlowLog]]] = {}
    for version in there:
        kinds.setdefault(
            (version.value.log_format, _folder(version.value.log_destination)), []
        ).append(version)
    if len(kinds) > 1:
        shown = ", ".join(sorted(v.value.flow_log_id for v in there)[:20])
        raise UsageError(
            f"{len(kinds)} formats or places: a table has one of each",
            hint=f"--flow-log with one of {shown}",
        )
    (form, location), same = next(iter(kinds.items()))
    return {
        "format": stated(form or "default"),
        "location": location,
        "accounts": sorted({version.account for version in same}),
        "regions": sorted({version.region for version in same}),
    }


def _newest(topology: Topology) -> list[Version[FlowLog]]:
    """Every flow log that the newest sweep of its account and region still showed."""
    versions = topology.versions("flow_log")
    newest: dict[tuple[str, str], int] = {}
    for version in versions:
        place = version.account, version.region
        newest[place] = max(newest.get(place, 0), version.last_seen)
    return [v for v in versions if v.last_seen == newest[v.account, v.region]]


def _folder(destination: str) -> str:
    """``arn:aws:s3:::bucket/prefix`` as the folder that AWS makes in it."""
    place = destination.rpartition(":")[2].strip("/")
    return f"s3://{place}/AWSLogs/"


def _type(field: str) -> str:
    return "int" if field in _INTS else "bigint" if field in _LONGS else "string"


def _integer(key: str, low: int, high: int, digits: int) -> dict[str, str]:
    return {
        f"projection.{key}.type": "integer",
        f"projection.{key}.range": f"{low},{high}",
        f"projection.{key}.digits": str(digits),
    }
