"""Data quality from rows that come in, or a log that is replayed, to findings and messages."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from acceptance.quality_world import A_DAY, DAYS, SPEC, START, columns_of, fill
from ingesting import frame_of, profiles_of, send

from driftwatch.domain.instant import DAY, HOUR, MINUTE
from driftwatch.domain.notification import Message
from driftwatch.errors import SpecError
from driftwatch.monitors.spec import parse_model_spec
from driftwatch.profiles.check import CheckCounts
from driftwatch.quality.intake import LATE, REPEATED, kind_key
from driftwatch.service.backtest import BacktestReport, backtest
from driftwatch.service.comparison import Comparison, compare
from driftwatch.storage import incident, notification, registration, run
from driftwatch.storage.store import Store


def replayed(**changes: Any) -> BacktestReport:
    days = [pd.DataFrame(columns_of(day, broken=day == DAYS - 1)) for day in range(DAYS)]
    log = pd.concat(days, ignore_index=True)
    log["ts"] = pd.to_datetime(log.pop("at"), unit="us", utc=True)
    return backtest(log, SPEC | changes)


def broken_of(findings: list[Any]) -> dict[str, set[tuple[str, int, int]]]:
    """By column: what was demanded, rows and rows that break it."""
    found: dict[str, set[tuple[str, int, int]]] = {}
    for each in findings:
        if each.kind == "constraint":
            found.setdefault(each.column, set()).add((each.details["demand"], each.n, each.details["n_violated"]))
    return found


BROKEN = {"temp": {("between -60 and 60", 40, 40)}, "carrier": {("one of 'AA', 'WN'", 40, 8)}}


def test_a_log_that_breaks_constraints_is_told_so_window_by_window() -> None:
    report = replayed()
    assert broken_of(list(report.findings)) == BROKEN
    hours = {each.window_start for each in report.findings if each.kind == "constraint"}
    assert hours == {START + 3 * DAY + hour * HOUR for hour in range(12, 23)} | {START + 3 * DAY + 23 * HOUR}
    assert {each.severity.value for each in report.findings if each.kind == "constraint"} == {"critical", "warning"}
    (only,) = report.incidents
    assert only.severity.value == "critical"
    assert "quality" in {signal.value for signal in only.signals}


def test_rows_that_come_in_are_held_to_the_same(store: Store) -> None:
    fill(store, SPEC)
    with store.read() as conn:
        model = registration.find_model(conn, "production", "flights")
        assert model is not None
        results = run.list_results(conn, model.id, 0, START + 100 * DAY)
        (opened,) = incident.list_incidents(conn)
        (sent,) = notification.list_notifications(conn, opened.id)
    judged = [run.decode_result(each.result) for each in results if each.result is not None]
    states = [{check["demand"]: check["state"] for check in each["summary"]["checks"]} for each in judged]
    assert states[0] == {
        "between -60 and 60": "ok",
        "never missing": "ok",
        "one of 'AA', 'WN'": "ok",
        "one of '0', '1'": "ok",
        "like '[a-z]+'": "ok",
        "never twice": "ok",
    }
    assert states[-1]["between -60 and 60"] == "critical"
    worst = judged[-1]["summary"]["checks"][0]
    assert (worst["n"], worst["n_violated"], worst["examples"]) == (40, 40, [["999", 40]])
    message = Message.from_dict(sent.payload)
    assert any("break “between -60 and 60”, such as “999” (40)" in each.effect for each in message.evidence)


def test_a_private_columns_values_are_in_no_message_and_no_profile(store: Store) -> None:
    fill(store, {**SPEC, "pii": ["carrier", "temp"]})
    for profile in profiles_of(store).values():
        assert not any(counts.examples for key, counts in profile.checks.items() if "carrier" in key or "temp" in key)
    with store.read() as conn:
        (opened,) = incident.list_incidents(conn)
        (sent,) = notification.list_notifications(conn, opened.id)
    assert "XX" not in str(sent.payload)


def test_ids_that_came_before_late_rows_and_other_kinds_are_counted_on_the_way_in(store: Store) -> None:
    with store.begin() as conn:
        live = {key: value for key, value in SPEC.items() if key != "clock"}
        registration.set_spec(conn, registration.ensure_model(conn, "production", "flights", at=0), live, at=0)
    noon = START + 12 * HOUR
    times = [noon + place * MINUTE for place in range(10)]
    ids = [f"r{place}" for place in range(10)]
    send(store, frame_of("one", at=times, ids=ids), now=noon + 10 * MINUTE)
    again = frame_of("two", at=times, ids=[*ids[:7], "new-1", "new-2", "new-3"], features={"temp": ["x"] * 10})
    reply = send(store, again, content=b"other", now=noon + 3 * HOUR)
    assert (reply.accepted, reply.duplicates) == (3, 7)
    (profile,) = profiles_of(store).values()
    assert profile.rows == 13
    assert profile.checks[REPEATED] == CheckCounts(7, 7)
    assert profile.checks[LATE] == CheckCounts(13, 3, {3600.0: 3})
    assert profile.checks[kind_key("temp")] == CheckCounts(3, 3)
    assert profile.checks["'temp' not_null"].n_violated == 3


def test_a_batch_of_nothing_but_repeats_is_counted_without_a_row(store: Store) -> None:
    send(store, frame_of("one", ids=[f"r{place}" for place in range(10)]))
    send(store, frame_of("two", ids=[f"r{place}" for place in range(10)]), content=b"other")
    (profile,) = profiles_of(store).values()
    assert (profile.rows, profile.checks[REPEATED]) == (10, CheckCounts(10, 10))


def test_repeated_ids_of_a_log_are_a_finding() -> None:
    days = [pd.DataFrame(columns_of(day, broken=False)) for day in range(DAYS)]
    log = pd.concat([*days, days[-1].iloc[: A_DAY // 2]], ignore_index=True)
    log["ts"] = pd.to_datetime(log.pop("at"), unit="us", utc=True)
    report = backtest(log, SPEC)
    found = [each for each in report.findings if each.kind == "duplicates"]
    assert len(found) == 12
    # A day's share: 40 rows repeat an id, of the 960 of the last 24 hours and those 40.
    assert (found[0].column, found[0].n, found[0].details["n_violated"]) == ("id", 1000, 40)
    assert (found[-1].n, found[-1].details["n_violated"]) == (1440, 480)
    assert broken_of(list(report.findings)) == {"id": {("never twice", 80, 40)}}


def test_a_constraint_on_a_column_that_a_log_lacks_is_an_error_that_names_it() -> None:
    with pytest.raises(SpecError, match=r"constraints\[0\]\.column: there is no column 'tmp'.*'temp'"):
        replayed(constraints=[{"column": "tmp", "not_null": True}])


def halves(n: int = 2000) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(3)

    def one() -> pd.DataFrame:
        return pd.DataFrame(
            {
                "temp": rng.normal(10, 5, n),
                "carrier": rng.choice(["AA", "WN", "HA"], n, p=[0.6, 0.37, 0.03]),
                "code": [f"A{place % 50:02d}" for place in range(n)],
                "id": [f"r{place}" for place in range(n)],
            }
        )

    return one(), one()


def compared(current: pd.DataFrame, *constraints: dict[str, Any], **more: Any) -> Comparison:
    spec = {"model": "m", "columns": {"timestamp": "ts", "id": "id"}, "constraints": list(constraints)}
    reference, _ = halves()
    before, now = (frame.assign(ts=pd.Timestamp("2024-01-01", tz="UTC")) for frame in (reference, current))
    return compare(before, now, parse_model_spec(spec | more))


def test_compare_tells_which_constraint_the_current_rows_break() -> None:
    _, current = halves()
    current.loc[:4, "temp"] = [np.inf, -999.0, -999.0, np.nan, 500.0]
    current.loc[:0, "id"] = "r7"
    result = compared(
        current,
        {"column": "temp", "between": [-60, 60], "not_null": True},
        {"column": "code", "regex": "A[0-9]{2}"},
        {"column": "id", "unique": True, "severity": "critical"},
    )
    said = {
        column.column: (column.severity.value, [each.detail for each in column.findings if each.kind == "constraint"])
        for column in result.columns
        if column.breaks
    }
    assert said == {
        "temp": (
            "warning",
            [
                "4 of 1,999 rows break “between -60 and 60”, such as “-999” (2), “500” (1), “inf” (1)",
                "1 of 2,000 rows breaks “never missing”",
            ],
        ),
        "id": ("critical", ["1 of 2,000 rows breaks “never twice”, such as “r7” (1)"]),
    }
    assert (result.verdict, result.drifted) == ("no_drift", ())
    assert result.sentence.endswith("2 columns break what is demanded of the current rows.")


def test_compare_hides_private_values_and_names_a_column_that_neither_side_has() -> None:
    _, current = halves()
    result = compared(current, {"column": "carrier", "in": ["AA"]}, pii=["carrier"])
    (finding,) = [each for column in result.columns for each in column.findings if each.kind == "constraint"]
    assert finding.detail.endswith("break “one of 'AA'” (their values are hidden)")
    with pytest.raises(SpecError, match=r"constraints\[0\]\.column: neither file has a column 'tmp'.*'temp'"):
        compared(current, {"column": "tmp", "not_null": True})


def test_compare_sees_a_value_that_no_longer_comes() -> None:
    _, current = halves()
    result = compared(current)
    assert not any(each.kind == "vanished" for column in result.columns for each in column.findings)
    current["carrier"] = current["carrier"].replace("HA", "WN")
    (carrier,) = [column for column in compared(current).columns if column.column == "carrier"]
    assert [each.detail for each in carrier.findings if each.kind == "vanished"] == [
        "1 value of the reference is gone: 'HA' 3.1 %"
    ]
    assert carrier.severity.value != "none"
