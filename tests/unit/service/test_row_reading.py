"""Rows read back from the store are the rows that were sent, whatever became of their blocks."""

from typing import Any

import numpy as np
import pytest
from ingesting import NOON, NOW, frame_of, send, version_id

from driftwatch.domain.instant import DAY, HOUR
from driftwatch.domain.signal import ColumnKind
from driftwatch.profiles.bucket import CategoricalColumn, Column
from driftwatch.service.compaction import compact_blocks
from driftwatch.service.row_reading import SampledRows, read_rows
from driftwatch.storage import block, registration
from driftwatch.storage.store import Store
from driftwatch.wire import Frame

MIDNIGHT = NOON + 12 * HOUR
LATER = NOW + 3 * DAY


def read(store: Store, start: int = NOON - DAY, end: int = NOW + 2 * DAY, **more: Any) -> SampledRows:
    with store.read() as conn:
        model = registration.find_model(conn, "production", "flights")
    assert model is not None
    return read_rows(store, model, start, end, **more)


def plain(column: Column) -> list[Any]:
    if isinstance(column, CategoricalColumn):
        return [None if code < 0 else column.dictionary[code] for code in column.codes.tolist()]
    nulls = np.zeros(len(column.values), dtype=bool) if column.nulls is None else column.nulls
    return [None if null else value for value, null in zip(column.values.tolist(), nulls.tolist(), strict=True)]


def by_id(found: SampledRows) -> dict[str, dict[str, Any]]:
    columns = {name: plain(column) for name, column in (*found.rows.features.items(), *found.rows.tags.items())}
    return {
        identity: {name: values[place] for name, values in columns.items()}
        for place, identity in enumerate(found.rows.ids or ())
    }


def frame(batch: str, at: list[int], **more: Any) -> Frame:
    """A frame whose values say which row they are of; with gaps."""
    n = len(at)
    features: dict[str, list[Any]] = {
        "temp": [float(place) if place % 3 else None for place in range(n)],
        "carrier": [f"{batch}{place}" if place % 4 else None for place in range(n)],
        "delayed": [place % 2 == 0 for place in range(n)],
    }
    return frame_of(batch, n=n, at=at, features=features, tags={"gate": [place % 5 for place in range(n)]}, **more)


def sent(batch: str, n: int) -> dict[str, dict[str, Any]]:
    return {
        f"{batch}-{place}": {
            "temp": float(place) if place % 3 else None,
            "carrier": f"{batch}{place}" if place % 4 else None,
            "delayed": "true" if place % 2 == 0 else "false",
            "gate": str(place % 5),
        }
        for place in range(n)
    }


def test_every_row_comes_back_with_its_own_values_before_and_after_compaction(store: Store) -> None:
    send(store, frame("small", [NOON + place for place in range(7)]), now=LATER)
    send(store, frame("large", [NOON + 10 * place for place in range(1_500)]), now=LATER)
    send(store, frame("other", [NOON + 3 * place for place in range(5)], version="2"), now=LATER)
    rows = {**sent("small", 7), **sent("large", 1_500), **sent("other", 5)}
    before = read(store)
    assert by_id(before) == rows
    assert (before.total, before.without_features, before.unreadable) == (1_512, 0, 0)
    assert before.rows.at.tolist() == sorted(before.rows.at.tolist())
    assert compact_blocks(store, now=LATER) == 2
    assert by_id(read(store)) == rows


def test_a_batch_that_crosses_midnight_in_any_order_keeps_its_rows_apart(store: Store) -> None:
    at = [MIDNIGHT + (place * 7919 % 11 - 5) for place in range(2_500)]  # both days, in turns
    send(store, frame("b", at), now=LATER)
    assert by_id(read(store)) == sent("b", 2_500)
    tomorrow = {name: row for name, row in sent("b", 2_500).items() if at[int(name[2:])] >= MIDNIGHT}
    assert by_id(read(store, start=MIDNIGHT)) == tomorrow


def test_repeated_ids_shift_no_other_row(store: Store) -> None:
    send(store, frame("a", [NOON] * 3), now=LATER)
    send(store, frame("b", [NOON + 1] * 6, ids=["a-0", "b-1", "a-2", "b-3", "b-4", "b-5"]), now=LATER)
    found = by_id(read(store))
    assert found == {**sent("a", 3), **{name: row for name, row in sent("b", 6).items() if name in found}}
    assert len(found) == 7


def test_rows_that_cannot_be_placed_for_certain_are_counted_and_left_out(store: Store) -> None:
    send(store, frame("a", [MIDNIGHT - 9]), now=LATER)
    at = [MIDNIGHT - 5, MIDNIGHT + 1, MIDNIGHT - 4, MIDNIGHT + 2]
    send(store, frame("b", at, ids=["a-0", "b-1", "b-2", "b-3"]), now=LATER)
    found = read(store)
    assert by_id(found) == {**sent("a", 1), **{name: sent("b", 4)[name] for name in ("b-1", "b-3")}}
    assert (found.total, found.unreadable) == (4, 1)


def test_rows_without_features_are_counted_not_read(store: Store) -> None:
    send(store, frame("a", [NOON] * 3))
    send(store, frame_of("bare", n=5, features={}, score=[0.5] * 5))
    found = read(store)
    assert (len(found.rows), found.total, found.without_features) == (3, 8, 5)


def test_a_damaged_block_costs_its_own_rows_only(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    send(store, frame("a", [NOON] * 3))
    send(store, frame("b", [NOON + 1] * 4))
    with store.begin() as conn:
        damaged = list(block.read_blocks(conn, version_id(store), NOON, NOW))[1]
        block.replace_blocks(conn, [damaged], codec="frame", payload=b"DWF1 nonsense")
    found = read(store)
    assert by_id(found) == sent("a", 3)
    assert found.unreadable == 4
    assert "cannot be read" in caplog.text


def test_outputs_errors_and_latency_come_with_the_features(store: Store) -> None:
    more = {"prediction": ["yes", None, "no"], "score": [0.5, 0.25, None], "error": [None, "timeout", None]}
    send(store, frame("a", [NOON, NOON + 1, NOON + 2], latency_seconds=[0.5, None, 0.125], **more))
    rows = read(store).rows
    assert plain(rows.outputs["prediction"]) == ["yes", None, "no"]
    assert plain(rows.outputs["score"]) == [0.5, 0.25, None]
    assert rows.failed is not None
    assert rows.failed.tolist() == [False, True, False]
    assert rows.latency_seconds is not None
    np.testing.assert_array_equal(rows.latency_seconds, [0.5, np.nan, 0.125])


def test_a_sample_is_bounded_reproducible_and_unbiased(store: Store) -> None:
    for place in range(10):
        send(store, frame(f"b{place}", [NOON + 1_000 * place + each for each in range(200)]))
    first, again, other = read(store, limit=300), read(store, limit=300), read(store, limit=300, seed=1)
    assert first.rows.ids == again.rows.ids
    assert first.rows.ids != other.rows.ids
    assert (len(first.rows), first.total) == (300, 2_000)
    whole = {name: row for place in range(10) for name, row in sent(f"b{place}", 200).items()}
    assert by_id(first) == {name: whole[name] for name in first.rows.ids or ()}
    # 30 of 200 rows a batch are expected; hypergeometric, sd 4.8: five of these sd either way.
    counts = [sum(name.startswith(f"b{place}-") for name in first.rows.ids or ()) for place in range(10)]
    assert all(6 <= count <= 54 for count in counts)


def test_only_the_columns_and_periods_that_are_asked_for_are_read(store: Store) -> None:
    send(store, frame("a", [NOON + place * HOUR for place in range(4)]))
    found = read(store, columns=["temp", "gate"], exclude=[(NOON + HOUR, NOON + 3 * HOUR)])
    assert set(found.rows.features) == {"temp"}
    assert set(found.rows.tags) == {"gate"}
    assert found.rows.ids == ["a-0", "a-3"]
    assert found.kinds == {
        "carrier": ColumnKind.CATEGORICAL,
        "delayed": ColumnKind.BOOLEAN,
        "temp": ColumnKind.NUMERIC,
    }


def test_an_empty_period_is_no_rows_and_no_error(store: Store) -> None:
    send(store, frame("a", [NOON] * 3))
    found = read(store, start=NOON + HOUR)
    assert (len(found.rows), found.total) == (0, 0)
