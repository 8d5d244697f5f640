"""Estimated performance of classifiers against scikit-learn and against drawn labels."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics
from sklearn.isotonic import IsotonicRegression

from driftwatch.estimation.calibration import CalibrationMap, fit_calibration
from driftwatch.estimation.cbpe import BINARY_METRICS, estimate_binary
from driftwatch.estimation.cbpe_multiclass import estimate_multiclass

BINS = 64
SCORES = (np.arange(BINS) + 0.5) / BINS
THRESHOLD = 24
KNOWN = CalibrationMap(SCORES**1.5, np.arange(BINS), np.full(BINS, 10**9))  # as good as certain


def draw_counts(n: int, seed: int) -> NDArray[np.int64]:
    return np.bincount((np.random.default_rng(seed).beta(1.2, 2.0, n) * BINS).astype(np.int64), minlength=BINS)


def of_weighted_rows(counts: NDArray[np.int64], m: NDArray[np.float64]) -> dict[str, float]:
    """Every bin as a positive of weight N m and a negative of weight N (1 - m), by scikit-learn."""
    y = np.repeat([1, 0], BINS)
    s, w = np.tile(SCORES, 2), np.concatenate((counts * m, counts * (1 - m)))
    called = np.tile(np.arange(BINS) >= THRESHOLD, 2).astype(int)
    weighted: dict[str, Any] = {"sample_weight": w}
    return {
        "roc_auc": metrics.roc_auc_score(y, s, **weighted),
        "average_precision": metrics.average_precision_score(y, s, **weighted),
        "accuracy": metrics.accuracy_score(y, called, **weighted),
        "precision": metrics.precision_score(y, called, **weighted),
        "recall": metrics.recall_score(y, called, **weighted),
        "f1": metrics.f1_score(y, called, **weighted),
        "specificity": metrics.recall_score(y, called, pos_label=0, **weighted),
        "brier_score": metrics.brier_score_loss(y, s, **weighted),
        "log_loss": metrics.log_loss(y, s, **weighted),
        "calibration_bias": np.average(s - y, weights=w),
    }


def test_every_expected_metric_is_scikit_learn_s_of_weighted_rows() -> None:
    counts = draw_counts(5000, 1)
    expected = of_weighted_rows(counts, KNOWN.probability)
    found = estimate_binary(counts, KNOWN, SCORES, THRESHOLD)
    assert found.keys() == expected.keys() == BINARY_METRICS.keys()
    for key, estimate in found.items():
        assert estimate.value == pytest.approx(expected[key], abs=1e-12), key
        assert (estimate.n, estimate.method) == (5000, "cbpe")


def drawn_metrics(counts: NDArray[np.int64], m: NDArray[np.float64], rng: np.random.Generator) -> dict[str, float]:
    positives = rng.binomial(counts, m)
    return of_weighted_rows(counts, np.divide(positives, counts, out=np.zeros(BINS), where=counts > 0))


def test_the_band_is_as_wide_as_drawn_labels_scatter() -> None:
    counts, rng = draw_counts(1500, 2), np.random.default_rng(3)
    draws = [drawn_metrics(counts, KNOWN.probability, rng) for _ in range(200)]
    for key, estimate in estimate_binary(counts, KNOWN, SCORES, THRESHOLD).items():
        values = [draw[key] for draw in draws]
        spread = (estimate.high - estimate.low) / (2 * 1.959963984540054)
        assert spread == pytest.approx(np.std(values), rel=0.16), key  # 3.2 standard errors of 200 draws
        assert estimate.value == pytest.approx(np.mean(values), abs=4 * spread / np.sqrt(200)), key


def test_the_band_counts_that_the_map_was_learned_from_few_rows() -> None:
    """A reference of 2,000 labels, a window of 40,000: most of what is unknown is the map."""
    rng, inside = np.random.default_rng(4), []
    window = draw_counts(40_000, 5)
    truth = np.clip(0.1 + 0.6 * SCORES, 0, 1)
    for _ in range(100):
        reference = rng.multinomial(2000, window / window.sum())
        calibration = fit_calibration(reference, rng.binomial(reference, truth))
        estimate = estimate_binary(window, calibration, SCORES, THRESHOLD)["accuracy"]
        inside.append(estimate.low <= drawn_metrics(window, truth, rng)["accuracy"] <= estimate.high)
    assert np.mean(inside) >= 0.88


def test_the_map_is_isotonic_regression_in_bins_and_reads_back() -> None:
    rng = np.random.default_rng(6)
    rows = rng.poisson(20, BINS) * (rng.random(BINS) > 0.2)
    positives = rng.binomial(rows, SCORES)
    found = fit_calibration(rows, positives)
    each = np.repeat(np.arange(BINS), rows)
    labels = np.concatenate([np.repeat([1.0, 0.0], [p, n - p]) for n, p in zip(rows, positives, strict=True)])
    direct = IsotonicRegression(out_of_bounds="clip").fit(each, labels).predict(np.arange(BINS))
    np.testing.assert_allclose(found.probability, direct, atol=1e-12)
    assert found.rows.sum() == rows.sum()
    again = CalibrationMap.from_dict(found.to_dict())
    for name in ("probability", "block", "rows"):
        np.testing.assert_array_equal(getattr(again, name), getattr(found, name))


def test_a_map_of_no_labels_or_of_impossible_counts_is_refused() -> None:
    nothing = np.zeros(4, dtype=np.int64)
    with pytest.raises(ValueError, match="needs labelled rows"):
        fit_calibration(nothing, nothing)
    with pytest.raises(ValueError, match="between 0 and all"):
        fit_calibration(nothing, nothing + 1)
    with pytest.raises(ValueError, match="not a calibration map"):
        CalibrationMap.from_dict({"bins": 3})
    with pytest.raises(ValueError, match="do not fit together"):
        CalibrationMap.from_dict({"bins": 3, "starts": [0], "probability": [0.5], "rows": [1, 2]})


def test_a_window_defines_only_what_it_can() -> None:
    assert estimate_binary(np.zeros(BINS, dtype=np.int64), KNOWN, SCORES, THRESHOLD) == {}
    found = estimate_binary(draw_counts(100, 7), KNOWN, SCORES, BINS)  # nothing is predicted positive
    assert "precision" not in found
    assert found["recall"].value == 0.0
    with pytest.raises(ValueError, match="differ"):
        estimate_binary(np.zeros(3, dtype=np.int64), KNOWN, SCORES, THRESHOLD)


def test_two_classes_as_several_give_the_binary_answers() -> None:
    counts = draw_counts(3000, 8)
    above = np.where(np.arange(BINS) >= THRESHOLD, counts, 0)
    flipped = CalibrationMap(1 - KNOWN.probability[::-1], KNOWN.block, KNOWN.rows)
    found = estimate_multiclass(
        {"yes": counts, "no": counts[::-1]},
        {"yes": above, "no": (counts - above)[::-1]},
        {"yes": KNOWN, "no": flipped},
        {"yes": SCORES, "no": SCORES},
    )
    binary = estimate_binary(counts, KNOWN, SCORES, THRESHOLD)
    assert found["accuracy"].value == pytest.approx(binary["accuracy"].value)
    assert found["accuracy"].low == pytest.approx(binary["accuracy"].low, abs=1e-6)
    assert found["roc_auc"].value == pytest.approx(binary["roc_auc"].value)
    assert found["recall"].value == pytest.approx((binary["recall"].value + binary["specificity"].value) / 2)
    assert estimate_multiclass({}, {}, {}, {}) == {}
