"""Feature: one column, reference beside current, how far it is from an alarm, and since when."""

import streamlit as st

from dashboards.address import INCIDENTS, MODEL, choose_one, choose_span, identity, model_key
from dashboards.charts.distribution import draw_categories, draw_histogram
from dashboards.charts.history import draw_drift_history
from dashboards.component import (
    KEY_CURRENT,
    KEY_REFERENCE,
    KEY_THRESHOLD,
    chip,
    evidence,
    measures,
    no_model,
    page_head,
    panel,
    plain,
    state,
)
from dashboards.reading import answered, read
from dashboards.table import Field, right, table, words
from driftwatch.queries import format as fmt
from driftwatch.queries.feature import ColumnSide, FeatureView, list_model_columns, read_feature
from driftwatch.queries.fleet import read_fleet
from driftwatch.queries.span import default_span
from driftwatch.queries.status import Status
from driftwatch.queries.wording import WATCH, as_of, called, judged_until, seen, unjudged, watched

_LEAST_WINDOWS = 7
_Pair = tuple[str, str, Status | None]


def page() -> None:
    with answered():
        back, head = st.container(), st.container()
        fleet = read(read_fleet)
        if not fleet.models:
            no_model("Feature")
            return
        models = [(each.model.name, each.model.environment) for each in fleet.models]
        keys = [model_key(*each) for each in models]
        with st.container(horizontal=True, key="context"):
            key = choose_one("Model", keys, key="model")
            columns = read(list_model_columns, *identity(key, models))
            if columns:
                column = choose_one("Feature", columns, key="column")
                width = fleet.width_of(*identity(key, models))
                span = choose_span(default_span(width, windows=_LEAST_WINDOWS, at_least="24h"))
        with back:
            st.page_link(MODEL, label=plain(key), icon=":material/chevron_left:", query_params={"model": key})
        if not columns:
            with head:
                st.title(plain(key), anchor=False)
            state("○", "No column yet", f"No row of {key} has come.")
            return
        view = read(read_feature, *identity(key, models), column, span)
        if view is None or view.column is None:
            state("○", "No such column", f"{column} is not a column of {key}.")
            return
        with head:
            _head(view, view.column)
        _show(view, view.column)


def _head(view: FeatureView, column: str) -> None:
    times = view.result.times_threshold if view.result is not None else None
    more = f", {fmt.effect(times)} threshold" if times is not None and view.status.firing else ""
    chips = [chip(view.status, more)]
    if view.kind:
        chips.append((view.kind, "gray"))
    if view.importance is not None:
        chips.append((f"importance {fmt.share(view.importance)}, rank {view.rank}", "gray"))
    page_head(column, chips, more=WATCH if view.status is Status.WATCH else None)


def _show(view: FeatureView, column: str) -> None:
    _evidence(view)
    main, side = st.columns([2.1, 1], gap="small")
    with main:
        _distribution(view, column)
    with side:
        _measures(view)
    _history(view, column)
    if view.segments:
        _segments(view)


def _evidence(view: FeatureView) -> None:
    now, current, reference = view.standing.read_at, view.current, view.reference
    missing = f"({fmt.count(current.missing)} missing)" if current is not None and current.missing else ""
    parts = [
        ("Window", fmt.window(view.span.start, view.span.end, now)),
        ("n", f"{fmt.count(current.n)} {missing}".strip() if current is not None else "0"),
    ]
    if reference is not None:
        whole = fmt.window(reference.span.start, reference.span.end, now)
        parts.append(("reference", f"{whole}, n {fmt.count(reference.n)}"))
    evidence([*parts, judged_until(view.standing, view.span), as_of(view.standing)])


def _distribution(view: FeatureView, column: str) -> None:
    marks = [KEY_REFERENCE] * (view.reference is not None) + [KEY_CURRENT] * (view.current is not None)
    with panel("Distribution", _about(view), key="distribution", marks=marks, stretch=True):
        if view.current is None:
            state("○", "No value in this window", _silence(view), height=120 if view.reference else 310)
        if view.histogram is not None:
            draw_histogram(view.histogram, name=column, key="distribution-chart")
            st.caption(_footnote(view))
        elif view.categories is not None:
            draw_categories(view.categories, name=column, key="distribution-chart")
            st.caption("Bars: reference. Ticks: current. At the right the difference in percentage points.")
        elif view.current is not None:
            state(
                "○", "Nothing but missing values", f"All {fmt.count(view.current.rows)} rows lack a value.", height=310
            )


def _about(view: FeatureView) -> str:
    if view.histogram is not None:
        scale = ", logarithmic axis" if view.histogram.log else ""
        return f"share of rows, {fmt.plural(len(view.histogram.bins), 'shared bin')}{scale}"
    return "share of rows by category" if view.categories is not None else ""


def _footnote(view: FeatureView) -> str:
    histogram = view.histogram
    if histogram is None:
        return ""
    parts = []
    if view.reference is not None and view.current is not None:
        parts.append("Lower strip: current minus reference per bin, in percentage points.")
    low, high = histogram.bins[0].x1, histogram.bins[-1].x0
    ends = [f"< {fmt.number(low)}"] * histogram.open_low + [f"≥ {fmt.number(high)}"] * histogram.open_high
    if ends:
        noun = "bins hold" if len(ends) == 2 else "bin holds"
        parts.append(f"The outermost {noun} everything {' and '.join(ends)}.")
    return plain(" ".join(parts))


def _silence(view: FeatureView) -> str:
    last = view.standing.model.last_at
    newest = (
        "No row has come yet." if last is None else f"The newest row is from {fmt.stamp(last, view.standing.read_at)}."
    )
    return f"{newest} Choose a longer window to see older values."


def _measures(view: FeatureView) -> None:
    with panel("Measures", "of the whole window", key="measures", stretch=True):
        pairs: list[_Pair] = [(called(each.method), fmt.distance(each.value), None) for each in view.measures]
        pairs += _sides(view.reference, view.current)
        if pairs:
            measures(pairs)
        if view.result is not None:
            newest = fmt.stamp(view.result_end, view.standing.read_at)
            st.caption(f"Newest verdict, window that ended {newest}")
            measures(_verdict(view))
            if view.status is Status.WATCH:
                st.caption(f"◇ Watch: {watched(view.result, recovering=view.column in view.standing.firing)}.")
        elif not pairs:
            title, sentence = unjudged(view.standing)
            state("◔", title, sentence)
        if view.incident is not None:
            st.page_link(
                INCIDENTS,
                label="Open the incident",
                icon=":material/arrow_forward:",
                query_params={"incident": view.incident.id},
            )


def _sides(reference: ColumnSide | None, current: ColumnSide | None) -> list[_Pair]:
    """Reference → current, where both are known; else the one that is."""
    pairs: list[_Pair] = []
    for name, write, of in (
        ("Median", fmt.number, "median"),
        ("Categories", fmt.count, "distinct"),
        ("Missing", fmt.share, "missing_share"),
        ("Rows with a value", fmt.count, "n"),
    ):
        values = [getattr(side, of) for side in (reference, current) if side is not None]
        texts = [write(value) for value in values if value is not None]
        if texts:
            pairs.append((name, " → ".join(texts), None))
    ranges = [
        f"{fmt.number(side.low)} … {fmt.number(side.high)}"
        for side in (reference, current)
        if side is not None and side.low is not None
    ]
    if ranges:
        pairs.append(("Range", " → ".join(ranges), None))
    return pairs


def _verdict(view: FeatureView) -> list[_Pair]:
    result = view.result
    if result is None:
        return []
    pairs: list[_Pair] = [("× alarm threshold", fmt.effect(result.times_threshold), result.status)]
    if result.component and result.status is not Status.HEALTHY:
        pairs.append(("What was seen", seen(result.component), None))
    pairs.append(("Most surprising scale", fmt.age(result.scale), None))
    if result.p_value is not None and result.p_value < 1:
        pairs.append(("p-value", fmt.p_value(result.p_value), None))
    if result.distance is not None:
        pairs.append((called(result.distance[0]), fmt.distance(result.distance[1]), None))
    pairs.append(("n", f"{fmt.compact(result.n)} against {fmt.compact(result.n_reference)}", None))
    pairs.append(("Windows over the threshold", f"{view.alarms} of {len(view.points)}", None))
    return pairs


def _history(view: FeatureView, column: str) -> None:
    now = view.standing.read_at
    about = f"× alarm threshold per {fmt.age(view.standing.model.width)} window, {fmt.age(view.span.width)}"
    marks = (KEY_CURRENT, KEY_THRESHOLD)
    with panel("Drift history", about, key="history", marks=marks if view.points else ()):
        if not any(point.times_threshold is not None for point in view.points):
            title, sentence = unjudged(view.standing)
            state("◔", title, sentence)
            return
        draw_drift_history(
            view.points,
            domain=(view.span.start, view.span.end),
            judged_until=view.standing.run.end if view.standing.run is not None else None,
            now=now,
            name=f"Drift of {column}",
            key="history-chart",
        )
        st.caption("1× is where an alarm begins. Gaps were not judged; nothing is drawn across them.")


def _segments(view: FeatureView) -> None:
    """Where the column stands in each segment; worst first."""
    rows = view.segments
    now = view.standing.read_at
    with panel("Segments", f"{fmt.plural(len(rows), 'segment')}, worst first", key="segments"):
        fields: dict[str, Field] = {
            "segment": ([each.segment for each in rows], words("Segment", width="large")),
            "newest": ([fmt.effect(each.newest) for each in rows], right("× threshold, newest")),
            "worst": ([fmt.effect(each.worst) for each in rows], right("× threshold, worst")),
            "when": ([fmt.window(*each.worst_window, now) for each in rows], words("Worst window")),
            "over": ([f"{each.over} of {len(each.points)}" for each in rows], right("Windows over the threshold")),
            "n": ([fmt.compact(each.rows) for each in rows], right("n")),
        }
        table(fields, key="segment-table", about="The column in each segment, worst first")


page()
