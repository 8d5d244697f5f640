"""Feature blocks: how the feature columns of some rows of one day are written and read again.

Below 1,024 rows a block is the frame as it came (a one-row Arrow block is 4.2 KB, the frame 237 bytes); from there on,
and after compaction, it is an Arrow IPC stream, compressed with zstd, with one field a feature (``features.<name>``)
and one a tag (``tags.<name>``).
"""

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from driftwatch.wire import FeatureColumn, Frame, decode, encode, to_bytes

__all__ = ["ARROW_FROM", "BlockColumns", "join_blocks", "read_block", "take_rows", "write_block"]

ARROW_FROM = 1024
"""Rows from which a block is written as Arrow."""

_FEATURE, _TAG = "features.", "tags."
_ENVELOPE = ("prediction", "score", "latency_seconds", "error", "request_id", "entity")


@dataclass(frozen=True, slots=True, eq=False)
class BlockColumns:
    """What a block holds: `n` rows, features by name, tags by name."""

    n: int
    features: Mapping[str, FeatureColumn]
    tags: Mapping[str, Sequence[Any]]


def write_block(frame: Frame, rows: NDArray[np.int64]) -> tuple[str, bytes]:
    """The features of some rows of a frame, as ``(codec, payload)``.

    Args:
        frame: the batch.
        rows: int64[k], positions in the frame, of one UTC day.
    """
    whole = len(rows) == frame.n
    if len(rows) < ARROW_FROM:
        return "frame", frame.raw if whole and frame.raw else encode(frame if whole else take_rows(frame, rows))
    kept = frame if whole else take_rows(frame, rows)
    return "arrow", _to_arrow(BlockColumns(kept.n, kept.features, kept.tags))


def read_block(codec: str, payload: bytes) -> BlockColumns:
    """The columns of a block.

    Raises:
        ValueError: the codec is not known.
        FrameError: the payload is damaged.
    """
    if codec == "frame":
        frame = decode(payload)
        return BlockColumns(frame.n, frame.features, frame.tags)
    if codec == "arrow":
        return _from_arrow(payload)
    raise ValueError(f"a block in the codec {codec!r} cannot be read by this release")


def join_blocks(blocks: Iterable[BlockColumns], kinds: Mapping[str, str]) -> bytes:
    """Several blocks as one Arrow payload, rows in the same order.

    Args:
        blocks: in the order of their rows.
        kinds: registered kind by feature; values of another kind are left out (they are in quarantine).
    """
    parts = list(blocks)
    features = {
        name: _join([(part.features.get(name), part.n) for part in parts], kind) for name, kind in kinds.items()
    }
    names = dict.fromkeys(name for part in parts for name in part.tags)
    tags = {name: [value for part in parts for value in part.tags.get(name, [None] * part.n)] for name in names}
    present = {name: column for name, column in features.items() if column is not None}
    return _to_arrow(BlockColumns(sum(part.n for part in parts), present, tags))


def take_rows(frame: Frame, rows: NDArray[np.int64]) -> Frame:
    """Some rows of a frame, as a frame of its own (without `raw`)."""
    places = rows.tolist()

    def pick(values: Sequence[Any] | None) -> list[Any] | None:
        return None if values is None else [values[place] for place in places]

    envelope: dict[str, Any] = {name: pick(getattr(frame, name)) for name in _ENVELOPE}
    return Frame(
        batch_id=frame.batch_id,
        model=frame.model,
        environment=frame.environment,
        version=frame.version,
        deployment=frame.deployment,
        sdk=frame.sdk,
        sample_rate=frame.sample_rate,
        ids=[frame.ids[place] for place in places],
        at=np.frombuffer(frame.at, dtype="<i8")[rows].tobytes(),
        **envelope,
        features={name: _take(column, rows) for name, column in frame.features.items()},
        tags={name: [values[place] for place in places] for name, values in frame.tags.items()},
    )


def _take(column: FeatureColumn, rows: NDArray[np.int64]) -> FeatureColumn:
    if column.codes is not None:
        codes = np.frombuffer(column.codes, dtype="<i4")[rows].tobytes()
        return FeatureColumn(column.kind, dictionary=column.dictionary, codes=codes)
    if isinstance(column.values, bytes):
        return FeatureColumn(column.kind, values=np.frombuffer(column.values, dtype="<f8")[rows].tobytes())
    values = column.values or []
    return FeatureColumn(column.kind, values=[values[row] for row in rows.tolist()])


def _join(parts: Sequence[tuple[FeatureColumn | None, int]], kind: str) -> FeatureColumn | None:
    """One feature over several blocks; where a block lacks it, or has it in another kind, its rows are null."""
    if not any(column is not None and column.kind == kind for column, _ in parts):
        return None
    if kind == "categorical":
        places: dict[str, int] = {}
        codes = [_recode(column, n, places) for column, n in parts]
        return FeatureColumn(kind, dictionary=list(places), codes=np.concatenate(codes).astype("<i4").tobytes())
    values: list[Any] = []
    for column, n in parts:
        values += _plain(column, kind, n)
    if kind == "numeric" and None not in values:
        return FeatureColumn(kind, values=to_bytes("d", values))
    return FeatureColumn(kind, values=values)


def _plain(column: FeatureColumn | None, kind: str, n: int) -> list[Any]:
    """Values as a frame's list has them (embeddings stay packed), or nulls where there are none of this kind."""
    if column is None or column.kind != kind:
        return [None] * n
    return list(column.values or []) if kind == "embedding" else column.to_list()


def _recode(column: FeatureColumn | None, n: int, places: dict[str, int]) -> NDArray[np.int32]:
    if column is None or column.codes is None or column.dictionary is None:
        return np.full(n, -1, dtype=np.int32)
    local = [places.setdefault(text, len(places)) for text in column.dictionary]
    codes: NDArray[np.int32] = np.array([*local, -1], dtype=np.int32)[np.frombuffer(column.codes, dtype="<i4")]
    return codes


def _to_arrow(columns: BlockColumns) -> bytes:
    arrays = {f"{_FEATURE}{name}": _array(column) for name, column in columns.features.items()}
    arrays |= {f"{_TAG}{name}": _tag_array(values) for name, values in columns.tags.items()}
    fields = [pa.field(name, array.type, metadata={"kind": kind}) for name, (array, kind) in arrays.items()]
    schema = pa.schema(fields, metadata={"n": str(columns.n)})
    batch = pa.record_batch([array for array, _ in arrays.values()], schema=schema)
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_batch(batch)
    return sink.getvalue()


def _array(column: FeatureColumn) -> tuple[pa.Array, str]:
    if column.codes is not None:
        codes = np.frombuffer(column.codes, dtype="<i4")
        indices = pa.array(codes, pa.int32(), mask=codes < 0)
        return pa.DictionaryArray.from_arrays(indices, pa.array(column.dictionary, pa.string())), column.kind
    if isinstance(column.values, bytes):
        return pa.array(np.frombuffer(column.values, dtype="<f8")), column.kind
    types = {"numeric": pa.float64(), "boolean": pa.bool_(), "embedding": pa.binary(), "null": pa.null()}
    return pa.array(column.values, types[column.kind]), column.kind


def _tag_array(values: Sequence[Any]) -> tuple[pa.Array, str]:
    """Tags are for slicing: text where they are mixed."""
    try:
        return pa.array(values), "tag"
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return pa.array([None if value is None else str(value) for value in values], pa.string()), "tag"


def _from_arrow(payload: bytes) -> BlockColumns:
    with pa.ipc.open_stream(payload) as reader:
        table = reader.read_all()
    features: dict[str, FeatureColumn] = {}
    tags: dict[str, list[Any]] = {}
    for field, column in zip(table.schema, table.columns, strict=True):
        array = column.combine_chunks()
        if field.name.startswith(_TAG):
            tags[field.name.removeprefix(_TAG)] = array.to_pylist()
        else:
            features[field.name.removeprefix(_FEATURE)] = _column(field.metadata[b"kind"].decode(), array)
    return BlockColumns(int(table.schema.metadata[b"n"]), features, tags)


def _column(kind: str, array: pa.Array) -> FeatureColumn:
    if pa.types.is_dictionary(array.type):
        codes = array.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype("<i4")
        return FeatureColumn(kind, dictionary=array.dictionary.to_pylist(), codes=codes.tobytes())
    if kind == "numeric" and array.null_count == 0:
        return FeatureColumn(kind, values=array.to_numpy(zero_copy_only=False).astype("<f8").tobytes())
    return FeatureColumn(kind, values=array.to_pylist())
