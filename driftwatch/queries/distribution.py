"""Two profiles of one column on shared display bins: what the Feature page draws.

Shares are read off the fine histograms' distribution functions. A fine bin holds at most about 1/512 of the reference,
so that cutting one at a display edge by linear interpolation moves less than a pixel; an atom is never cut.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftwatch.profiles.categorical import CategoricalProfile
from driftwatch.profiles.codec import NumericCodec
from driftwatch.profiles.numeric import NumericProfile

__all__ = [
    "Categories",
    "CategoryShare",
    "Histogram",
    "HistogramBin",
    "compare_categories",
    "compare_histograms",
    "quantile",
]

_MOST_BINS = 60
_USUAL_BINS = 36
_LARGEST = float(np.finfo(np.float64).max)
_SHOWN = (0.005, 0.995)
_LOG_FROM = 20.0  # reference p99 / p50
_MOST_CATEGORIES = 15
_NEW_CATEGORIES = 3
_NARROW = 0.2
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class HistogramBin:
    """One display bin, ``[x0, x1)``.

    Attributes:
        x0: left edge, in the column's unit.
        x1: right edge.
        reference: share of the reference's finite values, 0 to 1; None without a reference.
        current: share of the current window's finite values.
    """

    x0: float
    x1: float
    reference: float | None
    current: float | None


@dataclass(frozen=True, slots=True)
class Histogram:
    """A numeric column, reference beside current.

    Attributes:
        bins: at most about 60, adjoining, ascending.
        log: whether the bins are even on a logarithmic axis.
        open_low: whether the first bin also holds what lies below it.
        open_high: whether the last bin also holds what lies above it.
        median_reference: None without a reference.
        median_current: None without current values.
    """

    bins: tuple[HistogramBin, ...]
    log: bool
    open_low: bool
    open_high: bool
    median_reference: float | None
    median_current: float | None


@dataclass(frozen=True, slots=True)
class CategoryShare:
    """One category.

    Attributes:
        category: its value; for the last row "other (n)".
        reference: share of the reference's values, None without a reference.
        current: share of the current window's values.
        new: never seen in the reference.
    """

    category: str
    reference: float | None
    current: float | None
    new: bool = False


@dataclass(frozen=True, slots=True)
class Categories:
    """A categorical column, reference beside current, largest reference share first."""

    shares: tuple[CategoryShare, ...]


def quantile(profile: NumericProfile, codec: NumericCodec, q: float) -> float | None:
    """The `q` quantile (0 to 1) of the finite values, by the histogram; None without values."""
    if not profile.n:
        return None
    ranks = np.cumsum(profile.counts)
    rank = max(1.0, q * profile.n)
    place = int(np.searchsorted(ranks, rank))
    high = _upper(profile, codec, place)
    if bool(codec.atoms[place]):
        return high
    low = _lower(profile, codec, place)
    inside = float(profile.counts[place])
    return low + (high - low) * (rank - float(ranks[place]) + inside) / inside


def compare_histograms(
    reference: NumericProfile | None, current: NumericProfile | None, codec: NumericCodec
) -> Histogram | None:
    """Both profiles on shared display bins, or None when neither has a finite value.

    Args:
        reference: in the bins of `codec`.
        current: in the bins of `codec`.
        codec: the column's codec.
    """
    profiles = [profile for profile in (reference, current) if profile is not None and profile.n]
    if not profiles:
        return None
    edges, log = _display_edges(profiles, codec)
    shares = [_shares(profile, codec, edges) for profile in (reference, current)]
    reference_shares, current_shares = shares
    bins = tuple(
        HistogramBin(
            float(edges[k]),
            float(edges[k + 1]),
            None if reference_shares is None else float(reference_shares[k]),
            None if current_shares is None else float(current_shares[k]),
        )
        for k in range(len(edges) - 1)
    )
    return Histogram(
        bins=bins,
        log=log,
        open_low=bool(min(profile.low for profile in profiles) < edges[0]),
        open_high=bool(max(profile.high for profile in profiles) > edges[-1]),
        median_reference=None if reference is None else quantile(reference, codec, 0.5),
        median_current=None if current is None else quantile(current, codec, 0.5),
    )


def compare_categories(reference: CategoricalProfile | None, current: CategoricalProfile | None) -> Categories | None:
    """Both profiles by category, or None when neither has a value."""
    if not any(profile is not None and profile.n for profile in (reference, current)):
        return None
    before = reference.counts if reference else {}
    after = current.counts if current else {}
    whole = sum(before.values()) or 1, sum(after.values()) or 1
    names = sorted(
        before.keys() | after.keys(),
        key=lambda name: (-before.get(name, 0) / whole[0], -after.get(name, 0) / whole[1], name),
    )
    shown = _leading(names, before)
    rows = [
        CategoryShare(
            name,
            _fraction(before.get(name, 0), reference),
            _fraction(after.get(name, 0), current),
            new=reference is not None and reference.n > 0 and not reference.cut and name not in before,
        )
        for name in shown
    ]
    rest = len(names) - len(shown)
    if rest or any(profile is not None and profile.other for profile in (reference, current)):
        label = f"other ({rest:,})" if rest else "other"
        rows.append(CategoryShare(label, _rest(shown, reference), _rest(shown, current)))
    return Categories(tuple(rows))


def _leading(names: Sequence[str], before: Mapping[str, int]) -> list[str]:
    """The heaviest of the reference, keeping room for three that only the current window has; `names` is ranked."""
    if len(names) <= _MOST_CATEGORIES + 1:
        return list(names)
    unseen = [name for name in names if name not in before][:_NEW_CATEGORIES]
    return [*[name for name in names if name in before][: _MOST_CATEGORIES - len(unseen)], *unseen]


def _fraction(count: int, profile: CategoricalProfile | None) -> float | None:
    return None if profile is None or not profile.n else count / profile.n


def _rest(shown: Sequence[str], profile: CategoricalProfile | None) -> float | None:
    if profile is None or not profile.n:
        return None
    return 1.0 - sum(profile.counts.get(name, 0) for name in shown) / profile.n


def _lower(profile: NumericProfile, codec: NumericCodec, place: int) -> float:
    edge = float(codec.edges[place - 1]) if place else -math.inf
    return max(edge, profile.low)


def _upper(profile: NumericProfile, codec: NumericCodec, place: int) -> float:
    edge = float(codec.edges[place]) if place < len(codec.edges) else math.inf
    return min(edge, profile.high)


def _shares(
    profile: NumericProfile | None, codec: NumericCodec, edges: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """The share of each display bin, float64[len(edges) - 1]; the outermost ones also hold what lies beyond."""
    if profile is None or not profile.n:
        return None
    inner = np.array([_below(profile, codec, float(edge)) for edge in edges[1:-1]])
    return np.diff(np.concatenate(([0.0], inner, [1.0])))


def _below(profile: NumericProfile, codec: NumericCodec, x: float) -> float:
    """The share of the finite values below `x`."""
    place = int(np.searchsorted(codec.edges, x, side="left"))
    before = float(profile.counts[:place].sum())
    inside = float(profile.counts[place])
    low, high = _lower(profile, codec, place), _upper(profile, codec, place)
    if inside and x > low and not bool(codec.atoms[place]):
        before += inside * (1.0 if x >= high else (x - low) / (high - low))
    return before / profile.n


def _display_edges(profiles: Sequence[NumericProfile], codec: NumericCodec) -> tuple[NDArray[np.float64], bool]:
    steps = _steps_of_atoms(profiles, codec)
    if steps is not None:
        return steps, False
    quantiles = [(quantile(p, codec, _SHOWN[0]), quantile(p, codec, _SHOWN[1])) for p in profiles]
    low = min(low for low, _ in quantiles if low is not None)
    high = max(high for _, high in quantiles if high is not None)
    if not high > low:
        pad = abs(low) * 0.05 or 0.5
        return np.array([low - pad, low + pad]), False
    median, far = quantile(profiles[0], codec, 0.5), quantile(profiles[0], codec, 0.99)
    if min(p.low for p in profiles) > 0 and median and far and far / median > _LOG_FROM:
        return np.geomspace(low, high, _USUAL_BINS + 1), True
    return _even_edges(low, high), False


def _even_edges(low: float, high: float) -> NDArray[np.float64]:
    """Edges at round numbers, about 36 bins from `low` to `high`."""
    raw = high / _USUAL_BINS - low / _USUAL_BINS  # the difference itself may be beyond the largest float
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(nice * power for nice in _STEPS if nice * power >= raw * 0.999)
    first, last = math.floor(low / step), math.ceil(high / step)
    if last - first > _MOST_BINS or last - first < 1:
        part = np.linspace(0.0, 1.0, _USUAL_BINS + 1)
        return low * (1.0 - part) + high * part
    with np.errstate(over="ignore"):
        edges = np.arange(first, last + 1, dtype=np.float64) * step
    return np.clip(edges, -_LARGEST, _LARGEST)


def _steps_of_atoms(profiles: Sequence[NumericProfile], codec: NumericCodec) -> NDArray[np.float64] | None:
    """Edges around evenly spaced values, for a column that has few of them (hours, counts, flags); else None.

    A value fills a bin of its own in a codec, and a cell that is narrow beside the spacing before there is one.
    """
    occupied = np.zeros(codec.bins, dtype=np.bool_)
    for profile in profiles:
        occupied |= profile.counts > 0
    places = np.flatnonzero(occupied)
    if not 2 <= len(places) <= _MOST_BINS:
        return None
    low = np.array([min(_lower(profile, codec, place) for profile in profiles) for place in places.tolist()])
    high = np.array([max(_upper(profile, codec, place) for profile in profiles) for place in places.tolist()])
    values = np.where(codec.atoms[places], codec.edges[np.minimum(places, len(codec.edges) - 1)], (low + high) / 2)
    gaps = np.diff(values)
    least = float(gaps.min())
    if not least * _MOST_BINS >= float(values[-1]) - float(values[0]) or bool(np.any(high - low > _NARROW * least)):
        return None
    steps = np.concatenate(([0.0], np.cumsum(np.rint(gaps / least))))
    step = float((values[-1] - values[0]) / steps[-1])
    if steps[-1] >= _MOST_BINS or float(np.abs(values - values[0] - step * steps).max()) > _NARROW * step:
        return None
    return float(values[0]) + step * (np.arange(int(steps[-1]) + 2, dtype=np.float64) - 0.5)
