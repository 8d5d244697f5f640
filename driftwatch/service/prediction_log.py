"""A historical prediction log: a file or frame read by its specification, in order of time, bad rows counted."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from driftwatch.domain.instant import DAY, to_iso
from driftwatch.domain.signal import ColumnKind
from driftwatch.errors import DataError, SpecError
from driftwatch.integrations.tabular import describe_source, read_table
from driftwatch.monitors.reading import nearest
from driftwatch.monitors.spec import ModelSpec
from driftwatch.profiles.bucket import Column
from driftwatch.profiles.rows import Rows
from driftwatch.service.arrow_column import (
    NO_TIME,
    read_categories,
    read_embeddings,
    read_flags,
    read_kind,
    read_numbers,
    read_times,
    read_values,
)
from driftwatch.service.label_log import NEVER, Labels, read_labels

__all__ = ["LeftOut", "PredictionLog", "read_log", "training_end"]

_EARLIEST = 0  # 1970
_LATEST = 230 * 365 * DAY  # 2199
_STRAY_SHARE = 0.001
_IDENTIFIER_ROWS = 100
_ANY_VALUE = (ColumnKind.TEXT, ColumnKind.EMBEDDING)  # each value may be another one


@dataclass(frozen=True)
class LeftOut:
    """Something that was read and not used: rows, values of a column, or a whole column (`rows` is then None)."""

    reason: str
    rows: int | None = None
    column: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        return {"rows": self.rows, "column": self.column, "reason": self.reason}


@dataclass(frozen=True, slots=True, eq=False)
class PredictionLog(Rows):
    """The rows of a log, ascending in time.

    Attributes:
        left_out: what was not used, and why.
        repeated_at: int64[k], the times of rows that were left out because an earlier one has their id.
        labels: what became of the rows, or None.
    """

    left_out: tuple[LeftOut, ...] = field(default=())
    repeated_at: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    labels: Labels | None = None

    def take(self, rows: NDArray[np.int64] | slice) -> Self:
        """Some of the rows, with their labels."""
        part = Rows.take(self, rows)
        return part if self.labels is None else replace(part, labels=self.labels.take(rows))


def read_log(source: Any, spec: ModelSpec) -> PredictionLog:
    """Read a prediction log.

    Args:
        source: path of a Parquet, CSV or Arrow file, or a frame.
        spec: the model's declaration.

    Raises:
        SpecError: a column that the specification names is not there, or cannot be what it is said to be.
        DataError: the file cannot be read, or no row of it can be used.
    """
    table = read_table(source)
    check_columns(spec, table.column_names)
    if table.num_rows == 0:
        raise DataError(f"{describe_source(source)} has no rows")
    training = spec.reference.file if spec.reference is not None else None
    if training is not None:
        table = _after_training(training, table, spec)
    left_out: list[LeftOut] = []
    at = _role(table, spec.columns.timestamp, "columns.timestamp", lambda column: read_times(column, spec.zone))
    kinds = feature_kinds(table, spec, left_out)
    log = PredictionLog(
        at=at,
        features={
            name: _feature(table, name, kind, left_out)
            for name, kind in kinds.items()
            if kind is not ColumnKind.EMBEDDING
        },
        outputs=_outputs(table, spec, left_out),
        tags={name: read_categories(table.column(name)) for name in _tags(spec, kinds)},
        failed=_optional(table, spec.columns.error, "columns.error", read_flags),
        latency_seconds=_optional(table, spec.columns.latency_seconds, "columns.latency_seconds", _seconds),
        vectors={
            name: _role(table, name, "features.embedding", read_embeddings)
            for name, kind in kinds.items()
            if kind is ColumnKind.EMBEDDING
        },
        labels=read_labels(table, spec, at),
    )
    keep = _usable_times(at, left_out)
    order = keep[np.argsort(at[keep], kind="stable")]
    first = _first_of_each(table, spec, order, left_out)
    _tell_undecided(log.labels, spec, first, left_out)
    repeated_at = at[np.setdiff1d(order, first, assume_unique=True)]
    return replace(log.take(first), left_out=tuple(left_out), repeated_at=repeated_at)


def _tell_undecided(labels: Labels | None, spec: ModelSpec, rows: NDArray[np.int64], left_out: list[LeftOut]) -> None:
    if labels is not None and labels.decided is not None:
        strays = int(np.count_nonzero(~labels.decided[rows] & (labels.known_at[rows] != NEVER)))
        if strays:
            left_out.append(LeftOut("an outcome of a row that was not decided", strays, spec.columns.decision))


def _after_training(path: str, table: pa.Table, spec: ModelSpec) -> pa.Table:
    """The rows of the training file, then those of the log; the log has to begin later."""
    training = read_table(path)
    name = spec.columns.timestamp
    if name not in training.column_names:
        raise SpecError(
            f"the training file has no column {name!r}. A backtest compares with a period: give rows with their times, "
            "or reference: {start, end}",
            path="reference.file",
        )
    times, later = (
        _role(each, name, "columns.timestamp", lambda column: read_times(column, spec.zone))
        for each in (training, table)
    )
    times, later = times[times != NO_TIME], later[later != NO_TIME]
    if not len(times) or (len(later) and times.max() >= later.min()):
        until = f" (its last row is of {to_iso(int(times.max()))})" if len(times) else ""
        raise SpecError(f"the training file must end before the log begins{until}", path="reference.file")
    try:
        return pa.concat_tables([training.select(_shared(training, table)), table], promote_options="permissive")
    except pa.ArrowInvalid as error:
        raise SpecError(f"the training file does not fit the log: {error}", path="reference.file") from None


def _shared(training: pa.Table, table: pa.Table) -> list[str]:
    return [name for name in training.column_names if name in table.column_names]


def training_end(spec: ModelSpec) -> int | None:
    """The last time in the training file that is the reference, or None without one."""
    if spec.reference is None or spec.reference.file is None:
        return None
    times = read_times(read_table(spec.reference.file).column(spec.columns.timestamp), spec.zone)
    return int(times.max())


def check_columns(spec: ModelSpec, names: list[str]) -> None:
    """Every column that the specification names is there."""
    wanted = [(f"columns.{role}", column) for role, column in spec.columns.roles().items()]
    wanted += [(f"features.{kind.value}", name) for name, kind in spec.features.kinds().items()]
    wanted += [("version.column", spec.version_column)] if spec.version_column else []
    wanted += [(f"importance.{name}", name) for name in spec.importance]
    wanted += [(f"attributions.{name}", column) for name, column in spec.attributions.items()]
    for key in ("pii", "protected"):
        wanted += [(key, name) for name in getattr(spec, key)]
    wanted += [(f"segments[{place}]", name) for place, each in enumerate(spec.segments) for name in each.columns]
    wanted += [(f"constraints[{position}].column", each.column) for position, each in enumerate(spec.constraints)]
    for path, column in wanted:
        if column not in names:
            shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
            raise SpecError(f"there is no column {column!r}.{nearest(column, names)} Columns: {shown}", path=path)


def feature_kinds(table: pa.Table, spec: ModelSpec, left_out: list[LeftOut]) -> dict[str, ColumnKind]:
    """Declared features, or every column without a role that holds something that can drift."""
    declared = spec.features.kinds()
    kinds: dict[str, ColumnKind] = {}
    if spec.is_service_metric:
        return kinds
    attributions = spec.attribution_columns(table.column_names)
    taken = {*spec.columns.roles().values(), *attributions.values(), spec.version_column}
    for name in declared or table.column_names:
        kind = declared.get(name) or (None if name in taken else read_kind(table.column(name)))
        if kind is not None and (declared or kind in _ANY_VALUE or not _is_identifier(table.column(name))):
            kinds[name] = kind
        elif kind is not None:
            left_out.append(LeftOut("every value is different: an identifier", column=name))
        elif name not in taken:
            left_out.append(LeftOut(f"values of type {table.column(name).type} are no feature", column=name))
    return kinds


def _is_identifier(column: pa.ChunkedArray) -> bool:
    if pa.types.is_floating(column.type) or pa.types.is_boolean(column.type):
        return False
    present = len(column) - column.null_count
    return present > _IDENTIFIER_ROWS and bool(len(column.unique().drop_null()) == present)


def _feature(table: pa.Table, name: str, kind: ColumnKind, left_out: list[LeftOut]) -> Column:
    try:
        column, bad = read_values(table.column(name), kind)
    except DataError as error:
        raise SpecError(f"{name!r}: {error}", path=f"features.{kind.value}") from None
    if bad and bad == len(table) - table.column(name).null_count:
        raise SpecError(f"no value of {name!r} is a number; is it categorical?", path=f"features.{kind.value}")
    if bad:
        left_out.append(LeftOut("values that are not numbers count as missing", rows=bad, column=name))
    return column


def _tags(spec: ModelSpec, kinds: Mapping[str, ColumnKind]) -> list[str]:
    """Columns to split by, or of which something is demanded, that are neither features nor outputs."""
    split_by = [*(name for split in spec.segments for name in split.columns), *spec.protected]
    outputs = {name for role, name in spec.columns.roles().items() if role == "prediction" or role.startswith("score")}
    demanded = [each.column for each in spec.constraints if each.column not in outputs]
    return [name for name in dict.fromkeys((*split_by, *demanded)) if name not in kinds]


def _outputs(table: pa.Table, spec: ModelSpec, left_out: list[LeftOut]) -> dict[str, Column]:
    outputs: dict[str, Column] = {}
    for role, name in spec.columns.roles().items():
        if role.startswith("score"):
            outputs[role] = _feature(table, name, ColumnKind.NUMERIC, left_out)
    prediction = spec.columns.prediction
    if prediction is not None:
        column = table.column(prediction)
        if spec.task in {"binary", "multiclass"} or read_kind(column) is not ColumnKind.NUMERIC:
            outputs["prediction"] = read_categories(column)
        else:
            outputs["prediction"] = _feature(table, prediction, ColumnKind.NUMERIC, left_out)
    return outputs


def _role(table: pa.Table, name: str, path: str, read: Any) -> Any:
    try:
        return read(table.column(name))
    except DataError as error:
        raise SpecError(f"{name!r}: {error}", path=path) from None


def _optional(table: pa.Table, name: str | None, path: str, read: Any) -> Any:
    return None if name is None else _role(table, name, path, read)


def _seconds(column: pa.ChunkedArray) -> NDArray[np.float64]:
    numbers, _ = read_numbers(column)
    return numbers.with_nan


def _usable_times(at: NDArray[np.int64], left_out: list[LeftOut]) -> NDArray[np.int64]:
    """Positions of the rows with a plausible time."""
    timed = at != NO_TIME
    plausible = timed & (at >= _EARLIEST) & (at < _LATEST)
    if not plausible.any():
        raise DataError("no row has a time between 1970 and 2199: nothing can be replayed")
    # A few rows long before or after all others are wrong clocks, not a year without traffic.
    ordered = np.sort(at[plausible])
    high = int((1 - _STRAY_SHARE) * (len(ordered) - 1))
    low = len(ordered) - 1 - high
    margin = max(366 * DAY, int(ordered[high] - ordered[low]))
    early, late = int(ordered[min(low, high)]) - margin, int(ordered[max(low, high)]) + margin
    stray = plausible & ((at < early) | (at > late))
    for rows, reason in (
        (len(at) - int(timed.sum()), "no time"),
        (int((timed & ~plausible).sum()), "a time before 1970 or after 2199"),
        (int(stray.sum()), f"a time before {to_iso(early)} or after {to_iso(late)}, far from all others"),
    ):
        if rows:
            left_out.append(LeftOut(reason, rows=rows))
    return np.flatnonzero(plausible & ~stray)


def _first_of_each(
    table: pa.Table, spec: ModelSpec, order: NDArray[np.int64], left_out: list[LeftOut]
) -> NDArray[np.int64]:
    """Without the later rows of an id that its version has answered before; rows without an id stay."""
    if spec.columns.id is None:
        return order
    codes = read_categories(table.column(spec.columns.id)).codes[order].astype(np.int64)
    identity = codes
    if spec.version_column is not None:
        versions = read_categories(table.column(spec.version_column))
        identity = codes * (len(versions.dictionary) + 1) + versions.codes[order] + 1
    keep = codes < 0
    keep[np.unique(identity, return_index=True)[1]] = True
    if not keep.all():
        repeated = int(np.count_nonzero(~keep))
        left_out.append(LeftOut("an id that an earlier row has", rows=repeated, column=spec.columns.id))
    return order[keep]
