"""A frame as arrays, screened row by row and column by column: what can be used, and what goes to quarantine."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.domain.instant import MINUTE, to_iso
from driftwatch.domain.signal import ColumnKind
from driftwatch.domain.system import check_name
from driftwatch.profiles.bucket import CategoricalColumn, Column, NumericColumn
from driftwatch.profiles.rows import take
from driftwatch.wire import FeatureColumn, Frame

__all__ = ["AHEAD", "MAX_FEATURES", "MAX_NAME_BYTES", "Batch", "Fault", "read_batch"]

AHEAD = 5 * MINUTE
"""How far ahead of the database's clock a time may be."""

MAX_FEATURES = 1000
MAX_NAME_BYTES = 255

_LATEST_YEARS = 230 * 365 * 24 * 60 * MINUTE
_PROFILED = (ColumnKind.NUMERIC, ColumnKind.CATEGORICAL, ColumnKind.BOOLEAN)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that was sent and cannot be used; it goes to quarantine.

    Attributes:
        row: position in the batch as sent; None for a whole column or the whole batch.
        column: the column at fault; None for the whole row.
        reason: what is wrong, with the value.
        payload: what was sent, so that it can be retried; msgpack.
    """

    row: int | None
    column: str | None
    reason: str
    payload: bytes | None = None

    def to_dict(self) -> dict[str, Any]:
        """As the reply shows it."""
        return {"row": self.row, "column": self.column, "reason": self.reason}


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """The usable rows of one frame.

    Attributes:
        frame: where they come from; its envelope lists are addressed by `rows`.
        content_hash: 32 bytes over the content as sent.
        rows: int64[k], positions in the frame of the rows that are kept.
        at: int64[k] microseconds UTC.
        features: by name, k values each; only kinds that are profiled.
        kinds: kind of every feature with at least one value, the ones that are not profiled too.
        score: float64[k], NaN where a row has none; or None.
        latency_seconds: likewise.
        errors: k texts or None where the row was served; or None.
        faults: what was left out.
        received_at: by the store's clock, microseconds UTC.
    """

    frame: Frame
    content_hash: bytes
    rows: NDArray[np.int64]
    at: NDArray[np.int64]
    features: Mapping[str, Column]
    kinds: Mapping[str, ColumnKind]
    score: NDArray[np.float64] | None
    latency_seconds: NDArray[np.float64] | None
    errors: Sequence[str | None] | None
    faults: tuple[Fault, ...] = field(default=())
    received_at: int = 0

    def __len__(self) -> int:
        return len(self.rows)

    def without_features(self, faults: Mapping[str, Fault]) -> "Batch":
        """The batch without some columns, each with the fault that it is left out for."""
        if not faults:
            return self
        return replace(
            self,
            features={name: column for name, column in self.features.items() if name not in faults},
            kinds={name: kind for name, kind in self.kinds.items() if name not in faults},
            faults=(*self.faults, *faults.values()),
        )

    def values(self, column: Sequence[Any] | None) -> list[Any] | None:
        """The values of one of the frame's envelope columns in the rows that are kept."""
        if column is None or len(self.rows) == self.frame.n:
            return None if column is None else list(column)
        return [column[row] for row in self.rows.tolist()]


def read_batch(
    frame: Frame,
    *,
    now: int,
    content_hash: bytes,
    positions: Sequence[int] | None = None,
    faults: Sequence[Fault] = (),
) -> Batch:
    """Screen a frame.

    Args:
        frame: decoded, and therefore consistent in itself.
        now: the store's clock, microseconds UTC.
        content_hash: 32 bytes over what was sent.
        positions: where each row of the frame stood in what was sent; as they are, if left out.
        faults: what was already left out on the way here.

    Raises:
        SpecError: the model's name is reserved.
    """
    check_name(frame.environment, frame.model)
    at = np.frombuffer(frame.at, dtype="<i8").astype(np.int64)
    found = list(faults)
    keep = _usable_times(at, frame, now, positions, found)
    rows = np.flatnonzero(keep)
    whole = len(rows) == frame.n
    features: dict[str, Column] = {}
    kinds: dict[str, ColumnKind] = {}
    for name, column in frame.features.items():
        fault = _name_fault(name, len(kinds))
        if fault is not None:
            found.append(replace(fault, payload=pack_column(column)))
            continue
        if column.kind == "null":
            continue
        kinds[name] = ColumnKind(column.kind)
        if kinds[name] in _PROFILED:
            whole_column = read_column(column)
            features[name] = whole_column if whole else take(whole_column, rows)
    return Batch(
        frame,
        content_hash,
        rows,
        at[rows],
        features,
        kinds,
        _numbers(frame.score, rows, "score", positions, found),
        _numbers(frame.latency_seconds, rows, "latency_seconds", positions, found, nonnegative=True),
        None if frame.error is None else [_error_text(frame.error[row]) for row in rows.tolist()],
        tuple(found),
        now,
    )


def read_column(column: FeatureColumn) -> Column:
    """The values of a numeric, categorical or boolean feature as they are profiled."""
    if column.dictionary is not None and column.codes is not None:
        return CategoricalColumn(column.dictionary, np.frombuffer(column.codes, dtype="<i4").astype(np.int32))
    if isinstance(column.values, bytes):
        return NumericColumn(np.frombuffer(column.values, dtype="<f8").astype(np.float64))
    values = column.values or []
    if column.kind == ColumnKind.BOOLEAN:
        codes = [-1 if value is None else int(value) for value in values]
        return CategoricalColumn(["false", "true"], np.array(codes, dtype=np.int32))
    nulls = np.array([value is None for value in values], dtype=np.bool_)
    return NumericColumn(np.array(values, dtype=np.float64), nulls if nulls.any() else None)


def pack_column(column: FeatureColumn) -> bytes:
    """A column as quarantine keeps it."""
    import ormsgpack

    return ormsgpack.packb(column.to_wire())


def _usable_times(
    at: NDArray[np.int64], frame: Frame, now: int, positions: Sequence[int] | None, found: list[Fault]
) -> NDArray[np.bool_]:
    ahead = at > now + AHEAD
    before = at < 0
    for row in np.flatnonzero(ahead | before).tolist():
        moment = to_iso(int(at[row])) if 0 <= at[row] < _LATEST_YEARS else f"{int(at[row])} µs"
        why = "is before 1970" if before[row] else f"is more than 5 minutes ahead of the store's clock ({to_iso(now)})"
        found.append(Fault(_position(row, positions), "at", f"the time {moment} {why}", _pack_row(frame, row)))
    return ~(ahead | before)


def _pack_row(frame: Frame, row: int) -> bytes:
    """One row of a frame as quarantine keeps it: the JSON form's shape, in msgpack."""
    import ormsgpack

    envelope = ("prediction", "score", "latency_seconds", "error", "request_id", "entity")
    columns = {name: getattr(frame, name) for name in envelope}
    return ormsgpack.packb(
        {
            "id": frame.ids[row],
            "at": int.from_bytes(frame.at[8 * row : 8 * row + 8], "little", signed=True),
            **{name: values[row] for name, values in columns.items() if values is not None},
            "features": {name: _value(column, row) for name, column in frame.features.items()},
            "tags": {name: values[row] for name, values in frame.tags.items()},
        }
    )


def _value(column: FeatureColumn, row: int) -> Any:
    if column.dictionary is not None and column.codes is not None:
        code = int.from_bytes(column.codes[4 * row : 4 * row + 4], "little", signed=True)
        return None if code < 0 else column.dictionary[code]
    if isinstance(column.values, bytes):
        return float(np.frombuffer(column.values, dtype="<f8", count=1, offset=8 * row)[0])
    return (column.values or [])[row]


def _name_fault(name: str, taken: int) -> Fault | None:
    size = len(name.encode("utf-8", "replace"))
    if not 0 < size <= MAX_NAME_BYTES:
        return Fault(
            None,
            name[:60].encode("utf-8", "replace").decode(),
            f"the feature's name has {size} bytes; a name has 1 to {MAX_NAME_BYTES}",
        )
    if any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in name):
        return Fault(None, ascii(name[:60]), "the feature's name holds a control character")
    if taken >= MAX_FEATURES:
        return Fault(None, name, f"a version has at most {MAX_FEATURES:,} features; this one is beyond them")
    return None


def _numbers(
    values: Sequence[Any] | None,
    rows: NDArray[np.int64],
    name: str,
    positions: Sequence[int] | None,
    found: list[Fault],
    *,
    nonnegative: bool = False,
) -> NDArray[np.float64] | None:
    """An envelope column of numbers; infinities, and negative ones where that is absurd, go to quarantine."""
    if values is None:
        return None
    numbers = np.array(values, dtype=np.float64)[rows]
    wrong = np.isinf(numbers) | ((numbers < 0) if nonnegative else False)
    for place in np.flatnonzero(wrong).tolist():
        row = int(rows[place])
        found.append(Fault(_position(row, positions), name, f"{name} is {numbers[place]}; the row is kept without it"))
    return np.where(wrong, np.nan, numbers)


def _error_text(value: str | bool | None) -> str | None:  # noqa: FBT001 - as the wire has it
    if value is None or value is False or value == "":
        return None
    return "true" if value is True else str(value)


def _position(row: int, positions: Sequence[int] | None) -> int:
    return row if positions is None else positions[row]
