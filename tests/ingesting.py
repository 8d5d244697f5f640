"""Frames and stores for the tests of ingestion."""

from typing import Any

from driftwatch.domain.instant import HOUR
from driftwatch.profiles.bucket import BucketProfile
from driftwatch.service.ingest import IngestReply, ingest_frame
from driftwatch.storage import profile, registration
from driftwatch.storage.store import Store
from driftwatch.wire import Frame, build_column, encode

__all__ = ["NOON", "NOW", "frame_of", "model_id", "profiles_of", "send", "version_id"]

NOON = 1_358_251_200_000_000  # 2013-01-15 12:00 UTC
NOW = NOON + 5 * HOUR


def frame_of(
    batch_id: str = "batch-1",
    *,
    n: int = 10,
    at: list[int] | None = None,
    features: dict[str, list[Any]] | None = None,
    ids: list[str] | None = None,
    **more: Any,
) -> Frame:
    columns = {"temp": [float(place) for place in range(n)]} if features is None else features
    frame = Frame(
        batch_id=batch_id,
        model=more.pop("model", "flights"),
        version=more.pop("version", "1"),
        ids=ids or [f"{batch_id}-{place}" for place in range(n)],
        at=at or [NOON + place for place in range(n)],
        features={name: build_column(values)[0] for name, values in columns.items()},
        **more,
    )
    frame.raw = encode(frame)
    return frame


def send(store: Store, frame: Frame, *, content: bytes = b"same", now: int = NOW) -> IngestReply:
    return ingest_frame(store, frame, content_hash=content, now=now)


def model_id(store: Store, name: str = "flights") -> int:
    with store.read() as conn:
        model = registration.find_model(conn, "production", name)
    assert model is not None
    return model.id


def version_id(store: Store, name: str = "flights", version: str = "1") -> int:
    with store.read() as conn:
        row = registration.find_version(conn, model_id(store, name), version)
    assert row is not None
    return row.id


def profiles_of(store: Store, name: str = "flights", version: str = "1") -> dict[int, BucketProfile]:
    """Every bucket of a version, folded and not, as one profile each."""
    with store.read() as conn:
        rows = profile.read_buckets(conn, version_id(store, name, version), 0, 2**62)
    merged = {}
    for row in rows:
        parts = [BucketProfile.from_bytes(payload) for payload in row.payloads]
        total = parts[0]
        for part in parts[1:]:
            total = total.merge(part)
        merged[row.bucket_at] = total
    return merged
