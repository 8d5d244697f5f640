"""Comparisons of two versions that are looked at 1,000 times: how often equal ones are told apart, and how soon others.

python -m benchmarks.rollout
"""

import math

import numpy as np
from numpy.typing import NDArray

from driftwatch.experiments.sequence import LEAST_ROWS, compare_arms
from driftwatch.experiments.sums import Sums

LOOKS, ROWS, RUNS, Z = 1_000, 50, 300, 1.959963984540054


def looks(rates: tuple[float, float], rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Successes of each arm so far, at each look."""
    one, other = (np.cumsum(rng.binomial(ROWS, rate, LOOKS)) for rate in rates)
    return one, other


def first_told(arms: tuple[NDArray[np.int64], NDArray[np.int64]]) -> tuple[int | None, int | None]:
    """Rows of each arm when the sequence, and when a z-test, first tells them apart."""
    sequence = z_test = None
    for look, (a, b) in enumerate(zip(*(arm.tolist() for arm in arms), strict=True), 1):
        n = look * ROWS
        if n < LEAST_ROWS:
            continue
        found = compare_arms([Sums.of_share(n, a)], [Sums.of_share(n, b)], is_share=True)
        if sequence is None and found is not None and found.shows:
            sequence = n
        pooled = (a + b) / (2 * n)
        if z_test is None and abs(b - a) / n > Z * math.sqrt(2 * pooled * (1 - pooled) / n):
            z_test = n
        if sequence is not None and z_test is not None:
            break
    return sequence, z_test


def main() -> None:
    """Print the table."""
    rng = np.random.default_rng(20261124)
    print(f"{RUNS} runs of {LOOKS:,} looks, {ROWS} rows of each arm more at each; level 5%")
    print("rates            told apart: sequence   z-test   rows of each arm, median: sequence   z-test")
    for rates in ((0.002, 0.002), (0.02, 0.02), (0.3, 0.3), (0.02, 0.03)):
        told = [first_told(looks(rates, rng)) for _ in range(RUNS)]
        ends = [[each for each in some if each is not None] for some in zip(*told, strict=True)]
        shares = "   ".join(f"{len(some) / RUNS:>6.1%}" for some in ends)
        rows = "   ".join(f"{np.median(some):>8,.0f}" if some else "       -" for some in ends)
        print(f"{rates[0]:>5} and {rates[1]:<5}                   {shares}   {rows}")


if __name__ == "__main__":
    main()
