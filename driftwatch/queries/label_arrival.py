"""How labels come in: what share of a model's predictions has one, by the age of the prediction."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from driftwatch.performance.tally import as_class
from driftwatch.storage.outcome import current_outcomes
from driftwatch.storage.outcome_profile import OutcomeBucket

__all__ = ["ArrivalCurve", "LabelArrival", "read_arrival"]

_MOST_ROWS = 20_000
_MOST_BUCKETS = 240
_MOST_CLASSES = 5
_SHARES = np.arange(41) / 40


@dataclass(frozen=True, slots=True)
class ArrivalCurve:
    """The labels of one class, or of all.

    Attributes:
        name: of the class; "" for all.
        median: age at which half of them were known, microseconds.
        points: (age in microseconds, share of all predictions that are labelled by then), ascending.
        n: labels.
    """

    name: str
    median: int
    points: tuple[tuple[int, float], ...]
    n: int


@dataclass(frozen=True, slots=True)
class LabelArrival:
    """The labels of a sample of predictions that had the time to become known.

    Attributes:
        predictions: in the sample.
        everything: all labels.
        classes: by class, the most frequent first; empty for outcomes that are no classes.
    """

    predictions: int
    everything: ArrivalCurve
    classes: tuple[ArrivalCurve, ...] = ()


def read_arrival(
    conn: Connection, model_id: int, buckets: Sequence[OutcomeBucket], *, width: int, of_classes: bool
) -> LabelArrival | None:
    """Read the delays of at most 240 buckets, spread evenly and of some 20,000 labels; None without labels.

    Args:
        conn: a connection.
        model_id: whose.
        buckets: that are old enough to be complete, in order of time.
        width: of a bucket, microseconds.
        of_classes: whether outcomes are classes.
    """
    delays: list[int] = []
    names: list[str] = []
    predictions = 0
    for bucket in _spread(buckets):
        end = bucket.bucket_at + width
        rows = current_outcomes(conn, model_id, bucket.version_id, bucket.bucket_at, end)
        predictions += bucket.n
        delays += [max(0, row.observed_at - row.predicted_at) for row in rows]
        names += [(as_class(row.value) or "") if of_classes else "" for row in rows]
        if len(delays) >= _MOST_ROWS:
            break
    if not delays:
        return None
    ages, classes = np.array(delays, dtype=np.int64), np.array(names, dtype=object)
    found, counts = np.unique(classes.astype(str), return_counts=True)
    frequent = found[np.argsort(-counts, kind="stable")][:_MOST_CLASSES].tolist()
    of = tuple(_curve(name, ages[classes == name], predictions) for name in frequent) if len(found) > 1 else ()
    return LabelArrival(predictions, _curve("", ages, predictions), of)


def _spread(buckets: Sequence[OutcomeBucket]) -> list[OutcomeBucket]:
    """Some of the buckets, in an order that covers all of them however early one stops."""
    labelled = [bucket for bucket in buckets if bucket.n_labelled]
    step = max(1, -(-len(labelled) // _MOST_BUCKETS))
    chosen = labelled[::step]
    return [*chosen[::4], *chosen[2::4], *chosen[1::4], *chosen[3::4]]


def _curve(name: str, ages: NDArray[np.int64], predictions: int) -> ArrivalCurve:
    at = np.quantile(ages, _SHARES, method="inverted_cdf")
    share = len(ages) / max(predictions, len(ages))
    reached = np.searchsorted(np.sort(ages), at, side="right") / len(ages) * share
    last = dict(zip(at.astype(int).tolist(), reached.tolist(), strict=True))  # of equal ages the last share
    return ArrivalCurve(name, int(np.median(ages)), tuple(last.items()), len(ages))
