"""Evidence: signed heads of the chain, and the salts of the digests by which it vouches for every other table."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# SQLite knows one integer of 64 bits; other databases need to be told.
_LONG = sa.BigInteger().with_variant(sa.Integer, "sqlite")

_GUARDS = (
    """
    CREATE TRIGGER signed_heads_never_updated BEFORE UPDATE ON signed_heads
    BEGIN SELECT RAISE(ABORT, 'signed heads of the record are never changed'); END
    """,
    """
    CREATE TRIGGER signed_heads_never_deleted BEFORE DELETE ON signed_heads
    BEGIN SELECT RAISE(ABORT, 'signed heads of the record are never deleted'); END
    """,
)


def upgrade() -> None:
    """Adds both tables."""
    op.create_table(
        "signed_heads",
        sa.Column("station_id", sa.Text, nullable=False),
        sa.Column("seq", _LONG, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("utc_ns", _LONG, nullable=False),
        sa.Column("public_key", sa.Text, nullable=False),
        sa.Column("signature", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("station_id", "seq"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "row_states",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("row_key", sa.Text, nullable=False),
        sa.Column("change_no", _LONG, nullable=False),
        sa.Column("salt", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("is_foreign", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("name", "row_key"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("row_states_change", "row_states", ["change_no"])
    if op.get_bind().dialect.name == "sqlite":
        for guard in _GUARDS:
            op.execute(guard)


def downgrade() -> None:
    """Refused: a record is never taken back to a layout that cannot hold it."""
    raise NotImplementedError(
        "a record is never taken back to an older layout; restore the backup made before"
    )
