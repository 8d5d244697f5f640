"""A streaming detector over the errors of a labelled log: when did the model's error change?"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

import driftwatch.integrations.river_stream  # noqa: F401 - registers its detectors
from driftwatch.domain.instant import to_iso
from driftwatch.domain.signal import ColumnKind
from driftwatch.drift.stream import StreamDetector, stream_detectors
from driftwatch.errors import DataError, SpecError, UserError
from driftwatch.integrations.tabular import describe_source, read_table
from driftwatch.monitors.reading import nearest
from driftwatch.monitors.spec import ModelSpec
from driftwatch.service.arrow_column import NO_TIME, read_categories, read_kind, read_numbers, read_times

__all__ = ["StreamChange", "StreamReport", "detect_stream"]

Values = NDArray[np.float64]
_LAST = np.iinfo(np.int64).max  # the time of rows that have none: they come last
_FLAGS = {"true": "1", "false": "0"}


@dataclass(frozen=True, slots=True)
class StreamChange:
    """Where the detector spoke.

    Attributes:
        row: how many values came before it, since the detector was made.
        at: the time of that row, microseconds UTC, or None where rows have none.
        n_before: values since the change before, this one included.
        mean_before: their mean; the values between the change and its detection are among them.
        mean_after: mean from here to the next change, or to the end; None if nothing follows.
    """

    row: int
    at: int | None
    n_before: int
    mean_before: float
    mean_after: float | None

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        return {
            "row": self.row,
            "at": None if self.at is None else to_iso(self.at),
            "n_before": self.n_before,
            "mean_before": self.mean_before,
            "mean_after": self.mean_after,
        }


@dataclass(frozen=True, slots=True)
class StreamReport:
    """What a detector said about a stream.

    Attributes:
        detector: its key.
        parameters: by name.
        of: what the values are, for people.
        n: values that were looked at.
        left_out: rows without a value.
        mean: of the values; None without one.
        changes: in order.
        state: "stable", "warning" or "drift" after the last value; "" without one.
        snapshot: with which a later run goes on.
    """

    detector: str
    parameters: Mapping[str, Any]
    of: str
    n: int
    left_out: int
    mean: float | None
    changes: tuple[StreamChange, ...]
    state: str
    snapshot: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe, without the snapshot."""
        return {
            "schema": 1,
            "detector": self.detector,
            "parameters": dict(self.parameters),
            "of": self.of,
            "n": self.n,
            "left_out": self.left_out,
            "mean": self.mean,
            "state": self.state,
            "changes": [each.to_dict() for each in self.changes],
        }


def detect_stream(
    source: Any,
    *,
    column: str | None = None,
    spec: ModelSpec | None = None,
    timestamp: str | None = None,
    detector: str = "adwin",
    parameters: Mapping[str, float | int | str] | None = None,
    state: Path | None = None,
) -> StreamReport:
    """Run a detector over a file or frame.

    Rows are taken in the order in which their labels came (``columns.label_timestamp``), else in order of time, else
    as they stand.

    Args:
        source: a path (Parquet, CSV, Arrow) or a frame.
        column: the column of errors or losses; else they are made of the specification's label and prediction: 0 or 1
            for classes, the absolute error of numbers, the squared error of a score.
        spec: the model's specification.
        timestamp: the column of times, without a specification.
        detector: a key or an alias.
        parameters: of the detector, by name.
        state: a file that the detector's state is read from, if it is there, and written to: the next run goes on.

    Raises:
        DataError: the source cannot be read, or a value is none that the detector takes.
        SpecError: there is nothing to make errors of.
        UnknownNameError: there is no such detector.
        UserError: a wrong parameter, or a state that cannot be used.
        MissingPartError: river is not installed.
    """
    table = read_table(source)
    values, of = _values(table, column, spec, describe_source(source))
    at = _times(table, spec, timestamp)
    order = np.arange(len(values)) if at is None else np.argsort(at, kind="stable")
    order = order[np.isfinite(values[order])]
    key = stream_detectors.key(detector)
    running = _restore(key, parameters, state) or _make(key, parameters)
    report = _run(running, values[order], None if at is None else at[order])
    if state is not None:
        _keep(state, report.snapshot)
    taken = {**stream_detectors[key].parameters, **report.snapshot.get("parameters", {})}
    return replace(report, detector=key, parameters=taken, of=of, left_out=len(values) - len(order))


def _run(detector: StreamDetector, values: Values, at: NDArray[np.int64] | None) -> StreamReport:
    spoke: list[tuple[int, int, int, float]] = []
    state = ""
    for place, value in enumerate(values.tolist()):
        try:
            result = detector.update(value)
        except ValueError as error:
            raise DataError(f"value {place + 1:,}: {error}") from None
        state = result.state
        if result.drifted:
            spoke.append((place, result.n - 1, result.n_since, result.mean))
    ends = [*(place for place, *_ in spoke[1:]), len(values)] if spoke else []
    changes = [
        StreamChange(row, _instant(at, place), n, mean, float(values[place:end].mean()) if end > place else None)
        for (place, row, n, mean), end in zip(spoke, ends, strict=True)
    ]
    mean = float(values.mean()) if len(values) else None
    return StreamReport("", {}, "", len(values), 0, mean, tuple(changes), state, detector.snapshot())


def _instant(at: NDArray[np.int64] | None, place: int) -> int | None:
    return None if at is None or at[place] == _LAST else int(at[place])


def _values(table: pa.Table, column: str | None, spec: ModelSpec | None, source: str) -> tuple[Values, str]:
    if column is not None:
        return _numbers(table, column, source), column
    if spec is None:
        raise UserError("say what the stream is: --column of errors, or --spec with the label and the prediction")
    label, prediction, score = spec.columns.label, spec.columns.prediction, spec.columns.score
    if label is None or (prediction is None and not isinstance(score, str)):
        raise SpecError("errors are made of the label and the prediction or score; name both", path="columns")
    if prediction is None:
        return (_numbers(table, str(score), source) - _numbers(table, label, source)) ** 2, "squared error of the score"
    kinds = {read_kind(_column(table, name, source)) for name in (label, prediction)}
    if spec.task in {"binary", "multiclass"} or kinds != {ColumnKind.NUMERIC}:
        return _mistakes(table, label, prediction, source), "wrong predictions"
    return np.abs(_numbers(table, prediction, source) - _numbers(table, label, source)), "absolute error"


def _mistakes(table: pa.Table, label: str, prediction: str, source: str) -> Values:
    """1 where the two differ, 0 where not, NaN where one is missing; true is 1, false is 0."""
    codes: list[NDArray[np.int64]] = []
    places: dict[str, int] = {}
    for name in (label, prediction):
        categories = read_categories(_column(table, name, source))
        texts = [_FLAGS.get(text.lower(), text) for text in categories.dictionary]
        ours = np.array([*(places.setdefault(text, len(places)) for text in texts), -1], dtype=np.int64)
        codes.append(ours[categories.codes])
    return np.where((codes[0] < 0) | (codes[1] < 0), np.nan, (codes[0] != codes[1]).astype(np.float64))


def _numbers(table: pa.Table, name: str, source: str) -> Values:
    column = _column(table, name, source)
    if read_kind(column) is ColumnKind.BOOLEAN:
        column = column.cast(pa.int8())
    try:
        numbers, bad = read_numbers(column)
    except DataError as error:
        raise DataError(f"{name!r}: {error}", column=name) from None
    if bad == len(column) - column.null_count > 0:
        raise DataError(f"no value of {name!r} is a number", column=name)
    return numbers.with_nan


def _column(table: pa.Table, name: str, source: str) -> pa.ChunkedArray:
    if name not in table.column_names:
        raise DataError(
            f"{source} has no column {name!r}.{nearest(name, table.column_names)} "
            f"Columns: {', '.join(table.column_names[:20])}",
            column=name,
        )
    return table.column(name)


def _times(table: pa.Table, spec: ModelSpec | None, timestamp: str | None) -> NDArray[np.int64] | None:
    """When each row's label came, else when it was predicted; rows without a time come last."""
    wanted = [timestamp] if spec is None else [timestamp, spec.columns.label_timestamp, spec.columns.timestamp]
    name = next((each for each in wanted if each is not None), None)
    if name is None:
        return None
    column = _column(table, name, "the log")
    try:
        at = read_times(column, (spec or ModelSpec(model="stream")).zone)
    except DataError as error:
        raise DataError(f"{name!r}: {error}", column=name) from None
    return np.where(at == NO_TIME, _LAST, at)


def _make(key: str, parameters: Mapping[str, float | int | str] | None) -> StreamDetector:
    try:
        return stream_detectors[key].make(**(parameters or {}))
    except (ValueError, TypeError) as error:
        raise UserError(f"the detector cannot be made: {error}") from None


def _restore(key: str, parameters: Mapping[str, float | int | str] | None, state: Path | None) -> StreamDetector | None:
    if state is None or not state.exists():
        return None
    try:
        snapshot = json.loads(state.read_text(encoding="utf-8"))
        _check(snapshot, key, parameters or {})
        return stream_detectors[key].restore(snapshot)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"the state in {state} cannot be used: {error}. Delete it to begin anew") from None


def _check(snapshot: Mapping[str, Any], key: str, parameters: Mapping[str, float | int | str]) -> None:
    if snapshot.get("method") != key:
        raise ValueError(f"it is the state of {snapshot.get('method')}, not of {key}")
    if any(snapshot["parameters"].get(name) != value for name, value in parameters.items()):
        raise ValueError("it was made with other parameters")


def _keep(state: Path, snapshot: Mapping[str, Any]) -> None:
    """In one step: a run that is killed leaves the state of before."""
    fresh = state.with_name(f"{state.name}.new")
    try:
        fresh.write_text(json.dumps(snapshot, allow_nan=False), encoding="utf-8")
        fresh.replace(state)
    except OSError as error:
        raise UserError(f"cannot write the state to {state}: {error.strerror}") from None
