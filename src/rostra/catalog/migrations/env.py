"""Alembic runs this for each command. The connection, and with it the transaction, is the caller's."""

from __future__ import annotations

from alembic import context

from rostra.catalog.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite alters a table by making it again
)
with context.begin_transaction():
    context.run_migrations()
