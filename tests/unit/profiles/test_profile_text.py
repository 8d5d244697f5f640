"""What is derived from texts: counted by hand, the same in any company, and stored in bytes that stay."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftwatch.profiles.bucket import CategoricalColumn
from driftwatch.profiles.text import Vocabulary, derive, derived_names


def column(texts: list[str | None]) -> CategoricalColumn:
    dictionary = list(dict.fromkeys(text for text in texts if text is not None))
    codes = [-1 if text is None else dictionary.index(text) for text in texts]
    return CategoricalColumn(dictionary, np.array(codes, dtype=np.int32))


def values(texts: list[str | None], vocabulary: Vocabulary | None = None) -> dict[str, list[float]]:
    return {name: each.values.tolist() for name, each in derive("t", column(texts), vocabulary).items()}


def test_length_words_and_letters_are_counted_as_one_would() -> None:
    texts = ["Hi, you!", "naïve  café", "日本語", "a1 b2", "", " \t\n", "x" * 5_000]
    found = values([*texts, None])
    assert found["t.length"] == pytest.approx([8, 11, 3, 5, 0, 3, 5_000, np.nan], nan_ok=True)
    assert found["t.words"] == pytest.approx([2, 2, 1, 2, 0, 0, 1, np.nan], nan_ok=True)
    shares = [2 / 7, 0, 0, 0.5, np.nan, np.nan, 0, np.nan]
    assert found["t.non_letters"] == pytest.approx(shares, nan_ok=True)
    assert "t.out_of_vocabulary" not in found
    assert set(found) == set(derived_names("t")[:-1])


def test_the_share_out_of_the_vocabulary_is_that_of_trigrams_never_seen() -> None:
    vocabulary = Vocabulary.of(["the cat sat", "on the mat"])
    found = values(["the cat", "The  Cat", "the dog", "at", ""], vocabulary)["t.out_of_vocabulary"]
    # "the dog": "the", "he ", "e d", " do", "dog": three of five were never seen. Case does not matter.
    assert found[:3] == pytest.approx([0.0, 2 / 6, 3 / 5])
    assert np.isnan(found[3:]).all()  # no trigram at all


@settings(deadline=None, max_examples=100)
@given(st.lists(st.text(max_size=40), min_size=1, max_size=8), st.text(max_size=40))
def test_a_text_says_the_same_in_any_company(others: list[str], text: str) -> None:
    vocabulary = Vocabulary.of(["some words", "of a reference"])
    alone, among = values([text], vocabulary), values([*others, text], vocabulary)
    for name, numbers in alone.items():
        assert among[name][-1] == pytest.approx(numbers[0], nan_ok=True)
    assert alone["t.words"] == [len(text.lower().split())]
    solid = [letter for letter in text.lower() if not letter.isspace()]
    expected = sum(not letter.isalpha() for letter in solid) / len(solid) if solid else np.nan
    assert alone["t.non_letters"] == pytest.approx([expected], nan_ok=True)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text(max_size=30), max_size=10))
def test_nothing_is_out_of_the_vocabulary_of_itself(texts: list[str]) -> None:
    found = values(list(texts), Vocabulary.of(texts)).get("t.out_of_vocabulary", [])
    assert all(np.isnan(share) or share == 0 for share in found)


def test_a_vocabulary_survives_its_bytes_and_others_are_refused() -> None:
    vocabulary = Vocabulary.of([unicodedata.lookup("SNOWMAN") * 4, "plain words"])
    assert Vocabulary.from_bytes(vocabulary.to_bytes()) == vocabulary
    assert Vocabulary.of(["other"]) != vocabulary
    for payload in (b"", b"\x80", b"no msgpack"):
        with pytest.raises(ValueError, match="not a vocabulary"):
            Vocabulary.from_bytes(payload)


def test_the_hashes_are_those_of_the_first_release() -> None:
    vocabulary = Vocabulary.of(["the quick brown fox jumps over the lazy dog"])
    assert int(vocabulary.bits.sum()) == 39
    assert vocabulary.digest.hex() == "68365eba2dda4d0ad8c5bfa1fe92e885"
