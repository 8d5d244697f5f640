"""What was served, over time: volume, latency, errors, with lettered events through all of them."""

import html
from collections.abc import Sequence

import altair as alt

from dashboards.charts.token import Row, layered, rows, show, time_x, token, token_field, value_y
from driftwatch.queries import format as fmt
from driftwatch.queries.series import Event, EventKind, TrafficPoint

__all__ = ["draw_errors", "draw_latency", "draw_volume", "event_marks", "event_sentence"]

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_CLASSES = {"critical_text": "dw-crit", "warning_text": "dw-warn", "event_text": "dw-evt", "muted": "dw-mut"}


def draw_volume(
    points: Sequence[TrafficPoint],
    events: Sequence[Event],
    *,
    domain: tuple[int, int],
    now: int,
    key: str,
    height: int = 66,
    lettered: bool = False,
) -> None:
    """Rows per bucket as bars; with `lettered`, the letters of the events stand at the top."""
    data: list[Row] = [
        {
            "t": point.at // 1000,
            "t2": point.until // 1000,
            "v": point.n,
            "when": fmt.window(point.at, point.until, now),
            "n": fmt.count(point.n),
            "errors": fmt.count(point.errors),
        }
        for point in points
    ]
    x = time_x(domain)
    bars = alt.Chart(rows(data)).mark_rect(clip=True)
    volume = bars.encode(
        x=x,
        x2="t2:T",
        y=value_y("v:Q", pattern="~s", ticks=2 if height < 100 else 4),
        y2=alt.datum(0),
        color=token("volume" if height < 100 else "reference"),
        opacity=alt.value(1 if height < 100 else 0.55),
        tooltip=[alt.Tooltip("when:N", title="window"), alt.Tooltip("n:N", title="n"), "errors:N"],
    )
    total = sum(point.n for point in points)
    show(
        layered(volume, *event_marks(events, x, lettered=lettered)).properties(height=height),
        finding=f"{fmt.count(total)} rows in the window, {len(events)} events",
        key=key,
    )


def draw_latency(points: Sequence[TrafficPoint], *, domain: tuple[int, int], now: int, key: str) -> None:
    """The median in grey and the 95th percentile in blue, in milliseconds."""
    data: list[Row] = []
    for point in points:
        when = fmt.window(point.at, point.until, now)
        for name, value, colour in (("p50", point.p50, "reference"), ("p95", point.p95, "current")):
            data.append(
                {
                    "t": (point.at + point.until) // 2000,
                    "v": None if value is None else value * 1000,
                    "series": name,
                    "colour": colour,
                    "when": when,
                    "text": fmt.latency(value),
                }
            )
    measured = [row for row in data if row["v"] is not None]
    top = max((row["v"] for row in measured), default=1.0) * 1.2
    x, y = time_x(domain, ticks=4, labelled=False), value_y("v:Q", pattern="~r", domain=(0, top))
    lines = alt.Chart(rows(data)).mark_line(strokeWidth=1.8, clip=True)
    newest = {row["series"]: row["text"] for row in measured}
    show(
        lines.encode(x=x, y=y, detail="series:N", color=token_field("colour"), tooltip=_latency_tooltip()).properties(
            height=150
        ),
        finding="Newest latency: " + ", ".join(f"{name} {text}" for name, text in newest.items()),
        key=key,
    )


def draw_errors(points: Sequence[TrafficPoint], *, domain: tuple[int, int], now: int, key: str) -> None:
    """The share of failed calls per bucket."""
    data: list[Row] = [
        {
            "t": point.at // 1000,
            "t2": point.until // 1000,
            "v": point.error_rate,
            "when": fmt.window(point.at, point.until, now),
            "errors": f"{fmt.count(point.errors)} of {fmt.count(point.n)}",
        }
        for point in points
        if point.n
    ]
    top = max((row["v"] or 0 for row in data), default=0.0) or 0.01
    bars = alt.Chart(rows(data)).mark_rect(clip=True, opacity=0.7)
    show(
        bars.encode(
            x=time_x(domain, ticks=4),
            x2="t2:T",
            y=value_y("v:Q", pattern="~%", ticks=2, domain=(0, top * 1.1)),
            y2=alt.datum(0),
            color=token("current"),
            tooltip=[alt.Tooltip("when:N", title="window"), alt.Tooltip("errors:N", title="failed")],
        ).properties(height=92),
        finding=f"Errors: at most {fmt.share(max((row['v'] or 0 for row in data), default=0.0))} in a bucket",
        key=key,
    )


def event_marks(events: Sequence[Event], x: alt.X, *, lettered: bool) -> list[alt.Chart]:
    """A thin rule at each event, and its letter at the top of the chart."""
    if not events:
        return []
    data: list[Row] = [
        {"t": event.at // 1000, "text": f"{_sign(event)}{_LETTERS[place]}", "colour": _token(event)}
        for place, event in enumerate(events)
    ]
    rule = alt.Chart(rows(data)).mark_rule(strokeDash=[2, 3], strokeWidth=1.4, clip=True)
    marks = [rule.encode(x=x, color=token_field("colour"), y=alt.value(18 if lettered else 0), y2=alt.value("height"))]
    if lettered:
        text = alt.Chart(rows(data)).mark_text(y=8, fontSize=12, fontWeight=600, clip=True)
        marks.append(text.encode(x=x, text="text:N", color=token_field("colour")))
    return marks


def event_sentence(events: Sequence[Event], now: int) -> str:
    """One wrapping line of HTML that says what the letters are."""
    parts = [
        f'<span><b class="{_CLASSES[_token(event)]}">{_sign(event)} {_LETTERS[place]}</b> '
        f'{html.escape(event.text)} <span class="dw-mut">{fmt.stamp(event.at, now)}</span></span>'
        for place, event in enumerate(events)
    ]
    return f'<div class="dw-events">{"".join(parts)}</div>'


def _sign(event: Event) -> str:
    if event.kind is EventKind.INCIDENT:
        return event.status.sign
    return "✓" if event.kind is EventKind.RESOLVED else "◆"


def _token(event: Event) -> str:
    if event.kind is EventKind.INCIDENT:
        return f"{event.status.value}_text" if event.status.firing else "muted"
    return "muted" if event.kind is EventKind.RESOLVED else "event_text"


def _latency_tooltip() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("when:N", title="window"),
        alt.Tooltip("series:N", title="quantile"),
        alt.Tooltip("text:N", title="latency"),
    ]
