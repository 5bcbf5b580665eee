"""The names that AWS gives to flow log objects, and what they tell.

``<account>_vpcflowlogs_<region>_<flow log id>_<YYYYMMDD>T<HHmm>Z_<hash>.log.gz`` (VPC user guide, flow-logs-s3-path): the time begins the
five minutes in which the records *end*.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import NamedTuple

from inventory.model import SLOT, Span, epoch

_NAME = re.compile(
    r"(?P<account>\d{12})_vpcflowlogs_(?P<region>[a-z0-9-]{4,30})_(?P<flow_log>fl-[0-9a-f]{8,40})"
    r"_(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)Z_[0-9a-f]+\.log(?:\.gz|\.parquet)?",
    re.ASCII,
)


class Named(NamedTuple):
    """What an object's name tells; empty when it is not AWS's."""

    account: str = ""
    region: str = ""
    flow_log_id: str = ""
    slot: Span | None = None

    @property
    def by_aws(self) -> bool:
        """The name is one that AWS gives, so the content ought to be a flow log."""
        return self.slot is not None


def named(name: str) -> Named:
    """What the last part of a key tells."""
    found = _NAME.fullmatch(name)
    if found is None:
        return Named()
    try:
        # a tenth of what strptime takes, and a listing is long
        year, month, day, hour, minute = map(int, found.groups()[3:])
        start = epoch(datetime(year, month, day, hour, minute, tzinfo=UTC))
    except ValueError:  # the 31st of February
        return Named()
    return Named(found["account"], found["region"], found["flow_log"], (start, start + SLOT))
