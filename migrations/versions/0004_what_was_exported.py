"""The export as it was last compared, and the events that came of it.

Revision: 0004, after: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
FLAG = sa.SmallInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "feed",
        sa.Column("key", TEXT, nullable=False),
        sa.Column("record_type", TEXT, nullable=False),
        sa.Column("file_system", TEXT, nullable=False),
        sa.Column("standing", TEXT, nullable=False),
        sa.Column("gone", FLAG, nullable=False),
        sa.Column("sequence", INT, nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("body", TEXT, nullable=False),
        sa.CheckConstraint("gone IN (0, 1)", name=op.f("ck_feed_gone_1")),
        sa.CheckConstraint(
            "record_type IN ('file_system', 'client', 'mount')", name=op.f("ck_feed_record_type_1")
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_feed")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("ix_feed_file_system", "feed", ["file_system", "gone"])
    op.create_index("ix_feed_sequence", "feed", ["record_type", "gone", "sequence"])
    op.create_table(
        "feed_event",
        sa.Column("sequence", INT, nullable=False),
        sa.Column("event", TEXT, nullable=False),
        sa.Column("body", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_feed_event")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("feed_event")
    op.drop_table("feed")
