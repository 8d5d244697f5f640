"""References, monitors, their runs and findings."""

from sqlalchemy import Boolean, Column, Double, Index, LargeBinary, Table, UniqueConstraint, text

from driftwatch.storage.schema.column import MAP, count, instant, metadata, reference, serial_id, text_column

__all__ = ["findings", "monitor_runs", "monitors", "reference_sets"]

reference_sets = Table(
    "reference_sets",
    metadata,
    serial_id(),
    reference("model_id", "models.id"),
    reference("version_id", "model_versions.id", nullable=True),
    text_column("kind"),  # operating, training
    instant("reference_start", nullable=True),
    instant("reference_end", nullable=True),
    text_column("source", nullable=True),
    count("n"),
    Column("confirmed", Boolean, nullable=False, server_default=text("false")),
    Column("details", MAP),
    Column("payload", LargeBinary),
    instant("created_at"),
    text_column("created_by", nullable=True),
    instant("superseded_at", nullable=True),
    Index(None, "model_id", "kind", "created_at"),
)

monitors = Table(
    "monitors",
    metadata,
    serial_id(),
    reference("model_id", "models.id"),
    text_column("name"),
    text_column("kind"),  # what evaluates it
    Column("spec", MAP, nullable=False),
    text_column("config_hash"),
    Column("enabled", Boolean, nullable=False, server_default=text("true")),
    instant("created_at"),
    instant("changed_at"),
    UniqueConstraint("model_id", "name"),
)

monitor_runs = Table(
    "monitor_runs",
    metadata,
    serial_id(),
    reference("monitor_id", "monitors.id"),
    instant("window_start"),
    instant("window_end"),
    text_column("config_hash"),
    count("data_version", default=None),
    text_column("state", default="due"),  # due, running, finished
    text_column("status", nullable=True),  # of a finished run: domain.signal.RunStatus
    count("attempt"),
    count("fence"),
    text_column("owner", nullable=True),
    instant("lease_until", nullable=True),
    Column("backfill", Boolean, nullable=False, server_default=text("false")),
    instant("due_at"),
    instant("started_at", nullable=True),
    instant("finished_at", nullable=True),
    count("n"),
    Column("result", LargeBinary),  # one compact blob with its own counts
    text_column("last_error", nullable=True),
    UniqueConstraint(
        "monitor_id", "window_start", "window_end", "config_hash", "data_version", name="uq_monitor_runs_window"
    ),
    Index(None, "monitor_id", "window_end"),
    Index(None, "state", "window_end"),
)

findings = Table(
    "findings",
    metadata,
    serial_id(),
    reference("run_id", "monitor_runs.id"),
    reference("model_id", "models.id"),
    instant("window_start"),
    instant("window_end"),
    instant("found_at"),
    text_column("signal"),
    text_column("column_name", nullable=True),
    text_column("segment", nullable=True),
    text_column("version", nullable=True),
    text_column("severity"),
    text_column("kind"),
    Column("value", Double),
    Column("threshold", Double),
    Column("effect", MAP, nullable=False),
    count("n"),
    Column("details", MAP, nullable=False),
    Index(None, "run_id"),
    Index(None, "model_id", "window_end"),
)
