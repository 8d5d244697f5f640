"""What came in: receipts, blocks, envelopes, outcomes, profiles, and what could not be used.

Tables that grow with traffic and live by time are partitioned by month on PostgreSQL (`PARTITIONED`). `predictions`
and `outcomes` carry no foreign keys: a check per row would cost more than the row.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

from driftwatch.storage.schema.column import MAP, count, instant, metadata, reference, serial_id, text_column

__all__ = [
    "PARTITIONED",
    "batch_blocks",
    "batches",
    "client_drops",
    "feature_blocks",
    "inbox",
    "outcomes",
    "predictions",
    "profile_deltas",
    "profiles",
    "quarantine",
]

batches = Table(  # the receipt; not partitioned, so that an id is known for ever
    "batches",
    metadata,
    Column("id", Text, primary_key=True),
    text_column("kind"),  # predictions, outcomes
    reference("model_id", "models.id"),
    reference("version_id", "model_versions.id", nullable=True),
    text_column("deployment", default="default"),
    Column("content_hash", LargeBinary, nullable=False),
    count("n", default=None),  # rows in the batch
    count("n_accepted"),
    count("n_duplicates"),
    count("n_quarantined"),
    count("n_dropped"),  # rows that the client refused since its last batch
    Column("sample_rate", Double, nullable=False, server_default=text("1.0")),
    text_column("sdk", nullable=True),
    instant("first_at", nullable=True),
    instant("last_at", nullable=True),
    instant("sent_at", nullable=True),
    instant("received_at"),
    Column("reply", MAP),  # answered again, word for word, when the same batch comes twice
    Index(None, "model_id", "last_at"),
    Index(None, "received_at"),
)

feature_blocks = Table(  # a block never crosses a UTC day
    "feature_blocks",
    metadata,
    Column("id", LargeBinary, nullable=False),  # 16 bytes
    reference("version_id", "model_versions.id"),
    Column("day", Integer, nullable=False),
    instant("first_at"),
    instant("last_at"),
    count("n", default=None),
    text_column("codec"),  # frame, arrow
    Column("payload", LargeBinary, nullable=False),
    PrimaryKeyConstraint("id", "day"),
    Index(None, "version_id", "day", "first_at"),
    postgresql_partition_by="RANGE (day)",
)

batch_blocks = Table(  # where the rows of a batch are; compaction changes these rows only
    "batch_blocks",
    metadata,
    Column("batch_id", Text, ForeignKey("batches.id"), nullable=False),
    Column("day", Integer, nullable=False),
    Column("block_id", LargeBinary, nullable=False),
    count("block_offset"),
    count("n", default=None),
    PrimaryKeyConstraint("batch_id", "day"),
    Index(None, "block_id"),
)

predictions = Table(  # the envelope, a row a prediction
    "predictions",
    metadata,
    Column("version_id", BigInteger, nullable=False),
    Column("key", LargeBinary, nullable=False),  # the id's UUID, else UUIDv5(model, id): 16 bytes
    Column("day", Integer, nullable=False),
    text_column("prediction_id", nullable=True),  # the id as sent, unless it is the key's UUID
    instant("predicted_at"),
    Column("score", Double),
    Column("prediction_number", Double),  # a prediction is a number ...
    text_column("prediction_text", nullable=True),  # ... or a text
    Column("latency_seconds", Double),
    text_column("error", nullable=True),
    text_column("request_id", nullable=True),
    text_column("entity", nullable=True),
    text_column("deployment", default="default"),
    text_column("batch_id"),
    Column("position", Integer, nullable=False),  # the row's place in the batch
    PrimaryKeyConstraint("version_id", "key", "day"),
    Index(None, "version_id", "predicted_at"),
    Index(
        "ix_predictions_request_id",
        "request_id",
        sqlite_where=text("request_id IS NOT NULL"),
        postgresql_where=text("request_id IS NOT NULL"),
    ),
    Index(
        "ix_predictions_entity",
        "entity",
        sqlite_where=text("entity IS NOT NULL"),
        postgresql_where=text("entity IS NOT NULL"),
    ),
    sqlite_with_rowid=False,
    postgresql_partition_by="RANGE (day)",
)

outcomes = Table(  # append-only; the newest observed one is current
    "outcomes",
    metadata,
    text_column("batch_id"),
    Column("position", Integer, nullable=False),
    Column("model_id", BigInteger, nullable=False),
    Column("key", LargeBinary),  # of the prediction, or null: addressed by request id
    text_column("prediction_id", nullable=True),
    text_column("request_id", nullable=True),
    instant("observed_at"),
    instant("received_at"),
    Column("value_number", Double),
    text_column("value_text", nullable=True),
    PrimaryKeyConstraint("batch_id", "position"),
    Index(None, "model_id", "key"),
    Index(
        "ix_outcomes_model_id_request_id",
        "model_id",
        "request_id",
        sqlite_where=text("request_id IS NOT NULL"),
        postgresql_where=text("request_id IS NOT NULL"),
    ),
    Index(None, "model_id", "received_at"),
)

profile_deltas = Table(  # written in the ingest transaction, folded into `profiles` by a worker
    "profile_deltas",
    metadata,
    reference("version_id", "model_versions.id"),
    instant("bucket_at"),
    text_column("batch_id"),
    count("n", default=None),
    count("n_errors"),
    instant("received_at"),
    Column("payload", LargeBinary, nullable=False),
    PrimaryKeyConstraint("version_id", "bucket_at", "batch_id"),
    postgresql_partition_by="RANGE (bucket_at)",
)

profiles = Table(
    "profiles",
    metadata,
    reference("version_id", "model_versions.id"),
    text_column("segment", default=""),  # "" = all rows
    text_column("column_name", default=""),  # "" = all columns in one payload
    instant("bucket_at"),
    text_column("codec", default="bucket"),  # how the payload is written
    count("n", default=None),
    count("n_errors"),
    count("folded", default=None),  # how many deltas are in it
    instant("folded_at"),
    instant("received_at"),  # of the newest delta in it
    Column("payload", LargeBinary, nullable=False),
    PrimaryKeyConstraint("version_id", "segment", "column_name", "bucket_at"),
    postgresql_partition_by="RANGE (bucket_at)",
)

quarantine = Table(
    "quarantine",
    metadata,
    serial_id(),
    text_column("environment"),
    text_column("model"),
    text_column("version", nullable=True),
    text_column("batch_id"),
    Column("row_number", Integer),  # null: the whole batch or column
    text_column("column_name", nullable=True),
    text_column("reason"),
    Column("payload", LargeBinary),
    text_column("state", default="held"),  # held, retried, discarded
    instant("received_at"),
    Index(None, "environment", "model", "received_at"),
    Index(None, "batch_id"),
)

client_drops = Table(
    "client_drops",
    metadata,
    text_column("batch_id"),
    text_column("reason"),
    reference("model_id", "models.id"),
    text_column("version", nullable=True),
    count("n", default=None),
    instant("received_at"),
    PrimaryKeyConstraint("batch_id", "reason"),
    Index(None, "model_id", "received_at"),
)

inbox = Table(  # clients write here with nothing but INSERT: its shape never changes
    "inbox",
    metadata,
    Column("batch_id", Text, primary_key=True),
    Column("received_at", BigInteger, nullable=False),
    Column("frame", LargeBinary, nullable=False),
)

# Table -> (column, what one of its units is): monthly ranges on PostgreSQL.
PARTITIONED: dict[str, tuple[str, str]] = {
    "predictions": ("day", "day"),
    "feature_blocks": ("day", "day"),
    "profile_deltas": ("bucket_at", "microsecond"),
    "profiles": ("bucket_at", "microsecond"),
}
