"""Metrics of several classes against scikit-learn, per class and averaged."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics as sk

from driftwatch.performance.multiclass import MulticlassTally, multiclass_performance, tally_multiclass
from driftwatch.performance.result import PerformanceResult
from driftwatch.performance.score_table import tabulate_scores

CLASSES = ["cat", "dog", "fox"]


def sample(n: int, seed: int) -> tuple[list[str], list[str], dict[str, NDArray[np.float64]]]:
    rng = np.random.default_rng(seed)
    scores = rng.dirichlet([1.0, 2.0, 0.7], n)
    outcomes = [CLASSES[rng.choice(3, p=row)] for row in scores]
    return [CLASSES[place] for place in scores.argmax(axis=1)], outcomes, dict(zip(CLASSES, scores.T, strict=True))


def by_key(results: list[PerformanceResult]) -> dict[tuple[str, str | None], PerformanceResult]:
    return {(each.metric, each.of): each for each in results}


@pytest.mark.parametrize("seed", range(3))
def test_every_metric_is_that_of_scikit_learn(seed: int) -> None:
    decisions, outcomes, scores = sample(400, seed)
    tally = tally_multiclass(decisions, outcomes, scores=scores)
    tables = {name: tabulate_scores(scores[name], np.array(outcomes) == name) for name in CLASSES}
    found = by_key(multiclass_performance(tally, tables=tables))
    matrix = np.stack([scores[name] for name in CLASSES], axis=1)
    assert found["accuracy", None].value == pytest.approx(sk.accuracy_score(outcomes, decisions), abs=1e-12)
    correlation = sk.matthews_corrcoef(outcomes, decisions)
    assert found["matthews_correlation", None].value == pytest.approx(correlation, abs=1e-12)
    assert found["log_loss", None].value == pytest.approx(sk.log_loss(outcomes, matrix, labels=CLASSES), abs=1e-12)
    one_hot = np.array(outcomes)[:, None] == np.array(CLASSES)
    assert found["brier_score", None].value == pytest.approx(((matrix - one_hot) ** 2).sum(axis=1).mean(), abs=1e-12)
    for metric, score in (("precision", sk.precision_score), ("recall", sk.recall_score), ("f1", sk.f1_score)):
        each = score(outcomes, decisions, labels=CLASSES, average=None)
        assert [found[metric, name].value for name in CLASSES] == pytest.approx(each, abs=1e-12)
        for weighting in ("macro", "weighted"):
            expected = score(outcomes, decisions, average=weighting)
            assert found[metric, weighting].value == pytest.approx(expected, abs=1e-12)
    for weighting in ("macro", "weighted"):
        expected = sk.roc_auc_score(outcomes, matrix, multi_class="ovr", average=weighting, labels=CLASSES)
        assert found["roc_auc", weighting].value == pytest.approx(expected, abs=1e-12)


def test_averages_and_correlation_have_bootstrap_intervals_that_hold_them() -> None:
    decisions, outcomes, _ = sample(300, 1)
    found = by_key(multiclass_performance(tally_multiclass(decisions, outcomes), rng=np.random.default_rng(0)))
    for key in (("f1", "macro"), ("recall", "weighted"), ("matthews_correlation", None)):
        interval, value = found[key].interval, found[key].value
        assert interval is not None
        assert value is not None
        assert interval.method == "bootstrap"
        assert interval.low < value < interval.high


names = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("bcd")), min_size=0, max_size=40)


@settings(max_examples=50, deadline=None)
@given(names, st.integers(0, 40))
def test_tallies_add_up_also_when_a_part_lacks_a_class(rows: list[tuple[str, str]], cut: int) -> None:
    def tally(part: list[tuple[str, str]]) -> MulticlassTally:
        return tally_multiclass([d for d, _ in part], [o for _, o in part])

    whole, parts = tally(rows), tally(rows[cut:]) + tally(rows[:cut])
    assert parts.to_fields() == whole.to_fields() == MulticlassTally.from_fields(whole.to_fields()).to_fields()
    if len(whole.classes) > 1:
        expected = sk.confusion_matrix([o for _, o in rows], [d for d, _ in rows], labels=list(whole.classes))
        np.testing.assert_array_equal(whole.counts, expected)


def test_a_class_that_is_never_decided_has_no_precision_and_counts_as_zero_in_the_mean() -> None:
    decisions, outcomes = ["a", "a", "b", "b"], ["a", "a", "b", "c"]
    found = by_key(multiclass_performance(tally_multiclass(decisions, outcomes)))
    assert found["precision", "c"].value is None
    expected = sk.precision_score(outcomes, decisions, average="macro", zero_division=0)
    assert found["precision", "macro"].value == pytest.approx(expected)


def test_rows_whose_scores_are_no_distribution_give_no_loss() -> None:
    scores = {"a": np.array([0.5, 0.9, np.nan]), "b": np.array([0.5, 0.9, 0.1])}
    tally = tally_multiclass(["a", "b", "a"], ["a", "b", "b"], scores=scores, unlabelled=3)
    assert tally.log_loss.n == 1
    assert tally.labelled_share == 0.5
    assert multiclass_performance(tally_multiclass([], [])) == []
