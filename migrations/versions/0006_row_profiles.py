"""What all rows of a bucket say by their columns, labelled or not; error models."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "row_profiles",
        sa.Column("version_id", sa.BigInteger(), nullable=False),
        sa.Column("bucket_at", sa.BigInteger(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("n_decided", sa.BigInteger(), nullable=False),
        sa.Column("data_version", sa.BigInteger(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("computed_at", sa.BigInteger(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["version_id"], ["model_versions.id"], name=op.f("fk_row_profiles_version_id")),
        sa.PrimaryKeyConstraint("version_id", "bucket_at", name=op.f("pk_row_profiles")),
    )
    op.create_table(
        "error_models",
        sa.Column("model_id", sa.BigInteger(), nullable=False),
        sa.Column("roles", sa.Text(), nullable=False),
        sa.Column("reference_start", sa.BigInteger(), nullable=False),
        sa.Column("reference_end", sa.BigInteger(), nullable=False),
        sa.Column("fitted_at", sa.BigInteger(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_error_models_model_id")),
        sa.PrimaryKeyConstraint("model_id", name=op.f("pk_error_models")),
    )
