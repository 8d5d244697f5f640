"""Ranking metrics against scikit-learn and against their definitions, query by query."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from driftwatch.performance.ranking import RankingTally, ranking_performance, tally_ranking

Row = tuple[int, float, int]


def by_definition(rows: list[Row], depth: int) -> dict[str, float | None]:
    """The metrics with plain loops; NDCG by scikit-learn."""
    queries: dict[int, list[Row]] = {}
    for row in rows:
        queries.setdefault(row[0], []).append(row)
    found: dict[str, list[float]] = {"ndcg": [], "map": [], "mrr": [], "hit": []}
    for items in queries.values():
        ranked = sorted(items, key=lambda row: -row[1])
        relevant = [row[2] > 0 for row in ranked]
        if not any(relevant):
            continue
        truth, scores = [[row[2] for row in items]], [[row[1] for row in items]]
        found["ndcg"].append(sk.ndcg_score(truth, scores, k=depth) if len(items) > 1 else 1.0)
        precisions = [
            sum(relevant[: place + 1]) / (place + 1) for place in range(min(depth, len(items))) if relevant[place]
        ]
        found["map"].append(sum(precisions) / min(sum(relevant), depth))
        found["mrr"].append(1 / (relevant.index(True) + 1))
        found["hit"].append(float(any(relevant[:depth])))
    keys = {"ndcg": f"ndcg@{depth}", "map": f"map@{depth}", "mrr": "mrr", "hit": f"hit_rate@{depth}"}
    return {keys[name]: sum(values) / len(values) if values else None for name, values in found.items()}


def tally(rows: list[Row], depth: int) -> RankingTally:
    columns: Any = list(zip(*rows, strict=True)) if rows else [(), (), ()]
    return tally_ranking(
        np.array(columns[0], dtype=np.int64),
        np.array(columns[1], dtype=np.float64),
        np.array(columns[2], dtype=np.float64),
        depth=depth,
    )


rows = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5).map(float), st.integers(0, 3)), max_size=40)


@settings(max_examples=150, deadline=None)
@given(rows, st.integers(1, 6))
def test_every_metric_is_its_definition_ties_too(given_rows: list[Row], depth: int) -> None:
    found = ranking_performance(tally(given_rows, depth))
    for metric, value in by_definition(given_rows, depth).items():
        assert found[metric].value == pytest.approx(value, abs=1e-12), metric


@settings(max_examples=50, deadline=None)
@given(rows)
def test_tallies_of_whole_queries_add_up(given_rows: list[Row]) -> None:
    whole = tally(given_rows, 3)
    parts = tally([row for row in given_rows if row[0] < 2], 3) + tally([row for row in given_rows if row[0] >= 2], 3)
    assert parts.to_fields() == whole.to_fields() == RankingTally.from_fields(whole.to_fields()).to_fields()


def test_average_precision_of_the_whole_list_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    scores, relevance = rng.random(50), (rng.random(50) < 0.3).astype(float)
    found = ranking_performance(tally_ranking(np.zeros(50, dtype=np.int64), scores, relevance, depth=50))
    assert found["map@50"].value == pytest.approx(sk.average_precision_score(relevance, scores), abs=1e-12)


def test_queries_without_anything_relevant_are_counted_and_said() -> None:
    found = tally([(0, 0.9, 1), (0, 0.1, 0), (1, 0.5, 0), (2, 0.1, 2)], 10)
    assert (found.n, found.without_relevant, found.items) == (2, 1, 4)
    result = ranking_performance(found)["hit_rate@10"]
    assert (result.value, result.n) == (1.0, 2)
    assert result.approximations == ("without 1 queries that have nothing relevant",)


def test_rankings_at_other_depths_are_refused() -> None:
    with pytest.raises(ValueError, match="do not add up"):
        tally([], 5) + tally([], 10)
