"""A store with models in every state, filled by the functions of the service: ingest, settle, fold, tick, deliver.

Nothing is written past them, so that a page that shows it shows what a user would see.
"""

import atexit
import logging
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.domain.instant import DAY, HOUR, MINUTE, from_iso, to_iso
from driftwatch.notifiers.receiver import parse_receiver
from driftwatch.service.codec_settling import settle_codecs
from driftwatch.service.fold import fold_profiles
from driftwatch.service.ingest import ingest_frame
from driftwatch.service.tick import Ticker
from driftwatch.storage import notification, receiver, registration
from driftwatch.storage.store import Store
from driftwatch.wire import Frame, build_column, encode

__all__ = ["REPLAYED", "Traffic", "fill", "flights", "judge", "log", "shared_url"]

REPLAYED = from_iso("2013-04-01T00:00")
"""When the replayed model's rows begin."""

_Columns = dict[str, list[Any]]


@dataclass(frozen=True)
class Traffic:
    """The rows of one day of a model.

    Attributes:
        at: instants, microseconds UTC.
        features: by name.
        score: one a row, or None.
        latency_seconds: one a row.
        error: one a row, None where it was served.
    """

    at: list[int]
    features: _Columns
    score: list[float | None]
    latency_seconds: list[float]
    error: list[str | None]


def log(store: Store, model: str, day: int, traffic: Traffic) -> None:
    """Send one day as the SDK would."""
    frame = Frame(
        batch_id=f"{model}-{day}",
        model=model,
        version="2024-06",
        ids=[f"{model}-{day}-{place}" for place in range(len(traffic.at))],
        at=traffic.at,
        score=traffic.score,
        prediction=[None if score is None else int(score > 0.5) for score in traffic.score],
        latency_seconds=traffic.latency_seconds,
        error=traffic.error,
        features={name: build_column(values)[0] for name, values in traffic.features.items()},
    )
    frame.raw = encode(frame)
    ingest_frame(store, frame, content_hash=b"seed")


def judge(store: Store) -> None:
    """What the service does every minute."""
    settle_codecs(store)
    fold_profiles(store, limit=100_000)
    Ticker(store, public_url="http://127.0.0.1:8301", owner="seed").tick()


def flights(day_start: int, *, rows: int, seed: int, shifted: bool = False) -> Traffic:
    """One day of flights: temperature and score move together when `shifted`.

    Args:
        day_start: microseconds UTC.
        rows: rows an hour, at noon more than at night.
        seed: of this day.
        shifted: whether it is warmer than the reference ever was.
    """
    rng = np.random.default_rng([seed, day_start // DAY])
    daily = 1 + 0.5 * np.sin((np.arange(24) - 8) * np.pi / 12)
    hours = np.repeat(np.arange(24), np.maximum(1, np.rint(rows * daily)).astype(int))
    n = len(hours)
    temp = rng.normal(12.0 + 4.0 * np.sin((hours - 8) * np.pi / 12) + (9.0 if shifted else 0.0), 3.0)
    score = 1 / (1 + np.exp(-(-1.2 + 0.08 * (temp - 12) + rng.normal(0, 0.6, n))))
    failed = rng.random(n) < 0.004
    missing = rng.random(n) < 0.01
    carriers = rng.choice(["UA", "B6", "EV", "DL", "AA", "MQ"], n, p=[0.25, 0.2, 0.2, 0.15, 0.12, 0.08])
    return Traffic(
        at=np.sort(day_start + hours * HOUR + rng.integers(0, HOUR, n)).tolist(),
        features={
            "temp": _without(temp.round(2).tolist(), missing),
            "wind_speed": (rng.weibull(1.8, n) * 10).round(1).tolist(),
            "hour": [int(hour) for hour in hours],
            "carrier": carriers.tolist(),
        },
        score=_without(score.round(4).tolist(), failed),
        latency_seconds=rng.gamma(4.0, 0.006, n).round(5).tolist(),
        error=["TimeoutError" if bad else None for bad in failed.tolist()],
    )


def _without(values: list[float], gone: NDArray[np.bool_]) -> list[float | None]:
    return [None if missing else value for value, missing in zip(values, gone.tolist(), strict=True)]


def register(store: Store, model: str, spec: Mapping[str, Any]) -> None:
    """Store a specification as ``driftwatch apply`` does."""
    document = {"kind": "model", "model": model, "columns": {"timestamp": "ts"}, **spec}
    with store.begin() as conn:
        now = store.now(conn)
        registration.set_spec(conn, registration.ensure_model(conn, "production", model, at=now), document, at=now)


def deliver(store: Store) -> None:
    """Send what waits: the first receiver takes everything, the second refuses for good."""
    while True:
        with store.begin() as conn:
            now = store.now(conn)
            message = notification.claim(conn, "seed", now=now, lease_seconds=60)
            if message is None:
                return
            names = {each.id: each.name for each in receiver.list_receivers(conn)}
            if names[message.receiver_id] == "ops-mail":
                notification.bury(conn, message, at=now, error="smtp.example.org refused the connection")
            else:
                notification.deliver(conn, message, at=now, external_id="1")


@cache
def shared_url() -> str:
    """The URL of one filled store for the whole test session; read it, and write nothing to it."""
    folder = tempfile.mkdtemp(prefix="dw-seed-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    url = f"sqlite:///{Path(folder) / 'store.db'}"
    tick = logging.getLogger("driftwatch.service.tick")
    tick.setLevel(logging.CRITICAL)  # one model's runs fail on purpose
    with Store.open(url) as store:
        fill(store)
    tick.setLevel(logging.NOTSET)
    return url


def fill(store: Store, *, rows: int = 30, days: int = 9) -> None:
    """Models in every state: flights drifts (a replay); live ones are quiet, learning, thin, silent and broken.

    Args:
        store: an empty one.
        rows: an hour.
        days: of the replayed model, the last two of them shifted; all but three are its reference.
    """
    email = {
        "type": "email",
        "smtp_url": "smtp://smtp.example.org",
        "from": "dw@example.org",
        "to": ["o@example.org"],
    }
    with store.begin() as conn:
        now = store.now(conn)
        for name, options in (("ml-alerts", {"type": "slack", "webhook_url": "env:HOOK"}), ("ops-mail", email)):
            made = parse_receiver({"kind": "receiver", "name": name, **options})
            receiver.put_receiver(conn, made.name, made.type, made.to_dict(), at=now)
    register(
        store,
        "flights",
        {
            "clock": "replay",
            "task": "binary",
            "importance": {"temp": 0.5, "wind_speed": 0.3, "hour": 0.15, "carrier": 0.05},
            "reference": {"start": to_iso(REPLAYED), "end": to_iso(REPLAYED + (days - 3) * DAY)},
        },
    )
    for day in range(days):
        log(store, "flights", day, flights(REPLAYED + day * DAY, rows=rows, seed=1, shifted=day >= days - 2))
    _fill_live(store, now, rows)
    judge(store)
    deliver(store)


def _fill_live(store: Store, now: int, rows: int) -> None:
    """The live models, up to this minute: three days of reference and two more."""
    today = now - now % DAY
    reference = {"reference": {"start": to_iso(today - 4 * DAY), "end": to_iso(today - DAY)}}

    def days(model: str, count: int, *, until: int = now, thin_from: int = now) -> None:
        for day in range(count):
            start = today - (count - 1 - day) * DAY
            log(store, model, day, _cut(flights(start, rows=rows, seed=len(model)), until, thin_from))

    for model in ("basket-reco", "vip-offers", "churn-eu"):
        register(store, model, reference)
    days("basket-reco", 5)
    days("vip-offers", 5, thin_from=now - 10 * HOUR)
    days("churn-eu", 5, until=now - 7 * HOUR)
    days("newcomer", 2)
    nothing = {"start": to_iso(today - 3 * DAY), "end": to_iso(today - 2 * DAY)}  # before its first row
    register(store, "eta-courier", {"reference": nothing})
    days("eta-courier", 2)
    register(store, "registered-only", {})


def _cut(traffic: Traffic, until: int, thin_from: int) -> Traffic:
    """Without the rows after `until`, and with one in ten from `thin_from` on."""
    keep = [
        place for place, at in enumerate(traffic.at) if at <= until - MINUTE and (at < thin_from or place % 10 == 0)
    ]
    return Traffic(
        [traffic.at[place] for place in keep],
        {name: [values[place] for place in keep] for name, values in traffic.features.items()},
        [traffic.score[place] for place in keep],
        [traffic.latency_seconds[place] for place in keep],
        [traffic.error[place] for place in keep],
    )
