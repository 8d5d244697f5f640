"""Whether traffic was split as was meant: a comparison whose arms came about otherwise compares other things too.

Source: M. Lindon and A. Malek, Anytime-valid inference for multinomial count data (2022): the test may be repeated at
every look.
"""

import math
from dataclasses import dataclass

from scipy.special import betaln

__all__ = ["SampleRatio", "check_ratio"]

LEVEL = 0.001
"""Chance that a split which is right is ever called wrong."""

_PRIOR_ROWS = 1_000.0


@dataclass(frozen=True, slots=True)
class SampleRatio:
    """Rows of two arms against the split that was meant.

    Attributes:
        share: of the candidate, as it came.
        expected: as it was meant.
        n: rows of both.
        p_value: at all looks together.
    """

    share: float
    expected: float
    n: int
    p_value: float

    @property
    def mismatch(self) -> bool:
        """Whether the split is shown to be another one."""
        return self.p_value < LEVEL


def check_ratio(n_baseline: int, n_candidate: int, *, expected: float) -> SampleRatio | None:
    """Hold the rows of two arms against the share that the candidate was to have.

    Args:
        n_baseline: rows.
        n_candidate: rows.
        expected: share of the candidate, in (0, 1).

    Returns:
        None without rows.
    """
    n = n_baseline + n_candidate
    if not n:
        return None
    a, b = _PRIOR_ROWS * expected, _PRIOR_ROWS * (1 - expected)
    evidence = (
        float(betaln(a + n_candidate, b + n_baseline) - betaln(a, b))
        - n_candidate * math.log(expected)
        - n_baseline * math.log1p(-expected)
    )
    return SampleRatio(n_candidate / n, expected, n, math.exp(-max(0.0, evidence)))
