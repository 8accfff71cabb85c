"""Runs the migrations on the connection that the journal hands over, within the transaction it has begun."""

from __future__ import annotations

from alembic import context

from pen_host.journal.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
