"""The sections of the configuration, frozen; :data:`SECTIONS` and :func:`keys` list them for the documentation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictStr,
)

from inventory.config.values import (
    REFERENCES,
    AccountId,
    AutoDuration,
    Bucket,
    Cidr,
    Duration,
    FilePath,
    Filled,
    LogGroup,
    Name,
    Positive,
    Region,
    RoleArn,
    Since,
    Texts,
    auto_or,
    database_url,
    listen_address,
    log_format,
    matching,
    no_repeat,
    pass_age,
    path_or_glob,
    reference,
    regions_or_enabled,
    seconds,
    selector,
    since_when,
    web_url,
    whole_number,
)


class Section(BaseModel):
    """What every section has: unknown keys are errors, values are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class DatabaseSettings(Section):
    """``[database]``."""

    url: Annotated[str, BeforeValidator(database_url), Field(repr=False, validate_default=True)] = (
        "sqlite:///efs-inventory.db"
    )
    auto_upgrade: StrictBool = True


class EverySettings(Section):
    """How often each kind is swept, in seconds."""

    interfaces: Duration = seconds("5m")
    tasks: Duration = seconds("20m")
    instances: Duration = seconds("15m")
    file_systems: Duration = seconds("1h")
    functions: Duration = seconds("1h")
    flow_logs: Duration = seconds("1h")
    metrics: Duration = seconds("1h")
    references: Duration = seconds("24h")


class AccountSettings(Section):
    """One of ``[[discover.accounts]]``."""

    id: AccountId
    regions: Annotated[tuple[Region, ...], AfterValidator(no_repeat), Field(min_length=1)]
    role_arn: RoleArn | None = None
    external_id: Filled | None = Field(default=None, repr=False)
    profile: Filled | None = None


class OrganizationSettings(Section):
    """``[discover.organization]``: accounts by AWS Organizations."""

    role_name: Filled
    management_role_arn: RoleArn | None = None
    include_ous: Texts = ()
    exclude: Annotated[tuple[AccountId, ...], AfterValidator(no_repeat)] = ()
    regions: Annotated[
        Literal["enabled"] | tuple[Region, ...], BeforeValidator(regions_or_enabled)
    ] = "enabled"


class CloudTrailSettings(Section):
    """``[discover.cloudtrail]``: event histories, asked about what sweeps could not tell."""

    enabled: StrictBool = False
    since: Duration = seconds("90d")
    max_calls_per_day: Positive = 5_000


class DiscoverSettings(Section):
    """``[discover]``: where knowledge comes from."""

    mode: Literal["aws", "snapshots"] = "aws"
    path: FilePath = Field(default=Path("snapshots"), validate_default=True)
    references: tuple[Annotated[str, BeforeValidator(reference)], ...] = REFERENCES[:-1]
    max_calls_per_day: Positive = 50_000
    every: EverySettings = EverySettings()
    accounts: tuple[AccountSettings, ...] = ()
    organization: OrganizationSettings | None = None
    cloudtrail: CloudTrailSettings = CloudTrailSettings()


class CollectSettings(Section):
    """``[collect]``; spans in seconds, ``None`` is ``"auto"``."""

    since: Annotated[Since, BeforeValidator(since_when)] = Since(seconds=seconds("14d"))
    settle: AutoDuration = None
    mount_gap: AutoDuration = None
    max_lag: Duration = seconds("1h")
    workers: Annotated[int | None, BeforeValidator(auto_or(whole_number))] = None


class SourceSettings(Section):
    """What every kind of source has."""

    name: Name
    type: str
    format: Annotated[str, BeforeValidator(log_format)] = "auto"
    since: Annotated[Since, BeforeValidator(since_when)] | None = None
    every: Duration | None = None
    window: Duration | None = None
    passes: Annotated[
        tuple[Annotated[int | Literal["settle"], BeforeValidator(pass_age)], ...],
        Field(min_length=1),
    ] = ("settle", seconds("26h"))
    max_scanned_bytes: Positive | None = None
    max_scanned_bytes_per_day: Positive | None = None


class FilesSettings(SourceSettings):
    """Flow logs in local files."""

    type: Literal["files"]
    path: Annotated[str, BeforeValidator(path_or_glob)]
    """A folder, read with its sub-folders, or a glob; absolute."""


class S3Settings(SourceSettings):
    """Flow logs in a bucket."""

    type: Literal["s3"]
    bucket: Bucket
    prefix: StrictStr = ""
    layout: Literal["auto", "plain", "hive", "time", "flat"] = "auto"
    account: AccountId | None = None
    """Whose credentials: an account that discovery gets into; ``None``: those at hand."""
    bucket_owner: AccountId | None = None
    accounts: Annotated[tuple[AccountId, ...], AfterValidator(no_repeat)] = ()
    regions: Annotated[tuple[Region, ...], AfterValidator(no_repeat)] = ()


class CloudWatchSettings(SourceSettings):
    """Flow logs in CloudWatch Logs."""

    type: Literal["cloudwatch"]
    log_groups: Annotated[tuple[LogGroup, ...], AfterValidator(no_repeat), Field(min_length=1)]
    region: Region
    account: AccountId | None = None
    """Whose they are; ``None``: of whoever the credentials at hand belong to."""
    method: Literal["streams", "insights"] = "streams"
    vantage: Literal["server", "both"] = "server"


class AthenaSettings(SourceSettings):
    """Flow logs behind an Athena table."""

    type: Literal["athena"]
    region: Region | None = None
    """Where Athena is asked; that of the environment without one."""
    account: AccountId | None = None
    """As whom: an account of ``[discover]``; the credentials at hand without one."""
    database: Filled
    table: Filled
    workgroup: Filled = "primary"
    output_location: (
        Annotated[
            str,
            BeforeValidator(
                matching(r"s3://[^/\s]+(/.*)?", 'a place such as "s3://bucket/prefix/"')
            ),
        ]
        | None
    ) = None


AnySource = Annotated[
    FilesSettings | S3Settings | CloudWatchSettings | AthenaSettings, Field(discriminator="type")
]


class ClientsSettings(Section):
    """``[clients]``: who is known to be no user of a file system."""

    probes: tuple[Annotated[str, BeforeValidator(selector)], ...] = ()
    maintenance: tuple[Annotated[str, BeforeValidator(selector)], ...] = ()


class OwnersSettings(Section):
    """``[owners]``: tags that name a contact, first found wins."""

    tag_keys: Texts = ("team", "owner")


class VerdictSettings(Section):
    """``[verdict]``; in seconds."""

    min_window: Duration = seconds("100d")
    reference_max_age: Duration = seconds("24h")


class RetentionSettings(Section):
    """``[retention]``; in seconds, counted back from the newest record."""

    runs: Duration = seconds("14d")
    """Facts stay as they were read; then they are joined."""
    days: Duration = seconds("400d")
    """Facts, and what they say of time that was looked at."""
    intervals: Duration = seconds("1100d")
    """Derived mounts, and what metrics told of their time."""
    knowledge: Duration = seconds("400d")
    """Interfaces, instances and tasks that are gone, and what sweeps said of them."""


class ServeSettings(Section):
    """``[serve]``: the one listener."""

    enabled: StrictBool = False
    bind: Annotated[str, BeforeValidator(listen_address)] = "127.0.0.1:8080"
    token_file: FilePath | None = None


class NotifySettings(Section):
    """``[notify]``: the webhook."""

    webhook_url: Annotated[str, BeforeValidator(web_url)] | None = Field(default=None, repr=False)
    secret_file: FilePath | None = None
    events: tuple[
        Literal["new_client", "client_gone", "quiet", "rejected", "coverage_lost"], ...
    ] = (
        "new_client",
        "client_gone",
        "quiet",
    )
    gone_after: Duration = seconds("24h")
    allow_private: StrictBool = False


class ServiceNowSettings(Section):
    """``[export.servicenow]``: the instance that ``export --push`` posts to, and how things are called there."""

    url: Annotated[str, BeforeValidator(web_url)] | None = Field(default=None, repr=False)
    user: Filled | None = None
    password_file: FilePath | None = None
    token_file: FilePath | None = None
    data_source: Filled = "EFS Mount Inventory"
    relation_type: Filled = "Uses::Used by"
    datacenter: Filled = "{region}"
    allow_private: StrictBool = False


class ExportSettings(Section):
    """``[export]``: the feed for a CMDB."""

    ephemeral: StrictBool = False
    servicenow: ServiceNowSettings = ServiceNowSettings()


class Settings(Section):
    """The whole configuration. ``Settings()`` is all defaults: it reads nothing and knows no account."""

    database: DatabaseSettings = DatabaseSettings()
    discover: DiscoverSettings = DiscoverSettings()
    collect: CollectSettings = CollectSettings()
    sources: tuple[AnySource, ...] = ()
    networks: Mapping[Cidr, Filled] = {}
    clients: ClientsSettings = ClientsSettings()
    owners: OwnersSettings = OwnersSettings()
    verdict: VerdictSettings = VerdictSettings()
    retention: RetentionSettings = RetentionSettings()
    serve: ServeSettings = ServeSettings()
    notify: NotifySettings = NotifySettings()
    export: ExportSettings = ExportSettings()


SECTIONS: Mapping[str, type[Section]] = {
    "": Settings,
    "database": DatabaseSettings,
    "discover": DiscoverSettings,
    "discover.every": EverySettings,
    "discover.accounts": AccountSettings,
    "discover.organization": OrganizationSettings,
    "discover.cloudtrail": CloudTrailSettings,
    "collect": CollectSettings,
    "sources.files": FilesSettings,
    "sources.s3": S3Settings,
    "sources.cloudwatch": CloudWatchSettings,
    "sources.athena": AthenaSettings,
    "clients": ClientsSettings,
    "owners": OwnersSettings,
    "verdict": VerdictSettings,
    "retention": RetentionSettings,
    "serve": ServeSettings,
    "notify": NotifySettings,
    "export": ExportSettings,
    "export.servicenow": ServiceNowSettings,
}
"""Every section, by its path; sources by their type."""


def keys() -> Iterator[str]:
    """The path of every key, such as ``sources.files.path``; ``networks`` has keys of the operator's own."""
    for path, section in SECTIONS.items():
        for name in section.model_fields:
            full = f"{path}.{name}".lstrip(".")
            if full not in SECTIONS and full != "sources":
                yield full
