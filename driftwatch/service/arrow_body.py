"""An Arrow IPC stream as a frame.

The batch says who it is in the schema's metadata (``batch_id``, ``model``, ``version``, ``deployment``,
``environment``) or in the request's query. Columns named ``id``, ``at``, ``prediction``, ``score``,
``latency_seconds``, ``error``, ``request_id`` and ``entity`` are the envelope, ``tags.<name>`` are tags, every other
column, or ``features.<name>``, is a feature.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from driftwatch.domain.signal import ColumnKind
from driftwatch.errors import BodyTooLargeError, DataError, FrameError
from driftwatch.profiles.bucket import CategoricalColumn, NumericColumn
from driftwatch.service.arrow_column import (
    NO_TIME,
    read_categories,
    read_embeddings,
    read_kind,
    read_numbers,
    read_times,
)
from driftwatch.service.batch import Fault
from driftwatch.wire import FeatureColumn, Frame, clean_text, encode, new_id

__all__ = ["CONTENT_TYPE", "ArrowBatch", "envelope_values", "frame_from_arrow", "frame_from_table", "wire_column"]
__all__ += ["wire_vectors"]

CONTENT_TYPE = "application/vnd.apache.arrow.stream"

_ENVELOPE = ("prediction", "score", "latency_seconds", "error", "request_id", "entity")
_NUMBERS = ("score", "latency_seconds")
_HEADER = ("batch_id", "model", "version", "deployment", "environment", "sdk")
_ID_BYTES = 128
_UTC = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class ArrowBatch:
    """A table as a frame.

    Attributes:
        frame: the rows that can be read.
        faults: what was left out.
        positions: where each row of the frame stood in the table.
        named: whether the client gave the batch an id.
    """

    frame: Frame
    faults: Sequence[Fault]
    positions: Sequence[int]
    named: bool


def frame_from_arrow(body: bytes, query: Mapping[str, str], *, batch_id: str | None, limit: int) -> ArrowBatch:
    """Read a body.

    Args:
        body: an Arrow IPC stream.
        query: of the request: what the schema's metadata leaves out.
        batch_id: from ``Idempotency-Key``.
        limit: the most bytes that the table may take.

    Raises:
        FrameError: the bytes are no Arrow stream.
        DataError: a column or a name is missing or wrong.
        BodyTooLargeError: more than `limit` bytes.
    """
    try:
        with pa.ipc.open_stream(body) as reader:
            batches, size = [], 0
            for batch in reader:
                size += batch.nbytes
                if size > limit:
                    raise BodyTooLargeError(f"the table holds more than {limit:,} bytes; send fewer rows", limit=limit)
                batches.append(batch)
            table = pa.Table.from_batches(batches, reader.schema)
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise FrameError(f"the body is no Arrow IPC stream: {error}") from None
    metadata = {
        key.decode(errors="replace"): value.decode(errors="replace")
        for key, value in (table.schema.metadata or {}).items()
    }
    header = {name: metadata.get(name) or query.get(name) for name in _HEADER}
    header["batch_id"] = header["batch_id"] or batch_id
    return frame_from_table(table, {name: value for name, value in header.items() if value})


def frame_from_table(table: pa.Table, header: Mapping[str, str]) -> ArrowBatch:
    """Make a frame of a table whose columns have the names above; without a ``batch_id`` it is given one.

    Raises:
        DataError: a column or a name is missing or wrong.
    """
    names: dict[str, Any] = {
        name: clean_text(value, _ID_BYTES if name == "batch_id" else 256) for name, value in header.items()
    }
    named = "batch_id" in names
    names.setdefault("batch_id", new_id())
    if not names.get("model"):
        raise DataError("model: missing; give it in the schema's metadata or in the query, ?model=flights")
    if "at" not in table.column_names:
        raise DataError(f"at: there is no column 'at'; columns: {', '.join(table.column_names[:20])}", column="at")
    if len(set(table.column_names)) != len(table.column_names):
        raise DataError("columns: a name stands twice")
    at = read_times(table.column("at"), _UTC)
    ids, faults = _ids(table)
    faults += [Fault(row, "at", "no time") for row in np.flatnonzero(at == NO_TIME).tolist()]
    bad = {fault.row for fault in faults}
    rows = [row for row in range(table.num_rows) if row not in bad]
    if bad:
        table, at = table.take(pa.array(rows, pa.int64())), at[rows]
    features, tags = _columns(table, faults)
    envelope: dict[str, Any] = {
        name: envelope_values(name, table.column(name), faults) for name in _ENVELOPE if name in table.column_names
    }
    frame = Frame(
        ids=[ids[row] or "" for row in rows],
        at=at.astype("<i8").tobytes(),
        features=features,
        tags=tags,
        **names,
        **envelope,
    )
    frame.raw = encode(frame)
    return ArrowBatch(frame, faults, rows, named)


def _ids(table: pa.Table) -> tuple[list[str | None], list[Fault]]:
    if "id" not in table.column_names:
        return [new_id() for _ in range(table.num_rows)], []
    ids: list[str | None] = []
    faults = []
    categories = read_categories(table.column("id"))
    fits = [0 < len(text.encode()) <= _ID_BYTES and "\0" not in text for text in categories.dictionary]
    for row, code in enumerate(categories.codes.tolist()):
        ids.append(categories.dictionary[code] if code >= 0 else None)
        if code < 0 or not fits[code]:
            faults.append(Fault(row, None, f"the id is not a text of 1 to {_ID_BYTES} bytes"))
    return ids, faults


def _columns(table: pa.Table, faults: list[Fault]) -> tuple[dict[str, FeatureColumn], dict[str, list[Any]]]:
    features: dict[str, FeatureColumn] = {}
    tags: dict[str, list[Any]] = {}
    for name in table.column_names:
        if name in {"id", "at", *_ENVELOPE}:
            continue
        if name.startswith("tags."):
            tags[name.removeprefix("tags.")] = _texts(table.column(name), 256)
            continue
        feature = name.removeprefix("features.")
        column = feature_column(table.column(name))
        if column is None:
            faults.append(Fault(None, feature, f"values of type {table.column(name).type} are no feature"))
        else:
            features[feature] = column
    return features, tags


def feature_column(column: pa.ChunkedArray) -> FeatureColumn | None:
    """An Arrow column as a feature, or None where its type is nothing that is profiled."""
    if pa.types.is_null(column.type):
        return FeatureColumn("null", values=[None] * len(column))
    kind = read_kind(column)
    if kind is None:
        return None
    if kind is ColumnKind.NUMERIC:
        return wire_column(read_numbers(column)[0], kind.value)
    if kind is ColumnKind.EMBEDDING:
        return wire_vectors(read_embeddings(column))
    return wire_column(read_categories(column, boolean=kind is ColumnKind.BOOLEAN), kind.value)


def wire_column(column: NumericColumn | CategoricalColumn, kind: str) -> FeatureColumn:
    """A column of arrays as a frame has it."""
    if isinstance(column, NumericColumn):
        if column.nulls is None:
            return FeatureColumn(kind, values=column.values.astype("<f8").tobytes())
        pairs = zip(column.values.tolist(), column.nulls.tolist(), strict=True)
        return FeatureColumn(kind, values=[None if null else value for value, null in pairs])
    if kind == ColumnKind.BOOLEAN:
        flags = [text == "true" for text in column.dictionary]
        return FeatureColumn(kind, values=[None if code < 0 else flags[code] for code in column.codes.tolist()])
    dictionary = [clean_text(text) for text in column.dictionary]
    if len(set(dictionary)) == len(dictionary):
        return FeatureColumn(kind, dictionary=dictionary, codes=column.codes.astype("<i4").tobytes())
    places = {text: place for place, text in enumerate(dict.fromkeys(dictionary))}
    merged = np.array([*(places[text] for text in dictionary), -1], dtype="<i4")[column.codes]
    return FeatureColumn(kind, dictionary=list(places), codes=merged.tobytes())


def wire_vectors(vectors: NDArray[np.float32]) -> FeatureColumn:
    """Embeddings float32[n, d] as a frame has them; a row that is not finite has none."""
    usable = np.isfinite(vectors).all(axis=1) & (vectors.shape[1] > 0)
    packed = [row.astype("<f4").tobytes() if good else None for row, good in zip(vectors, usable, strict=True)]
    return FeatureColumn(ColumnKind.EMBEDDING.value, values=packed)


def envelope_values(name: str, column: pa.ChunkedArray, faults: list[Fault]) -> list[Any]:
    """A column of the envelope as a frame has it: plain values and None."""
    if name in _NUMBERS:
        numbers, bad = read_numbers(column)
        if bad:
            faults.append(Fault(None, name, f"{bad} values are no numbers"))
        nulls = np.isnan(numbers.values) if numbers.nulls is None else numbers.nulls
        return [None if null else value for value, null in zip(numbers.values.tolist(), nulls.tolist(), strict=True)]
    kind = read_kind(column)
    if name == "prediction" and kind in (ColumnKind.NUMERIC, ColumnKind.BOOLEAN):
        return list(column.to_pylist()) if kind is ColumnKind.BOOLEAN else envelope_values("score", column, faults)
    if name == "error" and kind is ColumnKind.BOOLEAN:
        return list(column.to_pylist())
    return _texts(column, 1024 if name == "error" else 256 if name == "prediction" else _ID_BYTES)


def _texts(column: pa.ChunkedArray, limit: int) -> list[str | None]:
    categories = read_categories(column)
    texts: list[str | None] = [clean_text(text, limit) for text in categories.dictionary]
    return [texts[code] if code >= 0 else None for code in categories.codes.tolist()]
