"""A store with models in every state, filled by the functions of the service: ingest, settle, fold, tick, deliver.

Nothing is written past them, so that a page that shows it shows what a user would see.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
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

__all__ = ["REPLAYED", "Traffic", "fill", "flights", "judge", "log"]

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


def flights(
    day_start: int, *, rows: int, seed: int, shifted: bool = False, keep: Callable[[int], bool] | None = None
) -> Traffic:
    """One day of flights: temperature and score move together when `shifted`.

    Args:
        day_start: microseconds UTC.
        rows: rows an hour, at noon more than at night.
        seed: of this day.
        shifted: whether it is warmer than the reference ever was.
        keep: which hours of the day have rows; all if left out.
    """
    rng = np.random.default_rng([seed, day_start // DAY])
    hourly = [
        max(4, round(rows * (1 + 0.5 * np.sin((hour - 8) * np.pi / 12)))) if keep is None or keep(hour) else 0
        for hour in range(24)
    ]
    hours = np.repeat(np.arange(24), hourly)
    n = len(hours)
    at = np.sort(day_start + hours * HOUR + rng.integers(0, HOUR, n))
    temp = rng.normal(12.0 + 4.0 * np.sin((hours - 8) * np.pi / 12) + (9.0 if shifted else 0.0), 3.0)
    dewp = temp - rng.gamma(2.0, 3.0 if shifted else 2.0, n)
    distance = rng.choice([187.0, 509.0, 733.0, 1089.0, 1400.0, 2475.0], n, p=[0.1, 0.2, 0.25, 0.2, 0.15, 0.1])
    carriers = rng.choice(
        ["UA", "B6", "EV", "DL", "AA", "MQ", "US", "9E"], n, p=[0.2, 0.17, 0.16, 0.15, 0.12, 0.09, 0.06, 0.05]
    )
    wind: NDArray[Any] = rng.weibull(1.8, n) * 10
    visib = np.where(rng.random(n) < 0.8, 10.0, rng.uniform(0, 10, n))
    score = 1 / (1 + np.exp(-(-1.2 + 0.05 * (temp - 12) + 0.04 * (wind - 9) + rng.normal(0, 0.6, n))))
    failed = rng.random(n) < 0.004
    return Traffic(
        at=at.tolist(),
        features={
            "temp": [
                None if gone else round(value, 2)
                for value, gone in zip(temp.tolist(), (rng.random(n) < 0.01).tolist(), strict=True)
            ],
            "dewp": dewp.round(2).tolist(),
            "wind_speed": wind.round(1).tolist(),
            "visib": visib.round(1).tolist(),
            "distance": distance.tolist(),
            "hour": [int(hour) for hour in hours],
            "carrier": carriers.tolist(),
            "origin": rng.choice(["EWR", "JFK", "LGA"], n, p=[0.36, 0.33, 0.31]).tolist(),
        },
        score=[
            None if bad else float(value) for value, bad in zip(score.round(4).tolist(), failed.tolist(), strict=True)
        ],
        latency_seconds=rng.gamma(4.0, 0.006, n).round(5).tolist(),
        error=["TimeoutError" if bad else None for bad in failed.tolist()],
    )


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


def fill(store: Store, *, rows: int = 40) -> None:
    """Models in every state: flights drifts (a replay); live ones are quiet, learning, thin, silent and broken."""
    with store.begin() as conn:
        now = store.now(conn)
        for name, options in (
            ("ml-alerts", {"type": "slack", "webhook_url": "env:SLACK_WEBHOOK"}),
            (
                "ops-mail",
                {"type": "email", "smtp_url": "smtp://smtp.example.org:587", "from": "dw@example.org", "to": ["ops@example.org"]},
            ),
        ):
            made = parse_receiver({"kind": "receiver", "name": name, **options})
            receiver.put_receiver(conn, made.name, made.type, made.to_dict(), at=now)
    importance = {
        "temp": 0.34,
        "dewp": 0.22,
        "wind_speed": 0.14,
        "visib": 0.1,
        "distance": 0.08,
        "hour": 0.06,
        "carrier": 0.04,
        "origin": 0.02,
    }
    register(store, "flights", {"clock": "replay", "importance": importance, "task": "binary"})
    for day in range(21):
        log(store, "flights", day, flights(REPLAYED + day * DAY, rows=rows, seed=1, shifted=day >= 18))
    _fill_live(store, now, rows)
    judge(store)
    deliver(store)


def _fill_live(store: Store, now: int, rows: int) -> None:
    """The live models, up to this minute."""
    today = now - now % DAY

    def days(
        model: str, count: int, *, seed: int, until: int = now, keep: Callable[[int, int], bool] = _always
    ) -> None:
        for day in range(count):
            start = today - (count - 1 - day) * DAY
            log(store, model, day, _until(flights(start, rows=rows, seed=seed, keep=partial(keep, day)), until))

    days("basket-reco", 17, seed=2)
    days("newcomer", 5, seed=3)
    days("vip-offers", 17, seed=4, keep=lambda day, hour: day < 15 or hour % 12 == 1)
    days("churn-eu", 17, seed=5, until=now - 7 * HOUR)
    empty = {"start": to_iso(today - 3 * DAY), "end": to_iso(today - 2 * DAY)}  # before its first row: nothing to fit
    register(store, "eta-courier", {"reference": empty})
    days("eta-courier", 2, seed=6)
    register(store, "registered-only", {})


def _always(_day: int, _hour: int) -> bool:
    return True


def _until(traffic: Traffic, end: int) -> Traffic:
    keep = [place for place, at in enumerate(traffic.at) if at <= end - MINUTE]
    return Traffic(
        [traffic.at[place] for place in keep],
        {name: [values[place] for place in keep] for name, values in traffic.features.items()},
        [traffic.score[place] for place in keep],
        [traffic.latency_seconds[place] for place in keep],
        [traffic.error[place] for place in keep],
    )
