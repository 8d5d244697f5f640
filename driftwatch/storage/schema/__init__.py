"""Every table of the store. Times are int64 microseconds UTC, a `day` is a number of whole days since 1970.

No name is reserved in SQLite, PostgreSQL or DuckDB, so that people can write SQL without quotes.
"""

from driftwatch.storage.schema.alerting import (
    alert_transitions,
    alerts,
    incident_books,
    incidents,
    notifications,
    receivers,
)
from driftwatch.storage.schema.arrival import (
    PARTITIONED,
    batch_blocks,
    batches,
    client_drops,
    feature_blocks,
    inbox,
    outcomes,
    predictions,
    profile_deltas,
    profiles,
    quarantine,
)
from driftwatch.storage.schema.column import metadata
from driftwatch.storage.schema.judging import findings, monitor_runs, monitors, reference_sets
from driftwatch.storage.schema.labelling import error_models, outcome_counts, outcome_profiles, row_profiles
from driftwatch.storage.schema.registration import codecs, features, model_versions, models
from driftwatch.storage.schema.routing import routes, silences
from driftwatch.storage.schema.service import annotations, api_keys, audit_events, deployments, heartbeats, leases

__all__ = [
    "PARTITIONED",
    "alert_transitions",
    "alerts",
    "annotations",
    "api_keys",
    "audit_events",
    "batch_blocks",
    "batches",
    "client_drops",
    "codecs",
    "deployments",
    "error_models",
    "feature_blocks",
    "features",
    "findings",
    "heartbeats",
    "inbox",
    "incident_books",
    "incidents",
    "leases",
    "metadata",
    "model_versions",
    "models",
    "monitor_runs",
    "monitors",
    "notifications",
    "outcome_counts",
    "outcome_profiles",
    "outcomes",
    "predictions",
    "profile_deltas",
    "profiles",
    "quarantine",
    "receivers",
    "reference_sets",
    "routes",
    "row_profiles",
    "silences",
]
