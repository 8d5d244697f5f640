"""The fitted rule, and what it says of new buckets."""

from collections.abc import Sequence
from dataclasses import dataclass

from driftwatch.drift.rule.calendar import Calendar
from driftwatch.drift.rule.judgement import Judgement
from driftwatch.drift.rule.series import Series

__all__ = ["FittedRule", "fit"]


@dataclass(frozen=True, slots=True, eq=False)
class FittedRule:
    """What the reference taught the rule."""

    calendar: Calendar
    n_reference: int

    def judge(
        self, series: Sequence[Series], start: int, stop: int, *, budget: float, n_series: int
    ) -> list[Judgement]:
        """Judge the buckets at positions [start, stop) of every series."""
        raise NotImplementedError


def fit(series: Sequence[Series], calendar: Calendar, n_reference: int) -> FittedRule:
    """Learn baseline, natural variation and tails from the reference."""
    raise NotImplementedError
