"""Latency, errors and throughput of a historical log, period by period, labels or not."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from driftwatch.domain.instant import SECOND, to_iso
from driftwatch.monitors.alignment import Alignment
from driftwatch.monitors.spec import ModelSpec
from driftwatch.operations.latency import latency_quantiles
from driftwatch.operations.rate import error_rate, throughput
from driftwatch.profiles.latency import profile_latency
from driftwatch.service.prediction_log import PredictionLog
from driftwatch.service.report_period import report_periods

__all__ = ["in_order", "service_metrics"]


def service_metrics(
    log: PredictionLog, spec: ModelSpec, start: int, end: int, *, months: bool = False
) -> Iterator[dict[str, Any]]:
    """Every service metric of every day from `start` on, and of calendar months, in the public shape.

    They need no label: `labelled_share` is null, and a window is mature as soon as it is over. Throughput is that of
    the part of a window that the log covers.

    Args:
        log: its rows, ascending in time.
        spec: the model's declaration.
        start: where reporting starts, microseconds UTC.
        end: after the last row.
        months: report calendar months too.
    """
    alignment = Alignment.of(spec)
    covered = int(log.at[0]), alignment.start(alignment.index(end - 1) + 1)
    for low, high in report_periods(spec, start, end, months=months):
        first, stop = np.searchsorted(log.at, [low, high]).tolist()
        if first == stop:
            continue
        shared = {
            "window_start": to_iso(low),
            "window_end": to_iso(high),
            "labelled_share": None,
            "mature": high <= end,
        }
        span = min(high, covered[1]) - max(low, covered[0])
        for metric, value, ends, n in _measured(log, first, stop, span / SECOND):
            yield {
                **shared,
                "metric": metric,
                "value": value,
                "low": ends[0],
                "high": ends[1],
                "n": n,
                "estimated": False,
                "as_of": to_iso(end),
            }


_Ends = tuple[float | None, float | None]


def _measured(log: PredictionLog, first: int, stop: int, seconds: float) -> Iterator[tuple[str, float, _Ends, int]]:
    """Metric, value, both ends of its interval and n."""
    if log.latency_seconds is not None:
        for each in latency_quantiles(profile_latency(log.latency_seconds[first:stop])):
            yield each.metric, each.value, (each.low, each.high), each.n
    rates = [throughput(stop - first, seconds)]
    if log.failed is not None:
        failed = error_rate(int(np.count_nonzero(log.failed[first:stop])), stop - first)
        rates += [failed] if failed is not None else []
    for rate in rates:
        yield rate.metric, rate.value, (rate.interval.low, rate.interval.high), rate.n


def in_order(rows: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    """By window, then by metric, what is known before what is estimated."""
    return tuple(
        sorted(rows, key=lambda row: (row["window_start"], row["window_end"], row["metric"], row["estimated"]))
    )
