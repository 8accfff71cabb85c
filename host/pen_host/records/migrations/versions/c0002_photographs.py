"""The table of photographs; the pictures themselves are files."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "c0002"
down_revision = "c0001"
branch_labels = None
depends_on = None

_LONG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Makes the table."""
    op.create_table(
        "photographs",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("patient_id", sa.Text, sa.ForeignKey("patients.id"), nullable=False),
        sa.Column("visit_id", sa.Text, sa.ForeignKey("visits.id")),
        sa.Column("day", sa.Text, nullable=False),
        sa.Column("view", sa.Text, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("width_px", sa.Integer, nullable=False),
        sa.Column("height_px", sa.Integer, nullable=False),
        sa.Column("note", sa.Text),
        sa.Column("station_id", sa.Text, nullable=False),
        sa.Column("at", _LONG, nullable=False),
        sa.Column("by_name", sa.Text, nullable=False),
        sa.Column("by_role", sa.Text, nullable=False),
        sa.UniqueConstraint("patient_id", "sha256", name="photographs_once"),
        sqlite_strict=True,
    )
    op.create_index("photographs_patient", "photographs", ["patient_id", "view", "day"])


def downgrade() -> None:
    """Refused: a record is never taken back to a layout that cannot hold it."""
    raise NotImplementedError(
        "a record is never taken back to an older layout; restore the backup made before"
    )
