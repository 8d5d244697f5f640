"""Regular expressions that no value can make slow: RE2, whose time is linear in the length of the text."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

__all__ = ["LONGEST_PATTERN", "check_pattern", "matches"]

LONGEST_PATTERN = 1000
"""Characters of a pattern."""


def check_pattern(pattern: str) -> None:
    """Whether RE2 can compile a pattern.

    Raises:
        ValueError: it cannot, and why.
    """
    if len(pattern) > LONGEST_PATTERN:
        raise ValueError(f"it has {len(pattern):,} characters; a pattern has at most {LONGEST_PATTERN:,}")
    try:
        for each in (pattern, _whole(pattern)):
            pc.match_substring_regex(pa.array([""]), each)
    except pa.ArrowInvalid as error:
        reason = str(error).removeprefix("Invalid regular expression: ")
        raise ValueError(
            f"{reason}; patterns are RE2's: no look-around, no references back, repetitions up to 1,000"
        ) from None


def matches(pattern: str, values: Sequence[str]) -> NDArray[np.bool_]:
    """bool[k]: which values match from their first character to the last.

    >>> matches("[A-Z]{2}", ["PT", "pt", "PRT"]).tolist()
    [True, False, False]
    """
    # Half a surrogate pair is no character, and has no place in UTF-8.
    texts = [value.encode("utf-8", "replace").decode() for value in values]
    found = pc.match_substring_regex(pa.array(texts, type=pa.large_string()), _whole(pattern))
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.bool_)


def _whole(pattern: str) -> str:
    return rf"\A(?:{pattern})\z"
