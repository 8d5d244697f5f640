"""Two versions side by side: counts of each by bucket, and the requests that both answered."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, Integer, case, cast, func, select, text

from driftwatch.storage.scalar import Scalar, join
from driftwatch.storage.schema import predictions

__all__ = ["ArmCount", "Pair", "count_arm", "find_span", "read_pairs"]


@dataclass(frozen=True, slots=True)
class ArmCount:
    """Calls of one version in one bucket.

    Attributes:
        bucket_at: its start, microseconds UTC.
        n: calls.
        n_errors: of them, how many failed.
        n_timed: of those that were served, how many have a latency.
        seconds: sum of these latencies.
        squared_seconds: sum of their squares.
        n_slow: of them, how many took longer than asked about.
    """

    bucket_at: int
    n: int
    n_errors: int
    n_timed: int
    seconds: float
    squared_seconds: float
    n_slow: int


class Pair(NamedTuple):
    """One request and what both versions made of it."""

    at: int
    keys: tuple[bytes, bytes]
    scores: tuple[float | None, float | None]
    predictions: tuple[Scalar, Scalar]
    latencies: tuple[float | None, float | None]
    errors: tuple[str | None, str | None]


def find_span(conn: Connection, version_id: int) -> tuple[int, int] | None:
    """The first and the last instant of a version's predictions, or None without any."""
    at = predictions.c.predicted_at
    first, last = conn.execute(select(func.min(at), func.max(at)).where(predictions.c.version_id == version_id)).one()
    return None if first is None else (first, last)


def count_arm(
    conn: Connection, version_id: int, start: int, end: int, *, width: int, slow_seconds: float
) -> list[ArmCount]:
    """The calls of a version in [start, end), bucket by bucket in order of time.

    Args:
        conn: a connection.
        version_id: whose.
        start: microseconds UTC, included.
        end: excluded.
        width: of a bucket, microseconds.
        slow_seconds: a call that took longer is slow.
    """
    p = predictions.c
    seconds = case((p.error.is_(None), p.latency_seconds))
    bucket = (p.predicted_at - p.predicted_at % width).label("bucket_at")
    slow = case((seconds > slow_seconds, 1), else_=0)
    rows = conn.execute(
        select(
            bucket,
            func.count(),
            func.count(p.error),
            func.count(seconds),
            func.coalesce(func.sum(seconds), 0.0),
            func.coalesce(func.sum(seconds * seconds), 0.0),
            cast(func.sum(slow), Integer),
        )
        .where(p.version_id == version_id, p.predicted_at >= start, p.predicted_at < end)
        .group_by(bucket)
        .order_by(bucket)
    )
    return [ArmCount(*row) for row in rows]


# By request id where the candidate's row has one, else by id: the versions of a model give one id one key.
_PAIRS = text(
    """
    SELECT a.predicted_at, a.key, b.key, a.score, b.score, a.prediction_number, a.prediction_text, b.prediction_number,
           b.prediction_text, a.latency_seconds, b.latency_seconds, a.error, b.error
    FROM predictions a JOIN predictions b ON b.request_id = a.request_id AND b.version_id = :candidate
    WHERE a.version_id = :baseline AND a.predicted_at >= :starts AND a.predicted_at < :ends
    UNION ALL
    SELECT a.predicted_at, a.key, b.key, a.score, b.score, a.prediction_number, a.prediction_text, b.prediction_number,
           b.prediction_text, a.latency_seconds, b.latency_seconds, a.error, b.error
    FROM predictions a JOIN predictions b ON b.version_id = :candidate AND b.key = a.key AND b.day = a.day
    WHERE a.version_id = :baseline AND a.predicted_at >= :starts AND a.predicted_at < :ends
      AND (a.request_id IS NULL OR b.request_id IS NULL)
    ORDER BY 1, 2, 3
    """
)


def read_pairs(conn: Connection, baseline_id: int, candidate_id: int, start: int, end: int) -> Iterator[Pair]:
    """Requests that the baseline answered in [start, end) and the candidate answered too, in order of time.

    Args:
        conn: a connection.
        baseline_id: a version.
        candidate_id: another version of the same model.
        start: microseconds UTC, included.
        end: excluded.
    """
    bounds = {"baseline": baseline_id, "candidate": candidate_id, "starts": start, "ends": end}
    for row in conn.execute(_PAIRS, bounds):
        at, key, other, score, other_score, number, words, other_number, other_words, *rest = row
        latency, other_latency, error, other_error = rest
        yield Pair(
            at,
            (bytes(key), bytes(other)),
            (score, other_score),
            (join(number, words), join(other_number, other_words)),
            (latency, other_latency),
            (error, other_error),
        )
