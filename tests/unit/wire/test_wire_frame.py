import math
from typing import Any

import ormsgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.errors import FrameError, FrameVersionError
from driftwatch.wire import MAGIC, Frame, build_column, decode, encode, from_bytes

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
NUMBER = st.one_of(st.floats(allow_nan=False), st.integers(-(2**63), 2**64 - 1))
SCALAR = st.one_of(st.none(), st.booleans(), NUMBER, TEXT)
ID = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=32)
INSTANT = st.integers(-(2**63), 2**63 - 1)


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    n = draw(st.integers(0, 5))

    def column(values: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(values, min_size=n, max_size=n))

    kinds = [NUMBER, st.booleans(), TEXT, st.lists(st.floats(width=32, allow_nan=False), max_size=3)]
    names = draw(st.lists(TEXT, unique=True, max_size=4))
    features = {name: build_column(column(st.none() | draw(st.sampled_from(kinds))))[0] for name in names}
    return Frame(
        batch_id=draw(ID),
        model=draw(ID),
        version=draw(TEXT),
        ids=column(ID),
        at=column(INSTANT),
        dropped=draw(st.dictionaries(TEXT, st.integers(0, 2**40), max_size=2)),
        sample_rate=draw(st.floats(0.001, 1.0)),
        prediction=draw(st.none() | st.just(column(SCALAR))),
        score=draw(st.none() | st.just(column(st.none() | NUMBER))),
        error=draw(st.none() | st.just(column(st.none() | st.booleans() | TEXT))),
        request_id=draw(st.none() | st.just(column(st.none() | TEXT))),
        features=features,
        tags={name: column(SCALAR) for name in draw(st.lists(TEXT, unique=True, max_size=2))},
    )


@given(frames())
def test_decoding_undoes_encoding_for_any_frame(frame: Frame) -> None:
    assert decode(encode(frame)) == frame


def test_a_decoded_frame_keeps_the_bytes_it_came_from(frame: Frame) -> None:
    body = encode(frame)
    assert decode(body).raw == body
    assert encode(decode(body)) == body


def test_nan_and_infinity_pass_as_they_are() -> None:
    column, _ = build_column([math.nan, math.inf, -math.inf])
    read = decode(encode(Frame(batch_id="b", model="m", ids=["1", "2", "3"], at=[1, 2, 3], features={"x": column})))
    nan, *infinities = read.features["x"].to_list()
    assert math.isnan(nan)
    assert infinities == [math.inf, -math.inf]


@given(st.binary(max_size=200))
def test_random_bytes_are_a_frame_error(body: bytes) -> None:
    for magic in (b"", MAGIC):
        with pytest.raises(FrameError):
            decode(magic + body)


def test_every_truncation_is_a_frame_error(frame: Frame) -> None:
    body = encode(frame)
    for length in range(len(body)):
        with pytest.raises(FrameError):
            decode(body[:length])


@given(st.data())
def test_a_damaged_frame_is_read_or_refused_but_never_worse(data: st.DataObject) -> None:
    column, _ = build_column(["AA", None, "UA"])
    whole = encode(
        Frame(batch_id="b", model="m", ids=["1", "2", "3"], at=[1, 2, 3], score=[0.5, None, 1], features={"c": column})
    )
    position = data.draw(st.integers(0, len(whole) - 1))
    damaged = whole[:position] + data.draw(st.binary(min_size=1, max_size=3)) + whole[position + 1 :]
    try:
        read = decode(damaged)
    except FrameError:
        return
    assert read.n == len(read.ids) == len(from_bytes("q", read.at))
    assert all(len(column.to_list()) == read.n for column in read.features.values())


def _changed(frame: Frame, **changes: Any) -> bytes:
    data = ormsgpack.unpackb(encode(frame)[4:])
    for path, value in changes.items():
        target = data
        *way, last = path.split("__")
        for key in way:
            target = target[key]
        if value is ...:
            del target[last]
        else:
            target[last] = value
    return MAGIC + ormsgpack.packb(data)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"n": 4}, "has 3 values for 4 rows"),
        ({"n": -1}, "n is -1"),
        ({"n": True}, "n is True"),
        ({"batch_id": ...}, "batch_id is None"),
        ({"batch_id": "x" * 129}, "more than 128 bytes"),
        ({"model": 3}, "model is 3"),
        ({"model": ""}, "model is ''"),
        ({"sample_rate": 0}, "sample_rate is 0"),
        ({"dropped": {"queue_full": "many"}}, "dropped must be"),
        ({"columns": []}, "columns is missing"),
        ({"columns__id": ["a", "b", 3]}, "'id' is not one text a row"),
        ({"columns__id": ["a", "b", "c" * 200]}, "has 200 bytes"),
        ({"columns__id": ["a", "b", ""]}, "has 0 bytes"),
        ({"columns__at": b"short"}, "'at' has 5 bytes for 3 rows"),
        ({"columns__at": [1, 2, 2**63]}, "beyond int64"),
        ({"columns__score": ["x", None, 1]}, "'score' holds 'x'"),
        ({"columns__score": [1]}, "'score' has 1 values for 3 rows"),
        ({"columns__tags": {"region": "eu"}}, "'tags.region' has str"),
        ({"columns__features": ["distance"]}, "maps of name to column"),
        ({"columns__features__distance": 7}, "'distance' is int"),
        ({"columns__features__distance__kind": "number"}, "known are numeric"),
        ({"columns__features__distance__values": b"12345678"}, "8 bytes for 3 rows of float64"),
        ({"columns__features__distance__values": [1.0, "2", 3.0]}, "is numeric and holds '2'"),
        ({"columns__features__carrier__codes": b"1234"}, "4 bytes of codes for 3 rows"),
        ({"columns__features__carrier__codes": [0, -1, 1]}, "outside its dictionary of 1"),
        ({"columns__features__carrier__codes": [0, -2, 0]}, "outside its dictionary"),
        ({"columns__features__carrier__dict": [1]}, "no dictionary of texts"),
        ({"columns__features__carrier__kind": "numeric"}, "only categorical"),
        ({"columns__features__vector__values": [b"123", None, None]}, "not float32"),
    ],
)
def test_a_frame_that_contradicts_itself_is_told_where(frame: Frame, changes: dict[str, Any], fault: str) -> None:
    with pytest.raises(FrameError, match=fault):
        decode(_changed(frame, **changes))


def test_unknown_keys_are_ignored(frame: Frame) -> None:
    newer = _changed(frame, invented=[1, {"deep": None}], columns__invented=[1, 2, 3])
    assert decode(newer) == frame


def test_a_frame_without_a_version_is_damaged() -> None:
    with pytest.raises(FrameError, match="does not say its version") as caught:
        decode(b"DWF1\x80")
    assert not isinstance(caught.value, FrameVersionError)


@pytest.mark.parametrize("version", [2, None, "1", True])
def test_an_unknown_version_is_told_apart_from_damage(frame: Frame, version: object) -> None:
    with pytest.raises(FrameVersionError) as caught:
        decode(_changed(frame, v=version))
    assert caught.value.version == version


def test_other_clients_may_send_lists_where_ours_sends_bytes(frame: Frame) -> None:
    plain = _changed(
        frame,
        columns__at=[1_372_636_800_000_000, 1_372_636_800_000_001, -1],
        columns__features__distance__values=[733, 1005.5, -0.0],
        columns__features__carrier={"kind": "categorical", "values": ["AA", None, "AA"]},
    )
    assert decode(plain) == frame


def test_text_that_databases_refuse_is_mended(frame: Frame) -> None:
    read = decode(_changed(frame, columns__request_id=["a\0b", None, None], columns__id=["x\0", "b", "c"]))
    assert read.request_id == ["a\N{REPLACEMENT CHARACTER}b", None, None]
    assert read.ids[0] == "x\N{REPLACEMENT CHARACTER}"
