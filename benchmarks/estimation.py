"""What it costs to estimate a window's performance without labels: from the histogram of scores, and row by row.

Run with ``python -m benchmarks.estimation``; medians, one thread.
"""

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from driftwatch.estimation.calibration import CalibrationMap, fit_calibration
from driftwatch.estimation.cbpe import estimate_binary

BINS = 1024
SCORES = (np.arange(BINS) + 0.5) / BINS


def main() -> None:
    rng = np.random.default_rng(1)
    score = rng.beta(1.5, 3, 40_000)
    truth = rng.random(len(score)) < np.clip(0.8 * score + 0.05, 0, 1)
    by_row = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(score, truth)
    bins = place(score)
    rows = np.bincount(bins, minlength=BINS)
    calibration = fit_calibration(rows, np.bincount(bins[truth], minlength=BINS))
    print(f"{'rows':>10}{'histogram µs':>16}{'rows µs':>12}{'ratio':>8}{'AUC differs by':>17}")
    for n in (500, 5_000, 50_000, 500_000):
        window = rng.beta(1.5, 3, n)
        counts = np.bincount(place(window), minlength=BINS)
        took = median(lambda counts=counts: estimate_binary(counts, calibration, SCORES, BINS // 2))  # type: ignore[misc]
        rowwise = median(lambda window=window: row_by_row(window, by_row))  # type: ignore[misc]
        ours = estimate_binary(counts, calibration, SCORES, BINS // 2)["roc_auc"].value
        gap = abs(ours - row_by_row(window, by_row))
        print(f"{n:>10,}{took * 1e6:>16.0f}{rowwise * 1e6:>12.0f}{rowwise / took:>8.1f}{gap:>17.1e}")


def place(score: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.minimum((score * BINS).astype(np.int64), BINS - 1)


def row_by_row(score: NDArray[np.float64], by_row: IsotonicRegression) -> float:
    """The same ten metrics and bands with every row a bin of its own; returns the AUC."""
    ordered = np.sort(score)
    calibration = CalibrationMap(by_row.predict(ordered), np.arange(len(score)), np.full(len(score), 1_000_000))
    first = int(np.searchsorted(ordered, 0.5))
    return estimate_binary(np.ones(len(score), dtype=np.int64), calibration, ordered, first)["roc_auc"].value


def median(run: Callable[[], object], repeats: int = 15) -> float:
    times = []
    for _ in range(repeats):
        started = time.process_time()
        for _ in range(5):
            run()
        times.append((time.process_time() - started) / 5)
    return float(np.median(times))


if __name__ == "__main__":
    main()
