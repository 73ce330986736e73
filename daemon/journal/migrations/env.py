"""How Alembic reaches the journal: over the connection, and in the transaction, that `migrate` has opened."""

from alembic import context

from daemon.journal.schema import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
