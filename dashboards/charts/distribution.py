"""Reference against current: a grey area and a blue line, and below them what moved."""

from collections.abc import Sequence
from typing import Literal

import altair as alt
import streamlit as st

from dashboards.charts.token import Row, layered, rows, show, token, token_field, value_y
from driftwatch.queries import format as fmt
from driftwatch.queries.distribution import Categories, Histogram

__all__ = ["draw_categories", "draw_histogram"]

_HEIGHT = 280
_POINTS = "datum.value==0?'0':replace(format(datum.value*100,'+~g'),'-','−')"


def draw_histogram(histogram: Histogram, *, name: str, key: str) -> None:
    """The distribution, and the difference per bin below it on the same axis."""
    bins: list[Row] = [
        {
            "x0": each.x0,
            "x1": each.x1,
            "ref": each.reference,
            "cur": each.current,
            "diff": None if each.reference is None or each.current is None else each.current - each.reference,
            "range": f"{fmt.number(each.x0)} to {fmt.number(each.x1)}",
            "ref_text": fmt.share(each.reference),
            "cur_text": fmt.share(each.current),
            "side": "current" if (each.current or 0) >= (each.reference or 0) else "reference",
        }
        for each in histogram.bins
    ]
    show(
        layered(*_shapes(histogram, bins), *_medians(histogram)).properties(height=_HEIGHT),
        finding=_in_words(histogram, name),
        key=key,
    )
    if any(row["diff"] is not None for row in bins):
        show(
            _difference(histogram, bins),
            finding=f"{name}: current minus reference per bin, in percentage points",
            key=f"{key}-diff",
        )


def draw_categories(categories: Categories, *, name: str, key: str) -> None:
    """Bars for the reference, ticks for the current window, and beside them the difference."""
    values: list[Row] = [
        {
            "category": _shortened(each.category),
            "label": f"◆ {_shortened(each.category)}" if each.new else _shortened(each.category),
            "whole": each.category + (" (new)" if each.new else ""),
            "ref": each.reference,
            "cur": each.current,
            "diff": None if each.reference is None or each.current is None else each.current - each.reference,
            "ref_text": fmt.share(each.reference),
            "cur_text": fmt.share(each.current),
            "side": "current" if (each.current or 0) >= (each.reference or 0) else "reference",
        }
        for each in categories.shares
    ]
    height = max(3, len(values)) * 27
    compared = any(row["diff"] is not None for row in values)
    main, side = st.columns([1.8, 1], gap="small") if compared else (st.container(), st.container())
    with main:
        show(_bars(values).properties(height=height), finding=_categories_in_words(categories, name), key=key)
    if compared:
        with side:
            show(
                _category_difference(values).properties(height=height),
                finding=f"{name}: current minus reference per category, in percentage points",
                key=f"{key}-diff",
            )


def _x(histogram: Histogram, field: str) -> alt.X:
    low, high = histogram.bins[0].x0, histogram.bins[-1].x1
    return alt.X(
        field,
        scale=alt.Scale(type="log" if histogram.log else "linear", domain=[low, high], nice=False, padding=0),
        axis=alt.Axis(title=None, grid=False, tickCount=6, labelOverlap=True, labelFlush=True, tickSize=4, format="~s")
        if max(abs(low), abs(high)) >= 10_000
        else alt.Axis(title=None, grid=False, tickCount=6, labelOverlap=True, labelFlush=True, tickSize=4),
    )


def _shapes(histogram: Histogram, bins: Sequence[Row]) -> list[alt.Chart]:
    tooltip = [
        alt.Tooltip("range:N", title="value"),
        alt.Tooltip("ref_text:N", title="reference"),
        alt.Tooltip("cur_text:N", title="current"),
    ]
    shapes: list[alt.Chart] = []
    pattern = ".0%" if _tallest(histogram) >= 0.05 else "~%"
    domain = (0, _tallest(histogram) * 1.18)  # room for the labels of the medians
    y = value_y("ref:Q", pattern=pattern, domain=domain)
    if any(row["ref"] is not None for row in bins):
        area = alt.Chart(rows(bins)).mark_rect(opacity=0.4)
        shapes.append(
            area.encode(
                x=_x(histogram, "x0:Q"), x2="x1", y=y, y2=alt.datum(0), color=token("reference"), tooltip=tooltip
            )
        )
    if any(row["cur"] is not None for row in bins):
        stepped = [*bins, {**bins[-1], "x0": bins[-1]["x1"]}]
        line = alt.Chart(rows(stepped)).mark_line(interpolate="step-after", strokeWidth=2.2, clip=True)
        current = value_y("cur:Q", pattern=pattern, domain=domain)
        shapes.append(line.encode(x=_x(histogram, "x0:Q"), y=current, color=token("current")))
        hover = alt.Chart(rows(bins)).mark_rect(opacity=0)
        shapes.append(hover.encode(x=_x(histogram, "x0:Q"), x2="x1", tooltip=tooltip))
    return shapes


def _medians(histogram: Histogram) -> list[alt.Chart]:
    before, after = histogram.median_reference, histogram.median_current
    swapped = before is not None and after is not None and after < before
    low, high = histogram.bins[0].x0, histogram.bins[-1].x1
    drawn: list[alt.Chart] = []
    for value, name, colour, bold in ((before, "reference", "muted", False), (after, "current", "current", True)):
        if value is None or not low <= value <= high:
            continue
        left = (name == "reference") != swapped
        row = rows([{"x0": value, "text": f"{name} median {fmt.number(value)}"}])
        x = _x(histogram, "x0:Q")
        rule = alt.Chart(row).mark_rule(strokeDash=[3, 3], strokeWidth=1.2)
        drawn.append(rule.encode(x=x, color=token(colour)))
        text = alt.Chart(row).mark_text(
            align=_side(value, low, high, left=left),
            dx=-5 if _side(value, low, high, left=left) == "right" else 5,
            y=6 if name == "reference" else 20,
            fontSize=12,
            fontWeight=600 if bold else 400,
        )
        drawn.append(text.encode(x=x, text="text:N", color=token(colour)))
    return drawn


def _side(value: float, low: float, high: float, *, left: bool) -> Literal["left", "right"]:
    """Which way a label is aligned so that it stays inside the plot."""
    place = (value - low) / (high - low)
    if place < 0.3:
        return "left"
    if place > 0.7:
        return "right"
    return "right" if left else "left"


def _difference(histogram: Histogram, bins: Sequence[Row]) -> alt.Chart:
    reach = max(abs(row["diff"] or 0) for row in bins) or 0.01
    strip: alt.Chart = alt.Chart(rows(bins), height=80).mark_rect()
    return strip.encode(
        x=_x(histogram, "x0:Q"),
        x2="x1",
        y=alt.Y(
            "diff:Q",
            scale=alt.Scale(domain=[-reach, reach], nice=True),
            axis=alt.Axis(
                labelExpr=_POINTS, tickCount=3, title=None, domain=False, ticks=False, minExtent=34, maxExtent=34
            ),
        ),
        y2=alt.datum(0),
        color=token_field("side"),
        tooltip=[alt.Tooltip("range:N", title="value"), alt.Tooltip("diff:Q", title="difference", format="+.2%")],
    )


def _category_y() -> alt.Y:
    return alt.Y(
        "label:N",
        sort=None,
        axis=alt.Axis(title=None, ticks=False, domain=False, labelLimit=110, grid=False),
    )


def _bars(values: Sequence[Row]) -> alt.LayerChart:
    tooltip = [
        alt.Tooltip("whole:N", title="category"),
        alt.Tooltip("ref_text:N", title="reference"),
        alt.Tooltip("cur_text:N", title="current"),
    ]
    axis = alt.Axis(title=None, format="~%", tickCount=4, domain=False, ticks=False, gridOpacity=0.7)
    bars = alt.Chart(rows(values)).mark_bar(height=14, opacity=0.4)
    ticks = alt.Chart(rows(values)).mark_tick(thickness=3, size=20)
    return layered(
        bars.encode(x=alt.X("ref:Q", axis=axis), y=_category_y(), color=token("reference"), tooltip=tooltip),
        ticks.encode(x=alt.X("cur:Q", axis=axis), y=_category_y(), color=token("current"), tooltip=tooltip),
    )


def _category_difference(values: Sequence[Row]) -> alt.Chart:
    reach = max(abs(row["diff"] or 0) for row in values) or 0.01
    bars: alt.Chart = alt.Chart(rows(values)).mark_bar(height=14)
    return bars.encode(
        x=alt.X(
            "diff:Q",
            scale=alt.Scale(domain=[-reach, reach], nice=True),
            axis=alt.Axis(
                title=None, labelExpr=_POINTS, tickCount=3, domain=False, ticks=False, gridOpacity=0.7, labelFlush=True
            ),
        ),
        y=_category_y(),
        color=token_field("side"),
        tooltip=[alt.Tooltip("whole:N", title="category"), alt.Tooltip("diff:Q", title="difference", format="+.2%")],
    )


def _tallest(histogram: Histogram) -> float:
    return max(max(each.reference or 0, each.current or 0) for each in histogram.bins)


def _shortened(category: str) -> str:
    return category if len(category) <= 40 else f"{category[:39]}…"


def _in_words(histogram: Histogram, name: str) -> str:
    before, after = histogram.median_reference, histogram.median_current
    if before is None or after is None:
        return f"Distribution of {name}, one side only: median {fmt.number(after if before is None else before)}"
    return f"Distribution of {name}: the median went from {fmt.number(before)} to {fmt.number(after)}"


def _categories_in_words(categories: Categories, name: str) -> str:
    moved = max(categories.shares, key=lambda row: abs((row.current or 0) - (row.reference or 0)))
    return (
        f"Shares of {name} by category: {moved.category} moved most, "
        f"from {fmt.share(moved.reference)} to {fmt.share(moved.current)}"
    )
