"""Data quality, window by window: what the user demands, and what the reference shows."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from driftwatch.domain.finding import Finding
from driftwatch.domain.instant import DAY, HOUR, from_iso
from driftwatch.domain.signal import RunStatus, Severity, Signal
from driftwatch.monitors.baseline import DriftBaseline, WindowResult
from driftwatch.monitors.history import History
from driftwatch.monitors.spec import ModelSpec, parse_model_spec
from driftwatch.profiles.bucket import BucketProfile, CategoricalColumn, NumericColumn
from driftwatch.profiles.check import CheckCounts
from driftwatch.profiles.codec import build_codec
from driftwatch.profiles.history import profile_rows
from driftwatch.profiles.rows import Rows
from driftwatch.quality.intake import LATE, REPEATED, kind_key
from driftwatch.service.profiling import plan_of

START = from_iso("2024-01-01")
REFERENCE = (START, START + 28 * DAY)
DAYS = 35
ROWS = 400
CODECS = {"x": build_codec(np.random.default_rng(3).normal(size=4000))}
Change = Callable[[Rows], Rows]


def spec(**changes: Any) -> ModelSpec:
    return parse_model_spec({"model": "m", "columns": {"timestamp": "ts", "id": "row"}, "bucket": "1d"} | changes)


def rows_of(day: int) -> Rows:
    rng = np.random.default_rng(day)
    levels = rng.choice(4, size=ROWS, p=[0.6, 0.3, 0.08, 0.02])
    return Rows(
        START + day * DAY + np.sort(rng.integers(0, DAY, ROWS)),
        features={"x": NumericColumn(rng.normal(size=ROWS)), "c": CategoricalColumn(["a", "b", "c", "d"], levels)},
    )


def judge(
    change: Change | None = None,
    checks: dict[str, CheckCounts] | None = None,
    usual: dict[str, CheckCounts] | None = None,
    **declared: Any,
) -> list[WindowResult]:
    """Four weeks of reference and a week whose rows are changed; checks beside those that are declared."""
    model = spec(**declared)
    history = History.of(model, CODECS, REFERENCE)
    for day in range(DAYS):
        rows = rows_of(day)
        late = day >= 28
        profile = profile_rows(change(rows) if change and late else rows, plan_of(model, CODECS))
        history.add(START + day * DAY, profile.merge(BucketProfile(0, checks=(checks if late else usual) or {})))
    baseline = DriftBaseline.fit(history, model, REFERENCE)
    return baseline.judge(history, [START + day * DAY for day in range(28, DAYS)])


def found(results: list[WindowResult], kind: str) -> list[Finding]:
    return [each for result in results for each in result.findings if each.kind == kind]


def numbers(values: Callable[[np.ndarray[Any, Any]], Any]) -> Change:
    def change(rows: Rows) -> Rows:
        column = rows.features["x"]
        assert isinstance(column, NumericColumn)
        return Rows(rows.at, features={**rows.features, "x": NumericColumn(values(column.values))})

    return change


def without(level: int) -> Change:
    def change(rows: Rows) -> Rows:
        column = rows.features["c"]
        assert isinstance(column, CategoricalColumn)
        codes = np.where(column.codes == level, 0, column.codes)
        return Rows(rows.at, features={**rows.features, "c": CategoricalColumn(column.dictionary, codes)})

    return change


def test_a_steady_week_raises_nothing() -> None:
    results = judge(constraints=[{"column": "x", "between": [-9, 9]}])
    assert not any(finding.signal is Signal.QUALITY for result in results for finding in result.findings)
    assert all(result.summary["checks"][0]["state"] == "ok" for result in results)


def test_rows_that_break_a_demand_are_counted_with_examples() -> None:
    def spoil(values: np.ndarray[Any, Any]) -> Any:
        return np.concatenate(([99.0, 99.0, -50.0, np.inf, np.nan], values[5:]))

    results = judge(numbers(spoil), constraints=[{"column": "x", "between": [-9, 9]}])
    assert {result.status for result in results} == {RunStatus.WARNING}
    finding = found(results, "constraint")[0]
    assert (finding.signal, finding.column, finding.severity) == (Signal.QUALITY, "x", Severity.WARNING)
    assert (finding.n, finding.value, finding.threshold) == (399, 4 / 399, 0.0)
    facts = finding.details
    assert (facts["n_violated"], facts["demand"]) == (4, "between -9 and 9")
    assert facts["examples"] == [["99", 2], ["-50", 1], ["inf", 1]]
    json.dumps([result.summary for result in results], allow_nan=False)
    json.dumps(finding.to_dict(), allow_nan=False)


def test_half_of_the_rows_wrong_is_critical_and_a_declared_severity_stands() -> None:
    empty = numbers(lambda values: np.where(np.arange(len(values)) % 2, np.nan, values))
    constraint = {"column": "x", "not_null": True}
    assert {each.severity for each in found(judge(empty, constraints=[constraint]), "constraint")} == {
        Severity.CRITICAL
    }
    mild = [{**constraint, "severity": "watch"}]
    assert {each.severity for each in found(judge(empty, constraints=mild), "constraint")} == {Severity.WATCH}


def test_a_share_may_be_allowed() -> None:
    few = numbers(lambda values: np.concatenate(([np.nan] * 4, values[4:])))
    for share, alarms in ((0.01, 0), (0.0099, 7)):
        results = judge(few, constraints=[{"column": "x", "not_null": True, "max_share": share}])
        assert len(found(results, "constraint")) == alarms


def test_a_demand_on_a_column_that_never_came_is_not_run_but_not_null_is_broken() -> None:
    results = judge(constraints=[{"column": "nowhere", "regex": "x", "not_null": True}])
    states = {check["demand"]: check["state"] for check in results[0].summary["checks"]}
    assert states == {"like 'x'": "not_run", "never missing": "critical"}


def test_values_of_private_columns_are_never_shown() -> None:
    results = judge(without(3), constraints=[{"column": "c", "in": ["z"]}], pii=["c"])
    (facts, *_) = [each.details for each in found(results, "constraint")]
    assert (facts["examples"], facts["examples_hidden"]) == ([], True)
    assert all(each.details["categories"] == [] for each in found(results, "vanished_category"))
    assert found(results, "vanished_category")


def test_a_category_that_is_gone_is_found_once_its_absence_is_no_accident() -> None:
    gone = found(judge(without(2)), "vanished_category")
    # 8% of 400 rows a day: the first day without it is no accident.
    assert [each.window_start for each in gone] == [START + day * DAY for day in range(28, DAYS)]
    assert (gone[0].column, gone[0].severity) == ("c", Severity.WARNING)
    assert [level for level, _ in gone[0].details["categories"]] == ["c"]
    assert gone[0].n == ROWS
    rare = found(judge(without(3)), "vanished_category")
    # 2%: it takes log(p)/log(1 - share) rows, some days of them.
    assert 1 <= len(rare) < 7
    assert rare[0].value >= rare[0].threshold > ROWS


def test_repeated_ids_are_found_when_there_are_more_than_ever() -> None:
    some = {REPEATED: CheckCounts(8, 8)}
    assert not found(judge(checks=some, usual=some), "duplicates")
    many = found(judge(checks={REPEATED: CheckCounts(60, 60)}, usual=some), "duplicates")
    assert len(many) == 7
    assert (many[0].column, many[0].n, many[0].details["n_violated"]) == ("row", 460, 60)
    assert many[0].value == pytest.approx(60 / 460)


def test_one_bad_hour_is_no_alarm_and_a_bad_day_ends_with_its_last_bad_hour() -> None:
    model = spec(bucket="1h")
    reference = (START, START + 14 * DAY)
    history = History.of(model, CODECS, reference)
    for hour in range(17 * 24):
        day, repeated = hour // 24, 8 if hour == 14 * 24 or 15 * 24 <= hour < 15 * 24 + 6 else 0
        again = {REPEATED: CheckCounts(repeated, repeated)} if repeated else {}
        made = profile_rows(rows_of(day).take(slice(0, 20)), plan_of(model, CODECS))
        history.add(START + hour * HOUR, made.merge(BucketProfile(0, checks=again)))
    baseline = DriftBaseline.fit(history, model, reference)
    results = baseline.judge(history, [START + hour * HOUR for hour in range(14 * 24, 17 * 24)])
    # Eight of a day's 488 rows are 1.6%, and sixteen of 496 are 3.2%.
    told = [(each.window_start - START) // HOUR - 15 * 24 for each in found(results, "duplicates")]
    assert told == [1, 2, 3, 4, 5]


def test_findings_of_a_short_reference_are_watches() -> None:
    model = spec()
    history = History.of(model, CODECS, (START, START + 5 * DAY))
    for day in range(12):
        rows = rows_of(day)
        many = {REPEATED: CheckCounts(100, 100)} if day >= 5 else {}
        made = profile_rows(without(2)(rows) if day >= 5 else rows, plan_of(model, CODECS))
        history.add(START + day * DAY, made.merge(BucketProfile(0, checks=many)))
    baseline = DriftBaseline.fit(history, model, (START, START + 5 * DAY))
    results = baseline.judge(history, [START + day * DAY for day in range(5, 12)])
    for kind in ("duplicates", "vanished_category"):
        assert {each.severity for each in found(results, kind)} == {Severity.WATCH}


def test_an_id_that_is_to_be_unique_counts_the_rows_that_were_left_out_for_it() -> None:
    results = judge(checks={REPEATED: CheckCounts(2, 2)}, constraints=[{"column": "row", "unique": True}])
    assert [(each.n, each.details["n_violated"]) for each in found(results, "constraint")] == [(2, 2)] * 7


def test_rows_that_come_late_are_found_by_their_longest_delay() -> None:
    on_time, late = {LATE: CheckCounts(400, 0)}, {LATE: CheckCounts(400, 200, {900.0: 20, 3600.0: 60, 86_400.0: 120})}
    findings = found(judge(checks=late, usual=on_time), "late")
    assert {(each.details["delay_seconds"], each.details["n_violated"]) for each in findings} == {(86_400.0, 120)}
    assert {each.severity for each in findings} == {Severity.WARNING}
    assert not found(judge(checks=late, usual=late), "late")
    assert not found(judge(checks=late), "late")  # the reference does not know when its rows came


def test_a_column_of_another_kind_is_a_broken_schema() -> None:
    results = judge(checks={kind_key("x"): CheckCounts(5, 5)})
    assert {(each.column, each.signal, each.severity) for each in found(results, "retyped")} == {
        ("x", Signal.SCHEMA, Severity.CRITICAL)
    }


def test_a_range_left_far_behind_is_a_watch() -> None:
    findings = found(judge(numbers(lambda values: np.concatenate(([60.0], values[1:])))), "range")
    assert len(findings) == 7
    assert {each.severity for each in findings} == {Severity.WATCH}
    assert findings[0].details["high"] == 60.0


def test_a_column_that_is_broken_gets_no_second_finding() -> None:
    frozen = judge(
        lambda rows: Rows(rows.at, features={**rows.features, "c": CategoricalColumn(["b"], np.zeros(ROWS, int))})
    )
    assert found(frozen, "constant")
    assert not found(frozen, "vanished_category")


def test_counts_are_forgotten_with_their_window() -> None:
    model = spec()
    history = History.of(model, CODECS, REFERENCE)
    profile = BucketProfile(3, checks={"k": CheckCounts(3, 1)})
    history.add(START, profile)
    history.add(START + HOUR, profile)
    index = history.alignment.index(START)
    assert history.checks["k"][index] == CheckCounts(6, 2)
    history.forget(index)
    assert not history.checks["k"]
