"""What it costs to judge: one window of one model, many models every hour, a model of a thousand features.

    python -m benchmarks.evaluation [--features 50] [--models 50] [--hours 6] [--wide 1000]

Hourly windows of 1,000 rows; seven of ten features are numeric. The reference is four weeks. CPU of this process,
medians over windows. "From decoded profiles" is adding the new bucket to a history and judging it; "from the store" is
one round of the service on SQLite: what is due, read, decode, judge, write results, alerts and heartbeat.
"""

import argparse
import logging
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np

from driftwatch.domain.instant import HOUR, SECOND, from_iso, to_iso
from driftwatch.drift.rule import Calendar
from driftwatch.monitors.baseline import DriftBaseline
from driftwatch.monitors.history import History, NumericHistory
from driftwatch.monitors.outcome import fit_outcomes
from driftwatch.monitors.outcome_history import OutcomeHistory
from driftwatch.monitors.spec import ModelSpec
from driftwatch.monitors.verdict import Window
from driftwatch.performance.tally import LabelledRows, TallyPlan, tally_rows
from driftwatch.profiles.bucket import BucketProfile, CategoricalColumn, NumericColumn
from driftwatch.profiles.codec import NumericCodec, build_codec
from driftwatch.profiles.history import profile_rows
from driftwatch.profiles.numeric import profile_numeric
from driftwatch.profiles.plan import ProfilePlan
from driftwatch.profiles.rows import Rows
from driftwatch.service.binning import register_codecs
from driftwatch.service.tick import Ticker, TickReport
from driftwatch.storage import batch, profile, registration
from driftwatch.storage.batch import Receipt
from driftwatch.storage.store import Store

START = from_iso("2024-01-01T00:00")
REFERENCE = 28 * 24
WEEK = 168


@dataclass(frozen=True)
class Traffic:
    """A week of profiles, told again and again.

    Attributes:
        codecs: of the numeric features.
        profiles: of each hour of the week.
    """

    codecs: dict[str, NumericCodec]
    profiles: list[BucketProfile]

    def at(self, hour: int) -> BucketProfile:
        """The profile of an hour counted from the start."""
        return self.profiles[hour % WEEK]


def draw(features: int, rows: int = 1000, seed: int = 1) -> Traffic:
    """Features of the kinds that models see; three in ten are categories, one in five has missing values."""
    rng = np.random.default_rng(seed)
    numeric = {f"x{place}": _values(rng, place) for place in range(features * 7 // 10)}
    weights = {f"c{place}": rng.dirichlet(np.full(2 + place % 40, 2.0)) for place in range(features - len(numeric))}
    codecs = {name: build_codec(values) for name, values in numeric.items()}
    plan = ProfilePlan(dict(codecs))
    profiles = []
    for _ in range(WEEK):
        columns: dict[str, NumericColumn | CategoricalColumn] = {}
        for place, (name, values) in enumerate(numeric.items()):
            nulls = rng.random(rows) < 0.02 if place % 5 == 0 else None
            columns[name] = NumericColumn(values[rng.integers(0, len(values), rows)], nulls)
        for name, shares in weights.items():
            levels = [f"level-{level}" for level in range(len(shares))]
            columns[name] = CategoricalColumn(levels, rng.choice(len(shares), rows, p=shares))
        profiles.append(profile_rows(Rows(at=np.zeros(rows, dtype=np.int64), features=columns), plan))
    return Traffic(codecs, profiles)


def _values(rng: np.random.Generator, place: int, size: int = 20_000) -> np.ndarray:
    kinds: Sequence[Callable[[], np.ndarray]] = (
        lambda: rng.normal(size=size),
        lambda: rng.lognormal(size=size),
        lambda: rng.standard_t(2.5, size),
        lambda: np.where(rng.random(size) < 0.5, 0.0, rng.lognormal(size=size)),
        lambda: rng.poisson(8, size).astype(np.float64),
    )
    return kinds[place % len(kinds)]()


def cpu(work: Callable[[], object]) -> float:
    """CPU seconds of this process."""
    start = time.process_time()
    work()
    return time.process_time() - start


def in_memory(traffic: Traffic, past: int, windows: int) -> tuple[float, float]:
    """CPU seconds of a fit, and the median of one evaluation from decoded profiles, `past` windows after the start."""
    spec = ModelSpec(model="bench", environment="production")
    history = History.of(spec, traffic.codecs, (START, START + REFERENCE * HOUR))
    for hour in range(past):
        history.add(START + hour * HOUR, traffic.at(hour))
    fitted: list[DriftBaseline] = []
    fit = cpu(lambda: fitted.append(DriftBaseline.fit(history, spec, (START, START + REFERENCE * HOUR))))
    trails = fitted[0].trails(history, START + past * HOUR)

    def evaluate(hour: int) -> None:
        history.add(START + hour * HOUR, traffic.at(hour))
        fitted[0].judge(history, [START + hour * HOUR], trails=trails)

    return fit, median(cpu(partial(evaluate, hour)) for hour in range(past, past + windows))


def labelled(past: int, windows: int) -> float:
    """CPU seconds, the median of judging the outcomes of one hour and what its scores let expect."""
    rng, hour = np.random.default_rng(1), Calendar(HOUR // SECOND, 0)
    codec = build_codec(rng.beta(2, 3, 5000), bins=1024)
    plan, rows = TallyPlan("binary", codec.edges, threshold=0.5), 1000
    week = []
    for _ in range(WEEK):
        score = rng.beta(2, 3, rows)
        labels = LabelledRows((rng.random(rows) < score).tolist(), [None] * rows, score)
        week.append((tally_rows(plan, labels), profile_numeric(score, codec)))
    history, scores, column = OutcomeHistory(codec), OutcomeHistory(codec), NumericHistory(codec=codec)

    def add(index: int) -> None:
        tally, profile_ = week[index % WEEK]
        history.add(index, tally)
        column.add(index, profile_)
        scores.follow(column, [index])

    for index in range(past):
        add(index)
    baseline = fit_outcomes(history, ModelSpec("bench"), hour, (0, REFERENCE), scores=scores)
    if baseline is None:
        raise RuntimeError("the reference is labelled, but nothing was fitted")
    trail = baseline.trail(history, past)

    def evaluate(index: int) -> None:
        add(index)
        window = {index: Window(index * HOUR, (index + 1) * HOUR, (index + 1) * HOUR)}
        baseline.judge(history, window, trail=trail)
        baseline.judge_scores(scores, window)

    return median(cpu(partial(evaluate, index)) for index in range(past, past + windows))


@dataclass(frozen=True)
class Model:
    """One registered model."""

    id: int
    version_id: int
    name: str


def register(store: Store, name: str, traffic: Traffic) -> Model:
    """A model with its reference in the store, folded."""
    period = {"start": to_iso(START), "end": to_iso(START + REFERENCE * HOUR)}
    spec = {"model": name, "columns": {"timestamp": "ts"}, "reference": period, "clock": "replay"}
    with store.begin() as conn:
        now = store.now(conn)
        model_id = registration.ensure_model(conn, "production", name, at=now)
        version_id = registration.ensure_version(conn, model_id, "1", at=now)
        registration.set_spec(conn, model_id, spec)
        register_codecs(conn, model_id, traffic.codecs, at=now)
    return Model(model_id, version_id, name)


def send(store: Store, model: Model, hours: range, payloads: Sequence[bytes]) -> None:
    """What ingest leaves of some hours: a receipt and folded profiles."""
    with store.begin() as conn:
        now = store.now(conn)
        for hour in hours:
            name = f"{model.name}-{hour}"
            at = START + hour * HOUR
            receipt = _receipt(model, name, at, now)
            batch.insert_receipt(conn, receipt)
            payload = payloads[hour % WEEK]
            profile.insert_delta(conn, model.version_id, at, 1000, payload, batch_id=name, at=now)
            profile.fold(conn, model.version_id, at, lambda parts: parts[0], at=now)


def _receipt(model: Model, name: str, at: int, now: int) -> Receipt:
    return Receipt(
        name,
        "predictions",
        model.id,
        name.encode(),
        1000,
        now,
        version_id=model.version_id,
        n_accepted=1000,
        first_at=at,
        last_at=at + HOUR - 1,
    )


def from_store(traffic: Traffic, n_models: int, hours: int, past: int = REFERENCE + 24) -> tuple[float, list[float]]:
    """CPU seconds of the first round of all models, and of every hourly round after it."""
    payloads = [each.to_bytes() for each in traffic.profiles]
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(f"sqlite:///{Path(folder) / 'bench.db'}")
        models = [register(store, f"model-{place}", traffic) for place in range(n_models)]
        for model in models:
            send(store, model, range(past), payloads)
        ticker = Ticker(store, public_url="http://127.0.0.1:8301", owner="bench")
        first = cpu(ticker.tick)
        reports: list[TickReport] = []
        rounds = []
        for hour in range(past, past + hours):
            for model in models:
                send(store, model, range(hour, hour + 1), payloads)
            rounds.append(cpu(lambda: reports.append(ticker.tick())))
            if (reports[-1].judged, reports[-1].failed) != (n_models, 0):
                raise RuntimeError(f"a window of each model was due, but: {reports[-1]}")
        store.close()
    return first, rounds


def resident() -> float:
    """MB of memory that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def row(what: str, value: str) -> None:
    print(f"| {what} | {value} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--features", type=int, default=50)
    parser.add_argument("--models", type=int, default=50)
    parser.add_argument("--hours", type=int, default=6)
    parser.add_argument("--wide", type=int, default=1000)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    print("| what | measured |\n|---|---|")
    traffic = draw(arguments.features)
    for past, name in ((REFERENCE + 24, "4 weeks"), (REFERENCE + 180 * 24, "4 weeks + 180 days")):
        fit, evaluation = in_memory(traffic, past, 24)
        row(f"fit of {arguments.features} features, history of {name}", f"{fit:.2f} s")
        row(f"one evaluation from decoded profiles, history of {name}", f"{1000 * evaluation:.1f} ms")
        row(f"outcomes of one window, history of {name}", f"{1000 * labelled(past, 24):.1f} ms")
    first, rounds = from_store(traffic, 1, 24)
    row("one evaluation from the store (SQLite)", f"{1000 * median(rounds):.1f} ms")
    before = resident()
    first, rounds = from_store(traffic, arguments.models, arguments.hours)
    each = median(rounds) / arguments.models
    row(f"{arguments.models} models, first round (read and fit) of each", f"{first / arguments.models:.2f} s")
    row(f"{arguments.models} models, a model-hour", f"{1000 * each:.1f} ms")
    row("1,000 models, CPU an hour", f"{1000 * each / 60:.1f} min")
    row("memory a model held by a worker", f"{(resident() - before) / arguments.models:.1f} MB")
    if arguments.wide:
        wide = draw(arguments.wide, rows=1000)
        fit, evaluation = in_memory(wide, REFERENCE + 24, 6)
        row(f"fit of {arguments.wide} features", f"{fit:.1f} s")
        row(f"one evaluation of {arguments.wide} features", f"{1000 * evaluation:.0f} ms")
        row("memory at its highest", f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:.0f} MB")


if __name__ == "__main__":
    main()
