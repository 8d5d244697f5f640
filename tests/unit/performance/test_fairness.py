"""Fairness gaps: rates as scikit-learn counts them, the pair that is farthest apart, and nothing of small groups."""

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, recall_score

from driftwatch.performance.fairness import GroupCounts, Rate, find_gaps
from driftwatch.performance.interval import wilson


def group(rng: np.random.Generator, n: int, selected: float) -> tuple[GroupCounts, np.ndarray, np.ndarray]:
    was, said = rng.random(n) < 0.4, rng.random(n) < selected
    tn, fp, fn, tp = confusion_matrix(was, said).ravel().tolist()
    return GroupCounts(Rate(fp + tp, n), Rate(tp, tp + fn), Rate(fp, fp + tn)), was, said


def test_the_gap_is_that_of_the_two_groups_that_are_farthest_apart() -> None:
    rng = np.random.default_rng(3)
    parts = {name: group(rng, n, share) for name, n, share in (("a", 400, 0.6), ("b", 300, 0.45), ("c", 500, 0.3))}
    gaps = find_gaps({name: counts for name, (counts, _, _) in parts.items()})
    recall = {name: recall_score(was, said) for name, (_, was, said) in parts.items()}
    gap = gaps["true_positive_rate"]
    assert gap.difference == pytest.approx(max(recall.values()) - min(recall.values()))
    assert (gap.lowest, gap.highest) == (min(recall, key=recall.__getitem__), max(recall, key=recall.__getitem__))
    selection = gaps["selection_rate"]
    shares = {name: float(said.mean()) for name, (_, _, said) in parts.items()}
    assert selection.ratio == pytest.approx(min(shares.values()) / max(shares.values()))
    assert selection.interval.low < selection.difference < selection.interval.high
    assert gaps["false_positive_rate"].difference == pytest.approx(
        np.ptp([said[~was].mean() for _, was, said in parts.values()])
    )


def test_no_pair_of_equal_groups_is_told_apart_more_often_than_one_time_in_twenty() -> None:
    rng, apart = np.random.default_rng(4), 0
    for _ in range(600):
        counts = rng.binomial(120, 0.35, 5).tolist()
        groups = {str(i): GroupCounts(Rate(k, 120), Rate(0, 0), Rate(0, 0)) for i, k in enumerate(counts)}
        apart += find_gaps(groups)["selection_rate"].interval.low > 0
    assert apart / 600 <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 600)


def test_groups_that_are_too_small_are_named_and_not_compared() -> None:
    small = GroupCounts(Rate(29, 29), Rate(10, 10), Rate(19, 19))
    large = GroupCounts(Rate(10, 100), Rate(5, 40), Rate(5, 60))
    assert find_gaps({"small": small, "large": large}) == {}
    gaps = find_gaps({"small": small, "large": large, "other": GroupCounts(Rate(0, 50), Rate(0, 10), Rate(0, 40))})
    assert set(gaps) == {"selection_rate", "false_positive_rate"}
    assert gaps["selection_rate"].too_few == ("small",)
    assert gaps["selection_rate"].ratio == 0.0
    told = gaps["selection_rate"].to_dict()
    assert (told["lowest"], told["highest"], told["ratio_low"]) == ("other", "large", 0.0)


def test_a_rate_of_no_rows_is_not_known() -> None:
    assert Rate(0, 0).to_dict() == {"value": None, "low": None, "high": None, "n": 0, "too_few": True}
    assert Rate(12, 40).interval == wilson(12, 40)
