"""What a profile costs, beside pandas.DataFrame.describe and scipy's ks_2samp on the same table.

Run:  python benchmarks/profile_kernel.py [--rows 1000000] [--columns 20] [--repeats 5]

One thread. Times are medians of CPU time (so that a busy machine tells nearly the same); ratios are what carries over.
"""

import argparse
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from driftwatch.drift.distribution import Distribution
from driftwatch.drift.measures import measure_distributions
from driftwatch.profiles.bucket import BucketProfile
from driftwatch.profiles.codec import NumericCodec, build_codec
from driftwatch.profiles.kernel import count_sorted
from driftwatch.profiles.numeric import profile_numeric

Columns = dict[str, NDArray[np.float64]]


def table(rows: int, columns: int, seed: int) -> Columns:
    """Columns of the kinds that models see: normal, skewed, heavy-tailed, zero-inflated, whole numbers."""
    rng = np.random.default_rng(seed)
    draws: list[Callable[[], NDArray[np.float64]]] = [
        lambda: rng.normal(size=rows),
        lambda: rng.lognormal(size=rows),
        lambda: rng.standard_t(1.5, rows),
        lambda: np.where(rng.random(rows) < 0.5, 0.0, rng.lognormal(size=rows)),
        lambda: rng.poisson(20, rows).astype(np.float64),
    ]
    return {f"x{place}": draws[place % len(draws)]() for place in range(columns)}


def seconds(work: Callable[[], object], repeats: int) -> float:
    """The median CPU time of `work`, after one run to warm up."""
    work()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return median(times)


def profile(columns: Columns, codecs: dict[str, NumericCodec]) -> None:
    for name, values in columns.items():
        profile_numeric(values, codecs[name])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    reference, current = (table(arguments.rows, arguments.columns, seed) for seed in (1, 2))
    codecs = {name: build_codec(values) for name, values in reference.items()}
    frame = pd.DataFrame(current)
    values = arguments.rows * arguments.columns

    def sort_blocks() -> None:
        for name, column in current.items():
            count_sorted(column, codecs[name])

    def kolmogorov_smirnov() -> None:
        for name in current:
            stats.ks_2samp(reference[name], current[name], method="asymp")

    work: dict[str, tuple[Callable[[], object], int]] = {
        "profile (counts, missing, sums, extremes)": (lambda: profile(current, codecs), arguments.repeats),
        "  sum of each column alone": (lambda: [column.sum() for column in current.values()], arguments.repeats),
        "  the kernel for small batches (sorted blocks)": (sort_blocks, max(1, arguments.repeats // 2)),
        "pandas.DataFrame.describe": (frame.describe, max(1, arguments.repeats // 2)),
        "scipy.stats.ks_2samp, a call a column": (kolmogorov_smirnov, 1),
    }
    times = {name: seconds(step, repeats) for name, (step, repeats) in work.items()}
    base = next(iter(times.values()))
    print(f"{arguments.columns} columns × {arguments.rows:,} rows, one thread, median CPU time\n")
    print(f"{'':48}{'ms':>10}{'ns/value':>10}{'ratio':>8}")
    for name, took in times.items():
        print(f"{name:48}{took * 1e3:10.1f}{took * 1e9 / values:10.2f}{took / base:8.2f}")
    small(reference["x1"], current["x1"], codecs["x1"])


def small(reference: NDArray[np.float64], current: NDArray[np.float64], codec: NumericCodec) -> None:
    """Costs that do not grow with the rows."""
    before, after = profile_numeric(reference, codec), profile_numeric(current, codec)
    sides = [Distribution.of(side, codec) for side in (before, after)]
    stored = BucketProfile(len(current), features={"x": after}).to_bytes()
    print(f"\nOne profile: {codec.bins} bins, {len(stored):,} bytes stored")
    print(f"Merging two: {seconds(lambda: [before.merge(after) for _ in range(1000)], 5) * 1e3:.1f} µs")
    print("A measure of two profiles:")
    for method in ("kolmogorov_smirnov", "wasserstein_distance", "population_stability_index"):
        took = seconds(lambda method=method: [measure_distributions(method, *sides) for _ in range(100)], 5)  # type: ignore[misc]
        print(f"  {method:46}{took * 1e4:6.0f} µs")


if __name__ == "__main__":
    main()
