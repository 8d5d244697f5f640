"""Colour by name: charts say what a mark means, the theme says which colour that is.

The theme's list of categorical colours (``.streamlit/config.toml``) holds one colour a token, in this order, for light
and for dark. The browser looks a token up in the theme that is on, so switching recolours every chart at once.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import streamlit as st

from driftwatch.domain.instant import to_iso

__all__ = [
    "TOKENS",
    "Row",
    "layered",
    "rows",
    "show",
    "time_format",
    "time_x",
    "token",
    "token_field",
    "value_y",
]

TOKENS = (
    "current",
    "reference",
    "critical",
    "warning",
    "ok",
    "muted",
    "event",
    "volume",
    "ink",
    "paper",
    "heat_calm",
    "heat_near",
    "heat_warn",
    "heat_crit",
    "critical_text",
    "warning_text",
    "event_text",
)

Row = Mapping[str, Any]
_SCALE = alt.Scale(domain=list(TOKENS))  # its range comes from the theme
_AXIS_WIDTH = 34  # every chart's value axis, so that stacked charts share their left edge


def token(name: str) -> Any:
    """A constant colour."""
    if name not in TOKENS:
        raise ValueError(f"{name!r} is not a colour token; there are {', '.join(TOKENS)}")
    return alt.datum(name)


def token_field(field: str) -> alt.Color:
    """A colour that each row names in `field`."""
    return alt.Color(f"{field}:N", scale=_SCALE, legend=None)


def rows(values: Sequence[Row]) -> alt.InlineData:
    """The rows of a chart; times are milliseconds in UTC, unknown is None."""
    return alt.InlineData(values=[dict(value) for value in values])


def layered(*charts: alt.Chart | alt.LayerChart) -> alt.LayerChart:
    """Charts over one another, the last on top."""
    whole = alt.layer(*charts)
    if not isinstance(whole, alt.LayerChart):
        raise TypeError("a facet cannot be a layer")
    return whole


def time_format(span_microseconds: int) -> str:
    """How a time axis of this length writes its ticks: hours to 36 h, days to 120, months beyond."""
    hours = span_microseconds / 3.6e9
    if hours <= 36:
        return "%H:%M"
    return "%-d %b" if hours <= 120 * 24 else "%b %Y"


def time_x(domain: tuple[int, int], *, ticks: int = 6, labelled: bool = True) -> alt.X:
    """The shared time axis, in UTC wherever the reader sits.

    Args:
        domain: first and last instant, microseconds.
        ticks: about how many ticks.
        labelled: False for the upper of two stacked charts.
    """
    return alt.X(
        "t:T",
        scale=alt.Scale(type="utc", nice=False, padding=0, domain=[to_iso(domain[0]), to_iso(domain[1])]),
        axis=alt.Axis(
            title=None,
            grid=False,
            tickCount=ticks,
            format=time_format(domain[1] - domain[0]),
            labels=labelled,
            ticks=labelled,
            labelFlush=True,
            tickSize=4,
            labelOverlap=True,
        ),
    )


def value_y(field: str, *, pattern: str = "~g", ticks: int = 4, domain: Sequence[float] | None = None) -> alt.Y:
    """The value axis, of one width on every chart."""
    return alt.Y(
        field,
        scale=alt.Undefined if domain is None else alt.Scale(domain=list(domain), nice=False),
        axis=alt.Axis(
            format=pattern,
            tickCount=ticks,
            title=None,
            domain=False,
            ticks=False,
            gridOpacity=0.7,
            minExtent=_AXIS_WIDTH,
            maxExtent=_AXIS_WIDTH,
        ),
    )


def show(chart: alt.Chart | alt.LayerChart, *, finding: str, key: str) -> None:
    """Draw a chart with the theme's colours.

    Args:
        chart: one chart or layers.
        finding: what the chart shows, in words, for those who cannot see it.
        key: stable name of the element.
    """
    st.altair_chart(
        _themed(chart)
        .configure_view(strokeWidth=0)
        .configure_axis(
            labelColor=_looked_up("muted"),
            titleColor=_looked_up("muted"),
            gridColor=_looked_up("volume"),
            domainColor=_looked_up("reference"),
            tickColor=_looked_up("reference"),
            labelFontSize=12,
            titleFontSize=12,
            labelPadding=4,
        )
        .properties(padding={"left": 0, "top": 4, "right": 6, "bottom": 2}),
        width="stretch",
        alt=finding,
        key=key,
    )


def _looked_up(name: str) -> alt.ExprRef:
    return alt.ExprRef(f"scale('color','{name}')")


def _palette() -> alt.Chart:
    """An invisible layer that fixes the domain of the colour scale."""
    invisible: alt.Chart = alt.Chart(rows([{"token": "current"}])).mark_point(opacity=0, size=0)
    return invisible.encode(color=token_field("token"))


def _themed(chart: alt.Chart | alt.LayerChart) -> alt.LayerChart:
    if not isinstance(chart, alt.LayerChart):
        return layered(_palette(), chart)
    whole = chart.copy()
    whole.layer = [_palette(), *whole.layer]  # re-layering would lose the data that Altair hoisted to the chart
    return whole
