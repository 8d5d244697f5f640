"""Models, versions, features and codecs: registered by insert-or-read, the first writer wins."""

from sqlalchemy import Column, Double, LargeBinary, PrimaryKeyConstraint, Table, UniqueConstraint

from driftwatch.storage.schema.column import MAP, instant, metadata, reference, serial_id, text_column

__all__ = ["codecs", "features", "model_versions", "models"]

models = Table(
    "models",
    metadata,
    serial_id(),
    text_column("environment"),
    text_column("name"),
    text_column("task", nullable=True),
    text_column("owner", nullable=True),
    Column("spec", MAP),  # model.yaml as applied, or null: watched without configuration
    text_column("spec_hash", nullable=True),
    instant("created_at"),
    instant("changed_at"),
    UniqueConstraint("environment", "name"),
)

model_versions = Table(
    "model_versions",
    metadata,
    serial_id(),
    reference("model_id", "models.id"),
    text_column("version"),
    text_column("artifact_uri", nullable=True),
    text_column("artifact_hash", nullable=True),
    text_column("code_commit", nullable=True),
    text_column("framework", nullable=True),
    Column("training_manifest", MAP),
    instant("created_at"),
    instant("retired_at", nullable=True),
    UniqueConstraint("model_id", "version"),
)

features = Table(
    "features",
    metadata,
    reference("version_id", "model_versions.id"),
    text_column("name"),
    text_column("kind"),  # numeric, categorical, boolean, text, embedding
    Column("importance", Double),
    Column("tags", MAP),
    instant("created_at"),
    PrimaryKeyConstraint("version_id", "name"),
)

codecs = Table(
    "codecs",
    metadata,
    reference("model_id", "models.id"),
    text_column("column_name"),
    Column("payload", LargeBinary, nullable=False),
    instant("created_at"),
    PrimaryKeyConstraint("model_id", "column_name"),
)
