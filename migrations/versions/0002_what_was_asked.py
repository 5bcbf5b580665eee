"""What was asked of AWS: requests by day, and what histories were asked about.

Revision: 0002, after: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "call_use",
        sa.Column("day", INT, nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("region", TEXT, nullable=False),
        sa.Column("call", TEXT, nullable=False),
        sa.Column("calls", INT, nullable=False),
        sa.Column("throttled", INT, nullable=False),
        sa.PrimaryKeyConstraint("day", "account", "region", "call", name=op.f("pk_call_use")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "asked",
        sa.Column("history", TEXT, nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("region", TEXT, nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("start", INT, nullable=False),
        sa.Column("end", INT, nullable=False),
        sa.Column("asked_at", INT, nullable=False),
        sa.Column("found", INT, nullable=False),
        sa.CheckConstraint('"end" >= start', name=op.f("ck_asked_span_1")),
        sa.PrimaryKeyConstraint(
            "history", "account", "region", "subject", "start", name=op.f("pk_asked")
        ),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("asked")
    op.drop_table("call_use")
