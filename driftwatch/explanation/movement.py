"""Which features move the predictions: drift × importance, and swapped distributions under a surrogate."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.explanation.condition import cell_codes
from driftwatch.explanation.contrast import excess_variation
from driftwatch.explanation.surrogate import Surrogate
from driftwatch.profiles.bucket import Column

__all__ = ["LEAST_FIT", "FeatureMovement", "Movement", "explain_movement", "weigh_drift"]

LEAST_FIT = 0.2
"""R² below which a surrogate's contributions are not told."""

_ROWS = 8192
_PLAYERS = 12  # features with a part of their own; the others have one together
_SURE = 3.0  # standard errors
_LEAST_DRIFT = 0.02


@dataclass(frozen=True, slots=True)
class FeatureMovement:
    """One feature's part in how the prediction moved.

    Attributes:
        feature: its name.
        drift: total variation distance of current against reference, 0 to 1, without sampling noise.
        importance: 0 to 1, its share of all importances.
        weighted: drift × importance.
        alone: change of the mean prediction when only this feature's values are taken from current rows; None without
            a surrogate.
        contribution: its Shapley value in the change of the mean prediction; None without a surrogate, or for a
            feature beyond the twelve that move it most.
        standard_error: of the contribution, by sampling rows and orders.
    """

    feature: str
    drift: float
    importance: float
    weighted: float
    alone: float | None = None
    contribution: float | None = None
    standard_error: float | None = None

    @property
    def moves(self) -> bool:
        """Whether its contribution is beyond three standard errors."""
        return (
            self.contribution is not None
            and self.standard_error is not None
            and abs(self.contribution) > _SURE * self.standard_error
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        return {name: getattr(self, name) for name in (*self.__dataclass_fields__, "moves")}


@dataclass(frozen=True, slots=True)
class Movement:
    """How the mean prediction moved, and by what.

    Attributes:
        target: "score" or "prediction", and of a class which.
        observed: mean of the logged target, current less reference; None where nobody logs one.
        explained: the same of the surrogate, by the logged features alone; None without a good surrogate.
        unexplained: observed less explained: what the features do not say (a new version, a cause that is not logged).
        unexplained_error: its standard error.
        r_squared: of the surrogate on held-out reference rows; None without one.
        importance_source: "given", "surrogate" or "none" (every feature counts the same).
        features: by size of contribution, or of drift × importance where there is none.
        rest: contribution of all features beyond the twelve, or None.
        n_reference: rows.
        n_current: rows.
        approximations: what stands between the numbers and the truth, one clause each.
    """

    target: str
    observed: float | None
    explained: float | None
    unexplained: float | None
    unexplained_error: float | None
    r_squared: float | None
    importance_source: str
    features: tuple[FeatureMovement, ...]
    rest: float | None
    n_reference: int
    n_current: int
    approximations: tuple[str, ...] = ()

    @property
    def is_unexplained(self) -> bool:
        """Whether more than sampling noise and half of the movement is not said by the features."""
        if self.observed is None or self.unexplained is None or self.unexplained_error is None:
            return False
        beyond = abs(self.unexplained) > _SURE * self.unexplained_error
        return beyond and abs(self.unexplained) > abs(self.observed) / 2

    @property
    def words(self) -> str:
        """One or two sentences for people."""
        movers = [each for each in self.features if each.moves][:3]
        observed = "" if self.observed is None else f" by {self.observed:+.4g} on average"
        leading = [each for each in self.features if each.weighted > 0 and each.drift >= _LEAST_DRIFT][:3]
        parts = []
        if movers:
            named = ", ".join(f"{each.feature} ({each.contribution:+.4g})" for each in movers)
            parts.append(f"{self.target} moved{observed}; its features account for {self.explained:+.4g}: {named}")
        elif self.explained is not None:
            parts.append(f"{self.target} moved{observed}; no feature moves it")
        elif leading:
            named = ", ".join(each.feature for each in leading)
            weight = "drift × importance" if self.importance_source != "none" else "drift alone"
            are = "feature is" if len(leading) == 1 else "features are"
            parts.append(f"{self.target} moved{observed}; by {weight} the leading {are} {named}")
        else:
            parts.append(f"{self.target} moved{observed}; no feature drifted" if observed else "no feature drifted")
        if self.is_unexplained:
            parts.append("most of it is not in the features: look for a new version, or a cause that is not logged")
        return "; ".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        return {
            "target": self.target,
            "sentence": self.words,
            "observed": self.observed,
            "explained": self.explained,
            "unexplained": self.unexplained,
            "unexplained_error": self.unexplained_error,
            "r_squared": self.r_squared,
            "importance_source": self.importance_source,
            "features": [each.to_dict() for each in self.features],
            "rest": self.rest,
            "n_reference": self.n_reference,
            "n_current": self.n_current,
            "approximations": list(self.approximations),
        }


def weigh_drift(
    reference: Mapping[str, Column], current: Mapping[str, Column], importance: Mapping[str, float]
) -> tuple[FeatureMovement, ...]:
    """Drift × importance of every feature that both sides have, the largest first.

    Args:
        reference: features, n rows.
        current: features, m rows.
        importance: by feature, at least 0; scaled to sum 1. Empty: every feature counts the same.
    """
    names = sorted(reference.keys() & current.keys())
    weights = {name: importance.get(name, 0.0) for name in names} if importance else dict.fromkeys(names, 1.0)
    total = sum(weights.values())
    found = []
    for name in names:
        drift = _drift(reference[name], current[name])
        weight = weights[name] / total if total else 0.0
        found.append(FeatureMovement(name, drift, weight, drift * weight))
    return tuple(sorted(found, key=lambda each: (-each.weighted, -each.drift, each.feature)))


def explain_movement(
    target: str,
    reference: Mapping[str, Column],
    current: Mapping[str, Column],
    values: tuple[NDArray[np.float64], NDArray[np.float64]],
    surrogate: Surrogate | None,
    *,
    importance: Mapping[str, float],
    seed: int,
) -> Movement:
    """Which features moved the mean prediction.

    With v(S) the surrogate's mean when the features in S are those of current rows and the others those of reference
    rows, drawn independently, a feature's contribution is its Shapley value in v (Shapley, 1953), by random orders,
    each with its reverse, one for each pair of rows (Strumbelj and Kononenko, 2014). Contributions add up to v(all) -
    v(none).

    Args:
        target: its name, for people.
        reference: features, n rows.
        current: features, m rows.
        values: float64[n] and float64[m], the logged target, NaN where there is none.
        surrogate: fitted to the reference, or None.
        importance: as given by the user; empty: those of the surrogate.
        seed: the same seed gives the same answer.
    """
    n, m = len(values[0]), len(values[1])
    source = "given" if importance else "none"
    if not importance and surrogate is not None and surrogate.r_squared >= LEAST_FIT:
        importance, source = surrogate.importance, "surrogate"
    features = weigh_drift(reference, current, importance)
    observed, observed_error = _mean_shift(*values)
    fit = None if surrogate is None else surrogate.r_squared
    if surrogate is None or surrogate.r_squared < LEAST_FIT or not (n and m):
        why = "no surrogate could be fitted" if fit is None else f"the surrogate is too poor to be told (R² {fit:.2f})"
        return Movement(target, observed, None, None, None, fit, source, features, None, n, m, (why,))
    sides = surrogate.encoding.matrix(reference, n), surrogate.encoding.matrix(current, m)
    predicted = surrogate.predict(sides[0]), surrogate.predict(sides[1])
    explained, _ = _mean_shift(*predicted)
    unexplained, error = _unexplained(values, predicted)
    told, rest = _contributions(surrogate, sides, features, np.random.default_rng(seed))
    return Movement(
        target=target,
        observed=observed,
        explained=explained,
        unexplained=unexplained,
        unexplained_error=error if observed_error is not None else None,
        r_squared=fit,
        importance_source=source,
        features=told,
        rest=rest,
        n_reference=n,
        n_current=m,
        approximations=(
            f"of a surrogate of the model with R² {surrogate.r_squared:.2f} on held-out rows",
            "features in and out of a set are taken as independent of one another",
            f"Shapley values by sampling, {_ROWS} pairs of rows",
        ),
    )


def _drift(reference: Column, current: Column) -> float:
    cut = cell_codes(reference, current)
    if cut is None or not (len(cut[0]) and len(cut[1])):
        return 0.0
    table = np.stack([np.bincount(side, minlength=cut[2]) for side in cut[:2]]).astype(np.float64)
    return float(excess_variation(table[None])[0])


def _mean_shift(reference: NDArray[np.float64], current: NDArray[np.float64]) -> tuple[float | None, float | None]:
    before, after = reference[np.isfinite(reference)], current[np.isfinite(current)]
    if not (len(before) and len(after)):
        return None, None
    error = float(np.sqrt(before.var() / len(before) + after.var() / len(after)))
    return float(after.mean() - before.mean()), error


def _unexplained(
    values: tuple[NDArray[np.float64], NDArray[np.float64]], predicted: tuple[NDArray[np.float64], NDArray[np.float64]]
) -> tuple[float | None, float | None]:
    """The shift of the residuals, and its standard error."""
    return _mean_shift(values[0] - predicted[0], values[1] - predicted[1])


def _contributions(
    surrogate: Surrogate,
    sides: tuple[NDArray[np.float64], NDArray[np.float64]],
    features: tuple[FeatureMovement, ...],
    rng: np.random.Generator,
) -> tuple[tuple[FeatureMovement, ...], float | None]:
    """Each feature with what it does alone, and the twelve largest with their Shapley values."""
    before, after = (side[rng.integers(0, len(side), _ROWS)] for side in sides)
    base = surrogate.predict(before)
    places = {name: place for place, name in enumerate(surrogate.encoding.features)}
    alone: dict[str, float] = {}
    for each in features:
        if each.feature in places:
            swapped = before.copy()
            swapped[:, places[each.feature]] = after[:, places[each.feature]]
            alone[each.feature] = float(np.mean(surrogate.predict(swapped) - base))
    own = sorted(alone, key=lambda name: (-abs(alone[name]), name))[:_PLAYERS]
    players = [[places[name]] for name in own]
    others = [place for name, place in places.items() if name not in own]
    marginal = _marginals(surrogate, before, after, [*players, others] if others else players, rng)
    means, errors = marginal.mean(axis=0), marginal.std(axis=0, ddof=1) / np.sqrt(len(marginal))
    parts = {name: (float(means[place]), float(errors[place])) for place, name in enumerate(own)}
    told = [_with_part(each, alone.get(each.feature), parts.get(each.feature)) for each in features]
    told.sort(key=lambda each: (-abs(each.contribution or 0.0), -each.weighted, -each.drift, each.feature))
    return tuple(told), float(means[-1]) if others else None


def _marginals(
    surrogate: Surrogate,
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    players: list[list[int]],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """float64[pairs, players]: what each player adds when it enters, averaged over an order and its reverse."""
    half = len(before) // 2
    order = rng.permuted(np.tile(np.arange(len(players)), (half, 1)), axis=1)
    result = np.zeros((2 * half, len(players)))
    for rows, orders in ((slice(0, half), order), (slice(half, 2 * half), order[:, ::-1])):
        mixed = before[rows].copy()
        value = surrogate.predict(mixed)
        for step in range(len(players)):
            for player, columns in enumerate(players):
                entering = orders[:, step] == player
                for column in columns:
                    mixed[entering, column] = after[rows][entering, column]
            following = surrogate.predict(mixed)
            result[np.arange(rows.start, rows.stop), orders[:, step]] = following - value
            value = following
    return (result[:half] + result[half:]) / 2


def _with_part(feature: FeatureMovement, alone: float | None, part: tuple[float, float] | None) -> FeatureMovement:
    contribution, error = part if part is not None else (None, None)
    return FeatureMovement(
        feature.feature, feature.drift, feature.importance, feature.weighted, alone, contribution, error
    )
