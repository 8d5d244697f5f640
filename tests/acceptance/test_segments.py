"""A drift in one segment: what the service finds, whom it tells and how; and a replay finds the same."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from driftwatch._layout import bundled_dir
from driftwatch.alerting.machine import Transition
from driftwatch.domain.finding import Finding
from driftwatch.domain.instant import HOUR, from_datetime
from driftwatch.domain.signal import Severity
from driftwatch.monitors.spec import ModelSpec, parse_model_spec
from driftwatch.queries.feature import read_feature
from driftwatch.queries.run import read_runs
from driftwatch.queries.span import Span
from driftwatch.queries.status import Status
from driftwatch.service.backtest import backtest
from driftwatch.service.log_load import load_log
from driftwatch.service.tick import Ticker
from driftwatch.service.wording import Context, compose
from driftwatch.storage import finding, incident, registration
from driftwatch.storage.store import Store

START = datetime(2024, 1, 1, tzinfo=UTC)
REFERENCE_DAYS, DAYS, PER_HOUR = 14, 16, 120
TURN = from_datetime(START + timedelta(days=REFERENCE_DAYS, hours=6))
EVERYWHERE = from_datetime(START + timedelta(days=REFERENCE_DAYS + 1))


def spec_of(**changes: Any) -> ModelSpec:
    reference = {"start": START.isoformat(), "end": (START + timedelta(days=REFERENCE_DAYS)).isoformat()}
    document = {
        "model": "fraud", "version": "1", "columns": {"timestamp": "ts", "id": "id", "score": "score"},
        "features": {"numeric": ["amount", "age"]}, "reference": reference, "clock": "replay",
        "segments": ["country", {"column": "age", "bands": [40]}],
    }  # fmt: skip
    return parse_model_spec(document | changes)


def payments() -> pa.Table:
    """The amount moves in Portugal, an eighth of the rows, from 06:00 of day 14 on; the age everywhere on day 15."""
    rng = np.random.default_rng(9)
    n = DAYS * 24 * PER_HOUR
    at = from_datetime(START) + np.arange(n) * (HOUR // PER_HOUR)
    portugal = rng.random(n) < 1 / 8
    country = np.where(portugal, "PT", rng.choice(["ES", "FR"], n))
    return pa.table({
        "ts": pa.array(at, pa.timestamp("us", "UTC")), "id": [f"p-{i}" for i in range(n)],
        "amount": rng.normal(size=n) + np.where(portugal & (at >= TURN), 1.2, 0.0),
        "age": rng.normal(40, 10, n) + np.where(at >= EVERYWHERE, 25, 0), "country": country, "score": rng.random(n),
    })  # fmt: skip


def told(findings: Any) -> set[tuple[int, str | None, str | None, str]]:
    """Alarms, and what is said of segments; a watch of all rows hangs on the bins, which a first batch has chosen."""
    return {
        (each.window_start, each.column, each.segment, each.severity.value)
        for each in findings
        if each.segment is not None or each.severity.rank >= Severity.WARNING.rank
    }


def found_in(store: Store) -> list[Finding]:
    with store.read() as conn:
        (model,) = registration.list_models(conn)
        return finding.list_findings(conn, model.id, 0, 2**62)


@pytest.mark.slow
def test_the_service_finds_in_a_segment_what_a_replay_finds(
    store: Store, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, spec = payments(), spec_of()
    ticker = Ticker(store, public_url="")
    half = (REFERENCE_DAYS * 24 + 8) * PER_HOUR
    for part in (log.slice(0, half), log.slice(half)):  # the second time from what the worker has kept
        load_log(store, part, spec)
        ticker.tick()
    found = found_in(store)
    replayed = [each for each in backtest(log, spec).findings if each.window_start <= _last(found)]
    assert told(found) == told(replayed)
    assert len(told(found)) > DAYS
    alarms = [each for each in found if each.severity.rank >= Severity.WARNING.rank]
    amount = sorted((each.window_start, each.segment) for each in alarms if each.column == "amount" and each.segment)
    assert {segment for _, segment in amount} == {"country=PT"}
    assert TURN <= amount[0][0] <= TURN + 12 * HOUR  # 15 rows an hour: it takes several
    assert all(each.window_start > amount[0][0] for each in alarms if (each.column, each.segment) == ("amount", None))
    with store.read() as conn:
        (model,) = registration.list_models(conn)
        [run] = read_runs(conn, model.id, Span(amount[0][0], amount[0][0] + HOUR))
        stored = incident.list_incidents(conn, model_id=model.id)
    assert run.columns["amount"].status in {Status.HEALTHY, Status.WATCH}  # all rows are well
    assert "amount (country=PT)" in {each.key.place for told in stored for each in told.alerts}
    view = read_feature(store, "fraud", "production", "amount", "7d")
    assert view is not None
    assert (view.segments[0].segment, view.segments[0].over > 0) == ("country=PT", True)
    assert {each.segment for each in view.segments} == {"country=ES", "country=FR", "country=PT", "age<40", "age>=40"}
    monkeypatch.setenv("DRIFTWATCH_STORE", store_url)
    page = AppTest.from_file(bundled_dir("dashboards") / "app.py", default_timeout=60).run()
    page.switch_page("views/feature.py")
    page.query_params["model"], page.query_params["column"], page.query_params["window"] = "fraud", "amount", "7d"
    page.run()
    assert not page.exception
    tables = [each.value for each in page.dataframe if "segment" in each.value]
    assert [table["segment"].iloc[0] for table in tables] == ["country=PT"]
    noted = [each for each in found if each.column == "age" and "suppressed_by" in each.details]
    assert {each.segment for each in noted} >= {"country=ES", "country=FR", "country=PT", "age>=40"}
    assert {each.severity for each in noted} == {Severity.WATCH}


def test_incidents_and_messages_name_the_segment() -> None:
    log = payments()
    first = log.filter(pa.array(np.asarray(log["ts"].cast("int64")) < EVERYWHERE))
    report = backtest(first, spec_of())
    [incident] = report.incidents
    assert incident.title == "Drift in fraud: amount (country=PT)"
    assert incident.columns == ("amount",)
    message = compose(Transition("opened", incident, True, "first", (), incident.opened_at), Context(public_url=""))
    assert message.evidence[0].column == "amount (country=PT)"
    assert message.summary.startswith("amount in the segment country=PT of fraud (production) has drifted")
    assert "Compare amount in country=PT with its reference." in message.next_action


def _last(found: list[Finding]) -> int:
    return max(each.window_start for each in found)
