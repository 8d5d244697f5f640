"""The bins of a model's numeric columns: a key grid from the first batch on, a codec once enough has been seen.

Both are registered insert-or-read in the table of codecs, so that every process uses the same ones; the grid as a codec
without edges under a name that no feature can have.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
from sqlalchemy import Connection

from driftwatch.profiles.bucket import Column, NumericColumn
from driftwatch.profiles.codec import NumericCodec
from driftwatch.profiles.grid import KeyGrid, propose_grid
from driftwatch.service.framing import Frames, is_frame, read_frames
from driftwatch.storage import registration

__all__ = ["ERROR_CODEC", "Binnings", "read_binnings", "register_codecs", "register_grids"]

ERROR_CODEC = "\x1ferror"
"""Under this name the bins of a regression's errors are registered; no feature can have it."""

_GRID = "\x1fgrid"  # a feature's name holds no control character


@dataclass(frozen=True, slots=True)
class Binnings:
    """What a model's columns are profiled in, features by name, outputs by role, and several of them together."""

    codecs: Mapping[str, NumericCodec]
    grids: Mapping[str, KeyGrid]
    frames: Frames = field(default_factory=Frames)

    def of(self, names: Iterable[str]) -> dict[str, NumericCodec | KeyGrid]:
        """The codec of each column that has one, else its grid; columns with neither are left out."""
        known: dict[str, NumericCodec | KeyGrid] = {}
        for name in names:
            if name in self.codecs:
                known[name] = self.codecs[name]
            elif name in self.grids:
                known[name] = self.grids[name]
        return known

    def propose(self, columns: Iterable[tuple[str, Column]]) -> "Binnings":
        """These, and a grid for every numeric column of a batch that has nothing yet and holds a finite value."""
        fresh: dict[str, KeyGrid] = {}
        for name, column in columns:
            if isinstance(column, NumericColumn) and not (name in self.codecs or name in self.grids or name in fresh):
                present = column.present
                if np.isfinite(present).any():
                    fresh[name] = propose_grid(present)
        return replace(self, grids={**self.grids, **fresh}) if fresh else self


def read_binnings(conn: Connection, model_id: int) -> Binnings:
    """What is registered for a model."""
    codecs: dict[str, NumericCodec] = {}
    grids: dict[str, KeyGrid] = {}
    registered = registration.read_codecs(conn, model_id)
    for name, payload in registered.items():
        if is_frame(name):
            continue
        codec = _codec(payload)
        if name.endswith(_GRID):
            grids[name.removesuffix(_GRID)] = codec.grid
        else:
            codecs[name] = codec
    return Binnings(codecs, grids, read_frames(registered))


def register_grids(conn: Connection, model_id: int, grids: Mapping[str, KeyGrid], *, at: int) -> dict[str, KeyGrid]:
    """Propose grids; returns the ones that everybody uses."""
    payloads = {name + _GRID: NumericCodec(np.zeros(0), grid).to_bytes() for name, grid in grids.items()}
    winners = registration.ensure_codecs(conn, model_id, payloads, at=at)
    return {name.removesuffix(_GRID): _codec(payload).grid for name, payload in winners.items()}


def register_codecs(
    conn: Connection, model_id: int, codecs: Mapping[str, NumericCodec], *, at: int
) -> dict[str, NumericCodec]:
    """Propose codecs; returns the ones that everybody uses."""
    payloads = {name: codec.to_bytes() for name, codec in codecs.items()}
    return {
        name: _codec(payload) for name, payload in registration.ensure_codecs(conn, model_id, payloads, at=at).items()
    }


@lru_cache(maxsize=4096)
def _codec(payload: bytes) -> NumericCodec:
    """Decoded once a process: a codec's map of cells costs more than a small batch."""
    return NumericCodec.from_bytes(payload)
