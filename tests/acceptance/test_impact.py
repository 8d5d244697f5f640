"""What drift costs: expected performance without labels, as a signal and beside each drift finding."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from acceptance.labelled_world import DAYS, ROWS, TURN, fill, loans, spec_of

from driftwatch.domain.finding import Finding
from driftwatch.domain.signal import Severity, Signal
from driftwatch.service.backtest import backtest
from driftwatch.service.tick import Ticker
from driftwatch.service.wording import effect_words
from driftwatch.storage import finding, registration, run
from driftwatch.storage.store import Store


def world(*, unsure: bool) -> pa.Table:
    """From the turn on x is far off; with `unsure` the scores come near a half, which costs."""
    log = loans(last_labelled=TURN)
    after = np.repeat(np.arange(DAYS), ROWS) >= TURN
    x, score = log["x"].to_numpy() + 3 * after, log["score"].to_numpy()
    changed = {"x": x, "score": np.where(after & unsure, 0.5 + (score - 0.5) * 0.3, score)}
    for name, values in changed.items():
        log = log.set_column(log.column_names.index(name), name, pa.array(values))
    return log


def told(findings: Iterable[Finding]) -> set[tuple[Any, ...]]:
    found = set()
    for each in findings:
        impact = each.details.get("impact")
        if each.signal is Signal.ESTIMATED_PERFORMANCE or impact is not None:
            matters = None if impact is None else impact["matters"]
            found.add((each.signal, each.column, each.window_start, each.at, each.severity, matters))
    return found


def test_the_service_expects_what_a_replay_expects(store: Store) -> None:
    log, spec = world(unsure=True), spec_of()
    replayed = list(backtest(log, spec).findings)
    fill(store, spec, log)
    assert Ticker(store, public_url="").tick().failed == 0
    with store.read() as conn:
        (model,) = registration.list_models(conn)
        served = finding.list_findings(conn, model.id, 0, 2**62)
        judged_until = run.list_results(conn, model.id, 0, 2**62)[-1].window_end
    assert told(served) == told(each for each in replayed if each.window_end <= judged_until)
    assert any(each.signal is Signal.ESTIMATED_PERFORMANCE for each in served)
    expected = [each for each in replayed if each.signal is Signal.ESTIMATED_PERFORMANCE]
    assert any(each.severity is Severity.WARNING for each in expected)
    assert expected[0].value > expected[0].threshold
    assert "expected Brier score" in effect_words(expected[0])


@pytest.mark.parametrize("unsure", [True, False])
def test_drift_carries_what_it_costs(*, unsure: bool) -> None:
    findings = list(backtest(world(unsure=unsure), spec_of()).findings)
    drifted = [each for each in findings if each.column == "x" and each.severity.rank >= Severity.WARNING.rank]
    weighed = [each for each in drifted if "impact" in each.details]
    assert weighed
    assert all(each.matters is unsure for each in weighed[2:])
    words = effect_words(weighed[-1])
    assert ("expected Brier score" in words) is unsure
    assert ("no impact on expected performance" in words) is not unsure
    signals = {each.signal for each in findings if each.severity.rank >= Severity.WARNING.rank}
    assert (Signal.ESTIMATED_PERFORMANCE in signals) is unsure
