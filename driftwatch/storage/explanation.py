"""Explanations: kept in the details of the newest finding of the time that they explain."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select, update

from driftwatch.storage.schema import findings

__all__ = ["find_explanation", "put_explanation"]

_KEY = "explanation"


def put_explanation(conn: Connection, model_id: int, start: int, end: int, explanation: Mapping[str, Any]) -> bool:
    """Keep an explanation of what was found in windows that end in (start, end].

    Args:
        conn: a writing connection.
        model_id: whose.
        start: microseconds UTC, excluded.
        end: included.
        explanation: JSON-safe; it takes the place of an earlier one.

    Returns:
        False if nothing was found in that time: then there is nothing to keep it with.
    """
    row = conn.execute(_of(model_id, start, end).limit(1)).one_or_none()
    if row is None:
        return False
    details = {**row.details, _KEY: dict(explanation)}
    conn.execute(update(findings).where(findings.c.id == row.id).values(details=details))
    return True


def find_explanation(conn: Connection, model_id: int, start: int, end: int) -> dict[str, Any] | None:
    """The newest explanation of what was found in windows that end in (start, end], or None."""
    for row in conn.execute(_of(model_id, start, end)):
        if _KEY in row.details:
            return dict(row.details[_KEY])
    return None


def _of(model_id: int, start: int, end: int) -> Any:
    return (
        select(findings.c.id, findings.c.details)
        .where(findings.c.model_id == model_id, findings.c.window_end > start, findings.c.window_end <= end)
        .order_by(findings.c.window_end.desc(), findings.c.id.desc())
    )
