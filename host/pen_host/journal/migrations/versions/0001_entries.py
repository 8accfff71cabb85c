"""Entries, and the guards that make them append-only."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# SQLite knows one integer of 64 bits; other databases need to be told.
_LONG = sa.BigInteger().with_variant(sa.Integer, "sqlite")

# REPLACE deletes without asking the delete trigger unless recursive_triggers is on, so what an insert may not hit is
# checked before it: its station must be the file's own, its number the next one, its link the newest hash, its pen
# event new.
_GUARDS = (
    """
    CREATE TRIGGER entries_never_updated BEFORE UPDATE ON entries
    BEGIN SELECT RAISE(ABORT, 'entries of the record are never changed'); END
    """,
    """
    CREATE TRIGGER entries_never_deleted BEFORE DELETE ON entries
    BEGIN SELECT RAISE(ABORT, 'entries of the record are never deleted'); END
    """,
    """
    CREATE TRIGGER entries_only_appended BEFORE INSERT ON entries
    WHEN NEW.station_id IS NOT coalesce((SELECT min(station_id) FROM entries), NEW.station_id)
      OR NEW.seq IS NOT 1 + coalesce((SELECT max(seq) FROM entries WHERE station_id = NEW.station_id), 0)
      OR NEW.prev_hash IS NOT coalesce(
           (SELECT hash FROM entries WHERE station_id = NEW.station_id AND seq = NEW.seq - 1),
           '0000000000000000000000000000000000000000000000000000000000000000')
    BEGIN SELECT RAISE(ABORT, 'entries of the record are only appended, each linked to the one before'); END
    """,
    """
    CREATE TRIGGER entries_event_never_replaced BEFORE INSERT ON entries
    WHEN NEW.event_id IS NOT NULL AND EXISTS (
      SELECT 1 FROM entries
      WHERE station_id = NEW.station_id AND pen_serial = NEW.pen_serial AND event_id = NEW.event_id)
    BEGIN SELECT RAISE(ABORT, 'this event of the pen is in the record already'); END
    """,
)


def upgrade() -> None:
    """Makes a new record."""
    op.create_table(
        "entries",
        sa.Column("station_id", sa.Text, nullable=False),
        sa.Column("seq", _LONG, nullable=False),
        sa.Column("form", sa.Integer, nullable=False),
        sa.Column("utc_ns", _LONG, nullable=False),
        sa.Column("monotonic_ns", _LONG, nullable=False),
        sa.Column("boot_id", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("session_id", sa.Text),
        sa.Column("subject", sa.Text),
        sa.Column("pen_serial", sa.Text),
        sa.Column("event_id", _LONG),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("prev_hash", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("station_id", "seq"),
        sa.UniqueConstraint("station_id", "pen_serial", "event_id", name="entries_event_once"),
        sa.CheckConstraint("seq > 0", name="entries_seq"),
        sa.CheckConstraint("length(hash) = 64 AND length(prev_hash) = 64", name="entries_hash"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("entries_session", "entries", ["session_id", "station_id", "seq"])
    op.create_index("entries_kind", "entries", ["kind", "station_id", "seq"])
    if op.get_bind().dialect.name != "sqlite":
        return  # the clinic's server has chains of several stations; its guards are pen_host.stations' own
    for guard in _GUARDS:
        op.execute(guard)


def downgrade() -> None:
    """Refused: a record is never taken back to a layout that cannot hold it."""
    raise NotImplementedError(
        "a record is never taken back to an older layout; restore the backup made before"
    )
