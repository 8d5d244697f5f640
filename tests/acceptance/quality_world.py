"""A model with constraints, three quiet days and one on which half of the afternoon's values are wrong."""

from typing import Any

import numpy as np
from ingesting import frame_of, send

from driftwatch.domain.instant import DAY, from_iso
from driftwatch.notifiers.receiver import parse_receiver
from driftwatch.service.tick import Ticker
from driftwatch.storage import receiver, registration
from driftwatch.storage.store import Store

__all__ = ["A_DAY", "DAYS", "SPEC", "START", "columns_of", "fill"]

START = from_iso("2024-01-01")
DAYS = 4
A_DAY = 24 * 40
SPEC: dict[str, Any] = {
    "model": "flights",
    "columns": {"timestamp": "ts", "id": "id", "prediction": "y"},
    "features": {"numeric": ["temp"], "categorical": ["carrier"]},
    "task": "binary",
    "clock": "replay",
    "reference": {"start": "2024-01-01", "end": "2024-01-04"},
    "constraints": [
        {"column": "temp", "between": [-60, 60], "not_null": True},
        {"column": "carrier", "in": ["AA", "WN"]},
        {"column": "y", "in": [0, 1]},
        {"column": "region", "regex": "[a-z]+"},
        {"column": "id", "unique": True},
    ],
}


def columns_of(day: int, *, broken: bool) -> dict[str, list[Any]]:
    """Forty rows an hour; from noon of a broken day on temperatures are absurd and a carrier is new."""
    rng = np.random.default_rng(day)
    afternoon = np.arange(A_DAY) >= A_DAY // 2 if broken else np.zeros(A_DAY, dtype=bool)
    carrier = rng.choice(["AA", "WN"], A_DAY)
    carrier[np.flatnonzero(afternoon)[::5]] = "XX"
    return {
        "temp": np.where(afternoon, 999.0, rng.normal(10, 5, A_DAY)).tolist(),
        "carrier": carrier.tolist(),
        "region": ["north"] * A_DAY,
        "y": rng.integers(0, 2, A_DAY).tolist(),
        "at": [START + day * DAY + place * 90_000_000 for place in range(A_DAY)],
        "id": [f"{day}-{place}" for place in range(A_DAY)],
    }


def fill(store: Store, spec: dict[str, Any]) -> None:
    """Apply the specification, send the four days, and judge what is due."""
    with store.begin() as conn:
        registration.set_spec(conn, registration.ensure_model(conn, "production", "flights", at=0), spec, at=0)
        ops = parse_receiver({"kind": "receiver", "name": "ops", "type": "slack", "webhook_url": "env:OPS"})
        receiver.put_receiver(conn, ops.name, ops.type, ops.to_dict(), at=0)
    for day in range(DAYS):
        made = columns_of(day, broken=day == DAYS - 1)
        frame = frame_of(
            f"day-{day}",
            n=A_DAY,
            at=made["at"],
            ids=made["id"],
            features={name: made[name] for name in ("temp", "carrier")},
            prediction=made["y"],
            tags={"region": made["region"]},
        )
        send(store, frame, content=bytes(32), now=START + 10 * DAY)
    Ticker(store, public_url="http://127.0.0.1:8301").tick()
