"""The configuration file: TOML to frozen, typed sections. Nothing else reads TOML or the environment.

Every wrong key is named at once, with its path, so that a file is mended in one go. Durations become
seconds; ``"auto"`` becomes ``None``; relative paths, SQLite's too, count from the folder of the
configuration file. ``config.example.toml`` shows every key.
"""

from inventory.config.reading import (
    CONFIG_VARIABLE,
    DATABASE_VARIABLE,
    DEFAULT_NAME,
    find,
    load,
    parse,
)
from inventory.config.sections import (
    SECTIONS,
    AccountSettings,
    AnySource,
    AthenaSettings,
    ClientsSettings,
    CloudTrailSettings,
    CloudWatchSettings,
    DiscoverSettings,
    EverySettings,
    FilesSettings,
    OrganizationSettings,
    S3Settings,
    Settings,
    SourceSettings,
    keys,
)
from inventory.config.values import Since, database_place

__all__ = [
    "CONFIG_VARIABLE",
    "DATABASE_VARIABLE",
    "DEFAULT_NAME",
    "SECTIONS",
    "AccountSettings",
    "AnySource",
    "AthenaSettings",
    "ClientsSettings",
    "CloudTrailSettings",
    "CloudWatchSettings",
    "DiscoverSettings",
    "EverySettings",
    "FilesSettings",
    "OrganizationSettings",
    "S3Settings",
    "Settings",
    "Since",
    "SourceSettings",
    "database_place",
    "find",
    "keys",
    "load",
    "parse",
]
