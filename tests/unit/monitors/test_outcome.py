"""Outcomes at one age: concept drift and worse performance are found, a changed base rate alone is neither."""

import numpy as np
import pytest
from numpy.typing import NDArray

from driftwatch.domain.instant import DAY, HOUR
from driftwatch.domain.signal import Severity, Signal
from driftwatch.drift.rule import Calendar
from driftwatch.monitors.history import NumericHistory
from driftwatch.monitors.impact import impact_of
from driftwatch.monitors.maturity import judged_age, outcome_width
from driftwatch.monitors.outcome import OutcomeVerdicts, fit_outcomes
from driftwatch.monitors.outcome_history import OutcomeHistory
from driftwatch.monitors.spec import ModelSpec, parse_model_spec
from driftwatch.monitors.verdict import Window
from driftwatch.performance.score_table import score_edges
from driftwatch.performance.tally import LabelledRows, TallyPlan, tally_rows
from driftwatch.profiles.codec import NumericCodec, build_codec
from driftwatch.profiles.numeric import profile_numeric

ROWS, REFERENCE, DAYS = 400, 56, 70
SCORES = build_codec(np.random.default_rng(0).beta(2, 3, 5000), bins=1024)
ERRORS = build_codec(np.random.default_rng(0).normal(0, 5, 5000))


def spec_of(task: str) -> ModelSpec:
    return parse_model_spec({"model": "m", "task": task, "columns": {"timestamp": "t", "label": "y"}, "bucket": "1d"})


def judged(history: OutcomeHistory, task: str) -> dict[int, OutcomeVerdicts]:
    baseline = fit_outcomes(history, spec_of(task), Calendar(86_400, 0), (0, REFERENCE))
    assert baseline is not None
    windows = {day: Window(day * DAY, (day + 1) * DAY, (day + 1) * DAY) for day in range(REFERENCE, DAYS)}
    return baseline.judge(history, windows)


def alarms(verdicts: dict[int, OutcomeVerdicts]) -> dict[Signal, list[int]]:
    found: dict[Signal, list[int]] = {}
    for day, verdict in verdicts.items():
        for finding in verdict.findings:
            if finding.severity.rank >= Severity.WARNING.rank:
                found.setdefault(finding.signal, []).append(day)
    return found


def binary(*, lift: float = 0.0, easier: float = 0.0, seed: int = 1) -> OutcomeHistory:
    """Calibrated scores; after the reference the truth is `lift` above the score, or scores move by `easier`."""
    rng, history = np.random.default_rng(seed), OutcomeHistory(SCORES)
    plan = TallyPlan("binary", SCORES.edges, threshold=0.5)
    for day in range(DAYS):
        after = day >= REFERENCE + 3
        score = np.clip(rng.beta(2, 3, ROWS) - (easier if after else 0.0), 0.001, 0.999)
        truth = rng.random(ROWS) < np.clip(score + (lift if after else 0.0), 0, 1)
        rows = LabelledRows(truth.tolist(), [None] * ROWS, score)
        history.add(day, tally_rows(plan, rows))
    return history


def test_a_model_that_stays_right_is_silent() -> None:
    assert alarms(judged(binary(), "binary")) == {}


def test_labels_above_their_scores_are_concept_drift_on_the_day() -> None:
    verdicts = judged(binary(lift=0.15), "binary")
    found = alarms(verdicts)
    assert found[Signal.CONCEPT_DRIFT][0] == REFERENCE + 3
    finding = next(each for each in verdicts[REFERENCE + 5].findings if each.signal is Signal.CONCEPT_DRIFT)
    assert finding.value == pytest.approx(-0.15, abs=0.06)
    assert (finding.kind, finding.column, finding.n) == ("calibration_bias", None, ROWS)
    assert finding.threshold == pytest.approx(0.0, abs=0.03)
    assert verdicts[REFERENCE].states == {"performance": "judged", "concept_drift": "judged", "y": "judged"}


def test_tallies_in_finer_bins_calibrate_and_judge_as_those_in_the_codecs_own() -> None:
    rng = np.random.default_rng(3)
    fine, own = OutcomeHistory(SCORES), OutcomeHistory(SCORES)
    score = np.append(rng.beta(2, 3, 3000), [0.0, 1.0])
    rows = LabelledRows((rng.random(len(score)) < score).tolist(), [None] * len(score), score)
    fine.add(0, tally_rows(TallyPlan("binary", score_edges(SCORES.edges), threshold=0.5), rows))
    own.add(0, tally_rows(TallyPlan("binary", SCORES.edges, threshold=0.5), rows))
    np.testing.assert_array_equal(fine.windows[0].places, own.windows[0].places)
    np.testing.assert_array_equal(fine.windows[0].counts, own.windows[0].counts)
    fine.add(0, tally_rows(TallyPlan("binary", SCORES.edges, threshold=0.5), rows))  # and the two add up
    assert fine.windows[0].counts.sum() == 2 * len(score)


def test_lower_scores_that_are_right_move_the_outcomes_and_are_no_concept_drift_nor_worse_performance() -> None:
    found = alarms(judged(binary(easier=0.15), "binary"))
    assert Signal.CONCEPT_DRIFT not in found
    assert Signal.PERFORMANCE not in found
    assert found[Signal.OUTCOME_DRIFT]


def regression(*, bias: float = 0.0, spread: float = 1.0) -> OutcomeHistory:
    rng, history = np.random.default_rng(2), OutcomeHistory(error_codec=ERRORS)
    plan = TallyPlan("regression", errors=ERRORS)
    for day in range(DAYS):
        after = day >= REFERENCE + 3
        truth = rng.normal(50, 10, ROWS)
        said = truth + rng.normal(0, 5, ROWS) * (spread if after else 1.0) + (bias if after else 0.0)
        rows = LabelledRows(truth.tolist(), said.tolist(), np.full(ROWS, np.nan))
        history.add(day, tally_rows(plan, rows))
    return history


def test_errors_that_lean_are_concept_drift_and_larger_ones_are_worse_performance() -> None:
    assert alarms(judged(regression(), "regression")) == {}
    leaning = judged(regression(bias=3.0), "regression")
    assert alarms(leaning)[Signal.CONCEPT_DRIFT][0] == REFERENCE + 3
    wider = judged(regression(spread=1.8), "regression")
    found = alarms(wider)
    assert found[Signal.PERFORMANCE][0] == REFERENCE + 3
    assert Signal.CONCEPT_DRIFT not in found
    worst = next(each for each in wider[REFERENCE + 6].findings if each.signal is Signal.PERFORMANCE)
    assert worst.severity is Severity.CRITICAL
    assert worst.threshold == pytest.approx(5 * np.sqrt(2 / np.pi), rel=0.05)
    assert worst.threshold * 1.3 < worst.value < worst.threshold * 1.9


def test_smaller_errors_alarm_nobody() -> None:
    assert Signal.PERFORMANCE not in alarms(judged(regression(spread=0.4), "regression"))


def test_classes_that_are_confused_are_worse_performance() -> None:
    rng, history = np.random.default_rng(3), OutcomeHistory()
    names = np.array(["cat", "dog", "owl"])
    for day in range(DAYS):
        truth = rng.integers(0, 3, ROWS)
        wrong = rng.random(ROWS) < (0.1 if day < REFERENCE + 3 else 0.3)
        said = np.where(wrong, (truth + 1) % 3, truth)
        rows = LabelledRows(names[truth].tolist(), names[said].tolist(), np.full(ROWS, np.nan))
        history.add(day, tally_rows(TallyPlan("multiclass"), rows))
    found = alarms(judged(history, "multiclass"))
    assert found == {Signal.PERFORMANCE: list(range(REFERENCE + 3, DAYS))}


def test_few_labels_teach_nothing() -> None:
    history = OutcomeHistory(SCORES)
    rows = LabelledRows([True] * 100, [None] * 100, np.full(100, 0.5))
    history.add(0, tally_rows(TallyPlan("binary", SCORES.edges, threshold=0.5), rows))
    assert fit_outcomes(history, spec_of("binary"), Calendar(86_400, 0), (0, REFERENCE)) is None


@pytest.mark.parametrize("codec", [SCORES])
def test_two_versions_of_a_window_add_up_and_can_be_forgotten(codec: NumericCodec) -> None:
    history = OutcomeHistory(codec)
    rows = LabelledRows([True, False], [True, False], np.array([0.9, 0.1]))
    tally = tally_rows(TallyPlan("binary", codec.edges, threshold=0.5), rows, unlabelled=3)
    history.add(5, tally)
    history.add(5, tally)
    assert history.labelled(4, 7).tolist() == [0, 4, 0]
    assert history.windows[5].levels == {"0": 2, "1": 2}
    with pytest.raises(ValueError, match="do not add up"):
        history.add(5, tally_rows(TallyPlan("multiclass"), rows))
    history.forget(5)
    assert history.labelled(5, 6).tolist() == [0]


def ages(delays: NDArray[np.int64], classes: list[str | None]) -> int:
    at = np.linspace(0, 28 * DAY - 1, len(delays)).astype(np.int64)
    return judged_age(at, at + delays, classes, (0, 28 * DAY), DAY)


def test_the_age_is_when_nine_tenths_of_the_slowest_class_are_known() -> None:
    n = 1000
    quick = np.tile(np.array([DAY, 2 * DAY]), n // 2)
    assert ages(np.zeros(n, dtype=np.int64), ["a"] * n) == 0
    assert ages(quick, ["a"] * n) == 2 * DAY
    slow = np.where(np.arange(n) % 4 == 0, 6 * DAY - 1, 0)
    assert ages(slow, ["b" if each else "a" for each in (np.arange(n) % 4 == 0).tolist()]) == 6 * DAY
    assert ages(np.full(n, 100 * DAY), ["a"] * n) == 0  # none was known at the reference's end: the shares say
    assert ages(np.linspace(0, 27 * DAY, n).astype(np.int64)[::-1], ["a"] * n) <= 14 * DAY


@pytest.mark.parametrize(
    ("zone", "bucket", "width"),
    [("UTC", "1d", DAY), ("UTC", "15m", HOUR), ("Europe/Paris", "1d", HOUR), ("Asia/Kolkata", "1d", HOUR // 4)],
)
def test_the_buckets_of_outcomes_make_up_whole_local_windows(zone: str, bucket: str, width: int) -> None:
    spec = parse_model_spec({"model": "m", "columns": {"timestamp": "t"}, "timezone": zone, "bucket": bucket})
    assert outcome_width(spec) == width


def scored(*, unsure: bool) -> tuple[OutcomeHistory, OutcomeHistory]:
    """Labelled rows until the reference ends; scores of all days, after it nearer to a half or just as they were."""
    rng, labelled, scores = np.random.default_rng(4), OutcomeHistory(SCORES), OutcomeHistory(SCORES)
    column = NumericHistory(codec=SCORES)
    for day in range(DAYS):
        score = rng.beta(2, 3, ROWS)
        if unsure and day >= REFERENCE + 3:
            score = 0.5 + (score - 0.5) * 0.3
        column.add(day, profile_numeric(score, SCORES))
        if day < REFERENCE:
            rows = LabelledRows((rng.random(ROWS) < score).tolist(), [None] * ROWS, score)
            labelled.add(day, tally_rows(TallyPlan("binary", SCORES.edges, threshold=0.5), rows))
    scores.follow(column, range(DAYS))
    return labelled, scores


def test_one_window_at_a_time_with_what_is_kept_is_told_as_from_nothing() -> None:
    history = binary(easier=0.1)
    baseline = fit_outcomes(history, spec_of("binary"), Calendar(86_400, 0), (0, REFERENCE))
    assert baseline is not None
    lean, tallies = OutcomeHistory(SCORES), dict(history.windows)
    levels = {day: history.outcomes.levels(day) for day in tallies}
    lean.windows |= {day: tallies[day] for day in range(REFERENCE)}
    for day in range(REFERENCE):
        lean.outcomes.add_rows(day, levels[day])
    trail = baseline.trail(lean, REFERENCE)
    assert trail is not None
    for day in range(REFERENCE, DAYS):
        window = {day: Window(day * DAY, (day + 1) * DAY, (day + 1) * DAY)}
        lean.windows[day] = tallies[day - 1]  # the day comes late, as the day before was,
        lean.outcomes.add_rows(day, levels[day - 1])
        baseline.judge(lean, window, trail=trail)
        lean.forget(day)  # and is put right
        lean.windows[day] = tallies[day]
        lean.outcomes.add_rows(day, levels[day])
        assert trail.revise([day])
        fresh = fit_outcomes(history, spec_of("binary"), Calendar(86_400, 0), (0, REFERENCE))
        assert fresh is not None
        assert baseline.judge(lean, window, trail=trail) == fresh.judge(history, window)


@pytest.mark.parametrize("unsure", [False, True])
def test_scores_that_let_expect_more_loss_are_found_without_a_label(*, unsure: bool) -> None:
    labelled, scores = scored(unsure=unsure)
    baseline = fit_outcomes(labelled, spec_of("binary"), Calendar(86_400, 0), (0, REFERENCE), scores=scores)
    assert baseline is not None
    assert baseline.expected is not None
    windows = {day: Window(day * DAY, (day + 1) * DAY, (day + 1) * DAY) for day in range(REFERENCE, DAYS)}
    found = alarms(baseline.judge_scores(scores, windows))
    assert found.get(Signal.ESTIMATED_PERFORMANCE, [None])[0] == (REFERENCE + 3 if unsure else None)
    impact = impact_of(baseline.expected, scores.between(DAYS - 3, DAYS))
    assert impact is not None
    assert impact["matters"] is unsure
    # The reference's expectation is what was realised there: isotonic regression keeps the mean of the labels.
    assert impact["reference"] == pytest.approx(baseline.scalars[0].centre, abs=0.002)
    assert impact["change"] == pytest.approx(impact["estimated"] - impact["reference"], abs=1e-12)
    assert impact_of(baseline.expected, [None]) is None
