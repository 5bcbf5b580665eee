"""What is too little to count as use, each with its reason. A contact above any of its bounds is not one of these."""

from __future__ import annotations

IDLE_PACKETS_PER_MINUTE = 3
"""Each way; an NFSv4.1 client that does nothing renews its lease with a packet or two a minute."""

IDLE_BYTES_PER_MINUTE = 600
"""Each way; a lease renewal is about 200 bytes."""

PROBE_PACKETS = 10
"""Each way; a scanner's connect, greeting and close. A real mount exchanges more in its first second."""

PROBE_BYTES = 1000
"""Each way; an NFSv4 session alone is longer."""

PROBE_SECONDS = 60
"""A contact that lasts longer than the shortest aggregation interval is not a scanner's."""
