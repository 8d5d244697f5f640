"""Estimated performance of several classes against what the labels say when nothing has changed."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

from driftwatch.service.class_estimates import fit_class_estimates
from driftwatch.service.label_log import Labels

NAMES = np.array(["cat", "dog", "owl"])


def draw(n: int, seed: int, *, sharp: float) -> Labels:
    """Probabilities that are right: each row's class is drawn from them."""
    rng = np.random.default_rng(seed)
    odds = np.exp(sharp * rng.normal(size=(n, 3)))
    probability = odds / odds.sum(axis=1, keepdims=True)
    was = (probability.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    return Labels(
        NAMES[was].tolist(), np.zeros(n, dtype=np.int64), NAMES[probability.argmax(axis=1)].tolist(),
        np.full(n, np.nan), class_scores={name: probability[:, place] for place, name in enumerate(NAMES.tolist())},
    )  # fmt: skip


@pytest.mark.parametrize("sharp", [0.7, 1.5])
def test_without_a_label_the_metrics_of_rows_that_are_harder_or_easier_are_estimated(sharp: float) -> None:
    reference, window = draw(20_000, 1, sharp=1.0), draw(20_000, 2, sharp=sharp)
    fitted = fit_class_estimates(reference, np.arange(20_000))
    assert fitted is not None
    found = fitted.estimate(window, np.arange(20_000))
    matrix = np.column_stack([window.class_scores[name] for name in NAMES])
    realised = {
        "accuracy": accuracy_score(window.values, window.predictions),
        "f1": f1_score(window.values, window.predictions, average="macro"),
        "roc_auc": roc_auc_score(window.values, matrix, multi_class="ovr"),
    }
    for metric, value in realised.items():
        assert found[metric].value == pytest.approx(value, abs=0.015), metric
        assert found[metric].low < found[metric].value < found[metric].high


def test_few_labels_and_no_class_scores_teach_nothing() -> None:
    labels = draw(300, 3, sharp=1.0)
    assert fit_class_estimates(labels, np.arange(199)) is None
    bare = Labels(labels.values, labels.known_at, labels.predictions, labels.scores)
    assert fit_class_estimates(bare, np.arange(300)) is None
