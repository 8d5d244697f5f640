"""A measure over time against its threshold: breaches marked, gaps left open."""

from collections.abc import Sequence

import altair as alt

from dashboards.charts.timeline import event_marks
from dashboards.charts.token import Row, layered, rows, show, time_x, token, token_field, value_y
from driftwatch.queries import format as fmt
from driftwatch.queries.model import CAP
from driftwatch.queries.series import DriftPoint, Event
from driftwatch.queries.status import Status

__all__ = ["draw_drift_history"]

_SHAPES = alt.Scale(domain=["critical", "warning", "watch"], range=["triangle-up", "diamond", "stroke"])
_LABEL_SHARE = 0.014  # of the axis, per character: they stay apart on a chart of 600 pixels
_NEAR_THRESHOLD = 3  # below so many times the threshold words stand above their point, off the line
_UNJUDGED = {Status.NO_DATA: "○ no data", Status.LOW_DATA: "◌ low data", Status.RUN_ERROR: "✕ run failed"}


def draw_drift_history(
    points: Sequence[DriftPoint],
    *,
    domain: tuple[int, int],
    now: int,
    name: str,
    key: str,
    height: int = 190,
    events: Sequence[Event] = (),
    labelled: bool = True,
    judged_until: int | None = None,
    named: bool = False,
) -> None:
    """× threshold per window: 1 is where an alarm begins; beyond 10 the line runs along the top.

    Args:
        points: oldest first.
        domain: first and last instant of the axis, microseconds.
        now: the reader's instant, which decides whether years are written.
        name: what is drawn, for the text alternative.
        key: stable name of the element.
        height: pixels.
        events: lettered rules through the chart.
        labelled: False where the time axis belongs to the chart below.
        judged_until: end of the newest window with a verdict; what follows is not judged yet.
        named: whether to write the column at the first window of each stretch in which it alarms.
    """
    drawn = [_row(point, now) for point in points]
    values = [row["v"] for row in drawn if row["v"] is not None]
    top = max([1.25, *values]) * 1.08
    x, y = time_x(domain, labelled=labelled), value_y("v:Q", pattern="~r", domain=(0, top))
    breached = [row for row in drawn if row["status"] in ("critical", "warning")]
    layers: list[alt.Chart] = [
        *_gaps(points, domain, x),
        *_pending(judged_until, domain, x),
        *_threshold(domain, x, y),
    ]
    line = alt.Chart(rows(drawn)).mark_line(strokeWidth=2, clip=True)
    layers.append(line.encode(x=x, y=y, color=token("current")))
    if breached:
        marks = alt.Chart(rows(breached)).mark_point(filled=True, size=46, opacity=1)
        layers.append(
            marks.encode(x=x, y=y, color=token_field("status"), shape=alt.Shape("status:N", scale=_SHAPES, legend=None))
        )
    if named and breached:
        layers.extend(_names(points, drawn, domain, x, y))
    hover = alt.Chart(rows([row for row in drawn if row["v"] is not None])).mark_point(size=160, opacity=0)
    layers.append(hover.encode(x=x, y=y, tooltip=_tooltip(named=named)))
    layers.extend(event_marks(events, x, lettered=True))
    show(layered(*layers).properties(height=height), finding=_in_words(points, name), key=key)


def _row(point: DriftPoint, now: int) -> Row:
    judged = point.status not in _UNJUDGED
    return {
        "t": point.end // 1000,
        "v": min(point.times_threshold, CAP) if judged and point.times_threshold is not None else None,
        "status": point.status.value,
        "when": fmt.window(point.start, point.end, now),
        "effect": fmt.effect(point.times_threshold),
        "distance": fmt.distance(point.value),
        "n": fmt.count(point.n),
        "column": point.column,
    }


def _names(
    points: Sequence[DriftPoint], drawn: Sequence[Row], domain: tuple[int, int], x: alt.X, y: alt.Y
) -> list[alt.Chart]:
    """The column where each stretch of its alarms begins, as far as the words have room: inside, off the threshold."""
    places: dict[tuple[bool, bool], list[Row]] = {}
    free, before = {True: domain[0], False: domain[0]}, ""
    for point, row in zip(points, drawn, strict=True):
        column = point.column if point.status.firing else ""
        room = int(_LABEL_SHARE * (len(column) + 2) * (domain[1] - domain[0]))
        rightwards = point.end + room <= domain[1]
        below = (row["v"] or 0) > _NEAR_THRESHOLD
        if column and column != before and (point.end if rightwards else point.end - room) >= free[below]:
            places.setdefault((rightwards, below), []).append(row)
            free[below] = point.end + room
        before = column
    return [
        alt.Chart(rows(group))
        .mark_text(align="left" if right else "right", dx=6 if right else -6, dy=11 if below else -9, fontSize=12)
        .encode(x=x, y=y, text="column:N", color=token("ink"))
        for (right, below), group in places.items()
    ]


def _tooltip(*, named: bool) -> list[alt.Tooltip]:
    return [
        alt.Tooltip("when:N", title="window"),
        *([alt.Tooltip("column:N", title="strongest")] if named else []),
        alt.Tooltip("effect:N", title="× threshold"),
        alt.Tooltip("distance:N", title="distance"),
        alt.Tooltip("n:N", title="n"),
    ]


def _threshold(domain: tuple[int, int], x: alt.X, y: alt.Y) -> list[alt.Chart]:
    row = rows([{"t": domain[0] // 1000, "v": 1, "text": "alarm threshold 1×"}])
    rule = alt.Chart(row).mark_rule(strokeDash=[6, 4], strokeWidth=1.2)
    text = alt.Chart(row).mark_text(align="left", dx=4, dy=-7, fontSize=12)
    return [rule.encode(y=y, color=token("warning")), text.encode(x=x, y=y, text="text:N", color=token("warning_text"))]


def _gaps(points: Sequence[DriftPoint], domain: tuple[int, int], x: alt.X) -> list[alt.Chart]:
    """A pale band over each stretch that was not judged, with what it was where there is room for the words."""
    stretches: list[list[DriftPoint]] = []
    for point in points:
        if point.status not in _UNJUDGED:
            continue
        last = stretches[-1][-1] if stretches else None
        if last is not None and last.status == point.status and point.start <= last.end:
            stretches[-1].append(point)
        else:
            stretches.append([point])
    if not stretches:
        return []
    width = max(1, domain[1] - domain[0])
    bands = [
        {
            "t": max(domain[0], stretch[0].start) // 1000,
            "t2": stretch[-1].end // 1000,
            "text": _UNJUDGED[stretch[0].status]
            if (stretch[-1].end - max(domain[0], stretch[0].start)) / width > 0.06
            else "",
        }
        for stretch in stretches
    ]
    band = alt.Chart(rows(bands)).mark_rect(opacity=0.5, clip=True)
    text = alt.Chart(rows(bands)).mark_text(align="left", dx=4, y=8, fontSize=12)
    return [
        band.encode(x=x, x2="t2:T", color=token("volume")),
        text.encode(x=x, text="text:N", color=token("muted")),
    ]


def _pending(judged_until: int | None, domain: tuple[int, int], x: alt.X) -> list[alt.Chart]:
    """A pale band over what has no verdict yet."""
    if judged_until is None or not domain[0] <= judged_until < domain[1]:
        return []
    share = (domain[1] - judged_until) / (domain[1] - domain[0])
    text = "not judged yet" if share > _LABEL_SHARE * 15 else ""
    band = rows([{"t": judged_until // 1000, "t2": domain[1] // 1000, "text": text}])
    return [
        alt.Chart(band).mark_rect(opacity=0.5, clip=True).encode(x=x, x2="t2:T", color=token("volume")),
        alt.Chart(band)
        .mark_text(align="left", dx=4, y=8, fontSize=12)
        .encode(x=x, text="text:N", color=token("muted")),
    ]


def _in_words(points: Sequence[DriftPoint], name: str) -> str:
    judged = [point.times_threshold for point in points if point.times_threshold is not None]
    if not judged:
        return f"{name}: no window was judged"
    over = sum(1 for point in points if point.status.firing)
    return f"{name} is {fmt.effect(judged[-1])} its threshold now; {over} of {len(judged)} windows alarmed"
