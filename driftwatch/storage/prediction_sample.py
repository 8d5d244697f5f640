"""Scores and numeric predictions of a model's past, a bounded number of them."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select

from driftwatch.storage.schema import predictions

__all__ = ["read_sample"]

_SLICES = 100
_COLUMNS = {"score": predictions.c.score, "prediction": predictions.c.prediction_number}


def read_sample(
    conn: Connection, version_ids: Sequence[int], role: str, *, limit: int
) -> Iterator[tuple[NDArray[np.float64], int, int]]:
    """Values of ``"score"`` or ``"prediction"`` from slices of time that cover the past evenly.

    Yields:
        Values, float64[k], and the first and last instant of their slice.
    """
    column = _COLUMNS[role]
    of_versions = predictions.c.version_id.in_(version_ids)
    first, last = conn.execute(
        select(func.min(predictions.c.predicted_at), func.max(predictions.c.predicted_at)).where(of_versions)
    ).one()
    if first is None:
        return
    width = (last - first) // _SLICES + 1
    for start in range(first, last + 1, width):
        values = conn.execute(
            select(column)
            .where(
                of_versions,
                predictions.c.predicted_at >= start,
                predictions.c.predicted_at < start + width,
                column.is_not(None),
            )
            .limit(limit // _SLICES)
        ).scalars()
        yield np.fromiter(values, dtype=np.float64), start, min(last, start + width - 1)
