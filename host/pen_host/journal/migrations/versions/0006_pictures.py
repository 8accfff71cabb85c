"""A station's notes about pictures: which of them are here, which the clinic's server has, and what is wrong with one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the notes; the server itself needs none of them."""
    if op.get_bind().dialect.name != "sqlite":
        return
    op.add_column("station_link", sa.Column("pictures_mark", sa.Text))
    op.create_table(
        "station_pictures",
        sa.Column("patient_id", sa.Text, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("is_here", sa.Integer, nullable=False),
        sa.Column("is_there", sa.Integer, nullable=False),
        sa.Column("why", sa.Text),
        sa.PrimaryKeyConstraint("patient_id", "sha256"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Refused: a record is never taken back to a layout that cannot hold it."""
    raise NotImplementedError(
        "a record is never taken back to an older layout; restore the backup made before"
    )
