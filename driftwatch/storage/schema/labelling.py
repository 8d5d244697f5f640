"""Labelled rows by bucket, and what all rows of a bucket let expect before their labels come."""

from sqlalchemy import BigInteger, Column, ForeignKey, LargeBinary, PrimaryKeyConstraint, Table

from driftwatch.storage.schema.column import count, instant, metadata, reference, text_column

__all__ = ["error_models", "outcome_counts", "outcome_profiles", "row_profiles"]

outcome_profiles = Table(  # made again whenever an outcome or a late prediction touches the bucket
    "outcome_profiles",
    metadata,
    reference("version_id", "model_versions.id"),
    text_column("stage"),  # latest: every outcome so far; judged: those known at the age at which it is judged
    instant("bucket_at"),
    count("n", default=None),  # predictions
    count("n_labelled", default=None),
    count("n_undecided"),  # outcomes of rows that were not decided: in no tally
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
    text_column("splits", default=""),  # by what the rows were split that are counted
    text_column("roles", default=""),  # the columns that rows were tallied by
)

row_profiles = Table(  # made again when the bucket's predictions, or what they are counted by, changed
    "row_profiles",
    metadata,
    reference("version_id", "model_versions.id"),
    instant("bucket_at"),
    count("n", default=None),  # predictions
    count("n_decided", default=None),  # of them, those whose outcome can exist
    count("data_version", default=None),  # of the bucket's profile, when this was made
    text_column("made_by"),  # the columns, bins and models that it was made with
    instant("computed_at"),
    Column("payload", LargeBinary, nullable=False),
    PrimaryKeyConstraint("version_id", "bucket_at"),
)

error_models = Table(  # of regressions: what predicts the absolute error
    "error_models",
    metadata,
    Column("model_id", BigInteger, ForeignKey("models.id"), primary_key=True),
    text_column("roles"),  # the columns that it was learned by
    instant("reference_start"),  # from which it was learned
    instant("reference_end"),
    instant("fitted_at"),
    Column("payload", LargeBinary, nullable=False),
)
