"""What CloudWatch told of file systems.

Revision: 0006, after: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "metric_run",
        sa.Column("account", TEXT, nullable=False),
        sa.Column("region", TEXT, nullable=False),
        sa.Column("file_system_id", TEXT, nullable=False),
        sa.Column("metric", TEXT, nullable=False),
        sa.Column("meaning", TEXT, nullable=False),
        sa.Column("period", INT, nullable=False),
        sa.Column("start", INT, nullable=False),
        sa.Column("end", INT, nullable=False),
        sa.Column("largest", INT, nullable=False),
        sa.CheckConstraint(
            "meaning IN ('asked', 'zero', 'above')", name=op.f("ck_metric_run_meaning_1")
        ),
        sa.CheckConstraint('"end" > start', name=op.f("ck_metric_run_span_1")),
        sa.PrimaryKeyConstraint(
            "account",
            "region",
            "file_system_id",
            "metric",
            "meaning",
            "period",
            "start",
            name=op.f("pk_metric_run"),
        ),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("metric_run")
