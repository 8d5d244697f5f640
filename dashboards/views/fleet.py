"""Fleet: what needs a person, then every model, worst first."""

import streamlit as st

from dashboards.address import INCIDENTS, MODEL, choose_filter, model_key
from dashboards.component import COLOURS, card, evidence, panel, plain, state
from dashboards.reading import answered, read, settings, store
from dashboards.table import Field, chips, right, table, words
from driftwatch.domain.instant import MINUTE
from driftwatch.queries import format as fmt
from driftwatch.queries.catalogue import KnownModel
from driftwatch.queries.fleet import TRAFFIC_WINDOWS, Fleet, FleetModel, Pulse, read_fleet, read_pulse
from driftwatch.queries.format import MISSING
from driftwatch.queries.standing import Standing
from driftwatch.queries.status import Status

_FILTERS = {
    "all": ("All", tuple(Status)),
    "firing": ("Firing", (Status.CRITICAL, Status.WARNING)),
    "nodata": ("No data", (Status.NO_DATA, Status.LOW_DATA, Status.RUN_ERROR)),
    "healthy": ("Healthy", (Status.HEALTHY, Status.WATCH, Status.LEARNING)),
}
_MOST_CARDS = 3
_TICK_LATE = MINUTE
_STANDS_STILL = 10 * MINUTE
_EMBED = """import driftwatch
client = driftwatch.Client("{address}", model="my-model", version="1")
client.log_prediction({{"amount": 12.5, "country": "FR"}}, prediction=1)"""


def page() -> None:
    with answered():
        fleet = read(read_fleet)
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.title("Fleet", anchor=False, width="content")
            if fleet.models:
                with st.container(width="content"):
                    count = fmt.plural(len(fleet.models), "model")
                    evidence([("", count), ("as of", fmt.stamp(fleet.now, fleet.now, seconds=True))])
        if not fleet.models:
            _first_run()
            return
        _strip()
        st.space("xsmall")
        _attention(fleet)
        st.space("xsmall")
        _all_models(fleet)


def _first_run() -> None:
    with panel("Log your first prediction", "no model is known yet", key="first-run"):
        st.markdown(
            "Three lines in your serving code; the model appears here within seconds. No configuration is needed."
        )
        st.code(
            _EMBED.format(address=f"http://{settings().host}:{settings().port}"), language="python", wrap_lines=True
        )
        st.markdown(
            "The first 14 days become the reference; `driftwatch apply model.yaml` names another one. "
            "To see a real model drift now, run `driftwatch demo`."
        )


@st.fragment(run_every=5)
def _strip() -> None:
    with answered():
        pulse = read_pulse(store())
        _banner(pulse)
        with st.grid(6, min_column_width=150, gap="xsmall", key="strip"):
            _count_card(":red[▲] Critical", pulse.critical, "red")
            _count_card(":orange[◆] Warning", pulse.warning, "orange")
            card("○ No data", fmt.count(pulse.no_data), "not judged" if pulse.no_data else "every model reports")
            card("Rows, 24 h", fmt.compact(pulse.rows_24h), fmt.plural(pulse.models, "model"))
            lost = f"{pulse.dead} undelivered" if pulse.dead else "none lost"
            card("Messages waiting", fmt.count(pulse.outbox), lost, colour="red" if pulse.dead else "off")
            _service_card(pulse)


def _banner(pulse: Pulse) -> None:
    if pulse.tick_at is not None and pulse.now - pulse.tick_at > _STANDS_STILL:
        st.error(
            f"No window has been judged for {fmt.age(pulse.now - pulse.tick_at)}. `driftwatch doctor` says more.",
            icon=":material/pause_circle:",
        )
    if pulse.waiting_at is not None and pulse.now - pulse.waiting_at > _STANDS_STILL:
        st.warning(
            f"{fmt.plural(pulse.outbox, 'message')} could not be delivered yet, the oldest for "
            f"{fmt.age(pulse.now - pulse.waiting_at)}. `driftwatch doctor` says more.",
            icon=":material/schedule_send:",
        )
    if pulse.dead:
        st.warning(
            f"{fmt.plural(pulse.dead, 'message')} could not be delivered in the last 7 days. "
            "The incident's delivery log says why.",
            icon=":material/mail_off:",
        )


def _count_card(label: str, count: int, colour: str) -> None:
    card(label, fmt.count(count), "open incidents" if count else "none open", colour=colour if count else "off")


def _service_card(pulse: Pulse) -> None:
    if pulse.tick_at is None:
        card("Service", "–", "no tick yet", more="`driftwatch serve` judges the windows; it has not run on this store.")
        return
    age = pulse.now - pulse.tick_at
    late = age > _TICK_LATE
    note = "tick is late" if late else "since last tick"
    card("Service", fmt.age(age), note, colour="orange" if late else "off", more=fmt.stamp(pulse.tick_at, pulse.now))


def _attention(fleet: Fleet) -> None:
    needing = fleet.needing_attention
    shown = f"{min(len(needing), _MOST_CARDS)} of {fmt.plural(len(fleet.models), 'model')}, worst first"
    st.html(
        '<div class="dw-panelhead"><b role="heading" aria-level="2">Needs attention</b>'
        f'<span class="dw-meta">{shown if needing else ""}</span></div>'
    )
    if not needing:
        last = fleet.last_resolved_at
        ended = f" The last incident ended {fmt.stamp(last, fleet.now)}." if last is not None else ""
        with st.container(border=True):
            state("✓", "Nothing needs attention", f"Every judged model is healthy.{ended}", height=70)
        return
    with st.grid(_MOST_CARDS, min_column_width=280, gap="small", key="attention"):
        for each in needing[:_MOST_CARDS]:
            _attention_card(each, fleet.now)


def _attention_card(each: FleetModel, read_at: int) -> None:
    standing, model = each.standing, each.model
    with st.container(border=True, gap="xsmall", height="stretch"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            key = model_key(model.name, model.environment)
            st.page_link(MODEL, label=f"**{plain(key)}**", query_params={"model": key})
            st.badge(standing.status.label, color=COLOURS[standing.status])
        st.markdown(plain(standing.reason))
        more = [_versions(model)]
        if standing.since is not None:
            more.append(f"since {fmt.stamp(standing.since, read_at)}")
            more.append(f"{fmt.age_in_two(standing.now - standing.since)} ago")
        st.caption(" · ".join(plain(part) for part in more if part))
        if standing.incidents:
            st.page_link(
                INCIDENTS,
                label="Open the incident",
                icon=":material/arrow_forward:",
                query_params={"incident": standing.incidents[0].id},
            )


def _versions(model: KnownModel) -> str:
    newest = list(model.versions)[:2]
    more = len(model.versions) - len(newest)
    return ", ".join(newest) + (f" and {more} more" if more > 0 else "")


def _all_models(fleet: Fleet) -> None:
    labels = {name: label for name, (label, _) in _FILTERS.items()}
    about = (
        f"worst first · drifting: features that alarm in the newest judged window · errors, p95 and n: last 24 h · "
        f"traffic: last {TRAFFIC_WINDOWS} windows, a bucket of the model each"
    )
    with panel("All models", about, key="fleet", control=lambda: choose_filter(labels, key="status")) as chosen:
        title, wanted = _FILTERS[chosen or "all"]
        models = [each for each in fleet.models if each.standing.status in wanted]
        if not models:
            hidden = fmt.plural(len(fleet.models), "model")
            state("○", "No model matches", f"{hidden} hidden by Status = {title}.", height=120)
            return
        clicked = _table(fleet, models)
    if clicked is not None:
        model = models[clicked].model
        st.switch_page(MODEL, query_params={"model": model_key(model.name, model.environment)})


def _table(fleet: Fleet, models: list[FleetModel]) -> int | None:
    weighed = "Features at warning in the newest judged window, and their share of the importance where it is known."
    drifting = right("Drifting", more=weighed)
    windows = f"Rows of each of the last {TRAFFIC_WINDOWS} windows; each is one bucket of the model."
    traffic = st.column_config.AreaChartColumn("Traffic", color="blue", y_min=0, width="small", help=windows)
    newest = right("Newest row", more="How long ago, or for a replay the instant itself, in UTC.")
    fields: dict[str, Field] = {
        "status": ([[each.standing.status.label] for each in models], chips()),
        "model": ([model_key(each.model.name, each.model.environment) for each in models], words("Model")),
        "reason": ([each.standing.reason or None for each in models], words("Leading reason", width="medium")),
        "drifting": ([_drifting(each.standing) for each in models], drifting),
        "errors": ([fmt.share(each.traffic.error_rate) for each in models], right("Errors")),
        "p95": ([fmt.latency(each.traffic.p95) for each in models], right("p95")),
        "n": ([fmt.compact(each.traffic.n) for each in models], right("n 24 h")),
        "traffic": ([list(each.recent) for each in models], traffic),
        "age": ([_age(each, fleet.now) for each in models], newest),
        "versions": ([_versions(each.model) for each in models], words("Versions")),
    }
    about = f"{len(models)} models, worst first: " + ", ".join(
        f"{each.model.name} {each.standing.status.word}" for each in models[:10]
    )
    return table(fields, key="fleet-table", about=about, clickable=True)


def _drifting(standing: Standing) -> str:
    if standing.drifting_share is None:
        return MISSING
    counted = f"{len(standing.drifting)} of {standing.n_features}"
    if standing.importance and standing.drifting:
        counted = f"{fmt.share(standing.drifting_share)}, {counted}"
    return counted + (f", {len(standing.watched)} watched" if standing.watched else "")


def _age(each: FleetModel, now: int) -> str:
    if each.model.replay:
        return fmt.stamp(each.model.last_at, now).removesuffix(" UTC")
    return fmt.age(each.data_age)


page()
