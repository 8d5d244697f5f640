"""Binary metrics against scikit-learn, DeLong against a jackknife by brute force, tallies against raw rows."""

import math
import warnings
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from sklearn import calibration as sk_calibration
from sklearn import metrics as sk

from driftwatch.performance.binary import BINARY_METRICS, BinaryTally, binary_performance, tally_binary
from driftwatch.performance.bootstrap import bootstrap_counts
from driftwatch.performance.calibration import CalibrationTally, tally_calibration
from driftwatch.performance.confusion import Confusion, count_confusion
from driftwatch.performance.discrimination import (
    average_precision,
    average_precision_error,
    delong_interval,
    delong_variance,
    ks_separation,
    lift,
    resample_interval,
    roc_auc,
    roc_auc_error,
)
from driftwatch.performance.result import PerformanceResult
from driftwatch.performance.score_table import ScoreTable, score_edges, tabulate_scores
from driftwatch.profiles.codec import SCORE_BINS, build_codec

EDGES = np.linspace(0, 1, 1025)[1:-1]
Scores = NDArray[np.float64]
Flags = NDArray[np.bool_]


def sample(n: int, seed: int, *, digits: int = 16) -> tuple[Scores, Flags]:
    """Calibrated scores and outcomes; few digits make ties."""
    rng = np.random.default_rng(seed)
    scores = np.round(rng.beta(2, 3, n), digits)
    return scores, rng.random(n) < scores


def perform(scores: Scores, outcomes: Flags, **more: object) -> dict[str, PerformanceResult]:
    tally = tally_binary(scores, scores >= 0.5, outcomes, EDGES)
    table = tabulate_scores(scores, outcomes)
    return binary_performance(tally, rng=np.random.default_rng(0), table=table, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("digits", [1, 2, 16])
@pytest.mark.parametrize("seed", range(3))
def test_every_metric_is_that_of_scikit_learn(digits: int, seed: int) -> None:
    scores, outcomes = sample(800, seed, digits=digits)
    decisions = scores >= 0.5
    found = perform(scores, outcomes)
    expected = {
        "accuracy": sk.accuracy_score(outcomes, decisions),
        "precision": sk.precision_score(outcomes, decisions),
        "recall": sk.recall_score(outcomes, decisions),
        "specificity": sk.recall_score(~outcomes, ~decisions),
        "negative_predictive_value": sk.precision_score(~outcomes, ~decisions),
        "f1": sk.f1_score(outcomes, decisions),
        "matthews_correlation": sk.matthews_corrcoef(outcomes, decisions),
        "roc_auc": sk.roc_auc_score(outcomes, scores),
        "gini": 2 * sk.roc_auc_score(outcomes, scores) - 1,
        "average_precision": sk.average_precision_score(outcomes, scores),
        "log_loss": sk.log_loss(outcomes, scores),
        "brier_score": sk.brier_score_loss(outcomes, scores),
        "ks_separation": stats.ks_2samp(scores[outcomes], scores[~outcomes]).statistic,
        "calibration_bias": scores.mean() - outcomes.mean(),
        "selection_rate": decisions.mean(),
    }
    for metric, value in expected.items():
        assert found[metric].value == pytest.approx(value, abs=1e-12), metric
    assert list(found) == [metric for metric in BINARY_METRICS if metric != "value"]


@pytest.mark.parametrize("seed", range(3))
def test_the_calibration_curve_and_its_error_are_those_of_scikit_learn(seed: int) -> None:
    scores, outcomes = sample(900, seed)
    tally = tally_calibration(scores, outcomes)
    rates, means = sk_calibration.calibration_curve(outcomes, scores, n_bins=10)
    curve = tally.curve()
    assert [band.rate for band in curve] == pytest.approx(rates, abs=1e-12)
    assert [band.mean_score for band in curve] == pytest.approx(means, abs=1e-12)
    weights = np.histogram(scores, np.linspace(0, 1, 11))[0]
    error = np.average(np.abs(rates - means), weights=weights[weights > 0])
    assert tally.expected_calibration_error == pytest.approx(error, abs=1e-12)


def test_certain_scores_have_a_finite_log_loss_as_in_scikit_learn() -> None:
    scores, outcomes = np.array([0.0, 1.0, 1.0, 0.3]), np.array([True, True, False, False])
    tally = tally_binary(scores, scores >= 0.5, outcomes, EDGES)
    assert tally.log_loss.mean == pytest.approx(sk.log_loss(outcomes, scores), rel=1e-12)


def test_lift_is_the_share_of_positives_at_the_top_over_chance() -> None:
    """Ten rows: the best two hold two of the four positives, so 2.5 times what chance finds; by hand."""
    scores = np.arange(10) / 10
    outcomes = np.array([0, 1, 0, 0, 1, 0, 0, 0, 1, 1], dtype=bool)
    table = tabulate_scores(scores, outcomes)
    assert lift(table, 0.2) == pytest.approx(2.5)
    assert lift(table, 1.0) == pytest.approx(1.0)
    tied = tabulate_scores(np.zeros(10), outcomes)
    assert lift(tied, 0.1) == pytest.approx(1.0)


@pytest.mark.parametrize(("seed", "digits"), [(0, 16), (1, 1), (2, 2)])
def test_delong_s_variance_is_the_two_sample_jackknife_by_brute_force(seed: int, digits: int) -> None:
    """Leaving out each row in turn: Σ (A_-i - Ā)² (m - 1)/m over each class, which DeLong's formula is identical to."""
    scores, outcomes = sample(60, seed, digits=digits)
    variance = 0.0
    for of_class in (True, False):
        places = np.flatnonzero(outcomes == of_class)
        left_out = np.array([sk.roc_auc_score(np.delete(outcomes, i), np.delete(scores, i)) for i in places])
        m = len(places)
        variance += np.sum((left_out - left_out.mean()) ** 2) * (m - 1) / m
    assert delong_variance(tabulate_scores(scores, outcomes)) == pytest.approx(variance, rel=1e-9)


def test_delong_s_interval_covers_the_area_about_as_often_as_it_says() -> None:
    """Two normals one sd apart: AUC Φ(1/√2). 95% of 1,000 samples within 3.5 binomial sd."""
    area = stats.norm.cdf(1 / math.sqrt(2))
    rng = np.random.default_rng(5)
    outcomes = np.arange(150) < 50
    covered = 0
    for _ in range(1_000):
        interval = delong_interval(tabulate_scores(rng.normal(outcomes * 1.0), outcomes))
        assert interval is not None
        covered += interval.low <= area <= interval.high
    assert covered / 1_000 == pytest.approx(0.95, abs=3.5 * math.sqrt(0.95 * 0.05 / 1_000))


def test_wholly_separate_classes_still_have_an_interval() -> None:
    scores = np.concatenate([np.zeros(30), np.ones(20)])
    interval = delong_interval(tabulate_scores(scores, scores > 0.5))
    assert interval is not None
    assert interval.high == 1.0
    assert interval.low == pytest.approx(0.025 ** (1 / 20))  # 20 of 20, Clopper and Pearson


bins = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=3)


@settings(max_examples=60, deadline=None)
@given(bins)
def test_binning_moves_auc_and_average_precision_by_no_more_than_is_said(cells: list[tuple[int, int]]) -> None:
    """Every order of the rows within the bins, by enumeration of the extreme ones."""
    binned = ScoreTable(np.array([p for p, _ in cells]), np.array([n for _, n in cells]), exact=False)
    if not binned.is_mixed:
        return
    area, precision = roc_auc(binned), average_precision(binned)
    assert area is not None
    assert precision is not None
    orders: list[list[tuple[bool, ...]]] = [sorted(set(permutations([True] * p + [False] * n))) for p, n in cells]
    for pick in (0, -1, 1, 2):
        rows = [row for order in orders if order for row in order[min(pick, len(order) - 1)]]
        raw = tabulate_scores(np.arange(len(rows), dtype=float), np.array(rows, dtype=bool))
        assert abs((roc_auc(raw) or 0.0) - area) <= roc_auc_error(binned) + 1e-12
        assert abs((average_precision(raw) or 0.0) - precision) <= average_precision_error(binned) + 1e-12


@pytest.mark.parametrize("seed", range(3))
def test_a_tally_on_the_model_s_score_bins_is_close_to_the_raw_rows_and_says_how_close(seed: int) -> None:
    reference, _ = sample(20_000, 99)
    codec = build_codec(reference, bins=SCORE_BINS)
    scores, outcomes = sample(5_000, seed)
    tally = tally_binary(scores, scores >= 0.5, outcomes, codec.edges)
    found = binary_performance(tally, rng=np.random.default_rng(0))
    raw = tabulate_scores(scores, outcomes)
    assert found["roc_auc"].value == pytest.approx(roc_auc(raw), abs=2e-5)
    assert found["average_precision"].value == pytest.approx(average_precision(raw), abs=1e-3)
    assert 0 < roc_auc_error(tally.table()) < 1e-3
    assert "score bins: within" in found["roc_auc"].approximations[0]
    of_bins, of_rows = ks_separation(tally.table()), ks_separation(raw)
    assert of_bins is not None
    assert of_rows is not None
    assert of_rows - 2e-3 <= of_bins <= of_rows
    for metric in ("log_loss", "brier_score", "accuracy", "expected_calibration_error"):
        assert found[metric].approximations == ()


def test_scores_beyond_the_reference_keep_their_order_on_the_wider_edges() -> None:
    """The reference knows scores of 0.2 to 0.4; production has them around 0.8."""
    reference = np.random.default_rng(0).uniform(0.2, 0.4, 5_000)
    edges = build_codec(reference, bins=SCORE_BINS).edges
    outcomes = np.random.default_rng(1).random(4_000) < 0.5
    scores = 1 / (1 + np.exp(-np.random.default_rng(2).normal(1 + outcomes, 0.8)))
    raw = tabulate_scores(scores, outcomes)
    wide = tally_binary(scores, outcomes, outcomes, score_edges(edges))
    narrow = tally_binary(scores, outcomes, outcomes, edges)
    assert roc_auc(wide.table()) == pytest.approx(roc_auc(raw), abs=1e-3)
    assert roc_auc_error(wide.table()) < 0.01 < roc_auc_error(narrow.table())
    np.testing.assert_array_equal(wide.rebinned(score_edges(edges), edges).counts, narrow.counts)
    with pytest.raises(ValueError, match="only be joined"):
        narrow.rebinned(edges, score_edges(edges))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 200), st.integers(1, 200))
def test_tallies_of_parts_add_up_to_the_tally_of_the_whole_bit_for_bit(seed: int, first: int, second: int) -> None:
    scores, outcomes = sample(first + second, seed, digits=3)
    scores[::7] = np.nan

    def tally(rows: slice) -> BinaryTally:
        return tally_binary(scores[rows], scores[rows] >= 0.4, outcomes[rows], EDGES, unlabelled=2)

    whole, parts = tally(slice(None)), tally(slice(first, None)) + tally(slice(None, first))
    assert parts.unlabelled == whole.unlabelled + 2
    assert parts.to_fields()[:-1] == whole.to_fields()[:-1]
    again = BinaryTally.from_fields(whole.to_fields())
    assert again.to_fields() == whole.to_fields()
    np.testing.assert_array_equal(again.counts, whole.counts)


def test_tallies_on_other_bins_are_refused() -> None:
    scores, outcomes = sample(10, 0)
    with pytest.raises(ValueError, match="score bins do not add up"):
        tally_binary(scores, outcomes, outcomes, EDGES) + tally_binary(scores, outcomes, outcomes, EDGES[:5])


def test_rows_without_a_score_count_for_decisions_and_the_labelled_share() -> None:
    scores = np.array([0.9, np.nan, 0.2, np.inf])
    outcomes = np.array([True, True, False, False])
    decisions = np.array([True, True, False, True])
    tally = tally_binary(scores, decisions, outcomes, EDGES, unlabelled=12)
    assert tally.confusion == Confusion(1, 1, 0, 2)
    assert tally.table().n == 2
    found = binary_performance(tally, rng=np.random.default_rng(0))
    assert found["accuracy"].n == 4
    assert found["roc_auc"].n == 2
    assert found["roc_auc"].labelled_share == 0.25


def test_scores_that_are_no_probabilities_rank_and_have_no_losses() -> None:
    scores, outcomes = sample(200, 4)
    found = perform(10 * scores - 5, outcomes)
    assert found["roc_auc"].value == pytest.approx(sk.roc_auc_score(outcomes, scores))
    for metric in ("log_loss", "brier_score", "expected_calibration_error", "calibration_bias"):
        assert found[metric].value is None
        assert "no probability" in found[metric].approximations[0]


@pytest.mark.parametrize("outcomes", [np.ones(5, dtype=bool), np.zeros(5, dtype=bool), np.zeros(0, dtype=bool)])
def test_one_class_or_no_row_leaves_metrics_undefined_without_a_warning(outcomes: Flags) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = perform(np.linspace(0.2, 0.7, len(outcomes)), outcomes, costs={"true_positive": 1.0})
    assert found["roc_auc"].value is None
    assert found["roc_auc"].interval is None
    assert found["matthews_correlation"].value is None


def test_the_value_of_decisions_is_their_mean_cost_with_a_bootstrap_interval() -> None:
    costs = {"false_positive": -1.0, "false_negative": -5.0, "true_positive": 2.0}
    confusion = Confusion(50, 20, 10, 20)
    assert confusion.value(costs) == pytest.approx((-20 - 50 + 40) / 100)
    interval = confusion.value_interval(costs, np.random.default_rng(0))
    values = np.repeat([0.0, -1.0, -5.0, 2.0], confusion.cells)
    half = 1.96 * values.std() / 10
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx((-0.3 - half, -0.3 + half), abs=0.12)


@given(st.tuples(*[st.integers(0, 10**9)] * 4))
def test_every_interval_of_a_decision_metric_holds_its_value(cells: tuple[int, int, int, int]) -> None:
    confusion = Confusion(*cells)
    interval = confusion.f1_interval
    if interval is not None:
        assert confusion.f1 is not None
        assert interval.low - 1e-12 <= confusion.f1 <= interval.high + 1e-12
    correlation = confusion.matthews_correlation
    assert correlation is None or -1 - 1e-12 <= correlation <= 1 + 1e-12


LARGE = sample(200_000, 1_000)
TRUTHS = {
    "average_precision": average_precision(tabulate_scores(*LARGE)),
    "log_loss": sk.log_loss(*reversed(LARGE)),
    "calibration_bias": 0.0,
}


@pytest.mark.parametrize("metric", TRUTHS)
def test_intervals_hold_the_truth_of_a_large_sample_most_of_the_time(metric: str) -> None:
    """30 samples of 400; 95% intervals: 24 or more hold it (fewer has a probability below 1e-4)."""
    truth = TRUTHS[metric]
    assert truth is not None
    held = 0
    for seed in range(30):
        scores, outcomes = sample(400, seed)
        interval = binary_performance(tally_binary(scores, outcomes, outcomes, EDGES))[metric].interval
        if metric == "average_precision":
            table = tabulate_scores(scores, outcomes)
            interval = resample_interval(average_precision, table, np.random.default_rng(seed))
        assert interval is not None
        held += interval.low <= truth <= interval.high
    assert held >= 24


def test_a_long_table_is_resampled_in_bins_around_its_own_value() -> None:
    table = tabulate_scores(*sample(5_000, 1))
    short = resample_interval(average_precision, table, np.random.default_rng(0))
    cells = np.stack([table.positives, table.negatives])
    whole = bootstrap_counts(
        lambda drawn: average_precision(ScoreTable(drawn[0], drawn[1])), cells, np.random.default_rng(0)
    )
    assert short is not None
    assert whole is not None
    assert (short.low, short.high) == pytest.approx((whole.low, whole.high), abs=0.005)


def test_calibration_tallies_add_up_and_survive_writing() -> None:
    scores, outcomes = sample(500, 3)
    scores[3] = 1.5
    whole = tally_calibration(scores, outcomes)
    parts = tally_calibration(scores[:200], outcomes[:200]) + tally_calibration(scores[200:], outcomes[200:])
    assert parts.to_fields() == whole.to_fields() == CalibrationTally.from_fields(whole.to_fields()).to_fields()
    assert whole.beyond == 1


def test_a_confusion_is_counted_in_scikit_learn_s_order() -> None:
    scores, outcomes = sample(300, 2)
    expected = sk.confusion_matrix(outcomes, scores >= 0.4).reshape(-1)
    assert count_confusion(scores >= 0.4, outcomes).cells == tuple(expected)
