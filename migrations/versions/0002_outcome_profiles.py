"""Labelled rows by bucket, so that performance is read as sums, and how far a model's outcomes are counted."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "outcome_profiles",
        sa.Column("version_id", sa.BigInteger(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("bucket_at", sa.BigInteger(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("n_labelled", sa.BigInteger(), nullable=False),
        sa.Column("known_by", sa.BigInteger(), nullable=True),
        sa.Column("computed_at", sa.BigInteger(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["version_id"], ["model_versions.id"], name=op.f("fk_outcome_profiles_version_id")),
        sa.PrimaryKeyConstraint("version_id", "stage", "bucket_at", name=op.f("pk_outcome_profiles")),
    )
    op.create_table(
        "outcome_counts",
        sa.Column("model_id", sa.BigInteger(), nullable=False),
        sa.Column("counted_until", sa.BigInteger(), nullable=False),
        sa.Column("reference_start", sa.BigInteger(), nullable=False),
        sa.Column("reference_end", sa.BigInteger(), nullable=False),
        sa.Column("judged_age", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_outcome_counts_model_id")),
        sa.PrimaryKeyConstraint("model_id", name=op.f("pk_outcome_counts")),
    )
