"""The calibrated alarm rule: about one false alarm a month per model, whatever the number of columns."""

from driftwatch.drift.rule.calendar import Calendar
from driftwatch.drift.rule.cells import reference_edges
from driftwatch.drift.rule.judge import FittedRule, fit
from driftwatch.drift.rule.judgement import Judgement
from driftwatch.drift.rule.ladder import Ladder
from driftwatch.drift.rule.series import Series, categorical_series, numeric_series

__all__ = [
    "Calendar",
    "FittedRule",
    "Judgement",
    "Ladder",
    "Series",
    "categorical_series",
    "fit",
    "numeric_series",
    "reference_edges",
]
