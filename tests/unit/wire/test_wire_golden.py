"""Frames of every released version decode for ever: the files are never written again, only added to."""

from pathlib import Path

import pytest

from driftwatch.wire import Frame, OutcomeFrame, decode, decode_outcomes, encode, encode_outcomes

GOLDEN = Path(__file__).resolve().parents[2] / "golden"


def test_the_frame_of_version_1_is_read_as_it_was_meant(frame: Frame) -> None:
    assert decode((GOLDEN / "frame_v1.bin").read_bytes()) == frame


def test_the_outcome_frame_of_version_1_is_read_as_it_was_meant(outcomes: OutcomeFrame) -> None:
    assert decode_outcomes((GOLDEN / "outcomes_v1.bin").read_bytes()) == outcomes


def test_today_the_same_bytes_are_written(frame: Frame, outcomes: OutcomeFrame) -> None:
    assert encode(frame) == (GOLDEN / "frame_v1.bin").read_bytes()
    assert encode_outcomes(outcomes) == (GOLDEN / "outcomes_v1.bin").read_bytes()


@pytest.mark.parametrize("file", sorted(GOLDEN.glob("*.bin")), ids=lambda file: file.name)
def test_every_golden_file_is_read_by_the_test_above(file: Path) -> None:
    assert file.name in {"frame_v1.bin", "outcomes_v1.bin"}
