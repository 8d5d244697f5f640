"""How near the measures on profiles come to the exact ones, a million values against a million."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from driftwatch.drift.distribution import Distribution
from driftwatch.drift.measures import measure_distributions, measure_values
from driftwatch.profiles.codec import build_codec
from driftwatch.profiles.numeric import profile_numeric

N = 1_000_000
# The largest differences allowed; Wasserstein is in reference standard deviations.
LIMITS = {
    "kolmogorov_smirnov": 1.5e-4,  # mostly below 5e-5: between two edges lies at most the noise of one bin
    "jensen_shannon_distance": 1e-4,
    "population_stability_index": 2e-5,  # mostly below 1e-5: the deciles cut bins
    "wasserstein_distance_normalized": 2e-4,
}


def draw(name: str, rng: np.random.Generator) -> NDArray[np.float64]:
    draws: dict[str, Callable[[], NDArray[np.float64]]] = {
        "normal": lambda: rng.normal(size=N),
        "lognormal": lambda: rng.lognormal(size=N),
        "t(1.5)": lambda: rng.standard_t(1.5, N),
        "zero-inflated": lambda: np.where(rng.random(N) < 0.5, 0.0, rng.lognormal(size=N)),
        "discrete": lambda: rng.poisson(5, N).astype(np.float64),
        "constant": lambda: np.full(N, 3.7),
        "1e6 ± 1": lambda: 1e6 + rng.uniform(-1, 1, N),
    }
    return draws[name]()


@pytest.mark.slow
@pytest.mark.parametrize("shift", [0.0, 0.1], ids=["same", "shifted"])
@pytest.mark.parametrize("name", ["normal", "lognormal", "t(1.5)", "zero-inflated", "discrete", "constant", "1e6 ± 1"])
def test_profiles_measure_what_raw_values_measure(name: str, shift: float) -> None:
    rng = np.random.default_rng(sum(map(ord, name)))
    a, b = draw(name, rng), draw(name, rng)
    if shift:
        # A discrete or zero-inflated column shifts by moving mass, not by leaving its lattice.
        moved = rng.random(N) < shift
        b = np.where(moved, np.roll(b, 1) + 1.0, b) if name in {"discrete", "zero-inflated"} else b + shift
    codec = build_codec(a)
    sides = [Distribution.of(profile_numeric(side, codec), codec) for side in (a, b)]
    for method, limit in LIMITS.items():
        exact, near = measure_values(method, a, b).value, measure_distributions(method, *sides).value
        assert (exact is None) == (near is None)
        if exact is not None and near is not None:
            assert near == pytest.approx(exact, abs=limit, rel=5e-4), method
