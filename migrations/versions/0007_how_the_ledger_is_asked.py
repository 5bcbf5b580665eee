"""Indexes of the ledger: a question need not look through every file of a year.

Revision: 0007, after: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

SHOWN = "records > 0 AND state IN ('done', 'partial')"
INDEXES = {
    "ix_batch_unread": (["state"], "state IN ('failed', 'partial', 'gone')"),
    "ix_batch_delivered": (
        [
            "flow_log_id",
            "source_id",
            "slot_start",
            "first_record",
            "last_record",
            "slot_end",
            "span_end",
        ],
        "records > 0 AND state = 'done'",
    ),
    "ix_batch_oldest": (["source_id", "first_record", "slot_start"], SHOWN),
    "ix_batch_newest": (["source_id", "last_record", "slot_start"], SHOWN),
}


def upgrade() -> None:
    for name, (columns, where) in INDEXES.items():
        op.create_index(
            name,
            "batch",
            columns,
            unique=False,
            sqlite_where=sa.text(where),
            postgresql_where=sa.text(where),
        )


def downgrade() -> None:
    for name in reversed(INDEXES):
        op.drop_index(name, table_name="batch")
