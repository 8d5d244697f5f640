"""The labelled rows of a bucket by segment: made from rows, added up, and stored beside those of all rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import ormsgpack
import zstandard
from numpy.typing import NDArray

from driftwatch.performance.tally import (
    LabelledRows,
    Tally,
    TallyPlan,
    add_tallies,
    decisions_of,
    fields_of,
    from_fields,
    tally_rows,
)

__all__ = [
    "GivenRows",
    "SegmentTally",
    "SplitTally",
    "add_splits",
    "decode_segments",
    "encode_segments",
    "tally_segments",
]

_FORMAT = 1
_BINARY = "binary"


@dataclass(frozen=True, slots=True, eq=False)
class SegmentTally:
    """The rows of one segment; adds up.

    Attributes:
        tally: those that are labelled.
        n: predictions, labelled or not.
        decided: of a binary model, those whose decision is known.
        selected: of these, the positive decisions.
    """

    tally: Tally
    n: int
    decided: int = 0
    selected: int = 0

    def __add__(self, other: "SegmentTally") -> "SegmentTally":
        """Both together.

        Raises:
            ValueError: their tallies are of different tasks or bins.
        """
        tally = add_tallies((self.tally, other.tally))
        assert tally is not None  # noqa: S101 - of two
        return SegmentTally(tally, self.n + other.n, self.decided + other.decided, self.selected + other.selected)

    @property
    def n_labelled(self) -> int:
        """Rows with an outcome that can be read; of a ranking, queries."""
        return self.tally.n


@dataclass(frozen=True, slots=True, eq=False)
class SplitTally:
    """All rows by one split: each is in one segment or in `rest`.

    Attributes:
        segments: by name, such as ``country=PT``.
        rest: rows without a value to split by, or of a bucket with more values than are told apart.
    """

    segments: Mapping[str, SegmentTally]
    rest: SegmentTally


@dataclass(frozen=True, slots=True, eq=False)
class GivenRows:
    """The predictions of a bucket, n of them.

    Attributes:
        predictions: what the model said.
        scores: float64[n], NaN where a row has none.
        places: by split, the segments' names and int64[n], which of them each row is in; -1: in none.
    """

    predictions: Sequence[Any]
    scores: NDArray[np.float64]
    places: Mapping[str, tuple[Sequence[str], NDArray[np.int64]]]


def tally_segments(
    plan: TallyPlan, given: GivenRows, labelled: LabelledRows, rows: NDArray[np.int64]
) -> dict[str, SplitTally]:
    """The tallies of every segment of every split that has a row.

    Args:
        plan: how rows are tallied.
        given: n predictions.
        labelled: k of them with their outcomes.
        rows: int64[k], which of the n each is.
    """
    n = len(given.scores)
    decisions = (
        decisions_of(plan, given.predictions, given.scores) if plan.task == _BINARY else np.full(n, -1, dtype=np.int64)
    )
    splits = {}
    for split, (names, places) in given.places.items():
        of_labelled = places[rows]
        parts = []
        for place in range(-1, len(names)):
            inside = places == place
            mine = labelled.take(np.flatnonzero(of_labelled == place))
            size = int(np.count_nonzero(inside))
            tally = tally_rows(plan, mine, unlabelled=max(0, size - len(mine)))
            chosen = decisions[inside]
            decided, selected = (int(np.count_nonzero(chosen >= least)) for least in (0, 1))
            parts.append(SegmentTally(tally, size, decided, selected))
        splits[split] = SplitTally(dict(zip(names, parts[1:], strict=True)), parts[0])
    return splits


def add_splits(parts: Sequence[SplitTally]) -> SplitTally | None:
    """All of them together, or None of none.

    Raises:
        ValueError: tallies of different tasks or bins.
    """
    if not parts:
        return None
    segments: dict[str, SegmentTally] = {}
    for part in parts:
        for name, each in part.segments.items():
            segments[name] = segments[name] + each if name in segments else each
    rest = parts[0].rest
    for part in parts[1:]:
        rest = rest + part.rest
    return SplitTally(segments, rest)


def encode_segments(splits: Mapping[str, SplitTally]) -> bytes:
    """One compressed msgpack map."""
    fields = {
        "v": _FORMAT,
        "splits": {
            split: {
                "rest": _fields(each.rest),
                "segments": {name: _fields(segment) for name, segment in each.segments.items()},
            }
            for split, each in splits.items()
        },
    }
    return zstandard.ZstdCompressor(level=3).compress(ormsgpack.packb(fields))


def decode_segments(payload: bytes, split: str | None = None) -> dict[str, SplitTally]:
    """Read what :func:`encode_segments` wrote.

    Args:
        payload: of a bucket.
        split: only this one, if it is there.

    Raises:
        ValueError: these are not such bytes, or they are of a later release.
    """
    try:
        fields = ormsgpack.unpackb(zstandard.ZstdDecompressor().decompress(payload))
        if fields["v"] != _FORMAT:
            raise ValueError(f"segments of format {fields['v']!r} cannot be read by this release")
        return {
            name: SplitTally(
                {segment: _read(inner) for segment, inner in each["segments"].items()}, _read(each["rest"])
            )
            for name, each in fields["splits"].items()
            if split in (None, name)
        }
    except (KeyError, TypeError, zstandard.ZstdError) as error:
        raise ValueError("these bytes are no tallies of segments") from error


def _fields(segment: SegmentTally) -> list[Any]:
    return [fields_of(segment.tally), segment.n, segment.decided, segment.selected]


def _read(fields: list[Any]) -> SegmentTally:
    return SegmentTally(from_fields(fields[0]), *fields[1:])
