"""What several numbers, embeddings and texts are profiled in: frames of moments, and vocabularies.

They are registered insert-or-read beside the codecs, under names that no feature can have, so that every process uses
the same ones. A batch of 200 rows or more proposes them; for a model whose batches are smaller a worker does, from the
stored blocks. A vocabulary is used from the next batch on: none of the texts that it was made of is held against it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from driftwatch.domain.signal import ColumnKind
from driftwatch.monitors.spec import ModelSpec
from driftwatch.profiles.bucket import CategoricalColumn, Column, NumericColumn
from driftwatch.profiles.moments import NUMERIC_TOGETHER, MomentsFrame, propose_frame
from driftwatch.profiles.text import LEAST_TEXTS, Vocabulary, derive
from driftwatch.storage import registration
from driftwatch.wire import FeatureColumn

__all__ = ["FRAME_ROWS", "Frames", "derive_texts", "is_frame", "kind_on_the_wire", "propose_frames", "read_frames"]
__all__ += ["read_vectors", "register_frames", "texts_of"]

FRAME_ROWS = 200
"""Rows from which a frame is good."""

_MOST_ROWS = 20_000
_LEAST_COLUMNS = 2
_MOMENTS, _VOCABULARY = "\x1fmoments", "\x1fvocabulary"


@dataclass(frozen=True, slots=True)
class Frames:
    """What is registered, or proposed, of one model.

    Attributes:
        moments: by embedding, and of the numeric features together under `NUMERIC_TOGETHER`.
        vocabularies: by text column.
    """

    moments: Mapping[str, MomentsFrame] = field(default_factory=dict)
    vocabularies: Mapping[str, Vocabulary] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.moments or self.vocabularies)


def is_frame(name: str) -> bool:
    """Whether a name in the table of codecs is that of a frame or a vocabulary."""
    return name.endswith((_MOMENTS, _VOCABULARY))


def read_frames(payloads: Mapping[str, bytes]) -> Frames:
    """The frames and vocabularies among everything that is registered of a model."""
    moments = _named(payloads, _MOMENTS)
    vocabularies = _named(payloads, _VOCABULARY)
    return Frames(
        {name: _frame(payload) for name, payload in moments.items()},
        {name: _vocabulary(payload) for name, payload in vocabularies.items()},
    )


def register_frames(conn: Connection, model_id: int, proposed: Frames, *, at: int) -> Frames:
    """Propose; returns the ones that everybody uses."""
    payloads = {name + _MOMENTS: frame.to_bytes() for name, frame in proposed.moments.items()}
    payloads |= {name + _VOCABULARY: each.to_bytes() for name, each in proposed.vocabularies.items()}
    return read_frames(registration.ensure_codecs(conn, model_id, payloads, at=at))


def propose_frames(
    known: Frames,
    spec: ModelSpec | None,
    features: Mapping[str, Column],
    vectors: Mapping[str, NDArray[np.float32]],
    texts: Mapping[str, CategoricalColumn],
) -> Frames:
    """What a model has no frame or vocabulary for yet, and rows enough to make one.

    Args:
        known: what it has.
        spec: its declaration; the numeric features that it declares, or else all, are taken together.
        features: n values each.
        vectors: embeddings, float32[n, d].
        texts: text columns.
    """
    moments: dict[str, MomentsFrame] = {}
    if NUMERIC_TOGETHER not in known.moments:
        wanted = spec.features.numeric if spec is not None and spec.features.names else sorted(features)
        columns = {name: column for name in wanted if isinstance(column := features.get(name), NumericColumn)}
        values = {name: _thinned(column.present) for name, column in columns.items()}
        enough = max((int(np.isfinite(each).sum()) for each in values.values()), default=0) >= FRAME_ROWS
        if len(values) >= _LEAST_COLUMNS and enough:
            moments[NUMERIC_TOGETHER] = propose_frame(values)
    for name, rows in vectors.items():
        usable = _thinned(rows[np.isfinite(rows).all(axis=1)].astype(np.float64))
        if name not in known.moments and len(usable) >= FRAME_ROWS and usable.shape[1]:
            moments[name] = propose_frame({str(place): usable[:, place] for place in range(usable.shape[1])})
    vocabularies = {
        name: Vocabulary.of(column.dictionary)
        for name, column in texts.items()
        if name not in known.vocabularies and len(column.dictionary) >= LEAST_TEXTS
    }
    return Frames(moments, vocabularies)


def derive_texts(texts: Mapping[str, CategoricalColumn], frames: Frames) -> dict[str, Column]:
    """The numeric features that text columns become."""
    derived: dict[str, Column] = {}
    for name, column in texts.items():
        derived |= derive(name, column, frames.vocabularies.get(name))
    return derived


def read_vectors(column: FeatureColumn, dimensions: int | None = None) -> NDArray[np.float32]:
    """An embedding column as float32[n, d], NaN in rows that have none or one of another length.

    Args:
        column: as sent.
        dimensions: d; the most frequent length, if left out.
    """
    packed = [each if isinstance(each, bytes) else b"" for each in column.values or ()]
    if dimensions is None:
        sizes = [len(each) for each in packed if each]
        dimensions = max(sorted(set(sizes)), key=sizes.count, default=0) // 4
    nothing = np.full(dimensions, np.nan, dtype="<f4").tobytes()
    fitting = b"".join(each if len(each) == len(nothing) else nothing for each in packed)
    return np.frombuffer(fitting, dtype="<f4").astype(np.float32).reshape(len(packed), dimensions)


def texts_of(features: Mapping[str, Column], spec: ModelSpec | None) -> dict[str, CategoricalColumn]:
    """The columns that the model declares as text."""
    declared = spec.features.text if spec is not None else ()
    return {name: column for name in declared if isinstance(column := features.get(name), CategoricalColumn)}


def kind_on_the_wire(kind: str) -> str:
    """The kind in which a feature of a registered kind is sent and stored: a text as categories."""
    return ColumnKind.CATEGORICAL if kind == ColumnKind.TEXT else kind


def _thinned(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """At most 20,000 of the rows, spread evenly."""
    return values[:: -(-len(values) // _MOST_ROWS) or 1]


def _named(payloads: Mapping[str, bytes], ending: str) -> dict[str, bytes]:
    return {name.removesuffix(ending): payload for name, payload in payloads.items() if name.endswith(ending)}


@lru_cache(maxsize=1024)
def _frame(payload: bytes) -> MomentsFrame:
    """Decoded once a process: a frame's projection costs more than a small batch."""
    return MomentsFrame.from_bytes(payload)


@lru_cache(maxsize=256)
def _vocabulary(payload: bytes) -> Vocabulary:
    return Vocabulary.from_bytes(payload)
