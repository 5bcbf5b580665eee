"""A warehouse with flow logs in it: objects laid out as AWS lays them out, and the table that ``setup athena-table`` prints."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import click.testing

from inventory.cli import cli
from tests.fakeaws.results import Shelf
from tests.fakeaws.serving import Served
from tests.fakeaws.warehouse import TableDefinition, Warehouse
from tests.world.formats import FORMATS
from tests.world.plan import ACCOUNT, REGION

BUCKET = "flow-logs-of-everybody"
_NAME = re.compile(
    r"(?P<account>\d+)_vpcflowlogs_(?P<region>[a-z0-9-]+)_fl-\w+_"
    r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)T(?P<hour>\d\d)\d\dZ_.*"
)


@dataclass
class Shop:
    """The fake AWS with a warehouse in it."""

    served: Served
    warehouse: Warehouse
    shelf: Shelf

    @property
    def logs(self) -> Path:
        return self.warehouse.root / BUCKET / "AWSLogs"

    def stock(self, objects: Iterable[Path], *, hive: bool = False, hourly: bool = False) -> None:
        """Puts objects where AWS would have put them by their names."""
        for path in objects:
            self.put(path.name, path, hive=hive, hourly=hourly)
        self.warehouse.changed()

    def put(
        self, name: str, content: Path | bytes, *, hive: bool = False, hourly: bool = False
    ) -> Path:
        told = _NAME.fullmatch(name)
        assert told, name
        if hive:
            folder = "aws-account-id={account}/aws-service=vpcflowlogs/aws-region={region}/year={year}/month={month}/day={day}/"
        else:
            folder = "{account}/vpcflowlogs/{region}/{year}/{month}/{day}/"
        if hourly:
            folder += "hour={hour}/" if hive else "{hour}/"
        target = self.logs / folder.format_map(told.groupdict()) / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Path):
            shutil.copyfile(content, target)
        else:
            target.write_bytes(content)
        self.warehouse.changed()
        return target

    def table(self, log_format: str = "recommended", *more: str) -> TableDefinition:
        """Makes the table that the program prints for a format."""
        return self.warehouse.create(
            printed("--format", FORMATS.get(log_format, log_format), *more)
        )


def printed(*options: str) -> str:
    """What ``setup athena-table`` prints, for the made-up account's bucket."""
    place = ("--location", f"s3://{BUCKET}/AWSLogs/", "--account", ACCOUNT, "--region", REGION)
    given = click.testing.CliRunner().invoke(cli, ["setup", "athena-table", *place, *options])
    assert given.exit_code == 0, given.output
    return given.stdout
