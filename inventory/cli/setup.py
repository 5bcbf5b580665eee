"""``setup``: what to create in AWS, printed. Each of its commands stands by itself."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from inventory.cli.face import Face

if TYPE_CHECKING:
    from inventory.setup.athena_table import FileFormat, Partitions


@click.group()
def setup() -> None:
    """Print what to create in AWS; nothing is created."""


@setup.command("athena-table")
@click.option(
    "--format",
    "form",
    metavar="FORMAT",
    help="Fields in order, '${version} ${…}', or default; else the flow log's own.",
)
@click.option(
    "--flow-log", metavar="ID", help="Which flow log of the newest sweeps, when they differ."
)
@click.option(
    "--location", metavar="S3", help="Folder of the accounts' folders, s3://bucket/prefix/AWSLogs/."
)
@click.option(
    "--account",
    "accounts",
    multiple=True,
    metavar="ID",
    help="Account whose logs are there; may be given again.",
)
@click.option(
    "--region", "regions", multiple=True, metavar="REGION", help="Region; may be given again."
)
@click.option(
    "--files",
    type=click.Choice(["text", "parquet"]),
    default="text",
    show_default=True,
    help="The flow log's file format.",
)
@click.option(
    "--partitions",
    type=click.Choice(["plain", "hive"]),
    default="plain",
    show_default=True,
    help="Whether folders are Hive-compatible.",
)
@click.option("--hourly", is_flag=True, help="Folders of hours inside those of days.")
@click.option("--database", default="flow_logs", show_default=True)
@click.option("--table", default="vpc_flow_logs", show_default=True)
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d"]),
    default="2024-01-01",
    show_default=True,
    metavar="DATE",
    help="First day with logs.",
)
@click.pass_obj
def athena_table(  # noqa: PLR0913 - one for each option
    face: Face,
    /,
    *,
    form: str | None,
    flow_log: str | None,
    accounts: tuple[str, ...],
    regions: tuple[str, ...],
    since: datetime,
    location: str | None,
    files: FileFormat,
    partitions: Partitions,
    **rest: Any,
) -> None:
    """The DDL of an Athena table over VPC flow logs in S3, with projected partitions.

    The format is that of the flow log in the newest sweep, or --format; then no database is needed.
    """
    from inventory.setup.athena_table import FlowLogTable, stated, told

    found: dict[str, Any] = {"format": None, "location": "", "accounts": (), "regions": ()}
    if form is None:
        with face.store() as store:
            found = told(store.topology(), flow_log)
    table = FlowLogTable(
        format=found["format"] or stated(form or ""),
        location=location or found["location"],
        accounts=accounts or found["accounts"],
        regions=regions or found["regions"],
        files=files,
        partitions=partitions,
        since=since.date(),
        **rest,
    )
    click.echo(table.ddl(), nl=False)


@setup.command("guard")
@click.option(
    "--role",
    "roles",
    multiple=True,
    metavar="ARN",
    help="Role that may still delete; may be given again. Without one nobody may.",
)
@click.option(
    "--strict",
    is_flag=True,
    help="Deny as well what cuts clients off: other security groups, policies, deleted access points.",
)
@click.pass_obj
def guard(face: Face, /, *, roles: tuple[str, ...], strict: bool) -> None:
    """A service control policy by which only named roles delete file systems and mount targets.

    The policy goes to standard output, how to attach it to standard error. Needs no configuration.
    """
    from inventory.setup.guard import HOW_TO_ATTACH, policy

    click.echo(policy(roles, strict=strict))
    if face.verbosity >= 0:
        if not roles:
            click.echo("note: no --role is named, so this denies everybody", err=True)
        click.echo(HOW_TO_ATTACH, err=True)
