"""Example data and the settings to read them: the whole job without AWS and without a configuration."""

from __future__ import annotations

from pathlib import Path

from inventory.config import Settings, load
from inventory.demo import flows, sweeps

CONFIGURATION = """\
# Written by `efs-inventory demo`.
[database]
url = "sqlite:///demo.db"

[discover]
mode = "snapshots"
path = "snapshots/"

[[sources]]
name = "flow-logs"
type = "files"
path = "flow-logs/"

[networks]
"10.8.0.0/16" = "on-premises Tokyo"
"""


def prepare(folder: Path) -> Settings:
    """Write a week of recorded AWS answers and flow logs into ``folder``, and a configuration that reads them; its settings.

    The environment does not count: no configured database is touched.
    """
    sweeps.write(folder / "snapshots")
    flows.write(folder / "flow-logs")
    configuration = folder / "efs-inventory.toml"
    configuration.write_text(CONFIGURATION, encoding="utf-8")
    return load(configuration, environ={})
