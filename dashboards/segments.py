"""The panels of the Performance page that split it: segments, worst first, and gaps between protected groups."""

import streamlit as st

from dashboards.component import panel, plain, state
from dashboards.table import Field, right, table, words
from driftwatch.performance.fairness import Rate
from driftwatch.queries import format as fmt
from driftwatch.queries.format import MISSING
from driftwatch.queries.metric_wording import interval_words, metric_name, metric_value
from driftwatch.queries.segment_performance import FairnessView, SegmentPerformance, SegmentsView

__all__ = ["show_fairness", "show_segments"]

_NAMED = 12
_RATES = {
    "selection_rate": "Decided positive",
    "true_positive_rate": "True positive rate",
    "false_positive_rate": "False positive rate",
}


def show_segments(view: SegmentsView, metric: str) -> None:
    """Each segment beside all other rows, those that are not ranked by name only."""
    with panel("Segments", f"{metric_name(metric)}, worst first, each against all other rows", key="segments"):
        ranked, few = view.ranked(metric), view.unranked(metric)
        if not ranked:
            state("○", "No segment to rank", "A segment takes 30 labelled rows, and what the metric needs.")
        else:
            st.markdown(plain(_search(view)))
            _table(ranked, metric)
        if few:
            named = ", ".join(f"{each.name} ({fmt.count(each.n_labelled)})" for each in few[:_NAMED])
            more = f" and {fmt.count(len(few) - _NAMED)} more" if len(few) > _NAMED else ""
            st.caption(plain(f"Too few labels to rank: {named}{more}."))
        left = f" {fmt.count(view.left_out)} smaller segments are left out." if view.left_out else ""
        st.caption(f"Predictions count once their hour has an outcome.{left}")


def show_fairness(view: FairnessView) -> None:
    """The rates of each group, and how far the groups are apart."""
    with panel(f"Fairness by {plain(view.column)}", "95 % intervals", key=f"fairness-{view.split}"):
        if not view.gaps:
            state("○", "No groups to compare", "Two groups need 30 decisions each, or 30 labelled rows of a kind.")
        for gap in view.gaps.values():
            told = f"{fmt.share_change(gap.interval.low)} – {fmt.share_change(gap.interval.high)}"
            ratio = f", ratio {gap.ratio:.2f}" if gap.ratio is not None and gap.rate == "selection_rate" else ""
            sure = "more than chance" if gap.interval.low > 0 else "no more than chance"
            st.markdown(
                plain(
                    f"{_RATES[gap.rate]}: {gap.highest} {fmt.share_change(gap.difference)} ({told}) against "
                    f"{gap.lowest}{ratio}; {sure}."
                )
            )
        if view.groups:
            fields: dict[str, Field] = {
                "group": (list(view.groups), words("Group")),
                **{
                    name: ([_rate(counts.rate(name)) for counts in view.groups.values()], right(_RATES[name]))
                    for name in _RATES
                },
                "n": ([fmt.count(view.n[name]) for name in view.groups], right("n")),
            }
            table(
                fields, key=f"fairness-table-{view.split}", about=f"Rates of the groups of {view.column}", row_height=36
            )
        st.caption(
            "A gap is that of the two groups that are farthest apart; its interval (Newcombe) holds for all pairs at "
            "once. It is shown, and raises no alarm."
        )


def _search(view: SegmentsView) -> str:
    worse = ", ".join(each.name for each in view.worse)
    told = f"Worse than all other rows: {worse}" if worse else "No segment is worse than all other rows"
    return f"{told}, at 5 % over all segments and {fmt.count(view.looks)} looks."


def _table(ranked: list[SegmentPerformance], metric: str) -> None:
    fields: dict[str, Field] = {
        "segment": ([each.name for each in ranked], words("Segment")),
        "value": ([_value(each, metric) for each in ranked], right(metric_name(metric))),
        "gap": ([_gap(each, metric) for each in ranked], right("Against others")),
        "worse": (["worse" if each.worse and each.worse.is_worse else "" for each in ranked], words("Found")),
        "labelled": ([fmt.share(each.labelled_share) for each in ranked], right("Labelled")),
        "n": ([fmt.count(each.n_labelled) for each in ranked], right("n")),
    }
    table(fields, key="segment-table", about=f"{metric_name(metric)} by segment, worst first", row_height=36)


def _value(each: SegmentPerformance, metric: str) -> str:
    result = each.realised[metric]
    around = interval_words(result)
    return metric_value(result.value, metric) + (f" ({around})" if around else "")


def _gap(each: SegmentPerformance, metric: str) -> str:
    gap, around = each.minus_rest(metric), each.minus_rest_interval(metric)
    if gap is None:
        return MISSING
    return fmt.change(gap) + ("" if around is None else f" ({fmt.change(around.low)} – {fmt.change(around.high)})")


def _rate(rate: Rate) -> str:
    if rate.value is None or rate.interval is None:
        return MISSING
    few = "" if rate.is_enough else ", too few"
    return f"{fmt.share(rate.value)} ({fmt.share(rate.interval.low)} – {fmt.share(rate.interval.high)}{few})"
