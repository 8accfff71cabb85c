"""Runs the clinical migrations on the connection that is handed over, within the transaction it has begun."""

from __future__ import annotations

from alembic import context

from pen_host.records.layout import VERSION_TABLE
from pen_host.records.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
