"""What is told of performance: realised, estimated, the difference, the labels; equal to scikit-learn's numbers."""

import json

import numpy as np
import pytest
from acceptance.labelled_world import DAYS, REFERENCE, ROWS, START, TURN, fill, loans, spec_of
from api_server import serving
from sklearn import metrics as sk

from driftwatch.cli.app import run
from driftwatch.domain.instant import DAY, from_iso, to_iso
from driftwatch.errors import DataError, NotFoundError, UnknownNameError
from driftwatch.performance.metric import Metric, MetricRows, metrics
from driftwatch.queries.performance import PerformanceView, read_performance
from driftwatch.queries.period import periods_of
from driftwatch.queries.span import Span
from driftwatch.service.performance_report import report_performance
from driftwatch.storage.store import Store

FIRST = from_iso(START.isoformat())
AFTER = Span(FIRST + REFERENCE * DAY, FIRST + DAYS * DAY)
LAST_LABELLED = DAYS - 3


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    made = f"sqlite:///{tmp_path_factory.mktemp('performance')}/store.db"
    store = Store.open(made)
    fill(store, spec_of(), loans(last_labelled=LAST_LABELLED))
    store.close()
    return made


def view_of(url: str, span: Span = AFTER, period: str = "day") -> PerformanceView:
    with Store.open(url) as store:
        view = read_performance(store, "loans", "production", span, period)
    assert view is not None
    return view


def columns(first: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
    log = loans()
    rows = slice(first * ROWS, stop * ROWS)
    return log["y"].to_numpy()[rows], log["score"].to_numpy()[rows]


def test_realised_metrics_of_a_day_are_scikit_learns(url: str) -> None:
    day = view_of(url).periods[2]
    y, score = columns(REFERENCE + 2, REFERENCE + 3)
    said = score >= 0.5
    value = {name: result.value for name, result in day.realised.items()}
    assert value["accuracy"] == pytest.approx(sk.accuracy_score(y, said), abs=1e-12)
    assert value["f1"] == pytest.approx(sk.f1_score(y, said), abs=1e-12)
    assert value["brier_score"] == pytest.approx(sk.brier_score_loss(y, score), abs=1e-12)
    assert value["log_loss"] == pytest.approx(sk.log_loss(y, score), abs=1e-12)
    assert value["roc_auc"] == pytest.approx(sk.roc_auc_score(y, score), abs=0.005)
    assert day.confusion is not None
    assert list(day.confusion.cells) == sk.confusion_matrix(y, said).ravel().tolist()
    assert (day.n, day.n_labelled, day.labelled_share, day.mature) == (ROWS, ROWS, 1.0, True)


def test_what_is_expected_stays_while_what_is_realised_falls_and_the_difference_says_so(url: str) -> None:
    view = view_of(url)
    before, after = view.periods[0], view.periods[TURN - REFERENCE]
    assert before.estimated["brier_score"].value == pytest.approx(after.estimated["brier_score"].value, abs=0.02)
    assert not before.disagrees("calibration_bias")
    assert after.disagrees("calibration_bias")
    assert after.difference("calibration_bias") == pytest.approx(-0.25, abs=0.12)
    assert before.estimated.keys() >= {"accuracy", "roc_auc"}  # the served threshold is read off the decisions
    assert view.whole.estimated["accuracy"].n == (DAYS - REFERENCE) * ROWS


def test_days_without_labels_are_estimated_alone(url: str) -> None:
    last = view_of(url).periods[-1]
    assert (last.n, last.n_labelled, last.labelled_share, last.mature) == (ROWS, 0, 0.0, False)
    assert last.realised == {}
    assert last.estimated["roc_auc"].low < last.estimated["roc_auc"].value < last.estimated["roc_auc"].high
    assert last.difference("roc_auc") is None


def test_labels_arrive_as_they_did_by_class(url: str) -> None:
    arrival = view_of(url).arrival
    assert arrival is not None
    medians = {curve.name: curve.median for curve in arrival.classes}
    assert medians == {"0": 2 * DAY, "1": DAY}
    ages = dict(arrival.everything.points)
    assert ages[DAY] == pytest.approx(sum(c.n for c in arrival.classes if c.name == "1") / arrival.predictions)
    assert arrival.everything.points[-1] == (2 * DAY, 1.0)


def test_weeks_and_months_add_up_to_the_days(url: str) -> None:
    days = view_of(url)
    for period in ("week", "month"):
        view = view_of(url, period=period)
        held = [part for part in view_of(url, view.span).periods if view.span.start <= part.span.start < view.span.end]
        assert sum(part.n_labelled for part in view.periods) == sum(part.n_labelled for part in held)
        assert len(view.periods) < len(days.periods)
    weeks = list(periods_of(AFTER, "week", spec_of()))
    assert all((span.start - FIRST) % (7 * DAY) == 0 for span in weeks)  # START is a Monday
    months = [to_iso(span.start) for span in periods_of(AFTER, "month", spec_of(timezone="Europe/Paris"))]
    assert months == [to_iso(from_iso("2013-02-01T00:00:00+01:00"))]


def test_without_outcomes_nothing_is_realised_nor_expected(store: Store) -> None:
    fill(store, spec_of(), loans(last_labelled=0))
    view = read_performance(store, "loans", "production", AFTER)
    assert view is not None
    assert (view.any_outcome, view.judged_age, view.arrival, view.reference) == (False, None, None, None)
    assert (view.whole.realised, view.whole.estimated, view.whole.n) == ({}, {}, (DAYS - REFERENCE) * ROWS)
    assert read_performance(store, "unheard-of", "production", AFTER) is None
    with pytest.raises(DataError, match="more than 400"):
        read_performance(store, "loans", "production", Span(FIRST, FIRST + 500 * DAY))
    with pytest.raises(DataError, match="no period 'year'"):
        read_performance(store, "loans", "production", AFTER, "year")


def test_the_command_and_the_api_say_the_same(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    bounds = {"start": "2013-02-04", "end": "2013-02-14"}
    options = [part for name, value in bounds.items() for part in (f"--{name}", value)]
    assert run(["performance", "loans", "--store", url, *options, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    with Store.open(url) as store, serving(store) as client:
        answer = client.get("/v1/models/loans/performance", params=bounds)
        assert client.get("/v1/models/nobody/performance").status_code == 404
    assert answer.json() == told
    assert (told["schema"], told["predictions"], told["labelled"]) == (1, 10 * ROWS, 7 * ROWS)
    days = [row for row in told["performance"] if row["metric"] == "roc_auc"]
    assert sum(row["estimated"] for row in days) == 10
    assert sum(not row["estimated"] for row in days) == 7
    assert run(["performance", "loans", "--store", url, *options]) == 0
    said = capsys.readouterr().out
    assert "1,120 of 1,600 predictions have an outcome" in said
    assert "realised" in said
    assert run(["performance", "nobody", "--store", url]) == 2


def test_a_metric_of_another_package_is_measured_on_rows_read_back(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def worst(rows: MetricRows) -> float | None:
        return float(np.max(np.abs(rows.scores - rows.outcomes))) if rows.scores is not None else None

    metric = Metric("worst_miss", ("binary",), worst, "lower_is_better")
    monkeypatch.setitem(metrics._items, "worst_miss", metric)  # for this test alone
    with Store.open(url) as store:
        told = report_performance(
            store, "production", "loans", start="2013-02-04", end="2013-02-06", metric="worst_miss"
        )
        with pytest.raises(UnknownNameError, match="Did you mean"):
            report_performance(store, "production", "loans", metric="worst_mis")
        with pytest.raises(DataError, match="for regression"):
            report_performance(store, "production", "loans", start="2013-02-04", end="2013-02-06", metric="r2")
        with pytest.raises(NotFoundError):
            report_performance(store, "production", "nobody")
    y, score = columns(REFERENCE, REFERENCE + 1)
    assert [row["n"] for row in told["performance"]] == [ROWS, ROWS]
    assert told["performance"][0]["value"] == pytest.approx(np.max(np.abs(score - y)), abs=1e-12)
    assert told["performance"][0]["direction"] == "lower_is_better"
