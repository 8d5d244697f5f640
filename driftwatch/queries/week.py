"""One model through one week, in a few words each: incidents, drift, performance, traffic."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from driftwatch.domain.incident import Incident
from driftwatch.domain.signal import Severity, Signal
from driftwatch.queries import format as fmt
from driftwatch.queries.catalogue import KnownModel
from driftwatch.queries.metric_wording import metric_name, metric_value, preferred
from driftwatch.queries.performance import read_performance
from driftwatch.queries.span import Span
from driftwatch.queries.standing import named
from driftwatch.storage import incident, notification
from driftwatch.storage.profile import count_buckets
from driftwatch.storage.store import Store

__all__ = ["Week", "performance_words", "read_week"]

_DRIFT = frozenset({Signal.DRIFT, Signal.PREDICTION_DRIFT, Signal.MULTIVARIATE_DRIFT, Signal.OUTCOME_DRIFT})
_MOST = 1_000


@dataclass(frozen=True)
class Week:
    """What there is to say of one model.

    Attributes:
        model: which.
        incidents: those that were open at any time in it.
        n_opened: of them, how many began in it.
        n_told: messages about them that were delivered in it.
        rows: rows that it got in it.
        rows_before: rows in as long a time before it.
        end: of the week, microseconds UTC.
    """

    model: KnownModel
    incidents: tuple[Incident, ...]
    n_opened: int
    n_told: int
    rows: int
    rows_before: int
    end: int

    @property
    def worst(self) -> Severity:
        """Of what is still open."""
        severities = [each.severity for each in self.incidents if each.is_open]
        return max(severities, key=lambda each: each.rank, default=Severity.NONE)

    @property
    def incident_words(self) -> str:
        """How many are open, began and ended."""
        n_open = sum(each.is_open for each in self.incidents)
        parts = [(n_open, "open"), (self.n_opened, "new"), (len(self.incidents) - n_open, "ended")]
        words = [f"{n} {word}" for n, word in parts if n]
        if not words:
            return "no incident"
        return ", ".join([*words, fmt.plural(self.n_told, "message") if self.n_told else "not told"])

    @property
    def drift_words(self) -> str:
        """The columns that drifted."""
        columns = [
            alert.key.place or alert.key.signal.value.replace("_", " ")
            for each in self.incidents
            for alert in each.alerts
            if alert.key.signal in _DRIFT
        ]
        return f"drift: {named(list(dict.fromkeys(columns)))}" if columns else "no drift"

    @property
    def traffic_words(self) -> str:
        """Rows, against as long a time before."""
        if not self.rows:
            return f"no data since {fmt.stamp(self.model.last_at, self.end)}" if self.model.last_at else "no data ever"
        rows = fmt.plural(self.rows, "row")
        if not self.rows_before:
            return rows
        ratio = self.rows / self.rows_before - 1
        return f"{rows} ({'+' if ratio >= 0 else '−'}{abs(ratio) * 100:.0f} %)"


def read_week(conn: Connection, model: KnownModel, span: Span) -> Week:
    """The week of one model."""
    found = [
        each
        for each in incident.list_incidents(conn, model_id=model.id, limit=_MOST)
        if each.opened_at < span.end and (each.resolved_at is None or each.resolved_at >= span.start)
    ]
    return Week(
        model=model,
        incidents=tuple(found),
        n_opened=sum(each.opened_at >= span.start for each in found),
        n_told=sum(
            row.status == "delivered" and span.start <= (row.finished_at or 0) < span.end
            for each in found
            for row in notification.list_notifications(conn, each.id)
        ),
        rows=_rows(conn, model, span.start, span.end),
        rows_before=_rows(conn, model, span.start - span.width, span.start),
        end=span.end,
    )


def performance_words(store: Store, model: KnownModel, span: Span) -> str:
    """The metric that is shown first, realised where labels are known and else estimated, against the reference."""
    view = read_performance(store, model.name, model.environment, span, "week")
    metrics: Sequence[str] = preferred(view.metrics) if view is not None else ()
    if view is None or not metrics:
        return "performance not known"
    key = metrics[0]
    realised, estimated = view.whole.realised.get(key), view.whole.estimated.get(key)
    value = realised.value if realised is not None else None
    word = metric_name(key)
    if value is None and estimated is not None:
        value, word = estimated.value, f"{word} (estimated)"
    if value is None:
        return "performance not known"
    before = view.reference.realised.get(key) if view.reference is not None else None
    told = f"{word} {metric_value(value, key)}"
    return told if before is None or before.value is None else f"{told}, reference {metric_value(before.value, key)}"


def _rows(conn: Connection, model: KnownModel, start: int, end: int) -> int:
    return sum(bucket.n for bucket in count_buckets(conn, list(model.versions.values()), start, end))
