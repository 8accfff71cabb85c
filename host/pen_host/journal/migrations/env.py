"""Runs the migrations on the connection that the journal hands over."""

from __future__ import annotations

from alembic import context

from pen_host.journal.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    # SQLite undoes DDL with its transaction when Python does not commit in between, and ours does not.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
