import ormsgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.errors import FrameError, FrameVersionError
from driftwatch.wire import OUTCOME_MAGIC, OutcomeFrame, decode, decode_outcomes, encode_outcomes, is_outcomes

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)
VALUE = st.one_of(st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False), TEXT)


@given(st.lists(st.tuples(TEXT, st.none() | TEXT, VALUE, st.integers(-(2**63), 2**63 - 1)), max_size=5))
def test_decoding_undoes_encoding(rows: list[tuple[str, str | None, object, int]]) -> None:
    frame = OutcomeFrame(
        batch_id="b",
        model="m",
        ids=[row[0] for row in rows],
        request_ids=[row[1] for row in rows],
        values=[row[2] for row in rows],
        at=[row[3] for row in rows],
    )
    assert decode_outcomes(encode_outcomes(frame)) == frame


def test_an_inbox_can_tell_the_two_kinds_of_frame_apart(outcomes: OutcomeFrame) -> None:
    body = encode_outcomes(outcomes)
    assert is_outcomes(body)
    assert not is_outcomes(b"DWF1...")
    with pytest.raises(FrameError, match="DWF1"):
        decode(body)


@given(st.binary(max_size=100))
def test_random_bytes_are_a_frame_error(body: bytes) -> None:
    with pytest.raises(FrameError):
        decode_outcomes(OUTCOME_MAGIC + body)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"id": ["a", None], "request_id": None}, "outcome 1 has neither"),
        ({"value": None}, "'value' is missing"),
        ({"value": [0, None]}, "'value' holds None"),
        ({"value": [0]}, "1 values for 2 rows"),
        ({"at": b""}, "0 bytes for 2 rows"),
    ],
)
def test_a_frame_that_contradicts_itself_is_told_where(
    outcomes: OutcomeFrame, change: dict[str, object], fault: str
) -> None:
    data = ormsgpack.unpackb(encode_outcomes(outcomes)[4:])
    data["columns"].update(change)
    with pytest.raises(FrameError, match=fault):
        decode_outcomes(OUTCOME_MAGIC + ormsgpack.packb(data))


def test_an_unknown_version_is_told_apart_from_damage(outcomes: OutcomeFrame) -> None:
    data = ormsgpack.unpackb(encode_outcomes(outcomes)[4:])
    with pytest.raises(FrameVersionError, match="version 9"):
        decode_outcomes(OUTCOME_MAGIC + ormsgpack.packb({**data, "v": 9}))
