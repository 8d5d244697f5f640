"""When a column gets its codec: as soon as what it will be compared with has been seen.

The bins of a codec are quantiles and never change. Taken from the first hours they would be blind to the rest of the
day and of the year, while the key grid, on which a column is profiled until then, loses nothing. So a codec is built
from rows spread over the whole reference once that has passed: the declared one, else the first 14 days.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from driftwatch.domain.instant import DAY
from driftwatch.errors import DriftwatchError
from driftwatch.monitors.spec import ModelSpec
from driftwatch.profiles.bucket import CategoricalColumn, NumericColumn
from driftwatch.profiles.codec import QUANTILE_BINS, SAMPLE_ROWS, SCORE_BINS, NumericCodec, build_codec
from driftwatch.profiles.grid import KeyGrid
from driftwatch.service.batch import read_column
from driftwatch.service.binning import read_binnings, register_codecs
from driftwatch.service.feature_block import read_block
from driftwatch.service.framing import derive_texts, texts_of
from driftwatch.service.hourly_settling import HourlySettler
from driftwatch.service.ingest_plan import read_spec
from driftwatch.storage import block_listing, prediction_sample, profile, registration
from driftwatch.storage.registration import ModelRow
from driftwatch.storage.store import Store
from driftwatch.wire import FeatureColumn

__all__ = ["FEWEST_ROWS", "GOOD_ROWS", "REFERENCE_DAYS", "CodecSettler", "settle_codecs"]

_LOG = logging.getLogger("driftwatch.codec")

GOOD_ROWS = 2000
"""Finite values from which a codec is good."""

FEWEST_ROWS = 30
"""Finite values without which there is none, however long one waits."""

REFERENCE_DAYS = 14

_GOLDEN = (np.sqrt(5) - 1) / 2
_OUTPUTS = ("score", "prediction")


@dataclass
class _Sample:
    """Finite values of one column, and the time that they cover."""

    parts: list[NDArray[np.float64]] = field(default_factory=list)
    first_at: int = 2**62
    last_at: int = -1

    def add(self, values: NDArray[np.float64], first_at: int, last_at: int) -> None:
        finite = values[np.isfinite(values)]
        if len(finite):
            self.parts.append(finite)
            self.first_at, self.last_at = min(self.first_at, first_at), max(self.last_at, last_at)

    @property
    def n(self) -> int:
        return sum(map(len, self.parts))


class CodecSettler(HourlySettler):
    """Builds codecs of columns."""

    def _waiting(self, conn: Connection, model: ModelRow) -> frozenset[str]:
        return frozenset(_waiting(conn, model.id))

    def _settle(self, model: ModelRow) -> list[str]:
        return _settle(self._store, model)


def settle_codecs(store: Store, *, model_id: int | None = None) -> dict[str, list[str]]:
    """Build and register the codecs that are due.

    Args:
        store: whose.
        model_id: this model only.

    Returns:
        The columns that have a codec since now, by model name.
    """
    with store.read() as conn:
        models = [model for model in registration.list_models(conn) if model_id in (None, model.id)]
    settled = {model.name: _settle(store, model) for model in models}
    return {name: columns for name, columns in settled.items() if columns}


def _waiting(conn: Connection, model_id: int) -> dict[str, KeyGrid]:
    """The columns that have a grid and no codec."""
    binnings = read_binnings(conn, model_id)
    return {name: grid for name, grid in binnings.grids.items() if name not in binnings.codecs}


def _settle(store: Store, model: ModelRow) -> list[str]:
    with store.read() as conn:
        waiting = _waiting(conn, model.id)
        if not waiting or not _reference_passed(conn, model):
            return []
        samples, share = _read_samples(conn, model, waiting)
    codecs = {name: _build(name, sample, waiting[name]) for name, sample in samples.items() if _enough(sample, share)}
    if not codecs:
        return []
    with store.begin() as conn:
        register_codecs(conn, model.id, codecs, at=store.now(conn))
    _LOG.info("codecs registered: model=%s columns=%d", model.name, len(codecs))
    return sorted(codecs)


def _reference_passed(conn: Connection, model: ModelRow) -> bool:
    newest = profile.watermark(conn, model.id)
    if newest is None:
        return False
    spec = read_spec(model.spec)
    end = _declared_end(spec)
    if spec is not None and end is not None:
        return newest >= end - spec.bucket  # its last bucket has begun: nothing is judged before all of it is over
    versions = [version.id for version in registration.list_versions(conn, model.id)]
    blocks = block_listing.list_blocks(conn, versions)
    return bool(blocks) and newest - min(block.first_at for block in blocks) >= REFERENCE_DAYS * DAY


def _declared_end(spec: ModelSpec | None) -> int | None:
    return spec.reference.end if spec is not None and spec.reference is not None else None


def _read_samples(
    conn: Connection, model: ModelRow, waiting: Mapping[str, KeyGrid]
) -> tuple[dict[str, _Sample], float]:
    """Up to 200,000 rows spread over the model's past, by column; and which share of its rows they are."""
    versions = [version.id for version in registration.list_versions(conn, model.id)]
    blocks = block_listing.list_blocks(conn, versions)
    chosen = _spread(blocks)
    spec, frames = read_spec(model.spec), read_binnings(conn, model.id).frames
    samples = {name: _Sample() for name in waiting}
    for reference in chosen:
        found = block_listing.read_block(conn, reference)
        try:
            columns = read_block(found.codec, found.payload).features if found else {}
        except (DriftwatchError, ValueError):
            _LOG.exception("block %s cannot be read and is passed over", reference.id.hex())
            continue
        for name in waiting.keys() & columns.keys():
            if columns[name].kind == "numeric":
                column = read_column(columns[name])
                assert isinstance(column, NumericColumn)  # noqa: S101 - what the kind says
                samples[name].add(column.present, reference.first_at, reference.last_at)
        for name, column in derive_texts(_texts(columns, spec), frames).items():
            if name in waiting and isinstance(column, NumericColumn):
                samples[name].add(column.present, reference.first_at, reference.last_at)
    for role in waiting.keys() & set(_OUTPUTS):
        if not samples[role].n:  # unless a feature has the role's name: then both share its bins
            for values, first_at, last_at in prediction_sample.read_sample(conn, versions, role, limit=SAMPLE_ROWS):
                samples[role].add(values, first_at, last_at)
    read, total = sum(each.n for each in chosen), sum(each.n for each in blocks)
    return samples, read / total if total else 1.0


def _texts(columns: Mapping[str, FeatureColumn], spec: ModelSpec | None) -> dict[str, CategoricalColumn]:
    """The text columns of a block."""
    declared = spec.features.text if spec is not None else ()
    return texts_of({name: read_column(columns[name]) for name in declared if name in columns}, spec)


def _spread(blocks: Sequence[block_listing.BlockRef]) -> list[block_listing.BlockRef]:
    """Blocks of about 200,000 rows, spread evenly and in phase with no day or week."""
    total = sum(each.n for each in blocks)
    if total <= SAMPLE_ROWS:
        return list(blocks)
    wanted = max(1, int(len(blocks) * SAMPLE_ROWS / total))
    places = np.unique((len(blocks) * ((np.arange(wanted) * _GOLDEN) % 1.0)).astype(int))
    return [blocks[place] for place in places.tolist()]


def _enough(sample: _Sample, share: float) -> bool:
    covers = sample.last_at - sample.first_at >= 2 * REFERENCE_DAYS * DAY
    return sample.n >= GOOD_ROWS * share or (covers and sample.n >= FEWEST_ROWS)


def _build(name: str, sample: _Sample, grid: KeyGrid) -> NumericCodec:
    bins = SCORE_BINS if name == "score" else QUANTILE_BINS
    return build_codec(np.concatenate(sample.parts), bins=bins, grid=grid)
