"""Alembic's entry: runs on the connection that `etl.store.migrate` hands over, or offline to print SQL."""

from alembic import context

from etl.store.schema import metadata

connection = context.config.attributes.get("connection")

if connection is None:
    context.configure(dialect_name="postgresql", target_metadata=metadata, literal_binds=True)
else:
    context.configure(connection=connection, target_metadata=metadata)

with context.begin_transaction():
    context.run_migrations()
