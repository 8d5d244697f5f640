"""Where the usual default rules fail, and what a comparison here says of the same data."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from scipy.spatial.distance import jensenshannon

from driftwatch.service.comparison import Comparison, compare
from driftwatch.service.comparison_result import ColumnComparison

Frame = dict[str, NDArray[np.generic]]


def column(comparison: Comparison, name: str) -> ColumnComparison:
    return next(each for each in comparison.columns if each.column == name)


def categorical(rng: np.random.Generator, rows: int, values: int, columns: int) -> tuple[Frame, Frame]:
    """Two windows of one distribution."""
    shares = [rng.dirichlet(np.full(values, 3.0)) for _ in range(columns)]
    sides = [
        {f"c{place}": rng.choice(values, rows, p=share).astype(str) for place, share in enumerate(shares)}
        for _ in range(2)
    ]
    return sides[0], sides[1]


def counts(values: NDArray[np.generic], levels: int) -> NDArray[np.int64]:
    return np.bincount(values.astype(np.int64), minlength=levels)


def test_identical_categories_that_a_one_sample_chi_square_flags_by_the_dozen() -> None:
    reference, current = categorical(np.random.default_rng(1), 1000, 10, 40)
    flagged = [
        stats.chisquare(counts(current[name], 10), counts(reference[name], 10)).pvalue < 0.05 for name in reference
    ]
    assert np.mean(flagged) > 0.2
    assert not compare(reference, current).drifted


def test_identical_columns_of_fifty_values_that_jensen_shannon_above_a_tenth_flags() -> None:
    reference, current = categorical(np.random.default_rng(2), 1001, 50, 20)
    distance = [jensenshannon(counts(reference[name], 50), counts(current[name], 50), base=2) for name in reference]
    assert np.mean(np.array(distance) > 0.1) > 0.6
    assert not compare(reference, current).drifted


@pytest.mark.parametrize("shift", [-0.5, 0.5])
def test_a_shift_either_way_where_a_one_sided_rank_test_sees_one(shift: float) -> None:
    rng = np.random.default_rng(3)
    reference, current = {"x": rng.normal(size=1000)}, {"x": rng.normal(shift, 1, 1000)}
    one_sided = stats.mannwhitneyu(reference["x"], current["x"], alternative="less").pvalue
    assert (one_sided < 0.05) == (shift > 0)
    assert compare(reference, current).drifted == ("x",)


def test_a_missing_rate_that_grows_tenfold_while_what_is_there_stays_the_same() -> None:
    rng = np.random.default_rng(4)
    sides = []
    for rate in (0.02, 0.2):
        x = rng.normal(size=2000)
        x[rng.random(2000) < rate] = np.nan
        sides.append({"x": x, "y": rng.normal(size=2000)})
    before, after = (side["x"][~np.isnan(side["x"])] for side in sides)
    assert stats.ks_2samp(before, after).pvalue > 0.05
    found = column(compare(sides[0], sides[1]), "x")
    assert found.drifted
    assert [finding.kind for finding in found.findings] == ["missing_rate"]


def test_what_vanished_is_empty_constant_or_retyped_is_a_finding_and_stops_no_other_column() -> None:
    rng = np.random.default_rng(5)

    def side(shift: float = 0.0) -> Frame:
        names = ("gone", "emptied", "frozen", "retyped", "moved", "steady")
        return {name: rng.normal(shift if name == "moved" else 0.0, 1, 1000) for name in names}

    current = side(1.0)
    del current["gone"]
    current["emptied"] = np.full(1000, np.nan)
    current["frozen"] = np.full(1000, 0.25)
    current["retyped"] = np.array(["high", "low"] * 500)
    result = compare(side(), current)
    expected = {"gone": "vanished", "emptied": "empty", "frozen": "constant", "retyped": "retyped", "moved": "drift"}
    for name, kind in expected.items():
        found = column(result, name)
        assert found.drifted, name
        assert kind in {finding.kind for finding in found.findings}
    assert not column(result, "steady").drifted
    assert len(result.columns) == 6


def test_a_doubled_bulk_beside_rare_outliers_that_hide_it_from_distances_in_standard_deviations() -> None:
    rng = np.random.default_rng(6)
    sides = []
    for factor in (1.0, 2.0):
        seconds = factor * rng.lognormal(-3, 0.3, 20_000)
        seconds[rng.random(20_000) < 0.001] = 60.0
        sides.append({"latency_seconds": seconds})
    before, after = (side["latency_seconds"] for side in sides)
    assert stats.wasserstein_distance(before, after) / before.std() < 0.1
    assert compare(sides[0], sides[1]).drifted == ("latency_seconds",)


def test_small_samples_of_one_distribution_that_psi_above_a_tenth_flags() -> None:
    rng = np.random.default_rng(7)
    reference, current = ({f"x{place}": rng.normal(size=100) for place in range(30)} for _ in range(2))
    result = compare(reference, current, methods="psi,psi_unbiased")
    plain, unbiased = (np.array([each.measures[place].value for each in result.columns]) for place in (0, 1))
    assert np.mean(plain > 0.1) > 0.6
    assert abs(np.mean(unbiased)) < 0.06
    assert not result.drifted
