"""The clinic's own presets become rows, and a visit names the version of the one it was planned by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "c0004"
down_revision = "c0003"
branch_labels = None
depends_on = None

_LONG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Makes the table; visits that are there keep their seals, for a column that is null counts like one that is not there."""
    op.create_table(
        "own_presets",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("preset_id", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("saved_at", _LONG),
        sa.Column("saved_by", sa.Text),
        sa.Column("station_id", sa.Text, nullable=False),
        sa.Column("at", _LONG, nullable=False),
        sa.Column("by_name", sa.Text, nullable=False),
        sa.Column("by_role", sa.Text, nullable=False),
        sa.CheckConstraint("version > 0", name="own_presets_version"),
        sqlite_strict=True,
    )
    op.add_column("visits", sa.Column("preset_digest", sa.Text))
    op.drop_index("visits_next_day", "visits")
    op.drop_index("visits_patient", "visits")
    op.create_index(
        "visits_next_day",
        "visits",
        ["state", "next_day", "patient_id", "day", "at", "preset_id", "preset_digest"],
    )
    op.create_index("visits_patient", "visits", ["patient_id", "state", "day", "at", "preset_id"])


def downgrade() -> None:
    """Refused: a record is never taken back to a layout that cannot hold it."""
    raise NotImplementedError(
        "a record is never taken back to an older layout; restore the backup made before"
    )
