"""``setup athena-table``: the DDL is for the flow log's own format, and what AWS's examples do wrong it does not."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click.testing
import pytest

from inventory.cli import cli
from inventory.flowlog.fields import FIELDS
from inventory.store import Store
from tests.athena.stocking import printed
from tests.fakeaws.warehouse import TableDefinition
from tests.world.formats import FORMATS, RECOMMENDED

EVERYTHING = " ".join(f"${{{field.name}}}" for field in FIELDS)


@pytest.mark.parametrize("form", [*FORMATS.values(), EVERYTHING], ids=[*FORMATS, "everything"])
@pytest.mark.parametrize("files", ["text", "parquet"])
@pytest.mark.parametrize(
    "more", [(), ("--partitions", "hive"), ("--hourly",), ("--partitions", "hive", "--hourly")]
)
def test_every_field_is_a_column_in_the_formats_order(
    form: str, files: str, more: tuple[str, ...]
) -> None:
    table = TableDefinition.of(printed("--format", form, "--files", files, *more))
    fields = [name[2:-1].replace("-", "_") for name in form.split()]
    assert [name for name, _ in table.columns] == fields
    assert table.parquet == (files == "parquet")
    assert ("skip.header.line.count" in table.properties) == (files == "text")
    types = dict(table.columns)
    assert {types.get("protocol", "int"), types.get("srcport", "int")} == {"int"}, (
        "Parquet has INT_32"
    )
    assert types.get("bytes", "bigint") == "bigint"
    assert not {name for name, _ in table.keys} & types.keys()
    table.pattern()  # every placeholder a key, a slash at the end
    assert all(f"projection.{name}.type" in table.properties for name, _ in table.keys)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--format", "${a} ${a}"), "names a twice"),
        (("--format", "version"), "is not one"),
        (("--table", "A"), "table 'A'"),
        (("--database", "a`b"), "database 'a`b'"),
        (("--location", "s3://x"), "no folder in a bucket"),
        (("--location", "s3://bucket/it's/"), "no folder in a bucket"),
        (("--account", "1"), "account '1' is none"),
        (("--region", "nowhere'"), "is none"),
        (("--since", "2001-01-01"), "no flow logs before 2015"),
        (("--format", "${day} ${dstport}"), "a field day, which is a partition"),
    ],
)
def test_what_cannot_be_is_refused(options: tuple[str, ...], told: str) -> None:
    given = {
        "--format": "default",
        "--location": "s3://bucket/AWSLogs/",
        "--account": "123456789012",
        "--region": "eu-central-1",
    }
    given |= dict(zip(options[::2], options[1::2], strict=True))
    flat = [part for pair in given.items() for part in pair]
    result = click.testing.CliRunner().invoke(cli, ["setup", "athena-table", *flat])
    assert result.exit_code == 2
    assert told in result.stderr
    assert result.stdout == ""


FLOW_LOG = {
    "FlowLogId": "fl-0123456789abcdef0", "ResourceId": "vpc-0123456789abcdef0", "TrafficType": "ALL", "LogFormat": RECOMMENDED,
    "LogDestinationType": "s3", "LogDestination": "arn:aws:s3:::central-logs/network/", "FlowLogStatus": "ACTIVE",
}  # fmt: skip


def learnt(folder: Path, *flow_logs: dict[str, str]) -> list[str]:
    """A database with one sweep of these flow logs; the options that lead to it."""
    sweep = folder / "snapshots/20261119T000000Z/111122223333/eu-central-1"
    sweep.mkdir(parents=True)
    (sweep / "ec2.describe-flow-logs.json").write_text(json.dumps({"FlowLogs": flow_logs}))
    (folder / "c.toml").write_text('[discover]\nmode = "snapshots"\npath = "snapshots"\n')
    options = ["--config", str(folder / "c.toml")]
    result = click.testing.CliRunner().invoke(cli, [*options, "discover"])
    assert "Traceback" not in result.output
    with Store.open(f"sqlite:///{folder / 'efs-inventory.db'}") as store:
        assert len(store.topology().versions("flow_log")) == len(flow_logs)
    return options


def test_the_newest_sweep_tells_format_place_account_and_region(tmp_path: Path) -> None:
    options = learnt(tmp_path, FLOW_LOG)
    result = click.testing.CliRunner().invoke(cli, [*options, "setup", "athena-table"])
    assert result.exit_code == 0, result.output
    table = TableDefinition.of(result.stdout)
    assert table.location == "s3://central-logs/network/AWSLogs/"
    assert [name for name, _ in table.columns] == [
        n[2:-1].replace("-", "_") for n in RECOMMENDED.split()
    ]
    assert table.properties["projection.acct.values"] == "111122223333"
    assert table.properties["projection.rgn.values"] == "eu-central-1"


def test_flow_logs_that_differ_are_a_choice(tmp_path: Path) -> None:
    other = FLOW_LOG | {"FlowLogId": "fl-0fffffffffffffff0", "LogFormat": FORMATS["default"]}
    options = learnt(tmp_path, FLOW_LOG, other)
    result = click.testing.CliRunner().invoke(cli, [*options, "setup", "athena-table"])
    assert result.exit_code == 2
    assert re.search(
        r"--flow-log with one of fl-0123456789abcdef0, fl-0fffffffffffffff0", result.stderr
    )
    chosen = [*options, "setup", "athena-table", "--flow-log", "fl-0fffffffffffffff0"]
    assert (
        len(TableDefinition.of(click.testing.CliRunner().invoke(cli, chosen).stdout).columns) == 14
    )
    unknown = [*options, "setup", "athena-table", "--flow-log", "fl-0"]
    assert click.testing.CliRunner().invoke(cli, unknown).exit_code == 3


def test_without_a_flow_log_into_s3_it_says_what_to_give(tmp_path: Path) -> None:
    options = learnt(tmp_path, FLOW_LOG | {"LogDestinationType": "cloud-watch-logs"})
    result = click.testing.CliRunner().invoke(cli, [*options, "setup", "athena-table"])
    assert result.exit_code == 2
    assert "give --format, --location, --account and --region" in result.stderr
