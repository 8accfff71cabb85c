"""Finds what a session asks at its start without going through the sessions and cartridges of all the years before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the indexes at a station; nobody asks the clinic's server for these."""
    if op.get_bind().dialect.name != "sqlite":
        return
    opened, closed = sa.text("kind = 'session_opened'"), sa.text("kind = 'session_closed'")
    op.create_index("entries_openings", "entries", ["pen_serial", "session_id", "kind"], sqlite_where=opened)
    op.create_index("entries_treated", "entries", ["subject", "utc_ns", "kind"], sqlite_where=opened)
    op.create_index("entries_closings", "entries", ["session_id", "kind"], sqlite_where=closed)
    op.create_index(
        "entries_burns",
        "entries",
        [sa.text("substr(payload, instr(payload, '\"serial\":'), 27)")],
        sqlite_where=sa.text("kind = 'intent' AND instr(payload, '\"request\":\"CARTRIDGE_USE\"') > 0"),
    )


def downgrade() -> None:
    """Refused: a record is never taken back to a layout that cannot hold it."""
    raise NotImplementedError(
        "a record is never taken back to an older layout; restore the backup made before"
    )
