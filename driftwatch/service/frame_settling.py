"""Frames and vocabularies of models whose batches are too small to propose any: from the rows that are stored."""

import logging
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from driftwatch.domain.signal import ColumnKind
from driftwatch.errors import DriftwatchError
from driftwatch.profiles.bucket import CategoricalColumn, Column, NumericColumn
from driftwatch.profiles.moments import NUMERIC_TOGETHER
from driftwatch.service.batch import read_column
from driftwatch.service.binning import read_binnings
from driftwatch.service.feature_block import BlockColumns, read_block
from driftwatch.service.framing import Frames, propose_frames, read_vectors, register_frames, texts_of
from driftwatch.service.hourly_settling import HourlySettler
from driftwatch.service.ingest_plan import read_spec
from driftwatch.service.output import as_kind
from driftwatch.storage import block_listing, registration
from driftwatch.storage.registration import ModelRow
from driftwatch.storage.store import Store

__all__ = ["FrameSettler", "settle_frames"]

_LOG = logging.getLogger("driftwatch.frame")

_ROWS = 2_000
_MOST_BLOCKS = 2_000


class FrameSettler(HourlySettler):
    """Makes frames and vocabularies."""

    def _waiting(self, conn: Connection, model: ModelRow) -> frozenset[str]:
        return _waiting(conn, model)

    def _settle(self, model: ModelRow) -> list[str]:
        return settle_frames(self._store, model)


def settle_frames(store: Store, model: ModelRow) -> list[str]:
    """Make and register the frames and vocabularies of a model that are missing, if it has rows enough.

    Returns:
        Of what: embeddings, text columns, and ``""`` for the numeric features together.
    """
    spec = read_spec(model.spec)
    with store.read() as conn:
        known = read_binnings(conn, model.id).frames
        blocks = list(_read_blocks(conn, model))
    features, vectors = _join(blocks)
    if spec is not None:
        for name, kind in spec.features.kinds().items():
            turned = as_kind(features[name], kind) if name in features else None
            features = {**features, name: turned} if turned is not None else features
    proposed = propose_frames(known, spec, features, vectors, texts_of(features, spec))
    if not proposed:
        return []
    with store.begin() as conn:
        register_frames(conn, model.id, proposed, at=store.now(conn))
    settled = sorted({*proposed.moments, *proposed.vocabularies})
    _LOG.info("frames registered: model=%s of=%d", model.name, len(settled))
    return settled


def _waiting(conn: Connection, model: ModelRow) -> frozenset[str]:
    """What could have a frame or a vocabulary, and has none."""
    known: Frames = read_binnings(conn, model.id).frames
    kinds: dict[str, str] = {}
    for version in registration.list_versions(conn, model.id):
        kinds |= {name: row.kind for name, row in registration.read_features(conn, version.id).items()}
    waiting = {name for name, kind in kinds.items() if kind == ColumnKind.EMBEDDING and name not in known.moments}
    waiting |= {name for name, kind in kinds.items() if kind == ColumnKind.TEXT and name not in known.vocabularies}
    several = sum(kind == ColumnKind.NUMERIC for kind in kinds.values()) > 1
    return frozenset(waiting | ({NUMERIC_TOGETHER} if several and NUMERIC_TOGETHER not in known.moments else set()))


def _read_blocks(conn: Connection, model: ModelRow) -> Iterable[BlockColumns]:
    """The newest blocks, until they hold 2,000 rows."""
    versions = [version.id for version in registration.list_versions(conn, model.id)]
    rows = 0
    for reference in reversed(block_listing.list_blocks(conn, versions)[-_MOST_BLOCKS:]):
        found = block_listing.read_block(conn, reference)
        try:
            columns = read_block(found.codec, found.payload) if found else None
        except (DriftwatchError, ValueError):
            _LOG.exception("block %s cannot be read and is passed over", reference.id.hex())
            continue
        if columns is not None:
            yield columns
            rows += columns.n
            if rows >= _ROWS:
                return


def _join(blocks: list[BlockColumns]) -> tuple[dict[str, Column], dict[str, NDArray[np.float32]]]:
    """Numeric, text and embedding columns of all blocks; each over the blocks that have it."""
    numbers: dict[str, list[NDArray[np.float64]]] = {}
    texts: dict[str, dict[str, None]] = {}
    packed: dict[str, list[NDArray[np.float32]]] = {}
    for block in blocks:
        for name, column in block.features.items():
            if column.kind == ColumnKind.EMBEDDING:
                packed.setdefault(name, []).append(read_vectors(column))
                continue
            read = read_column(column) if column.kind in (ColumnKind.NUMERIC, ColumnKind.CATEGORICAL) else None
            if isinstance(read, NumericColumn):
                numbers.setdefault(name, []).append(read.present)
            elif isinstance(read, CategoricalColumn):
                texts.setdefault(name, {}).update(dict.fromkeys(read.dictionary))
    features: dict[str, Column] = {name: NumericColumn(np.concatenate(parts)) for name, parts in numbers.items()}
    for name, seen in texts.items():
        features.setdefault(name, CategoricalColumn(list(seen), np.arange(len(seen), dtype=np.int32)))
    return features, {name: _of_one_length(parts) for name, parts in packed.items()}


def _of_one_length(parts: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """The vectors of the most frequent length."""
    sizes = [part.shape[1] for part in parts for _ in range(len(part))]
    most = max(sorted(set(sizes)), key=sizes.count)
    return np.concatenate([part for part in parts if part.shape[1] == most])
