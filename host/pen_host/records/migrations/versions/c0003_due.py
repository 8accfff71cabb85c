"""Finds who is due from indexes alone: a visit's row carries its whole plan, and reading thousands of those took the time."""

from __future__ import annotations

from alembic import op

revision = "c0003"
down_revision = "c0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the index of the next day complete, and that of a patient's visits."""
    op.drop_index("visits_next_day", "visits")
    op.drop_index("visits_patient", "visits")
    op.create_index(
        "visits_next_day", "visits", ["state", "next_day", "patient_id", "day", "at", "preset_id"]
    )
    op.create_index("visits_patient", "visits", ["patient_id", "day", "at", "state", "preset_id"])


def downgrade() -> None:
    """Refused: a record is never taken back to a layout that cannot hold it."""
    raise NotImplementedError(
        "a record is never taken back to an older layout; restore the backup made before"
    )
