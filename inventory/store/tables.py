"""Every table of the inventory: facts, knowledge, what is derived from them, and who may write.

Only types that both databases keep exactly: 64-bit integers (all times are epoch seconds in UTC), and text in the byte order of
UTF-8, so that an ``ORDER BY`` gives the same file on SQLite and PostgreSQL. On SQLite every table is ``STRICT``. Constraints are
named, and the names of CHECKs carry a version: the comparison of schemas sees a CHECK by its name only, so a changed rule needs a
new name.

``migrations/versions`` say the same once more; a test compares the two.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

METADATA = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

# SQLite numbers rows by itself only when the type is spelled INTEGER, and STRICT tables know no other name for it.
INT = BigInteger().with_variant(Integer(), "sqlite")
FLAG = SmallInteger().with_variant(Integer(), "sqlite")
TEXT = Text().with_variant(Text(collation="C"), "postgresql")


def _text(name: str) -> Column[Any]:
    """A text that is never null: what is not known is ``""``."""
    return Column(name, TEXT, nullable=False)


def _int(name: str, *, nullable: bool = False) -> Column[Any]:
    return Column(name, INT, nullable=nullable)


def _flag(name: str) -> tuple[Column[Any], CheckConstraint]:
    return Column(name, FLAG, nullable=False), CheckConstraint(
        f"{name} IN (0, 1)", name=f"{name}_1"
    )


def _id() -> Column[Any]:
    return Column("id", INT, primary_key=True)


def _ref(name: str, target: str) -> Column[Any]:
    return Column(name, INT, ForeignKey(f"{target}.id"), nullable=False)


def _index(name: str, *columns: str, where: str) -> Index:
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


# -- facts -------------------------------------------------------------------------------------------------------------------------------

SOURCE = Table(
    "source",
    METADATA,
    _id(),
    _text("name"),
    _text("kind"),
    UniqueConstraint("name"),
    sqlite_strict=True,
)

SETTLED = Table(
    "settled",
    METADATA,
    # Up to when nothing more is to be expected of a source; one without a row is settled up to its newest record.
    _ref("source_id", "source"),
    _int("until"),
    PrimaryKeyConstraint("source_id"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

LOOKED = Table(
    "looked",
    METADATA,
    # When a part of a source (a day's folder) was last listed.
    _ref("source_id", "source"),
    _text("part"),
    _int("at"),
    PrimaryKeyConstraint("source_id", "part"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

SCANNED = Table(
    "scanned",
    METADATA,
    # Bytes that a source had AWS scan on one day (UTC).
    _ref("source_id", "source"),
    _int("day"),
    _int("bytes"),
    PrimaryKeyConstraint("source_id", "day"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

# Of batches. Questions say it in these very words, or no database would see that a partial index serves them.
UNREAD = "state IN ('failed', 'partial', 'gone')"
DELIVERED = "records > 0 AND state = 'done'"
SHOWN = "records > 0 AND state IN ('done', 'partial')"
_TIMES = ("slot_start", "first_record", "last_record", "slot_end", "span_end")

BATCH = Table(
    "batch",
    METADATA,
    _id(),
    _ref("source_id", "source"),
    _text("key"),
    _text("version"),
    _text("state"),
    _text("problem"),
    _text("digest"),
    _int("size"),
    _text("flow_log_id"),
    _text("account"),
    _text("region"),
    _int("slot_start", nullable=True),
    _int("slot_end", nullable=True),
    _int("first_record", nullable=True),
    _int("last_record", nullable=True),
    # What a question about a stretch of time must look at: slot and records together; null when nobody can tell.
    _int("span_start", nullable=True),
    _int("span_end", nullable=True),
    _text("format"),
    _int("records"),
    _text("tally"),
    _text("bad"),
    UniqueConstraint("source_id", "key"),
    CheckConstraint(
        "state IN ('done', 'partial', 'failed', 'foreign', 'duplicate', 'gone')", name="state_1"
    ),
    CheckConstraint("slot_end >= slot_start", name="slot_1"),
    CheckConstraint("span_end >= span_start", name="span_1"),
    Index(None, "source_id", "digest"),
    Index(None, "span_end"),
    _index("ix_batch_unread", "state", where=UNREAD),
    _index("ix_batch_delivered", "flow_log_id", "source_id", *_TIMES, where=DELIVERED),
    _index("ix_batch_oldest", "source_id", "first_record", "slot_start", where=SHOWN),
    _index("ix_batch_newest", "source_id", "last_record", "slot_start", where=SHOWN),
    sqlite_strict=True,
)

SIGHTING = Table(
    "sighting",
    METADATA,
    # Clustered by batch: a batch arrives and goes as a whole, and new ones are appended.
    _ref("batch_id", "batch"),
    _int("ordinal"),
    _int("hour"),
    _text("server"),
    _text("true_client"),
    _text("interface_id"),
    _text("vpc_id"),
    _text("client"),
    _text("action"),
    _text("pkt_client"),
    _text("instance_id"),
    _text("task_arn"),
    _text("next_hop"),
    _text("az_id"),
    _int("first_seen"),
    _int("last_seen"),
    _int("requests"),
    _int("responses"),
    _int("packets_in"),
    _int("bytes_in"),
    _int("packets_out"),
    _int("bytes_out"),
    *_flag("stray"),
    PrimaryKeyConstraint("batch_id", "ordinal"),
    CheckConstraint("last_seen >= first_seen", name="seen_1"),
    # The unit of derivation, and with the hour first also "everything of that time".
    Index(None, "hour", "server", "true_client"),
    _index("ix_sighting_strays", "server", where="stray = 1"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

CAPTURE = Table(
    "capture",
    METADATA,
    _ref("batch_id", "batch"),
    _int("ordinal"),
    _text("interface_id"),
    _text("kind"),
    _int("start"),
    _int("end"),
    _int("longest"),
    PrimaryKeyConstraint("batch_id", "ordinal"),
    CheckConstraint("kind IN ('seen', 'skipped')", name="kind_1"),
    # Answers coverage alone, without a visit to the table.
    Index("ix_capture_interface_id_end", "interface_id", "end", "start", "kind", "longest"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

JOINED = Table(
    "joined",
    METADATA,
    # Batches whose facts were joined with those of others: they cannot be taken back any more, so a later version is kept out.
    _ref("batch_id", "batch"),
    PrimaryKeyConstraint("batch_id"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

# -- knowledge ---------------------------------------------------------------------------------------------------------------------------

SWEEP = Table(
    "sweep",
    METADATA,
    _id(),
    _text("name"),
    _text("account"),
    _text("region"),
    _int("taken_at"),
    UniqueConstraint("name", "account", "region"),
    Index(None, "account", "region", "taken_at"),
    sqlite_strict=True,
)

SWEEP_CALL = Table(
    "sweep_call",
    METADATA,
    _ref("sweep_id", "sweep"),
    _text("call"),
    _text("state"),
    _text("problem"),
    PrimaryKeyConstraint("sweep_id", "call"),
    CheckConstraint("state IN ('whole', 'missing', 'broken')", name="state_1"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

SCOPE = Table(
    "scope",
    METADATA,
    # What sweeps are compared within: absence from one account's sweep says nothing of another's.
    _id(),
    _text("kind"),
    _text("account"),
    _text("region"),
    UniqueConstraint("kind", "account", "region"),
    sqlite_strict=True,
)

SWEEP_KIND = Table(
    "sweep_kind",
    METADATA,
    # A row: this sweep spoke of the kind at all. Only ``whole`` ones prove absence.
    _ref("sweep_id", "sweep"),
    _ref("scope_id", "scope"),
    _int("taken_at"),
    *_flag("whole"),
    PrimaryKeyConstraint("sweep_id", "scope_id"),
    # Which sweeps stand before and after a moment, without a visit to the table.
    Index(None, "scope_id", "taken_at", "whole"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

KNOWLEDGE = Table(
    "knowledge",
    METADATA,
    _id(),
    _ref("scope_id", "scope"),
    _text("key"),
    _text("digest"),
    _text("body"),
    UniqueConstraint("scope_id", "key", "digest"),
    sqlite_strict=True,
)

KNOWLEDGE_RUN = Table(
    "knowledge_run",
    METADATA,
    # Seen at every sweep that spoke of the kind from the first to the last. Apart from the value,
    # because the end moves with each sweep.
    _ref("knowledge_id", "knowledge"),
    _int("first_seen"),
    _int("last_seen"),
    _ref("scope_id", "scope"),
    PrimaryKeyConstraint("knowledge_id", "first_seen"),
    CheckConstraint("last_seen >= first_seen", name="seen_1"),
    # What is open at the end of time, where the next sweep goes on.
    Index(None, "scope_id", "last_seen"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

# -- derived -----------------------------------------------------------------------------------------------------------------------------

CLIENT = Table(
    "client",
    METADATA,
    _id(),
    _text("digest"),
    _text("body"),
    UniqueConstraint("digest"),
    sqlite_strict=True,
)

MOUNT_HOUR = Table(
    "mount_hour",
    METADATA,
    # Clustered by the question "who, on this file system, then?". Several candidate file systems: one row for each, with ``possible``.
    _text("account"),
    _text("region"),
    _text("file_system_id"),
    _int("hour"),
    _text("client"),
    _text("server"),
    _int("ordinal"),
    _text("mount_target_id"),
    _text("file_system_ids"),
    *_flag("possible"),
    _ref("client_id", "client"),
    _int("first_seen"),
    _int("last_seen"),
    _int("requests_ok"),
    _int("responses_ok"),
    _int("rejected"),
    _int("packets_in"),
    _int("bytes_in"),
    _int("packets_out"),
    _int("bytes_out"),
    *_flag("at_mount_target"),
    *_flag("accepted"),
    _int("last_busy", nullable=True),
    # Evidence may outlive the ledger's row, so it is no foreign key.
    _int("batch_id"),
    PrimaryKeyConstraint(
        "account", "region", "file_system_id", "hour", "client", "server", "ordinal"
    ),
    CheckConstraint("last_seen >= first_seen", name="seen_1"),
    Index(None, "hour", "server", "client"),
    Index(None, "client_id", "hour"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

# -- housekeeping ------------------------------------------------------------------------------------------------------------------------

META = Table(
    "meta",
    METADATA,
    _text("name"),
    _int("value"),
    PrimaryKeyConstraint("name"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

LOCK_EPOCH = Table(
    "lock_epoch",
    METADATA,
    _text("name"),
    _int("epoch"),
    _text("holder"),
    PrimaryKeyConstraint("name"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

DUTY = Table(
    "duty",
    METADATA,
    # What the daemon does again and again: when it was last tried, by whom, when it was last done, and why not since.
    _text("name"),
    _int("tried_at"),
    _int("done_at", nullable=True),
    _int("failures"),
    _text("problem"),
    _text("worker"),
    PrimaryKeyConstraint("name"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

# -- what was asked of AWS ---------------------------------------------------------------------------------------------------------------

CALL_USE = Table(
    "call_use",
    METADATA,
    # Requests sent on one day (UTC), every attempt counted, by account, region and call.
    _int("day"),
    _text("account"),
    _text("region"),
    _text("call"),
    _int("calls"),
    _int("throttled"),
    PrimaryKeyConstraint("day", "account", "region", "call"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

ASKED = Table(
    "asked",
    METADATA,
    # What a history (CloudTrail) was asked about one subject and one stretch of time: a miss is remembered too.
    _text("history"),
    _text("account"),
    _text("region"),
    _text("subject"),
    _int("start"),
    _int("end"),
    _int("asked_at"),
    _int("found"),
    PrimaryKeyConstraint("history", "account", "region", "subject", "start"),
    CheckConstraint('"end" >= start', name="span_1"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

METRIC_RUN = Table(
    "metric_run",
    METADATA,
    # What CloudWatch told of a file system: stretches of periods that were answered alike. What is not here was not answered.
    _text("account"),
    _text("region"),
    _text("file_system_id"),
    _text("metric"),
    _text("meaning"),
    _int("period"),
    _int("start"),
    _int("end"),
    _int("largest"),
    PrimaryKeyConstraint(
        "account", "region", "file_system_id", "metric", "meaning", "period", "start"
    ),
    CheckConstraint("meaning IN ('asked', 'zero', 'above')", name="meaning_1"),
    CheckConstraint('"end" > start', name="span_1"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

# -- what was exported -------------------------------------------------------------------------------------------------------------------

FEED = Table(
    "feed",
    METADATA,
    # The export as it was when it was last compared with what is derived: one row for each key that there ever was.
    _text("key"),
    _text("record_type"),
    # The key of the file system that it comes with; of clients "".
    _text("file_system"),
    # What it counts as for events: a client's mount, a rejection.
    _text("standing"),
    *_flag("gone"),
    # Grows with each change of any row; of this row, the newest.
    _int("sequence"),
    _text("digest"),
    _text("body"),
    PrimaryKeyConstraint("key"),
    CheckConstraint("record_type IN ('file_system', 'client', 'mount')", name="record_type_1"),
    Index("ix_feed_file_system", "file_system", "gone"),
    Index("ix_feed_sequence", "record_type", "gone", "sequence"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

FEED_EVENT = Table(
    "feed_event",
    METADATA,
    # Numbered with the changes of the feed.
    _int("sequence"),
    _text("event"),
    _text("body"),
    PrimaryKeyConstraint("sequence"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
