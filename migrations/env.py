"""How alembic reaches the store: through the connection of ``driftwatch.storage.migration``, or DRIFTWATCH_STORE."""

import os

from alembic import context
from sqlalchemy import Connection

from driftwatch.config import Settings
from driftwatch.storage.engine import Database
from driftwatch.storage.schema import metadata


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        transactional_ddl=True,
        transaction_per_migration=False,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    with Database(Settings.from_environment(os.environ).store_url).begin() as own:
        run(own)
