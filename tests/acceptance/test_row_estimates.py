"""Estimated performance in the service: from sums of all rows, before labels come, and the same as a replay finds."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pytest
from acceptance import role_world as world
from acceptance.labelled_world import DAYS, REFERENCE, TURN
from acceptance.test_outcome_roles import AFTER, declare, view_of
from acceptance.test_outcomes import found_in, model_of
from sqlalchemy import select

from driftwatch.domain.instant import DAY, to_iso
from driftwatch.domain.signal import Signal
from driftwatch.monitors.spec import parse_model_spec
from driftwatch.queries.span import Span
from driftwatch.service.backtest import backtest
from driftwatch.service.log_load import load_log
from driftwatch.service.outcome_settling import OutcomeSettler
from driftwatch.service.row_settling import RowSettler
from driftwatch.service.tick import Ticker
from driftwatch.storage.schema import row_profiles
from driftwatch.storage.store import Store

WORLDS = {
    "selective": (world.grants, world.SELECTIVE, "brier_score"),
    "several": (world.animals, world.SEVERAL, "accuracy"),
    "prices": (world.prices, world.PRICES, "mean_absolute_error"),
}


def settle(store: Store) -> int:
    OutcomeSettler(store, rest_seconds=0).settle(model_of(store))
    return RowSettler(store, rest_seconds=0).settle(model_of(store))


def stored(store: Store) -> set[tuple[object, ...]]:
    with store.read() as conn:
        held = row_profiles.c
        rows = conn.execute(select(held.bucket_at, held.n, held.n_decided, held.data_version, held.payload)).all()
    return {(*row[:-1], bytes(row[-1])) for row in rows}


@pytest.mark.parametrize("kind", WORLDS)
def test_the_service_expects_what_a_replay_expects(store: Store, kind: str) -> None:
    make, spec, metric = WORLDS[kind]
    log = make()
    load_log(store, log, spec)
    assert settle(store) >= DAYS - 2
    assert settle(store) == 0
    Ticker(store, public_url="").tick()
    replayed = backtest(log, spec)
    rows = {
        (row["window_start"], row["metric"]): (row["value"], row["low"], row["high"], row["n"])
        for row in replayed.performance
        if row["estimated"]
    }
    close = 0.005 if kind == "selective" else 1e-9  # the bins of a score are each one's own
    for part in view_of(store).periods:
        assert metric in part.estimated
        for name, estimate in part.estimated.items():
            value, low, high, n = rows[to_iso(part.span.start), name]
            assert (estimate.value, estimate.low, estimate.high) == pytest.approx((value, low, high), abs=close), name
            assert estimate.n == n
    found = {
        (each.window_start, each.at, each.severity.value)
        for each in found_in(store)
        if each.signal is Signal.ESTIMATED_PERFORMANCE
    }
    last = max((each.at for each in found_in(store)), default=0)
    assert found == {
        (each.window_start, each.at, each.severity.value)
        for each in replayed.findings
        if each.signal is Signal.ESTIMATED_PERFORMANCE and each.at <= last
    }
    if kind == "prices":  # known at the end of its day, two days before the labels
        turn = world.BEGIN + TURN * DAY
        assert min(at for start, at, _ in found if start >= turn) == turn + DAY
        newest = view_of(store).periods[-1]
        realised = newest.realised[metric]
        assert realised.interval is not None
        assert newest.estimated[metric].value == pytest.approx(realised.value, rel=0.25)
        before = view_of(store).periods[0].estimated[metric].value
        assert newest.estimated[metric].value > 1.2 * before


def test_estimates_do_not_wait_for_labels(store: Store) -> None:
    log = world.prices()
    unlabelled = [at.timestamp() * 1e6 >= world.BEGIN + REFERENCE * DAY for at in log["ts"].to_pylist()]
    y = [None if each else value for each, value in zip(unlabelled, log["y"].to_pylist(), strict=True)]
    load_log(store, log.set_column(log.column_names.index("y"), "y", pa.array(y, pa.float64())), world.PRICES)
    settle(store)
    parts = view_of(store).periods
    assert len(parts) == DAYS - 3 - REFERENCE
    assert all(part.n_labelled == 0 and part.estimated["mean_absolute_error"].n == part.n for part in parts)


def test_estimates_are_of_the_granted_alone(store: Store) -> None:
    log = world.grants()
    load_log(store, log, world.SELECTIVE)
    settle(store)
    view = view_of(store)
    at = np.array([each.timestamp() for each in log["ts"].to_pylist()]) * 1e6
    granted = np.array(log["granted"].to_pylist()) == "yes"
    inside = (at >= AFTER.start) & (at < AFTER.end)
    assert view.whole.n_decided == int((inside & granted).sum())
    assert view.whole.n == int(inside.sum())
    assert view.whole.n_undecided > 0
    assert view.whole.labelled_share == 1.0
    assert view.whole.estimated["brier_score"].n == view.whole.n_decided


def test_late_predictions_and_another_declaration_sum_anew_what_they_touch(store: Store) -> None:
    log = world.grants()
    log = log.append_column("all", pa.array([True] * len(log)))
    spec = parse_model_spec(world.SELECTIVE.to_dict() | {"protected": ["all"]})
    late = pa.array([i % 97 == 0 and at.day == 9 for i, at in enumerate(log["ts"].to_pylist())])
    load_log(store, log.filter(pa.array([not each for each in late.to_pylist()])), spec)
    everything = settle(store)
    assert everything >= DAYS - 2
    load_log(store, log.filter(late), spec)
    assert 1 <= settle(store) <= 2  # the ninth of one month, and maybe of the next
    columns = spec.columns.to_dict() | {"decision": "all"}
    declare(store, parse_model_spec(spec.to_dict() | {"columns": columns}))
    assert settle(store) == everything
    whole = view_of(store).whole
    assert whole.n_decided == whole.n


_PASS = """
import sys
from driftwatch.service.outcome_settling import OutcomeSettler
from driftwatch.service.row_settling import RowSettler
from driftwatch.storage import registration
from driftwatch.storage.store import Store
store = Store.open(sys.argv[1])
with store.read() as conn:
    (model,) = registration.list_models(conn)
OutcomeSettler(store).settle(model)
print("begins", flush=True)
RowSettler(store).settle(model)
"""


def test_a_pass_that_is_killed_is_taken_up_where_it_was(store: Store, store_url: str) -> None:
    load_log(store, world.prices(), world.PRICES)
    for _ in range(2):
        child = subprocess.Popen([sys.executable, "-c", _PASS, store_url], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        assert child.stdout.readline() == "begins\n"
        until = time.monotonic() + 60
        before = len(stored(store))
        while child.poll() is None and len(stored(store)) == before and time.monotonic() < until:
            time.sleep(0.01)
        os.kill(child.pid, signal.SIGKILL)
        child.wait(60)
        child.stdout.close()
    settle(store)
    assert settle(store) == 0
    whole = stored(store)
    with store.begin() as conn:
        conn.execute(row_profiles.delete())
    settle(store)
    assert stored(store) == whole
    view = view_of(store, Span(world.BEGIN, world.BEGIN + (DAYS - 3) * DAY))
    assert all(part.estimated["mean_absolute_error"].n == part.n for part in view.periods)


def test_a_model_without_such_columns_pays_nothing(store: Store) -> None:
    from acceptance.labelled_world import loans, spec_of

    load_log(store, loans(), spec_of())
    assert settle(store) == 0
    assert stored(store) == set()
