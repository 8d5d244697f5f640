"""The search for segments: finds what was planted, and names nothing where nothing, or everything, moved."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from driftwatch.explanation.condition import Condition, cell_codes, split_column
from driftwatch.explanation.contrast import contrast_segments, excess_variation
from driftwatch.explanation.segment import SegmentSearch
from driftwatch.explanation.segment_search import search_segments
from driftwatch.profiles.bucket import CategoricalColumn, Column, NumericColumn

Rows = dict[str, Column]
COUNTRIES = ["DE", "FR", "GB", "PT", "US"]


def rows(n: int, seed: int) -> Rows:
    """Price depends on country and nights; nothing else does; 5% of ages are missing."""
    rng = np.random.default_rng(seed)
    country = rng.choice(5, n, p=[0.3, 0.25, 0.2, 0.15, 0.1]).astype(np.int32)
    nights = rng.poisson(3, n).astype(float)
    return {
        "country": CategoricalColumn(COUNTRIES, country),
        "device": CategoricalColumn(["app", "web"], (rng.random(n) < 0.4).astype(np.int32)),
        "nights": NumericColumn(nights),
        "age": NumericColumn(rng.normal(40, 12, n), rng.random(n) < 0.05),
        "noise": NumericColumn(rng.lognormal(0, 1, n)),
        "price": NumericColumn(rng.lognormal(4, 0.5, n) * (1 + 0.2 * country) + 5 * nights),
    }


def numbers(table: Rows, name: str) -> NumericColumn:
    column = table[name]
    assert isinstance(column, NumericColumn)
    return column


def codes(table: Rows, name: str) -> CategoricalColumn:
    column = table[name]
    assert isinstance(column, CategoricalColumn)
    return column


def scaled(table: Rows, inside: np.ndarray, factor: float) -> Rows:
    price = numbers(table, "price").values
    return {**table, "price": NumericColumn(np.where(inside, price * factor, price))}


def search(reference: Rows, current: Rows, target: str = "price") -> SegmentSearch:
    found = search_segments(target, reference, current)
    assert found is not None
    return found


def test_a_planted_category_is_named_alone_and_accounts_for_the_movement() -> None:
    current = rows(4000, 2)
    found = search(rows(8000, 1), scaled(current, codes(current, "country").codes == 3, 1.5))
    (segment,) = found.segments
    assert segment.conditions == (Condition("country", level="PT"),)
    assert segment.accounts_for > 0.9
    assert segment.inside > 5 * segment.outside
    assert found.words.startswith("price moved most where country is PT (")
    assert segment.n_current == np.count_nonzero(codes(current, "country").codes == 3)


def test_a_planted_pair_of_conditions_is_named_with_both() -> None:
    current = rows(8000, 2)
    inside = (codes(current, "country").codes == 0) & (codes(current, "device").codes == 1)
    found = search(rows(16_000, 1), scaled(current, inside, 1.6))
    assert [segment.words for segment in found.segments] == ["country is DE and device is web"]


def test_two_planted_segments_are_both_named() -> None:
    current = rows(8000, 2)
    country, age = codes(current, "country").codes, numbers(current, "age")
    gaps = age.nulls if age.nulls is not None else np.zeros(8000, dtype=np.bool_)
    moved = scaled(scaled(current, country == 4, 1.8), (country != 4) & gaps, 2.5)
    found = search(rows(16_000, 1), moved)
    assert {segment.words for segment in found.segments} == {"country is US", "age is missing"}
    assert sum(segment.accounts_for for segment in found.segments) > 0.8


def test_a_planted_band_of_a_number_is_named_with_its_quantiles() -> None:
    reference, current = rows(8000, 1), rows(4000, 2)
    high = np.quantile(numbers(reference, "noise").values, 0.75, method="inverted_cdf")
    found = search(reference, scaled(current, numbers(current, "noise").values > high, 1.5))
    assert found.segments[0].conditions == (Condition("noise", low=float(high)),)


def test_a_category_that_drifts_in_one_segment_is_found_there() -> None:
    current = rows(6000, 2)
    inside = codes(current, "device").codes == 1
    moved = np.where(inside, np.minimum(codes(current, "country").codes, 2), codes(current, "country").codes)
    changed = {**current, "country": CategoricalColumn(COUNTRIES, moved.astype(np.int32))}
    del changed["price"]  # it would still tell the countries of before
    assert search(rows(8000, 1), changed, "country").segments[0].words == "device is web"


@pytest.mark.parametrize("sizes", [(600, 300), pytest.param((4000, 1000), marks=pytest.mark.slow)])
def test_without_drift_at_least_95_of_100_searches_name_nothing(sizes: tuple[int, int]) -> None:
    named = sum(bool(search(rows(sizes[0], 2 * s), rows(sizes[1], 2 * s + 1)).segments) for s in range(100))
    # 5% is allowed: above 10 of 100 its probability is 0.011.
    assert named <= stats.binom.ppf(0.99, 100, 0.05)


@pytest.mark.parametrize("change", [lambda price: price + 40.0, lambda price: price * 1.4], ids=["amount", "factor"])
def test_a_number_that_moves_everywhere_alike_moves_nowhere_in_particular(
    change: Callable[[np.ndarray], np.ndarray],
) -> None:
    current = rows(5000, 2)
    moved = {**current, "price": NumericColumn(change(numbers(current, "price").values))}
    found = search(rows(20_000, 1), moved)
    assert found.movement > 0.1
    assert found.segments == ()
    assert "everywhere alike" in found.words


def test_a_changed_mix_is_told_as_such_and_names_no_segment() -> None:
    reference, current = rows(20_000, 1), rows(20_000, 2)
    keep = np.flatnonzero((codes(current, "country").codes >= 3) | (np.random.default_rng(0).random(20_000) < 0.2))
    mixed: Rows = {}
    for name, column in current.items():
        if isinstance(column, CategoricalColumn):
            mixed[name] = CategoricalColumn(column.dictionary, column.codes[keep])
        else:
            mixed[name] = NumericColumn(column.values[keep], None if column.nulls is None else column.nulls[keep])
    found = search(reference, mixed)
    assert found.segments == ()
    assert found.mix is not None
    assert found.mix.column == "country"
    assert found.mix.explains > 0.8


def test_a_missing_share_that_rises_in_one_segment_is_found() -> None:
    current = rows(5000, 2)
    gaps = (codes(current, "country").codes == 1) & (np.random.default_rng(0).random(5000) < 0.4)
    changed = {**current, "price": NumericColumn(numbers(current, "price").values, gaps)}
    assert [each.words for each in search(rows(8000, 1), changed).segments] == ["country is FR"]


def test_private_values_are_never_shown() -> None:
    current = rows(4000, 2)
    changed = scaled(current, codes(current, "country").codes == 3, 1.5)
    found = search_segments("price", rows(8000, 1), changed, private={"country"})
    assert found is not None
    text = json.dumps(found.to_dict(), allow_nan=False)
    assert "country is a private value" in text
    assert "PT" not in text


def test_the_order_of_rows_and_columns_leaves_no_trace() -> None:
    reference, current = rows(3000, 1), rows(2000, 2)
    current = scaled(current, codes(current, "country").codes == 3, 1.6)
    order = np.random.default_rng(3).permutation(2000)
    shuffled = {
        name: replace(column, codes=column.codes[order])
        if isinstance(column, CategoricalColumn)
        else NumericColumn(column.values[order], None if column.nulls is None else column.nulls[order])
        for name, column in reversed(current.items())
    }
    one, two = (json.dumps(search(reference, each).to_dict()) for each in (current, shuffled))
    assert one == two


@pytest.mark.parametrize("target", ["absent", "retyped", "short"])
def test_what_cannot_be_searched_gives_none(target: str) -> None:
    reference, current = rows(500, 1), rows(400, 2)
    reference["retyped"], current["retyped"] = reference["age"], current["country"]
    if target == "short":
        current = {"short": NumericColumn(np.zeros(49))}
        reference["short"] = reference["age"]
    assert search_segments(target, reference, current) is None


def test_empty_constant_and_retyped_columns_stop_nothing() -> None:
    reference, current = rows(8000, 1), rows(4000, 2)
    for table, n in ((reference, 8000), (current, 4000)):
        table["empty"] = NumericColumn(np.full(n, np.nan), np.ones(n, dtype=np.bool_))
        table["constant"] = NumericColumn(np.full(n, 7.0))
        table["nothing"] = CategoricalColumn([], np.full(n, -1, dtype=np.int32))
    reference["retyped"], current["retyped"] = reference["age"], current["country"]
    current = scaled(current, codes(current, "country").codes == 3, 1.5)
    assert [each.words for each in search(reference, current).segments] == ["country is PT"]


# Conditions and contrasts, each against an independent source.


@given(st.integers(0, 30), st.booleans())
@settings(max_examples=20, deadline=None)
def test_the_cells_of_a_condition_are_the_rows_that_meet_it(seed: int, numeric: bool) -> None:  # noqa: FBT001
    name = "age" if numeric else "country"
    sides = rows(200, seed), rows(100, seed + 1)
    split = split_column(name, sides[0][name], sides[1][name])
    assert split is not None
    for condition, members in zip(split.conditions, split.members, strict=True):
        expected = np.concatenate([condition.holds(side[name]) for side in sides])
        assert np.array_equal(members[split.codes] > 0, expected)


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (Condition("x", high=2.5), "x ≤ 2.5"),
        (Condition("x", low=2.5), "x > 2.5"),
        (Condition("x", low=1.0, high=733.0), "x in 1 … 733"),
        (Condition("c", level="PT"), "c is PT"),
        (Condition("c", is_missing=True), "c is missing"),
        (Condition("x", low=1.0, is_private=True), "x is in a private band"),
    ],
)
def test_conditions_speak_plainly(condition: Condition, words: str) -> None:
    assert condition.words == words


def counts(rng: np.random.Generator, n: tuple[int, int], p: Mapping[int, list[float]]) -> np.ndarray:
    return np.stack([rng.multinomial(n[side], p[side]) for side in (0, 1)]).astype(float)


def test_a_small_segment_of_a_still_rest_has_the_statistic_of_pearson() -> None:
    rng = np.random.default_rng(0)
    segment = counts(rng, (150, 120), {0: [0.5, 0.3, 0.2], 1: [0.3, 0.3, 0.4]})
    rest = np.array([[5e8, 3e8, 2e8], [5e8, 3e8, 2e8]])
    contrast = contrast_segments(segment[None], segment + rest)
    pearson = stats.chi2_contingency(segment, correction=False)
    assert contrast.statistic[0] == pytest.approx(pearson.statistic, rel=1e-5)
    assert contrast.freedom == pearson.dof


def test_under_the_null_the_statistic_is_chi_square() -> None:
    rng = np.random.default_rng(1)
    shares = {0: [0.4, 0.3, 0.2, 0.1], 1: [0.4, 0.3, 0.2, 0.1]}
    other = {0: [0.1, 0.2, 0.3, 0.4], 1: [0.1, 0.2, 0.3, 0.4]}
    values = []
    for _ in range(1500):
        segment = counts(rng, (200, 150), shares)
        values.append(contrast_segments(segment[None], segment + counts(rng, (900, 700), other)).statistic[0])
    assert stats.kstest(values, stats.chi2(3).cdf).pvalue > 0.01


@given(st.lists(st.integers(0, 50), min_size=12, max_size=12))
@settings(max_examples=40, deadline=None)
def test_a_segment_and_its_complement_have_one_statistic(cells: list[int]) -> None:
    segment = np.array(cells[:6], dtype=float).reshape(2, 3)
    rest = np.array(cells[6:], dtype=float).reshape(2, 3)
    if not (segment + rest).sum():
        return
    one, two = (contrast_segments(part[None], segment + rest) for part in (segment, rest))
    assert one.statistic[0] == pytest.approx(two.statistic[0], rel=1e-6, abs=1e-9)
    assert one.statistic[0] >= 0


def test_excess_variation_is_the_distance_of_large_samples_and_nothing_for_equal_ones() -> None:
    large = np.array([[[5e7, 5e7], [8e7, 2e7]]])
    assert excess_variation(large)[0] == pytest.approx(0.3, abs=1e-3)
    rng = np.random.default_rng(2)
    equal = np.stack([counts(rng, (300, 200), {0: [0.2] * 5, 1: [0.2] * 5}) for _ in range(400)])
    observed = np.abs(equal[:, 1] / 200 - equal[:, 0] / 300).sum(axis=1).mean() / 2
    assert excess_variation(equal).mean() < observed / 4


def test_numbers_are_cut_by_reference_quantiles_and_gaps_have_a_cell() -> None:
    reference = NumericColumn(np.arange(1.0, 101.0))
    current = NumericColumn(np.array([5.0, 10.0, 10.5, 200.0, np.inf, np.nan]))
    cut = cell_codes(reference, current)
    assert cut is not None
    assert cut[1].tolist() == [0, 0, 1, 9, 10, 10]
    assert np.bincount(cut[0]).tolist() == [10] * 10
