"""Data quality: every check through time, what breaks it, and how the schema changed."""

import streamlit as st

from dashboards.address import FEATURE, MODEL, choose_one, choose_span, identity, model_key
from dashboards.charts.checks import draw_checks
from dashboards.component import Happening, card, chip, evidence, no_model, page_head, panel, plain, state, timeline
from dashboards.reading import answered, read
from dashboards.table import Field, chips, right, table, words
from driftwatch.queries import format as fmt
from driftwatch.queries.check_line import CheckLine
from driftwatch.queries.fleet import read_fleet
from driftwatch.queries.format import MISSING
from driftwatch.queries.quality import QualityView, read_quality
from driftwatch.queries.span import default_span
from driftwatch.queries.status import Status
from driftwatch.queries.wording import as_of, judged_until, unjudged

_LEAST_WINDOWS = 28
_MOST_CHANGES = 12


def page() -> None:
    with answered():
        back, head = st.container(), st.container()
        fleet = read(read_fleet)
        if not fleet.models:
            no_model("Data quality")
            return
        models = [(each.model.name, each.model.environment) for each in fleet.models]
        keys = [model_key(*each) for each in models]
        with st.container(horizontal=True, key="context"):
            key = choose_one("Model", keys, key="model")
            width = fleet.width_of(*identity(key, models))
            span = choose_span(default_span(width, windows=_LEAST_WINDOWS, at_least="7d"))
        with back:
            st.page_link(MODEL, label=plain(key), icon=":material/chevron_left:", query_params={"model": key})
        view = read(read_quality, *identity(key, models), span)
        if view is None:
            state("○", "No such model", f"{key} is not in this store.")
            return
        with head:
            _head(view)
        _evidence(view)
        _show(view, key, span)


def _head(view: QualityView) -> None:
    broken = view.broken
    if not view.windows:
        page_head("Data quality", [chip(view.standing.status)])
    elif not broken:
        page_head("Data quality", [chip(Status.HEALTHY, ", every check that was run")])
    else:
        worst = min((check.status or Status.HEALTHY for check in broken), key=lambda status: status.rank)
        page_head("Data quality", [chip(worst, f", {fmt.plural(len(broken), 'check')} broken")])


def _evidence(view: QualityView) -> None:
    now, reference = view.standing.read_at, view.standing.reference
    against = "" if reference is None else fmt.window(reference.start, reference.end, now)
    evidence(
        [
            ("Window", fmt.window(view.span.start, view.span.end, now)),
            ("n", fmt.count(view.rows)),
            ("reference", against),
            judged_until(view.standing, view.span),
            as_of(view.standing),
        ]
    )


def _show(view: QualityView, key: str, span: str) -> None:
    if not view.windows:
        with panel("Checks", "", key="checks"):
            title, sentence = unjudged(view.standing)
            state("◔", title, sentence)
        return
    _cards(view)
    with panel(
        "Checks through time", f"{fmt.plural(view.windows, 'window')}, each cell as bad as its worst", key="checks"
    ):
        draw_checks(view.checks, domain=_judged(view), now=view.standing.read_at, key="checks-chart")
        st.caption(
            "◇ watch, ◆ warning, ▲ critical, ○ not run: no row held the column, or the check is newer than the rows."
        )
    main, side = st.columns([1.9, 1], gap="small")
    with main:
        _checks(view, key, span)
    with side:
        _schema(view)


def _judged(view: QualityView) -> tuple[int, int]:
    """The part of the window that has runs: the map is as wide as its panel however new the model is."""
    cells = [cell for check in view.checks for cell in check.cells]
    if not cells:
        return view.span.start, view.span.end
    return min(cell.start for cell in cells), max(cell.end for cell in cells)


def _cards(view: QualityView) -> None:
    declared = [check for check in view.checks if check.declared]
    firing = len(view.broken)
    wrong = sum(cell.n_violated for check in declared for cell in check.cells)
    checked = sum(cell.n for check in declared for cell in check.cells)
    with st.grid(4, min_column_width=150, gap="xsmall", key="cards"):
        card("Checks broken", fmt.count(firing), f"of {len(view.checks)} now", colour="orange" if firing else "off")
        card("Constraints", fmt.count(len(declared)), "you declared" if declared else "none declared")
        card(
            "Values that break one",
            fmt.count(wrong) if declared else MISSING,
            f"of {fmt.compact(checked)} checked" if declared else "nothing to break",
            colour="orange" if wrong else "off",
        )
        card("Schema changes", fmt.count(len(view.changes)), "in this window")


def _checks(view: QualityView, key: str, span: str) -> None:
    with panel("Checks", "worst first; n of the newest window", key="check-table"):
        rows = view.checks
        fields: dict[str, Field] = {
            "status": ([[each.status.label] if each.status else [] for each in rows], chips()),
            "column": ([each.column or "all rows" for each in rows], words("Column")),
            "check": ([each.check for each in rows], words("Check", width="medium")),
            "kind": (["declared" if each.declared else "learned" for each in rows], words("Source")),
            "broken": ([_broken(each) for each in rows], right("Rows that break it")),
            "windows": ([f"{each.broken} of {each.windows}" for each in rows], right("Windows broken")),
            "since": (
                [fmt.stamp(each.since, view.standing.read_at) if each.since else "" for each in rows],
                words("Since"),
            ),
            "said": ([each.newest.said if each.newest else "" for each in rows], words("Found", width="large")),
        }
        clicked = table(fields, key="check-rows", about="Every check with its newest state", clickable=True)
        if clicked is not None and rows[clicked].column:
            st.switch_page(FEATURE, query_params={"model": key, "column": rows[clicked].column or "", "window": span})


def _broken(check: CheckLine) -> str:
    newest = check.newest
    if newest is None or newest.status is None:
        return "not run"
    return f"{fmt.count(newest.n_violated)} of {fmt.count(newest.n)}"


def _schema(view: QualityView) -> None:
    with panel("Schema history", "newest first", key="schema", stretch=True):
        if not view.changes:
            state("●", "No change", "Every column came as the reference and the versions before had it.")
            return
        now = view.standing.read_at
        timeline(
            [
                Happening(
                    each.status.sign if each.status.firing else "◆",
                    each.status,
                    f"{each.column}: {each.what}",
                    fmt.stamp(each.at, now),
                )
                for each in view.changes[:_MOST_CHANGES]
            ]
        )


page()
