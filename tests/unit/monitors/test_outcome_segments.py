"""Performance of segments: one that falls is found while the whole stands, and quiet ones cost no more budget."""

import numpy as np
import pytest

from driftwatch.domain.instant import DAY
from driftwatch.domain.signal import Severity, Signal
from driftwatch.drift.rule import Calendar
from driftwatch.monitors.outcome import OUTCOME_SHARE, OutcomeBaseline, OutcomeVerdicts, fit_outcomes
from driftwatch.monitors.outcome_history import OutcomeHistory
from driftwatch.monitors.spec import parse_model_spec
from driftwatch.monitors.verdict import Window
from driftwatch.performance.segment_tally import GivenRows, tally_segments
from driftwatch.performance.tally import LabelledRows, TallyPlan, tally_rows
from driftwatch.profiles.codec import build_codec

REFERENCE, DAYS, TURN = 42, 56, 45
SCORES = build_codec(np.random.default_rng(0).beta(2, 3, 5000), bins=256)
PLAN = TallyPlan("binary", SCORES.edges, threshold=0.5)
SPEC = parse_model_spec({"model": "m", "task": "binary", "columns": {"timestamp": "t", "label": "y"}, "bucket": "1d"})


def world(*, worse: tuple[int, ...] = (), share: float = 1.0, n_segments: int = 8, rows: int = 800) -> OutcomeHistory:
    """From the turn on, this share of the outcomes of some segments is turned round."""
    rng, history = np.random.default_rng(4), OutcomeHistory(SCORES)
    names = [f"city={place}" for place in range(n_segments)]
    for day in range(DAYS):
        city = rng.integers(0, n_segments, rows)
        score = rng.beta(2, 3, rows)
        truth = rng.random(rows) < score
        turned = np.isin(city, worse) & (day >= TURN) & (rng.random(rows) < share)
        labelled = LabelledRows(np.where(turned, ~truth, truth).tolist(), [None] * rows, score)
        given = GivenRows(labelled.predictions, score, {"city": (names, city)})
        history.add(day, tally_rows(PLAN, labelled), tally_segments(PLAN, given, labelled, np.arange(rows)))
    return history


def fitted(history: OutcomeHistory) -> OutcomeBaseline:
    baseline = fit_outcomes(history, SPEC, Calendar(86_400, 0), (0, REFERENCE))
    assert baseline is not None
    return baseline


def judged(history: OutcomeHistory) -> dict[int, OutcomeVerdicts]:
    windows = {day: Window(day * DAY, (day + 1) * DAY, (day + 1) * DAY) for day in range(REFERENCE, DAYS)}
    return fitted(history).judge(history, windows)


def test_a_segment_that_falls_is_found_on_the_day_while_the_whole_stands() -> None:
    verdicts = judged(world(worse=(3,), share=0.7, n_segments=16, rows=1600))
    found = [(day, each) for day, verdict in verdicts.items() for each in verdict.findings]
    assert found[0][0] == TURN
    assert {(each.signal, each.segment, each.column) for _, each in found} == {(Signal.PERFORMANCE, "city=3", None)}
    assert all(each.severity.rank >= Severity.WARNING.rank and each.kind == "brier_score" for _, each in found)
    assert verdicts[TURN].segments["city=3"]["severity"] == found[0][1].severity.value
    assert verdicts[TURN].states["[city=3]"] == "judged"


def test_where_the_whole_alarms_its_segments_are_only_noted() -> None:
    verdicts = judged(world(worse=tuple(range(8)), share=0.5))
    of_segments = [each for verdict in verdicts.values() for each in verdict.findings if each.segment is not None]
    assert len(of_segments) > 8
    assert {each.severity for each in of_segments} == {Severity.WATCH}
    assert {each.details["suppressed_by"] for each in of_segments} == {"model"}


def test_segments_spend_no_more_than_one_number_of_all_rows() -> None:
    plain = OutcomeHistory(SCORES, windows=world().windows)
    alone, beside = fitted(plain), fitted(world())
    assert (alone._series_count, beside._series_count) == (3, 4)
    assert beside._budget * beside._series_count == pytest.approx(OUTCOME_SHARE)
    assert sorted(beside.segments.scalars) == sorted(f"city={place}" for place in range(8))


def test_of_many_segments_the_largest_fifty_are_judged_and_none_below_200_labelled_rows() -> None:
    history = world(n_segments=60)
    rows = {name: int(part.labelled(0, REFERENCE).sum()) for name, part in history.segments.items()}
    largest = sorted(rows, key=lambda name: (-rows[name], name))[:50]
    assert sorted(fitted(history).segments.scalars) == sorted(largest)
    assert fitted(world(n_segments=60, rows=150)).segments.scalars == {}


def test_a_history_that_is_closed_takes_no_new_segments() -> None:
    history = world(n_segments=3)
    history.keep({"city=1"})
    other = world(n_segments=2)
    assert list(history.segments) == ["city=1"]
    for part in (history, other):
        part.forget(0)
        assert all(0 not in each.windows for each in part.segments.values())
