"""System monitors: from the service's own signs of life to findings about driftwatch itself.

Each holds a length of time or a share against a fixed limit. None can flap: what it finds ends after an hour of quiet
at the earliest, and each incident within a day doubles that.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from driftwatch.alerting.book import Pace
from driftwatch.domain.finding import Finding
from driftwatch.domain.instant import HOUR, MINUTE, SECOND
from driftwatch.domain.signal import Severity, Signal

__all__ = ["ONLY", "TROUBLED", "DeliveryVital", "IntakeVital", "Vitals", "can_tell", "judge_vitals", "pace_after"]

TROUBLED = "receiver"
"""The detail of a finding that names the receiver it is about: others are told."""

ONLY = "only_to"
"""The detail of a finding that names the one receiver that is told."""

_LATE = 10 * MINUTE
_LOST = HOUR
_LEAST_REFUSED = 50
_REFUSED_SHARE = 0.05
_DOUBLINGS = 4
_PARTS = {"tick": "judging", "outbox": "delivery"}


@dataclass(frozen=True, slots=True)
class DeliveryVital:
    """How messages to one receiver get on.

    Attributes:
        receiver: its name.
        waiting: messages on their way.
        oldest_at: when the oldest of them was due first, microseconds UTC; None without one.
        dead: messages given up within a week.
        dead_at: when the newest of them was given up, or None.
        delivered_at: when it took a message last, or None.
        error: what it said last, or "".
    """

    receiver: str
    waiting: int = 0
    oldest_at: int | None = None
    dead: int = 0
    dead_at: int | None = None
    delivered_at: int | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class IntakeVital:
    """What came of the rows of one model within an hour."""

    model: str
    rows: int
    refused: int


@dataclass(frozen=True)
class Vitals:
    """The service's signs of life.

    Attributes:
        now: the database's clock, microseconds UTC.
        beats: by part (``"tick"``, ``"outbox"``), when it last said that it lives.
        deliveries: of every receiver that is switched on and takes messages.
        failing: by model, why its newest window could not be judged.
        intake: of every model that rows were refused of.
    """

    now: int
    beats: Mapping[str, int] = field(default_factory=dict)
    deliveries: Sequence[DeliveryVital] = ()
    failing: Mapping[str, str] = field(default_factory=dict)
    intake: Sequence[IntakeVital] = ()


def judge_vitals(vitals: Vitals, *, since: int) -> tuple[Finding, ...]:
    """What is wrong with the service now.

    Args:
        vitals: as they are.
        since: when they were looked at before, microseconds UTC; the findings' window begins there.
    """
    return tuple(
        Finding(
            window_start=since,
            window_end=vitals.now,
            at=vitals.now,
            signal=Signal.SYSTEM,
            column=each.column,
            severity=each.severity,
            kind=each.kind,
            value=each.value,
            threshold=each.threshold,
            n=each.n,
            details=each.details,
        )
        for each in (*_parts(vitals), *_deliveries(vitals), *_runs(vitals), *_intake(vitals))
    )


def can_tell(vitals: Vitals) -> bool:
    """Whether there is still a way to people: the outbox is at work, and a receiver takes what it is sent."""
    beat = vitals.beats.get("outbox")
    if beat is not None and vitals.now - beat > _LATE:
        return False
    return not vitals.deliveries or any(
        _severity(each, vitals.now) is not Severity.CRITICAL for each in vitals.deliveries
    )


def pace_after(incidents_within_a_day: int) -> Pace:
    """How soon an incident of the service lets go: after an hour, twice as long for each that it had within a day."""
    quiet = HOUR * 2 ** min(incidents_within_a_day, _DOUBLINGS)
    return Pace(quiet_to_close=quiet, reopen_within=0, tells_joined=True)


@dataclass(frozen=True, slots=True)
class _Ailment:
    column: str
    kind: str
    severity: Severity
    value: float
    threshold: float
    n: int
    details: Mapping[str, Any]


def _parts(vitals: Vitals) -> Iterator[_Ailment]:
    for part, column in _PARTS.items():
        beat = vitals.beats.get(part)
        if beat is not None and vitals.now - beat > _LATE:
            age = vitals.now - beat
            yield _Ailment(column, f"{part}_late", _by_age(age), age / SECOND, _LATE / SECOND, 0, {})


def _deliveries(vitals: Vitals) -> Iterator[_Ailment]:
    for each in vitals.deliveries:
        severity = _severity(each, vitals.now)
        if severity is None:
            continue
        is_lost = _lost_now(each, vitals.now)
        age = vitals.now - (each.oldest_at or vitals.now)
        yield _Ailment(
            f"receiver {each.receiver}",
            "given_up" if is_lost else "undelivered",
            severity,
            float(each.dead) if is_lost else age / SECOND,
            0.0 if is_lost else _LATE / SECOND,
            each.dead if is_lost else each.waiting,
            {TROUBLED: each.receiver, "error": each.error},
        )


def _severity(each: DeliveryVital, now: int) -> Severity | None:
    """How bad it stands with one receiver; None if well."""
    if _lost_now(each, now):
        return Severity.CRITICAL
    age = 0 if each.oldest_at is None else now - each.oldest_at
    return _by_age(age) if age > _LATE else None


def _lost_now(each: DeliveryVital, now: int) -> bool:
    """Whether a message was given up a short while ago, or none has been taken since."""
    if each.dead_at is None:
        return False
    return now - each.dead_at < _LOST or each.delivered_at is None or each.delivered_at < each.dead_at


def _runs(vitals: Vitals) -> Iterator[_Ailment]:
    for model, error in sorted(vitals.failing.items()):
        yield _Ailment(f"runs of {model}", "runs_failed", Severity.WARNING, 1.0, 0.0, 1, {"error": error})


def _intake(vitals: Vitals) -> Iterator[_Ailment]:
    for each in vitals.intake:
        share = each.refused / max(1, each.rows)
        if each.refused >= _LEAST_REFUSED and share >= _REFUSED_SHARE:
            details = {"refused": each.refused}
            column = f"rows of {each.model}"
            yield _Ailment(column, "rows_refused", Severity.WARNING, share, _REFUSED_SHARE, each.rows, details)


def _by_age(age: int) -> Severity:
    return Severity.CRITICAL if age > _LOST else Severity.WARNING
