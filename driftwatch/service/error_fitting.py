"""What a regression's inputs let expect of its errors: learned once from the labelled reference, and stored."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from driftwatch.domain.signal import ColumnKind
from driftwatch.monitors.error_reader import ErrorReader, fit_error_reader
from driftwatch.monitors.maturity import outcome_width
from driftwatch.monitors.outcome_role import error_key, role_columns
from driftwatch.monitors.spec import ModelSpec
from driftwatch.profiles.bucket import CategoricalColumn, Column, NumericColumn
from driftwatch.profiles.rows import take
from driftwatch.service.outcome_roles import roles_of
from driftwatch.service.row_columns import read_columns
from driftwatch.storage import outcome, outcome_profile, registration, row_profile
from driftwatch.storage.outcome_profile import LATEST, OutcomeProgress
from driftwatch.storage.registration import ModelRow
from driftwatch.storage.row_profile import StoredErrorModel
from driftwatch.storage.store import Store

__all__ = ["feature_names", "numbers_of", "settle_error_model"]

_MOST_ROWS = 50_000
_READ = (ColumnKind.NUMERIC, ColumnKind.CATEGORICAL, ColumnKind.BOOLEAN)


def feature_names(conn: Connection, version_id: int, spec: ModelSpec) -> tuple[str, ...]:
    """The features of a version that an error model reads: numbers, categories and flags that have no role."""
    roles = {*role_columns(spec), *spec.columns.roles().values()}
    kinds = {name: ColumnKind(row.kind) for name, row in registration.read_features(conn, version_id).items()}
    return tuple(name for name, kind in kinds.items() if kind in _READ and name not in roles)


def numbers_of(values: Sequence[Any]) -> NDArray[np.float64]:
    """float64[n], NaN for what is no number."""
    numbers = np.full(len(values), np.nan)
    for place, value in enumerate(values):
        if isinstance(value, int | float):
            numbers[place] = value
    return numbers


def settle_error_model(store: Store, model: ModelRow, spec: ModelSpec, reference: tuple[int, int]) -> bool:
    """Learn a model's errors, if that has not been done from this reference; returns whether it was done now.

    It waits until the age at which outcomes are judged is known and has passed since the end of the reference. Of more
    than 50,000 labelled rows some are taken, spread evenly.
    """
    with store.read() as conn:
        stored = row_profile.read_error_model(conn, model.id)
        progress = outcome_profile.read_progress(conn, model.id)
        now = store.now(conn)
        wanted = (error_key(spec), *reference)
        if stored is not None and (stored.roles, stored.reference_start, stored.reference_end) == wanted:
            return False
        if progress is None or (progress.reference_start, progress.reference_end) != reference:
            return False
        if spec.clock != "replay" and now < reference[1] + progress.judged_age:
            return False
        reader = _fit(conn, model, spec, progress)
    if reader is None:
        return False
    with store.begin() as conn:
        made = StoredErrorModel(error_key(spec), *reference, now, reader.to_bytes())
        row_profile.put_error_model(conn, model.id, made)
    return True


def _fit(conn: Connection, model: ModelRow, spec: ModelSpec, progress: OutcomeProgress) -> ErrorReader | None:
    bounds = (progress.reference_start, progress.reference_end)
    versions = [version.id for version in registration.list_versions(conn, model.id)]
    buckets = outcome_profile.read_outcome_buckets(conn, versions, LATEST, *bounds)
    step = max(1, -(-sum(bucket.n_labelled for bucket in buckets) // _MOST_ROWS))
    known_by = progress.reference_end + progress.judged_age + 1
    parts: list[dict[str, Column]] = []
    said: list[Any] = []
    was: list[Any] = []
    sizes: list[int] = []
    for bucket in buckets:
        span = (bucket.bucket_at, bucket.bucket_at + outcome_width(spec))
        labelled = outcome.current_outcomes(conn, model.id, bucket.version_id, *span, observed_by=known_by)[::step]
        features = feature_names(conn, bucket.version_id, spec)
        keyed = read_columns(conn, bucket.version_id, *span, {*role_columns(spec), *features})
        decided = roles_of(keyed, spec, span, span).decided
        known = ((row, keyed.place.get((row.key, row.predicted_at))) for row in labelled)
        found = [(row, place) for row, place in known if place is not None and decided[place]]
        rows = np.array([place for _, place in found], dtype=np.int64)
        columns = {name: keyed.column(name) for name in features}
        parts.append({name: take(column, rows) for name, column in columns.items() if column is not None})
        said += [row.prediction for row, _ in found]
        was += [row.value for row, _ in found]
        sizes.append(len(rows))
    return fit_error_reader(_joined(parts, sizes), numbers_of(said), numbers_of(was))


def _joined(parts: Sequence[dict[str, Column]], sizes: Sequence[int]) -> dict[str, Column]:
    """Columns of all parts one after the other; missing where a part has none, or has it as another kind."""
    kinds = {name: type(column) for part in reversed(parts) for name, column in part.items()}
    joined: dict[str, Column] = {}
    for name, kind in kinds.items():
        if kind is NumericColumn:
            joined[name] = NumericColumn(np.concatenate([
                column.with_nan if isinstance(column := part.get(name), NumericColumn) else np.full(n, np.nan)
                for part, n in zip(parts, sizes, strict=True)
            ]))  # fmt: skip
        else:
            joined[name] = _categories([part.get(name) for part in parts], sizes)
    return joined


def _categories(parts: Sequence[Column | None], sizes: Sequence[int]) -> CategoricalColumn:
    places: dict[str, int] = {}
    codes = []
    for column, n in zip(parts, sizes, strict=True):
        if not isinstance(column, CategoricalColumn):
            codes.append(np.full(n, -1))
            continue
        table = np.array([*(places.setdefault(value, len(places)) for value in column.dictionary), -1], dtype=np.int64)
        codes.append(table[column.codes])
    return CategoricalColumn(list(places), np.concatenate(codes))
