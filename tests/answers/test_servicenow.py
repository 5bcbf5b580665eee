"""ServiceNow: payloads that its engine takes, relations that it takes away, and a word on each item."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_socket
from click.testing import CliRunner, Result

from inventory.cli import cli
from inventory.export import groups
from inventory.export.servicenow.items import Terms
from inventory.export.servicenow.payloads import MOST_ITEMS, payloads
from tests.answers.conftest import HOUR, Inventory, batch, own_row
from tests.answers.servicenow import Cmdb, Server
from tests.builders import ACCOUNT, FS, INSTANCE, REGION, T
from tests.faces.fakes import FakeAnswers, client, listed, mount, who_answer

ARN = f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}:file-system/{FS}"
TERMS = Terms("EFS Mount Inventory", "Uses::Used by", "{region}", ephemeral=False)
USES = "Uses::Used by"


def made(*mounts: dict[str, Any], terms: Terms = TERMS, **entry: Any) -> list[dict[str, Any]]:
    """The payloads of one file system, which the engine must take."""
    answers = FakeAnswers(
        list={"as_of": None, "file_systems": [listed(**entry)]}, who=who_answer(*mounts)
    )
    found = [one for group in groups(answers, exported_at="") for one in payloads(group, terms)]
    cmdb = Cmdb(relation_types={"Hosted on::Hosts", terms.relation_type})
    for payload in found:
        told = cmdb.reconcile(json.loads(json.dumps(payload)), terms.data_source, write=True)
        assert not [one for one in (*told["items"], *told["relations"]) if one["errors"]]
    return found


def users(found: list[dict[str, Any]], kind: str = USES) -> list[tuple[str, dict[str, Any]]]:
    """Class and item of each parent of a relation of the type."""
    return [
        (item["className"], item)
        for payload in found
        for relation in payload["relations"]
        if relation["type"] == kind
        for item in payload["items"]
        if item["internal_id"] == relation["parent_id"]
    ]


def test_a_payload_has_the_whole_chain() -> None:
    (payload,) = made(mount())
    assert [item["className"] for item in payload["items"]] == [
        "cmdb_ci_cloud_service_account",
        "cmdb_ci_aws_datacenter",
        "cmdb_ci_cloud_directory",
        "cmdb_ci_vm_instance",
    ]
    *_, file_system, instance = payload["items"]
    assert file_system["values"]["object_id"] == listed()["arn"]
    assert (
        file_system["sys_object_source_info"]["source_recency_timestamp"] == "2026-11-09 11:59:50"
    )
    assert instance["values"] == {"object_id": "i-0aaa", "name": "web-1", "vm_inst_id": "i-0aaa"}
    assert instance["sys_object_source_info"] == {
        "source_name": "EFS Mount Inventory",
        "source_native_key": client()["arn"],
        "source_feed": "efs-clients",
        "source_recency_timestamp": "2026-11-09 11:54:50",
    }
    assert [relation["type"] for relation in payload["relations"]].count("Hosted on::Hosts") == 3
    (uses,) = [one for one in payload["relations"] if one["type"] == USES]
    assert (uses["parent_id"], uses["child_id"]) == (
        instance["internal_id"],
        file_system["internal_id"],
    )


def test_a_client_of_another_account_brings_its_own_chain() -> None:
    (payload,) = made(mount(client=client(account="222233334444", region="us-east-1")))
    assert len(payload["items"]) == 6
    (two,) = made(mount(client=client(account="222233334444")))
    places = [one for one in two["items"] if one["className"] == "cmdb_ci_aws_datacenter"]
    assert [one["values"]["object_id"] for one in places] == ["eu-central-1"] * 2


SERVICE = {
    "kind": "ecs_service",
    "id": "runner",
    "arn": "arn:aws:ecs:eu-central-1:1:service/ci/runner",
}


def task(name: str, **changes: Any) -> dict[str, Any]:
    arn = f"arn:aws:ecs:eu-central-1:1:task/ci/{name}"
    return client(kind="ecs_task", id=name, arn=arn, workload=SERVICE, name=None, **changes)


def test_tasks_are_their_service_unless_ephemeral() -> None:
    two = (mount(client=task("a"), last_seen="2026-11-08T00:00:00Z"), mount(client=task("b")))
    ((kind, service),) = users(made(*two))
    assert (kind, service["values"]["object_id"]) == ("cmdb_ci_cloud_ecs_service", SERVICE["arn"])
    assert service["sys_object_source_info"]["source_recency_timestamp"] == "2026-11-09 11:54:50"
    kinds = [kind for kind, _ in users(made(*two, terms=TERMS._replace(ephemeral=True)))]
    assert kinds == ["cmdb_ci_cloud_ecs_task"] * 2


@pytest.mark.parametrize(
    ("who", "class_name", "object_id"),
    [
        (client(kind="lambda_function", id="f", arn="arn:aws:lambda:f"), "cmdb_ci_cloud_function", "arn:aws:lambda:f"),
        (client(kind="eks_node"), "cmdb_ci_vm_instance", "i-0aaa"),
        (
            client(kind="address", id="10.8.0.5", arn=None, account=None, region=None),
            "cmdb_ci_cmp_resource",
            "client/address/111122223333/eu-central-1/10.8.0.5",
        ),
        (client(kind="sagemaker", arn="arn:aws:sagemaker:x"), "cmdb_ci_cmp_resource", "arn:aws:sagemaker:x"),
        (
            client(kind="ecs_task", arn="arn:t", workload={"kind": "ecs_task_family", "id": "batch", "arn": None}),
            "cmdb_ci_cmp_resource",
            "ecs_task_family/111122223333/eu-central-1/batch",
        ),
    ],
)  # fmt: skip
def test_each_kind_has_its_class(who: dict[str, Any], class_name: str, object_id: str) -> None:
    ((kind, item),) = users(made(mount(client=who)))
    assert (kind, item["values"]["object_id"]) == (class_name, object_id)


@pytest.mark.parametrize(
    "doubtful",
    [
        mount(client=None, candidates=[client(), client(id="i-2")], confidence="candidates"),
        mount(client=client(kind="unknown", id="eni-1"), confidence="unknown"),
        mount(client=client(kind="gateway", id="nat-1")),
        mount(state="rejected"),
        mount(state="probe"),
    ],
)
def test_what_is_not_sure_is_no_item_and_no_relation(doubtful: dict[str, Any]) -> None:
    (payload,) = made(doubtful)
    assert len(payload["items"]) == 3
    assert users([payload]) == []
    (payload,) = made(
        doubtful | {"last_seen": "2026-11-09T11:00:00Z"}, mount(client=client(id="i-9"))
    )
    assert [item["values"]["object_id"] for _, item in users([payload])] == ["i-9"]


def test_many_clients_make_several_payloads() -> None:
    several = [
        mount(client=client(id=f"i-{n:05}", account=f"{n % 7:012}")) for n in range(2 * MOST_ITEMS)
    ]
    found = made(*several)
    assert all(len(payload["items"]) <= MOST_ITEMS for payload in found)
    assert len(found) == 3
    assert len({item["values"]["object_id"] for _, item in users(found)}) == 2 * MOST_ITEMS


def test_names_are_configured() -> None:
    terms = TERMS._replace(relation_type="Mounts::Mounted by", datacenter="{account}/{region}")
    (payload,) = made(mount(), terms=terms)
    assert len(users([payload], "Mounts::Mounted by")) == 1
    assert payload["items"][1]["values"]["object_id"] == "111122223333/eu-central-1"


def test_a_file_system_that_is_nowhere_is_left_out() -> None:
    assert made(mount(), region=None) == []


# -- pushed ----------------------------------------------------------------------------------------


@pytest.fixture
def instance(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    pytest_socket.enable_socket()
    pytest_socket.socket_allow_hosts(["127.0.0.1"], allow_unix_socket=True)
    monkeypatch.setattr("time.sleep", lambda _: None)
    with Server() as served:
        thread = threading.Thread(target=served.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield served
        finally:
            served.shutdown()
            thread.join()


@pytest.fixture
def config(database_url: str, tmp_path: Path, instance: Server) -> Path:
    place = tmp_path / "efs-inventory.toml"
    (tmp_path / "password").write_text("pass word\n")
    place.write_text(
        f'[database]\nurl = {json.dumps(database_url)}\n[export.servicenow]\nurl = "{instance.url}"\n'
        'user = "feed"\npassword_file = "password"\nallow_private = true\n'
    )
    return place


def run(config: Path, *arguments: str) -> Result:
    given = ["--config", str(config), "export", "--format", "servicenow", *arguments]
    return CliRunner().invoke(cli, given, catch_exceptions=False)


def lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def inventory(make: Callable[..., Inventory]) -> Inventory:
    inventory = make()
    inventory.record(batch([own_row(T + 100, T + 160)], [(T, T + 300)], key="1"))
    return inventory


def test_it_is_pushed_once_and_again_without_a_change(
    inventory: Inventory, config: Path, instance: Server
) -> None:
    first = run(config, "--push")
    assert (first.exit_code, first.stderr) == (0, "")
    told = lines(first)
    assert [line.get("operation") for line in told] == ["INSERT"] * 8 + [None]
    assert all(line["errors"] == [] and line["sys_id"] for line in told[:-1])
    assert instance.cmdb.used_by(ARN) == {INSTANCE}
    again = lines(run(config, "--push"))
    assert {line.get("operation") for line in again[:-1]} == {"NO_CHANGE"}
    assert lines(run(config, "--push", "--since", told[-1]["cursor"])) == [told[-1]]


def test_a_relation_that_ended_is_removed_and_nothing_else(
    inventory: Inventory, config: Path, instance: Server
) -> None:
    cursor = lines(run(config, "--push"))[-1]["cursor"]
    cmdb = instance.cmdb
    (mine,) = [r for r, (_, _, kind) in cmdb.relations.items() if kind == USES]
    file_system = cmdb.of("cmdb_ci_cloud_directory")[0].sys_id
    parent = cmdb.of("cmdb_ci_vm_instance")[0].sys_id
    cmdb.relations["theirs"] = (parent, file_system, "Depends on::Used by")
    inventory.record(batch([], [(T + 300, T + 25 * HOUR)], key="2"))
    dry = run(config, "--push", "--dry-run", "--since", cursor)
    assert mine in cmdb.relations
    assert lines(dry)[-2]["sys_id"] == mine
    result = run(config, "--push", "--since", cursor)
    assert result.exit_code == 0
    removed = lines(result)[-2]
    assert (removed["operation"], removed["sys_id"], removed["relation"]) == ("DELETE", mine, USES)
    assert mine not in cmdb.relations
    assert "theirs" in cmdb.relations
    assert len(cmdb.cis) == 4, "no item is deleted"
    again = run(config, "--push", "--since", cursor)
    assert lines(again)[-2]["operation"] == "NO_CHANGE"


def test_a_dry_run_changes_nothing(inventory: Inventory, config: Path, instance: Server) -> None:
    result = run(config, "--dry-run")
    assert [line.get("operation") for line in lines(result)[:-1]] == ["INSERT"] * 8
    assert (instance.cmdb.cis, instance.cmdb.relations) == ({}, {})
    assert {path for _, path in instance.calls} == {"/api/now/identifyreconcile/query"}


def test_what_is_refused_is_told_and_the_rest_is_done(
    inventory: Inventory, config: Path, instance: Server
) -> None:
    instance.cmdb.refused = {INSTANCE}
    result = run(config, "--push")
    assert result.exit_code == 1
    told = lines(result)
    (wrong,) = [line for line in told if line.get("className") == "cmdb_ci_vm_instance"]
    assert wrong["errors"] == ["INSERT_NOT_ALLOWED_FOR_SOURCE: by a rule"]
    assert not any("cursor" in line for line in told), "the same is to be pushed again"
    assert result.stderr.startswith("problem: 3 entries not taken by ServiceNow")
    assert ARN in {ci.values.get("object_id") for ci in instance.cmdb.cis.values()}


def test_a_payload_that_is_refused_as_a_whole_is_told(
    inventory: Inventory, config: Path, instance: Server
) -> None:
    instance.cmdb.data_sources = {"Other"}
    result = run(config, "--push")
    assert result.exit_code == 1
    (line,) = lines(result)
    assert line["operation"] == "FAILED"
    assert "unknown data source EFS Mount Inventory" in line["errors"][0]


def test_it_is_tried_again(inventory: Inventory, config: Path, instance: Server) -> None:
    instance.failures = [(429, {"Retry-After": "3"}), (503, {}), (500, {})]
    assert run(config, "--push").exit_code == 0
    assert instance.cmdb.used_by(ARN) == {INSTANCE}
    instance.failures = [(503, {})] * 5
    result = run(config, "--push")
    assert result.exit_code == 1
    assert lines(result)[0]["operation"] == "FAILED"


def test_a_wrong_password_ends_it(inventory: Inventory, config: Path, instance: Server) -> None:
    instance.password = "changed"
    result = run(config, "--push")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("error: ServiceNow answered 401")
    assert "pass word" not in result.stderr


def test_a_token_does_as_well(inventory: Inventory, config: Path, instance: Server) -> None:
    (config.parent / "token").write_text("tok\n")
    config.write_text(config.read_text() + 'token_file = "token"\n')
    instance.password = "changed"
    assert run(config, "--push").exit_code == 0


def test_an_instance_at_a_private_address_is_refused(
    inventory: Inventory, config: Path, instance: Server
) -> None:
    config.write_text(config.read_text().replace("allow_private = true\n", ""))
    result = run(config, "--push")
    assert result.exit_code == 1
    assert "which is not public" in result.stderr
    assert instance.calls == []


def test_without_push_payloads_are_written(
    inventory: Inventory, config: Path, instance: Server, tmp_path: Path
) -> None:
    place = tmp_path / "payloads"
    result = run(config, "-o", str(place))
    assert (result.exit_code, result.stdout) == (0, "")
    (payload,) = [json.loads(line) for line in place.read_text().splitlines()]
    assert len(payload["items"]) == 4
    *_, cursor = lines(run(config, "--since", "0"))
    inventory.record(batch([], [(T + 300, T + 25 * HOUR)], key="2"))
    payload, removal, _ = lines(run(config, "--since", cursor["cursor"]))
    assert len(payload["items"]) == 3
    assert removal["remove"]["parent"] == {
        "className": "cmdb_ci_vm_instance",
        "object_id": INSTANCE,
    }
    assert removal["remove"]["child"]["object_id"] == ARN
    assert instance.calls == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "error: --push needs [export.servicenow] url"),
        ('url = "https://x.service-now.com"', "error: --push needs [export.servicenow] user"),
        ('url = "https://x.service-now.com"\ntoken_file = "none"', "error: [export.servicenow] token_file: cannot read"),
    ],
)  # fmt: skip
def test_what_is_not_configured_is_exit_2(
    inventory: Inventory, config: Path, text: str, message: str
) -> None:
    before, _, _ = config.read_text().partition("[export.servicenow]")
    config.write_text(f"{before}[export.servicenow]\n{text}\n")
    result = run(config, "--push")
    assert result.exit_code == 2
    assert result.stderr.startswith(message)


def test_push_is_of_servicenow(inventory: Inventory, config: Path) -> None:
    given = ["--config", str(config), "export", "--format", "ndjson", "--push"]
    result = CliRunner().invoke(cli, given)
    assert result.exit_code == 2
    assert run(config, "--gone").exit_code == 2
