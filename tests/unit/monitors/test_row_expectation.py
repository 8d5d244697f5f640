"""Estimated performance of several classes against what the labels say when nothing has changed."""

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

from driftwatch.estimation.result import Estimate
from driftwatch.estimation.row_sums import RowSums, class_sums
from driftwatch.monitors.row_expectation import ClassExpectation, expect_rows
from driftwatch.monitors.spec import parse_model_spec
from driftwatch.performance.multiclass import tally_multiclass

NAMES = np.array(["cat", "dog", "owl"])


SPEC = parse_model_spec({
    "model": "m", "task": "multiclass",
    "columns": {"timestamp": "at", "score": {name: name for name in NAMES.tolist()}},
})  # fmt: skip


@dataclass(frozen=True)
class Drawn:
    was: list[str]
    said: list[str]
    scores: dict[str, NDArray[np.float64]]


def draw(n: int, seed: int, *, sharp: float) -> Drawn:
    """Probabilities that are right: each row's class is drawn from them."""
    rng = np.random.default_rng(seed)
    odds = np.exp(sharp * rng.normal(size=(n, 3)))
    probability = odds / odds.sum(axis=1, keepdims=True)
    was = (probability.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    scores = {name: probability[:, place] for place, name in enumerate(NAMES.tolist())}
    return Drawn(NAMES[was].tolist(), NAMES[probability.argmax(axis=1)].tolist(), scores)


def learn(rows: Drawn) -> ClassExpectation | None:
    found = expect_rows(SPEC, tally_multiclass(rows.said, rows.was, scores=rows.scores), None, None)
    assert found is None or isinstance(found, ClassExpectation)
    return found


@pytest.mark.parametrize("sharp", [0.7, 1.5])
def test_without_a_label_the_metrics_of_rows_that_are_harder_or_easier_are_estimated(sharp: float) -> None:
    fitted, window = learn(draw(20_000, 1, sharp=1.0)), draw(20_000, 2, sharp=sharp)
    assert fitted is not None
    sums = class_sums(window.scores, window.said)
    found = fitted.estimate(sums)
    matrix = np.column_stack([window.scores[name] for name in NAMES])
    realised = {
        "accuracy": accuracy_score(window.was, window.said),
        "f1": f1_score(window.was, window.said, average="macro"),
        "roc_auc": roc_auc_score(window.was, matrix, multi_class="ovr"),
    }
    for metric, value in realised.items():
        assert found[metric].value == pytest.approx(value, abs=0.015), metric
        assert found[metric].low < found[metric].value < found[metric].high
    cells = fitted.cells(sums)
    expected = cells.counts @ fitted.loss.values[cells.places] / cells.n
    assert expected == pytest.approx(1 - found["accuracy"].value)


def test_parts_of_a_window_add_up_and_come_back_from_bytes() -> None:
    fitted, window = learn(draw(3000, 1, sharp=1.0)), draw(1000, 2, sharp=1.0)
    assert fitted is not None
    parts = [
        class_sums({name: values[rows] for name, values in window.scores.items()}, window.said[rows])
        for rows in (slice(0, 300), slice(300, 1000))
    ]
    assert fitted.estimate(RowSums.from_bytes((parts[0] + parts[1]).to_bytes())) == estimates(fitted, window)


def estimates(fitted: ClassExpectation, window: Drawn) -> dict[str, Estimate]:
    return fitted.estimate(class_sums(window.scores, window.said))


def test_few_labels_and_no_class_scores_teach_nothing() -> None:
    assert learn(draw(199, 3, sharp=1.0)) is None
    bare = draw(300, 3, sharp=1.0)
    assert learn(Drawn(bare.was, bare.said, {})) is None
