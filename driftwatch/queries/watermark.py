"""A cheap mark that changes whenever anything that a page shows has changed."""

from sqlalchemy import func, select

from driftwatch.storage.schema import batches, incidents, models, monitor_runs, notifications, reference_sets
from driftwatch.storage.store import Store

__all__ = ["read_watermark"]


def read_watermark(store: Store) -> tuple[int, ...]:
    """Newest changes and counts of the tables behind the pages; equal marks mean equal pages, but for the clock."""
    newest = (
        func.max(batches.c.received_at),
        func.max(models.c.changed_at),
        func.max(monitor_runs.c.finished_at),
        func.max(incidents.c.changed_at),
        func.max(notifications.c.id),
        func.max(notifications.c.finished_at),
        func.max(reference_sets.c.id),
    )
    with store.read() as conn:
        return tuple(int(conn.execute(select(column)).scalar() or 0) for column in newest)
