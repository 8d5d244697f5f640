"""Model: what was served and what happened, which features drift, how fast it answers."""

import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from dashboards.address import FEATURE, FLEET, INCIDENTS, choose_one, choose_span, identity, model_key
from dashboards.charts.history import draw_drift_history
from dashboards.charts.timeline import draw_errors, draw_latency, draw_volume, event_sentence
from dashboards.component import (
    KEY_CURRENT,
    KEY_P50,
    KEY_P95,
    KEY_THRESHOLD,
    KEY_VOLUME,
    card,
    chip,
    evidence,
    no_model,
    page_head,
    panel,
    plain,
    state,
)
from dashboards.reading import answered, read
from dashboards.table import Field, chips, right, table, words
from driftwatch.queries import format as fmt
from driftwatch.queries.fleet import Fleet, read_fleet
from driftwatch.queries.format import MISSING
from driftwatch.queries.model import CAP, FeatureRow, ModelView, read_model
from driftwatch.queries.span import default_span
from driftwatch.queries.standing import Standing, named
from driftwatch.queries.status import Status
from driftwatch.queries.wording import THRESHOLD, WATCH, as_of, judged_until, service_line, unjudged

_LEAST_WINDOWS = 28
_MOST_WATCHED = 3


def page() -> None:
    with answered():
        st.page_link(FLEET, label="Fleet", icon=":material/chevron_left:")
        fleet = read(read_fleet)
        if not fleet.models:
            no_model("Model")
            return
        _one_model(fleet)


def _one_model(fleet: Fleet) -> None:
    models = [(each.model.name, each.model.environment) for each in fleet.models]
    keys = [model_key(*each) for each in models]
    head = st.container()
    with st.container(horizontal=True, key="context"):
        key = choose_one("Model", keys, key="model")
        width = fleet.width_of(*identity(key, models))
        span = choose_span(default_span(width, windows=_LEAST_WINDOWS, at_least="7d"))
    view = read(read_model, *identity(key, models), span)
    if view is None:
        state("○", "No such model", f"{key} is not in this store.")
        return
    with head:
        versions = list(view.standing.model.versions)[:3]
        page_head(key, [chip(view.standing.status), *((f"version {name}", "gray") for name in versions)])
    _evidence(view)
    if view.standing.model.spec_fault:
        st.warning(f"The stored specification cannot be read: {view.standing.model.spec_fault}")
    _cards(view)
    _traffic(view)
    main, side = st.columns([1.75, 1], gap="small")
    with main:
        _features(view, key, span)
    with side:
        _latency(view)


def _evidence(view: ModelView) -> None:
    now, reference = view.standing.read_at, view.standing.reference
    against = ""
    if reference is not None:
        against = fmt.window(reference.start, reference.end, now)
        against += f", n {fmt.count(reference.n)}" if reference.n else "" if reference.fixed else ", being learned"
    evidence(
        [
            ("Window", fmt.window(view.span.start, view.span.end, now)),
            ("n", fmt.count(view.traffic.n)),
            ("reference", against),
            judged_until(view.standing, view.span),
            as_of(view.standing),
        ]
    )


def _cards(view: ModelView) -> None:
    standing, traffic = view.standing, view.traffic
    with st.grid(6, min_column_width=150, gap="xsmall", key="cards"):
        firing = len(standing.incidents)
        worst = standing.incidents[0].status if standing.incidents else None
        card(
            "Open incidents",
            fmt.count(firing),
            worst.word if worst else "none open",
            colour="off" if worst is None else "red" if worst is Status.CRITICAL else "orange",
        )
        drifting = len(standing.drifting)
        label = "Importance drifting" if standing.importance else "Features drifting"
        card(label, fmt.share(standing.drifting_share), _counted(standing), colour="orange" if drifting else "off")
        card(
            "Windows judged",
            fmt.count(view.runs),
            f"of {fmt.age(standing.model.width)} each" if view.runs else "none yet",
        )
        unlogged = "not logged" if traffic.n else "no rows"
        card("p50 latency", fmt.latency(traffic.p50), "median" if traffic.p50 is not None else unlogged)
        card("p95 latency", fmt.latency(traffic.p95), "95 % are faster" if traffic.p95 is not None else unlogged)
        failed = f"{fmt.count(traffic.errors)} of {fmt.compact(traffic.n)}" if traffic.n else "no rows"
        card("Errors", fmt.share(traffic.error_rate), failed, colour="red" if traffic.errors else "off")


def _counted(standing: Standing) -> str:
    if not standing.n_features:
        return "not judged"
    counted = f"{len(standing.drifting)} of {standing.n_features}"
    return f"{counted}, {len(standing.watched)} watched" if standing.watched else f"{counted} features"


def _traffic(view: ModelView) -> None:
    now, domain = view.standing.read_at, (view.span.start, view.span.end)
    judged = any(point.times_threshold is not None for point in view.strongest)
    about = f"per {fmt.age(view.standing.model.width)} window, the strongest of all columns"
    title = "Drift over traffic" if judged else "Traffic"
    marks = (KEY_CURRENT.replace("current", "strongest drift", 1), KEY_THRESHOLD, KEY_VOLUME) if judged else ()
    with panel(title, about if judged else "rows per window", key="traffic", marks=marks):
        if view.failed is not None:
            _run_failed(view)
        if not view.traffic.n and not judged:
            state("○", "No data in this window", _silence(view), height=240)
            return
        if judged:
            draw_drift_history(
                view.strongest,
                domain=domain,
                now=now,
                name="Strongest drift of all columns",
                key="evidence-chart",
                height=200,
                events=view.events,
                labelled=False,
                judged_until=view.standing.run.end if view.standing.run is not None else None,
                named=True,
            )
            draw_volume(view.traffic.points, view.events, domain=domain, now=now, key="volume-chart")
        else:
            if view.failed is None:
                title, sentence = unjudged(view.standing)
                state("◔", title, sentence, height=110)
            draw_volume(
                view.traffic.points, view.events, domain=domain, now=now, key="volume-chart", height=150, lettered=True
            )
        if view.events:
            st.html(event_sentence(view.events, now))
        for incident in view.standing.incidents[:3]:
            st.page_link(
                INCIDENTS,
                label=f"{incident.status.label}: {incident.title}".replace("[", "(").replace("]", ")"),
                icon=":material/arrow_forward:",
                query_params={"incident": incident.id},
            )


def _run_failed(view: ModelView) -> None:
    failed = view.failed
    if failed is None:
        return
    good = next((point for point in reversed(view.strongest) if point.times_threshold is not None), None)
    last = f" The last good result is from {fmt.stamp(good.end, view.standing.read_at)}." if good else ""
    tried = f"attempt {failed.attempt}"
    state("✕", "The newest run failed", f"{failed.error or 'No reason was recorded'} ({tried}).{last}", height=90)


def _silence(view: ModelView) -> str:
    last = view.standing.model.last_at
    if last is None:
        return "No row of this model has come yet. Nothing is being called healthy."
    return (
        f"The newest row is from {fmt.stamp(last, view.standing.read_at)}. Drift is not judged meanwhile; "
        "nothing is being called healthy."
    )


def _features(view: ModelView, key: str, span: str) -> None:
    weighed = bool(view.standing.importance)
    ranked = "ranked by drift × importance" if weighed else "ranked by drift; no importance is known"
    drifting = (
        f" · {len(view.standing.drifting)} of {view.standing.n_features} drift" if view.standing.n_features else ""
    )
    with panel("Features", ranked + drifting, key="features", stretch=True):
        if not view.features:
            title, sentence = unjudged(view.standing)
            state("◔", title, sentence, height=240)
            return
        clicked = _table(view.features, weighed=weighed)
        _watched(view.features)
    if clicked is not None:
        name = view.features[clicked].name
        st.switch_page(FEATURE, query_params={"model": key, "column": name, "window": span})


def _watched(features: tuple[FeatureRow, ...]) -> None:
    """Why some columns are on watch: one line a reason."""
    reasons: dict[str, list[str]] = {}
    for each in features:
        if each.status is Status.WATCH:
            reasons.setdefault(each.reason, []).append(each.name)
    for reason, names in list(reasons.items())[:_MOST_WATCHED]:
        st.caption(plain(f"{Status.WATCH.label}: {named(names)}: {reason}."))


def _table(features: tuple[FeatureRow, ...], *, weighed: bool) -> int | None:
    drift = st.column_config.LineChartColumn("Drift", color="blue", y_min=0, y_max=_top(features), width="small")
    distance = right("Distance", more="Kolmogorov–Smirnov for numbers, total variation for categories: 0 to 1.")
    fields: dict[str, Field] = {
        "status": ([[each.status.label] for each in features], chips(more=WATCH)),
        "feature": ([_name(each) for each in features], words("Feature")),
    }
    if weighed:
        weights = [MISSING if each.weight is None else f"{each.weight:.2f}" for each in features]
        fields["weight"] = (weights, right("Drift × imp."))
    fields["times"] = ([fmt.effect(each.times_threshold) for each in features], right("× threshold", more=THRESHOLD))
    fields["history"] = ([_capped(each.history) for each in features], drift)
    if weighed:
        fields["importance"] = (
            [None if each.importance is None else round(each.importance * 100) for each in features],
            _importance(max((each.importance or 0 for each in features), default=0)),
        )
    fields["distance"] = ([fmt.distance(each.distance) for each in features], distance)
    fields["missing"] = ([fmt.share(each.missing_share) for each in features], right("Missing"))
    fields["n"] = ([fmt.compact(each.n) if each.n else MISSING for each in features], right("n"))
    about = f"{len(features)} columns, strongest drift first: " + ", ".join(
        f"{each.name} {fmt.effect(each.times_threshold)}" for each in features[:8]
    )
    return table(fields, key="feature-table", about=about, clickable=True, row_height=36)


def _name(row: FeatureRow) -> str:
    return f"{row.name} (output)" if row.output and "(output)" not in row.name else row.name


def _capped(history: tuple[float, ...]) -> list[float]:
    return [min(value, CAP) for value in history]


def _importance(largest: float) -> ColumnConfig:
    return st.column_config.ProgressColumn(
        "Importance", min_value=0, max_value=max(1, round(largest * 100)), format="%d %%", color="gray", width="small"
    )


def _top(features: tuple[FeatureRow, ...]) -> float:
    values = [min(value, CAP) for each in features for value in each.history]
    return max([2.0, *values])


def _latency(view: ModelView) -> None:
    now, domain = view.standing.read_at, (view.span.start, view.span.end)
    width = fmt.age(view.traffic.points[0].until - view.traffic.points[0].at) if view.traffic.points else ""
    with panel("Latency and errors", f"per {width}" if width else "", key="latency", stretch=True):
        if not view.traffic.n:
            state("○", "No data in this window", "Latency and errors come with the rows.", height=240)
            return
        if view.traffic.p95 is None:
            state("○", "No latency was logged", "Give latency_seconds to log_prediction, or use watch().", height=150)
        else:
            st.html(f'<span class="dw-key"><span>ms</span>{KEY_P95}{KEY_P50}</span>')
            draw_latency(view.traffic.points, domain=domain, now=now, key="latency-chart")
        for line in filter(None, map(service_line, view.service)):
            st.caption(f":material/warning: {line}")
        st.caption("Share of calls that failed")
        if view.traffic.errors:
            draw_errors(view.traffic.points, domain=domain, now=now, key="errors-chart")
        else:
            state("●", f"0 of {fmt.count(view.traffic.n)} calls failed", "", height=92)


page()
