"""By what rows are split."""

import numpy as np
import pytest

from driftwatch.errors import SpecError
from driftwatch.monitors.segmentation import parse_segments, segments_document
from driftwatch.profiles.bucket import CategoricalColumn, NumericColumn
from driftwatch.profiles.rows import Rows
from driftwatch.profiles.segmentation import MOST_SEGMENTS, Band, Segmentation, assign_segments

ROWS = Rows(
    at=np.arange(5, dtype=np.int64),
    features={
        "country": CategoricalColumn(["PT", "FR", "PT"], np.array([0, 1, 2, -1, 1])),
        "age": NumericColumn(np.array([29.0, 30.0, np.nan, 50.0, 70.0]), np.array([False] * 4 + [True])),
    },
    tags={"device": CategoricalColumn(["ios"], np.zeros(5, dtype=np.int32))},
)


def segment_of_each(*bands: Band) -> list[str | None] | None:
    assigned = assign_segments(ROWS, Segmentation(bands))
    if assigned is None:
        return None
    names, places = assigned
    return [names[place] if place >= 0 else None for place in places.tolist()]


def test_a_category_is_a_segment_however_often_the_dictionary_names_it_and_a_missing_value_is_in_none() -> None:
    assert segment_of_each(Band("country")) == ["country=PT", "country=FR", "country=PT", None, "country=FR"]


def test_a_band_holds_its_lower_cut_and_not_its_upper_one() -> None:
    assert segment_of_each(Band("age", (30.0, 50.0))) == ["age<30", "30<=age<50", None, "age>=50", None]


def test_a_pair_splits_by_both_and_tags_count_as_columns() -> None:
    pair = segment_of_each(Band("country"), Band("device"))
    assert pair == ["country=PT, device=ios", "country=FR, device=ios", "country=PT, device=ios", None,
                    "country=FR, device=ios"]  # fmt: skip


@pytest.mark.parametrize("band", [Band("age"), Band("country", (1.0,)), Band("city")])
def test_a_column_that_cannot_be_split_by_makes_no_segments(band: Band) -> None:
    assert segment_of_each(band) is None


def test_a_column_of_too_many_values_is_no_column_to_split_by() -> None:
    for n, is_split in ((MOST_SEGMENTS, True), (MOST_SEGMENTS + 1, False)):
        ids = CategoricalColumn([f"v{i}" for i in range(n)], np.arange(n))
        assigned = assign_segments(Rows(np.zeros(n, dtype=np.int64), {"id": ids}), Segmentation((Band("id"),)))
        assert (assigned is not None) is is_split


def test_the_declaration_reads_back() -> None:
    document = ["country", {"column": "age", "bands": [30, 50.5]}, ["country", {"column": "age", "bands": [30]}]]
    splits = parse_segments(document)
    assert [split.columns for split in splits] == [("country",), ("age",), ("country", "age")]
    assert segments_document(splits) == document
    assert parse_segments("country") == parse_segments(["country"])
    assert parse_segments(None) == ()


@pytest.mark.parametrize(
    ("wrong", "path", "says"),
    [
        ({"a": 1}, "segments", "is not a list"),
        (["a", "a"], "segments[1]", "listed twice"),
        ([["a", "b", "c"]], "segments[0]", "no pair"),
        ([["a", "a"]], "segments[0]", "no pair"),
        ([{"column": "age", "bands": [3, 2]}], "segments[0].bands", "does not ascend"),
        ([{"column": "age"}], "segments[0].bands", "no list of 1 to 20 cuts"),
        ([{"column": "age", "band": [1]}], "segments[0].band", "Did you mean 'bands'"),
        ([f"c{i}" for i in range(21)], "segments", "at most 20"),
    ],
)
def test_a_wrong_declaration_is_an_error_that_says_where_and_what(wrong: object, path: str, says: str) -> None:
    with pytest.raises(SpecError, match=says) as caught:
        parse_segments(wrong)
    assert caught.value.path == path
