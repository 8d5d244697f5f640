"""Frames and vocabularies: proposed from rows enough, registered once, and used by everyone."""

import numpy as np
import pyarrow as pa
import pytest
from ingesting import NOON, frame_of, model_id, profiles_of, send, version_id

from driftwatch.domain.instant import DAY, HOUR
from driftwatch.domain.signal import ColumnKind
from driftwatch.errors import DataError
from driftwatch.monitors.spec import parse_model_spec
from driftwatch.profiles.bucket import CategoricalColumn, NumericColumn
from driftwatch.profiles.moments import NUMERIC_TOGETHER, propose_frame
from driftwatch.profiles.text import LEAST_TEXTS, UNSEEN, Vocabulary
from driftwatch.service.arrow_column import read_embeddings, read_kind
from driftwatch.service.binning import read_binnings
from driftwatch.service.fold import fold_profiles
from driftwatch.service.frame_settling import FrameSettler
from driftwatch.service.framing import FRAME_ROWS, Frames, propose_frames, read_vectors, register_frames
from driftwatch.service.log_framing import frame_log
from driftwatch.service.prediction_log import PredictionLog
from driftwatch.storage import registration
from driftwatch.storage.store import Store
from driftwatch.wire import build_column

RNG = np.random.default_rng(1)


def two(rows: int) -> dict[str, list[float]]:
    return {"temp": RNG.normal(10, 3, rows).tolist(), "wind": RNG.normal(0, 1, rows).tolist()}


def frames(store: Store) -> Frames:
    with store.read() as conn:
        return read_binnings(conn, model_id(store)).frames


def test_whoever_is_first_decides_the_frame(store: Store) -> None:
    send(store, frame_of(features={"temp": [1.0] * 10}))
    one, other = (propose_frame({"a": RNG.normal(place, 1, 50)}) for place in (0, 100))
    vocabulary = Vocabulary.of(["some text"])
    with store.begin() as conn:
        model = model_id(store)
        assert register_frames(conn, model, Frames({"": one}, {"review": vocabulary}), at=0).moments[""] == one
        assert register_frames(conn, model, Frames({"": other}), at=0).moments[""] == one
    assert frames(store) == Frames({"": one}, {"review": vocabulary})
    with store.read() as conn:
        assert set(read_binnings(conn, model).grids) == {"temp"}  # they are no columns


def test_a_batch_with_rows_enough_proposes_a_frame_and_small_ones_wait_for_the_worker(store: Store) -> None:
    send(store, frame_of("small", n=50, features=two(50)))
    assert not frames(store)
    assert profiles_of(store)[NOON].moments == {}
    send(store, frame_of("large", n=FRAME_ROWS, features=two(FRAME_ROWS)))
    assert frames(store).moments.keys() == {NUMERIC_TOGETHER}
    send(store, frame_of("more", n=50, features=two(50)))
    assert fold_profiles(store) == 3
    assert profiles_of(store)[NOON].moments[NUMERIC_TOGETHER].n == FRAME_ROWS + 50


def test_the_worker_makes_the_frames_of_small_batches_once(store: Store) -> None:
    vectors = [RNG.normal(size=4).tolist() for _ in range(60)]
    for place in range(4):
        send(store, frame_of(f"b{place}", n=60, features={**two(60), "v": vectors}))
    settler = FrameSettler(store)
    with store.read() as conn:
        (model,) = registration.list_models(conn)
    assert settler.settle(model) == [NUMERIC_TOGETHER, "v"]
    assert settler.settle(model) == []
    assert frames(store).moments["v"].dimensions == 4
    send(store, frame_of("after", n=60, features={**two(60), "v": vectors}))
    assert {name: each.n for name, each in profiles_of(store)[NOON].moments.items()} == {NUMERIC_TOGETHER: 60, "v": 60}


def test_duplicates_and_another_kind_leave_the_moments_right(store: Store) -> None:
    send(store, frame_of("a", n=FRAME_ROWS, features=two(FRAME_ROWS)))
    again = frame_of("b", n=FRAME_ROWS, ids=[f"a-{place}" for place in range(FRAME_ROWS)], features=two(FRAME_ROWS))
    assert send(store, again).duplicates == FRAME_ROWS
    assert sum(each.moments[NUMERIC_TOGETHER].n for each in profiles_of(store).values() if each.moments) == FRAME_ROWS
    assert version_id(store)


def test_declared_numeric_features_are_taken_together_and_no_others() -> None:
    columns = {name: NumericColumn(RNG.normal(size=300)) for name in ("a", "b", "c")}
    spec = parse_model_spec({"model": "m", "features": {"numeric": ["c", "a"]}, "columns": {"timestamp": "ts"}})
    assert propose_frames(Frames(), spec, columns, {}, {}).moments[NUMERIC_TOGETHER].names == ("c", "a")
    assert propose_frames(Frames(), None, columns, {}, {}).moments[NUMERIC_TOGETHER].names == ("a", "b", "c")
    few = {name: NumericColumn(column.values[:100]) for name, column in columns.items()}
    assert not propose_frames(Frames(), None, few, {}, {})


def test_vectors_of_another_length_are_missing() -> None:
    column, _ = build_column([[1.0, 2.0], None, [3.0], [4.0, 5.0]])
    np.testing.assert_array_equal(read_vectors(column), [[1, 2], [np.nan] * 2, [np.nan] * 2, [4, 5]])
    assert np.isnan(read_vectors(column, 3)).all()


def test_arrow_lists_of_numbers_are_embeddings() -> None:
    lists = pa.chunked_array([pa.array([[1.0, 2.0], None, [3.0], []]), pa.array([[4.0, None]])])
    assert read_kind(lists) is ColumnKind.EMBEDDING
    np.testing.assert_array_equal(read_embeddings(lists)[[0, 4]], [[1, 2], [4, np.nan]])
    assert np.isnan(read_embeddings(lists)[1:4]).all()
    fixed = pa.chunked_array([pa.array([[1, 2], None], pa.list_(pa.int8(), 2))])
    np.testing.assert_array_equal(read_embeddings(fixed), [[1, 2], [np.nan] * 2])
    assert read_kind(pa.chunked_array([pa.array([["a"]])])) is None
    with pytest.raises(DataError, match="no lists of numbers"):
        read_embeddings(pa.chunked_array([pa.array([1.0])]))


def test_no_text_of_a_log_is_held_against_a_vocabulary_that_it_is_in() -> None:
    rows = 4 * LEAST_TEXTS
    texts = [f"number {place} of many" for place in range(rows)]
    at = NOON + np.arange(rows) * (4 * DAY // rows)
    spec = parse_model_spec({"model": "m", "features": {"text": ["review"]}, "columns": {"timestamp": "ts"}})
    log = PredictionLog(at, {"review": CategoricalColumn(texts, np.arange(rows, dtype=np.int32))})
    framed, _ = frame_log(log, spec, NOON + 3 * DAY)
    column = framed.features[f"review.{UNSEEN}"]
    assert isinstance(column, NumericColumn)
    assert column.nulls is not None
    assert column.nulls.nonzero()[0].tolist() == list(range(LEAST_TEXTS))
    assert set(framed.features) == {f"review.{what}" for what in ("length", "words", "non_letters", UNSEEN)}
    short, _ = frame_log(log.take(slice(0, 1_500)), spec, NOON + HOUR)
    assert f"review.{UNSEEN}" not in short.features
