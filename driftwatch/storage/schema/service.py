"""The service about itself: leases, heartbeats, markers, keys and the audit log."""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, PrimaryKeyConstraint, Table, Text, UniqueConstraint

from driftwatch.storage.schema.column import MAP, count, instant, metadata, reference, serial_id, text_column

__all__ = ["annotations", "api_keys", "audit_events", "deployments", "heartbeats", "leases"]

leases = Table(  # jobs that one worker at a time does: folding, partitions, retention
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    text_column("owner"),
    count("fence", default=None),
    instant("lease_until"),
)

heartbeats = Table(
    "heartbeats",
    metadata,
    text_column("component"),  # tick, outbox, folder ...
    text_column("owner"),  # which process
    instant("beat_at"),
    Column("details", MAP),
    PrimaryKeyConstraint("component", "owner"),
)

deployments = Table(
    "deployments",
    metadata,
    serial_id(),
    reference("model_id", "models.id"),
    reference("version_id", "model_versions.id", nullable=True),
    text_column("deployment", default="default"),
    text_column("role", nullable=True),
    instant("deployed_at"),
    text_column("source", nullable=True),
    Column("details", MAP),
    Index(None, "model_id", "deployed_at"),
)

annotations = Table(
    "annotations",
    metadata,
    serial_id(),
    reference("model_id", "models.id"),
    instant("start_at"),
    instant("end_at", nullable=True),
    text_column("note"),
    text_column("author", nullable=True),
    instant("created_at"),
    Index(None, "model_id", "start_at"),
)

api_keys = Table(
    "api_keys",
    metadata,
    serial_id(),
    text_column("prefix"),  # the part that may be shown and is looked up
    text_column("secret_hash"),
    text_column("name"),
    text_column("role"),
    Column("scopes", MAP),
    instant("created_at"),
    instant("last_used_at", nullable=True),
    count("n_used"),
    instant("revoked_at", nullable=True),
    UniqueConstraint("prefix"),
)

audit_events = Table(  # append-only; the last three columns are filled when an event is sealed
    "audit_events",
    metadata,
    serial_id(),
    instant("happened_at"),
    text_column("actor"),
    text_column("verb"),
    text_column("subject"),
    Column("state_before", MAP),
    Column("state_after", MAP),
    text_column("evidence_ref", nullable=True),
    Column("previous_hash", LargeBinary),
    Column("seal_hash", LargeBinary),
    Column("seal_number", BigInteger),  # its place in the chain, from 1: events may commit in another order than by id
    Index(None, "subject", "happened_at"),
    Index(None, "seal_number", unique=True),
)
