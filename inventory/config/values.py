"""What one value of the configuration may be.

Each reader turns a value into what it means, or says in a ``ValueError`` what it wants.
"""

from __future__ import annotations

import glob
import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, StrictInt, ValidationInfo

REFERENCES = (
    "lambda",
    "ecs",
    "eks",
    "batch",
    "codebuild",
    "sagemaker",
    "datasync",
    "replication",
    "transfer",
    "bedrock_agentcore",
    "m2",
    "user_data",
)
"""Places where a mount can be declared; ``user_data`` is looked at only when named."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


@dataclass(frozen=True, slots=True)
class Since:
    """How far back to begin: a span before the moment of asking, or a moment."""

    seconds: int | None = None
    moment: int | None = None

    def at(self, now: int) -> int:
        """Epoch seconds, asked at ``now``."""
        return self.moment if self.moment is not None else now - (self.seconds or 0)


def seconds(text: str) -> int:
    """Seconds of ``"14d"``, ``"26h"``, ``"5m"``, ``"30s"``, ``"2w"``; ``ValueError`` for all else, zero too."""
    match = re.fullmatch(r"([0-9]{1,6})([smhdw])", text)
    if match is None or int(match[1]) == 0:
        raise ValueError(f'wants a duration such as "5m", "26h" or "14d", not {text!r}')
    return int(match[1]) * _UNITS[match[2]]


def _text(value: object, wants: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"wants {wants}, not {shown(value)}")  # noqa: TRY004 - pydantic reports ValueError, and lets TypeError through
    return value


def _duration(value: object) -> int:
    return seconds(_text(value, 'a duration in quotes, such as "14d"'))


def auto_or(otherwise: Callable[[object], int]) -> Callable[[object], int | None]:
    """``None`` for ``"auto"``, else what the other reader says."""

    def read(value: object) -> int | None:
        return None if value == "auto" else otherwise(value)

    return read


def whole_number(value: object) -> int:
    """A whole number from 1."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f'wants "auto" or a whole number from 1, not {shown(value)}')
    return value


def since_when(value: object) -> Since:
    """A duration, or a date or time; without an offset it is UTC."""
    text = _text(value, 'a duration such as "14d" or a date such as "2026-11-03"')
    try:
        return Since(seconds=seconds(text))
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f'wants a duration such as "14d" or a date such as "2026-11-03", not {text!r}'
        ) from None
    return Since(moment=int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()))


def pass_age(value: object) -> int | Literal["settle"]:
    """``"settle"``, or an age in seconds."""
    return "settle" if value == "settle" else _duration(value)


def network(text: str) -> str:
    """Canonical CIDR of a network or a single address; ``ValueError`` says what is wrong with it."""
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        pass
    try:
        meant = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f'wants a network such as "10.8.0.0/16", not {text!r}') from None
    raise ValueError(f'{text!r} has bits set beyond its mask; did you mean "{meant}"?')


def _cidr(value: object) -> str:
    return network(_text(value, 'a network such as "10.8.0.0/16"'))


def selector(value: object) -> str:
    """A network, ``tag:key=value``, an id or an ARN; networks in canonical form."""
    wants = 'a network, "tag:key=value", an id or an ARN'
    text = _text(value, wants)
    if re.fullmatch(r"[0-9A-Fa-f:]*[.:][0-9A-Fa-f.:]*(/[0-9]*)?", text):
        return network(text)
    if not text.strip() or (text.startswith("tag:") and not re.fullmatch(r"tag:[^=]+=.*", text)):
        raise ValueError(f"wants {wants}, not {text!r}")
    return text


def matching(pattern: str, wants: str) -> Callable[[object], str]:
    """A reader of text that matches a whole pattern."""

    def read(value: object) -> str:
        text = _text(value, wants)
        if not re.fullmatch(pattern, text):
            raise ValueError(f"wants {wants}, not {text!r}")
        return text

    return read


def _folder(info: ValidationInfo) -> Path:
    return Path((info.context or {}).get("folder", "."))


def _path(value: object, info: ValidationInfo) -> Path:
    text = str(value) if isinstance(value, Path) else _text(value, "a path in quotes")
    if not text or "\0" in text:
        raise ValueError("wants a path, not an empty one")
    return _folder(info) / Path(text).expanduser()


def path_or_glob(value: object, info: ValidationInfo) -> str:
    """A folder or a glob; brackets in the configuration's own folder are no pattern."""
    path = _path(value, info)
    text = str(value)
    if not glob.has_magic(text):
        return str(path)
    here = Path(text).expanduser()
    return str(here) if here.is_absolute() else f"{glob.escape(str(_folder(info)))}/{here}"


def database_url(value: object, info: ValidationInfo) -> str:
    """As :func:`database_place`, from the folder of the configuration."""
    return database_place(value, _folder(info))


def database_place(value: object, folder: Path) -> str:
    """The URL of a database, SQLite's relative path from ``folder``. Never repeats the value: it may hold a password."""
    wants = 'wants a URL such as "sqlite:///efs-inventory.db" or "postgresql://user@host/name"'
    text = _text(value, wants.removeprefix("wants "))
    scheme, separator, rest = text.partition("://")
    if separator and scheme in {"sqlite", "sqlite+pysqlite"}:
        place, _, query = rest.removeprefix("/").partition("?")
        if not rest.startswith("/") or place in {"", ":memory:"} or place.startswith("file:"):
            raise ValueError(
                'wants a file, such as "sqlite:///efs-inventory.db": a database in memory would keep nothing'
            )
        return f"{scheme}:///{folder / Path(place).expanduser()}" + (f"?{query}" if query else "")
    if scheme == "postgres":
        raise ValueError("wants postgresql://…, not postgres://…")
    if not separator or scheme not in {"postgresql", "postgresql+psycopg"}:
        raise ValueError(wants)
    try:
        _ = urlsplit(text).port
    except ValueError:
        raise ValueError(
            "is no readable URL: percent-encode special characters in the password, and give a number as port"
        ) from None
    return text


def web_url(value: object) -> str:
    """An http or https URL; the message never repeats it, for it may hold a secret."""
    text = _text(value, 'a URL such as "https://example.com/hook"')
    try:
        parts = urlsplit(text)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or re.search(r"\s", text):
        msg = 'wants a URL such as "https://example.com/hook"'  # the value may hold a secret
        raise ValueError(msg)
    return text


def listen_address(value: object) -> str:
    """``host:port``."""
    text = _text(value, 'an address and port such as "127.0.0.1:8080"')
    match = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):([0-9]{1,5})", text)
    if match is None or int(match[2]) > 65_535:  # noqa: PLR2004 - the largest port
        raise ValueError(
            f'wants an address and port such as "127.0.0.1:8080" or "[::1]:8080", not {text!r}'
        )
    return text


def regions_or_enabled(value: object) -> object:
    """``"enabled"`` or a list, whose entries are read after this."""
    if value == "enabled" or isinstance(value, list):
        return value
    raise ValueError(f'wants "enabled" or a list of regions, not {shown(value)}')


def log_format(value: object) -> str:
    """``auto``, ``default``, or fields in ``${…}``."""
    text = _text(value, 'a format: "auto", "default" or "${version} ${account-id} …"')
    if text in {"auto", "default"} or (
        text.strip() and all(re.fullmatch(r"\$\{[a-z][a-z0-9-]*\}", each) for each in text.split())
    ):
        return text
    raise ValueError(
        f'wants "auto", "default" or fields such as "${{interface-id}} ${{dstport}}", not {text!r}'
    )


def reference(value: object) -> str:
    """One of :data:`REFERENCES`."""
    text = _text(value, "a name in quotes")
    if text not in REFERENCES:
        raise ValueError(f"wants one of {', '.join(REFERENCES)}, not {text!r}")
    return text


def shown(value: object) -> str:
    """A value as the file spells it, cut short."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a table"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"  # noqa: PLR2004 - one line of a terminal


def no_repeat(values: tuple[str, ...]) -> tuple[str, ...]:
    """The entries, each named once."""
    repeated = sorted({each for each in values if values.count(each) > 1})
    if repeated:
        raise ValueError(f"names {', '.join(map(repr, repeated))} twice")
    return values


Duration = Annotated[int, BeforeValidator(_duration)]
AutoDuration = Annotated[int | None, BeforeValidator(auto_or(_duration))]
Cidr = Annotated[str, BeforeValidator(_cidr)]
Region = Annotated[
    str, BeforeValidator(matching(r"[a-z]{2,}(-[a-z]+)+-[0-9]+", 'a region such as "eu-central-1"'))
]
AccountId = Annotated[
    str,
    BeforeValidator(
        matching(r"[0-9]{12}", 'an account id of 12 digits in quotes, such as "123456789012"')
    ),
]
RoleArn = Annotated[
    str,
    BeforeValidator(
        matching(
            r"arn:aws[\w-]*:iam::[0-9]{12}:role/.+",
            'a role ARN such as "arn:aws:iam::123456789012:role/name"',
        )
    ),
]
Name = Annotated[
    str,
    BeforeValidator(
        matching(
            r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}",
            "a name of letters, digits, dots, dashes and underscores",
        )
    ),
]
LogGroup = Annotated[
    str,
    BeforeValidator(
        matching(
            r"[A-Za-z0-9._/#-]{1,512}",
            'the name of a log group (no ARN), such as "/vpc/flow-logs"',
        )
    ),
]
Bucket = Annotated[
    str,
    BeforeValidator(
        matching(
            r"[A-Za-z0-9._-]{1,255}|arn:aws[a-z-]*:s3:[a-z0-9-]*:[0-9]{12}:accesspoint[/:][A-Za-z0-9.-]{1,63}",
            "the name of a bucket (what follows it is `prefix`) or the ARN of an access point",
        )
    ),
]
Filled = Annotated[str, BeforeValidator(matching(r"(?s).*\S.*", "some text in quotes"))]
FilePath = Annotated[Path, BeforeValidator(_path)]
Texts = Annotated[tuple[Filled, ...], AfterValidator(no_repeat)]
Positive = Annotated[StrictInt, Field(ge=1)]
