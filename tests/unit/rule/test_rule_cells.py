"""The cells that windows are compared in."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from driftwatch.drift.rule import reference_edges
from driftwatch.drift.rule.cells import category_cells, numeric_cells


def histogram(edges: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.bincount(np.searchsorted(edges, values), minlength=len(edges) + 1).astype(np.int64)


def test_cells_end_at_the_inverted_distribution_functions_quantiles() -> None:
    values = np.random.default_rng(1).normal(size=10_000)
    edges = reference_edges(values)
    quantiles = np.quantile(values, np.arange(1, 129) / 128, method="inverted_cdf")
    assert set(quantiles) <= set(edges)
    assert len(edges) == 128 + 2 + 14  # the minimum, the one just below it, and seven a side
    cells = numeric_cells(edges, histogram(edges, values))
    counts = cells.coarse(histogram(edges, values)[None])[0]
    inner = counts[9:-8]
    assert inner.sum() == 9_999
    assert np.all(np.abs(inner - 10_000 / 128) <= 1)


def test_a_finer_histogram_gives_the_same_cells_as_the_reference_itself() -> None:
    rng = np.random.default_rng(2)
    values, later = rng.normal(size=4_000), rng.normal(0.5, 2, size=3_000)
    own = reference_edges(values)
    fine = np.unique(np.concatenate((own, rng.uniform(-8, 8, 500))))
    by_own = numeric_cells(own, histogram(own, values)).coarse(histogram(own, later)[None])
    by_fine = numeric_cells(fine, histogram(fine, values)).coarse(histogram(fine, later)[None])
    # Quantiles are the reference's values, which the finer edges only surround.
    assert by_fine.shape == by_own.shape
    assert np.abs(np.cumsum(by_fine - by_own)).max() / 3_000 < 0.02


def test_tail_cells_lie_at_doubling_distances_and_score_ever_more() -> None:
    values = np.random.default_rng(3).normal(size=5_000)
    edges = reference_edges(values)
    s = (np.quantile(values, 0.9, method="inverted_cdf") - np.quantile(values, 0.1, method="inverted_cdf")) / 2.56
    cells = numeric_cells(edges, histogram(edges, values))
    probe = values.max() + s * np.array([0.1, 0.3, 0.7, 1.5, 3.0, 6.0, 12.0, 40.0])
    landed = [int(np.argmax(cells.coarse(histogram(edges, np.array([x]))[None])[0])) for x in probe]
    assert landed == list(range(len(cells.scores) - 8, len(cells.scores)))
    assert cells.scores[-8:] == pytest.approx([3.55, 3.8, 4.3, 5.3, 7.3, 10.3, 10.3, 10.3])
    assert cells.scores[:8] == pytest.approx([-10.3, -10.3, -10.3, -7.3, -5.3, -4.3, -3.8, -3.55])


def test_scores_are_the_normal_quantiles_of_mid_ranks() -> None:
    values = np.repeat([1.0, 2.0, 3.0], [10, 60, 30])
    edges = reference_edges(values)
    cells = numeric_cells(edges, histogram(edges, values))
    assert cells.scores[8:-8] == pytest.approx(stats.norm.ppf([0.05, 0.4, 0.85]))


def test_a_heavy_value_has_a_cell_of_its_own() -> None:
    values = np.concatenate((np.zeros(2_000), np.random.default_rng(4).normal(size=8_000)))
    edges = np.unique(np.concatenate((reference_edges(values), np.linspace(-3, 3, 400))))
    cells = numeric_cells(edges, histogram(edges, values))
    near = histogram(edges, np.array([-1e-9, 0.0, 1e-9]))
    assert np.count_nonzero(cells.coarse(near[None])[0]) == 3


@pytest.mark.parametrize(
    ("values", "probe", "new"),
    [
        (np.repeat([1.0, 2.0, 3.0], 50), np.array([1.0, 1.5, 2.0, 9.0, -4.0]), 3),
        (np.arange(100.0), np.array([50.5, -1.0, 100.0, 99.0]), 2),
    ],
)
def test_new_values_are_unseen_ones_among_few_and_out_of_range_ones_among_many(
    values: NDArray[np.float64], probe: NDArray[np.float64], new: int
) -> None:
    edges = reference_edges(values)
    cells = numeric_cells(edges, histogram(edges, values))
    assert cells.novel(histogram(edges, probe)[None]).tolist() == [new]
    assert cells.novel(histogram(edges, values)[None]).tolist() == [0]


@given(
    st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), min_size=1, max_size=300),
    st.lists(st.floats(-1e9, 1e9), max_size=50),
)
def test_no_row_is_lost_or_counted_twice(reference: list[float], later: list[float]) -> None:
    edges = reference_edges(np.array(reference))
    cells = numeric_cells(edges, histogram(edges, np.array(reference)))
    fine = histogram(edges, np.array(later, dtype=np.float64))
    coarse = cells.coarse(fine[None])
    assert coarse.min() >= 0
    assert coarse.sum() == len(later)
    assert np.all(np.diff(cells.scores) >= 0)


def test_a_reference_without_rows_gives_one_cell() -> None:
    cells = numeric_cells(np.array([0.0, 1.0]), np.zeros(3, dtype=np.int64))
    assert cells.coarse(np.array([[1, 2, 3]])).tolist() == [[6]]
    assert cells.novel(np.array([[1, 2, 3]])).tolist() == [0]


def test_categories_keep_the_fifty_heaviest_then_all_others_and_count_the_new_ones() -> None:
    reference = {f"v{place:03d}": 1_000 - place for place in range(60)}
    cells = category_cells([reference])
    bucket = {"v000": 1, "v049": 2, "v050": 4, "v059": 8, "unheard": 16}
    counts = cells.coarse([bucket])[0]
    assert cells.size == 51
    assert (counts[0], counts[49], counts[50]) == (1, 2, 28)
    assert cells.novel([bucket, reference]).tolist() == [16, 0]
