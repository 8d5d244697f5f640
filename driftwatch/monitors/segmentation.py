"""``segments`` of a model's declaration: by what its rows are split."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from driftwatch.errors import SpecError
from driftwatch.monitors import reading
from driftwatch.profiles.segmentation import Band, Segmentation

__all__ = ["MOST_SPLITS", "parse_segments", "segments_document"]

MOST_SPLITS = 20
"""Splits of one model: each profiles all rows once more."""

_MOST_CUTS = 20
_SHAPE = "write a column, {column: age, bands: [30, 50]}, or a list of two of these"


def parse_segments(value: Any, *, private: Sequence[str] = ()) -> tuple[Segmentation, ...]:
    """Read ``segments``: each a column, a numeric column with its bands, or a pair of these.

    >>> parse_segments(["country", [{"column": "age", "bands": [30, 50]}, "device"]])[1].columns
    ('age', 'device')

    Args:
        value: of the document.
        private: columns whose values are never shown: segments are named by a digest of them.

    Raises:
        SpecError: another shape, a split that is there twice, cuts that do not ascend, or too many splits.
    """
    if value is None:
        return ()
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list | tuple):
        raise SpecError(f"{value!r} is not a list; {_SHAPE}", path="segments")
    if len(items) > MOST_SPLITS:
        raise SpecError(f"{len(items)} splits; a model is split in at most {MOST_SPLITS} ways", path="segments")
    splits: list[Segmentation] = []
    for place, item in enumerate(items):
        split = _split(item, f"segments[{place}]")
        if split in splits:
            raise SpecError(f"{item!r} is listed twice", path=f"segments[{place}]")
        splits.append(split)
    return tuple(_hidden(split, private) for split in splits)


def segments_document(splits: Sequence[Segmentation]) -> list[Any]:
    """As in the document."""
    return [
        _band_document(split.bands[0]) if len(split.bands) == 1 else [_band_document(band) for band in split.bands]
        for split in splits
    ]


def _hidden(split: Segmentation, private: Sequence[str]) -> Segmentation:
    return Segmentation(tuple(replace(band, is_private=band.column in private) for band in split.bands))


def _split(item: Any, path: str) -> Segmentation:
    if not isinstance(item, list | tuple):
        return Segmentation((_band(item, path),))
    bands = tuple(_band(each, f"{path}[{place}]") for place, each in enumerate(item))
    if len(bands) != 2 or bands[0].column == bands[1].column:
        raise SpecError(f"{item!r} is no pair of columns; {_SHAPE}", path=path)
    return Segmentation(bands)


def _band(item: Any, path: str) -> Band:
    if isinstance(item, dict):
        mapping = reading.read_mapping(item, path, ("column", "bands"))
        column, cuts = reading.read_name(mapping.get("column"), f"{path}.column"), mapping.get("bands")
        if not isinstance(cuts, list | tuple) or not 0 < len(cuts) <= _MOST_CUTS:
            raise SpecError(f"{cuts!r} is no list of 1 to {_MOST_CUTS} cuts", path=f"{path}.bands")
        numbers = tuple(reading.read_number(cut, f"{path}.bands[{place}]") for place, cut in enumerate(cuts))
        if any(low >= high for low, high in pairwise(numbers)):
            raise SpecError(f"{cuts!r} does not ascend", path=f"{path}.bands")
    else:
        column, numbers = reading.read_name(item, path), ()
    if column is None:
        raise SpecError(f"a column is missing; {_SHAPE}", path=path)
    return Band(column, numbers)


def _band_document(band: Band) -> Any:
    return {"column": band.column, "bands": list(band.cuts)} if band.cuts else band.column
