"""Labelled rows by segment: each segment's tally is that of its rows, and a split holds every row once."""

from typing import Any

import numpy as np
import pytest

from driftwatch.performance.segment_tally import (
    GivenRows,
    SplitTally,
    add_splits,
    decode_segments,
    encode_segments,
    tally_segments,
)
from driftwatch.performance.tally import LabelledRows, Tally, TallyPlan, add_tallies, encode_tally, tally_rows

EDGES = np.linspace(0.05, 0.95, 19)


class World:
    """n predictions in three countries and in none, two thirds of them labelled, in another order."""

    def __init__(self, task: str, seed: int = 1, n: int = 300) -> None:
        rng = np.random.default_rng(seed)
        self.plan = TallyPlan(task, EDGES, threshold=0.5 if task == "binary" else None)
        self.scores = rng.random(n)
        self.scores[::17] = np.nan
        known: dict[str, list[Any]] = {"binary": [None, 1, 0], "multiclass": ["a", "b", "c"]}
        classes = known.get(task)
        self.said = [None if classes is None else classes[k] for k in rng.integers(0, 3, n).tolist()]
        if classes is None:
            self.said = rng.normal(size=n).tolist()
        self.was = [classes[1 + k % 2] for k in range(n)] if classes else rng.normal(size=n).tolist()
        self.country = rng.integers(-1, 3, n)
        self.rows = rng.permutation(n)[: 2 * n // 3]

    def labelled(self, rows: np.ndarray) -> LabelledRows:
        places = rows.tolist()
        return LabelledRows([self.was[i] for i in places], [self.said[i] for i in places], self.scores[rows])

    def split(self) -> SplitTally:
        places = {"country": (["country=A", "country=B", "country=C"], self.country)}
        given = GivenRows(self.said, self.scores, places)
        return tally_segments(self.plan, given, self.labelled(self.rows), self.rows)["country"]


def same(one: Tally, other: Tally) -> bool:
    return encode_tally(one) == encode_tally(other)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_the_tally_of_a_segment_is_that_of_its_rows_and_all_together_are_the_whole(task: str) -> None:
    world = World(task)
    split = world.split()
    for place, name in enumerate(["country=A", "country=B", "country=C"]):
        inside = np.flatnonzero(world.country == place)
        rows = world.rows[world.country[world.rows] == place]
        expected = tally_rows(world.plan, world.labelled(rows), unlabelled=len(inside) - len(rows))
        assert same(split.segments[name].tally, expected)
        assert split.segments[name].n == len(inside)
    parts = [each.tally for each in (*split.segments.values(), split.rest)]
    everything = tally_rows(world.plan, world.labelled(world.rows), unlabelled=100)
    total = add_tallies(parts)
    assert total is not None
    assert same(total, everything)
    assert sum(each.n for each in split.segments.values()) + split.rest.n == 300


def test_decisions_are_counted_over_all_predictions_whether_labelled_or_not() -> None:
    world = World("binary")
    one = world.split().segments["country=B"]
    inside = (world.country == 1).tolist()
    said = [
        p if p is not None else (None if np.isnan(s) else int(s >= 0.5))
        for p, s, here in zip(world.said, world.scores.tolist(), inside, strict=True) if here
    ]  # fmt: skip
    assert one.decided == sum(each is not None for each in said) < one.n
    assert one.selected == sum(each == 1 for each in said)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_what_is_stored_is_read_back_and_adds_up(task: str) -> None:
    splits = [World(task, seed).split() for seed in (1, 2)]
    back = [decode_segments(encode_segments({"country": each, "sex": each}))["sex"] for each in splits]
    assert [list(each.segments) for each in back] == [["country=A", "country=B", "country=C"]] * 2
    total, expected = add_splits(back), add_splits(splits)
    assert total is not None
    assert expected is not None
    for name, each in expected.segments.items():
        assert same(total.segments[name].tally, each.tally)
        assert (total.segments[name].n, total.segments[name].selected) == (each.n, each.selected)
    assert total.rest.n == expected.rest.n
    assert list(decode_segments(encode_segments({"country": splits[0], "sex": splits[1]}), "sex")) == ["sex"]
    assert add_splits([]) is None


def test_other_bytes_are_no_tallies() -> None:
    with pytest.raises(ValueError, match="no tallies of segments"):
        decode_segments(b"x")
