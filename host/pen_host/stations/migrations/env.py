"""Runs the server's migrations on the connection that is handed over, within the transaction it has begun."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"], target_metadata=None, version_table="server_version"
)
with context.begin_transaction():
    context.run_migrations()
