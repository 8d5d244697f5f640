"""Latency, errors and objectives of a service: what is an alarm, what a watch, and what nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from driftwatch.domain.finding import Finding
from driftwatch.domain.instant import DAY, HOUR, MINUTE
from driftwatch.domain.signal import Severity, Signal
from driftwatch.errors import SpecError
from driftwatch.monitors.baseline import DriftBaseline
from driftwatch.monitors.history import History, NumericHistory
from driftwatch.monitors.latency import LATENCY, LATENCY_CODEC, slower_than
from driftwatch.monitors.spec import parse_model_spec
from driftwatch.profiles.bucket import BucketProfile
from driftwatch.profiles.latency import profile_latency

Floats = NDArray[np.float64]

START = 1_709_510_400_000_000  # Monday 2024-03-04
REFERENCE = 14 * 24


@dataclass(frozen=True)
class World:
    """Windows of a service: how many calls, how slow, how many fail; each a function of hour and chance."""

    calls: Callable[[int], int] = lambda _hour: 400
    slowness: Callable[[int], float] = lambda _hour: 1.0
    failing: Callable[[int], float] = lambda _hour: 0.003
    tail: bool = False
    width: int = HOUR
    seed: int = 7

    def history(self, spec: Any, windows: int) -> History:
        rng = np.random.default_rng(self.seed)
        history = History.of(spec, {}, (START, START + REFERENCE * HOUR))
        for window in range(windows):
            start = START + window * self.width
            hour = (start - START) // HOUR
            n = self.calls(hour)
            season = 1 + 0.2 * np.sin(2 * np.pi * hour / 24) + rng.normal(0, 0.02)
            seconds = rng.lognormal(np.log(0.05), 0.4, n) * season * self.slowness(hour)
            if self.tail:
                seconds[rng.random(n) < 0.001] = 30.0
            failed = int(rng.binomial(n, self.failing(hour)))
            history.add(start, BucketProfile(n, errors=failed, latency=profile_latency(seconds)))
        return history


def findings(world: World, hours: int = 48, **document: Any) -> list[Finding]:
    """What is found in the hours after the reference."""
    columns = {"timestamp": "ts", "latency_seconds": "seconds", "error": "error"}
    spec = parse_model_spec({"model": "m", "columns": columns, "features": {"numeric": ["x"]}, **document})
    per_hour = HOUR // world.width
    history = world.history(spec, (REFERENCE + hours) * per_hour)
    baseline = DriftBaseline.fit(history, spec, (START, START + REFERENCE * HOUR))
    starts = [START + n * world.width for n in range(REFERENCE * per_hour, (REFERENCE + hours) * per_hour)]
    return [finding for result in baseline.judge(history, starts) for finding in result.findings]


def alarms(found: Sequence[Finding], signal: Signal) -> list[Finding]:
    return [each for each in found if each.signal is signal and each.severity.rank >= Severity.WARNING.rank]


def later(value: float, otherwise: float) -> Callable[[int], float]:
    """`value` from six hours after the reference on."""
    return lambda hour: value if hour >= REFERENCE + 6 else otherwise


def test_a_service_that_stays_the_same_is_quiet() -> None:
    assert findings(World(), hours=7 * 24) == []


def test_a_doubled_bulk_is_found_however_heavy_the_tail() -> None:
    found = alarms(findings(World(slowness=later(2.0, 1.0), tail=True)), Signal.LATENCY)
    first = found[0]
    assert first.window_start == START + (REFERENCE + 6) * HOUR
    assert (first.column, first.severity, first.kind[:9]) == (None, Severity.WARNING, "latency_p")
    assert first.value == pytest.approx(2 * first.threshold, rel=0.2)
    assert first.n > 300


def test_faster_is_a_watch_at_most() -> None:
    found = [each for each in findings(World(slowness=later(0.5, 1.0))) if each.signal is Signal.LATENCY]
    assert found
    assert {each.severity for each in found} == {Severity.WATCH}


def test_latency_under_a_load_that_the_reference_knows_is_told() -> None:
    busy: Callable[[int], float] = lambda hour: 2.0 if hour % 24 == 12 or hour >= REFERENCE + 6 else 1.0  # noqa: E731
    world = World(calls=lambda hour: 1_200 if busy(hour) > 1 else 400, slowness=busy)
    like = [each.details["at_like_load"] for each in alarms(findings(world), Signal.LATENCY)]
    assert like
    assert like[0] == pytest.approx(0.1, rel=0.3)


def test_windows_of_few_calls_are_judged_by_their_level() -> None:
    one_an_hour = World(calls=lambda _hour: 1, slowness=later(8.0, 1.0))
    [first, *_] = alarms(findings(one_an_hour), Signal.LATENCY)
    assert first.kind == "latency_level"
    assert first.value > 2 * first.threshold
    assert alarms(findings(World(calls=lambda _hour: 1)), Signal.LATENCY) == []


def test_more_errors_are_an_alarm_that_says_how_many_of_how_many() -> None:
    [first, *_] = alarms(findings(World(failing=later(0.05, 0.003))), Signal.ERROR)
    assert (first.kind, first.severity, first.column) == ("error_rate", Severity.WARNING, None)
    assert first.value == pytest.approx(first.details["failed"] / first.n)
    assert first.threshold == pytest.approx(0.003, abs=0.002)
    assert first.effect["error_rate_change"] == pytest.approx(first.value - first.threshold)


def test_fewer_errors_are_nothing() -> None:
    assert alarms(findings(World(failing=later(0.0, 0.02))), Signal.ERROR) == []


def test_the_first_errors_ever_are_an_alarm_once_they_are_no_accident() -> None:
    single: Callable[[int], float] = lambda hour: 0.002 if hour == REFERENCE + 6 else 0.0  # noqa: E731
    assert alarms(findings(World(failing=single)), Signal.ERROR) == []
    assert alarms(findings(World(failing=later(0.05, 0.0))), Signal.ERROR)


def test_nothing_but_a_time_and_latency_or_errors_is_a_service_metric_model() -> None:
    spec = parse_model_spec({"model": "m", "columns": {"timestamp": "ts", "latency_seconds": "seconds"}})
    assert spec.is_service_metric
    assert not parse_model_spec({"model": "m", "columns": {"timestamp": "ts"}}).is_service_metric
    with_score = {"timestamp": "ts", "latency_seconds": "seconds", "score": "p"}
    assert not parse_model_spec({"model": "m", "columns": with_score}).is_service_metric
    declared = {"columns": {"timestamp": "ts", "error": "e"}, "features": {"numeric": ["latency"]}}
    assert not parse_model_spec({"model": "m", **declared}).is_service_metric


def test_a_history_counts_latencies_in_its_bins_exactly_and_forgets_them_again() -> None:
    world = World()
    spec = parse_model_spec({"model": "m", "columns": {"timestamp": "ts"}, "slo": {"latency_seconds": 0.06}})
    history = world.history(spec, 3)
    column = history.columns[LATENCY]
    assert isinstance(column, NumericHistory)
    seconds = np.random.default_rng(1).lognormal(-3, 1, 5_000)
    index = history.alignment.index(START)
    history.forget(index)
    history.add(START, BucketProfile(5_000, latency=profile_latency(seconds)))
    edges = np.concatenate(([-np.inf], LATENCY_CODEC.edges, [np.inf]))
    assert column.totals(index, index + 1).tolist() == np.histogram(seconds, edges)[0].tolist()
    slow = slower_than(profile_latency(seconds), 0.06)
    assert history.slow.get(index) == slow
    assert np.count_nonzero(seconds > 0.061) <= slow <= np.count_nonzero(seconds > 0.059)
    history.forget(index)
    assert (history.slow.get(index), column.rows.get(index)) == (None, None)


def test_an_objective_that_burns_pages_and_one_that_smoulders_is_a_ticket() -> None:
    slo = {"error_rate": 0.001}
    page = alarms(findings(World(failing=later(0.05, 0.0005)), slo=slo), Signal.ERROR)[0]
    assert (page.kind, page.severity) == ("slo_burn_rate", Severity.CRITICAL)
    assert page.value > page.threshold == 14.4
    assert page.details["rounded_up"]  # five minutes are an hour here
    smouldering = World(calls=lambda _hour: 2_000, failing=later(0.003, 0.003))
    ticket = [each for each in findings(smouldering, slo=slo) if each.kind == "slo_burn_rate"]
    assert {(each.severity, each.threshold) for each in ticket} == {(Severity.WARNING, 1.0)}


def test_an_objective_of_latency_counts_slow_calls() -> None:
    slo = {"latency_seconds": 0.3, "share": 0.99}
    found = [each for each in findings(World(slowness=later(8.0, 1.0)), slo=slo) if each.kind == "slo_burn_rate"]
    assert found[0].severity is Severity.CRITICAL
    assert found[0].signal is Signal.LATENCY
    assert found[0].details["share"] > 0.3
    assert [each for each in findings(World(), slo=slo) if each.kind == "slo_burn_rate"] == []


def test_at_one_call_a_minute_a_single_failure_is_no_page() -> None:
    single: Callable[[int], float] = lambda hour: 0.02 if hour == REFERENCE + 6 else 0.0  # noqa: E731
    world = World(calls=lambda _hour: 60, failing=single)
    assert [each for each in findings(world, slo={"error_rate": 0.001}) if each.kind == "slo_burn_rate"] == []


def test_with_windows_of_five_minutes_a_page_comes_after_five() -> None:
    world = World(calls=lambda _hour: 100, failing=later(0.4, 0.0), width=5 * MINUTE)
    page = next(
        each for each in findings(world, 8, slo={"error_rate": 0.001}, bucket="5m") if each.kind == "slo_burn_rate"
    )
    assert page.window_start == START + (REFERENCE + 6) * HOUR
    assert page.window_end - page.window_start == 5 * MINUTE
    assert not page.details["rounded_up"]


def test_short_windows_of_few_calls_are_judged_by_their_level_too() -> None:
    slow: Callable[[int], float] = lambda hour: 10.0 if hour == REFERENCE + 6 else 1.0  # noqa: E731
    found = findings(World(calls=lambda _hour: 1, slowness=slow, width=5 * MINUTE), 8, bucket="5m")
    first = alarms(found, Signal.LATENCY)[0]
    assert (first.window_start, first.kind) == (START + (REFERENCE + 6) * HOUR, "latency_level")
    assert first.window_end - first.window_start == 5 * MINUTE
    assert alarms(findings(World(calls=lambda _hour: 1, width=5 * MINUTE), 8, bucket="5m"), Signal.LATENCY) == []


def test_errors_of_a_short_window_alarm_within_it() -> None:
    world = World(calls=lambda _hour: 100, failing=later(0.4, 0.01), width=5 * MINUTE)
    [first, *_] = alarms(findings(world, 8, bucket="5m"), Signal.ERROR)
    assert (first.window_start, first.kind) == (START + (REFERENCE + 6) * HOUR, "error_rate")


def test_verdicts_are_the_same_one_window_at_a_time() -> None:
    columns = {"timestamp": "ts", "latency_seconds": "seconds", "error": "error"}
    spec = parse_model_spec({"model": "m", "columns": columns, "slo": {"error_rate": 0.001}})
    world = World(calls=lambda _hour: 20, slowness=later(3.0, 1.0), failing=later(0.2, 0.01))
    history = world.history(spec, REFERENCE + 24)
    baseline = DriftBaseline.fit(history, spec, (START, START + REFERENCE * HOUR))
    starts = [START + hour * HOUR for hour in range(REFERENCE, REFERENCE + 24)]
    together = baseline.judge(history, starts)
    assert {each.signal for result in together for each in result.findings} == {Signal.LATENCY, Signal.ERROR}
    assert [baseline.judge(history, [start])[0] for start in starts] == together


@pytest.mark.parametrize(
    ("slo", "path", "words"),
    [
        ({"error_rte": 0.1}, "slo.error_rte", ("0.1", "error_rate")),
        ({"error_rate": 1.0}, "slo.error_rate", ("1.0", "below 1")),
        ({"error_rate": "low"}, "slo.error_rate", ("'low'",)),
        ({"latency_seconds": 0}, "slo.latency_seconds", ("0", "above 0")),
        ({"latency_seconds": 0.3, "share": 99}, "slo.share", ("99",)),
        ({"share": 0.9}, "slo", ("0.9", "latency_seconds: 0.3")),
        ({"error_rate": 0.1, "share": 0.9}, "slo.share", ("latency_seconds: 0.3",)),
        ({}, "slo", ("error_rate: 0.001",)),
        (0.001, "slo", ("0.001", "error_rate: 0.001")),
    ],
)
def test_a_wrong_objective_is_named_with_the_right_one(slo: Any, path: str, words: tuple[str, ...]) -> None:
    with pytest.raises(SpecError) as caught:
        parse_model_spec({"model": "m", "columns": {"timestamp": "ts"}, "slo": slo})
    assert caught.value.path == path
    assert all(word in str(caught.value) for word in words)


def test_an_objective_reads_back_equal() -> None:
    document = {"model": "m", "columns": {"timestamp": "ts"}, "slo": {"error_rate": 0.001, "latency_seconds": 0.3}}
    spec = parse_model_spec(document)
    assert spec.slo is not None
    assert (spec.slo.error_rate, spec.slo.latency_seconds, spec.slo.share) == (0.001, 0.3, 0.99)
    assert parse_model_spec(spec.to_dict()) == spec


@pytest.mark.slow
def test_unshifted_services_raise_about_a_tenth_of_an_incident_a_month() -> None:
    episodes, days = 0, 28
    for seed in range(6):
        world = World(calls=lambda hour: int(300 * (1.2 + np.sin(2 * np.pi * hour / 24))), seed=seed, tail=True)
        found = findings(world, hours=days * 24)
        ends = sorted({each.window_end for each in found if each.severity.rank >= Severity.WARNING.rank})
        episodes += sum(after - before > DAY for before, after in pairwise([0, *ends]))
    assert episodes <= 2  # 5.6 months at 0.1 expect 0.6; three or more come once in 50 times
