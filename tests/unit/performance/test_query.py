"""Which items are of one query."""

import numpy as np
import pytest

from driftwatch.domain.instant import HOUR, MINUTE
from driftwatch.performance.query import group_queries


def group(*items: tuple[int, int]) -> tuple[list[int], list[int]]:
    """Of ``(minute, query)``; returns numbers in order of appearance, and minutes."""
    at, queries = np.array(items, dtype=np.int64).reshape(-1, 2).T
    found, first = group_queries(at * MINUTE, queries)
    names: dict[int, int] = {-1: -1}
    return [names.setdefault(number, len(names)) for number in found.tolist()], (first // MINUTE).tolist()


@pytest.mark.parametrize(
    ("items", "numbers", "asked"),
    [
        ([], [], []),
        ([(0, 7), (10, 7), (10, 8), (60, 7)], [1, 1, 2, 1], [0, 0, 10, 0]),
        ([(60, 7), (0, 7)], [1, 1], [0, 0]),  # in any order
        ([(0, 7), (61, 7)], [1, 2], [0, 61]),  # asked again
        ([(0, 7), (40, 7), (80, 7), (141, 7)], [1, 1, -1, 2], [0, 0, 80, 141]),  # goes on for longer than an hour
        ([(0, -1), (1, -1)], [-1, -1], [0, 1]),  # of no query
    ],
)
def test_items_of_one_id_within_the_hour_are_of_one_query(
    items: list[tuple[int, int]], numbers: list[int], asked: list[int]
) -> None:
    assert group(*items) == (numbers, asked)


def test_the_hours_around_a_bucket_say_all_about_its_queries() -> None:
    rng = np.random.default_rng(0)
    at = np.sort(rng.integers(0, 48 * HOUR, 3000))
    queries = rng.integers(0, 60, 3000)
    _, asked = group_queries(at, queries)
    for start in range(0, 48 * HOUR, HOUR):
        near = np.flatnonzero((at >= start - 2 * HOUR) & (at < start + 2 * HOUR))
        inside = (asked[near] >= start) & (asked[near] < start + HOUR)
        _, seen = group_queries(at[near], queries[near])
        np.testing.assert_array_equal((seen >= start) & (seen < start + HOUR), inside)
