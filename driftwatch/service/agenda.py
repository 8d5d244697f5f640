"""What there is to judge of one model: its reference, its monitor, its due windows and its late rows."""

from dataclasses import dataclass

from sqlalchemy import Connection

from driftwatch.domain.instant import HOUR, MINUTE, to_iso
from driftwatch.domain.signal import RunStatus
from driftwatch.monitors.alignment import Alignment
from driftwatch.monitors.spec import ModelSpec
from driftwatch.service.due import Due, due_windows, horizon
from driftwatch.service.judging import reference_period, spec_of
from driftwatch.storage import audit, monitor, profile, reference, registration, run
from driftwatch.storage.registration import ModelRow

__all__ = ["AT_A_TIME", "MONITOR", "Agenda", "insert_revisions", "insert_windows", "read_agenda"]

MONITOR = "drift"
"""The name of the monitor that every model has."""

_DECLARED = "model.yaml"
_FIRST_DAYS = "the first 14 days"
_REVISED_WINDOWS = 48
_REVISED_AFTER = HOUR
_QUIET = 5 * MINUTE
_NEW_ROWS = 0.01
AT_A_TIME = 500
"""Windows that are scheduled in one transaction."""


@dataclass(frozen=True)
class Agenda:
    """Where one model stands.

    Attributes:
        model: as registered.
        spec: its declaration.
        reference: ``(start, end)`` in whole windows, microseconds UTC.
        until: windows that end by then are over.
        after: windows that begin before were scheduled, lie in the reference, or before the first row after it.
        known_reference: whether `reference` is on record.
    """

    model: ModelRow
    spec: ModelSpec
    reference: tuple[int, int]
    until: int
    after: int
    known_reference: bool

    @property
    def alignment(self) -> Alignment:
        """Where its windows lie."""
        return Alignment.of(self.spec)

    @property
    def is_learning(self) -> bool:
        """Whether the reference is not over yet."""
        return self.until < self.reference[1]

    @property
    def has_due(self) -> bool:
        """Whether a window waits to be scheduled."""
        return not self.is_learning and bool(self.windows(now=self.until, limit=1))

    def windows(self, *, now: int, limit: int) -> list[Due]:
        """The windows that wait to be scheduled, oldest first, at most `limit`."""
        return due_windows(self.spec, self.alignment, after=self.after, until=self.until, now=now, limit=limit)


def read_agenda(conn: Connection, model: ModelRow, *, now: int) -> Agenda | None:
    """Where a model stands, or None before its first row.

    Raises:
        SpecError: its stored declaration cannot be read.
    """
    spec = spec_of(model)
    watermark = profile.watermark(conn, model.id)
    if watermark is None:
        return None
    known = reference.get_reference(conn, model.id, "operating")
    declared = spec.reference.period if spec.reference is not None else None
    if declared is None and known is not None and known.source != _DECLARED and known.start is not None:
        period = (known.start, known.end or known.start)
    else:
        first = None if declared is not None else profile.first_bucket(conn, model.id)
        period = reference_period(spec, watermark if first is None else first)
    alignment = Alignment.of(spec)
    drift = monitor.find_monitor(conn, model.id, MONITOR)
    latest = run.latest_run(conn, drift.id) if drift is not None else None
    if latest is None:
        # A model that begins long after its declared reference has no windows in between.
        begun = profile.first_bucket(conn, model.id, since=period[1])
        after = watermark if begun is None else alignment.start(alignment.index(begun))
    else:
        after = latest.window_end
    return Agenda(
        model=model,
        spec=spec,
        reference=period,
        until=horizon(spec, watermark=watermark, now=now, width=alignment.width),
        after=max(period[1], after),
        known_reference=known is not None and (known.start, known.end) == period,
    )


def insert_windows(conn: Connection, agenda: Agenda, *, now: int) -> int:
    """Record the reference and schedule the windows that are due, oldest first, at most 500; returns how many.

    Args:
        conn: a writing connection.
        agenda: as read before; read again here, since another worker may have been faster.
        now: the database's clock.
    """
    settings = {"spec": agenda.spec.to_dict(), "reference": [to_iso(each) for each in agenda.reference]}
    drift = monitor.put_monitor(conn, agenda.model.id, MONITOR, "drift", settings, at=now)
    monitor.lock_monitor(conn, drift.id)
    current = read_agenda(conn, agenda.model, now=now)
    if current is None or current.is_learning or current.reference != agenda.reference:
        return 0
    if not current.known_reference:
        _record_reference(conn, current, now=now)
    windows = current.windows(now=now, limit=AT_A_TIME)
    if not windows:
        return 0
    counts = _data_versions(conn, current, windows[0].start, windows[-1].end)
    known = [(each.start, each.end, counts.get(each.start, (0, 0, 0))[0], each.backfill) for each in windows]
    run.insert_all_due(conn, drift.id, known, config_hash=drift.config_hash, at=now)
    return len(windows)


def insert_revisions(conn: Connection, agenda: Agenda, *, now: int) -> int:
    """Schedule again the windows that got late rows; returns how many.

    Of the last 48 windows, those whose rows have been quiet for five minutes or have grown by 1%, at most once an
    hour. Their old results stay, and they tell nobody.
    """
    drift = monitor.find_monitor(conn, agenda.model.id, MONITOR)
    if drift is None or agenda.is_learning:
        return 0
    monitor.lock_monitor(conn, drift.id)
    start = agenda.until - _REVISED_WINDOWS * agenda.alignment.width
    counts = _data_versions(conn, agenda, start, agenda.until)
    revised = 0
    for past in run.list_results(conn, agenda.model.id, start, agenda.until):
        version, n, received_at = counts.get(past.window_start, (0, 0, 0))
        is_ripe = now - received_at >= _QUIET or n - past.n >= max(1.0, _NEW_ROWS * past.n)
        rested = past.finished_at is not None and now - past.finished_at >= _REVISED_AFTER
        if version > past.data_version and is_ripe and rested and past.status != RunStatus.ERROR.value:
            made = run.insert_due(
                conn,
                drift.id,
                past.window_start,
                past.window_end,
                drift.config_hash,
                version,
                at=now,
                backfill=past.backfill,
            )
            revised += made is not None
    return revised


def _record_reference(conn: Connection, agenda: Agenda, *, now: int) -> None:
    start, end = agenda.reference
    declared = agenda.spec.reference is not None and agenda.spec.reference.period is not None
    rows = sum(n for _, n, _ in _data_versions(conn, agenda, start, end).values())
    reference.put_reference(
        conn,
        agenda.model.id,
        "operating",
        at=now,
        start=start,
        end=end,
        n=rows,
        source=_DECLARED if declared else _FIRST_DAYS,
        confirmed=declared,
    )
    name, bounds = f"{agenda.model.environment}/{agenda.model.name}", {"start": to_iso(start), "end": to_iso(end)}
    after = {**bounds, "rows": rows, "source": _DECLARED if declared else _FIRST_DAYS}
    audit.append_event(conn, at=now, actor="driftwatch", verb="recorded", subject=f"reference/{name}", after=after)


def _data_versions(conn: Connection, agenda: Agenda, start: int, end: int) -> dict[int, tuple[int, int, int]]:
    """By window start: how many deltas, how many rows, and when the newest came."""
    alignment = agenda.alignment
    versions = [version.id for version in registration.list_versions(conn, agenda.model.id)]
    found: dict[int, tuple[int, int, int]] = {}
    for bucket in profile.count_buckets(conn, versions, start, end):
        window = alignment.start(alignment.index(bucket.bucket_at))
        deltas, n, received_at = found.get(window, (0, 0, 0))
        found[window] = (deltas + bucket.data_version, n + bucket.n, max(received_at, bucket.received_at))
    return found
