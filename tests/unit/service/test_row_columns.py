"""Some columns of every prediction of a period, found by its key."""

from ingesting import NOON, NOW, frame_of, send, version_id
from unit.service.test_row_reading import LATER, MIDNIGHT, frame, plain, sent

from driftwatch.domain.instant import DAY
from driftwatch.service.compaction import compact_blocks
from driftwatch.service.row_columns import KeyedRows, read_columns
from driftwatch.storage.store import Store


def read(store: Store, start: int = NOON - DAY, end: int = NOW + 2 * DAY) -> KeyedRows:
    with store.read() as conn:
        return read_columns(conn, version_id(store), start, end, {"carrier", "gate", "nothing"})


def column(found: KeyedRows, name: str) -> dict[str, object]:
    values = found.column(name)
    assert values is not None
    return {each.id: value for each, value in zip(found.envelopes, plain(values), strict=True)}


def test_every_prediction_has_its_own_values_and_a_place_by_key(store: Store) -> None:
    send(store, frame("small", [NOON + place for place in range(7)]), now=LATER)
    send(store, frame("b", [MIDNIGHT + (place * 7919 % 11 - 5) for place in range(1_500)]), now=LATER)
    send(store, frame("other", [NOON] * 5, version="2"), now=LATER)
    rows = {**sent("small", 7), **sent("b", 1_500)}
    for _ in range(2):
        found = read(store)
        assert found.column("temp") is None
        assert found.column("nothing") is None
        for name in ("carrier", "gate"):
            assert column(found, name) == {identity: row[name] for identity, row in rows.items()}
        assert [found.place[each.key, each.at] for each in found.envelopes] == list(range(1_507))
        assert compact_blocks(store, now=LATER) >= 0


def test_a_prediction_without_features_is_there_with_nothing_in_its_columns(store: Store) -> None:
    send(store, frame("a", [NOON] * 3))
    send(store, frame_of("bare", n=2, features={}, score=[0.5] * 2))
    values = column(read(store), "gate")
    assert values == {"a-0": "0", "a-1": "1", "a-2": "2", "bare-0": None, "bare-1": None}


def test_a_period_without_predictions_has_none(store: Store) -> None:
    send(store, frame("a", [NOON] * 3))
    found = read(store, end=NOON)
    assert (len(found.envelopes), found.column("gate")) == (0, None)
