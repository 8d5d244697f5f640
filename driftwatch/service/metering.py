"""Counts for Prometheus: a fixed set of series from this process, and a bounded set from the store."""

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from driftwatch.storage import heartbeat, inbox, notification, profile, registration, run
from driftwatch.storage.store import Store

__all__ = ["Meter", "read_gauges", "render"]

_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_MOST_MODELS = 50

Labels = tuple[tuple[str, str], ...]
Samples = dict[tuple[str, Labels], float]


@dataclass(frozen=True, slots=True)
class Family:
    """One metric: its name, what it counts, its type, and its samples by suffix and labels."""

    name: str
    help: str
    kind: str
    samples: Samples


class Meter:
    """Counters of one process. Thread-safe; labels come from fixed lists, never from what clients send."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, int]] = Counter()
        self._rows: Counter[str] = Counter()
        self._batches: Counter[str] = Counter()
        self._buckets = [0] * (len(_BOUNDS) + 1)
        self._seconds = 0.0

    def request(self, route: str, status: int, seconds: float) -> None:
        """Note an answered request; `route` is a template, not an address."""
        with self._lock:
            self._requests[route, status] += 1
            if route in ("/v1/batches", "/v1/outcomes"):
                place = next((place for place, bound in enumerate(_BOUNDS) if seconds <= bound), len(_BOUNDS))
                self._buckets[place] += 1
                self._seconds += seconds

    def batch(self, *, accepted: int, duplicates: int, quarantined: int, seen: bool) -> None:
        """Note a stored batch, or one that had come before."""
        with self._lock:
            self._batches["repeated" if seen else "stored"] += 1
            if not seen:
                self._rows.update(accepted=accepted, duplicate=duplicates, quarantined=quarantined)

    def families(self, in_flight_bytes: int) -> list[Family]:
        """Everything that this process counts."""
        with self._lock:
            requests: Samples = {
                ("", (("route", route), ("status", str(status)))): n for (route, status), n in self._requests.items()
            }
            rows = _by("result", {name: self._rows[name] for name in ("accepted", "duplicate", "quarantined")})
            batches = _by("result", {name: self._batches[name] for name in ("stored", "repeated")})
            seconds: Samples = {}
            total = 0
            for bound, count in zip((*_BOUNDS, float("inf")), self._buckets, strict=True):
                total += count
                seconds["_bucket", (("le", "+Inf" if bound == float("inf") else repr(bound)),)] = total
            seconds["_sum", ()], seconds["_count", ()] = self._seconds, total
        return [
            Family("driftwatch_http_requests_total", "Answered requests by route and status.", "counter", requests),
            Family("driftwatch_ingest_rows_total", "Rows that came in, by what became of them.", "counter", rows),
            Family("driftwatch_ingest_batches_total", "Batches that came in.", "counter", batches),
            Family("driftwatch_ingest_seconds", "Time to answer a batch.", "histogram", seconds),
            Family(
                "driftwatch_ingest_in_flight_bytes",
                "Bodies being read or stored.",
                "gauge",
                {("", ()): in_flight_bytes},
            ),
        ]


def read_gauges(store: Store) -> list[Family]:
    """What the store says of the work that waits, and how old the newest row of each model is (50 models at most)."""
    with store.read() as conn:
        now = store.now(conn)
        models = registration.list_models(conn)[:_MOST_MODELS]
        ages: Samples = {
            ("", (("environment", model.environment), ("model", model.name))): (now - newest) / 1e6
            for model in models
            if (newest := profile.watermark(conn, model.id)) is not None
        }
        beats: dict[str, int] = {}
        for row in heartbeat.list_heartbeats(conn):
            beats[row.component] = max(row.beat_at, beats.get(row.component, 0))
        waiting = profile.list_unfolded(conn, limit=10_000)
        runs = run.count_states(conn)
        messages = notification.count_statuses(conn)
        frames = inbox.count_inbox(conn)
    return [
        Family("driftwatch_model_data_age_seconds", "Age of a model's newest row, by its event time.", "gauge", ages),
        Family("driftwatch_inbox_frames", "Frames that wait in the inbox.", "gauge", _one(frames)),
        Family(
            "driftwatch_unfolded_deltas",
            "Profile deltas that wait for folding.",
            "gauge",
            _one(sum(bucket.n_deltas for bucket in waiting)),
        ),
        Family("driftwatch_runs", "Windows by state.", "gauge", _by("state", runs)),
        Family("driftwatch_notifications", "Messages by status.", "gauge", _by("status", messages)),
        Family(
            "driftwatch_heartbeat_age_seconds",
            "Time since each part of the service last said that it lives.",
            "gauge",
            _by("component", {name: (now - at) / 1e6 for name, at in beats.items()}),
        ),
    ]


def render(families: Iterable[Family]) -> str:
    """The Prometheus text format, version 0.0.4."""
    lines = []
    for family in families:
        lines += [f"# HELP {family.name} {family.help}", f"# TYPE {family.name} {family.kind}"]
        for (suffix, labels), value in sorted(family.samples.items(), key=lambda item: item[0][0] != "_bucket"):
            shown = ",".join(f'{name}="{_escape(text)}"' for name, text in labels)
            lines.append(f"{family.name}{suffix}{'{' + shown + '}' if shown else ''} {_number(value)}")
    return "\n".join(lines) + "\n"


def _one(value: float) -> Samples:
    return {("", ()): value}


def _by(label: str, values: Mapping[str, float]) -> Samples:
    return {("", ((label, name),)): value for name, value in sorted(values.items())}


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))
