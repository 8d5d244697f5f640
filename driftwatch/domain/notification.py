"""What is told to people, and the port that it leaves by."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol, runtime_checkable

from driftwatch.domain.signal import Severity

__all__ = ["Evidence", "Message", "Notifier", "Receipt"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One line of proof: one column, aggregates only.

    Attributes:
        column: the column, or what is monitored when it is no column.
        effect: how large the change is, with its method ("KS 0.53, 11× its threshold").
        change: reference → current, in the unit of the column ("mean 51.1 → 68.4"), or "".
        n: rows in the window.
        n_reference: rows that they were compared with, or None.
        trend: the size of the effect in the last windows, oldest first; for a sparkline.
    """

    column: str
    effect: str
    change: str = ""
    n: int = 0
    n_reference: int | None = None
    trend: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """One message about one incident, before any receiver's form. It holds no value of any row.

    Attributes:
        dedup_key: the thread that it belongs to, stable from the incident's opening to its end.
        number: its number within the thread, from 1.
        reason: first, new_alerts, escalated, flapping, repeat, acknowledged, resolved, storm_over or summary.
        severity: of the incident.
        title: one line for a subject or a lock screen.
        summary: what happened, how bad, since when: one or two sentences.
        evidence: the largest effects first.
        n_more: how many columns are not listed.
        window: the window that it speaks of, and its zone.
        reference: what it was compared with.
        next_action: what the reader should do now.
        link: the page that shows it.
        thread: what the receiver called the first message of the thread that it has, or "" if it has none.
        table: a head and rows of as many cells, for what is told of many at once; or empty.
    """

    dedup_key: str
    number: int
    reason: str
    severity: Severity
    title: str
    summary: str
    evidence: tuple[Evidence, ...] = ()
    n_more: int = 0
    window: str = ""
    reference: str = ""
    next_action: str = ""
    link: str = ""
    thread: str = ""
    table: tuple[tuple[str, ...], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """A JSON-safe form that :meth:`from_dict` reads back."""
        return asdict(self) | {
            "severity": self.severity.value,
            "evidence": [asdict(line) | {"trend": list(line.trend)} for line in self.evidence],
            "table": [list(row) for row in self.table],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Message":
        """Read what :meth:`to_dict` wrote."""
        evidence = tuple(Evidence(**{**line, "trend": tuple(line["trend"])}) for line in data["evidence"])
        table = tuple(tuple(row) for row in data.get("table", ()))
        return cls(**{**data, "severity": Severity(data["severity"]), "evidence": evidence, "table": table})


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receiver took the message.

    Attributes:
        external_id: what the receiver, or the message itself, calls it; None if it says nothing.
        detail: the receiver's words, for the delivery log.
    """

    external_id: str | None
    detail: str


@runtime_checkable
class Notifier(Protocol):
    """A way to reach people.

    Implementations are called from one thread at a time, must return within their own deadline, and hold no secret:
    a reference is read when it is needed, so that a rotated secret works at once, and no error or log repeats it.
    The same message may be sent twice (delivery is at least once): where the receiver can tell, it must be able to
    recognise the second one by `dedup_key` and `number`.
    """

    def send(self, message: Message) -> Receipt:
        """Hand over one message.

        Raises:
            DeliveryError: it was not taken; says whether and when to try again.
        """
        ...
