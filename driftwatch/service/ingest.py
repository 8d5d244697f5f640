"""Predictions into the store: one transaction holds the receipt, the envelope, the feature block and the profiles.

A batch is screened and profiled before the transaction, on what a snapshot says is registered, so that the one writer
of a SQLite file is held for the inserts alone. Inside, whatever turned out otherwise (ids seen before, a first batch
that raced with another) is profiled again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Connection

from driftwatch.domain.instant import DAY
from driftwatch.errors import ConflictError
from driftwatch.service.batch import Batch, Fault, read_batch
from driftwatch.service.binning import register_grids
from driftwatch.service.feature_block import write_block
from driftwatch.service.framing import register_frames
from driftwatch.service.ingest_plan import Plan, plan_batch, profile_batch, read_registered
from driftwatch.storage import batch as receipts
from driftwatch.storage import block, drop, partition, prediction, profile, quarantine, registration
from driftwatch.storage.batch import Receipt
from driftwatch.storage.store import Store
from driftwatch.wire import Frame

__all__ = ["UNVERSIONED", "IngestReply", "ingest_frame", "store_batch"]

UNVERSIONED = "unversioned"
"""The version of rows that name none."""


@dataclass(frozen=True, slots=True)
class IngestReply:
    """What a client is answered.

    Attributes:
        batch_id: the batch.
        accepted: rows that were stored.
        duplicates: rows whose id the version had seen that day.
        quarantined: rows, values and columns that could not be used, with the reason.
        idempotent: whether sending the same batch again is harmless.
        seen: the batch had come before; nothing was stored now.
    """

    batch_id: str
    accepted: int
    duplicates: int
    quarantined: Sequence[Mapping[str, Any]]
    idempotent: bool = True
    seen: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The public shape of ``POST /v1/batches`` and ``/v1/outcomes``."""
        return {
            "batch_id": self.batch_id,
            "accepted": self.accepted,
            "duplicates": self.duplicates,
            "quarantined": [dict(each) for each in self.quarantined],
            "idempotent": self.idempotent,
        }


def ingest_frame(
    store: Store,
    frame: Frame,
    *,
    content_hash: bytes,
    now: int | None = None,
    positions: Sequence[int] | None = None,
    faults: Sequence[Fault] = (),
    sent_at: int | None = None,
) -> IngestReply:
    """Store one batch of predictions, once.

    Args:
        store: where to.
        frame: the batch.
        content_hash: over the content as sent: the same id with another hash is a conflict.
        now: microseconds UTC; the store's own clock if left out.
        positions: where each row of the frame stood in what was sent.
        faults: what was already left out when the frame was made.
        sent_at: the client's clock when it sent, microseconds UTC.

    Raises:
        ConflictError: the id belongs to other content; what was sent is in quarantine.
        StoreError: the database refuses; nothing was stored, the same batch can be sent again.
    """
    frame.version = frame.version or UNVERSIONED
    with store.read() as conn:
        now = store.now(conn) if now is None else now
        known = receipts.find_receipt(conn, frame.batch_id)
        if known is None:
            batch = read_batch(frame, now=now, content_hash=content_hash, positions=positions, faults=faults)
            plan = plan_batch(batch, read_registered(conn, frame))
    if known is not None:
        return answer_again(store, known, frame, content_hash, now=now)
    plan = profile_batch(plan)
    partition.ensure(store, partition.months_of(np.unique(plan.batch.at // DAY * DAY).tolist()))
    with store.begin() as conn:
        reply = store_batch(conn, plan, now=now, sent_at=sent_at)
    if reply is None:  # another request with the same id was faster
        with store.read() as conn:
            winner = receipts.find_receipt(conn, frame.batch_id)
        assert winner is not None  # noqa: S101 - insert_receipt said so
        return answer_again(store, winner, frame, content_hash, now=now)
    return reply


def answer_again(store: Store, known: Receipt, frame: Frame, content_hash: bytes, *, now: int) -> IngestReply:
    """Answer a batch whose id is known as it was answered before, or refuse it.

    Raises:
        ConflictError: the content is another one; it is kept in quarantine.
    """
    if bytes(known.content_hash) == content_hash and known.kind == "predictions":
        return repeated(known)
    with store.begin() as conn:
        hold_conflict(conn, frame, now=now)
    raise conflict(frame.batch_id)


def repeated(known: Receipt) -> IngestReply:
    """The reply that a batch was given the first time."""
    reply = dict(known.reply or {})
    return IngestReply(
        known.id,
        int(reply.get("accepted", known.n_accepted)),
        int(reply.get("duplicates", known.n_duplicates)),
        list(reply.get("quarantined", ())),
        seen=True,
    )


def conflict(batch_id: str) -> ConflictError:
    """The error of an id that is used twice."""
    return ConflictError(
        f"batch {batch_id!r} came before with other content. What was sent now is in quarantine; "
        "give every batch an id of its own, and repeat a batch unchanged"
    )


def hold_conflict(conn: Connection, frame: Any, *, now: int) -> None:
    """Keep a frame (of predictions or outcomes) whose id belongs to other content."""
    held = quarantine.HeldRow(
        frame.environment,
        frame.model,
        getattr(frame, "version", None),
        frame.batch_id,
        None,
        None,
        "the id of this batch belongs to other content",
        frame.raw or None,
        now,
    )
    quarantine.hold(conn, [held])


def store_batch(conn: Connection, plan: Plan, *, now: int, sent_at: int | None = None) -> IngestReply | None:
    """Everything of one batch, in the caller's transaction.

    Returns:
        The reply; None if another transaction stored a batch of this id meanwhile: then nothing was stored.
    """
    frame = plan.batch.frame
    model_id = registration.ensure_model(conn, frame.environment, frame.model, at=now)
    version_id = registration.ensure_version(conn, model_id, frame.version, at=now)
    if not receipts.insert_receipt(conn, _receipt(plan.batch, model_id, version_id, now=now, sent_at=sent_at)):
        return None
    plan = _settle(conn, plan, model_id, version_id, now=now)
    batch = plan.batch
    repeats = prediction.insert_predictions(conn, _envelope(batch, version_id)) if len(batch) else set()
    if repeats:
        fresh = np.ones(len(batch), dtype=np.bool_)
        fresh[list(repeats)] = False
        plan = profile_batch(plan, fresh=fresh)
    for bucket_at, profiled in sorted((plan.profiles or {}).items()):
        profile.insert_delta(
            conn,
            version_id,
            bucket_at,
            profiled.rows,
            profiled.to_bytes(),
            batch_id=frame.batch_id,
            at=now,
            n_errors=profiled.errors,
        )
    if frame.features or frame.tags:
        _store_blocks(conn, batch, version_id)
    quarantine.hold(conn, [_held(fault, batch, now) for fault in batch.faults])
    drop.insert_drops(conn, model_id, frame.batch_id, frame.dropped, at=now, version=frame.version)
    reply = IngestReply(
        frame.batch_id, len(batch) - len(repeats), len(repeats), [fault.to_dict() for fault in batch.faults]
    )
    receipts.update_receipt(conn, _receipt(batch, model_id, version_id, now=now, sent_at=sent_at, reply=reply))
    return reply


def _settle(conn: Connection, plan: Plan, model_id: int, version_id: int, *, now: int) -> Plan:
    """Register what the batch brings, and plan again where somebody else was faster with something else."""
    kinds = registration.ensure_features(
        conn, version_id, {name: kind.value for name, kind in plan.batch.kinds.items()}, at=now
    )
    proposed = {name: plan.binnings.grids[name] for name in plan.proposed}
    grids = register_grids(conn, model_id, proposed, at=now) if proposed else {}
    fresh = plan.proposed_frames
    frames = register_frames(conn, model_id, fresh, at=now) if fresh else fresh
    agreed = grids == proposed and frames == fresh
    agreed = agreed and all(kinds[name] == kind.value for name, kind in plan.batch.kinds.items())
    if agreed:
        return plan
    return profile_batch(plan_batch(plan.batch, read_registered(conn, plan.batch.frame)))


def _envelope(batch: Batch, version_id: int) -> prediction.Envelope:
    frame = batch.frame
    return prediction.Envelope(
        model=frame.model,
        version_id=version_id,
        batch_id=frame.batch_id,
        deployment=frame.deployment,
        ids=batch.values(frame.ids) or [],
        predicted_at=batch.at.tolist(),
        prediction=batch.values(frame.prediction),
        score=None if batch.score is None else batch.score.tolist(),
        latency_seconds=None if batch.latency_seconds is None else batch.latency_seconds.tolist(),
        error=batch.errors,
        request_id=batch.values(frame.request_id),
        entity=batch.values(frame.entity),
    )


def _store_blocks(conn: Connection, batch: Batch, version_id: int) -> None:
    """One block a UTC day, rows in the order of the batch."""
    days = batch.at // DAY
    for day in np.unique(days).tolist():
        here = np.flatnonzero(days == day)
        codec, payload = write_block(batch.frame, batch.rows[here])
        block.insert_block(
            conn,
            version_id,
            batch_id=batch.frame.batch_id,
            day=day,
            first_at=int(batch.at[here].min()),
            last_at=int(batch.at[here].max()),
            n=len(here),
            codec=codec,
            payload=payload,
        )


def _receipt(
    batch: Batch,
    model_id: int,
    version_id: int,
    *,
    now: int,
    sent_at: int | None,
    reply: IngestReply | None = None,
) -> Receipt:
    frame = batch.frame
    return Receipt(
        id=frame.batch_id,
        kind="predictions",
        model_id=model_id,
        version_id=version_id,
        deployment=frame.deployment,
        content_hash=batch.content_hash,
        n=frame.n + len({fault.row for fault in batch.faults if fault.column is None and fault.row is not None}),
        n_accepted=reply.accepted if reply else 0,
        n_duplicates=reply.duplicates if reply else 0,
        n_quarantined=len(batch.faults),
        n_dropped=sum(frame.dropped.values()),
        sample_rate=frame.sample_rate,
        sdk=frame.sdk or None,
        first_at=int(batch.at.min()) if len(batch) else None,
        last_at=int(batch.at.max()) if len(batch) else None,
        sent_at=sent_at,
        received_at=now,
        reply=reply.to_dict() if reply else None,
    )


def _held(fault: Fault, batch: Batch, now: int) -> quarantine.HeldRow:
    frame = batch.frame
    return quarantine.HeldRow(
        frame.environment,
        frame.model,
        frame.version,
        frame.batch_id,
        fault.row,
        fault.column,
        fault.reason,
        fault.payload,
        now,
    )
