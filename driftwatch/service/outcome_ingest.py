"""Outcomes into the store: append-only, once a batch; an outcome may come before its prediction, or without one."""

from collections.abc import Sequence

import numpy as np
from sqlalchemy import Connection

from driftwatch.domain.instant import to_iso
from driftwatch.domain.system import check_name
from driftwatch.service.batch import AHEAD, Fault
from driftwatch.service.ingest import IngestReply, conflict, hold_conflict, repeated
from driftwatch.storage import batch as receipts
from driftwatch.storage import drop, outcome, quarantine, registration
from driftwatch.storage.batch import Receipt
from driftwatch.storage.store import Store
from driftwatch.wire import OutcomeFrame

__all__ = ["ingest_outcomes", "store_outcomes"]


def ingest_outcomes(
    store: Store,
    frame: OutcomeFrame,
    *,
    content_hash: bytes,
    now: int | None = None,
    positions: Sequence[int] | None = None,
    faults: Sequence[Fault] = (),
    sent_at: int | None = None,
) -> IngestReply:
    """Store one batch of outcomes, once. Arguments and errors as in `ingest.ingest_frame`."""
    with store.begin() as conn:
        reply = store_outcomes(
            conn,
            frame,
            content_hash=content_hash,
            now=store.now(conn) if now is None else now,
            positions=positions,
            faults=faults,
            sent_at=sent_at,
        )
    if reply is None:
        raise conflict(frame.batch_id)
    return reply


def store_outcomes(
    conn: Connection,
    frame: OutcomeFrame,
    *,
    content_hash: bytes,
    now: int,
    positions: Sequence[int] | None = None,
    faults: Sequence[Fault] = (),
    sent_at: int | None = None,
) -> IngestReply | None:
    """Everything of one batch of outcomes, in the caller's transaction.

    Returns:
        The reply; None if the id belongs to other content: then it is put in quarantine.

    Raises:
        SpecError: the model's name is reserved.
    """
    check_name(frame.environment, frame.model)
    model_id = registration.ensure_model(conn, frame.environment, frame.model, at=now)
    at = np.frombuffer(frame.at, dtype="<i8")
    found = [*faults, *_ahead(frame, at, now, positions)]
    kept = np.flatnonzero((at <= now + AHEAD) & (at >= 0))
    reply = IngestReply(frame.batch_id, len(kept), 0, [fault.to_dict() for fault in found])
    receipt = Receipt(
        id=frame.batch_id,
        kind="outcomes",
        model_id=model_id,
        content_hash=content_hash,
        n=frame.n + len({fault.row for fault in faults}),
        n_accepted=len(kept),
        n_quarantined=len(found),
        n_dropped=sum(frame.dropped.values()),
        sdk=frame.sdk or None,
        first_at=int(at[kept].min()) if len(kept) else None,
        last_at=int(at[kept].max()) if len(kept) else None,
        sent_at=sent_at,
        received_at=now,
        reply=reply.to_dict(),
    )
    if not receipts.insert_receipt(conn, receipt):
        return _again(conn, frame, content_hash, now=now)
    rows = kept.tolist()
    outcome.insert_outcomes(
        conn,
        outcome.OutcomeColumns(
            model=frame.model,
            model_id=model_id,
            batch_id=frame.batch_id,
            ids=[frame.ids[row] for row in rows],
            request_ids=[frame.request_ids[row] for row in rows],
            values=[frame.values[row] for row in rows],
            observed_at=at[kept].tolist(),
            received_at=now,
        ),
    )
    quarantine.hold(conn, [_held(fault, frame, now) for fault in found])
    drop.insert_drops(conn, model_id, frame.batch_id, frame.dropped, at=now)
    return reply


def _again(conn: Connection, frame: OutcomeFrame, content_hash: bytes, *, now: int) -> IngestReply | None:
    known = receipts.find_receipt(conn, frame.batch_id)
    assert known is not None  # noqa: S101 - insert_receipt said so
    if bytes(known.content_hash) == content_hash and known.kind == "outcomes":
        return repeated(known)
    hold_conflict(conn, frame, now=now)
    return None


def _ahead(frame: OutcomeFrame, at: np.ndarray, now: int, positions: Sequence[int] | None) -> list[Fault]:
    faults = []
    for row in np.flatnonzero((at > now + AHEAD) | (at < 0)).tolist():
        reason = (
            "the time is before 1970"
            if at[row] < 0
            else f"the time is more than 5 minutes ahead of the store's clock ({to_iso(now)})"
        )
        faults.append(Fault(row if positions is None else positions[row], "at", reason, _pack(frame, row)))
    return faults


def _pack(frame: OutcomeFrame, row: int) -> bytes:
    import ormsgpack

    at = int.from_bytes(frame.at[8 * row : 8 * row + 8], "little", signed=True)
    named = {"id": frame.ids[row], "request_id": frame.request_ids[row]}
    return ormsgpack.packb({**named, "value": frame.values[row], "at": at})


def _held(fault: Fault, frame: OutcomeFrame, now: int) -> quarantine.HeldRow:
    where = (frame.environment, frame.model, None, frame.batch_id)
    return quarantine.HeldRow(*where, fault.row, fault.column, fault.reason, fault.payload, now)
