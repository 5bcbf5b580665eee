"""``setup guard``: a policy that denies everybody but the named roles, evaluated as IAM does it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from click.testing import CliRunner, Result

from inventory.cli import cli
from inventory.errors import UsageError
from inventory.setup.guard import CUTTING_OFF, DELETING, LONGEST, policy

REMOVER = "arn:aws:iam::111122223333:role/efs-remover"
ANYWHERE = "arn:aws:iam::*:role/platform/efs-remover"


def like(pattern: str, arn: str) -> bool:
    """``ArnLike``: each of the six parts by itself, ``*`` and ``?`` inside of them."""
    parts, given = pattern.split(":", 5), arn.split(":", 5)
    return all(
        re.fullmatch("".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in part), text)
        for part, text in zip(parts, given, strict=True)
    )


def denied(document: str, action: str, principal: str) -> bool:
    """Whether any statement of a policy denies an action to a principal."""
    read: dict[str, Any] = json.loads(document)
    assert read["Version"] == "2012-10-17"
    return any(
        statement["Effect"] == "Deny"
        and action in statement["Action"]
        and statement["Resource"] == "*"
        and _holds(statement.get("Condition", {}), principal)
        for statement in read["Statement"]
    )


def _holds(condition: dict[str, Any], principal: str) -> bool:
    assert set(condition) <= {"ArnNotLike"}
    patterns = condition.get("ArnNotLike", {}).get("aws:PrincipalArn", [])
    return not any(like(pattern, principal) for pattern in patterns)


@pytest.mark.parametrize("action", DELETING)
def test_only_the_named_role_deletes(action: str) -> None:
    made = policy([REMOVER])
    assert not denied(made, action, REMOVER)
    for other in (
        "arn:aws:iam::111122223333:role/admin",
        "arn:aws:iam::111122223333:role/efs-remover-2",
        "arn:aws:iam::111122223333:role/x/efs-remover",
        "arn:aws:iam::444455556666:role/efs-remover",
        "arn:aws:iam::111122223333:user/efs-remover",
        "arn:aws:iam::111122223333:root",
    ):
        assert denied(made, action, other)


def test_several_roles_and_one_in_every_account() -> None:
    made = policy([REMOVER, ANYWHERE, REMOVER])
    for allowed in (REMOVER, "arn:aws:iam::444455556666:role/platform/efs-remover"):
        assert not denied(made, DELETING[0], allowed)
    assert denied(made, DELETING[0], "arn:aws:iam::444455556666:role/efs-remover")
    assert made.count(REMOVER) == 1


def test_without_a_role_nobody_deletes() -> None:
    assert denied(policy([]), DELETING[1], REMOVER)


@pytest.mark.parametrize("action", CUTTING_OFF)
def test_what_cuts_off_is_denied_when_asked_for(action: str) -> None:
    other = "arn:aws:iam::111122223333:role/admin"
    assert not denied(policy([REMOVER]), action, other)
    assert denied(policy([REMOVER], strict=True), action, other)
    assert not denied(policy([REMOVER], strict=True), action, REMOVER)


def test_reading_is_denied_to_nobody() -> None:
    action = "elasticfilesystem:DescribeFileSystems"
    assert not denied(policy([], strict=True), action, REMOVER)


@pytest.mark.parametrize("strict", [False, True])
def test_it_is_as_long_as_aws_takes_or_refused(strict: bool) -> None:
    roles = [f"arn:aws:iam::{n:012}:role/efs-remover" for n in range(200)]
    lengths = [len(policy(roles[:number], strict=strict)) for number in range(100)]
    assert max(lengths) <= LONGEST
    assert lengths != sorted(lengths), "blanks are left out before it is refused"
    with pytest.raises(UsageError, match="longer than") as caught:
        policy(roles, strict=strict)
    assert "one name in every account" in caught.value.hint


@pytest.mark.parametrize(
    "arn",
    [
        "",
        "efs-remover",
        "arn:aws:iam::1111:role/efs-remover",
        "arn:aws:iam::111122223333:user/somebody",
        "arn:aws:iam::111122223333:root",
        "arn:aws:iam::111122223333:role/",
        "arn:aws:s3:::bucket",
        "arn:aws:iam::*:role/*",
        "arn:aws:iam::*:role/a*",
        "arn:aws:iam::111122223333:role/*",
        "*",
        'arn:aws:iam::111122223333:role/a"b',
        "arn:aws:iam::111122223333:role/efs-remover\n",
        "arn:aws:iam::111122223333:role/efs remover",
    ],
)
def test_what_is_no_role_is_wrong_usage(arn: str) -> None:
    with pytest.raises(UsageError, match="--role"):
        policy([arn])
    assert asked("--role", arn).exit_code == 2


def test_a_session_is_told_its_role() -> None:
    with pytest.raises(UsageError) as caught:
        policy(["arn:aws:sts::111122223333:assumed-role/efs-remover/somebody"])
    assert caught.value.hint == f"name the role: {REMOVER}"


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws-cn:iam::111122223333:role/efs-remover",
        "arn:aws-us-gov:iam::111122223333:role/a/b/efs_remover@x",
        "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/*/AWSReservedSSO_Remover_*",
    ],
)
def test_other_partitions_paths_and_generated_names_are_roles(arn: str) -> None:
    assert arn in policy([arn])


def asked(*options: str) -> Result:
    return CliRunner().invoke(cli, ["setup", "guard", *options])


def test_the_policy_is_all_of_standard_output() -> None:
    """So that it can be written into a file."""
    done = asked("--role", REMOVER)
    assert done.exit_code == 0
    assert denied(done.stdout, DELETING[0], "arn:aws:iam::111122223333:role/admin")
    assert "attach-policy" in done.stderr
    assert "management account" in done.stderr
    assert "denies everybody" not in done.stderr


def test_that_nobody_may_delete_is_said() -> None:
    assert "denies everybody" in asked().stderr
    quiet = CliRunner().invoke(cli, ["-q", "setup", "guard"])
    assert quiet.stderr == ""
