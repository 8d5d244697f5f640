"""Segments and fairness gaps in their public shape: what ``driftwatch performance --by --json`` and the API add."""

from collections.abc import Iterator
from typing import Any

from driftwatch.errors import DataError
from driftwatch.performance.worst_segment import WorseTest
from driftwatch.queries.metric_wording import preferred
from driftwatch.queries.segment_performance import (
    FairnessView,
    SegmentPerformance,
    SegmentsView,
    read_fairness,
    read_segments,
)
from driftwatch.queries.span import Span
from driftwatch.storage.store import Store

__all__ = ["report_fairness", "report_segments"]


def report_segments(
    store: Store, environment: str, name: str, span: Span, *, by: str, period: str, metric: str | None
) -> dict[str, Any]:
    """The segments of a window, worst first in `metric` (else the metric that is shown first), then the unranked.

    Raises:
        DataError: the model declares no such split, or is gone.
    """
    view = read_segments(store, name, environment, span, by, period)
    if view is None:
        raise DataError(f"the model {name!r} is gone")
    ranked_by = metric or next(iter(preferred(_metrics(view))), None)
    ordered = [*view.segments]
    if ranked_by is not None:
        ordered = [*view.ranked(ranked_by), *view.unranked(ranked_by)]
    return {
        "by": view.by,
        "segments_ranked_by": ranked_by,
        "segments": [_segment(each, ranked_by, metric) for each in ordered],
        "segments_left_out": view.left_out,
        "segments_worse": [each.name for each in view.worse],
        "segments_looks": view.looks,
    }


def report_fairness(store: Store, environment: str, name: str, span: Span) -> dict[str, Any]:
    """The gaps of every protected column in a window.

    Raises:
        DataError: the model has no protected column, is not binary, or is gone.
    """
    views = read_fairness(store, name, environment, span)
    if views is None:
        raise DataError(f"the model {name!r} is gone")
    return {"fairness": [_fairness(view) for view in views]}


def _metrics(view: SegmentsView) -> tuple[str, ...]:
    return tuple(dict.fromkeys(key for each in view.segments for key in each.realised))


def _segment(each: SegmentPerformance, ranked_by: str | None, metric: str | None) -> dict[str, Any]:
    return {
        "segment": each.name,
        "split": each.split,
        "n": each.n,
        "n_labelled": each.n_labelled,
        "labelled_share": each.labelled_share,
        "too_few": ranked_by is None or each.badness(ranked_by) is None,
        "performance": list(_rows(each, metric)),
        "worse": None if each.worse is None else _worse(each.worse),
    }


def _rows(each: SegmentPerformance, metric: str | None) -> Iterator[dict[str, Any]]:
    for key, result in each.realised.items():
        if metric in (None, key):
            around, rest = each.minus_rest_interval(key), each.rest.get(key)
            yield {
                **result.to_dict(),
                "labelled_share": each.labelled_share,
                "rest": None if rest is None else rest.value,
                "minus_rest": each.minus_rest(key),
                "minus_rest_low": None if around is None else around.low,
                "minus_rest_high": None if around is None else around.high,
                "minus_rest_interval": None if around is None else around.method,
            }


def _worse(test: WorseTest) -> dict[str, Any]:
    return {
        "metric": test.loss.metric,
        "loss": test.loss.mean,
        "loss_rest": test.rest.mean,
        "p_value": test.p_value,
        "adjusted_p_value": test.adjusted_p_value,
        "is_worse": test.is_worse,
    }


def _fairness(view: FairnessView) -> dict[str, Any]:
    return {
        "column": view.column,
        "split": view.split,
        "groups": [
            {
                "group": name,
                "n": view.n[name],
                "selection_rate": counts.selection.to_dict(),
                "true_positive_rate": counts.true_positive.to_dict(),
                "false_positive_rate": counts.false_positive.to_dict(),
            }
            for name, counts in view.groups.items()
        ],
        "gaps": [gap.to_dict() for gap in view.gaps.values()],
        "equalized_odds_difference": view.equalized_odds_difference,
        "without_group": view.without,
    }
