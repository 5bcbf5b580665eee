"""What the text of an answer must not get wrong: counts, doubles, contradictions, seconds that say nothing."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from inventory.cli.blocks import Block, Line, counted, plain
from inventory.cli.times import Times
from inventory.cli.view_mounts import mounts_blocks, who_blocks
from inventory.cli.view_status import status_blocks
from tests.faces.fakes import (
    AS_OF,
    BLIND,
    NOW,
    ask,
    client,
    coverage,
    file_system,
    gap,
    mount,
    status_answer,
    used_by,
    who_answer,
)

DAY = 86_400


def fleet(name: str = "web-fleet", **changes: object) -> dict[str, object]:
    return {"kind": "autoscaling_group", "id": name, "arn": None} | changes


def who_lines(*mounts: dict[str, Any], by: str = "workload", **changes: object) -> list[str]:
    return list(plain(who_blocks(who_answer(*mounts, **changes), by, Times(as_of=AS_OF))))


def mounts_lines(*mounts: dict[str, Any], **changes: object) -> list[str]:
    answer = who_answer(
        *(one | {"file_system": file_system()} for one in mounts), client=client(), **changes
    )
    del answer["file_system"]
    return list(plain(mounts_blocks(answer, Times(as_of=AS_OF))))


def status_text(now: int | None = None, **changes: object) -> str:
    return "\n".join(plain(status_blocks(status_answer(**changes), Times(as_of=AS_OF), now)))


def source(**changes: object) -> list[dict[str, Any]]:
    return [status_answer()["sources"][0] | changes]


def sweep(*calls: tuple[str, str, str | None]) -> list[dict[str, Any]]:
    at = {"asked_at": "2026-11-09T09:00:00Z", "whole_at": None}
    named = [{"call": call, "state": state, "problem": told} | at for call, state, told in calls]
    return [status_answer()["sweeps"][0] | {"calls": named}]


def styled(blocks: list[Block], text: str) -> str:
    return next(block.style for block in blocks if isinstance(block, Line) and text in block.text)


# -- pods ------------------------------------------------------------------------------------------


def node(number: int, *uses: dict[str, Any]) -> dict[str, Any]:
    workload = {"kind": "eks_cluster", "id": "prod", "arn": "arn:prod"}
    owner = client(id=f"i-0{number}", arn=None, name=None, kind="eks_node", workload=workload)
    return mount(client=owner, used_by=list(uses) or None)


def test_the_pods_behind_nodes_stand_below_the_table_once_for_all_of_a_cluster() -> None:
    lines = who_lines(
        node(1, used_by(pods=2), used_by("log", claim=None, kind="DaemonSet")),
        node(2, used_by(pods=3)),
        node(3),
    )
    below = lines.index("prod is used by pods, as Kubernetes tells (inferred):")
    assert lines[below - 1 :] == [
        "",
        "prod is used by pods, as Kubernetes tells (inferred):",
        "  shop/log, daemonset, 1 pod",
        "  shop/web (claim media), deployment, 5 pods",
    ]


def test_by_client_each_node_has_its_own_pods_and_one_without_is_not_named() -> None:
    lines = who_lines(node(1, used_by(pods=2)), node(2, used_by("b")), node(3), by="client")
    assert [line for line in lines if "used by" in line] == [
        "i-01 is used by pods, as Kubernetes tells (inferred):",
        "i-02 is used by pods, as Kubernetes tells (inferred):",
    ]
    assert "  shop/web (claim media), deployment, 2 pods" in lines


def test_nothing_is_said_of_pods_where_nothing_is_known() -> None:
    assert "used by" not in "\n".join(who_lines(node(1), mount()))


def test_many_controllers_are_cut_and_counted() -> None:
    lines = who_lines(node(1, *(used_by(f"app-{number:02}") for number in range(13))))
    assert lines[-2:] == ["  shop/app-09 (claim media), deployment, 1 pod", "  and 3 more"]


def test_what_a_node_mounts_is_told_with_its_pods() -> None:
    lines = mounts_lines(node(1, used_by()))
    assert lines[-2:] == [
        "fs-0123 (shop-media) is used by pods, as Kubernetes tells (inferred):",
        "  shop/web (claim media), deployment, 1 pod",
    ]
    several = who_answer(
        *(one | {"file_system": file_system()} for one in (node(1, used_by()), node(2))),
        client=None,
        candidates=[client(id="i-01"), client(id="i-02")],
    )
    lines = list(plain(mounts_blocks(several, Times(as_of=AS_OF))))
    assert "fs-0123 (shop-media) on i-01 is used by pods, as Kubernetes tells (inferred):" in lines


# -- who -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [
        client(id="i-0bbb", account="444455556666"),
        client(id="i-0bbb", region="us-east-1"),
        client(id="i-0bbb", workload=fleet(arn="arn:another")),
        client(id="i-0bbb", workload=fleet(kind="eks_deployment")),
    ],
    ids=["account", "region", "arn", "kind"],
)
def test_workloads_of_one_name_are_not_merged(other: dict[str, Any]) -> None:
    lines = [line for line in who_lines(mount(), mount(client=other)) if "web-fleet" in line]
    assert len(lines) == 2
    assert all("1,234" in line for line in lines)


def test_workloads_of_one_name_are_told_apart() -> None:
    lines = who_lines(mount(), mount(client=client(id="i-0bbb", account="444455556666")))
    assert any(line.startswith("web-fleet (111122223333, eu-central-1)") for line in lines)
    assert any(line.startswith("web-fleet (444455556666, eu-central-1)") for line in lines)


def test_clients_of_one_name_are_not_merged() -> None:
    pods = [
        client(kind="lambda_function", id="job", name="job", arn=arn) for arn in ("arn:a", "arn:b")
    ]
    lines = who_lines(*(mount(client=each) for each in pods), by="client")
    assert len([line for line in lines if line.startswith("job ")]) == 2


def test_members_of_one_workload_are_one_row() -> None:
    lines = who_lines(mount(), mount(client=client(id="i-0bbb", arn="arn:b")))
    assert [line.split()[3] for line in lines if line.startswith("web-fleet ")] == ["2"]


def test_the_flows_of_who_was_turned_away_are_those_turned_away() -> None:
    lines = who_lines(mount(state="rejected", flows=0, bytes=0, rejected_flows=7))
    row = next(line for line in lines if line.startswith("i-0aaa"))
    assert "  7      -  interface, exact" in row
    assert "0 B" not in row


def test_a_long_gap_is_shown_to_the_minute_and_a_short_one_is_not() -> None:
    long = coverage(gap("2026-11-03T14:20:00Z", "2026-11-03T14:40:01Z"), blind_seconds=1201)
    assert (
        "blind for 20 min: 2026-11-03 14:20Z to 2026-11-03 14:40Z (skipdata)"
        in who_lines(coverage=long)[2]
    )
    short = coverage(gap("2026-11-03T14:20:00Z", "2026-11-03T14:20:41Z"), blind_seconds=41)
    assert "2026-11-03 14:20Z to 2026-11-03 14:20:41Z" in who_lines(coverage=short)[2]


def test_as_of_has_no_seconds() -> None:
    assert who_lines(as_of="2026-11-09T12:00:01Z")[1].endswith("as of 2026-11-09 12:00Z")


# -- mounts ----------------------------------------------------------------------------------------


def test_a_client_that_was_turned_away_was_seen() -> None:
    lines = mounts_lines(mount(state="rejected", flows=0, rejected_flows=7), coverage=BLIND)
    assert not any("Nothing seen" in line for line in lines)
    assert any(line.startswith("No mount seen, but blind for 14 min") for line in lines)
    assert all(one or other for one, other in pairwise(lines)), "blank lines"
    assert lines[-1].startswith("rejected: turned away")


def test_a_client_without_anything_was_not_seen() -> None:
    assert mounts_lines(coverage=BLIND)[-1].startswith("Nothing seen, but blind for 14 min")
    assert mounts_lines()[-1] == "It mounted nothing in this window."


@pytest.mark.parametrize("state", ["active", "rejected"])
def test_the_other_candidates_are_named(state: str) -> None:
    both = [client(kind="lambda_function", id=name, name=name) for name in ("one", "two")]
    row = mount(client=None, candidates=both, confidence="candidates", state=state)
    lines = mounts_lines(row)
    assert "One of these 2 shared 10.20.1.11; which, is not known:" in lines
    assert "  two of web-fleet (lambda function)" in lines


# -- status ----------------------------------------------------------------------------------------


def test_how_old_it_is_counts_from_the_clock() -> None:
    text = status_text(now=NOW + 14 * DAY)
    assert "as of 2026-11-09 11:59Z (14 d ago)" in text
    assert "  14 d  180 done" in text
    assert "ago" not in status_text()
    result = ask(["status"], status=status_answer(as_of="2026-11-09T11:00:00Z"))
    assert "as of 2026-11-09 11:00Z (1 h ago)" in result.stdout, "the command hands the clock on"


def test_one_is_not_many() -> None:
    assert counted(1, "client") == "1 client"
    assert counted(0, "client") == "0 clients"
    assert counted(2000, "address", "addresses") == "2,000 addresses"
    server = {
        "type": "fsx",
        "id": "fs-fsx",
        "arn": None,
        "vpc": None,
        "addresses": ["10.2.2.2"],
        "clients": 1,
        "last_seen": None,
    }
    stray = {
        "address": "10.3.3.3",
        "vpc": None,
        "clients": 1,
        "requests": 1,
        "responses": 1,
        "last_seen": AS_OF,
    }
    text = status_text(
        other_servers=[server],
        strays=[stray | {"type": "own"}, stray | {"type": "chance"}],
        unresolved_clients={"count": 1, "by_confidence": {"candidates": 1}, "examples": []},
    )
    for expected in (
        "(10.2.2.2): 1 client\n",
        "unknown VPC: 1 client, last",
        "1 address touched port 2049",
        "certain: 1 with candidates",
    ):
        assert expected in text
    assert "1 clients" not in text


def test_a_foreign_file_is_said_to_be_none_once() -> None:
    foreign = [
        {"batch": "readme.txt", "problem": "no flow log: no line has the form of a record"},
        {"batch": "empty.txt", "problem": "no flow log"},
    ]
    text = status_text(sources=source(foreign=foreign))
    assert "readme.txt is no flow log: no line has the form of a record" in text
    assert text.count("no flow log") == 2
    assert "empty.txt is no flow log\n" in text


def test_a_broken_call_is_told_once() -> None:
    text = status_text(
        problems=[
            "account 111122223333 eu-central-1: lambda.list-functions is broken (/a/b.json: cut)"
        ],
        sweeps=sweep(
            ("lambda.list-functions", "broken", "/a/b.json: cut"),
            ("ecs.describe-tasks", "broken", "denied"),
        ),
    )
    assert text.count("/a/b.json") == 1
    assert "ecs.describe-tasks is broken: denied" in text, "what no problem names is told here"
    assert "2 broken" in text


def test_calls_of_a_place_of_which_nothing_answers_are_told_once() -> None:
    for place in ("account 111122223333", "account 111122223333 eu-central-1"):
        text = status_text(
            problems=[f"{place}: nothing answers (AccessDenied), never whole"],
            sweeps=sweep(
                ("lambda.list-functions", "broken", "AccessDenied"),
                ("ecs.describe-tasks", "broken", "AccessDenied"),
            ),
        )
        assert text.count("AccessDenied") == 1
        assert "2 broken" in text


def test_the_oldest_answer_is_told_with_its_age() -> None:
    calls = sweep(("a.fresh", "whole", None), ("b.old", "broken", "denied"))
    calls[0]["calls"][0]["whole_at"] = "2026-11-09T09:00:00Z"
    calls[0]["calls"][1]["whole_at"] = "2026-11-09T06:00:00Z"
    assert "6 h ago, b.old" in status_text(now=NOW, sweeps=calls)
    assert "2026-11-09 06:00Z, b.old" in status_text(sweeps=calls)
    assert "b.old is broken: denied, whole last at 2026-11-09 06:00Z" in status_text(sweeps=calls)
    fresh = [calls[0] | {"calls": calls[0]["calls"][:1]}]
    assert "a.fresh" not in status_text(now=NOW, sweeps=fresh)


def test_what_belongs_to_no_account_or_region_is_named_without() -> None:
    whole = sweep(("organizations.list-accounts", "broken", "denied"))
    whole[0] |= {"account": "organization", "region": "global"}
    assert "  organization: organizations.list-accounts is broken: denied" in status_text(
        sweeps=whole
    )


def test_fields_that_are_a_dash_are_counted() -> None:
    fields = [
        {"field": "next-hop-interface-id", "named": 900, "dash": 100},
        {"field": "ecs-task-arn", "named": 0, "dash": 0},
    ]
    text = status_text(sources=source(fields=fields))
    assert "next-hop-interface-id is told by 900 of 1,000 records on port 2049 (90" in text
    assert "ecs-task-arn" not in text


def test_an_account_that_cannot_be_answered_for_is_said_so() -> None:
    answer = status_answer(
        sweeps=sweep(
            ("efs.describe-mount-targets", "missing", None),
            ("ec2.describe-network-interfaces", "missing", None),
            ("fsx.describe-file-systems", "missing", None),
        )
    )
    blocks = list(status_blocks(answer, Times()))
    assert styled(blocks, "mount targets, network interfaces were not recorded") == "yellow"
    harmless = status_answer(sweeps=sweep(("fsx.describe-file-systems", "missing", None)))
    assert "were not recorded" not in "\n".join(plain(status_blocks(harmless, Times())))


def test_a_transit_gateways_log_is_wished_nothing() -> None:
    lacks = [{"field": "dstport", "consequence": "cannot be recognised"}]
    gateway = {"format": "${version} ${resource-type} ${tgw-id}", "missing": lacks}
    ours = {"format": "${version} ${srcaddr}", "missing": lacks}
    assert "without dstport" not in status_text(sources=source(formats=[gateway]))
    assert "what its format cannot tell" in status_text(sources=source(formats=[ours]))
    text = status_text(
        sources=source(formats=[gateway, ours, ours | {"format": "${dstport} " * 20}])
    )
    assert text.count("without dstport") == 2
    assert "what the format ${version} ${srcaddr} cannot tell" in text
    assert "${dst… cannot tell" in text


def test_mounts_of_several_clients_say_whose_each_is() -> None:
    one, two = client(id="i-1", name="web-1"), client(id="i-2", name="web-2")
    answer = who_answer(
        *(mount(client=each) | {"file_system": file_system()} for each in (one, two)), client=None
    )
    del answer["file_system"]
    answer["candidates"] = [one, two]
    lines = list(plain(mounts_blocks(answer, Times(as_of=AS_OF))))
    assert lines[0] == "2 clients:"
    assert lines[1].startswith("  i-1 (web-1)")
    table = [line for line in lines if "fs-" in line]
    assert "i-1" in table[0]
    assert "i-2" in table[1]
