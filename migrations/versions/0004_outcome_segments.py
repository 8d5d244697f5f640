"""The labelled rows of each segment, outcomes of rows that were not decided, and what rows are tallied by."""

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
        table.add_column(sa.Column("n_undecided", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    with op.batch_alter_table("outcome_counts", recreate=recreate) as table:
        table.add_column(sa.Column("splits", sa.Text(), server_default="", nullable=False))
        table.add_column(sa.Column("roles", sa.Text(), server_default="", nullable=False))
