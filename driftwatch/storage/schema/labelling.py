"""Labelled rows by bucket."""

from sqlalchemy import BigInteger, Column, ForeignKey, LargeBinary, PrimaryKeyConstraint, Table

from driftwatch.storage.schema.column import count, instant, metadata, reference, text_column

__all__ = ["outcome_counts", "outcome_profiles"]

outcome_profiles = Table(  # made again whenever an outcome or a late prediction touches the bucket
    "outcome_profiles",
    metadata,
    reference("version_id", "model_versions.id"),
    text_column("stage"),  # latest: every outcome so far; judged: those known at the age at which it is judged
    instant("bucket_at"),
    count("n", default=None),  # predictions
    count("n_labelled", default=None),
    instant("known_by", nullable=True),
    instant("computed_at"),
    Column("payload", LargeBinary, nullable=False),
    Column("segments", LargeBinary),  # the same rows by segment; null: nothing is declared to split them by
    PrimaryKeyConstraint("version_id", "stage", "bucket_at"),
)

outcome_counts = Table(
    "outcome_counts",
    metadata,
    Column("model_id", BigInteger, ForeignKey("models.id"), primary_key=True),
    instant("counted_until"),  # what was received before is in outcome_profiles
    instant("reference_start"),  # from which the age was learned
    instant("reference_end"),
    Column("judged_age", BigInteger, nullable=False),  # microseconds after the end of a window
    text_column("splits", nullable=True),  # by what the rows were split that are counted
)
