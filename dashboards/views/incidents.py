"""Incidents: the list, and one with what happened, its alerts, its timeline and what was sent."""

import html

import streamlit as st

from dashboards.address import FEATURE, INCIDENTS, MODEL, choose_filter, model_key, wanted
from dashboards.component import COLOURS, Happening, evidence, page_head, panel, plain, state, timeline
from dashboards.reading import answered, read
from dashboards.table import RESOLVED, Field, chips, right, table, words
from driftwatch.domain.instant import DAY
from driftwatch.queries import format as fmt
from driftwatch.queries.incident import (
    AlertLine,
    Delivery,
    IncidentDetail,
    IncidentLine,
    Move,
    read_incident,
    read_incidents,
)
from driftwatch.queries.span import SPANS
from driftwatch.queries.standing import incident_reason, named
from driftwatch.queries.status import Status
from driftwatch.queries.wording import called, seen

_FILTERS = {"all": "All", "open": "Open", "resolved": "Resolved"}
_LINKED = 3
_TOLD = 3
_FIRST = "The end of its first alarming window in this incident: when the alarm was known."
_LAST = "The end of its newest alarming window."
_NEWEST_MOVES = 9
_OLDEST_MOVES = 3


def page() -> None:
    with answered():
        incident_id = wanted("incident")
        if incident_id is not None:
            detail = read(read_incident, incident_id)
            if detail is not None:
                _detail(detail)
                return
            st.info(f"There is no incident called “{incident_id[:80]}” in this store.", icon=":material/info:")
        _list(read(read_incidents))


def _list(incidents: list[IncidentLine]) -> None:
    st.title("Incidents", anchor=False)
    open_now = sum(1 for each in incidents if each.open)
    about = f"{open_now} open, {len(incidents) - open_now} resolved; open ones first"
    control = (lambda: choose_filter(_FILTERS, key="state")) if incidents else None
    with panel("All incidents", about, key="list", control=control) as chosen:
        if not incidents:
            state("✓", "No incident yet", "An incident opens when a judged window alarms, and closes when it is quiet.")
            return
        shown = [each for each in incidents if chosen in ("all", "open" if each.open else "resolved")]
        if not shown:
            hidden = fmt.plural(len(incidents), "incident")
            state("○", "No incident matches", f"{hidden} hidden by State = {_FILTERS[chosen or 'all']}.", height=120)
            return
        clicked = _table(shown)
    if clicked is not None:
        st.switch_page(INCIDENTS, query_params={"incident": shown[clicked].id})


def _table(shown: list[IncidentLine]) -> int | None:
    fields: dict[str, Field] = {
        "status": ([[each.status.label if each.open else RESOLVED] for each in shown], chips()),
        "severity": ([each.status.word for each in shown], words("Severity", width="small")),
        "model": ([model_key(each.model, each.environment) for each in shown], words("Model", width="medium")),
        "reason": ([incident_reason(each) for each in shown], words("Leading reason", width="large")),
        "alerts": ([fmt.count(each.n_alerts) for each in shown], right("Alerts")),
        "opened": ([fmt.stamp(each.opened_at).removesuffix(" UTC") for each in shown], right("Opened, UTC")),
        "lasted": ([_lasted(each) for each in shown], right("Lasted")),
    }
    about = f"{len(shown)} incidents: " + ", ".join(each.title for each in shown[:5])
    return table(fields, key="incident-table", about=about, clickable=True)


def _lasted(each: IncidentLine) -> str:
    return "still open" if each.resolved_at is None else fmt.age_in_two(each.resolved_at - each.opened_at)


def _detail(detail: IncidentDetail) -> None:
    line = detail.line
    key = model_key(line.model, line.environment)
    st.page_link(INCIDENTS, label="Incidents", icon=":material/chevron_left:")
    signals = [(signal.replace("_", " "), "gray") for signal in line.signals]
    severity = (line.status.label, COLOURS[line.status] if line.open else "gray")
    where = ("Open" if line.open else RESOLVED, "gray")
    page_head(line.title, [severity, where, (line.id, "gray"), *signals])
    _evidence(detail)
    main, side = st.columns([1.9, 1], gap="small")
    with main:
        _what_happened(detail, key)
        _alerts(detail, key)
        _deliveries(detail)
    with side:
        _timeline(detail)


def _evidence(detail: IncidentDetail) -> None:
    line = detail.line
    parts = [("opened", fmt.stamp(line.opened_at))]
    if detail.alerts:
        parts.append(("newest alarm", fmt.stamp(max(alert.last_fired_at for alert in detail.alerts))))
    if line.resolved_at is not None:
        parts.append(("resolved", fmt.stamp(line.resolved_at)))
        parts.append(("lasted", fmt.age_in_two(line.resolved_at - line.opened_at)))
    elif detail.data_at is not None and detail.data_at > line.opened_at:
        parts.append(("open for", fmt.age_in_two(detail.data_at - line.opened_at)))
    evidence([*parts, ("", fmt.plural(line.n_alerts, "alert"))])


def _what_happened(detail: IncidentDetail, key: str) -> None:
    alerts = detail.alerts
    about = ""
    if alerts:
        leading = alerts[0]
        about = f"{_name(leading)} at its worst {fmt.window(*leading.window)}, n {fmt.count(leading.n)}"
    with panel("What happened", about, key="what"):
        st.html(f'<div class="dw-say">{_story(detail)}</div>')
        if detail.line.of_service:
            return  # it has no page of a model
        with st.container(horizontal=True, gap="medium"):
            st.page_link(MODEL, label=f"Model {plain(key)}", icon=":material/area_chart:", query_params={"model": key})
            columns = dict.fromkeys(alert.column for alert in alerts if alert.column is not None)
            for column in list(columns)[:_LINKED]:
                st.page_link(
                    FEATURE,
                    label=plain(column),
                    icon=":material/bar_chart:",
                    query_params={"model": key, "column": column, "window": _span(detail)},
                )


def _story(detail: IncidentDetail) -> str:
    """What fired, how far, and how it stands: three sentences of HTML."""
    sentences = [_sentence(alert) for alert in detail.alerts[:_TOLD]]
    if not sentences:
        sentences.append(f"{html.escape(incident_reason(detail.line))}.")
    rest = detail.alerts[_TOLD:]
    if rest:
        columns = list(dict.fromkeys(_name(alert) for alert in rest))
        sentences.append(f"Also in it: {html.escape(named(columns))}.")
    line = detail.line
    newest = max((alert.last_fired_at for alert in detail.alerts), default=line.opened_at)
    if line.resolved_at is not None:
        why = f" ({html.escape(line.reason.replace('_', ' '))})" if line.reason else ""
        sentences.append(f"It was resolved {fmt.stamp(line.resolved_at)}{why}.")
    else:
        if detail.resolved_before:
            times = "once" if len(detail.resolved_before) == 1 else f"{len(detail.resolved_before)} times"
            last = fmt.stamp(detail.resolved_before[-1])
            sentences.append(f"It was resolved {times}, last {last}, and came back.")
        sentences.append(f"It is still open; the newest alarming window ended {fmt.stamp(newest)}.")
    return " ".join(sentences)


def _seen(alert: AlertLine) -> str:
    return seen(alert.kind) + ("" if alert.matters else "; no impact on expected performance")


def _sentence(alert: AlertLine) -> str:
    name = f"<b>{html.escape(_name(alert))}</b>"
    what = html.escape(_seen(alert))
    size = ""
    if alert.times_threshold is not None:
        size = f", <b>{fmt.effect(alert.times_threshold)} its alarm threshold</b>"
    leading = max(alert.effect.items(), key=lambda item: abs(item[1]), default=None)
    proof = ""
    if leading is not None:
        proof = f" ({html.escape(called(leading[0]))} {fmt.distance(leading[1])}, n {fmt.count(alert.n)}"
        proof += f" against {fmt.count(alert.n_reference)})" if alert.n_reference else ")"
    return f"{name}: {what}{size}{proof}."


def _name(alert: AlertLine) -> str:
    return alert.name


def _alerts(detail: IncidentDetail, key: str) -> None:
    firing = sum(1 for alert in detail.alerts if alert.state != "resolved")
    about = f"{firing} firing · {len(detail.alerts) - firing} resolved; values at their worst, times in UTC"
    with panel("Alerts in this incident", about, key="alerts"):
        if not detail.alerts:
            state("○", "No alert is recorded", "The alerts of this incident have moved to a newer one.", height=120)
            return
        alerts = detail.alerts
        effect = right("Effect", more="The largest effect size that lies between 0 and 1.")
        fields: dict[str, Field] = {
            "status": ([[RESOLVED if alert.state == "resolved" else alert.status.label] for alert in alerts], chips()),
            "alert": ([_name(alert) for alert in alerts], words("Alert")),
            "seen": ([_seen(alert) for alert in alerts], words("What was seen", width=200)),
            "times": ([fmt.effect(alert.times_threshold) for alert in alerts], right("× threshold")),
            "size": ([fmt.distance(alert.size) if alert.effect else "–" for alert in alerts], effect),
            "n": ([fmt.compact(alert.n) for alert in alerts], right("n")),
            "first": (_instants([alert.first_fired_at for alert in alerts]), right("First alarm", more=_FIRST)),
            "last": (_instants([alert.last_fired_at for alert in alerts]), right("Last alarm", more=_LAST)),
        }
        about = ", ".join(f"{alert.name} {alert.state}" for alert in detail.alerts[:8])
        clicked = table(fields, key="alert-table", about=about, clickable=True, row_height=36)
    if not detail.line.of_service and clicked is not None and detail.alerts[clicked].column is not None:
        column = str(detail.alerts[clicked].column)
        st.switch_page(FEATURE, query_params={"model": key, "column": column, "window": _span(detail)})


def _timeline(detail: IncidentDetail) -> None:
    with panel("Timeline", f"{fmt.plural(len(detail.moves), 'change')}, UTC, newest first", key="timeline"):
        moves = detail.moves
        if not moves:
            state("○", "Nothing is recorded", "Each change of an alert is written here.", height=90)
            return
        if len(moves) <= _NEWEST_MOVES + _OLDEST_MOVES:
            timeline([_happening(move) for move in moves])
            return
        newest, between, oldest = moves[:_NEWEST_MOVES], moves[_NEWEST_MOVES:-_OLDEST_MOVES], moves[-_OLDEST_MOVES:]
        gap = Happening(
            sign="⋮",
            status=Status.NO_DATA,
            text=f"{fmt.plural(len(between), 'change')} in between",
            when=f"{_instant(between[-1].at)} – {fmt.stamp(between[0].at)}",
        )
        timeline([*(_happening(move) for move in newest), gap, *(_happening(move) for move in oldest)])


def _happening(move: Move) -> Happening:
    resolved = move.after == "resolved"
    came_back = " · the incident came back" if move.reason == "reopened" else ""
    ended = " · the incident was resolved" if resolved and move.reason == "resolved" else ""
    return Happening(
        sign="✓" if resolved else move.status.sign,
        status=Status.NO_DATA if resolved else move.status,
        text=f"{move.name} {_moved(move.before, move.after)}",
        when=f"{fmt.stamp(move.at)}{came_back}{ended}",
    )


def _moved(before: str, after: str) -> str:
    if after == "firing":
        return {"normal": "fires", "resolved": "fires again"}.get(before, f"fires, was {before}")
    return f"is {after}"


def _instant(at: int) -> str:
    return fmt.stamp(at).removesuffix(" UTC")


def _instants(moments: list[int]) -> list[str]:
    """Instants of a table whose head says UTC; days where all of them are midnights."""
    whole = all(at % DAY == 0 for at in moments)
    return [_instant(at).removesuffix(" 00:00") if whole else _instant(at) for at in moments]


def _deliveries(detail: IncidentDetail) -> None:
    receivers = len({sent.receiver for sent in detail.deliveries})
    delivered = sum(1 for sent in detail.deliveries if sent.state == "delivered")
    messages = fmt.plural(len(detail.deliveries), "message")
    about = f"{fmt.plural(receivers, 'receiver')} · {delivered} of {messages} delivered" if receivers else ""
    with panel("Delivery", about, key="delivery"):
        if not detail.deliveries:
            state("○", "Nothing was sent", "No receiver was configured when this incident opened.", height=90)
            return
        sent_at = [_when(sent, detail.now) for sent in detail.deliveries]
        fields: dict[str, Field] = {
            "to": ([sent.receiver for sent in detail.deliveries], words("To")),
            "reason": ([sent.reason.replace("_", " ") for sent in detail.deliveries], words("Message")),
            "state": ([_sent(sent) for sent in detail.deliveries], words("State")),
            "at": (sent_at, words("At")),
        }
        if any(sent.error for sent in detail.deliveries):
            fields["why"] = ([sent.error or None for sent in detail.deliveries], words("Why", width="large"))
        about = ", ".join(f"{sent.receiver} {_sent(sent)} {sent.error}".strip() for sent in detail.deliveries[:8])
        table(fields, key="delivery-table", about=about, row_height=36)


def _when(sent: Delivery, now: int) -> str:
    return fmt.stamp(sent.finished_at or sent.created_at, now, seconds=True)


def _sent(sent: Delivery) -> str:
    if sent.state == "delivered":
        return "delivered" if sent.attempts <= 1 else f"delivered, attempt {sent.attempts}"
    return {"dead": "given up", "dropped": "not sent", "storm": "suppressed"}.get(sent.state, sent.state)


def _span(detail: IncidentDetail) -> str:
    """The shortest window that reaches back to the incident's first alarm."""
    first = min((alert.since for alert in detail.alerts), default=detail.line.opened_at)
    last = max((alert.last_fired_at for alert in detail.alerts), default=first)
    now = detail.data_at if detail.data_at is not None else last
    return next((name for name, length in SPANS.items() if now - first <= length), "90d")


page()
