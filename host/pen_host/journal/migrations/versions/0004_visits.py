"""Finds the entries that tell of a patient's visits without going through those of everybody."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_OF_VISITS = sa.text("kind IN ('visit', 'signature')")


def upgrade() -> None:
    """Adds the index; a chain is mostly events and samples, which are not in it. Mends a look-up of the clinic's server."""
    op.create_index(
        "entries_visits",
        "entries",
        ["subject"],
        sqlite_where=_OF_VISITS,
        postgresql_where=_OF_VISITS,
    )
    if op.get_bind().dialect.name == "postgresql":
        # its guard looks up the entry before each new one; as long as PostgreSQL has no statistics of the table, it takes any
        # index that begins with the station for that, and reads all entries of the station through it: only the key may
        op.drop_constraint("entries_event_once", "entries")
        op.create_unique_constraint("entries_event_once", "entries", ["pen_serial", "event_id", "station_id"])


def downgrade() -> None:
    """Refused: a record is never taken back to a layout that cannot hold it."""
    raise NotImplementedError(
        "a record is never taken back to an older layout; restore the backup made before"
    )
