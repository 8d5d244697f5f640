"""A dependence that breaks, an embedding that moves, a text in another language: from the frame to the finding."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ingesting import NOON, model_id, profiles_of
from seeding import judge, register

import driftwatch
from driftwatch.domain.finding import Finding
from driftwatch.domain.instant import DAY, HOUR, to_iso
from driftwatch.domain.signal import Severity, Signal
from driftwatch.monitors.spec import parse_model_spec
from driftwatch.profiles.categorical import CategoricalProfile
from driftwatch.profiles.moments import NUMERIC_TOGETHER
from driftwatch.profiles.text import derived_names
from driftwatch.service.backtest import backtest
from driftwatch.service.binning import read_binnings
from driftwatch.service.compaction import compact_blocks
from driftwatch.service.frame_settling import FrameSettler
from driftwatch.service.ingest import ingest_frame
from driftwatch.storage import finding, registration
from driftwatch.storage.store import Store
from driftwatch.wire import Frame, build_column, encode

START = NOON - 12 * HOUR
REFERENCE_DAYS, DAYS = 14, 17
CHANGE = START + 15 * DAY
PER_HOUR = 40
ENGLISH = ("room", "clean", "quiet", "but", "breakfast", "came", "late", "staff", "friendly", "view", "lovely", "price")
FRENCH = (
    "chambre",
    "propre",
    "calme",
    "mais",
    "déjeuner",
    "très",
    "tard",
    "aimable",
    "vue",
    "superbe",
    "prix",
    "élevé",
)
SPEC: dict[str, Any] = {
    "model": "hotel",
    "columns": {"timestamp": "ts"},
    "features": {"numeric": ["nights", "paid"], "text": ["review"], "embedding": ["embedding"]},
    "reference": {"start": to_iso(START), "end": to_iso(START + REFERENCE_DAYS * DAY)},
    "clock": "replay",
}


def day(number: int) -> dict[str, list[Any]]:
    """One day: nights and what is paid belong together until the change, and keep their distributions after it."""
    rng = np.random.default_rng([7, number])
    hour = np.repeat(np.arange(24), PER_HOUR)
    changed = START + number * DAY >= CHANGE
    nights = rng.normal(0.5 * np.sin(2 * np.pi * hour / 24), 1.0)
    paid = 0.8 * nights + rng.normal(0, 0.6, len(hour))
    if changed:
        for each in range(24):
            paid[hour == each] = rng.permutation(paid[hour == each])
    words = FRENCH if changed else ENGLISH
    vectors = rng.normal(0.5 if changed else 0.0, 1.0, (len(hour), 12)).astype(np.float32)
    return {
        "ts": (START + number * DAY + hour * HOUR + rng.integers(0, HOUR, len(hour))).tolist(),
        "nights": nights.tolist(),
        "paid": paid.tolist(),
        "review": [" ".join(rng.choice(words, rng.integers(4, 12))) for _ in hour],
        "embedding": [None if rng.random() < 0.05 else row.tolist() for row in vectors],
    }


def send(store: Store, number: int) -> None:
    columns = day(number)
    frame = Frame(
        batch_id=f"day-{number}",
        model="hotel",
        version="1",
        ids=[f"{number}-{place}" for place in range(len(columns["ts"]))],
        at=columns["ts"],
        features={name: build_column(values)[0] for name, values in columns.items() if name != "ts"},
    )
    frame.raw = encode(frame)
    ingest_frame(store, frame, content_hash=b"day")


def first_alarms(findings: list[Finding]) -> dict[tuple[str, str | None], tuple[int, str]]:
    """When each column, or all together, alarmed first, and what was seen."""
    found: dict[tuple[str, str | None], tuple[int, str]] = {}
    for each in sorted(findings, key=lambda one: one.window_start):
        if each.severity is Severity.WARNING:
            found.setdefault((each.signal.value, each.column), (each.window_start, each.kind))
    return found


def expected(found: dict[tuple[str, str | None], tuple[int, str]]) -> None:
    assert all(signal == "multivariate_drift" or column not in {"nights", "paid"} for signal, column in found)
    for key, kind in (
        (("multivariate_drift", None), "dependence"),
        (("drift", "embedding"), "means"),
        (("drift", "review.out_of_vocabulary"), "new_values"),
    ):
        at, seen = found[key]
        assert seen == kind
        assert CHANGE <= at <= CHANGE + 5 * HOUR


@pytest.mark.slow
def test_what_no_column_shows_is_ingested_judged_and_found(store: Store) -> None:
    register(store, "hotel", {key: value for key, value in SPEC.items() if key != "model"})
    settler = FrameSettler(store)
    for number in range(DAYS):
        send(store, number)
        with store.read() as conn:
            model = registration.find_model(conn, "production", "hotel")
        assert model is not None
        assert settler.settle(model) == (["review"] if number == 1 else [])  # a day has fewer than 1,000 texts
    with store.read() as conn:
        frames = read_binnings(conn, model_id(store, "hotel")).frames
    assert frames.moments.keys() == {NUMERIC_TOGETHER, "embedding"}
    assert frames.moments[NUMERIC_TOGETHER].names == ("nights", "paid")
    judge(store)
    with store.read() as conn:
        found = finding.list_findings(conn, model_id(store, "hotel"), START, START + DAYS * DAY)
    expected(first_alarms(found))
    (first, *_) = [each for each in found if each.signal is Signal.MULTIVARIATE_DRIFT]
    (pair,) = first.details["pairs"]
    assert pair["features"] == ["nights", "paid"]
    assert pair["correlation_reference"] == pytest.approx(0.8, abs=0.05)
    assert abs(pair["correlation"]) < 0.4


def test_a_text_is_kept_in_the_block_and_out_of_the_profile(store: Store) -> None:
    register(store, "hotel", {key: value for key, value in SPEC.items() if key != "model"})
    for number in range(2):
        send(store, number)
    profiled = next(iter(profiles_of(store, "hotel").values()))
    assert set(profiled.features) == {"nights", "paid", *derived_names("review")[:-1]}
    assert not any(isinstance(each, CategoricalProfile) for each in profiled.features.values())
    with store.read() as conn:
        model = registration.find_model(conn, "production", "hotel")
    assert model is not None
    assert FrameSettler(store).settle(model) == ["review"]
    compact_blocks(store)  # a block keeps its texts when it is joined with others
    send(store, 2)
    later = profiles_of(store, "hotel")[START + 2 * DAY]
    assert set(derived_names("review")) <= set(later.features)


def table(first: int, stop: int) -> pa.Table:
    days = [day(number) for number in range(first, stop)]
    columns = {name: [value for each in days for value in each[name]] for name in days[0]}
    vectors = pa.array(columns.pop("embedding"), pa.list_(pa.float32()))
    times = pa.array(columns.pop("ts"), pa.timestamp("us", "UTC"))
    return pa.table({"ts": times, **columns, "embedding": vectors})


@pytest.mark.slow
def test_a_backtest_finds_the_same(tmp_path: Path) -> None:
    pq.write_table(table(0, DAYS), tmp_path / "log.parquet")
    report = backtest(tmp_path / "log.parquet", SPEC)
    assert report.left_out == ()
    expected(first_alarms(list(report.findings)))


@pytest.mark.slow
def test_two_files_are_compared_by_what_their_texts_and_vectors_say() -> None:
    spec = parse_model_spec(SPEC)
    result = driftwatch.compare(table(0, 4), table(15, 17), spec)
    columns = {each.column: each for each in result.columns}
    assert columns.keys() == {"nights", "paid", "embedding", *derived_names("review")}
    assert {"embedding", "review.out_of_vocabulary"} <= set(result.drifted)
    assert not {"nights", "paid"} & set(result.drifted)
    assert columns["embedding"].kind == "embedding"
    assert columns["embedding"].missing_reference == pytest.approx(0.05, abs=0.02)
    assert result.not_compared == ()
    same = driftwatch.compare(table(0, 4), table(4, 8), spec)
    assert same.drifted == ()
    assert "embedding" in same.to_html()


def test_an_embedding_that_is_gone_or_of_another_length_is_said() -> None:
    reference = table(0, 1)
    short = reference.set_column(
        reference.schema.get_field_index("embedding"), "embedding", pa.array([[1.0, 2.0]] * reference.num_rows)
    )
    for current, kind in ((reference.drop_columns(["embedding"]), "vanished"), (short, "retyped")):
        (column,) = [each for each in driftwatch.compare(reference, current).columns if each.column == "embedding"]
        assert (column.drifted, column.severity, column.findings[0].kind) == (True, Severity.CRITICAL, kind)
