"""Worse segments: found where they are, and where none is, none in nineteen of twenty searches."""

import numpy as np
import pytest
from scipy import stats

from driftwatch.performance.mean_tally import tally_mean
from driftwatch.performance.regression import tally_regression
from driftwatch.performance.tally import LabelledRows, TallyPlan, tally_rows
from driftwatch.performance.worst_segment import Loss, WorseTest, find_worse, loss_of

SEGMENTS, LOOKS, SEARCHES = 12, 4, 300


def mean_loss(values: np.ndarray) -> Loss:
    tally = tally_mean(values)
    return Loss("mean_absolute_error", tally.n, float(values.mean()), float(values.var(ddof=1)))


def answers(values: np.ndarray) -> Loss:
    n, wrong = len(values), int(values.sum())
    return Loss("accuracy", n, wrong / n, float(values.var(ddof=1)), wrong)


def searched(losses: np.ndarray, segment: np.ndarray, *, kind: str = "mean", looks: int = 1) -> dict[str, WorseTest]:
    make = answers if kind == "answers" else mean_loss
    parts = {
        str(place): (make(losses[segment == place]), make(losses[segment != place]))
        for place in range(SEGMENTS)
        if np.count_nonzero(segment == place) >= 30
    }
    return find_worse(parts, looks=looks)


def drawn(kind: str, rng: np.random.Generator, n: int) -> np.ndarray:
    match kind:
        case "answers":
            return (rng.random(n) < 0.03).astype(float)
        case "mostly_wrong":
            return (rng.random(n) < 0.95).astype(float)
        case "brier":
            score = rng.beta(1, 8, n)
            return np.asarray((score - (rng.random(n) < score)) ** 2)
        case _:
            return rng.lognormal(0, 1.5, n)


@pytest.mark.parametrize("kind", ["answers", "mostly_wrong", "brier", "heavy"])
def test_where_no_segment_is_worse_none_is_found_in_nineteen_of_twenty_searches(kind: str) -> None:
    rng, found = np.random.default_rng(8), 0
    sizes = rng.dirichlet(np.full(SEGMENTS, 1.0))  # some small, some large
    for _ in range(SEARCHES):
        of = "answers" if kind in ("answers", "mostly_wrong") else "mean"
        is_found = False
        for _ in range(LOOKS):
            segment = rng.choice(SEGMENTS, 2_000, p=sizes)
            tests = searched(drawn(kind, rng, 2_000), segment, kind=of, looks=LOOKS)
            is_found |= any(each.is_worse for each in tests.values())
        found += is_found
    assert found / SEARCHES <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / SEARCHES)


def test_a_segment_that_is_worse_is_found_and_named() -> None:
    rng = np.random.default_rng(2)
    segment = rng.integers(0, SEGMENTS, 6_000)
    losses = rng.exponential(1 + 0.5 * (segment == 7))
    found = searched(losses, segment, looks=30)
    assert [name for name, each in found.items() if each.is_worse] == ["7"]
    assert found["7"].p_value < found["7"].adjusted_p_value < 0.05


def test_answers_are_tested_as_fisher_does() -> None:
    loss, rest = Loss("accuracy", 40, 0.3, 0.2, 12), Loss("accuracy", 360, 0.1, 0.1, 36)
    (found,) = find_worse({"a": (loss, rest)}, looks=1).values()
    theirs = stats.fisher_exact(np.array([[12, 28], [36, 324]]), alternative="greater").pvalue
    assert found.p_value == pytest.approx(theirs, rel=1e-9)


def test_holm_steps_down_and_looks_multiply() -> None:
    loss, rest = Loss("accuracy", 100, 0.3, 0.2, 30), Loss("accuracy", 900, 0.15, 0.1, 135)
    once = find_worse({"a": (loss, rest), "b": (rest, loss)}, looks=1)
    often = find_worse({"a": (loss, rest), "b": (rest, loss)}, looks=10)
    assert once["a"].adjusted_p_value == pytest.approx(2 * once["a"].p_value)
    assert once["b"].adjusted_p_value > 0.99
    assert often["a"].adjusted_p_value == pytest.approx(10 * once["a"].adjusted_p_value)


def test_the_loss_of_a_tally_is_that_of_its_rows() -> None:
    rng = np.random.default_rng(1)
    score = rng.random(200)
    was = (rng.random(200) < score).tolist()
    plan = TallyPlan("binary", np.array([0.5]), threshold=0.5)
    loss = loss_of(tally_rows(plan, LabelledRows(was, [None] * 200, score)))
    expected = (score - np.array(was)) ** 2
    assert loss is not None
    assert (loss.metric, loss.n) == ("brier_score", 200)
    assert (loss.mean, loss.variance) == pytest.approx((expected.mean(), expected.var(ddof=1)), rel=1e-9)
    without = loss_of(tally_rows(plan, LabelledRows([1, 0, 1], [1, 1, 0], np.full(3, np.nan))))
    assert without is not None
    assert (without.metric, without.n, without.wrong, without.mean) == ("accuracy", 3, 2, 2 / 3)
    assert without.variance == pytest.approx(1 / 3)
    error = loss_of(tally_regression(np.array([1.0, 5.0]), np.array([2.0, 2.0])))
    assert error == Loss("mean_absolute_error", 2, 2.0, 2.0)
    assert loss_of(tally_regression(np.zeros(0), np.zeros(0))) is None
    several = loss_of(tally_rows(TallyPlan("multiclass"), LabelledRows(["a", "b"], ["a", "a"], np.full(2, np.nan))))
    assert several is not None
    assert (several.metric, several.wrong) == ("accuracy", 1)
