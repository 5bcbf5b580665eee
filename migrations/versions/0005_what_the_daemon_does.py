"""What the daemon does again and again, and how it went; batches whose facts were joined.

Revision: 0005, after: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "duty",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("tried_at", INT, nullable=False),
        sa.Column("done_at", INT, nullable=True),
        sa.Column("failures", INT, nullable=False),
        sa.Column("problem", TEXT, nullable=False),
        sa.Column("worker", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_duty")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "joined",
        sa.Column("batch_id", INT, nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_joined_batch_id")),
        sa.PrimaryKeyConstraint("batch_id", name=op.f("pk_joined")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("joined")
    op.drop_table("duty")
