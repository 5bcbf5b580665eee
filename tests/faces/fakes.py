"""Answers as dictionaries, and a face that gives them without a database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from click.testing import CliRunner, Result

from inventory.answers import Checked
from inventory.cli import cli
from inventory.cli.face import Face
from inventory.config import Settings
from inventory.errors import InventoryError, NotFoundError

AS_OF = "2026-11-09T11:59:50Z"
NOW = 1_794_225_600
"""Monday, 9 November 2026, 12:00 UTC."""


def client(**changes: object) -> dict[str, Any]:
    base: dict[str, Any] = {
        "kind": "ec2_instance",
        "id": "i-0aaa",
        "arn": "arn:aws:ec2:eu-central-1:111122223333:instance/i-0aaa",
        "name": "web-1",
        "account": "111122223333",
        "region": "eu-central-1",
        "tags": {"team": "shop"},
        "workload": {"kind": "autoscaling_group", "id": "web-fleet", "arn": None},
        "contact": "shop",
    }
    return base | changes


def mount(**changes: object) -> dict[str, Any]:
    base: dict[str, Any] = {
        "client": client(),
        "candidates": [],
        "confidence": "exact",
        "method": "interface",
        "interfaces": ["eni-0aaa"],
        "addresses": ["10.20.1.11"],
        "mount_targets": ["fsmt-0aaa"],
        "access_points": [],
        "principals": [],
        "plain_nfs": None,
        "first_seen": "2026-11-02T12:00:00Z",
        "last_seen": "2026-11-09T11:54:50Z",
        "state": "active",
        "intervals": [],
        "flows": 1234,
        "packets": 99,
        "bytes": 1_234_567,
        "rejected_flows": 0,
        "evidence": {"source": "logs", "type": "files", "batch": "2026/11/02/12.log.gz"},
        "used_by": None,
    }
    return base | changes


def used_by(
    name: str = "web", pods: int = 1, claim: str | None = "media", kind: str = "Deployment"
) -> dict[str, Any]:
    return {
        "cluster": "prod",
        "namespace": "shop",
        "controller": {"kind": kind, "name": name},
        "claim": claim,
        "pods": pods,
        "confidence": "inferred",
    }


def gap(
    start: str, end: str, reason: str = "skipdata", bridged_by: str | None = None
) -> dict[str, Any]:
    return {"start": start, "end": end, "reason": reason, "bridged_by": bridged_by}


def coverage(*gaps: dict[str, Any], blind_seconds: int = 0, ratio: float = 1.0) -> dict[str, Any]:
    return {
        "complete": not gaps,
        "ratio": ratio,
        "bridged_ratio": 0.0,
        "blind_seconds": blind_seconds,
        "visible_since": "2026-11-02T00:00:00Z",
        "gaps": list(gaps),
    }


BLIND = coverage(
    gap("2026-11-03T14:20:00Z", "2026-11-03T14:34:00Z"), blind_seconds=840, ratio=0.9986
)


def file_system(**changes: object) -> dict[str, Any]:
    base: dict[str, Any] = {
        "id": "fs-0123",
        "arn": "arn:aws:elasticfilesystem:eu-central-1:111122223333:file-system/fs-0123",
        "name": "shop-media",
        "account": "111122223333",
        "region": "eu-central-1",
        "deleted_at": None,
    }
    return base | changes


def who_answer(*mounts: dict[str, Any], **changes: object) -> dict[str, Any]:
    base: dict[str, Any] = {
        "file_system": file_system(),
        "window": {"since": "2026-11-02T11:59:50Z", "until": "2026-11-09T11:59:50Z"},
        "as_of": AS_OF,
        "coverage": coverage(),
        "mounts": list(mounts),
        "possible": [],
    }
    return base | changes


def listed(**changes: object) -> dict[str, Any]:
    return (
        file_system()
        | {
            "clients_now": 3,
            "last_seen": "2026-11-09T11:54:50Z",
            "idle_since": None,
            "activity": None,
            "coverage_ratio": 1.0,
        }
        | changes
    )


def status_answer(**changes: object) -> dict[str, Any]:
    base: dict[str, Any] = {
        "as_of": AS_OF,
        "problems": [],
        "sources": [
            {
                "name": "logs",
                "type": "files",
                "as_of": AS_OF,
                "visible_since": "2026-11-02T00:00:00Z",
                "batches": {"done": 180},
                "records": 300,
                "tally": {"request": 200, "response": 100},
                "unread": [],
                "unread_count": 0,
                "foreign": [],
                "malformed": [],
                "formats": [],
                "fields": [],
            }
        ],
        "kept_since": {"facts": None, "mounts": None, "knowledge": None},
        "coverage": {
            "window_seconds": 604_800,
            "file_systems": 1,
            "complete": 1,
            "ratio": 1.0,
            "blind": [],
        },
        "sweeps": [
            {
                "account": "111122223333",
                "region": "eu-central-1",
                "sweeps": 60,
                "first": "2026-11-02T00:00:00Z",
                "last": "2026-11-09T09:00:00Z",
                "calls": [
                    {
                        "call": "efs.describe-file-systems",
                        "state": "whole",
                        "problem": None,
                        "asked_at": "2026-11-09T09:00:00Z",
                        "whole_at": "2026-11-09T09:00:00Z",
                    }
                ],
            }
        ],
        "unresolved_clients": {"count": 0, "by_confidence": {}, "examples": []},
        "other_servers": [],
        "strays": [],
        "unknown_places": [],
        "calls_used": {
            "day": None,
            "limit": 50_000,
            "total": 0,
            "throttled": 0,
            "by_call": {},
        },
        "duties": [],
    }
    return base | changes


def reason(code: str = "MOUNTED_NOW", **changes: object) -> dict[str, Any]:
    base: dict[str, Any] = {
        "code": code,
        "class": "IN_USE",
        "severity": "blocking",
        "message": "ec2 instance i-0aaa has it mounted, last seen 2026-11-09T11:54:50Z",
        "evidence": {"client": "ec2 instance i-0aaa"},
    }
    return base | changes


def verdict_answer(verdict: str = "IN_USE", **changes: object) -> dict[str, Any]:
    base: dict[str, Any] = {
        "file_system": file_system(),
        "window": {"since": "2026-08-01T11:59:50Z", "until": AS_OF},
        "asked_until": "2026-11-09T12:00:00Z",
        "as_of": AS_OF,
        "verdict": verdict,
        "last_seen": "2026-11-09T11:54:50Z",
        "visible_since": "2026-08-01T11:59:50Z",
        "coverage": coverage(),
        "reasons": [reason()],
        "references": [
            {
                "kind": "lambda_function",
                "id": "writer",
                "arn": "arn:aws:lambda:eu-central-1:111122223333:function:writer",
                "account": "111122223333",
                "region": "eu-central-1",
                "standing": "live",
                "why": "$LATEST mounts it",
                "access_points": ["fsap-1"],
                "first_shown": "2026-08-01T12:00:00Z",
                "last_shown": AS_OF,
                "seen": False,
            }
        ],
        "activity": None,
        "longest_silence_days": 12.5,
        "certificate": {"sha256": None, "valid_until": None},
        "quiet_from": None,
        "accepted_blind_seconds": 0,
        "labels": {"probes": ["10.9.0.0/24"], "maintenance": []},
        "mount_targets": [
            {
                "id": "fsmt-0aaa",
                "network_interface": "eni-0mt",
                "addresses": ["10.20.9.10"],
                "vpc": "vpc-1",
                "subnet": "subnet-1",
                "availability_zone_id": "euc1-az1",
                "state": "available",
                "deleted_at": None,
                "coverage_ratio": 1.0,
                "blind_seconds": 0,
                "visible_since": "2026-08-01T11:59:50Z",
            }
        ],
        "clients": [
            mount() | {"referenced": False, "consequence": "a hard mount on i-0aaa will hang"}
        ],
        "checks": [],
        "order": [{"step": 1, "what": "unmount it at every client", "which": ["i-0aaa"]}],
        "not_seen": ["what anybody expects to find again in the data"],
    }
    return base | changes


def plan_answer(stage: str = "begin", verdict: str = "IN_USE", **changes: object) -> dict[str, Any]:
    base: dict[str, Any] = {
        "file_system": file_system(),
        "as_of": AS_OF,
        "asked_until": "2026-11-09T12:00:00Z",
        "verdict": verdict,
        "last_seen": "2026-11-09T11:54:50Z",
        "reasons": [reason()],
        "stage": stage,
        "refused": [],
        "hangs": [
            {name: mount()[name] for name in ("client", "candidates", "state", "last_seen")}
            | {"consequence": "a hard mount on i-0aaa will hang"}
        ],
        "mount_targets": [
            {
                "id": "fsmt-0aaa",
                "network_interface": "eni-0mt",
                "addresses": ["10.20.9.10"],
                "subnet": "subnet-1",
                "open": True,
                "unknown": [],
                "open_until": AS_OF,
                "closed_by": None,
                "groups": [{"id": "sg-1", "name": "nfs", "looked_at": AS_OF}],
                "rules": [
                    {
                        "id": "sgr-1",
                        "group": "sg-1",
                        "protocol": "tcp",
                        "from_port": 2049,
                        "to_port": 2049,
                        "source": "10.0.0.0/16",
                        "description": "the shop",
                        "nfs_only": True,
                    }
                ],
                "shared_with": [],
                "heard_by": ["fl-1"],
            }
        ],
        "way": "rules",
        "why_this_way": "its security groups are its own",
        "take_away": ["aws ec2 revoke-security-group-ingress --group-id sg-1"],
        "put_back": ["aws ec2 authorize-security-group-ingress --group-id sg-1"],
        "listen": {
            "days": 25,
            "longest_silence_days": 12.4,
            "closed_by": None,
            "go_on_from": "2026-12-04T12:00:00Z",
            "deaf": [],
        },
        "screams": [],
        "order": [{"step": 1, "what": "unmount it at every client", "which": ["i-0aaa"]}],
        "notes": ["connections that are open go on"],
    }
    return base | changes


class FakeAnswers:
    """Answers given beforehand; remembers what was asked."""

    def __init__(self, **given: Any) -> None:
        self.given = given
        self.asked: list[tuple[Any, ...]] = []

    gone_after = 86_400

    def as_of(self) -> str | None:
        found: str | None = self.given.get("as_of", AS_OF)
        return found

    def _give(self, name: str) -> dict[str, Any]:
        answer: dict[str, Any] | InventoryError = self.given[name]
        if isinstance(answer, InventoryError):
            raise answer
        return answer

    def list(self) -> dict[str, Any]:
        return self._give("list")

    def who(
        self,
        file_system: str,
        since: int | None = None,
        until: int | None = None,
        by: str = "client",
    ) -> dict[str, Any]:
        self.asked.append((file_system, since, until, by))
        answer = self._give("who")
        if "file_system" not in answer:
            if file_system not in answer:
                raise NotFoundError(f"no {file_system}")
            found: dict[str, Any] = answer[file_system]
            return found
        return answer

    def everything(self) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """As the answers do: by account, region and id."""
        entries = self.list()["file_systems"]
        for entry in sorted(entries, key=lambda one: (one["account"], one["region"], one["id"])):
            yield entry, self.who(entry["arn"] or entry["id"], 0, None)

    def mounts(
        self, client: str, since: int | None = None, until: int | None = None
    ) -> dict[str, Any]:
        self.asked.append((client, since, until))
        return self._give("mounts")

    def check_delete(self, file_system: str, asked: object, *, certified: bool = False) -> Checked:
        self.asked.append((file_system, asked))
        made = {"sha256": "5ha", "answer": {}} if certified else None
        return Checked(self._give("check_delete"), made)

    def check_all(self, asked: object) -> dict[str, Any]:
        self.asked.append(("--all", asked))
        return self._give("check_all")

    def plan(self, file_system: str, asked: object) -> dict[str, Any]:
        self.asked.append((file_system, asked))
        return self._give("plan")

    def verify(self, certificate: bytes, now: int) -> dict[str, Any]:
        self.asked.append((certificate, now))
        return self._give("verify")

    def status(self) -> dict[str, Any]:
        return self._give("status")


class FakeFace(Face):
    def __init__(self, answers: FakeAnswers, settings: Settings | None = None) -> None:
        super().__init__(clock=lambda: NOW)
        self._answers = answers
        self.settings = settings or Settings()

    @contextmanager
    def answers(self) -> Iterator[Any]:
        yield self._answers


def ask(arguments: Sequence[str], **given: Any) -> Result:
    """Run one command line over answers given beforehand."""
    return asked(arguments, FakeAnswers(**given))


def asked(
    arguments: Sequence[str], answers: FakeAnswers, settings: Settings | None = None
) -> Result:
    face = FakeFace(answers, settings)
    return CliRunner().invoke(cli, list(arguments), obj=face, catch_exceptions=False)
