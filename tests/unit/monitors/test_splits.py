"""By what outcomes are split: segments as drift names them, protected groups by value or declared bands."""

from typing import Any

import numpy as np

from driftwatch.monitors.spec import ModelSpec, parse_model_spec
from driftwatch.monitors.splits import assign_splits, protected_splits, splits_of
from driftwatch.profiles.bucket import CategoricalColumn, NumericColumn
from driftwatch.profiles.rows import Rows


def spec_of(**changes: Any) -> ModelSpec:
    return parse_model_spec({"model": "m", "task": "binary", "columns": {"timestamp": "t"}, **changes})


ROWS = Rows(
    at=np.arange(4),
    features={
        "age": NumericColumn(np.array([20.0, 40.0, np.nan, 60.0])),
        "sex": NumericColumn(np.array([1.0, 2.0, 1.0, 0.0]), np.array([False, False, False, True])),
        "income": NumericColumn(np.arange(4, dtype=np.float64) + 0.5),
    },
    tags={"country": CategoricalColumn(["PT", "ES"], np.array([0, 1, -1, 0], dtype=np.int32))},
)


def test_a_protected_column_is_split_as_segments_declare_it_else_by_its_values() -> None:
    spec = spec_of(segments=["country", {"column": "age", "bands": [30, 50]}], protected=["age", "sex", "country"])
    splits = splits_of(spec)
    assert list(splits) == ["country", "age[30,50]", "sex"]
    assert protected_splits(spec) == {"age": ("age[30,50]",), "sex": ("sex",), "country": ("country",)}
    assigned = assign_splits(ROWS, splits)
    names = {split: [None if place < 0 else of[place] for place in places] for split, (of, places) in assigned.items()}
    assert names == {
        "country": ["country=PT", "country=ES", None, "country=PT"],
        "age[30,50]": ["age<30", "30<=age<50", None, "age>=50"],
        "sex": ["sex=1", "sex=2", "sex=1", None],
    }


def test_two_bandings_of_one_column_are_two_splits() -> None:
    bands = [{"column": "age", "bands": cuts} for cuts in ([30], [40])]
    assert list(splits_of(spec_of(segments=bands))) == ["age[30]", "age[40]"]
    assert protected_splits(spec_of(segments=bands, protected=["age"])) == {"age": ("age[30]", "age[40]")}


def test_values_of_private_columns_are_masked() -> None:
    names, _ = assign_splits(ROWS, splits_of(spec_of(protected=["sex"], pii=["sex"])))["sex"]
    assert all(name.startswith("sex=#") for name in names)


def test_a_column_that_is_missing_leaves_all_rows_in_no_segment() -> None:
    names, places = assign_splits(ROWS, splits_of(spec_of(protected=["planet"])))["planet"]
    assert (names, places.tolist()) == ([], [-1] * 4)


def test_a_model_without_declared_segments_has_no_splits() -> None:
    assert splits_of(spec_of()) == {}
