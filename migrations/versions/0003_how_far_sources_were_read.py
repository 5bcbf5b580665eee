"""How far each source was read and listed, and what it had AWS scan.

Revision: 0003, after: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "settled",
        sa.Column("source_id", INT, nullable=False),
        sa.Column("until", INT, nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_settled_source_id")),
        sa.PrimaryKeyConstraint("source_id", name=op.f("pk_settled")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "looked",
        sa.Column("source_id", INT, nullable=False),
        sa.Column("part", TEXT, nullable=False),
        sa.Column("at", INT, nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_looked_source_id")),
        sa.PrimaryKeyConstraint("source_id", "part", name=op.f("pk_looked")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "scanned",
        sa.Column("source_id", INT, nullable=False),
        sa.Column("day", INT, nullable=False),
        sa.Column("bytes", INT, nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_scanned_source_id")),
        sa.PrimaryKeyConstraint("source_id", "day", name=op.f("pk_scanned")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("scanned")
    op.drop_table("looked")
    op.drop_table("settled")
