"""What a request's body holds, and what becomes of it. Runs in a worker thread; knows nothing of HTTP but its words."""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from driftwatch.errors import DataError, FrameError, FrameVersionError
from driftwatch.service import arrow_body
from driftwatch.service.batch import Fault
from driftwatch.service.inbox_drain import hold_frame
from driftwatch.service.ingest import IngestReply, ingest_frame
from driftwatch.service.intake import Limits
from driftwatch.service.outcome_ingest import ingest_outcomes
from driftwatch.service.refusal import Refusal
from driftwatch.storage.store import Store
from driftwatch.wire import (
    CONTENT_TYPE,
    MAX_ID_BYTES,
    OUTCOME_CONTENT_TYPE,
    BadRow,
    clean_text,
    decode,
    decode_outcomes,
    decompress,
    frame_from_rows,
    outcomes_from_rows,
)
from driftwatch.wire.rows import instant_of

__all__ = ["Body", "take_batch", "take_outcomes"]

_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Body:
    """A body as received, and the headers that say how to read it.

    Attributes:
        content: bytes.
        content_type: without parameters, lower case; "" if the header is missing.
        encoding: ``Content-Encoding``, or None.
        batch_id: ``Idempotency-Key``, or None.
        sent_at: ``Driftwatch-Sent-At``, or None.
        query: of the address.
    """

    content: bytes
    content_type: str
    encoding: str | None = None
    batch_id: str | None = None
    sent_at: str | None = None
    query: Mapping[str, str] = field(default_factory=dict)


def take_batch(store: Store, body: Body, limits: Limits) -> IngestReply:
    """Store a batch of predictions: a frame, an Arrow IPC stream or JSON rows.

    Raises:
        Refusal: 415 for another type.
        DriftwatchError: what is wrong with the body, or with the store.
    """
    if body.content_type not in (CONTENT_TYPE, arrow_body.CONTENT_TYPE, _JSON):
        raise _unsupported(body, CONTENT_TYPE, arrow_body.CONTENT_TYPE, _JSON)
    plain = decompress(body.content, body.encoding, limits.plain_bytes)
    content_hash = hashlib.sha256(plain).digest()
    sent_at = _sent_at(body.sent_at)
    if body.content_type == CONTENT_TYPE:
        try:
            frame = decode(plain)
        except FrameVersionError as error:
            return _hold(store, plain, body, content_hash, error)
        _check_rows(frame.n, "n", limits)
        return ingest_frame(store, frame, content_hash=content_hash, sent_at=sent_at)
    if body.content_type == arrow_body.CONTENT_TYPE:
        sent = arrow_body.frame_from_arrow(plain, body.query, batch_id=_key(body), limit=limits.plain_bytes)
        _check_rows(sent.frame.n, "rows", limits)
        frame, faults, positions, named = sent.frame, sent.faults, sent.positions, sent.named
    else:
        payload = _read_json(plain)
        rows = _rows(payload, "rows", limits)
        named = bool(_named(payload) or _key(body))
        frame, bad = frame_from_rows(payload, batch_id=_key(body), now=time.time_ns() // 1000)
        faults, positions = _faults(bad, rows), _kept(len(rows), bad)
    reply = ingest_frame(store, frame, content_hash=content_hash, positions=positions, faults=faults, sent_at=sent_at)
    return replace(reply, idempotent=named)


def take_outcomes(store: Store, body: Body, limits: Limits) -> IngestReply:
    """Store a batch of outcomes: a frame of outcomes or JSON.

    Raises:
        Refusal: 415 for another type.
        DriftwatchError: what is wrong with the body, or with the store.
    """
    if body.content_type not in (OUTCOME_CONTENT_TYPE, CONTENT_TYPE, _JSON):
        raise _unsupported(body, OUTCOME_CONTENT_TYPE, _JSON)
    plain = decompress(body.content, body.encoding, limits.plain_bytes)
    content_hash = hashlib.sha256(plain).digest()
    sent_at = _sent_at(body.sent_at)
    if body.content_type != _JSON:
        try:
            frame = decode_outcomes(plain)
        except FrameVersionError as error:
            return _hold(store, plain, body, content_hash, error)
        _check_rows(frame.n, "n", limits)
        return ingest_outcomes(store, frame, content_hash=content_hash, sent_at=sent_at)
    payload = _read_json(plain)
    rows = _rows(payload, "outcomes", limits)
    frame, bad = outcomes_from_rows(payload, batch_id=_key(body), now=time.time_ns() // 1000)
    reply = ingest_outcomes(
        store,
        frame,
        content_hash=content_hash,
        positions=_kept(len(rows), bad),
        faults=_faults(bad, rows),
        sent_at=sent_at,
    )
    return replace(reply, idempotent=bool(_named(payload) or _key(body)))


def _unsupported(body: Body, *known: str) -> Refusal:
    given = f"not {body.content_type!r}" if body.content_type else "and give it as Content-Type"
    return Refusal(415, f"send {', '.join(known[:-1])} or {known[-1]}, {given}")


def _hold(store: Store, plain: bytes, body: Body, content_hash: bytes, error: FrameVersionError) -> IngestReply:
    """Keep a frame of a release to come: its client could not know better, and must not lose it."""
    batch_id = _key(body) or content_hash.hex()[:32]
    with store.begin() as conn:
        hold_frame(conn, plain, batch_id=batch_id, reason=str(error), now=store.now(conn))
    return IngestReply(batch_id, 0, 0, [Fault(None, None, str(error)).to_dict()])


def _read_json(plain: bytes) -> Any:
    try:
        return orjson.loads(plain)
    except orjson.JSONDecodeError as error:
        # Python's own encoder writes NaN and Infinity, which are no JSON; everybody knows what they mean.
        if b"NaN" in plain or b"Infinity" in plain:
            try:
                return json.loads(plain)
            except (ValueError, RecursionError):
                pass
        raise FrameError(f"the body is not JSON: {error}") from None


def _rows(payload: Any, key: str, limits: Limits) -> list[Any]:
    if not isinstance(payload, dict):
        raise DataError(f"$: the body is a JSON {type(payload).__name__}, not an object with {key!r}")
    rows = payload.get(key)
    if not isinstance(rows, list):
        return []  # reading the payload says what is wrong
    _check_rows(len(rows), key, limits)
    return rows


def _check_rows(n: int, path: str, limits: Limits) -> None:
    if n > limits.rows:
        raise DataError(f"{path}: {n:,} rows; a batch holds at most {limits.rows:,}")


def _named(payload: Mapping[str, Any]) -> bool:
    return bool(payload.get("batch_id"))


def _key(body: Body) -> str | None:
    key = body.batch_id
    if not key:
        return None
    if clean_text(key, MAX_ID_BYTES) != key:
        raise DataError(f"Idempotency-Key: has more than {MAX_ID_BYTES} bytes")
    return key


def _kept(n: int, bad: Sequence[BadRow]) -> list[int]:
    """Where each row that was kept stood in what was sent."""
    gone = {fault.row for fault in bad if fault.column is None}
    return [row for row in range(n) if row not in gone]


def _faults(bad: Sequence[BadRow], rows: Sequence[Any]) -> list[Fault]:
    return [Fault(fault.row, _clean(fault.column), _clean(fault.reason) or "", _pack(rows[fault.row])) for fault in bad]


def _clean(text: str | None) -> str | None:
    return None if text is None else clean_text(text, 1024)


def _pack(row: Any) -> bytes:
    try:
        return orjson.dumps(row)
    except TypeError:
        return json.dumps(row, default=str).encode("utf-8", "replace")


def _sent_at(text: str | None) -> int | None:
    """The client's clock; a header that is no time is no reason to lose the rows."""
    if text is None:
        return None
    try:
        return instant_of(text)
    except (ValueError, OverflowError):
        return None
