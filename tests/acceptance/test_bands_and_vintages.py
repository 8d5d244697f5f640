"""Score bands and vintages of a stored model: against the rows, in the command, the API and on the page."""

import json
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from acceptance import role_world
from acceptance.labelled_world import DAYS, REFERENCE, ROWS, START, fill, loans, spec_of
from acceptance.test_outcomes import model_of
from acceptance.test_performance_page import opened
from acceptance.test_row_estimates import settle
from api_server import serving
from scipy import stats

from driftwatch.cli import run
from driftwatch.domain.instant import DAY, from_iso
from driftwatch.errors import DataError
from driftwatch.queries.performance import read_performance
from driftwatch.queries.span import Span
from driftwatch.queries.vintage import read_vintages
from driftwatch.service.log_load import load_log
from driftwatch.service.outcome_settling import OutcomeSettler
from driftwatch.service.performance_report import report_performance
from driftwatch.storage.store import Store

FIRST = from_iso(START.isoformat())
AFTER = Span(FIRST + REFERENCE * DAY, FIRST + DAYS * DAY)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    made = f"sqlite:///{tmp_path_factory.mktemp('bands')}/store.db"
    with Store.open(made) as store:
        fill(store, spec_of(), loans())
    return made


def test_bands_are_tenths_of_the_reference_and_count_what_the_rows_say(url: str) -> None:
    with Store.open(url) as store:
        view = read_performance(store, "loans", "production", AFTER)
        reference = read_performance(store, "loans", "production", Span(FIRST, AFTER.start))
    assert view is not None
    assert reference is not None
    assert len(reference.bands) == 10
    assert all(abs(band.n - REFERENCE * ROWS / 10) < 0.03 * REFERENCE * ROWS for band in reference.bands)
    log = loans().slice(REFERENCE * ROWS).to_pydict()
    score, y = np.array(log["score"]), np.array(log["y"])
    assert [band.low for band in view.bands[1:]] == [band.high for band in view.bands[:-1]]
    for band in view.bands:
        low, high = (-np.inf if band.low is None else band.low), (np.inf if band.high is None else band.high)
        inside = (score > low) & (score <= high)
        assert (band.n, band.positives) == (inside.sum(), y[inside].sum())
        assert band.mean_score is not None
        assert band.mean_score == pytest.approx(score[inside].mean(), abs=0.004)
        expected = stats.binomtest(int(y[inside].sum()), int(inside.sum()), band.mean_score).pvalue
        assert band.p_value == pytest.approx(expected)
        assert band.share_of_positives == pytest.approx(y[score > low].sum() / y.sum())


def test_a_vintage_is_the_share_that_was_positive_by_each_age(url: str) -> None:
    with Store.open(url) as store:
        vintages = read_vintages(store, "loans", "production", Span(FIRST, FIRST + DAYS * DAY), "week")
        with pytest.raises(DataError, match="no vintages by 'year'"):
            read_vintages(store, "loans", "production", AFTER, "year")
        with pytest.raises(DataError, match="ask for less"):
            read_vintages(store, "loans", "production", AFTER, "week", most_labels=10)
        assert read_vintages(store, "nobody", "production", AFTER, "week") == ()
    log = loans().to_pydict()
    at, known = (np.array([each.timestamp() for each in log[name]]) * 1e6 for name in ("ts", "known"))
    positive = np.array(log["y"]) == 1
    assert vintages[0].n == 7 * ROWS
    for vintage in vintages:
        inside = (at >= vintage.span.start) & (at < vintage.span.end)
        assert vintage.n == inside.sum()
        for point in vintage.points:
            assert vintage.span.end + point.age <= at.max() + 1
            assert point.positives == (inside & positive & (known - at < point.age)).sum()
    assert len(vintages[0].points) > len(vintages[3].points) > 0
    assert vintages[0].points[-1].rate == pytest.approx(positive[: 7 * ROWS].mean())


def test_months_differ_in_length_and_the_undecided_are_left_out(store: Store) -> None:
    log = role_world.grants()
    load_log(store, log, role_world.SELECTIVE)
    settle(store)
    assert model_of(store).name == "roles"
    start = datetime.fromisoformat("2013-01-01T00:00:00+00:00")
    told = report_performance(
        store, "production", "roles", start=start.isoformat(), end="2013-03-01", period="month", bands=True,
        vintage="month",
    )  # fmt: skip
    table = log.to_pydict()
    january = np.array([each.month == 1 for each in table["ts"]]) & (np.array(table["granted"]) == "yes")
    (first, *_) = told["vintages"]
    assert (first["start"][:10], first["end"][:10]) == ("2013-01-01", "2013-02-01")
    assert first["n"] == january.sum()
    assert first["by_age"][-1]["positives"] == sum(
        y == 1 for y, inside in zip(table["y"], january, strict=True) if inside
    )
    assert sum(band["n"] for band in told["bands"]) == told["labelled"]
    assert told["undecided_outcomes"] > 0
    with pytest.raises(DataError, match="not decided"):
        read_vintages(store, "roles", "production", AFTER, "week")


def test_a_regression_has_neither(store: Store) -> None:
    load_log(store, role_world.prices(), role_world.PRICES)
    OutcomeSettler(store).settle(model_of(store))
    told = report_performance(store, "production", "roles", bands=True, vintage="week")
    assert (told["bands"], told["vintages"]) == ([], [])


def test_the_command_and_the_api_tell_them(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    bounds = {"start": "2013-02-04", "end": "2013-02-14"}
    options = [part for name, value in bounds.items() for part in (f"--{name}", value)]
    command = ["performance", "loans", "--store", url, *options, "--bands", "--vintage", "day"]
    assert run([*command, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    with Store.open(url) as store, serving(store) as client:
        answer = client.get("/v1/models/loans/performance", params={**bounds, "bands": True, "vintage": "day"})
        plain = client.get("/v1/models/loans/performance", params=bounds).json()
    assert answer.json()["bands"] == told["bands"]
    assert answer.json()["vintages"] == told["vintages"]
    assert not {"bands", "vintages"} & plain.keys()
    assert run(command) == 0
    said = capsys.readouterr().out
    assert "of positives, from here up" in said
    assert "p-values are of one band each: hold them against 0.005" in said
    assert "positives by age" in said
    assert "no age is reached by all of them yet" in said
    assert run([*command[:-1], "year"]) == 2
    assert "day, week, month" in capsys.readouterr().err


def test_the_command_says_of_which_rows_it_speaks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = f"sqlite:///{tmp_path}/store.db"
    with Store.open(made) as store:
        load_log(store, role_world.grants(), role_world.SELECTIVE)
        settle(store)
    assert run(["performance", "roles", "--store", made]) == 0
    said = capsys.readouterr().out
    assert "that were decided have an outcome" in said
    assert "outcomes are of predictions that were not decided: not counted" in said


def test_the_page_draws_both(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    app, said = opened(monkeypatch, url, model="loans", window="30d", period="week")
    assert "Score bands" in said
    assert "Positives by age" in said
    assert "Each line ends at the age" in said
    bands = next(each.value for each in app.dataframe if "gain" in each.value)
    assert len(bands) == 10
    assert bands["band"][0].startswith("above")
    assert any("◇" in each for each in bands["p"])


def test_the_page_says_of_which_rows_it_speaks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made = f"sqlite:///{tmp_path}/store.db"
    with Store.open(made) as store:
        load_log(store, role_world.grants(), role_world.SELECTIVE)
        settle(store)
    _, said = opened(monkeypatch, made, model="roles", window="7d")
    assert "predictions that were decided (granted); nothing is said of the others" in said
    assert "outcomes are of others, and count nowhere" in said
    assert "Not drawn here" in said


def test_the_page_of_a_regression_shows_what_its_features_let_expect(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = f"sqlite:///{tmp_path}/store.db"
    with Store.open(made) as store:
        load_log(store, role_world.prices(), role_world.PRICES)
        settle(store)
    _, said = opened(monkeypatch, made, model="roles", window="7d", metric="mean_absolute_error")
    assert "the features let expect" in said
    assert "Estimated from the features and the prediction" in said
    assert "Score bands" not in said
