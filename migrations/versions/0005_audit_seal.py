"""The place of an event in the chain of the audit log."""

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    with op.batch_alter_table("audit_events", recreate=_rebuild()) as table:
        table.add_column(sa.Column("seal_number", sa.BigInteger(), nullable=True))
        table.create_index(op.f("ix_audit_events_seal_number"), ["seal_number"], unique=True)


def _rebuild() -> Literal["always", "never"]:
    """SQLite writes an added column behind the constraints, where no table as written down has one."""
    return "always" if op.get_bind().dialect.name == "sqlite" else "never"
