"""Outcomes by what their predictions were: only of decided rows, whole queries, with a score for every class."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from acceptance import role_world as world
from acceptance.labelled_world import DAYS, REFERENCE, TURN
from acceptance.test_outcomes import found_in, model_of, told
from sklearn.metrics import brier_score_loss, ndcg_score, roc_auc_score
from sklearn.metrics import log_loss as log_loss_of

from driftwatch.domain.instant import DAY, to_iso
from driftwatch.domain.signal import Signal
from driftwatch.monitors.spec import ModelSpec, parse_model_spec
from driftwatch.queries.performance import PerformanceView, read_performance
from driftwatch.queries.span import Span
from driftwatch.service.backtest import backtest
from driftwatch.service.log_load import load_log
from driftwatch.service.outcome_settling import OutcomeSettler
from driftwatch.service.tick import Ticker
from driftwatch.storage import outcome_profile, registration
from driftwatch.storage.outcome_profile import LATEST
from driftwatch.storage.store import Store

AFTER = Span(world.BEGIN + REFERENCE * DAY, world.BEGIN + (DAYS - 3) * DAY)
WORLDS = {
    "selective": (world.grants, world.SELECTIVE),
    "ranking": (world.queries, world.RANKING),
    "several": (world.animals, world.SEVERAL),
}


SAME = {
    "selective": ("brier_score", "accuracy", "log_loss"),  # the areas are those of each one's bins
    "ranking": ("ndcg@10", "map@10", "mrr", "hit_rate@10"),
    "several": ("accuracy", "log_loss", "brier_score"),
}


def view_of(store: Store, span: Span = AFTER) -> PerformanceView:
    view = read_performance(store, "roles", "production", span)
    assert view is not None
    return view


def values_of(log: pa.Table, day: int) -> dict[str, np.ndarray]:
    """The columns of one day."""
    at = np.array([each.timestamp() for each in log["ts"].to_pylist()]) * 1e6
    rows = np.flatnonzero((at >= world.BEGIN + day * DAY) & (at < world.BEGIN + (day + 1) * DAY))
    return {name: np.array(log[name].to_pylist(), dtype=object)[rows] for name in log.column_names}


@pytest.mark.parametrize("kind", WORLDS)
def test_the_service_finds_what_a_replay_finds_and_measures_the_same(store: Store, kind: str) -> None:
    make, spec = WORLDS[kind]
    log = make()
    load_log(store, log, spec)
    assert OutcomeSettler(store).settle(model_of(store)) > 0
    Ticker(store, public_url="").tick()
    replayed = backtest(log, spec)
    found = found_in(store)
    last = max(each.at for each in found)
    assert told(found) == told(each for each in replayed.findings if each.at <= last)
    assert any(each.signal is Signal.PERFORMANCE and each.window_start >= world.BEGIN + TURN * DAY for each in found)
    rows = {
        (row["window_start"], row["metric"]): (row["value"], row["n"])
        for row in replayed.performance
        if not row["estimated"]
    }
    parts = view_of(store).periods
    assert len(parts) == DAYS - 3 - REFERENCE
    for part in parts:
        same = {metric: rows[to_iso(part.span.start), metric] for metric in SAME[kind]}
        for metric, (value, n) in same.items():
            result = part.realised[metric]
            assert result.value == pytest.approx(value), metric
            assert result.n == n


def test_performance_is_of_the_granted_alone_and_the_outcomes_of_others_are_told(store: Store) -> None:
    log = world.grants()
    load_log(store, log, world.SELECTIVE)
    OutcomeSettler(store).settle(model_of(store))
    replayed = backtest(log, world.SELECTIVE)
    part = view_of(store).periods[0]
    day = values_of(log, REFERENCE)
    granted = day["granted"] == "yes"
    assert part.n_labelled == granted.sum()
    truth, score = day["y"][granted].astype(int), day["score"][granted].astype(float)
    assert part.realised["brier_score"].value == pytest.approx(brier_score_loss(truth, score))
    strays = sum(y is not None for y in day["y"][~granted])
    with store.read() as conn:
        (version,) = registration.list_versions(conn, model_of(store).id)
        buckets = outcome_profile.read_outcome_buckets(conn, [version.id], LATEST, part.span.start, part.span.end)
    assert sum(bucket.n_undecided for bucket in buckets) == strays > 0
    assert sum(bucket.n for bucket in buckets) == granted.sum()
    (left_out,) = [each for each in replayed.left_out if "not decided" in each.reason]
    all_strays = sum(
        y is not None and said == "no" for y, said in zip(log["y"].to_pylist(), log["granted"].to_pylist(), strict=True)
    )
    assert (left_out.rows, left_out.column) == (all_strays, "granted")


def test_another_decision_column_counts_the_past_anew(store: Store) -> None:
    log = world.grants()
    log = log.append_column("all", pa.array([True] * len(log)))
    columns = world.SELECTIVE.columns.to_dict()
    load_log(store, log, parse_model_spec(world.SELECTIVE.to_dict() | {"protected": ["all"]}))
    settler = OutcomeSettler(store, rest_seconds=0)
    assert settler.settle(model_of(store)) == DAYS
    assert settler.settle(model_of(store)) == 0
    before = view_of(store).whole.n_labelled
    changed = parse_model_spec(world.SELECTIVE.to_dict() | {"columns": columns | {"decision": "all"}})
    declare(store, changed)
    assert settler.settle(model_of(store)) == DAYS
    after = view_of(store).whole.n_labelled
    assert after > before
    declare(store, parse_model_spec(changed.to_dict() | {"columns": {**columns, "decision": "unheard-of"}}))
    assert settler.settle(model_of(store)) == DAYS
    assert view_of(store).whole.n_labelled == 0  # a column that no row has decides nothing


def declare(store: Store, spec: ModelSpec) -> None:
    from driftwatch.service.apply import apply_documents

    apply_documents(store, [spec.to_dict()], actor="test")


def test_a_decision_may_be_the_prediction(store: Store) -> None:
    spec = world.spec_of("binary", columns={"score": "score", "decision": "said"})
    log = world.grants()
    load_log(store, log, spec)
    OutcomeSettler(store).settle(model_of(store))
    day = values_of(log, REFERENCE)
    granted = [said == 1 and y is not None for said, y in zip(day["said"], day["y"], strict=True)]
    assert view_of(store).periods[0].n_labelled == sum(granted)


def test_a_query_counts_whole_on_the_day_on_which_it_was_asked(store: Store) -> None:
    log = world.queries()
    load_log(store, log, world.RANKING)
    OutcomeSettler(store).settle(model_of(store))
    part = view_of(store).periods[0]
    table = log.to_pydict()
    asked: dict[str, Any] = {}
    for at, query, said, y in zip(table["ts"], table["q"], table["said"], table["y"], strict=True):
        asked.setdefault(query, (at, [], []))[1].append(said)
        asked[query][2].append(y)
    start, end = (datetime.fromtimestamp(each / 1e6, UTC) for each in (part.span.start, part.span.end))
    of_day = [(said, y) for at, said, y in asked.values() if start <= at < end and any(y)]
    assert any(len(said) == 20 for said, _ in of_day)
    expected = np.mean([ndcg_score([y], [said], k=10) for said, y in of_day])
    assert part.realised["ndcg@10"].value == pytest.approx(expected)
    assert part.realised["ndcg@10"].n == len(of_day)
    # Some queries of the day have items on the next one.
    days = {
        query: {at.day for at, of in zip(table["ts"], table["q"], strict=True) if of == query} for query in ("q20",)
    }
    assert len(days["q20"]) == 2


def test_items_that_come_later_bring_their_query_up_to_date_in_the_day_of_its_first(store: Store) -> None:
    log = world.queries()
    late = [at.hour == 0 and at.minute < 10 for at in log["ts"].to_pylist()]
    first, rest = log.filter(pa.array([not each for each in late])), log.filter(pa.array(late))
    load_log(store, first, world.RANKING)
    settler = OutcomeSettler(store, rest_seconds=0)
    settler.settle(model_of(store))
    before = view_of(store).periods[0].realised["ndcg@10"]
    load_log(store, rest, world.RANKING)
    settler.settle(model_of(store))
    after = view_of(store).periods[0].realised["ndcg@10"]
    rows = [row for row in backtest(log, world.RANKING).performance if row["metric"] == "ndcg@10"]
    assert after.value != before.value
    assert after.value == pytest.approx(rows[0]["value"])


def test_a_query_id_may_be_the_request_id(store: Store) -> None:
    spec = world.spec_of("ranking", columns={"query_id": "q", "request_id": "q"})
    load_log(store, world.queries(), spec)
    OutcomeSettler(store).settle(model_of(store))
    by_tag = [row for row in backtest(world.queries(), world.RANKING).performance if row["metric"] == "mrr"]
    assert view_of(store).periods[0].realised["mrr"].value == pytest.approx(by_tag[0]["value"])


def test_scores_of_several_classes_give_losses_and_areas(store: Store) -> None:
    log = world.animals()
    load_log(store, log, world.SEVERAL)
    OutcomeSettler(store).settle(model_of(store))
    part = view_of(store).periods[0]
    day = values_of(log, REFERENCE)
    matrix = np.column_stack([day[f"p_{name}"].astype(float) for name in world.CLASSES])
    y = day["y"].astype(str)
    assert part.realised["log_loss"].value == pytest.approx(log_loss_of(y, matrix, labels=world.CLASSES))
    area = roc_auc_score(y, matrix, multi_class="ovr", labels=world.CLASSES)
    assert part.realised["roc_auc"].value == pytest.approx(area, abs=0.002)
