"""A station's notes about the clinic's server: how far it sent and fetched, on what each row was built, what it holds back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# SQLite knows one integer of 64 bits; other databases need to be told.
_LONG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Adds the notes; the server itself needs none of them."""
    if op.get_bind().dialect.name != "sqlite":
        return
    op.create_table(
        "station_link",
        sa.Column("station_id", sa.Text, primary_key=True),
        sa.Column("sent_change_no", _LONG, nullable=False),
        sa.Column("fetched_version", _LONG, nullable=False),
        sa.Column("fetched_us", _LONG),
        sqlite_strict=True,
    )
    op.create_table(
        "station_bases",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("row_key", sa.Text, nullable=False),
        sa.Column("version", _LONG, nullable=False),
        sa.PrimaryKeyConstraint("name", "row_key"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "station_held",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("row_key", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", "row_key"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Refused: a record is never taken back to a layout that cannot hold it."""
    raise NotImplementedError(
        "a record is never taken back to an older layout; restore the backup made before"
    )
