"""Performance over time, how labels come in, and whether scores are probabilities."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from dashboards.charts.token import Row, layered, rows, show, time_x, token, token_field, value_y
from driftwatch.domain.instant import DAY, HOUR, MINUTE
from driftwatch.performance.calibration import CalibrationBand
from driftwatch.queries import format as fmt
from driftwatch.queries.label_arrival import LabelArrival
from driftwatch.queries.metric_wording import interval_words, metric_name, metric_value
from driftwatch.queries.performance import Performance
from driftwatch.queries.vintage import Vintage

__all__ = ["draw_arrival", "draw_calibration", "draw_labels", "draw_performance", "draw_vintages"]

_MARGIN = 0.08
_APART = 0.1
_DRAWN = ("v", "lo", "hi", "e", "elo", "ehi")


def draw_performance(
    periods: Sequence[Performance], metric: str, *, domain: tuple[int, int], now: int, key: str
) -> None:
    """What was realised as a line with its interval, what is expected dashed with its band, what is immature hollow."""
    data = [_row(part, metric, now) for part in periods]
    ends: list[float] = [row[name] for row in data for name in _DRAWN if row[name] is not None]
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    room = (high - low or abs(high) or 1.0) * _MARGIN
    bounds = (low - room, high + room)
    x = time_x(domain, labelled=False)
    v, lo, e, elo = (value_y(f"{name}:Q", pattern="~r", domain=bounds) for name in ("v", "lo", "e", "elo"))
    mature = [{**row, "v": row["v"] if row["mature"] else None} for row in data]
    immature = [row for row in data if row["v"] is not None and not row["mature"]]
    band = alt.Chart(rows(data)).mark_area(opacity=0.16, clip=True)
    expected = alt.Chart(rows(data)).mark_line(strokeDash=[4, 3], strokeWidth=1.6, clip=True)
    interval = alt.Chart(rows([row for row in data if row["lo"] is not None])).mark_rule(opacity=0.45, clip=True)
    line = alt.Chart(rows(mature)).mark_line(strokeWidth=2, clip=True, point=alt.OverlayMarkDef(size=22, filled=True))
    hollow = alt.Chart(rows(immature)).mark_point(size=40, filled=False, clip=True)
    hover = alt.Chart(rows(data)).mark_rule(strokeWidth=12, opacity=0)
    show(
        layered(
            *_immature(periods, domain, x),
            band.encode(x=x, y=elo, y2="ehi:Q", color=token("reference")),
            expected.encode(x=x, y=e, color=token("muted")),
            interval.encode(x=x, y=lo, y2="hi:Q", color=token("current")),
            line.encode(x=x, y=v, color=token("current")),
            hollow.encode(x=x, y=v, color=token("current")),
            hover.encode(x=x, tooltip=_tooltip()),
        ).properties(height=240),
        finding=_in_words(periods, metric),
        key=key,
    )


def draw_labels(periods: Sequence[Performance], *, domain: tuple[int, int], now: int, key: str) -> None:
    """Predictions of each period, and in front those that have an outcome."""
    data: list[Row] = [
        {
            "t": part.span.start // 1000,
            "t2": part.span.end // 1000,
            "n": part.n,
            "v": part.n_labelled,
            "when": fmt.window(part.span.start, part.span.end, now),
            "text": f"{fmt.count(part.n_labelled)} of {fmt.count(part.n)}",
        }
        for part in periods
    ]
    x = time_x(domain)
    top = max((part.n for part in periods), default=1) or 1
    n, v = (value_y(f"{name}:Q", pattern="~s", ticks=2, domain=(0, top)) for name in ("n", "v"))
    every = alt.Chart(rows(data)).mark_rect(clip=True)
    known = alt.Chart(rows(data)).mark_rect(clip=True, opacity=0.55)
    tips = [alt.Tooltip("when:N", title="period"), alt.Tooltip("text:N", title="labelled")]
    rows_n, labelled = sum(part.n for part in periods), sum(part.n_labelled for part in periods)
    show(
        layered(
            every.encode(x=x, x2="t2:T", y=n, y2=alt.datum(0), color=token("volume"), tooltip=tips),
            known.encode(x=x, x2="t2:T", y=v, y2=alt.datum(0), color=token("reference"), tooltip=tips),
        ).properties(height=66),
        finding=f"{fmt.count(labelled)} of {fmt.count(rows_n)} predictions have an outcome",
        key=key,
    )


def draw_arrival(arrival: LabelArrival, *, key: str) -> None:
    """The share of predictions that is labelled, by age; each class beside all of them."""
    longest = arrival.everything.points[-1][0]
    unit, name = _unit(longest)
    data: list[Row] = []
    for curve in (*arrival.classes, arrival.everything):
        points = [(0, 0.0), *curve.points, (longest, curve.points[-1][1])]
        data += [
            {
                "a": age / unit,
                "v": share,
                "series": curve.name or "all",
                "colour": "reference" if curve.name else "current",
                "text": f"{fmt.share(share)} after {fmt.age(age)}",
                "said": f"outcome {curve.name}" if curve.name else "all",
            }
            for age, share in points
        ]
    x = alt.X(
        "a:Q",
        scale=alt.Scale(nice=False, padding=0),
        axis=alt.Axis(title=None, grid=False, tickCount=5, format="~r", labelExpr=f"datum.label + ' {name}'"),
    )
    lines = alt.Chart(rows(data)).mark_line(strokeWidth=2, interpolate="step-after", clip=True)
    labels = alt.Chart(rows(_class_names(arrival, unit, longest))).mark_text(
        align="right", dx=-6, fontSize=12, clip=True
    )
    y = value_y("v:Q", pattern="~%", domain=(0, 1.08))
    tips = [alt.Tooltip("said:N", title="of"), alt.Tooltip("text:N", title="labelled")]
    show(
        layered(
            lines.encode(x=x, y=y, detail="series:N", color=token_field("colour"), tooltip=tips),
            labels.encode(x=x, y=y, text="text:N", color=token("muted")),
        ).properties(height=190),
        finding=f"Half of the labels are known after {fmt.age(arrival.everything.median)}",
        key=key,
    )


def _class_names(arrival: LabelArrival, unit: float, longest: int) -> list[Row]:
    """Each class's name beside the middle of its rise, where it does not stand on another."""
    names: list[Row] = []
    for curve in arrival.classes:
        place = {"a": curve.median / unit, "v": curve.points[-1][1] / 2}
        if curve.median > 0.2 * longest and all(
            abs(place["v"] - name["v"]) > _APART or place["a"] != name["a"] for name in names
        ):
            names.append({**place, "text": f"outcome {curve.name}"})
    return names


def draw_vintages(vintages: Sequence[Vintage], *, names: Sequence[str], key: str) -> None:
    """The share of positives by age, a line a period; the newest stands out."""
    longest = max(each.points[-1].age for each in vintages)
    unit, name = _unit(longest)
    data: list[Row] = [
        {
            "a": point.age / unit,
            "v": point.rate,
            "series": said,
            "colour": "current" if each is vintages[-1] else "reference",
            "text": f"{fmt.share(point.rate)} after {fmt.age(point.age)}",
            "said": f"{said}, n {fmt.count(each.n)}",
        }
        for each, said in zip(vintages, names, strict=True)
        for point in each.points
    ]
    top = max((row["v"] for row in data), default=0.0) or 1.0
    x = alt.X(
        "a:Q",
        scale=alt.Scale(nice=False, padding=0),
        axis=alt.Axis(title=None, grid=False, tickCount=5, format="~r", labelExpr=f"datum.label + ' {name}'"),
    )
    y = value_y("v:Q", pattern="~%", domain=(0, top * (1 + _MARGIN)))
    tips = [alt.Tooltip("said:N", title="of"), alt.Tooltip("text:N", title="positive")]
    lines = alt.Chart(rows(data)).mark_line(strokeWidth=2, clip=True, point=alt.OverlayMarkDef(size=18, filled=True))
    last = vintages[-1].points[-1]
    show(
        layered(lines.encode(x=x, y=y, detail="series:N", color=token_field("colour"), tooltip=tips)).properties(
            height=220
        ),
        finding=f"Of {names[-1]}, {fmt.share(last.rate)} were positive after {fmt.age(last.age)}",
        key=key,
    )


def _unit(longest: float) -> tuple[float, str]:
    """The unit of an axis of ages, in microseconds, and its name."""
    return next(
        ((float(width), word) for width, word in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")) if longest >= 2 * width),
        (MINUTE / 60, "s"),
    )


def draw_calibration(now: Sequence[CalibrationBand], reference: Sequence[CalibrationBand], *, key: str) -> None:
    """The share of positives over the mean score of each band: on the diagonal scores are probabilities."""
    diagonal = alt.Chart(rows([{"s": 0, "v": 0}, {"s": 1, "v": 1}])).mark_line(strokeDash=[4, 3], strokeWidth=1.2)
    x = alt.X(
        "s:Q",
        scale=alt.Scale(domain=[0, 1], nice=False),
        axis=alt.Axis(title=None, grid=False, tickCount=5, format="~r"),
    )
    y, lo = (value_y(f"{name}:Q", pattern="~r", domain=(0, 1)) for name in ("v", "lo"))
    before, current = _bands(reference), _bands(now)
    interval = alt.Chart(rows(current)).mark_rule(strokeWidth=1.6)
    tips = [alt.Tooltip("score:N", title="mean score"), alt.Tooltip("rate:N", title="share of positives"), "n:N"]
    worst = max(now, key=lambda band: abs(band.rate - band.mean_score) * band.n, default=None)
    said = "no labelled score"
    if worst is not None:
        said = f"where the score says {worst.mean_score:.2f}, {worst.rate:.2f} are positive"
    show(
        layered(
            diagonal.encode(x=x, y=y, color=token("muted")),
            alt.Chart(rows(before))
            .mark_line(strokeWidth=2, point=alt.OverlayMarkDef(size=22))
            .encode(x=x, y=y, color=token("reference"), tooltip=tips),
            interval.encode(x=x, y=lo, y2="hi:Q", color=token("current")),
            alt.Chart(rows(current))
            .mark_line(strokeWidth=2, point=alt.OverlayMarkDef(size=36))
            .encode(x=x, y=y, color=token("current"), tooltip=tips),
        ).properties(height=230),
        finding=f"Calibration: {said}",
        key=key,
    )


def _bands(bands: Sequence[CalibrationBand]) -> list[Row]:
    return [
        {
            "s": band.mean_score,
            "v": band.rate,
            "lo": band.interval.low,
            "hi": band.interval.high,
            "score": f"{band.mean_score:.3f}",
            "rate": f"{band.rate:.3f} ({band.interval.low:.3f} – {band.interval.high:.3f})",
            "n": fmt.count(band.n),
        }
        for band in bands
    ]


def _row(part: Performance, metric: str, now: int) -> dict[str, Any]:
    realised, estimated = part.realised.get(metric), part.estimated.get(metric)
    interval = None if realised is None else realised.interval
    value = None if realised is None else realised.value
    said = metric_value(value, metric)
    if realised is not None and interval is not None:
        said += f" ({interval_words(realised)})"
    band = ""
    if estimated is not None:
        low, high = (metric_value(end, metric) for end in (estimated.low, estimated.high))
        band = f"{metric_value(estimated.value, metric)} ({low} – {high})"
    return {
        "t": (part.span.start + part.span.end) // 2000,
        "v": value,
        "lo": None if interval is None else interval.low,
        "hi": None if interval is None else interval.high,
        "e": None if estimated is None else estimated.value,
        "elo": None if estimated is None else estimated.low,
        "ehi": None if estimated is None else estimated.high,
        "mature": part.mature,
        "when": fmt.window(part.span.start, part.span.end, now),
        "realised": said if part.mature or value is None else f"{said}, labels still come",
        "estimated": band or fmt.MISSING,
        "n": f"{fmt.count(part.n_labelled)} of {fmt.count(part.n)}",
    }


def _tooltip() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("when:N", title="period"),
        alt.Tooltip("realised:N", title="realised"),
        alt.Tooltip("estimated:N", title="estimated"),
        alt.Tooltip("n:N", title="labelled"),
    ]


def _immature(periods: Sequence[Performance], domain: tuple[int, int], x: alt.X) -> list[alt.Chart]:
    """A pale band over what is so young that labels still come."""
    young = [part for part in periods if not part.mature]
    if not young:
        return []
    share = (domain[1] - young[0].span.start) / max(1, domain[1] - domain[0])
    text = "labels still come" if share > 0.22 else ""
    band = rows([{"t": young[0].span.start // 1000, "t2": domain[1] // 1000, "text": text}])
    return [
        alt.Chart(band).mark_rect(opacity=0.5, clip=True).encode(x=x, x2="t2:T", color=token("volume")),
        alt.Chart(band)
        .mark_text(align="left", dx=4, y=8, fontSize=12)
        .encode(x=x, text="text:N", color=token("muted")),
    ]


def _in_words(periods: Sequence[Performance], metric: str) -> str:
    newest = next((part for part in reversed(periods) if part.mature and metric in part.realised), None)
    if newest is None:
        return f"{metric_name(metric)}: no period has all of its labels"
    said = f"{metric_name(metric)} is {metric_value(newest.realised[metric].value, metric)} in the newest mature period"
    estimate = newest.estimated.get(metric)
    return said if estimate is None else f"{said}, {metric_value(estimate.value, metric)} was expected"
