"""The calibrated alarm rule: about one false alarm a month per model, whatever the number of columns."""

from driftwatch.drift.rule.calendar import Calendar
from driftwatch.drift.rule.cells import CategoryCells, NumericCells, reference_edges
from driftwatch.drift.rule.judge import FittedRule, fit
from driftwatch.drift.rule.judgement import Judgement
from driftwatch.drift.rule.ladder import Ladder
from driftwatch.drift.rule.series import LevelCounts, Series, categorical_series, coded_series, numeric_series
from driftwatch.drift.rule.stack import REMEMBERED, ColumnSource
from driftwatch.drift.rule.trail import Trail
from driftwatch.drift.rule.width import narrowed

__all__ = [
    "REMEMBERED",
    "Calendar",
    "CategoryCells",
    "ColumnSource",
    "FittedRule",
    "Judgement",
    "Ladder",
    "LevelCounts",
    "NumericCells",
    "Series",
    "Trail",
    "categorical_series",
    "coded_series",
    "fit",
    "narrowed",
    "numeric_series",
    "reference_edges",
]
