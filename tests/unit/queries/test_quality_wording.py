"""The words for findings of data quality."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftwatch.queries.quality_wording import QUALITY_KINDS, quality_words

CASES: list[tuple[str, dict[str, Any], str]] = [
    (
        "constraint",
        {"n_violated": 5, "demand": "between 0 and 9", "examples": [["-1", 3], ["x" * 60, 2]]},
        f"5 of 60 rows break “between 0 and 9”, such as “-1” (3), “{'x' * 39}…” (2)",
    ),
    (
        "constraint",
        {"n_violated": 5, "demand": "never twice", "examples": [], "examples_hidden": True},
        "5 of 60 rows break “never twice” (their values are hidden)",
    ),
    (
        "vanished_category",
        {"categories": [["DE", 0.05], ["FR", 0.02]], "n_categories": 2},
        "“DE” no longer comes (5.0 % of the reference), and 1 more",
    ),
    ("vanished_category", {"categories": [], "n_categories": 1}, "1 value of the reference no longer comes"),
    ("duplicates", {"n_violated": 20, "reference_share": 0.0}, "20 of 60 rows repeat an id, usually 0 %"),
    (
        "late",
        {"n_violated": 20, "reference_share": 0.01, "delay_seconds": 21_600.0},
        "20 of 60 rows came 6 h late or later, usually 1.0 %",
    ),
    (
        "range",
        {"low": -50.0, "high": 9.0, "reference_low": 0.0, "reference_high": 10.0},
        "values from −50 to 9, in the reference from 0 to 10",
    ),
]


@pytest.mark.parametrize(("kind", "facts", "words"), CASES)
def test_a_finding_says_what_with_its_counts(kind: str, facts: dict[str, Any], words: str) -> None:
    assert quality_words(kind, facts, 60) == words


def test_every_kind_has_words_and_no_other() -> None:
    assert {kind for kind, _, _ in CASES} == QUALITY_KINDS
    assert quality_words("location", {}, 1) is None


@given(st.sampled_from(sorted(QUALITY_KINDS)), st.integers(0, 10**9))
def test_missing_facts_break_no_message(kind: str, n: int) -> None:
    assert quality_words(kind, {}, n)
