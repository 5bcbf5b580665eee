"""``check-delete``: of one file system, of all, and of a certificate."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from inventory.answers import certifying, costs
from inventory.answers.asking import Desk
from inventory.answers.case import Asked, Case
from inventory.answers.finding import one_file_system
from inventory.answers.labels import Labels
from inventory.answers.reaching import Checker
from inventory.answers.shapes import Json
from inventory.errors import InventoryError
from inventory.model import FileSystem, FileSystemSize, Version, epoch, iso
from inventory.store import sizes
from inventory.verdict.ranking import rank

if TYPE_CHECKING:
    from inventory.config import Settings


class Checked(NamedTuple):
    """An answer, and its certificate where one was asked for."""

    answer: Json
    certificate: Json | None


class Deletion:
    """Answers for any number of file systems from one reading of the database."""

    def __init__(self, desk: Desk, settings: Settings) -> None:
        self._desk = desk
        self._settings = settings
        self._checker = Checker(desk, settings.discover)
        self._labels = Labels(settings.clients)

    def check(
        self, version: Version[FileSystem], asked: Asked, *, certified: bool = False
    ) -> Checked:
        """The answer of ``check-delete`` for one file system. Raises ``UsageError`` for a window that holds no moment."""
        case = Case(self._desk, self._settings, self._checker, self._labels, version, asked)
        answer, reached = case.told()
        if not certified:
            return Checked(answer, None)
        made = certifying.certificate(
            self._desk, answer, case.window, case.as_of, reached.places, case.metric()
        )
        marks = {"sha256": made["sha256"], "valid_until": made["valid_until"]}
        return Checked({**answer, "certificate": marks}, made)


def check_delete(
    desk: Desk, settings: Settings, text: str, asked: Asked, *, certified: bool = False
) -> Checked:
    """The answer of ``check-delete FS``, with a certificate of it when asked for."""
    version = one_file_system(desk.knowledge.topology, text)
    return Deletion(desk, settings).check(version, asked, certified=certified)


def check_all(desk: Desk, settings: Settings, asked: Asked) -> Json:
    """The answer of ``check-delete --all``: every file system that is there, those first that may go, of them what costs most."""
    deletion = Deletion(desk, settings)
    there = [version for version in desk.file_systems if version.not_after is None]
    held = sizes.newest(desk.conn)
    ranked = []
    for version in there:
        size = held.get((version.account, version.region, version.value.file_system_id))
        answer = deletion.check(version, asked).answer
        ranked.append((_rank(answer, size), _line(answer, size)))
    return {
        "as_of": iso(desk.as_of()),
        "asked_until": ranked[0][1]["asked_until"] if ranked else iso(asked.until),
        "file_systems": [line for _, line in sorted(ranked, key=lambda each: each[0])],
    }


def _rank(answer: Json, size: FileSystemSize | None) -> tuple[int, float, int, str, str, str]:
    """By verdict; then the most expensive and the largest first, one of unknown size last; then what was used longest ago."""
    place = rank(answer["verdict"], {one["code"] for one in answer["reasons"]})
    system = answer["file_system"]
    last = (answer["last_seen"] or "", system["id"], f"{system['account']} {system['region']}")
    if size is None:
        return (place, 1.0, 0, *last)
    return (place, -costs.monthly(size), -size.total, *last)


def _line(answer: Json, size: FileSystemSize | None) -> Json:
    """One file system of ``check-delete --all``."""
    return {
        **answer["file_system"],
        "verdict": answer["verdict"],
        "last_seen": answer["last_seen"],
        "visible_since": answer["visible_since"],
        "window": answer["window"],
        "asked_until": answer["asked_until"],
        "quiet_from": answer["quiet_from"],
        "activity": answer["activity"],
        "clients": len(answer["clients"]),
        "reasons": sorted(
            {one["code"] for one in answer["reasons"] if one["severity"] == "blocking"}
        ),
        "size": None
        if size is None
        else {
            "bytes": size.total,
            "standard": size.standard,
            "infrequent_access": size.infrequent_access,
            "archive": size.archive,
            "one_zone": size.one_zone,
        },
        "monthly_cost_usd_about": None if size is None else costs.monthly(size),
    }


def verify(desk: Desk, settings: Settings, certificate: bytes, now: int) -> Json:
    """The answer of ``check-delete --verify``: whether a certificate may be acted on at ``now``.

    It must be unchanged, young and QUIET; and the same question, asked again, must still be: whatever came after it counts, too.
    Raises ``UsageError`` for what is no certificate.
    """
    found = certifying.read(certificate)
    problems = certifying.doubts(found, now)
    if not problems:
        problems = _again(desk, settings, found["answer"])
    return {
        "valid": not problems,
        "verdict": "QUIET" if not problems else "UNKNOWN",
        "problems": problems,
        "file_system": found["answer"]["file_system"],
        "certificate": {"sha256": found.get("sha256"), "valid_until": found.get("valid_until")},
    }


def _again(desk: Desk, settings: Settings, told: Json) -> list[str]:
    """What is different now; what was certified is trusted to be as this program wrote it, for its digest is right."""
    try:
        name = str(told["file_system"]["arn"] or told["file_system"]["id"])
        asked = Asked(
            since=_moment(told["window"]["since"]),
            until=_moment(told["asked_until"]),
            accept_blind=int(told["accepted_blind_seconds"]),
        )
    except (LookupError, TypeError, ValueError) as error:
        raise certifying.no_certificate() from error
    try:
        version = one_file_system(desk.knowledge.topology, name)
        answer = Deletion(desk, settings).check(version, asked).answer
    except InventoryError as error:
        return [error.told]
    if answer["verdict"] == "QUIET":
        return []
    return [f"it is {answer['verdict']} now"] + [
        one["message"] for one in answer["reasons"] if one["severity"] == "blocking"
    ]


def _moment(text: str) -> int:
    return epoch(datetime.fromisoformat(text))
