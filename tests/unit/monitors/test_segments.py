"""Drift of segments: found where all rows do not show it, noted where they do, within the model's budget."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from driftwatch.alerting.book import JudgedWindow
from driftwatch.domain.alert import segment_state_key
from driftwatch.domain.finding import Finding
from driftwatch.domain.instant import DAY, HOUR, MINUTE, from_iso
from driftwatch.domain.signal import Severity, Signal
from driftwatch.monitors import segment_history
from driftwatch.monitors.baseline import DriftBaseline, WindowResult
from driftwatch.monitors.history import History
from driftwatch.monitors.segment_history import most_segments
from driftwatch.monitors.spec import parse_model_spec
from driftwatch.profiles.bucket import BucketProfile, CategoricalColumn, Column, NumericColumn
from driftwatch.profiles.codec import build_codec
from driftwatch.profiles.history import profile_buckets
from driftwatch.profiles.plan import ProfilePlan
from driftwatch.profiles.rows import Rows
from driftwatch.profiles.segmentation import assign_segments

START = from_iso("2024-01-01T00:00")
REFERENCE = (START, START + 14 * DAY)
HOURS = 24
CODECS = {name: build_codec(np.random.default_rng(3).normal(size=4_000)) for name in ("x", "y", "score")}
COUNTRIES = ("ES", "FR", "PT")
SPEC = parse_model_spec({"model": "m", "columns": {"timestamp": "t", "score": "score"}, "segments": ["country"]})


def profiles(
    *, days: int = 15, shifts: Mapping[str, float] | None = None, width: int = HOUR, rare: int = 0
) -> dict[int, BucketProfile]:
    """240 rows an hour, a twelfth of them from PT; on the last day x moves by so much in some countries."""
    rng = np.random.default_rng(5)
    at = np.repeat(START + np.arange(days * 24) * HOUR, 240)
    at = at + np.tile(np.arange(240) * (HOUR // 240), days * 24)
    country = np.where(rng.random(len(at)) < 1 / 12, 2, rng.integers(0, 2, len(at)))
    names = [*COUNTRIES, *(f"X{place:03d}" for place in range(rare))]
    if rare:
        chosen = rng.random(len(at)) < 0.5
        country = np.where(chosen, 3 + (rng.random(len(at)) ** 2 * rare).astype(np.int64), country)
    x, y, score = rng.normal(size=(3, len(at)))
    for name, shift in (shifts or {}).items():
        x += shift * ((country == names.index(name)) & (at >= REFERENCE[1]))
    features: dict[str, Column] = {
        "x": NumericColumn(x),
        "y": NumericColumn(y),
        "country": CategoricalColumn(names, country),
    }
    rows = Rows(at=at, features=features, outputs={"score": NumericColumn(score)})
    return profile_buckets(rows, ProfilePlan(CODECS, width, segments=SPEC.segments))


def read(made: Mapping[int, BucketProfile]) -> History:
    return History.of(SPEC, CODECS, REFERENCE).add_all(sorted(made.items()))


def judged(made: Mapping[int, BucketProfile]) -> list[WindowResult]:
    return DriftBaseline.fit(read(made), SPEC, REFERENCE).judge(read(made), windows())


def windows() -> list[int]:
    return [REFERENCE[1] + hour * HOUR for hour in range(HOURS)]


def alarms(results: list[WindowResult]) -> list[Finding]:
    return [each for result in results for each in result.findings if each.severity.rank >= Severity.WARNING.rank]


@pytest.fixture(scope="module")
def hidden() -> list[WindowResult]:
    """A deviation in PT alone: a twelfth of one over all rows."""
    return judged(profiles(shifts={"PT": 1.0}))


def test_a_drift_that_all_rows_do_not_show_is_found_in_its_segment(hidden: list[WindowResult]) -> None:
    found = alarms(hidden)
    assert {(each.signal, each.column, each.segment) for each in found} == {(Signal.DRIFT, "x", "country=PT")}
    assert min(each.window_start for each in found) < REFERENCE[1] + 6 * HOUR
    assert all("suppressed_by" not in each.details for each in found)
    assert hidden[-1].status == "warning"


def test_every_finding_of_a_segment_is_an_alarm_or_one_that_all_rows_have(hidden: list[WindowResult]) -> None:
    parts = [each for result in hidden for each in result.findings if each.segment is not None]
    assert all(each.severity.rank >= Severity.WARNING.rank for each in parts)


def test_what_alarms_for_all_rows_is_only_noted_for_its_segments() -> None:
    results = judged(profiles(shifts=dict.fromkeys(COUNTRIES, 1.5)))
    last = [each for each in results[-1].findings if each.column == "x"]
    assert [each.segment for each in last if each.severity is Severity.WARNING] == [None]
    noted = [each for each in last if each.segment is not None]
    assert {each.segment for each in noted} == {f"country={name}" for name in COUNTRIES}
    assert {(each.severity, each.details["suppressed_by"]) for each in noted} == {(Severity.WATCH, "model")}


def test_the_summary_says_of_each_column_of_each_segment_how_near_it_is(hidden: list[WindowResult]) -> None:
    summary = hidden[-1].summary["segments"]
    assert list(summary) == ["country=ES", "country=FR", "country=PT"] or set(summary) == {
        f"country={name}" for name in COUNTRIES
    }
    for name in COUNTRIES:
        assert set(summary[f"country={name}"]["times_threshold"]) == {"x", "y", "score"}  # not what it is split by
    assert summary["country=PT"]["times_threshold"]["x"] >= 1
    assert summary["country=PT"]["columns"]["x"]["severity"] == "warning"
    assert summary["country=ES"]["times_threshold"]["x"] < 1
    assert sum(one["rows"] for one in summary.values()) == hidden[-1].rows


def test_half_of_the_budget_is_for_all_rows_and_half_for_all_segments() -> None:
    made = profiles()
    split = DriftBaseline.fit(read(made), SPEC, REFERENCE)
    plain = {start: replace(each, segments={}) for start, each in made.items()}
    alone = DriftBaseline.fit(read(plain), SPEC, REFERENCE)
    assert not alone.segments.fitted
    for before, after in zip(alone.groups, split.groups, strict=True):
        parts = [group for each in split.segments.fitted for group in each.groups if group.signal is after.signal]
        assert after.budget == pytest.approx(before.budget / 2)
        assert sum(group.budget for group in parts) == pytest.approx(before.budget / 2)
        assert len({group.budget / len(group.keys) for group in parts}) == 1  # every column of a segment the same


def test_the_largest_segments_are_judged_and_the_others_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment_history, "MOST_JUDGED", 4)
    history = read(profiles(rare=12))
    baseline = DriftBaseline.fit(history, SPEC, REFERENCE)
    first, stop = baseline.first, baseline.stop
    rows = {name: part.vector(part.rows, first, stop).sum() for name, part in history.segments.by_name.items()}
    chosen = {each.name for each in baseline.segments.fitted}
    everything = {f"country={name}" for name in (*COUNTRIES, *(f"X{place:03d}" for place in range(12)))}
    assert (len(chosen), len(rows)) == (4, 8)
    assert min(rows[name] for name in chosen) >= max(n for name, n in rows.items() if name not in chosen)
    assert set(baseline.segments.left_out) == everything - chosen
    summary = baseline.judge(history, windows()[:1])[0].summary
    assert summary["segments_left_out"]["count"] == len(summary["segments_left_out"]["names"]) == 11


def test_a_model_of_many_columns_has_fewer_segments_judged() -> None:
    assert [most_segments(n) for n in (0, 20, 21, 100, 2_000)] == [50, 50, 47, 10, 1]


def test_what_was_dropped_is_lent_and_a_segment_judged_as_if_all_were_there(hidden: list[WindowResult]) -> None:
    made = profiles(shifts={"PT": 1.0})
    lean = read({start: each for start, each in made.items() if start < REFERENCE[1]})
    baseline = DriftBaseline.fit(lean, SPEC, REFERENCE)
    trails = baseline.trails(lean, REFERENCE[1])
    lean.segments.keep(baseline.segments.names)
    found = []
    for start in windows():
        index = lean.alignment.index(start)
        lean.shed(index - 20, categories_before=index - 20)
        lean.add(start, made[start])
        for wanted in {each for trail in trails for each in trail.wants(index, index + 1) if lean.lacks(each)}:
            lean.lend(wanted, [made[lean.alignment.start(wanted)]])
        found += baseline.judge(lean, [start], trails=trails)
    for one, other in zip(found, hidden, strict=True):
        assert [(each.column, each.segment, each.severity) for each in one.findings] == [
            (each.column, each.segment, each.severity) for each in other.findings
        ]
        assert one.summary["segments"].keys() == other.summary["segments"].keys()
        for name, part in other.summary["segments"].items():
            assert one.summary["segments"][name]["times_threshold"] == pytest.approx(part["times_threshold"], abs=2e-3)


def test_a_window_that_is_forgotten_and_read_again_counts_once() -> None:
    made = profiles(days=1)
    history = read(made)
    start = START + 7 * HOUR
    index = history.alignment.index(start)
    part = history.segments.by_name["country=PT"]
    before = part.columns["feature", "x"].rows[index]
    history.forget(index)
    assert part.columns["feature", "x"].rows.get(index, 0) == 0
    history.add(start, made[start])
    assert part.columns["feature", "x"].rows[index] == before == made[start].segments["country=PT"].rows


def test_segments_that_are_not_judged_are_dropped_and_not_taken_again() -> None:
    made = profiles(days=1)
    history = read(made)
    history.segments.keep({"country=PT"})
    history.add(START + 7 * HOUR, made[START + 7 * HOUR])
    assert list(history.segments.by_name) == ["country=PT"]


def test_a_segment_without_enough_rows_is_neither_alarm_nor_quiet() -> None:
    made = profiles(shifts={"PT": 1.0})
    key = segment_state_key("country=PT")
    thin = {start: each for start, each in made.items() if start < REFERENCE[1]}
    for start in windows():
        parts = {name: each for name, each in made[start].segments.items() if name != "country=PT"}
        thin[start] = BucketProfile(made[start].rows, 0, made[start].features, made[start].outputs, segments=parts)
    result, *_, last = judged(thin)
    assert result.judged[key] == "no_data"
    assert key not in last.judged  # a segment without a row for a day is monitored no more
    assert result.judged["x"] == "judged"
    window = JudgedWindow(result.window_start, result.window_end, result.window_end, (), result.judged)
    assert not window.is_quiet_for("x", "country=PT")
    assert window.is_quiet_for("x", "country=ES")
    assert window.is_quiet_for("x")


def test_windows_shorter_than_an_hour_tell_what_the_hours_say_of_segments() -> None:
    document = {**SPEC.to_dict(), "bucket": "15m"}
    spec = parse_model_spec(document)
    made = profiles(shifts={"PT": 1.0}, width=15 * MINUTE)
    history = History.of(spec, CODECS, REFERENCE).add_all(sorted(made.items()))
    starts = [REFERENCE[1] + quarter * 15 * MINUTE for quarter in range(4 * HOURS)]
    results = DriftBaseline.fit(history, spec, REFERENCE).judge(history, starts)
    found = [each for each in alarms(results) if each.segment is not None]
    assert {(each.column, each.segment) for each in found} == {("x", "country=PT")}
    assert all(each.details["scale_buckets"] % 4 == 0 for each in found)


def test_the_values_of_a_private_column_name_no_segments() -> None:
    document = {"model": "m", "columns": {"timestamp": "t"}, "segments": ["country"]}
    column = CategoricalColumn(["ES", "PT"], np.array([0, 1, 1]))
    rows = Rows(at=np.full(3, START), features={"country": column})
    names = {}
    for pii in ([], ["country"]):
        [split] = parse_model_spec(document | {"pii": pii}).segments
        assigned = assign_segments(rows, split)
        assert assigned is not None
        names[bool(pii)], places = assigned
        assert places.tolist() == [0, 1, 1]
    assert names[False] == ["country=ES", "country=PT"]
    assert [len(name) for name in names[True]] == [len("country=#") + 12] * 2
    assert not any(value in name for value in ("ES", "PT") for name in names[True])
