"""About what a file system's storage costs in a month: to put what costs most first, not to check a bill.

List prices of us-east-1 in US dollars for a GB (2**30 bytes) and month, whatever the region: elsewhere they are up to twice as high, and
discounts, requests, throughput and backups are not in them. AWS changes them now and then (https://aws.amazon.com/efs/pricing/); what they
are for, an order, changes little by that.
"""

from __future__ import annotations

from inventory.model import FileSystemSize

STANDARD, INFREQUENT_ACCESS, ARCHIVE = 0.30, 0.016, 0.008
ONE_ZONE_STANDARD = 0.16
"""Of the other classes One Zone differs by less than the guess is good for."""

_GB = 1 << 30


def monthly(size: FileSystemSize) -> float:
    """US dollars, to the cent."""
    standard = ONE_ZONE_STANDARD if size.one_zone else STANDARD
    dollars = (
        size.standard * standard
        + size.infrequent_access * INFREQUENT_ACCESS
        + size.archive * ARCHIVE
    ) / _GB
    return round(dollars, 2)
