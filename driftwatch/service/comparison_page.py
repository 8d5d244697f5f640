"""A comparison as one self-contained page, and as a fragment for notebooks."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from driftwatch.domain.signal import Severity
from driftwatch.drift.result import MeasureResult
from driftwatch.profiles.categorical import CategoricalProfile
from driftwatch.profiles.numeric import NumericProfile
from driftwatch.queries.distribution import compare_categories, compare_histograms
from driftwatch.queries.format import distance, number, p_value, share
from driftwatch.service.comparison_result import ColumnComparison, Comparison

__all__ = ["fragment", "page"]

_SIGNS = {
    Severity.CRITICAL: ("▲", "Critical"),
    Severity.WARNING: ("◆", "Drifted"),
    Severity.WATCH: ("◇", "Worth a look"),
    Severity.NONE: ("●", "No drift"),
}
_NAMES = {
    "chi_square": "Chi-square",
    "jensen_shannon_distance": "Jensen–Shannon",
    "kolmogorov_smirnov": "Kolmogorov–Smirnov",
    "population_stability_index": "PSI",
    "total_variation_distance": "Total variation",
    "wasserstein_distance": "Wasserstein",
    "wasserstein_distance_normalized": "Wasserstein",
}
_SMALL = 0.0001


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a drawing, heights in per cent of the tallest.

    Attributes:
        label: what the bar stands for.
        reference: height of the reference.
        current: height of the current data.
        title: the numbers, for pointing at.
        new: never seen in the reference.
    """

    label: str
    reference: float
    current: float
    title: str
    new: bool = False


@cache
def _environment() -> Any:
    import jinja2

    loader = jinja2.FileSystemLoader(Path(__file__).parent / "templates")
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    environment.globals |= {"bars": _bars, "mark": _mark, "written": _written, "share": share}
    return environment


def page(comparison: Comparison) -> str:
    """A whole HTML document."""
    return str(_environment().get_template("comparison.html").render(comparison=comparison, whole=True))


def fragment(comparison: Comparison) -> str:
    """The same, to be shown inside another page."""
    return str(_environment().get_template("comparison.html").render(comparison=comparison, whole=False))


def _mark(column: ColumnComparison) -> tuple[str, str]:
    if not column.judged and column.severity is Severity.NONE:
        return "○", "Not judged"
    if column.severity is Severity.WARNING and not column.drifted:
        return "◆", "Breaks a constraint"
    return _SIGNS[column.severity]


def _written(measure: MeasureResult) -> dict[str, str]:
    words = _NAMES.get(measure.method) or measure.method.replace("_", " ").capitalize()
    p = "" if measure.p_value is None else f"p {p_value(measure.p_value)}"
    small = measure.value is not None and 0 < abs(measure.value) < _SMALL
    value = f"< {_SMALL}" if small else distance(measure.value)
    return {"name": words, "value": value + (" sd" if measure.unit == "reference_sd" else ""), "p": p}


def _bars(column: ColumnComparison) -> tuple[str, list[Bar]]:
    """How to draw a column ("histogram", "categories" or ""), and its bars."""
    before, after = column.reference, column.current
    numeric = NumericProfile | None
    if isinstance(before, numeric) and isinstance(after, numeric) and column.codec is not None:
        histogram = compare_histograms(before, after, column.codec)
        if histogram is None:
            return "", []
        top = max(max(bin_.reference or 0, bin_.current or 0) for bin_ in histogram.bins) or 1.0
        return "histogram", [
            _bar(f"{number(bin_.x0)} to {number(bin_.x1)}", bin_.reference, bin_.current, top)
            for bin_ in histogram.bins
        ]
    categorical = CategoricalProfile | None
    if isinstance(before, categorical) and isinstance(after, categorical) and column.measures:
        categories = compare_categories(before, after)
        if categories is None:
            return "", []
        top = max(max(row.reference or 0, row.current or 0) for row in categories.shares) or 1.0
        return "categories", [
            _bar(row.category, row.reference, row.current, top, new=row.new) for row in categories.shares
        ]
    return "", []


def _bar(label: str, reference: float | None, current: float | None, top: float, *, new: bool = False) -> Bar:
    title = f"{label}: reference {share(reference)}, current {share(current)}"
    return Bar(label, 100 * (reference or 0) / top, 100 * (current or 0) / top, title, new)
