"""Flow logs in CloudWatch Logs: log groups, read window by window. START HERE: :mod:`.source`."""

from inventory.collect.cloudwatch.source import CloudWatchSource, InsightsSource

__all__ = ["CloudWatchSource", "InsightsSource"]
