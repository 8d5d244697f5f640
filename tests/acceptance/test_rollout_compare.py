"""Two versions compared from what the store holds: canary and shadow, by command and in Python."""

import json
from typing import Any

import numpy as np
import pytest
from ingesting import NOON, frame_of

from driftwatch.cli.app import run
from driftwatch.domain.instant import DAY, HOUR, MINUTE
from driftwatch.errors import NotFoundError, SpecError, UnknownNameError
from driftwatch.service.apply import apply_documents
from driftwatch.service.ingest import ingest_frame
from driftwatch.service.outcome_ingest import ingest_outcomes
from driftwatch.service.version_comparison import VersionComparison, compare_versions
from driftwatch.storage.store import Store
from driftwatch.wire import OutcomeFrame, encode_outcomes

HOURS, ROWS = 16, 150
LATER = NOON + 10 * DAY
MODEL = {
    "kind": "model", "model": "flights", "task": "binary", "columns": {"timestamp": "ts"}, "decision_threshold": 0.5,
    "costs": {"false_positive": -1, "false_negative": -4},
}  # fmt: skip


def log(store: Store, version: str, hour: int, score: np.ndarray, *, requests: bool, errors: np.ndarray) -> None:
    n = len(score)
    frame = frame_of(
        f"{version}-{hour}",
        n=n,
        at=[NOON + hour * HOUR + place * 1_000 for place in range(n)],
        version=version,
        score=score.tolist(),
        prediction=(score >= 0.5).astype(int).tolist(),
        request_id=[f"r-{hour}-{place}" for place in range(n)] if requests else None,
        latency_seconds=[0.1 if version == "1" else 0.2] * n,
        error=["boom" if each else None for each in errors.tolist()],
    )
    ingest_frame(store, frame, content_hash=b"x", now=LATER)


def tell(store: Store, hour: int, names: list[str], truth: np.ndarray, *, by_request: bool) -> None:
    empty: list[str | None] = [None] * len(names)
    frame = OutcomeFrame(
        batch_id=f"outcomes-{hour}-{names[0]}",
        model="flights",
        ids=empty if by_request else list(names),
        request_ids=list(names) if by_request else empty,
        values=truth.astype(int).tolist(),
        at=np.full(len(names), NOON + hour * HOUR + 30 * MINUTE, dtype="<i8").tobytes(),
    )
    frame.raw = encode_outcomes(frame)
    ingest_outcomes(store, frame, content_hash=b"x", now=LATER)


def shadowed(store: Store) -> None:
    """The second version answers the same requests, a little better."""
    rng = np.random.default_rng(11)
    apply_documents(store, [MODEL], actor="test")
    for hour in range(HOURS):
        chance = rng.beta(1, 1, ROWS)
        truth = rng.random(ROWS) < chance
        noise = rng.normal(0, 0.15, ROWS)
        none = np.zeros(ROWS, dtype=bool)
        log(store, "1", hour, np.clip(chance + noise, 0, 1), requests=True, errors=none)
        log(store, "2", hour, np.clip(chance + noise / 3, 0, 1), requests=True, errors=none)
        tell(store, hour, [f"r-{hour}-{place}" for place in range(ROWS)], truth, by_request=True)


def split(store: Store, *, errors: float, candidate_rows: int = ROWS) -> None:
    """Each version answers requests of its own; the second fails in a share of them."""
    rng = np.random.default_rng(12)
    apply_documents(store, [MODEL], actor="test")
    for hour in range(HOURS):
        for version, rate, n in (("1", 0.01, ROWS), ("2", errors, candidate_rows)):
            chance = rng.beta(2, 2, n)
            log(store, version, hour, chance, requests=False, errors=rng.random(n) < rate)
            tell(store, hour, [f"{version}-{hour}-{p}" for p in range(n)], rng.random(n) < chance, by_request=False)


def compared(store: Store, **changes: Any) -> VersionComparison:
    return compare_versions(store, "production", "flights", **({"baseline": "1", "candidate": "2"} | changes))


def test_a_shadow_is_compared_request_by_request(store: Store) -> None:
    shadowed(store)
    found = compared(store, paired=True, margins={"brier_score": 0.0, "error_rate": 0.01}, slow_seconds=0.15)
    assert found.pairs == HOURS * ROWS
    brier = found.differences["brier_score"]
    assert brier.high is not None
    assert brier.high < 0
    assert brier.n_baseline == brier.n_candidate == HOURS * ROWS
    assert found.differences["latency_seconds"].value == pytest.approx(0.1)
    assert found.differences["slow_rate"].value == 1.0
    assert 0.0 < found.differences["disagreement"].value < 0.2
    assert found.verdict.decision == "promote"
    assert "better by at least" in found.verdict.reasons[0]
    apart = compared(store).differences["brier_score"]  # the same rows, without knowing which belong together
    assert apart.value == pytest.approx(brier.value)
    assert apart.low is not None
    assert brier.low is not None
    assert apart.high is not None
    assert apart.high - apart.low > 3 * (brier.high - brier.low)


def test_a_canary_that_fails_more_often_is_rolled_back_and_an_equal_one_promoted(store: Store) -> None:
    split(store, errors=0.08)
    found = compared(store, margins={"error_rate": 0.01}, share=0.5)
    assert (found.verdict.decision, found.pairs) == ("roll_back", None)
    assert "worse by at least" in found.verdict.reasons[0]
    assert found.differences["error_rate"].n_candidate == HOURS * ROWS
    assert found.ratio is not None
    assert not found.ratio.mismatch
    assert "disagreement" not in found.differences
    assert compared(store, margins={"error_rate": 0.2}).verdict.decision == "promote"
    assert compared(store, margins={"error_rate": 0.07}).verdict.decision == "hold"
    # False negatives cost four times as much: what is lost is told as a cost, more being worse.
    assert found.differences["cost"].baseline > found.differences["misclassification_rate"].baseline


def test_a_split_that_went_wrong_decides_nothing(store: Store) -> None:
    split(store, errors=0.01, candidate_rows=50)
    found = compared(store, margins={"error_rate": 0.2}, share=0.1)
    assert found.verdict.decision == "hold"
    assert "the split is wrong" in found.verdict.reasons[0]


def test_too_few_rows_and_no_margin_hold(store: Store) -> None:
    split(store, errors=0.01, candidate_rows=5)
    assert compared(store, margins={"error_rate": 0.5}).verdict.reasons == (
        "error_rate: too few rows of a version yet",
    )
    assert compared(store).verdict.decision == "hold"
    assert compared(store).differences["error_rate"].low is None


def test_wrong_questions_are_answered_with_what_is_right(store: Store) -> None:
    split(store, errors=0.01, candidate_rows=5)
    with pytest.raises(NotFoundError, match="no version '3'"):
        compared(store, candidate="3")
    with pytest.raises(UnknownNameError, match="error_rate"):
        compared(store, margins={"eror_rate": 0.1})
    with pytest.raises(SpecError, match="it takes a shadow"):
        compared(store, margins={"disagreement": 0.1})
    with pytest.raises(SpecError, match="share of the traffic"):
        compared(store, share=1.0)


def test_the_command_says_what_python_says(store: Store, store_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    split(store, errors=0.08)
    arguments = ["rollout", "compare", "flights", "1", "2", "--margin", "error_rate=0.01", "--store", store_url]
    assert run([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == compared(store, margins={"error_rate": 0.01}).to_dict()
    assert run(arguments) == 0
    said = capsys.readouterr().out
    assert "roll back" in said
    assert "failed calls" in said
    assert run([*arguments[:-4], "--margin", "error_rate", "--store", store_url]) == 2
    assert "write error_rate=0.005" in capsys.readouterr().err
