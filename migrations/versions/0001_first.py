"""The first schema: facts, knowledge, what is derived from them, and who may write.

Revision: 0001, after: nothing
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# SQLite numbers rows by itself only when the type is spelled INTEGER; texts sort by their bytes on both databases.
INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
FLAG = sa.SmallInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    _facts()
    _sweeps()
    _knowledge()
    _derived()
    _housekeeping()


def downgrade() -> None:
    for table in (
        "lock_epoch",
        "meta",
        "mount_hour",
        "client",
        "knowledge_run",
        "knowledge",
        "sweep_kind",
        "scope",
        "sweep_call",
        "sweep",
        "capture",
        "sighting",
        "batch",
        "source",
    ):
        op.drop_table(table)


def _facts() -> None:
    op.create_table(
        "source",
        sa.Column("id", INT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source")),
        sa.UniqueConstraint("name", name=op.f("uq_source_name")),
        sqlite_strict=True,
    )
    op.create_table(
        "batch",
        sa.Column("id", INT, nullable=False),
        sa.Column("source_id", INT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("version", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("problem", TEXT, nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("size", INT, nullable=False),
        sa.Column("flow_log_id", TEXT, nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("region", TEXT, nullable=False),
        sa.Column("slot_start", INT, nullable=True),
        sa.Column("slot_end", INT, nullable=True),
        sa.Column("first_record", INT, nullable=True),
        sa.Column("last_record", INT, nullable=True),
        sa.Column("span_start", INT, nullable=True),
        sa.Column("span_end", INT, nullable=True),
        sa.Column("format", TEXT, nullable=False),
        sa.Column("records", INT, nullable=False),
        sa.Column("tally", TEXT, nullable=False),
        sa.Column("bad", TEXT, nullable=False),
        sa.CheckConstraint(
            "state IN ('done', 'partial', 'failed', 'foreign', 'duplicate', 'gone')",
            name=op.f("ck_batch_state_1"),
        ),
        sa.CheckConstraint("slot_end >= slot_start", name=op.f("ck_batch_slot_1")),
        sa.CheckConstraint("span_end >= span_start", name=op.f("ck_batch_span_1")),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_batch_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch")),
        sa.UniqueConstraint("source_id", "key", name=op.f("uq_batch_source_id_key")),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_batch_source_id_digest"), "batch", ["source_id", "digest"], unique=False
    )
    op.create_index(op.f("ix_batch_span_end"), "batch", ["span_end"], unique=False)
    op.create_table(
        "sighting",
        sa.Column("batch_id", INT, nullable=False),
        sa.Column("ordinal", INT, nullable=False),
        sa.Column("hour", INT, nullable=False),
        sa.Column("server", TEXT, nullable=False),
        sa.Column("true_client", TEXT, nullable=False),
        sa.Column("interface_id", TEXT, nullable=False),
        sa.Column("vpc_id", TEXT, nullable=False),
        sa.Column("client", TEXT, nullable=False),
        sa.Column("action", TEXT, nullable=False),
        sa.Column("pkt_client", TEXT, nullable=False),
        sa.Column("instance_id", TEXT, nullable=False),
        sa.Column("task_arn", TEXT, nullable=False),
        sa.Column("next_hop", TEXT, nullable=False),
        sa.Column("az_id", TEXT, nullable=False),
        sa.Column("first_seen", INT, nullable=False),
        sa.Column("last_seen", INT, nullable=False),
        sa.Column("requests", INT, nullable=False),
        sa.Column("responses", INT, nullable=False),
        sa.Column("packets_in", INT, nullable=False),
        sa.Column("bytes_in", INT, nullable=False),
        sa.Column("packets_out", INT, nullable=False),
        sa.Column("bytes_out", INT, nullable=False),
        sa.Column("stray", FLAG, nullable=False),
        sa.CheckConstraint("last_seen >= first_seen", name=op.f("ck_sighting_seen_1")),
        sa.CheckConstraint("stray IN (0, 1)", name=op.f("ck_sighting_stray_1")),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_sighting_batch_id")),
        sa.PrimaryKeyConstraint("batch_id", "ordinal", name=op.f("pk_sighting")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_sighting_hour_server_true_client"),
        "sighting",
        ["hour", "server", "true_client"],
        unique=False,
    )
    op.create_index(
        "ix_sighting_strays",
        "sighting",
        ["server"],
        unique=False,
        sqlite_where=sa.text("stray = 1"),
        postgresql_where=sa.text("stray = 1"),
    )
    op.create_table(
        "capture",
        sa.Column("batch_id", INT, nullable=False),
        sa.Column("ordinal", INT, nullable=False),
        sa.Column("interface_id", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("start", INT, nullable=False),
        sa.Column("end", INT, nullable=False),
        sa.Column("longest", INT, nullable=False),
        sa.CheckConstraint("kind IN ('seen', 'skipped')", name=op.f("ck_capture_kind_1")),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_capture_batch_id")),
        sa.PrimaryKeyConstraint("batch_id", "ordinal", name=op.f("pk_capture")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_capture_interface_id_end",
        "capture",
        ["interface_id", "end", "start", "kind", "longest"],
        unique=False,
    )


def _sweeps() -> None:
    op.create_table(
        "sweep",
        sa.Column("id", INT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("region", TEXT, nullable=False),
        sa.Column("taken_at", INT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sweep")),
        sa.UniqueConstraint("name", "account", "region", name=op.f("uq_sweep_name_account_region")),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_sweep_account_region_taken_at"),
        "sweep",
        ["account", "region", "taken_at"],
        unique=False,
    )
    op.create_table(
        "sweep_call",
        sa.Column("sweep_id", INT, nullable=False),
        sa.Column("call", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("problem", TEXT, nullable=False),
        sa.CheckConstraint(
            "state IN ('whole', 'missing', 'broken')", name=op.f("ck_sweep_call_state_1")
        ),
        sa.ForeignKeyConstraint(["sweep_id"], ["sweep.id"], name=op.f("fk_sweep_call_sweep_id")),
        sa.PrimaryKeyConstraint("sweep_id", "call", name=op.f("pk_sweep_call")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "scope",
        sa.Column("id", INT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("region", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scope")),
        sa.UniqueConstraint("kind", "account", "region", name=op.f("uq_scope_kind_account_region")),
        sqlite_strict=True,
    )
    op.create_table(
        "sweep_kind",
        sa.Column("sweep_id", INT, nullable=False),
        sa.Column("scope_id", INT, nullable=False),
        sa.Column("taken_at", INT, nullable=False),
        sa.Column("whole", FLAG, nullable=False),
        sa.CheckConstraint("whole IN (0, 1)", name=op.f("ck_sweep_kind_whole_1")),
        sa.ForeignKeyConstraint(["scope_id"], ["scope.id"], name=op.f("fk_sweep_kind_scope_id")),
        sa.ForeignKeyConstraint(["sweep_id"], ["sweep.id"], name=op.f("fk_sweep_kind_sweep_id")),
        sa.PrimaryKeyConstraint("sweep_id", "scope_id", name=op.f("pk_sweep_kind")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_sweep_kind_scope_id_taken_at_whole"),
        "sweep_kind",
        ["scope_id", "taken_at", "whole"],
        unique=False,
    )


def _knowledge() -> None:
    op.create_table(
        "knowledge",
        sa.Column("id", INT, nullable=False),
        sa.Column("scope_id", INT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("body", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["scope_id"], ["scope.id"], name=op.f("fk_knowledge_scope_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_knowledge")),
        sa.UniqueConstraint(
            "scope_id", "key", "digest", name=op.f("uq_knowledge_scope_id_key_digest")
        ),
        sqlite_strict=True,
    )
    op.create_table(
        "knowledge_run",
        sa.Column("knowledge_id", INT, nullable=False),
        sa.Column("first_seen", INT, nullable=False),
        sa.Column("last_seen", INT, nullable=False),
        sa.Column("scope_id", INT, nullable=False),
        sa.CheckConstraint("last_seen >= first_seen", name=op.f("ck_knowledge_run_seen_1")),
        sa.ForeignKeyConstraint(
            ["knowledge_id"], ["knowledge.id"], name=op.f("fk_knowledge_run_knowledge_id")
        ),
        sa.ForeignKeyConstraint(["scope_id"], ["scope.id"], name=op.f("fk_knowledge_run_scope_id")),
        sa.PrimaryKeyConstraint("knowledge_id", "first_seen", name=op.f("pk_knowledge_run")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_knowledge_run_scope_id_last_seen"),
        "knowledge_run",
        ["scope_id", "last_seen"],
        unique=False,
    )


def _derived() -> None:
    op.create_table(
        "client",
        sa.Column("id", INT, nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("body", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_client")),
        sa.UniqueConstraint("digest", name=op.f("uq_client_digest")),
        sqlite_strict=True,
    )
    op.create_table(
        "mount_hour",
        sa.Column("account", TEXT, nullable=False),
        sa.Column("region", TEXT, nullable=False),
        sa.Column("file_system_id", TEXT, nullable=False),
        sa.Column("hour", INT, nullable=False),
        sa.Column("client", TEXT, nullable=False),
        sa.Column("server", TEXT, nullable=False),
        sa.Column("ordinal", INT, nullable=False),
        sa.Column("mount_target_id", TEXT, nullable=False),
        sa.Column("file_system_ids", TEXT, nullable=False),
        sa.Column("possible", FLAG, nullable=False),
        sa.Column("client_id", INT, nullable=False),
        sa.Column("first_seen", INT, nullable=False),
        sa.Column("last_seen", INT, nullable=False),
        sa.Column("requests_ok", INT, nullable=False),
        sa.Column("responses_ok", INT, nullable=False),
        sa.Column("rejected", INT, nullable=False),
        sa.Column("packets_in", INT, nullable=False),
        sa.Column("bytes_in", INT, nullable=False),
        sa.Column("packets_out", INT, nullable=False),
        sa.Column("bytes_out", INT, nullable=False),
        sa.Column("at_mount_target", FLAG, nullable=False),
        sa.Column("accepted", FLAG, nullable=False),
        sa.Column("last_busy", INT, nullable=True),
        sa.Column("batch_id", INT, nullable=False),
        sa.CheckConstraint("accepted IN (0, 1)", name=op.f("ck_mount_hour_accepted_1")),
        sa.CheckConstraint(
            "at_mount_target IN (0, 1)", name=op.f("ck_mount_hour_at_mount_target_1")
        ),
        sa.CheckConstraint("last_seen >= first_seen", name=op.f("ck_mount_hour_seen_1")),
        sa.CheckConstraint("possible IN (0, 1)", name=op.f("ck_mount_hour_possible_1")),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name=op.f("fk_mount_hour_client_id")),
        sa.PrimaryKeyConstraint(
            "account",
            "region",
            "file_system_id",
            "hour",
            "client",
            "server",
            "ordinal",
            name=op.f("pk_mount_hour"),
        ),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_mount_hour_client_id_hour"), "mount_hour", ["client_id", "hour"], unique=False
    )
    op.create_index(
        op.f("ix_mount_hour_hour_server_client"),
        "mount_hour",
        ["hour", "server", "client"],
        unique=False,
    )


def _housekeeping() -> None:
    op.create_table(
        "meta",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("value", INT, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_meta")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "lock_epoch",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("epoch", INT, nullable=False),
        sa.Column("holder", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lock_epoch")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
