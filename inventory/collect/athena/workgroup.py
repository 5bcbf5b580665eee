"""The workgroup that queries run in: where results go, and what one may scan."""

from __future__ import annotations

from dataclasses import dataclass

from inventory.aws import Caller
from inventory.config import AthenaSettings
from inventory.errors import AwsError, AwsFault, SourceError


@dataclass(frozen=True)
class Workgroup:
    """What counts of a workgroup's configuration for one source."""

    name: str
    output: str = ""
    """Where results go by our own word; ``""`` when the workgroup decides."""
    managed: bool = False
    """Athena keeps the results itself: there is no file to read."""
    cutoff: int | None = None
    """``BytesScannedCutoffPerQuery``."""


def looked_up(caller: Caller, settings: AthenaSettings) -> Workgroup:
    """The workgroup as it is. Who may not ask about it is taken at the configuration's word.

    Raises ``SourceError`` for one that is not there, is disabled, or leaves nowhere to put results; ``AwsError`` when nobody answers.
    """
    own = settings.output_location or ""
    try:
        answer = caller.ask(
            "athena", "get_work_group", need=("WorkGroup",), WorkGroup=settings.workgroup
        )
    except AwsError as error:
        if error.fault is AwsFault.DENIED:
            return Workgroup(settings.workgroup, own)
        if error.code == "InvalidRequestException":
            msg = f"there is no workgroup {settings.workgroup!r} in {caller.region}"
            raise SourceError(msg, hint="check workgroup and region") from error
        raise
    group = answer["WorkGroup"]
    if group.get("State") == "DISABLED":
        msg = f"the workgroup {settings.workgroup!r} is disabled"
        raise SourceError(msg, hint="enable it, or name another")
    told = group.get("Configuration", {})
    place = told.get("ResultConfiguration", {}).get("OutputLocation", "")
    managed = bool(told.get("ManagedQueryResultsConfiguration", {}).get("Enabled", False))
    enforced = bool(told.get("EnforceWorkGroupConfiguration", False))
    if not (own or place or managed):
        msg = f"nobody says where results go: neither output_location nor the workgroup {settings.workgroup!r}"
        raise SourceError(
            msg, hint='add output_location = "s3://bucket/prefix/", or give the workgroup one'
        )
    # An enforcing workgroup's place counts whatever is asked for; managed results take none.
    return Workgroup(
        settings.workgroup,
        "" if enforced or managed else own,
        managed,
        told.get("BytesScannedCutoffPerQuery"),
    )
