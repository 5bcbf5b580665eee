"""What systemd is told: that the daemon is up, that it is alive, that it stops (sd_notify(3)). Nothing when systemd did not start it."""

from __future__ import annotations

import os
import socket
from contextlib import suppress


def notify(*said: str) -> None:
    """Tell the service manager, such as ``READY=1`` or ``STATUS=…``; it never fails."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    name = "\0" + address[1:] if address.startswith("@") else address
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        out.settimeout(1)
        out.sendto("\n".join(said).encode(), name)
