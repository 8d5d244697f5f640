"""Explaining a drift: rows of the reference and of a period, from two files or from the store, and what they say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from driftwatch.domain.incident import Incident
from driftwatch.domain.instant import DAY, to_iso
from driftwatch.errors import DataError, NotFoundError
from driftwatch.explanation.explanation import Evidence, Explanation, explain
from driftwatch.integrations.tabular import read_table
from driftwatch.monitors.reading import nearest
from driftwatch.monitors.spec import ATTRIBUTION, ModelSpec
from driftwatch.profiles.bucket import CategoricalColumn, Column
from driftwatch.profiles.rows import Rows
from driftwatch.queries.catalogue import KnownModel, find_model, read_importance, read_reference
from driftwatch.service.arrow_column import read_kind, read_numbers, read_values
from driftwatch.service.prediction_log import read_log
from driftwatch.service.row_reading import PROFILED, SampledRows, read_rows
from driftwatch.service.second_opinion import personal_columns
from driftwatch.storage import explanation as stored
from driftwatch.storage import incident as incidents
from driftwatch.storage import registration
from driftwatch.storage.store import Store

__all__ = ["MOST_ROWS", "PeriodExplanation", "explain_files", "explain_incident", "explain_period"]

MOST_ROWS = 100_000
"""Rows a side that are looked at, at most; a sample, the same every time."""

_INCIDENT_COLUMNS = 3
_STORED_FEATURES = 20
_FEWEST_SAME_HOURS = 500


@dataclass(frozen=True, slots=True)
class PeriodExplanation:
    """An explanation of a period of a stored model.

    Attributes:
        model: its name.
        environment: of the model.
        reference: ``(start, end)``, microseconds UTC.
        period: ``(start, end)``.
        rows: rows with features in the reference and in the period, of which at most 100,000 each were looked at.
        incident: the incident that it explains, or None.
        explanation: what was found.
    """

    model: str
    environment: str
    reference: tuple[int, int]
    period: tuple[int, int]
    rows: tuple[int, int]
    incident: str | None
    explanation: Explanation

    def to_dict(self, *, most: int | None = None) -> dict[str, Any]:
        """JSON-safe; with `most`, of each list of features no more than the first ones."""
        return {
            "model": self.model,
            "environment": self.environment,
            "incident": self.incident,
            "reference": _side(self.reference, self.rows[0]),
            "current": _side(self.period, self.rows[1]),
            **self.explanation.to_dict(most=most),
        }


def explain_files(
    reference: Any,
    current: Any,
    spec: ModelSpec | None = None,
    *,
    columns: Sequence[str] = (),
    seed: int = 0,
    limit: int = MOST_ROWS,
) -> Explanation:
    """Explain how one file or frame differs from another.

    Args:
        reference: a path (Parquet, CSV, Arrow) or a frame.
        current: the same.
        spec: the model's specification: which columns are features, outputs, personal or attributions. Without it
            every column is a feature, and nothing is said about predictions.
        columns: columns to search segments for; those that moved most, if empty.
        seed: of samples and of all that is drawn.
        limit: the most rows a side.

    Raises:
        DataError: a side cannot be read, or has no rows; or there is no such column.
        SpecError: the specification names columns that are not there.
    """
    tables = [read_table(side) for side in (reference, current)]
    sides = [_from_table(table, spec, np.random.default_rng([seed, limit]), limit) for table in tables]
    importance = spec.importance if spec is not None else {}
    private = spec.pii if spec is not None else ()
    wanted = _roles_of(columns, spec)
    _check_columns(wanted, sides)
    return explain(sides[0], sides[1], columns=wanted, importance=importance, private=private, seed=seed)


def explain_period(
    store: Store,
    model: KnownModel,
    start: int,
    end: int,
    *,
    columns: Sequence[str] = (),
    seed: int = 0,
    limit: int = MOST_ROWS,
) -> PeriodExplanation:
    """Explain how the rows of [start, end) differ from the model's reference.

    Raises:
        DataError: the model has no reference yet, or a side has no rows with features; or there is no such column.
    """
    return _explain(store, model, (start, end), columns, seed=seed, limit=limit)


def explain_incident(
    store: Store, incident_id: str, *, columns: Sequence[str] = (), seed: int = 0, limit: int = MOST_ROWS
) -> PeriodExplanation:
    """Explain an incident: the time of its alarms, and its leading columns; the answer is kept with it.

    Raises:
        NotFoundError: there is no such incident.
        DataError: as for a period.
    """
    with store.read() as conn:
        incident = incidents.find_incident(conn, incident_id)
        if incident is None:
            raise NotFoundError(f"There is no incident {incident_id!r}. driftwatch incident list shows all.")
        model = find_model(conn, incident.model, incident.environment)
    if model is None:
        raise NotFoundError(f"the model {incident.model!r} of incident {incident_id!r} is not in this store")
    named = tuple(columns) or _named(incident)
    found = _explain(store, model, _window(incident), named, seed=seed, limit=limit, incident=incident_id)
    with store.begin() as conn:
        stored.put_explanation(
            conn, model.id, incident.since, incident.last_alarm_at, found.to_dict(most=_STORED_FEATURES)
        )
    return found


def _window(incident: Incident) -> tuple[int, int]:
    """From the first alarm to the last, and back to where the rows of the largest finding begin."""
    peak = incident.alerts[0].peak
    scale = int(peak.details.get("scale_buckets", 1))
    return min(incident.since, peak.window_end - scale * (peak.window_end - peak.window_start)), incident.last_alarm_at


def _named(incident: Incident) -> tuple[str, ...]:
    return incident.columns[:_INCIDENT_COLUMNS]


def _explain(
    store: Store,
    model: KnownModel,
    period: tuple[int, int],
    columns: Sequence[str],
    *,
    seed: int,
    limit: int,
    incident: str | None = None,
) -> PeriodExplanation:
    with store.read() as conn:
        row = registration.find_model(conn, model.environment, model.name)
        reference = read_reference(conn, model)
        importance = read_importance(conn, model)
        private = personal_columns(conn, model)
    if row is None or reference is None:
        raise DataError(f"model {model.name!r} has no rows yet: there is nothing to explain")
    exclude = [(each.start, each.end) for each in model.spec.left_out]
    bounds = (reference.start, reference.end)
    before = _same_hours(read_rows(store, row, *bounds, limit=limit, seed=seed, exclude=exclude), period)
    now = read_rows(store, row, *period, limit=limit, seed=seed)
    for side, sampled, (start, end) in (("reference", before, bounds), ("period", now, period)):
        if not len(sampled.rows):
            told = f" ({sampled.without_features:,} rows without features)" if sampled.without_features else ""
            raise DataError(f"the store holds no features of the {side} {to_iso(start)} to {to_iso(end)}{told}")
    sides = [_from_store(side, model.spec) for side in (before, now)]
    wanted = _roles_of(columns, model.spec)
    if incident is None:
        _check_columns(wanted, sides)
    explanation = explain(
        sides[0],
        sides[1],
        columns=wanted,
        importance=importance,
        private=private,
        seed=seed,
    )
    totals = before.total, now.total
    return PeriodExplanation(model.name, model.environment, bounds, period, totals, incident, explanation)


def _same_hours(sampled: SampledRows, period: tuple[int, int]) -> SampledRows:
    """Rows of the same hours of the day as a period of less than a day, if there are 500 of them."""
    length = period[1] - period[0]
    kept = np.flatnonzero((sampled.rows.at - period[0]) % DAY < length)
    if length >= DAY or len(kept) < _FEWEST_SAME_HOURS:
        return sampled
    return replace(sampled, rows=sampled.rows.take(kept))


def _from_store(sampled: SampledRows, spec: ModelSpec) -> Evidence:
    rows = sampled.rows
    declared = set(spec.features.names)
    attributions = {
        name.removeprefix(ATTRIBUTION): _parsed(tag) for name, tag in rows.tags.items() if name.startswith(ATTRIBUTION)
    }
    return Evidence(
        n=len(rows),
        features={name: column for name, column in rows.features.items() if not declared or name in declared},
        outputs=rows.outputs,
        tags={name: tag for name, tag in rows.tags.items() if not name.startswith(ATTRIBUTION)},
        attributions=attributions,
    )


def _from_table(table: pa.Table, spec: ModelSpec | None, rng: np.random.Generator, limit: int) -> Evidence:
    rows = _plain_rows(table) if spec is None else read_log(table, replace(spec, reference=None))
    columns = spec.attribution_columns(table.column_names) if spec is not None else {}
    attributions = {feature: _numbers(table, name) for feature, name in columns.items()}
    if not len(rows):
        raise DataError("a side has no rows")
    if len(rows) > limit:
        rows = rows.take(np.sort(rng.choice(len(rows), limit, replace=False)))
    return Evidence(len(rows), rows.features, rows.outputs, dict(rows.tags), attributions)


def _plain_rows(table: pa.Table) -> Rows:
    """Every column that can drift, as a feature."""
    features: dict[str, Column] = {}
    for name in table.column_names:
        kind = read_kind(table.column(name))
        if kind in PROFILED and kind is not None:
            features[name], _ = read_values(table.column(name), kind)
    return Rows(at=np.zeros(table.num_rows, dtype=np.int64), features=features)


def _numbers(table: pa.Table, name: str) -> NDArray[np.float64]:
    try:
        numbers, _ = read_numbers(table.column(name))
    except DataError as error:
        raise DataError(f"{name!r}: {error}", column=name) from None
    return numbers.with_nan


def _parsed(tag: CategoricalColumn) -> NDArray[np.float64]:
    """A tag whose texts are numbers."""
    table = np.array([*map(_number, tag.dictionary), np.nan])
    return np.asarray(table[tag.codes], dtype=np.float64)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _check_columns(columns: Sequence[str], sides: Sequence[Evidence]) -> None:
    known = sorted({name for side in sides for name in side.columns})
    for name in columns:
        if name not in known:
            raise DataError(f"there is no column {name!r}.{nearest(name, known)} Columns: {', '.join(known[:20])}")


def _roles_of(columns: Sequence[str], spec: ModelSpec | None) -> tuple[str, ...]:
    """Outputs by their role, whatever the specification calls their columns."""
    roles: Mapping[str, str] = {} if spec is None else {name: role for role, name in spec.columns.roles().items()}
    named = (name.removesuffix(" (output)") for name in columns)
    outputs = {name: role for name, role in roles.items() if role == "prediction" or role.startswith("score")}
    return tuple(dict.fromkeys(outputs.get(name, name) for name in named))


def _side(period: tuple[int, int], rows: int) -> dict[str, Any]:
    return {"start": to_iso(period[0]), "end": to_iso(period[1]), "rows": rows}
