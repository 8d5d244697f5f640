"""Alerts, incidents, receivers, and the outbox."""

from sqlalchemy import (
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from driftwatch.storage.schema.column import MAP, count, instant, metadata, reference, serial_id, text_column

__all__ = ["alert_transitions", "alerts", "incident_books", "incidents", "notifications", "receivers"]

incidents = Table(
    "incidents",
    metadata,
    Column("id", Text, primary_key=True),
    reference("model_id", "models.id"),
    text_column("deployment", default="default"),
    count("seq", default=None),
    text_column("group_key"),
    text_column("state"),  # open, resolved
    text_column("severity"),
    text_column("title"),
    Column("signals", MAP, nullable=False),
    Column("column_names", MAP, nullable=False),
    instant("opened_at"),
    instant("changed_at"),
    instant("resolved_at", nullable=True),
    text_column("reason", nullable=True),
    instant("acknowledged_at", nullable=True),
    text_column("acknowledged_by", nullable=True),
    Column("details", MAP, nullable=False),
    UniqueConstraint("model_id", "deployment", "seq"),
    Index(None, "state", "changed_at"),
)

incident_books = Table(  # the state machine's memory, one row per model and deployment
    "incident_books",
    metadata,
    reference("model_id", "models.id"),
    text_column("deployment"),
    Column("book", MAP, nullable=False),
    count("revision", default=None),
    instant("changed_at"),
    PrimaryKeyConstraint("model_id", "deployment"),
)

alerts = Table(
    "alerts",
    metadata,
    serial_id(),
    text_column("fingerprint"),
    reference("model_id", "models.id"),
    reference("monitor_id", "monitors.id", nullable=True),
    Column("incident_id", Text, ForeignKey("incidents.id")),
    Column("labels", MAP, nullable=False),
    text_column("signal"),
    text_column("column_name", nullable=True),
    text_column("segment", nullable=True),
    text_column("state"),  # normal, pending, firing, recovering, resolved
    text_column("severity"),
    Column("value", Double),
    Column("threshold", Double),
    instant("opened_at", nullable=True),
    instant("last_fired_at", nullable=True),
    instant("resolved_at", nullable=True),
    instant("changed_at"),
    text_column("reason", nullable=True),
    count("n_flaps"),
    Column("details", MAP, nullable=False),
    UniqueConstraint("fingerprint"),
    Index(None, "model_id", "state"),
    Index(None, "incident_id"),
)

alert_transitions = Table(
    "alert_transitions",
    metadata,
    serial_id(),
    reference("alert_id", "alerts.id"),
    Column("incident_id", Text, ForeignKey("incidents.id")),
    reference("run_id", "monitor_runs.id", nullable=True),
    text_column("from_state"),
    text_column("to_state"),
    text_column("severity"),
    text_column("reason", nullable=True),
    instant("window_start", nullable=True),
    instant("window_end", nullable=True),
    instant("moved_at"),
    Index(None, "alert_id", "moved_at"),
    Index(None, "incident_id", "moved_at"),
)

receivers = Table(
    "receivers",
    metadata,
    serial_id(),
    text_column("name"),
    text_column("kind"),  # slack, email ...
    Column("spec", MAP, nullable=False),  # secrets are references (env:NAME, file:/path)
    Column("enabled", Boolean, nullable=False, server_default=text("true")),
    instant("created_at"),
    instant("changed_at"),
    UniqueConstraint("name"),
)

notifications = Table(  # the outbox: written in the transaction that changes the alert
    "notifications",
    metadata,
    serial_id(),
    Column("incident_id", Text, ForeignKey("incidents.id")),
    reference("receiver_id", "receivers.id"),
    text_column("group_key"),
    count("seq", default=None),
    text_column("reason"),  # first, new_alerts, escalated, repeat, resolved, flapping
    Column("payload", MAP, nullable=False),
    text_column("status", default="waiting"),  # waiting, sending, delivered, dead, dropped, suppressed
    count("attempts"),
    instant("next_attempt_at"),
    text_column("owner", nullable=True),
    count("fence"),
    instant("lease_until", nullable=True),
    text_column("external_id", nullable=True),
    text_column("last_error", nullable=True),
    instant("created_at"),
    instant("finished_at", nullable=True),
    UniqueConstraint("receiver_id", "group_key", "seq"),
    Index(None, "status", "next_attempt_at"),
    Index(None, "incident_id"),
)
