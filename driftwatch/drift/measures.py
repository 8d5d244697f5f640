"""Every measure by name: on raw values, on profiles, and on categories."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftwatch._registry import Registry
from driftwatch.drift import binned, proportion, sample
from driftwatch.drift.distribution import Distribution
from driftwatch.drift.result import Estimate, MeasureResult

__all__ = [
    "Measure",
    "align_categories",
    "decile_counts",
    "measure_categories",
    "measure_distributions",
    "measure_values",
    "measures",
    "measures_of",
]

Counts = NDArray[np.int64]
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure in each of its forms. A plugin registers an instance in the entry point group ``driftwatch.measure``.

    Every form is a pure function of (reference, current), both not empty, safe to call from several threads.

    Attributes:
        method: its key.
        on_values: of two raw samples float64[n]; None if it works on cells.
        on_distributions: of two histograms with the same edges; None if it works on cells.
        on_counts: of two count vectors over the same cells; None if it is for numbers alone. Numeric columns are cut
            at the reference's deciles for it.
        unit: of its value, as in `MeasureResult`.
        direction: as in `MeasureResult`.
        binary: it is for columns of two values alone.
    """

    method: str
    on_values: Callable[[Values, Values], Estimate] | None = None
    on_distributions: Callable[[Distribution, Distribution], Estimate] | None = None
    on_counts: Callable[[Counts, Counts], Estimate] | None = None
    unit: str | None = None
    direction: str = "higher_is_drift"
    binary: bool = False


measures: Registry[Measure] = Registry("measure")


def measures_of(kind: str) -> tuple[str, ...]:
    """The keys of all measures for a kind of column: "numeric", "binary" (two values), else categorical."""
    numeric, binary = kind == "numeric", kind == "binary"
    fitting = {name: measures[name] for name in measures if numeric or measures[name].on_counts is not None}
    return tuple(name for name, measure in fitting.items() if binary or not measure.binary)


def measure_values(method: str, reference: Values, current: Values) -> MeasureResult:
    """One measure of two raw samples.

    Args:
        method: a key or an alias.
        reference: float64[n], finite.
        current: float64[m], finite.

    Raises:
        UnknownNameError: there is no such measure.
    """
    measure = measures[method]
    if not (len(reference) and len(current)):
        return _result(measure, Estimate(None), len(reference), len(current))
    estimate = Estimate(None)
    with np.errstate(all="ignore"):  # what overflows is not finite, and is answered with None
        if measure.on_values is not None:
            estimate = measure.on_values(reference, current)
        elif measure.on_counts is not None:
            estimate = measure.on_counts(*decile_counts(reference, current))
    return _result(measure, estimate, len(reference), len(current))


def measure_distributions(method: str, reference: Distribution, current: Distribution) -> MeasureResult:
    """One measure of two numeric profiles in the bins of one codec.

    Raises:
        UnknownNameError: there is no such measure.
        ValueError: the two have different bins.
    """
    measure = measures[method]
    if len(reference.edges) != len(current.edges):
        raise ValueError("two distributions are measured in the same bins; rebin one of them first")
    if not (reference.n and current.n):
        return _result(measure, Estimate(None), reference.n, current.n)
    estimate = Estimate(None)
    with np.errstate(all="ignore"):
        if measure.on_distributions is not None:
            estimate = measure.on_distributions(reference, current)
        elif measure.on_counts is not None:
            estimate = measure.on_counts(*binned.decile_counts(reference, current))
    return _result(measure, estimate, reference.n, current.n)


def measure_categories(method: str, reference: Mapping[str, int], current: Mapping[str, int]) -> MeasureResult:
    """One measure of two tables of rows by value.

    Raises:
        UnknownNameError: there is no such measure, or it is for numbers alone.
    """
    measure = measures[method]
    before, after = align_categories(reference, current)
    n_reference, n_current = int(before.sum()), int(after.sum())
    if measure.on_counts is None or not (n_reference and n_current):
        return _result(measure, Estimate(None), n_reference, n_current)
    return _result(measure, measure.on_counts(before, after), n_reference, n_current)


def align_categories(reference: Mapping[str, int], current: Mapping[str, int]) -> tuple[Counts, Counts]:
    """Two count vectors over all values of either side, in the order of their names."""
    values = sorted(reference.keys() | current.keys())
    return (
        np.array([reference.get(value, 0) for value in values], dtype=np.int64),
        np.array([current.get(value, 0) for value in values], dtype=np.int64),
    )


def decile_counts(reference: Values, current: Values) -> tuple[Counts, Counts]:
    """Counts of both between the reference's unique deciles; bins are right-closed, with open ends."""
    edges = np.unique(np.quantile(reference, np.linspace(0, 1, 11)[1:-1]))

    def count(values: Values) -> Counts:
        at_edges = np.searchsorted(np.sort(values), edges, side="right")
        return np.diff(at_edges, prepend=0, append=len(values))

    return count(reference), count(current)


def _result(measure: Measure, estimate: Estimate, n_reference: int, n_current: int) -> MeasureResult:
    value, p_value = (
        None if number is None or not np.isfinite(number) else number for number in (estimate.value, estimate.p_value)
    )
    return MeasureResult(
        measure.method, value, p_value, measure.direction, measure.unit, n_reference, n_current, estimate.approximations
    )


def _of_numbers(
    method: str,
    *aliases: str,
    on_values: Callable[[Values, Values], Estimate],
    on_distributions: Callable[[Distribution, Distribution], Estimate],
    unit: str | None = None,
    direction: str = "higher_is_drift",
) -> None:
    measure = Measure(method, on_values, on_distributions, unit=unit, direction=direction)
    measures.add(method, measure, aliases=aliases)


def _of_cells(
    method: str,
    *aliases: str,
    on_counts: Callable[[Counts, Counts], Estimate],
    unit: str | None = None,
    direction: str = "higher_is_drift",
    binary: bool = False,
) -> None:
    measure = Measure(method, on_counts=on_counts, unit=unit, direction=direction, binary=binary)
    measures.add(method, measure, aliases=aliases)


_of_numbers(
    "kolmogorov_smirnov",
    "ks",
    on_values=sample.kolmogorov_smirnov,
    on_distributions=binned.kolmogorov_smirnov,
)
_of_numbers(
    "wasserstein_distance",
    "wasserstein",
    "emd",
    on_values=sample.wasserstein_distance,
    on_distributions=binned.wasserstein_distance,
    unit="column",
)
_of_numbers(
    "wasserstein_distance_normalized",
    "wasserstein_normalized",
    on_values=sample.wasserstein_distance_normalized,
    on_distributions=binned.wasserstein_distance_normalized,
    unit="reference_sd",
)
_of_numbers(
    "energy_distance",
    "energy",
    on_values=sample.energy_distance,
    on_distributions=binned.energy_distance,
)
_of_numbers(
    "cramer_von_mises",
    "cvm",
    on_values=sample.cramer_von_mises,
    on_distributions=binned.cramer_von_mises,
)
_of_numbers(
    "anderson_darling",
    "ad",
    on_values=sample.anderson_darling,
    on_distributions=binned.anderson_darling,
)
_of_numbers(
    "mann_whitney",
    "mwu",
    on_values=sample.mann_whitney,
    on_distributions=binned.mann_whitney,
    direction="both_ends_are_drift",
)
_of_numbers(
    "welch_t",
    "t_test",
    on_values=sample.welch_t,
    on_distributions=binned.welch_t,
    direction="away_from_zero_is_drift",
)
_of_numbers(
    "mean_shift",
    on_values=sample.mean_shift,
    on_distributions=binned.mean_shift,
    unit="reference_sd",
    direction="away_from_zero_is_drift",
)
_of_numbers(
    "sd_ratio",
    on_values=sample.sd_ratio,
    on_distributions=binned.sd_ratio,
    direction="away_from_zero_is_drift",
)
_of_cells("population_stability_index", "psi", on_counts=proportion.population_stability_index, unit="nats")
_of_cells(
    "population_stability_index_unbiased",
    "psi_unbiased",
    on_counts=proportion.population_stability_index_unbiased,
    unit="nats",
)
_of_cells("kullback_leibler_divergence", "kl", on_counts=proportion.kullback_leibler_divergence, unit="nats")
_of_cells("jensen_shannon_distance", "js", on_counts=proportion.jensen_shannon_distance)
_of_cells("hellinger_distance", "hellinger", on_counts=proportion.hellinger_distance)
_of_cells("total_variation_distance", "tv", on_counts=proportion.total_variation_distance)
_of_cells("l_infinity_distance", "linf", on_counts=proportion.l_infinity_distance)
_of_cells("chi_square", "chi2", on_counts=proportion.chi_square)
_of_cells("g_test", "g", on_counts=proportion.g_test)
_of_cells("fisher_exact", "fisher", on_counts=proportion.fisher_exact, direction="both_ends_are_drift", binary=True)
_of_cells(
    "two_proportions_z",
    "z",
    "z_test",
    on_counts=proportion.two_proportions_z,
    direction="away_from_zero_is_drift",
    binary=True,
)
