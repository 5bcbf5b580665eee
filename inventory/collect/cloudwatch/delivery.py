"""What sweeps tell of a log group: whose flow logs deliver to it, in which formats, and which interfaces are mount targets'."""

from __future__ import annotations

from inventory.config import CloudWatchSettings
from inventory.errors import ConfigError
from inventory.flowlog.format import AUTO, DEFAULT_FORMAT, LogFormat
from inventory.model import FlowLog, MountTarget, Span, Version
from inventory.resolve.topology import Topology
from inventory.timeline import DEFAULT_AGGREGATION

_CLOUDWATCH = "cloud-watch-logs"


class Delivery:
    """Knowledge as it concerns one source's log groups."""

    def __init__(self, section: CloudWatchSettings, topology: Topology) -> None:
        self._section = section
        self._topology = topology
        self._targets: list[Version[MountTarget]] = [
            version
            for version in topology.versions("mount_target")
            if version.region == section.region and version.value.network_interface_id
        ]

    def formats(self, group: str, window: Span) -> tuple[LogFormat, ...]:
        """In which formats records of a window may be: as configured, else as flow logs say that deliver there, else the default format."""
        stated = self._section.format
        if stated != AUTO:
            return (LogFormat.parse(stated) or DEFAULT_FORMAT,)
        found: dict[str, LogFormat] = {}
        for version in self._flow_logs(group):
            parsed = _parsed(version.value.log_format)
            if parsed is not None and _touches(version, window):
                found[parsed.text] = parsed
        return tuple(found[text] for text in sorted(found)) or (DEFAULT_FORMAT,)

    def flow_log_id(self, group: str) -> str:
        """The flow log whose records these are; ``""`` unless exactly one is known to have delivered there, ever."""
        ids = {version.value.flow_log_id for version in self._flow_logs(group)}
        return ids.pop() if len(ids) == 1 else ""

    def aggregation(self) -> int:
        """The longest aggregation interval of the flow logs that deliver to any of the log groups, in seconds."""
        told = [
            version.value.max_aggregation_interval or DEFAULT_AGGREGATION
            for group in self._section.log_groups
            for version in self._flow_logs(group)
        ]
        return max(told, default=DEFAULT_AGGREGATION)

    def interfaces(self, window: Span) -> tuple[str, ...]:
        """The interfaces of all mount targets of the region that may have existed at any moment of a window, sorted."""
        found = set()
        for version in self._targets:
            life = self._topology.mount_target_life(version.value.mount_target_id)
            if life is None or life.touches(window[0] - 1, window[1]):
                found.add(version.value.network_interface_id)
        return tuple(sorted(found))

    def _flow_logs(self, group: str) -> list[Version[FlowLog]]:
        account = self._section.account
        return [
            version
            for version in self._topology.versions("flow_log")
            if version.region == self._section.region
            and account in (None, version.account)
            and _delivers_to(version.value, group)
        ]


def _delivers_to(flow_log: FlowLog, group: str) -> bool:
    if flow_log.log_destination_type not in ("", _CLOUDWATCH):
        return False
    by_arn = flow_log.log_destination.partition(":log-group:")[2].removesuffix(":*")
    return group in (flow_log.log_group_name, by_arn)


def _touches(version: Version[FlowLog], window: Span) -> bool:
    born = version.value.creation_time or version.not_before
    ended = version.not_after
    return (born is None or born < window[1]) and (ended is None or ended > window[0])


def _parsed(text: str) -> LogFormat | None:
    try:
        return LogFormat.parse(text)
    except (
        ConfigError
    ):  # what a sweep told and nobody can read: the records say that they do not fit
        return None
