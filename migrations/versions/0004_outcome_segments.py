"""The labelled rows of each segment, beside those of all rows of the bucket."""

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    # SQLite copies both tables, so that their definitions are as if they were made with the column.
    recreate: Literal["always", "never"] = "always" if op.get_bind().dialect.name == "sqlite" else "never"
    with op.batch_alter_table("outcome_profiles", recreate=recreate) as table:
        table.add_column(sa.Column("segments", sa.LargeBinary(), nullable=True))
    with op.batch_alter_table("outcome_counts", recreate=recreate) as table:
        table.add_column(sa.Column("splits", sa.Text(), nullable=True))
