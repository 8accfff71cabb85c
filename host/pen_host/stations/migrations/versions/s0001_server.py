"""The clinic's server: its stations, the version of every row, conflicts, and guards for the chains."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "s0001"
down_revision = None
branch_labels = None
depends_on = None

_GUARDS = (
    """
    CREATE FUNCTION pen_never() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'entries and signed heads of a record are never changed'; END $$
    """,
    """
    CREATE TRIGGER entries_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON entries
    FOR EACH STATEMENT EXECUTE FUNCTION pen_never()
    """,
    """
    CREATE TRIGGER signed_heads_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON signed_heads
    FOR EACH STATEMENT EXECUTE FUNCTION pen_never()
    """,
    """
    CREATE FUNCTION pen_appended() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF NEW.prev_hash IS DISTINCT FROM coalesce(
           (SELECT hash FROM entries WHERE station_id = NEW.station_id AND seq = NEW.seq - 1),
           CASE WHEN NEW.seq = 1 THEN repeat('0', 64) END)
      THEN RAISE EXCEPTION 'entry % of station % does not follow the one before', NEW.seq, NEW.station_id
        USING ERRCODE = 'integrity_constraint_violation';
      END IF;
      RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER entries_only_appended BEFORE INSERT ON entries
    FOR EACH ROW EXECUTE FUNCTION pen_appended()
    """,
)


def upgrade() -> None:
    """Makes the server's own tables."""
    op.create_table(
        "stations",
        sa.Column("station_id", sa.Text, primary_key=True),
        sa.Column("login", sa.Text, nullable=False, unique=True),
        sa.Column("public_key", sa.Text),
        sa.Column("change_no", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("seen_at", sa.DateTime(timezone=True)),
    )
    op.execute("CREATE SEQUENCE row_version")
    op.create_table(
        "row_versions",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("row_key", sa.Text, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False, unique=True),
        sa.Column("station_id", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("salt", sa.Text, nullable=False),
    )
    op.create_table(
        "conflicts",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("row_key", sa.Text, primary_key=True),
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("station_id", sa.Text, nullable=False),
        sa.Column("other_station", sa.Text),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("settled_by", sa.Text),
        sa.Column("settled_at", sa.DateTime(timezone=True)),
    )
    for guard in _GUARDS:
        op.execute(guard)


def downgrade() -> None:
    """Refused: a record is never taken back to a layout that cannot hold it."""
    raise NotImplementedError(
        "a record is never taken back to an older layout; restore the backup made before"
    )
