"""``check-delete`` over stored facts: what makes each verdict, and what every answer tells, on both databases."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from inventory.answers import Asked, certifying
from inventory.config import ClientsSettings, DiscoverSettings, Settings
from inventory.discover.calls import SWEPT
from inventory.errors import NotFoundError, UsageError
from inventory.model import (
    DAY,
    KINDS,
    AgentRuntime,
    BatchDefinition,
    BuildProject,
    CallState,
    ClusterUse,
    EcsService,
    FileSystemPolicy,
    MainframeEnvironment,
    PodMount,
    Replication,
    Sighting,
    StudioDomain,
    StudioProfile,
    StudioSpace,
    Sweep,
    TaskSchedule,
    TimedTask,
    TransferAccess,
    TransferLocation,
    TransferTask,
    TransferUser,
    iso,
)
from inventory.store import Store
from tests.answers.conftest import USUAL, Filled, Inventory, batch, own_row, sweep, upgraded
from tests.builders import (
    ACCOUNT,
    CLIENT,
    FS,
    INSTANCE,
    REGION,
    TARGET,
    VPC,
    T,
    access_point,
    definition,
    eni,
    file_system,
    function,
    instance,
    machine_eni,
    mount_target,
    peering,
    task,
    task_eni,
)

HOUR = 3600
END = T + 40 * DAY
"""Forty days were read."""
ALL = [(T, END - 1)]
KEYS = {
    "file_system", "window", "asked_until", "as_of", "verdict", "last_seen", "visible_since", "coverage", "reasons", "references",
    "activity", "longest_silence_days", "certificate",
}  # fmt: skip
"""What other programs rely on; there may be more."""

Things = Callable[..., Inventory]


def swept(moment: int, *things: Any, without: Iterable[str] = (), **broken: str) -> Sweep:
    """A sweep in which every call answered, but those ``without`` an answer."""
    calls = dict.fromkeys(SWEPT, CallState.WHOLE)
    calls |= dict.fromkeys(without, CallState.BROKEN)
    problems = dict.fromkeys(without, "AccessDenied")
    return replace(sweep(moment, *(things or USUAL)), calls=calls, problems=problems)


def _without(one: Sweep, calls: Iterable[str]) -> dict[str, CallState]:
    return {call: state for call, state in one.calls.items() if call not in set(calls)}


@pytest.fixture
def built(database_url: str, filled: Filled) -> Iterator[Things]:
    """``built(*things)``: forty days in which nobody was there, swept at their begin and end."""
    filled("upgraded", upgraded)
    with Store.open(database_url, write=True) as store:

        def build(*things: Any, never: Iterable[str] = (), **options: Any) -> Inventory:
            settings = Settings(
                discover=DiscoverSettings(mode="snapshots"),
                clients=ClientsSettings(**options),
            )
            inventory = Inventory(store, settings)
            made = [swept(moment, *things) for moment in (T - DAY, T, END - 60)]
            inventory.learn(*(replace(one, calls=_without(one, never)) for one in made))
            inventory.record(batch([], ALL, key="nobody.log"))
            return inventory

        yield build


def check(inventory: Inventory, days: int | None = 30, **asked: Any) -> dict[str, Any]:
    values: dict[str, Any] = {"until": END, "length": days and days * DAY}
    return inventory.answers.check_delete(FS, Asked(**(values | asked))).answer


def blocking(answer: dict[str, Any]) -> list[str]:
    return [one["code"] for one in answer["reasons"] if one["severity"] == "blocking"]


def told(answer: dict[str, Any], code: str) -> dict[str, Any]:
    (found,) = [one for one in answer["reasons"] if one["code"] == code]
    return dict(found)


def seen(first: int, seconds: int = 600, **changes: Any) -> Sighting:
    return own_row(first, first + seconds, **changes)


# -- quiet -----------------------------------------------------------------------------------------


def test_what_nobody_uses_is_quiet(built: Things) -> None:
    answer = check(built())
    assert answer["verdict"] == "QUIET"
    assert blocking(answer) == []
    assert answer.keys() >= KEYS
    assert answer["window"] == {"since": iso(END - 30 * DAY), "until": iso(END)}
    assert (answer["last_seen"], answer["longest_silence_days"]) == (None, None)
    assert answer["coverage"]["complete"]
    assert answer["certificate"] == {"sha256": None, "valid_until": None}
    (target,) = answer["mount_targets"]
    assert (target["id"], target["coverage_ratio"]) == (TARGET, 1.0)
    assert answer["not_seen"]


def test_every_reason_has_every_key(built: Things) -> None:
    answer = check(built(), days=None)
    for reason in answer["reasons"]:
        assert set(reason) == {"code", "class", "severity", "message", "evidence"}


def test_the_default_window_is_as_far_back_as_anybody_looked(built: Things) -> None:
    """Forty days, which are less than min_window."""
    answer = check(built(), days=None)
    assert answer["window"] == {"since": iso(T), "until": iso(END)}
    assert blocking(answer) == ["WINDOW_TOO_SHORT"]
    assert answer["verdict"] == "UNKNOWN"
    assert answer["quiet_from"] == iso(T + 100 * DAY)


def test_a_young_file_system_is_not_asked_about_before_it_was_made(built: Things) -> None:
    young = file_system(creation_time=END - 10 * DAY)
    inventory = built(young, *USUAL[1:])
    assert check(inventory, days=None)["window"]["since"] == iso(END - 10 * DAY)
    assert check(inventory, days=None)["verdict"] == "UNKNOWN"
    assert check(inventory, days=10)["verdict"] == "QUIET"


def test_a_file_system_without_a_mount_target_is_quiet_while_sweeps_look(built: Things) -> None:
    bare = file_system(number_of_mount_targets=0)
    assert check(built(bare, *USUAL[3:]))["verdict"] == "QUIET"


# -- in use ----------------------------------------------------------------------------------------


def test_a_mount_in_the_window_is_use(built: Things) -> None:
    inventory = built()
    inventory.record(batch([seen(END - 9 * DAY)], key="mount.log"))
    answer = check(inventory)
    assert (answer["verdict"], blocking(answer)) == ("IN_USE", ["MOUNTED_IN_WINDOW"])
    assert answer["last_seen"] == iso(END - 9 * DAY + 600)
    assert told(answer, "MOUNTED_IN_WINDOW")["evidence"]["batch"]["batch"] == "mount.log"
    (client,) = answer["clients"]
    assert client["client"]["id"] == INSTANCE
    assert client["referenced"] is False
    assert f"a hard mount on {INSTANCE} will hang" in client["consequence"]


def test_a_mount_now_is_named_with_what_happens_to_it(built: Things) -> None:
    inventory = built()
    inventory.record(batch([seen(END - 700, 690)], key="mount.log"))
    answer = check(inventory)
    assert blocking(answer) == ["MOUNTED_NOW"]
    assert answer["order"][0]["what"].startswith("unmount it")


def test_a_mount_after_the_window_is_use(built: Things) -> None:
    """Whoever asks about last month must still hear of yesterday."""
    inventory = built()
    inventory.record(batch([seen(END - DAY)], key="mount.log"))
    answer = check(inventory, until=END - 5 * DAY)
    assert (answer["verdict"], blocking(answer)) == ("IN_USE", ["MOUNTED_AFTER_WINDOW"])
    assert answer["window"]["until"] == iso(END - 5 * DAY)


def test_somebody_behind_a_gateway_counts(built: Things) -> None:
    nat = eni("eni-0000000000000a7a7", "10.0.9.9", interface_type="nat_gateway")
    inventory = built(*USUAL, nat)
    inventory.record(batch([seen(END - 9 * DAY, client="10.0.9.9")], key="mount.log"))
    answer = check(inventory)
    assert answer["clients"][0]["client"]["kind"] == "gateway"
    assert answer["verdict"] == "IN_USE"


def test_somebody_whom_nobody_can_name_counts(built: Things) -> None:
    inventory = built()
    inventory.record(batch([seen(END - 9 * DAY, client="192.168.7.7")], key="mount.log"))
    assert check(inventory)["verdict"] == "IN_USE"


# -- no users --------------------------------------------------------------------------------------


def test_rejected_clients_keep_it(built: Things) -> None:
    inventory = built()
    rejected = seen(END - 9 * DAY, action="REJECT", requests=4, responses=0)
    inventory.record(batch([rejected], key="knock.log"))
    answer = check(inventory)
    assert (answer["verdict"], blocking(answer)[0]) == ("REFERENCED", "CLIENT_REJECTED")


def test_a_scanners_contact_keeps_it(built: Things) -> None:
    inventory = built()
    tiny = {"packets_in": 3, "bytes_in": 180, "packets_out": 2, "bytes_out": 120}
    inventory.record(batch([seen(END - 9 * DAY, 1, **tiny)], key="scan.log"))
    answer = check(inventory)
    assert (answer["verdict"], blocking(answer)) == ("REFERENCED", ["CLIENT_PROBED"])


@pytest.mark.parametrize(
    ("labels", "code"),
    [
        ({"probes": [f"{CLIENT}/32"]}, "CLIENT_PROBED"),
        ({"probes": [INSTANCE]}, "CLIENT_PROBED"),
        ({"maintenance": ["tag:role=backup"]}, "MAINTENANCE_CLIENT"),
    ],
    ids=["network", "id", "tag"],
)
def test_who_is_labelled_is_no_user(built: Things, labels: dict[str, list[str]], code: str) -> None:
    inventory = built(*USUAL[:-1], instance(tags={"role": "backup"}), **labels)
    inventory.record(batch([seen(END - 9 * DAY)], key="backup.log"))
    answer = check(inventory)
    assert (answer["verdict"], blocking(answer)) == ("REFERENCED", [code])
    (entry,) = [entry for entries in labels.values() for entry in entries]
    assert entry in told(answer, code)["message"]
    assert entry in [one for entries in answer["labels"].values() for one in entries]


def test_a_label_that_fits_only_one_of_several_candidates_is_none(built: Things) -> None:
    inventory = built(*USUAL, probes=["10.9.0.0/24"])
    inventory.record(batch([seen(END - 9 * DAY)], key="mount.log"))
    assert check(inventory)["verdict"] == "IN_USE"


# -- unknown ---------------------------------------------------------------------------------------


def test_a_hole_says_what_it_can_hide_and_may_be_accepted(built: Things) -> None:
    inventory = built()
    hole = (END - 5 * DAY, END - 5 * DAY + 659)
    inventory.record(batch([], [], skipped=[hole], key="skip.log"))
    answer = check(inventory)
    assert (answer["verdict"], blocking(answer)) == ("UNKNOWN", ["BLIND"])
    message = told(answer, "BLIND")["message"]
    assert f"wholly inside {iso(hole[0])} to {iso(hole[1] + 1)}" in message
    accepted = check(inventory, accept_blind=1800)
    assert accepted["verdict"] == "QUIET"
    assert accepted["accepted_blind_seconds"] == 1800
    assert told(accepted, "BLIND_ACCEPTED")["class"] == "UNKNOWN"
    assert check(inventory, accept_blind=600)["verdict"] == "UNKNOWN"


def test_what_was_not_read_lately_is_not_quiet(built: Things) -> None:
    """Whoever acts asks up to now."""
    inventory = built()
    assert check(inventory, until=END + HOUR)["verdict"] == "QUIET"
    late = check(inventory, until=END + 2 * DAY)
    assert late["verdict"] == "UNKNOWN"
    assert set(blocking(late)) == {"AS_OF_BEHIND", "MOUNT_TARGETS_NOT_LISTED"}
    assert late["asked_until"] == iso(END + 2 * DAY)
    assert late["window"]["until"] == late["as_of"] == iso(END)


def test_a_mount_target_that_nobody_looked_at_blinds(built: Things) -> None:
    other = mount_target(
        "fsmt-0fedcba9876543210", "10.0.1.99", network_interface_id="eni-00000000000000099"
    )
    answer = check(built(*USUAL, other, eni("eni-00000000000000099", "10.0.1.99")))
    assert blocking(answer) == ["BLIND"]
    assert [one["blind_seconds"] > 0 for one in answer["mount_targets"]] == [False, True]


def test_a_client_of_this_file_system_or_of_another_one_keeps_from_quiet(built: Things) -> None:
    inventory = built()
    nameless = seen(END - 9 * DAY, server="", interface_id="eni-0000000000000c11e")
    inventory.record(batch([nameless], key="minimal.log"))
    answer = check(inventory)
    assert (answer["verdict"], blocking(answer)) == ("UNKNOWN", ["POSSIBLE_CLIENT"])


def test_nothing_read_is_unknown(database_url: str) -> None:
    with Store.open(database_url, write=True) as store:
        store.upgrade()
        inventory = Inventory(store, Settings(discover=DiscoverSettings(mode="snapshots")))
        inventory.learn(swept(END - 60))
        answer = check(inventory)
        assert answer["verdict"] == "UNKNOWN"
        assert "NOTHING_READ" in blocking(answer)
        assert (answer["as_of"], answer["asked_until"]) == (None, iso(END))


# -- rhythm ----------------------------------------------------------------------------------------


def test_a_job_seen_on_day_0_and_day_91_and_checked_on_day_130(built: Things) -> None:
    """A new task each time, one workload: thirty quiet days prove nothing, and the answer says which day will."""
    last = T + 130 * DAY
    runs = {
        name: task(
            name,
            interface=f"eni-000000000000000{n}",
            address=f"10.0.3.5{n}",
            attachment=f"c8773f8d-1317-457a-ba3c-b57775ac6a0{n}",
            created_at=start - 20,
            started_at=start,
            stopped_at=start + 700,
            last_status="STOPPED",
        )
        for n, (name, start) in enumerate({"first": T + HOUR, "second": T + 91 * DAY}.items())
    }
    inventory = built()
    for n, (name, start) in enumerate((("first", T + HOUR), ("second", T + 91 * DAY))):
        described = (
            f"arn:aws:ecs:{REGION}:{ACCOUNT}:attachment/c8773f8d-1317-457a-ba3c-b57775ac6a0{n}"
        )
        held = task_eni(f"eni-000000000000000{n}", f"10.0.3.5{n}", description=described)
        for moment in (start + 300, start + 800):
            inventory.learn(swept(moment, *USUAL, runs[name], held, definition()))
    inventory.learn(swept(last - 60))
    rows = [
        seen(start, client=run.attachments[0].addresses[0])
        for run, start in zip(runs.values(), (T + HOUR, T + 91 * DAY), strict=True)
    ]
    inventory.record(batch(rows, [(T, last - 1)], key="quarter.log"))
    answer = check(inventory, until=last)
    assert (answer["verdict"], blocking(answer)) == ("UNKNOWN", ["WINDOW_SHORTER_THAN_RHYTHM"])
    assert answer["longest_silence_days"] == 91.0
    reason = told(answer, "WINDOW_SHORTER_THAN_RHYTHM")
    assert "runner" in reason["message"]
    assert reason["evidence"]["quiet_from"] == answer["quiet_from"]
    silence = 91 * DAY - HOUR - 600
    assert answer["quiet_from"] == iso(T + 91 * DAY + 600 + 2 * silence)


def test_daily_use_by_others_does_not_hide_a_quarterly_job(built: Things) -> None:
    last = T + 130 * DAY
    inventory = built(*USUAL, machine_eni("eni-00000000000000222", "10.0.3.22", instance_id="i-2"))
    inventory.learn(swept(last - 60))
    daily = [seen(T + day * DAY + HOUR) for day in range(99)]
    job = [seen(T + day * DAY, client="10.0.3.22") for day in (0, 91)]
    inventory.record(batch([*daily, *job], [(T, last - 1)], key="both.log"))
    answer = check(inventory, until=last)
    assert blocking(answer) == ["WINDOW_SHORTER_THAN_RHYTHM"]
    assert "i-2" in told(answer, "WINDOW_SHORTER_THAN_RHYTHM")["message"]


# -- references ------------------------------------------------------------------------------------


def one_reference(answer: dict[str, Any], kind: str) -> dict[str, Any]:
    (found,) = [one for one in answer["references"] if one["kind"] == kind]
    return dict(found)


def test_a_function_that_mounts_it_is_a_reference(built: Things) -> None:
    answer = check(built(*USUAL, access_point(), function("writer", "fsap-1")))
    assert (answer["verdict"], blocking(answer)) == ("REFERENCED", ["LIVE_REFERENCE"])
    found = one_reference(answer, "lambda_function")
    assert (found["id"], found["standing"], found["seen"]) == ("writer", "live", False)
    assert one_reference(answer, "access_point")["standing"] == "context"


def test_a_function_that_mounts_another_one_is_none(built: Things) -> None:
    other = access_point("fsap-2", "fs-00000000000000002")
    assert check(built(*USUAL, other, function("writer", "fsap-2")))["verdict"] == "QUIET"


def test_a_function_whose_access_point_nobody_listed_may_mount_it(built: Things) -> None:
    """Without the list of access points; with it the function is known to mount another one."""
    inventory = built(*USUAL, function("writer", "fsap-9"))
    assert check(inventory)["verdict"] == "QUIET"
    later = replace(
        swept(END - 30, *USUAL, function("writer", "fsap-9")),
        whole=frozenset(set(KINDS) - {"access_point"}),
    )
    inventory.learn(later)
    assert blocking(check(inventory)) == ["REFERENCE_UNPLACED"]


def test_what_names_an_access_point_that_nobody_listed_may_mean_it(built: Things) -> None:
    """Services name access points as functions do."""
    helper = AgentRuntime("arn:aws:bedrock-agentcore:r:1:runtime/r-1", "helper", (("", "fsap-9"),))
    inventory = built(*USUAL, helper)
    assert check(inventory)["verdict"] == "QUIET"
    unlisted = frozenset(set(KINDS) - {"access_point"})
    inventory.learn(replace(swept(END - 30, *USUAL, helper), whole=unlisted))
    assert blocking(check(inventory)) == ["REFERENCE_UNPLACED"]


def test_a_dump_that_cannot_be_read_is_a_failed_check(built: Things) -> None:
    """An older one may not show what came since."""
    inventory = built()
    for moment, state in ((END - HOUR, CallState.WHOLE), (END - 60, CallState.BROKEN)):
        made = replace(sweep(moment, whole=()), name=f"dump-{moment}")
        inventory.learn(replace(made, calls={"k8s.prod": state}))
    assert blocking(check(inventory)) == ["REFERENCE_CHECK_FAILED"]


def test_a_reference_that_vanished_stays_listed(built: Things) -> None:
    inventory = built(*USUAL, access_point(), function("writer", "fsap-1"))
    inventory.learn(swept(END - 30, *USUAL, access_point()))
    answer = check(inventory)
    assert answer["verdict"] == "QUIET"
    assert one_reference(answer, "lambda_function")["standing"] == "vanished"
    assert told(answer, "VANISHED_REFERENCE")["severity"] == "warning"


def test_a_definition_is_live_while_a_task_runs_by_it(built: Things) -> None:
    mounts = definition(file_systems=((FS, ""),))
    running = task("one", created_at=END - DAY, started_at=END - DAY)
    inventory = built(*USUAL, mounts, running)
    answer = check(inventory)
    assert (answer["verdict"], blocking(answer)) == ("REFERENCED", ["LIVE_REFERENCE"])
    assert one_reference(answer, "task_definition")["why"] == "1 running: service:runner"
    inventory.learn(swept(END - 30, *USUAL, mounts))
    quiet = check(inventory)
    assert quiet["verdict"] == "QUIET"
    assert one_reference(quiet, "task_definition")["standing"] == "dormant"


def test_a_running_task_whose_definition_nobody_read_keeps_from_quiet(built: Things) -> None:
    answer = check(built(*USUAL, task("one", created_at=END - DAY, started_at=END - DAY)))
    assert blocking(answer) == ["REFERENCE_UNPLACED"]


def starter(kind: str, **changes: Any) -> Any:  # noqa: ANN401 - of three kinds
    arn = definition().task_definition_arn
    if kind == "service":
        values: dict[str, Any] = {"desired_count": 1, "task_definition_arns": (arn,)}
        return EcsService("arn:service", "web", **(values | changes))
    told: dict[str, Any] = {"enabled": True, "task_definition_arn": arn}
    shape = TaskSchedule if kind == "rule" else TimedTask
    return shape("arn:schedule", "quarterly", **(told | changes))


@pytest.mark.parametrize(
    ("kind", "off"),
    [
        ("service", {"desired_count": 0}),
        ("rule", {"enabled": False}),
        ("schedule", {"enabled": False}),
    ],
)
def test_what_may_start_a_task_keeps_its_definition_live(
    built: Things, kind: str, off: dict[str, Any]
) -> None:
    """A quarterly job is a definition and a schedule, and nothing else for three months."""
    mounts = definition(file_systems=((FS, ""),))
    inventory = built(*USUAL, mounts, starter(kind))
    assert (check(inventory)["verdict"]) == "REFERENCED"
    inventory.learn(swept(END - 30, *USUAL, mounts, starter(kind, **off)))
    answer = check(inventory)
    assert answer["verdict"] == "QUIET"
    assert one_reference(answer, "task_definition")["standing"] == "dormant"


def test_a_schedule_that_names_a_family_means_its_definitions(built: Things) -> None:
    mounts = definition(file_systems=((FS, ""),))
    family = mounts.task_definition_arn.rpartition(":")[0]
    named = starter("schedule", task_definition_arn=family)
    assert check(built(*USUAL, mounts, named))["verdict"] == "REFERENCED"


def test_a_service_whose_definition_nobody_read_keeps_from_quiet(built: Things) -> None:
    answer = check(built(*USUAL, starter("service")))
    assert blocking(answer) == ["REFERENCE_UNPLACED"]


ELSEWHERE = [
    BatchDefinition("arn:aws:batch:r:1:job-definition/render:7", "render"),
    BuildProject("arn:aws:codebuild:r:1:project/site", "site"),
    StudioDomain("arn:aws:sagemaker:r:1:domain/d-1", "research"),
    StudioProfile("arn:aws:sagemaker:r:1:user-profile/d-1/ada", "ada"),
    StudioSpace("arn:aws:sagemaker:r:1:space/d-1/lab", "lab"),
    TransferUser("arn:aws:transfer:r:1:user/s-1/ada", "ada"),
    TransferAccess("s-1/S-1-1", "s-1/S-1-1"),
    MainframeEnvironment("arn:aws:m2:r:1:env/e-1", "host"),
    AgentRuntime("arn:aws:bedrock-agentcore:r:1:runtime/r-1", "helper"),
]


def test_other_services_that_name_it_are_references(built: Things) -> None:
    by_id = [replace(one, mounts=((FS, ""),)) for one in ELSEWHERE[::2]]
    by_point = [replace(one, mounts=(("", "fsap-1"),)) for one in ELSEWHERE[1::2]]
    answer = check(built(*USUAL, access_point(), *by_id, *by_point))
    assert answer["verdict"] == "REFERENCED"
    assert blocking(answer) == ["LIVE_REFERENCE"] * len(ELSEWHERE)
    named = [replace(one, mounts=(("fs-00000000000000002", ""),)) for one in ELSEWHERE]
    assert {one["kind"] for one in answer["references"]} - {"access_point"} == {
        "batch_definition", "build_project", "studio_domain", "studio_profile", "studio_space", "transfer_user", "transfer_access",
        "mainframe_environment", "agent_runtime",
    }  # fmt: skip
    inventory = built(*USUAL)
    inventory.learn(swept(END - 30, *USUAL, *named))
    assert check(inventory)["verdict"] == "QUIET"


def test_a_transfer_makes_its_location_live(built: Things) -> None:
    location = TransferLocation("arn:location", "efs://r.fs-1/", ((FS, ""),), live=False)
    copies = TransferTask("arn:task", "copy", ("arn:location",), scheduled=True)
    inventory = built(*USUAL, location, copies)
    assert check(inventory)["verdict"] == "REFERENCED"
    inventory.learn(swept(END - 30, *USUAL, location, replace(copies, scheduled=False)))
    answer = check(inventory)
    assert answer["verdict"] == "QUIET"
    assert one_reference(answer, "transfer_location")["standing"] == "dormant"


def test_an_account_that_the_policy_lets_in_is_in_reach(built: Things) -> None:
    answer = check(built(*USUAL, FileSystemPolicy(FS, ("444455556666",))))
    assert blocking(answer) == ["REFERENCE_PLACE_UNKNOWN"]
    assert "444455556666" in told(answer, "REFERENCE_PLACE_UNKNOWN")["message"]
    assert one_reference(answer, "policy")["standing"] == "context"


@pytest.mark.parametrize("end", ["source", "destination"])
def test_a_replication_holds_both_its_ends(built: Things, end: str) -> None:
    ids = (FS, "fs-00000000000000002")
    source, destination = ids if end == "source" else ids[::-1]
    told_of = Replication(source, "", REGION, ((destination, "us-east-1", ACCOUNT, "ENABLED"),))
    answer = check(built(*USUAL, told_of))
    assert answer["verdict"] == "REFERENCED"
    assert one_reference(answer, "replication")["standing"] == "live"


def test_a_claim_in_a_cluster_is_a_reference_until_a_dump_shows_it_no_more(built: Things) -> None:
    inventory = built()

    def dump(moment: int, *mounts: PodMount) -> Sweep:
        use = ClusterUse("prod/", "prod", mounts=mounts)
        made = replace(sweep(moment, use, whole=()), name=f"dump-{moment}")
        return replace(made, calls={"k8s.prod": CallState.WHOLE})

    claim = PodMount(FS, namespace="shop", claim="data", volume="pv-1")
    inventory.learn(dump(END - HOUR, claim))
    answer = check(inventory)
    assert (answer["verdict"], blocking(answer)) == ("REFERENCED", ["LIVE_REFERENCE"])
    assert one_reference(answer, "kubernetes_claim")["id"] == "prod/shop/data"
    inventory.learn(dump(END - 60))
    assert check(inventory)["verdict"] == "QUIET"
    assert one_reference(check(inventory), "kubernetes_claim")["standing"] == "vanished"


def test_seen_and_referenced_is_told_from_mounted_by_hand(built: Things) -> None:
    """The first is known to whoever reads the code; the second to nobody."""
    mounts = definition(file_systems=((FS, ""),))
    run = task(
        "one", created_at=END - DAY, started_at=END - DAY, interface="eni-7", address="10.0.3.77"
    )
    inventory = built(*USUAL, mounts, run)
    rows = [seen(END - 4000), seen(END - 4000, client="10.0.3.77")]
    inventory.record(batch(rows, key="mount.log"))
    answer = check(inventory)
    assert {one["client"]["kind"]: one["referenced"] for one in answer["clients"]} == {
        "ec2_instance": False,
        "ecs_task": True,
    }
    assert one_reference(answer, "task_definition")["seen"] is True


# -- checks ----------------------------------------------------------------------------------------


def test_a_check_that_was_denied_is_named(built: Things) -> None:
    inventory = built()
    inventory.learn(swept(END - 30, without=["lambda.list-functions"]))
    answer = check(inventory)
    assert (answer["verdict"], blocking(answer)) == ("UNKNOWN", ["REFERENCE_CHECK_FAILED"])
    evidence = told(answer, "REFERENCE_CHECK_FAILED")["evidence"]
    assert (evidence["call"], evidence["account"], evidence["problem"]) == (
        "lambda.list-functions",
        ACCOUNT,
        "AccessDenied",
    )


def test_of_recorded_sweeps_those_checks_count_whose_file_is_in_any(built: Things) -> None:
    """Unless the configuration names them."""
    never = ["efs.describe-file-system-policies", "sagemaker.describe-spaces"]
    inventory = built(never=never)
    assert check(inventory)["verdict"] == "QUIET"
    named = DiscoverSettings(mode="snapshots", references=("lambda", "sagemaker"))
    inventory.settings = Settings(discover=named)
    answer = check(inventory)
    assert blocking(answer) == ["REFERENCE_CHECK_FAILED"] * 2
    failed = {one["evidence"]["call"] for one in answer["reasons"] if one["evidence"]}
    assert set(never) <= failed


def test_a_file_that_is_missing_in_the_newest_sweep_is_a_failed_check(built: Things) -> None:
    inventory = built()
    newest = swept(END - 30)
    inventory.learn(replace(newest, calls=_without(newest, ["lambda.list-functions"])))
    answer = check(inventory)
    assert blocking(answer) == ["REFERENCE_CHECK_FAILED"]
    assert "missing in the newest sweep" in told(answer, "REFERENCE_CHECK_FAILED")["message"]


def test_live_answers_count_while_they_are_young(built: Things) -> None:
    inventory = built()
    inventory.learn(swept(END - 30, without=["lambda.list-functions"]))
    inventory.settings = Settings(
        discover=DiscoverSettings(mode="aws", references=("lambda", "replication"))
    )
    assert check(inventory)["verdict"] == "QUIET"
    late = check(inventory, until=END + 30 * 60)
    assert late["verdict"] == "QUIET"


def test_a_check_that_is_not_made_is_no_absence(built: Things) -> None:
    inventory = built()
    inventory.settings = Settings(discover=DiscoverSettings(mode="aws", references=("user_data",)))
    answer = check(inventory)
    assert blocking(answer) == ["REFERENCE_CHECK_FAILED"]
    assert "this version does not make the call" in told(answer, "REFERENCE_CHECK_FAILED")[
        "message"
    ] or ("never asked" in told(answer, "REFERENCE_CHECK_FAILED")["message"])


def test_a_vpc_with_a_way_here_that_no_sweep_knows_is_in_reach(built: Things) -> None:
    answer = check(built(*USUAL, peering(VPC, "vpc-0stranger")))
    assert blocking(answer) == ["REFERENCE_PLACE_UNKNOWN"]
    assert "vpc-0stranger" in told(answer, "REFERENCE_PLACE_UNKNOWN")["message"]


@pytest.mark.parametrize("known", [True, False])
def test_everywhere_is_in_reach_while_the_ways_are_known_in_part(
    built: Things, known: bool
) -> None:
    """Peerings were listed, transit gateways were not: nobody knows who is behind one."""
    inventory = built(never=() if known else ["ec2.describe-transit-gateway-vpc-attachments"])
    elsewhere = swept(END - 60, instance(), without=["lambda.list-functions"])
    inventory.learn(replace(elsewhere, account="444455556666"))
    expected = [] if known else ["REFERENCE_CHECK_FAILED"]
    assert blocking(check(inventory)) == expected


def test_another_account_in_a_shared_vpc_is_in_reach(built: Things) -> None:
    theirs = machine_eni("eni-00000000000000333", "10.0.3.33", owner_id="999988887777")
    answer = check(built(*USUAL, theirs))
    failed = [one for one in answer["reasons"] if one["code"] == "REFERENCE_CHECK_FAILED"]
    assert {one["evidence"]["account"] for one in failed} == {"999988887777"}


# -- what may be asked -----------------------------------------------------------------------------


def test_errors_name_what_is_wrong(built: Things) -> None:
    inventory = built()
    with pytest.raises(NotFoundError):
        inventory.answers.check_delete("fs-nowhere", Asked(until=END))
    with pytest.raises(UsageError, match="empty"):
        check(inventory, days=None, since=END + DAY)


# -- certificates, and all of them -----------------------------------------------------------------


def certified(inventory: Inventory, **asked: Any) -> bytes:
    values = {"until": END, "length": 30 * DAY} | asked
    checked = inventory.answers.check_delete(FS, Asked(**values), certified=True)
    assert checked.certificate is not None
    marks = checked.answer["certificate"]
    assert marks["sha256"] == checked.certificate["sha256"]
    assert marks["valid_until"] == iso(END + DAY)
    return certifying.canonical(checked.certificate)


def test_a_certificate_names_what_it_rests_on_and_is_the_same_each_time(built: Things) -> None:
    inventory = built()
    text = certified(inventory)
    assert text == certified(inventory)
    rests = json.loads(text)["rests_on"]
    assert [one["key"] for one in rests["batches"]] == ["nobody.log"]
    assert rests["batches"][0]["digest"]
    assert [one["name"] for one in rests["sweeps"]] == [f"sweep-{END - 60}"]


def test_a_certificate_is_valid_while_it_is_young_and_nothing_came_since(built: Things) -> None:
    inventory = built()
    text = certified(inventory)
    assert inventory.answers.verify(text, END + 3 * HOUR)["valid"]
    late = inventory.answers.verify(text, END + DAY)
    assert (late["valid"], late["verdict"]) == (False, "UNKNOWN")
    assert "expired" in late["problems"][0]
    inventory.record(batch([seen(END + HOUR)], [(END - 1, END + 2 * HOUR)], key="later.log"))
    used = inventory.answers.verify(text, END + 3 * HOUR)
    assert not used["valid"]
    assert used["problems"][0] == "it is IN_USE now"


def test_a_certificate_that_was_changed_is_refused(built: Things) -> None:
    inventory = built()
    good = json.loads(certified(inventory))
    for change in (
        {"valid_until": iso(END + 300 * DAY)},
        {"answer": good["answer"] | {"verdict": "QUIET", "window": {"since": None, "until": None}}},
        {"sha256": None},
    ):
        answer = inventory.answers.verify(json.dumps(good | change).encode(), END + HOUR)
        assert not answer["valid"]
        assert "changed" in answer["problems"][0]


def test_a_certificate_of_another_verdict_is_none_to_act_on(built: Things) -> None:
    inventory = built()
    inventory.record(batch([seen(END - 9 * DAY)], key="mount.log"))
    answer = inventory.answers.verify(certified(inventory), END + HOUR)
    assert answer["problems"] == ["its verdict is IN_USE"]


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"{}", b'{"kind": "x"}', b"\xff"])
def test_what_is_no_certificate_is_wrong_usage(built: Things, text: bytes) -> None:
    with pytest.raises(UsageError, match="no certificate"):
        built().answers.verify(text, END)


@pytest.mark.parametrize(
    "answer",
    [None, "x", {"verdict": "QUIET"}, {"verdict": "QUIET", "file_system": {"id": FS, "arn": 7}}],
)
@pytest.mark.parametrize("signed", [False, True])
def test_a_certificate_without_its_question_is_wrong_usage(
    built: Things, answer: object, signed: bool
) -> None:
    """Anybody can make the digest right."""
    made = {"kind": certifying.KIND, "format": certifying.FORMAT, "answer": answer}
    made |= {"valid_until": iso(END + DAY), "sha256": None}
    made |= {"sha256": certifying.digest(made)} if signed else {}
    with pytest.raises(UsageError, match="no certificate"):
        built().answers.verify(json.dumps(made).encode(), END)


def test_a_question_that_cannot_be_asked_again_is_wrong_usage(built: Things) -> None:
    inventory = built()
    good = json.loads(certified(inventory))
    changes: list[dict[str, Any]] = [{"window": 5}, {"asked_until": "soon"}, {"file_system": {}}]
    for change in changes:
        made = good | {"answer": good["answer"] | change}
        text = json.dumps(made | {"sha256": certifying.digest(made)}).encode()
        with pytest.raises(UsageError, match="no certificate"):
            inventory.answers.verify(text, END + HOUR)


def test_all_are_ranked_with_those_first_that_may_go(built: Things) -> None:
    other = file_system("fs-00000000000000002", name="bare", number_of_mount_targets=0)
    inventory = built(*USUAL, other)
    inventory.record(batch([seen(END - 9 * DAY)], key="mount.log"))
    answer = inventory.answers.check_all(Asked(until=END, length=30 * DAY))
    found = [(one["id"], one["verdict"]) for one in answer["file_systems"]]
    assert found == [("fs-00000000000000002", "QUIET"), (FS, "IN_USE")]
    assert answer["file_systems"][1]["reasons"] == ["MOUNTED_IN_WINDOW"]
