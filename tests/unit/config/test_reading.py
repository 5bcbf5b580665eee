"""The configuration file: what is read out of it, and what is said of a wrong one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from inventory import config
from inventory.config.values import network, seconds
from inventory.errors import ConfigError

GOLDEN = Path(__file__).parents[2] / "golden" / "config"
BAD = sorted(GOLDEN.glob("bad-*.toml"))


def parsed(
    document: Mapping[str, Any], environ: Mapping[str, str] | None = None
) -> config.Settings:
    return config.parse(document, folder=Path("/srv/inventory"), environ=environ or {})


def files(**more: object) -> dict[str, object]:
    return {"name": "logs", "type": "files", "path": "logs"} | more


def said(document: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        parsed(document, environ)
    assert caught.value.exit_code == 2
    return str(caught.value)


# -- golden files ----------------------------------------------------------------------------------


def test_there_are_bad_examples() -> None:
    assert len(BAD) >= 10
    assert {path.stem for path in BAD} == {path.stem for path in GOLDEN.glob("bad-*.err")}


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_configuration_says_exactly_what_is_wrong(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(GOLDEN)
    with pytest.raises(ConfigError) as caught:
        config.load(Path(path.name), environ={})
    assert str(caught.value) + "\n" == path.with_suffix(".err").read_text(encoding="utf-8")


def test_the_good_example_means_what_it_says() -> None:
    settings = config.load(
        GOLDEN / "good.toml", environ={"BUCKET": "acme-logs", "PASSWORD": "p4ss"}
    )
    assert settings.database.url == "postgresql://inventory:p4ss@db/efs"
    assert [account.id for account in settings.discover.accounts] == [
        "012345678901",
        "123456789012",
    ]
    assert settings.discover.organization is not None
    assert settings.discover.organization.regions == ("eu-central-1",)
    assert settings.discover.every.tasks == 1200
    assert settings.discover.references == ("lambda", "user_data")
    assert settings.collect.since == config.Since(seconds=21 * 86_400)
    assert (settings.collect.settle, settings.collect.mount_gap, settings.collect.workers) == (
        1500,
        None,
        3,
    )
    by_name = {source.name: source for source in settings.sources}
    assert [type(by_name[name]).__name__ for name in ("files", "s3", "cw", "athena")] == [
        "FilesSettings",
        "S3Settings",
        "CloudWatchSettings",
        "AthenaSettings",
    ]
    s3 = by_name["s3"]
    assert isinstance(s3, config.S3Settings)
    assert s3.bucket == "acme-logs"
    assert s3.format == "${interface-id} ${dstport}"
    assert s3.passes == ("settle", 7200, 93_600)
    assert s3.since == config.Since(moment=1_793_577_600)
    assert dict(settings.networks) == {"10.8.0.0/16": "on-premises Tokyo", "fd00::/8": "lab"}
    assert settings.clients.probes == ("10.9.0.0/24", "10.9.1.7/32", "tag:role=scanner")


# -- finding ---------------------------------------------------------------------------------------


def test_the_search_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="no configuration") as caught:
        config.find(None, {})
    assert caught.value.exit_code == 2
    assert "--config" in caught.value.hint
    Path("efs-inventory.toml").touch()
    assert config.find(None, {}) == Path("efs-inventory.toml")
    assert config.find(None, {"EFS_INVENTORY_CONFIG": "env.toml"}) == Path("env.toml")
    assert config.find(Path("named.toml"), {"EFS_INVENTORY_CONFIG": "env.toml"}) == Path(
        "named.toml"
    )


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"cannot read the configuration .*nowhere.toml: No such file"
    ) as caught:
        config.load(tmp_path / "nowhere.toml", environ={})
    assert "--config FILE" in caught.value.hint
    with pytest.raises(ConfigError, match="Is a directory"):
        config.load(tmp_path, environ={})
    (tmp_path / "latin.toml").write_bytes(b'a = "\xe9"')
    with pytest.raises(ConfigError, match=r"is not UTF-8 text \(byte 5\)"):
        config.load(tmp_path / "latin.toml", environ={})


# -- paths and the environment ---------------------------------------------------------------------


def test_relative_paths_count_from_the_folder_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    text = '[discover]\nmode = "snapshots"\n[serve]\ntoken_file = "token"\n'
    text += '[[sources]]\nname = "a"\ntype = "files"\npath = "logs/*.gz"\n[[sources]]\nname = "b"\ntype = "files"\npath = "/abs"\n'
    (folder / "x.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    settings = config.load(Path("etc/x.toml"), environ={})
    assert settings.database.url == f"sqlite:///{folder}/efs-inventory.db"
    assert settings.discover.path == folder / "snapshots"
    assert settings.serve.token_file == folder / "token"
    assert [
        source.path for source in settings.sources if isinstance(source, config.FilesSettings)
    ] == [
        f"{folder}/logs/*.gz",
        "/abs",
    ]


def test_brackets_in_the_folder_of_the_file_are_no_pattern() -> None:
    settings = config.parse({"sources": [files(path="*.gz")]}, folder=Path("/srv/a[1]"), environ={})
    source = settings.sources[0]
    assert isinstance(source, config.FilesSettings)
    assert source.path == "/srv/a[[]1]/*.gz"


def test_the_database_of_the_environment_wins() -> None:
    environ = {"EFS_INVENTORY_DATABASE_URL": "sqlite:///other.db"}
    assert (
        parsed({"database": {"url": "postgresql://x/y"}}, environ).database.url
        == "sqlite:////srv/inventory/other.db"
    )
    assert parsed({}, environ).database.url == "sqlite:////srv/inventory/other.db"
    assert "EFS_INVENTORY_DATABASE_URL: wants a URL" in said(
        {}, {"EFS_INVENTORY_DATABASE_URL": "mysql://x"}
    )


def test_only_env_is_substituted() -> None:
    document = {
        "sources": [files(format="${interface-id} ${dstport}", path="${env:LOGS}/${env:DAY}")]
    }
    source = parsed(document, {"LOGS": "/var/log", "DAY": "x"}).sources[0]
    assert isinstance(source, config.FilesSettings)
    assert (source.format, source.path) == ("${interface-id} ${dstport}", "/var/log/x")
    assert "sources[0].path: the environment has no variable LOGS, DAY" in said(document)


# -- secrets ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "document",
    [
        {"database": {"url": "mysql://u:hunter2@h/d"}},
        {"database": {"url": "postgresql://u:hunter2@h:port/d"}},
        {"database": {"url": "postgres://u:hunter2@h/d"}},
        {"notify": {"webhook_url": "gopher://u:hunter2@h"}},
        {"database": {"url": "sqlite://hunter2"}},
    ],
)
def test_no_message_repeats_a_secret(document: dict[str, Any]) -> None:
    assert "hunter2" not in said(document)


def test_settings_do_not_show_secrets() -> None:
    document = {
        "database": {"url": "postgresql://u:hunter2@h/d"},
        "notify": {"webhook_url": "https://h/hunter2"},
        "discover": {
            "accounts": [{"id": "123456789012", "regions": ["eu-west-1"], "external_id": "hunter2"}]
        },
    }
    assert "hunter2" not in repr(parsed(document))


# -- values ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [("30s", 30), ("5m", 300), ("26h", 93_600), ("14d", 1_209_600), ("2w", 1_209_600)],
)
def test_durations(text: str, expected: int) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize(
    "text", ["", "5", "m", "0d", "-5m", "5 m", "1.5h", "5M", "\u0665m", "5m\n", "99999999d"]
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="wants a duration"):
        seconds(text)


@given(st.integers(1, 999_999), st.sampled_from("smhdw"))
def test_every_duration_is_read(number: int, unit: str) -> None:
    assert (
        seconds(f"{number}{unit}")
        == number * {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}[unit]
    )


@given(st.ip_addresses(), st.integers(0, 128))
def test_a_network_is_canonical_or_refused(address: object, length: int) -> None:
    try:
        read = network(f"{address}/{length}")
    except ValueError as error:
        assert re.search("wants a network|did you mean", str(error))  # noqa: PT017 - either is right
    else:
        assert network(read) == read


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (
            {"collect": {"workers": 0}},
            'collect.workers: wants "auto" or a whole number from 1, not 0',
        ),
        (
            {"collect": {"workers": True}},
            'collect.workers: wants "auto" or a whole number from 1, not true',
        ),
        (
            {"database": {"auto_upgrade": "no"}},
            "database.auto_upgrade: wants true or false, not 'no'",
        ),
        ({"database": "x"}, "database: wants a table of its own, not 'x'"),
        ({"sources": {}}, "sources: wants a list in brackets, not a table"),
        (
            {"discover": {"max_calls_per_day": 0}},
            "discover.max_calls_per_day: wants 1 or more, not 0",
        ),
        ({"database": {"url": "sqlite://"}}, "a database in memory would keep nothing"),
        ({"database": {"url": "sqlite:///:memory:"}}, "a database in memory would keep nothing"),
        ({"serve": {"bind": "localhost"}}, "serve.bind: wants an address and port"),
        ({"serve": {"bind": "h:65536"}}, "serve.bind: wants an address and port"),
        ({"owners": {"tag_keys": ["a", "a"]}}, "owners.tag_keys: names 'a' twice"),
        ({"clients": {"probes": ["10.9.0.0/99"]}}, "clients.probes[0]: wants a network"),
        (
            {"clients": {"maintenance": ["tag:role"]}},
            'clients.maintenance[0]: wants a network, "tag:key=value"',
        ),
        ({"sources": [files(name="a b")]}, "sources[0].name: wants a name of letters"),
        ({"sources": [files(path="")]}, "sources[0].path: wants a path"),
        ({"sources": [files(passes=["soon"])]}, "sources[0].passes[0]"),
        ({"sources": [files(passes=[])]}, "sources[0].passes: wants at least one entry"),
        (
            {"sources": [{"name": "b", "type": "s3", "bucket": "s3://flow-logs/AWSLogs"}]},
            "sources[0].bucket: wants the name of a bucket (what follows it is `prefix`)",
        ),
        ({"networks": {"10.0.0.0/8": ""}}, "networks.10.0.0.0/8: wants some text in quotes"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_wanted(document: dict[str, Any], message: str) -> None:
    assert message in said(document)


def test_many_mistakes_are_told_in_reading_order() -> None:
    sources: list[dict[str, object]] = [files(name=f"s{number}", pth=1) for number in range(11)]
    lines = said({"sources": sources}).splitlines()
    assert lines[0] == "configuration: 11 keys are wrong"
    assert [line.split(":")[0].strip() for line in lines[1:]] == [
        f"sources[{number}].pth" for number in range(11)
    ]


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        parsed({}).database.auto_upgrade = False  # type: ignore[misc]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    [*config.Settings.model_fields, "name", "type", "path", "url", "x"]
                ),
                inner,
            )
        ),
        max_leaves=12,
    )
)
def test_any_document_is_settings_or_a_config_error(document: object) -> None:
    if isinstance(document, dict):
        try:
            parsed(document)
        except ConfigError as error:
            assert "wrong" in str(error)  # noqa: PT017 - either is right


def test_a_database_named_outside_the_file_is_read_as_one_inside() -> None:
    here = Path("/etc/inventory")
    assert config.database_place("sqlite:///x.db", here) == "sqlite:////etc/inventory/x.db"
    assert config.database_place("sqlite:////var/x.db", here) == "sqlite:////var/x.db"
    assert (
        config.database_place("postgresql://user@host/name", here) == "postgresql://user@host/name"
    )
    for wrong in (
        "nonsense",
        "x.db",
        "sqlite:///:memory:",
        "postgresql://user:hunter2@host:port/x",
    ):
        with pytest.raises(ValueError, match=r"wants|no readable URL") as caught:
            config.database_place(wrong, here)
        assert "hunter2" not in str(caught.value)
