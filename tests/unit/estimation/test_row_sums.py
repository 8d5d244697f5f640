"""Sums of rows without labels."""

from itertools import pairwise

import numpy as np
import pytest
import zstandard

from driftwatch.estimation.dle import ErrorSum, fit_error_model, sum_errors
from driftwatch.estimation.row_sums import ERROR_EDGES, RowSums, error_sums, score_sums
from driftwatch.monitors.error_reader import ErrorReader, fit_error_reader
from driftwatch.monitors.row_expectation import ErrorExpectation
from driftwatch.profiles.bucket import CategoricalColumn, Column, NumericColumn
from driftwatch.profiles.codec import build_codec

TOWNS = ["ams", "lis", "oslo"]


def test_scores_are_counted_in_the_bins_of_the_codec_and_rows_without_one_count_too() -> None:
    scores = np.random.default_rng(0).random(2000)
    codec = build_codec(scores)
    sums = score_sums(codec, np.append(scores, np.nan))
    assert sums.n == 2001
    edges = np.concatenate(([-np.inf], codec.edges, [np.inf]))
    expected = [int(np.sum((scores > low) & (scores <= high))) for low, high in pairwise(edges)]
    assert sums.scores.tolist() == expected
    with pytest.raises(ValueError, match="do not add up"):
        _ = sums + RowSums(scores=np.zeros(1, dtype=np.int64))
    np.testing.assert_array_equal((sums + sums).scores, 2 * sums.scores)


def drawn(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Load, town, prediction and outcome: errors grow with the load, and are three times as large in one town."""
    rng = np.random.default_rng(seed)
    load, town = rng.random(n), rng.integers(0, 3, n)
    predicted = rng.normal(size=n)
    spread = (0.2 + load) * np.where(town == 1, 3.0, 1.0)
    return load, town, predicted, predicted + spread * rng.normal(size=n)


def world(n: int, seed: int) -> tuple[dict[str, Column], np.ndarray, np.ndarray]:
    """The same as features, predictions and outcomes."""
    load, town, predicted, outcomes = drawn(n, seed)
    return {"load": NumericColumn(load), "town": CategoricalColumn(TOWNS, town)}, predicted, outcomes


@pytest.fixture(scope="module")
def reader() -> ErrorReader:
    found = fit_error_reader(*world(6000, 1))
    assert found is not None
    return found


def test_a_reader_reads_the_same_after_it_was_stored(reader: ErrorReader) -> None:
    columns, predicted, _ = world(300, 2)
    again = ErrorReader.from_bytes(reader.to_bytes())
    table = again.table(columns, predicted)
    np.testing.assert_array_equal(table, reader.table(columns, predicted))
    assert sum_errors(again.model, table) == sum_errors(reader.model, table)
    # Another order of the dictionary is no other town, and a column that is not there is missing.
    renamed = {**columns, "town": CategoricalColumn(["oslo", "ams", "lis"], (drawn(300, 2)[1] + 1) % 3)}
    np.testing.assert_array_equal(again.table(renamed, predicted), table)
    assert np.isnan(again.table({"load": columns["load"]}, predicted)[:, 1]).all()
    for payload in (b"nothing", zstandard.compress(b"{}")):
        with pytest.raises(ValueError, match="model of errors"):
            ErrorReader.from_bytes(payload)


def test_errors_are_estimated_by_town_and_the_bins_say_the_same(reader: ErrorReader) -> None:
    columns, predicted, outcomes = world(5000, 3)
    table, town = reader.table(columns, predicted), drawn(5000, 3)[1]
    expectation = ErrorExpectation(reader.model)
    for code in (0, 1):
        sums = error_sums(reader.model, table[town == code])
        found = expectation.estimate(sums)["mean_absolute_error"]
        realised = float(np.mean(np.abs(predicted - outcomes)[town == code]))
        assert found.value == pytest.approx(realised, rel=0.08)
        cells = expectation.cells(sums)
        assert cells.counts @ expectation.loss.values[cells.places] / cells.n == pytest.approx(found.value, rel=0.01)


def test_rows_without_a_prediction_count_and_have_no_error(reader: ErrorReader) -> None:
    columns, predicted, _ = world(100, 4)
    sums = error_sums(reader.model, reader.table(columns, np.where(np.arange(100) < 30, np.nan, predicted)))
    assert (sums.n, sums.errors.n, int(sums.error_bins.sum())) == (100, 70, 70)
    assert len(sums.error_bins) == len(ERROR_EDGES) + 1


def test_the_order_of_the_rows_leaves_no_trace() -> None:
    load, _, predicted, outcomes = drawn(1000, 5)
    table = np.column_stack([load, predicted])
    error = np.abs(predicted - outcomes)
    mixed = np.random.default_rng(0).permutation(1000)
    one, other = (fit_error_model(table[rows], error[rows], ("load", "p"), seed=0) for rows in (slice(None), mixed))
    assert one.to_dict() == other.to_dict()


def test_too_few_labels_teach_nothing() -> None:
    assert fit_error_reader(*world(199, 6)) is None


def test_sums_come_back_from_bytes_however_large() -> None:
    sums = RowSums(5, errors=ErrorSum(2**40, 2**70, 2**90))
    again = RowSums.from_bytes(sums.to_bytes())
    assert (again.n, again.errors) == (5, sums.errors)
    with pytest.raises(ValueError, match="not sums of rows"):
        RowSums.from_bytes(b"nothing")
