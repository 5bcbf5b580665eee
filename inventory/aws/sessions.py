"""Sessions and clients of AWS: who we are there, by which role, at which endpoint."""

from __future__ import annotations

import ipaddress
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import botocore.session
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError, ProfileNotFound, UnknownServiceError
from botocore.model import OperationNotFoundError

from inventory import __version__
from inventory.aws.calling import Caller
from inventory.aws.faults import call_name, code_of, is_throttling, no_credentials, translated
from inventory.aws.metering import CallKey, Meter
from inventory.errors import AwsError, AwsFault, ConfigError

if TYPE_CHECKING:
    from botocore.session import Session

SESSION_NAME = "efs-inventory"
"""What CloudTrail shows of us in the accounts that are read."""


class WayIn(Protocol):
    """How to get into an account: a profile of the AWS configuration, a role to assume from there, or neither."""

    @property
    def profile(self) -> str | None:
        """A profile's name."""
        ...

    @property
    def role_arn(self) -> str | None:
        """A role's ARN."""
        ...

    @property
    def external_id(self) -> str | None:
        """What the role's trust policy may ask for."""
        ...


@dataclass(frozen=True, slots=True)
class Patience:
    """How long things may take, in seconds, and how often a request is tried."""

    connect: float = 5
    read: float = 60
    attempts: int = 5
    pause: float = 0.5
    """Before a listing is begun again; doubled each time."""


@cache
def _loader() -> Any:  # noqa: ANN401 - botocore's Loader
    """Botocore's service models, read once a process: EC2's alone is 30 MB, and takes half a second at each round of a daemon."""
    return botocore.session.Session().get_component("data_loader")


@dataclass
class Aws:
    """Sessions and clients, each made once and shared by threads. Makes no call until it is asked to.

    Its connections stay open until :meth:`close`.
    """

    meter: Meter = field(default_factory=Meter)
    patience: Patience = field(default_factory=Patience)
    sleep: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        refuse_open_endpoints(os.environ)
        self._lock = threading.RLock()
        self._models = botocore.session.Session()
        self._refuse_garbled_configuration()
        self._models.register_component("data_loader", _loader())
        self._sessions: dict[tuple[str, str, str, str], Session] = {}
        self._clients: dict[tuple[int, str, str, str], Any] = {}
        self._assuming: dict[int, Any] = {}

    def close(self) -> None:
        """Close the connections that nobody uses; those in use are closed by who uses them. A later call opens its own."""
        with self._lock:
            for client in (*self._clients.values(), *self._assuming.values()):
                client.close()

    def caller(self, way_in: WayIn | None, region: str, account: str = "") -> Caller:
        """Calls in one account and region; without a way in, as whoever the credentials at hand belong to.

        ``account`` is the id that is expected there. Raises ``AwsError`` when there are no credentials; the first call assumes a role.
        """
        with self._lock:
            return Caller(self, self._session(way_in, region), account, region)

    def region(self, *, needed: bool = False) -> str:
        """The region of the environment or the AWS configuration, ``""`` when neither names one; then ``needed`` raises ``ConfigError``."""
        named = os.environ.get("AWS_REGION") or self._models.get_config_variable("region") or ""
        if needed and not named:
            raise ConfigError(
                "no region: no account is configured, and neither AWS_REGION nor the AWS configuration names a region",
                hint="add [[discover.accounts]] with id and regions, or set AWS_REGION",
            )
        return str(named)

    def offered(self, service: str, region: str) -> bool | None:
        """Whether a service is offered in a region, as far as botocore's list of endpoints tells; ``None`` when it does not."""
        try:
            partition = self._models.get_partition_for_region(region)
            regions = self._models.get_available_regions(service, partition)
        except (BotoCoreError, UnknownServiceError):
            return None
        return region in regions if regions else None

    def knows(self, service: str, operation: str, member: str = "") -> bool:
        """Whether the installed botocore knows a service, an operation of it, and a member of the operation's input."""
        try:
            model = self._models.get_service_model(service)
            shape = model.operation_model(operation).input_shape
        except (BotoCoreError, OperationNotFoundError):
            return False
        return not member or (shape is not None and member in shape.members)

    def partition(self, region: str) -> str:
        """``aws``, ``aws-cn``, ``aws-us-gov`` …; ``aws`` for a region that botocore does not know."""
        try:
            return self._models.get_partition_for_region(region)
        except BotoCoreError:
            return "aws"

    def _refuse_garbled_configuration(self) -> None:
        """Raises ``ConfigError`` for an AWS configuration that cannot be read."""
        try:
            _ = self._models.full_config
        except BotoCoreError as error:
            raise ConfigError(
                f"the AWS configuration cannot be read: {error}",
                hint="mend the file, or name another one in AWS_CONFIG_FILE",
            ) from error

    def _session(self, way_in: WayIn | None, region: str) -> Session:
        profile = (way_in.profile if way_in else None) or ""
        role = (way_in.role_arn if way_in else None) or ""
        external = (way_in.external_id if way_in else None) or ""
        # A role is assumed at a regional endpoint of its own partition, so a session does not cross partitions.
        key = (profile, role, external, self.partition(region))
        if key not in self._sessions:
            self._sessions[key] = self._made(profile, role, external, region)
        return self._sessions[key]

    def _made(self, profile: str, role: str, external: str, region: str) -> Session:
        base = self._plain(profile)
        if not role:
            return base
        try:
            source = base.get_credentials()
        except (BotoCoreError, ClientError) as error:
            raise translated(error, "sts.assume-role", "") from error
        if source is None:
            raise no_credentials(profile)
        extra = {"RoleSessionName": SESSION_NAME} | ({"ExternalId": external} if external else {})
        creator = partial(self._sts_client, base, region)
        fetcher = AssumeRoleCredentialFetcher(creator, source, role, extra_args=extra)
        session = self._plain(profile)
        session._credentials = DeferredRefreshableCredentials(  # type: ignore[attr-defined]  # noqa: SLF001 - how botocore's own assume-role provider does it
            refresh_using=fetcher.fetch_credentials, method="assume-role"
        )
        return session

    def _plain(self, profile: str) -> Session:
        session = botocore.session.Session(profile=profile or None)
        session.register_component("data_loader", _loader())
        try:
            session.get_scoped_config()
        except ProfileNotFound as error:
            raise AwsError(
                AwsFault.EXPIRED,
                f"the AWS configuration has no profile {profile!r}",
                hint="name a profile of ~/.aws/config, or a role_arn instead",
            ) from error
        return session

    def _sts_client(self, base: Session, region: str, service: str, **given: Any) -> Any:  # noqa: ANN401 - botocore's clients have no static type
        client = base.create_client(service, region_name=region, config=self._config(), **given)
        self._count_requests(client, "", service, region)
        # Credentials run out each hour, and another client is made: the one before was used once, and is done with.
        with self._lock:
            before, self._assuming[id(base)] = self._assuming.get(id(base)), client
        if before is not None:
            before.close()
        return client

    def _config(self) -> Config:
        return Config(
            connect_timeout=self.patience.connect,
            read_timeout=self.patience.read,
            retries={"mode": "standard", "total_max_attempts": self.patience.attempts},
            max_pool_connections=32,
            user_agent_extra=f"efs-inventory/{__version__}",
        )

    def client(self, session: Session, account: str, service: str, region: str) -> Any:  # noqa: ANN401 - botocore's clients have no static type
        """A client that counts. Making one is not thread-safe, so one is made at a time."""
        with self._lock:
            key = (id(session), account, service, region)
            if key not in self._clients:
                made = session.create_client(service, region_name=region, config=self._config())
                self._count_requests(made, account, service, region)
                self._clients[key] = made
            return self._clients[key]

    def _count_requests(self, client: Any, account: str, service: str, region: str) -> None:  # noqa: ANN401 - as above
        """Before a call the budget is asked; each request of it is counted, and each that came back throttled."""

        def key(event_name: str) -> CallKey:
            return account, region, call_name(service, event_name.rpartition(".")[2])

        def before_call(event_name: str, **_: object) -> None:
            self.meter.check(key(event_name))

        def before_send(event_name: str, **_: object) -> None:
            self.meter.count(key(event_name))

        def needs_retry(event_name: str, response: Any = None, **_: object) -> None:  # noqa: ANN401 - botocore's own tuple
            code = code_of(response[1]) if response else ""
            if is_throttling(code):
                self.meter.count(key(event_name), throttled=True)

        events = client.meta.events
        events.register_first("before-call", before_call)
        events.register("before-send", before_send)
        events.register_first("needs-retry", needs_retry)


def refuse_open_endpoints(environ: Mapping[str, str]) -> None:
    """Raises ``ConfigError`` for an endpoint without TLS that is not on this machine: signed requests would be readable on the way."""
    for name, value in environ.items():
        if not name.startswith("AWS_ENDPOINT_URL"):
            continue
        parts = urlsplit(value)
        if parts.scheme == "http" and not _is_here(parts.hostname or ""):
            raise ConfigError(
                f"{name} names an endpoint without TLS, {parts.hostname}",
                hint="use https://, or an endpoint on this machine",
            )


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
