"""Metrics by name: every key of the public contract, and those that others bring by entry point."""

from importlib.metadata import EntryPoint, EntryPoints
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk

from driftwatch import _registry
from driftwatch.errors import UnknownNameError
from driftwatch.performance.metric import Metric, MetricRows, measure_rows, metrics, metrics_of
from driftwatch.performance.regression import regression_performance, tally_regression
from driftwatch.performance.result import direction_of

CONTRACT = {
    "binary": [
        *("accuracy", "precision", "recall", "f1", "specificity", "matthews_correlation", "roc_auc"),
        *("average_precision", "log_loss", "brier_score", "expected_calibration_error", "calibration_bias"),
    ],
    "regression": [
        *("mean_absolute_error", "root_mean_squared_error", "mean_absolute_percentage_error", "mean_error", "r2"),
    ],
    "ranking": ["ndcg@10", "map@10", "mrr"],
    "multiclass": ["accuracy", "precision", "recall", "f1", "matthews_correlation"],
}


def rows_of(task: str, n: int = 120, seed: int = 0) -> MetricRows:
    rng = np.random.default_rng(seed)
    scores = rng.random(n)
    if task == "binary":
        return MetricRows(rng.random(n) < scores, scores > 0.5, scores)
    if task == "multiclass":
        return MetricRows(rng.choice(["a", "b", "c"], n), rng.choice(["a", "b", "c"], n))
    if task == "regression":
        labels = rng.lognormal(0, 1, n)
        return MetricRows(labels, labels + rng.normal(0, 0.1, n))
    return MetricRows(rng.integers(0, 3, n).astype(np.float64), None, scores, rng.integers(0, 12, n))


@pytest.mark.parametrize("task", CONTRACT)
def test_every_metric_of_the_contract_is_there_with_a_value_and_an_interval(task: str) -> None:
    assert set(CONTRACT[task]) <= set(metrics_of(task))
    for name in metrics_of(task):
        result = measure_rows(name, rows_of(task), rng=np.random.default_rng(0), labelled_share=0.5)
        assert result.value is not None, name
        assert result.interval is not None, name
        assert result.interval.low <= result.interval.high
        assert result.direction == direction_of(name)
        assert (result.n, result.labelled_share) == (120, 0.5)


def test_values_by_name_are_those_of_scikit_learn() -> None:
    rows = rows_of("multiclass")
    assert rows.decisions is not None
    value = metrics["f1"].on_rows(rows)
    assert value == pytest.approx(sk.f1_score(rows.outcomes, rows.decisions, average="macro"), abs=1e-12)
    rows = rows_of("binary")
    assert metrics["gini"].on_rows(rows) == pytest.approx(2 * sk.roc_auc_score(rows.outcomes, rows.scores) - 1)


def test_errors_by_name_are_those_of_the_tally() -> None:
    rows = rows_of("regression")
    assert rows.decisions is not None
    found = regression_performance(tally_regression(rows.decisions, rows.outcomes))
    assert set(found) == set(metrics_of("regression"))
    for name, result in found.items():
        assert metrics[name].on_rows(rows) == pytest.approx(result.value, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("task", CONTRACT)
def test_rows_that_lack_what_a_metric_needs_have_no_value(task: str) -> None:
    bare = MetricRows(rows_of(task).outcomes)
    for name in metrics_of(task):
        result = measure_rows(name, bare, rng=np.random.default_rng(0))
        assert (result.value, result.interval) == (None, None)


def test_a_metric_of_another_package_enters_by_its_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cost that weighs misses by a column of the user's own."""

    def missed(rows: MetricRows) -> float | None:
        assert rows.decisions is not None
        return float(np.sum(rows.features["amount"] * (rows.outcomes & ~rows.decisions)))

    class Point(EntryPoint):
        def load(self) -> Any:
            return Metric("missed_amount", ("binary",), missed, "lower_is_better")

    point = Point("missed_amount", "elsewhere:metric", "driftwatch.metric")
    monkeypatch.setattr(_registry, "entry_points", lambda group: EntryPoints([point] if group == point.group else []))
    registry: _registry.Registry[Metric] = _registry.Registry("metric")
    monkeypatch.setattr("driftwatch.performance.metric.metrics", registry)
    rows = rows_of("binary")
    amounts = np.arange(120.0)
    rows = MetricRows(rows.outcomes, rows.decisions, rows.scores, None, {"amount": amounts})
    result = measure_rows("missed_amount", rows, rng=np.random.default_rng(0))
    assert rows.decisions is not None
    assert result.value == amounts[rows.outcomes & ~rows.decisions].sum()
    assert result.direction == "lower_is_better"
    assert result.interval is not None
    assert result.value is not None
    assert result.interval.low < result.value < result.interval.high


def test_an_unknown_metric_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'roc_auc'"):
        metrics["roc_acu"]


def test_a_result_is_json_safe_and_whole() -> None:
    result = measure_rows("roc_auc", rows_of("binary"), rng=np.random.default_rng(0))
    fields = result.to_dict()
    assert set(fields) == {"metric", "value", "low", "high", "interval", "n", "labelled_share", "direction"}
    assert fields["interval"] == "bootstrap"
