"""Performance by segment and fairness gaps as they are told: scikit-learn's numbers of each segment's own rows."""

import json
from typing import Any

import numpy as np
import pytest
from acceptance.labelled_world import DAYS, START, fill, loans, spec_of
from acceptance.segmented_world import CITIES, segmented_loans, segmented_spec
from api_server import serving
from sklearn import metrics as sk

from driftwatch.cli.app import run
from driftwatch.domain.instant import DAY, from_iso, to_iso
from driftwatch.errors import DataError
from driftwatch.performance.difference import newcombe
from driftwatch.service.performance_report import report_performance
from driftwatch.storage.store import Store

FIRST = from_iso(START.isoformat())
SPAN = {"start": to_iso(FIRST), "end": to_iso(FIRST + DAYS * DAY)}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    made = f"sqlite:///{tmp_path_factory.mktemp('segments')}/store.db"
    with Store.open(made) as store:
        fill(store, segmented_spec(pii=[]), segmented_loans(worse=0.9))
    return made


def report(url: str, **changes: Any) -> dict[str, Any]:
    with Store.open(url) as store:
        return report_performance(store, "production", "loans", **{**SPAN, **changes})


def column(name: str) -> np.ndarray:
    return np.array(segmented_loans(worse=0.9)[name].to_pylist())


def row_of(segment: dict[str, Any], metric: str) -> dict[str, Any]:
    found: dict[str, Any] = next(row for row in segment["performance"] if row["metric"] == metric)
    return found


def test_each_segment_and_all_others_have_scikit_learns_numbers(url: str) -> None:
    found = report(url, by="city")
    city, y, said, score = (column(name) for name in ("city", "y", "said", "score"))
    assert sorted(each["segment"] for each in found["segments"]) == sorted(f"city={name}" for name in CITIES)
    for each in found["segments"]:
        inside = city == each["segment"].removeprefix("city=")
        recall, auc = row_of(each, "recall"), row_of(each, "roc_auc")
        assert recall["value"] == pytest.approx(sk.recall_score(y[inside], said[inside]), abs=1e-12)
        assert recall["rest"] == pytest.approx(sk.recall_score(y[~inside], said[~inside]), abs=1e-12)
        assert auc["value"] == pytest.approx(sk.roc_auc_score(y[inside], score[inside]), abs=0.005)
        hits, positives = (said * y)[inside].sum(), y[inside].sum()
        expected = newcombe(int(hits), int(positives), int((said * y)[~inside].sum()), int(y[~inside].sum()))
        assert (recall["minus_rest_low"], recall["minus_rest_high"]) == pytest.approx((expected.low, expected.high))
        assert (each["n"], each["n_labelled"], each["too_few"]) == (inside.sum(), inside.sum(), False)
    gaps = [row_of(each, "roc_auc")["minus_rest"] for each in found["segments"]]
    assert gaps == sorted(gaps)  # worst first


def test_the_segment_that_is_worse_is_found_among_all_and_no_other(url: str) -> None:
    found = report(url, by="all")
    assert found["segments_worse"] == ["city=south"]
    assert found["segments"][0]["segment"] == "city=south"
    assert {each["split"] for each in found["segments"]} == {"city", "x[0]", "sex"}
    assert found["segments_looks"] == DAYS
    assert report(url, by="sex")["segments_worse"] == []
    assert report(url, by="sex")["segments_looks"] == 3 * DAYS
    assert [len(each["performance"]) for each in report(url, by="x", metric="f1")["segments"]] == [1, 1]


def test_a_segment_with_too_few_labels_is_named_and_not_ranked(url: str) -> None:
    found = report(url, by="city", start=to_iso(FIRST), end=to_iso(FIRST + DAY))
    few = [each for each in found["segments"] if each["n_labelled"] < 30]
    assert few
    assert found["segments"][-len(few) :] == few
    assert all(each["too_few"] and each["worse"] is None for each in few)


def test_fairness_gaps_are_those_of_the_rows(url: str) -> None:
    (found,) = report(url, fairness=True)["fairness"]
    sex, y, said = (column(name) for name in ("sex", "y", "said"))
    rates = {name: said[sex == name].mean() for name in ("f", "m")}
    recall = {name: sk.recall_score(y[sex == name], said[sex == name]) for name in ("f", "m")}
    fallout = {name: 1 - sk.recall_score(y[sex == name], said[sex == name], pos_label=0) for name in ("f", "m")}
    gaps = {gap["rate"]: gap for gap in found["gaps"]}
    assert (found["column"], [each["group"] for each in found["groups"]]) == ("sex", ["sex=f", "sex=m"])
    assert gaps["selection_rate"]["difference"] == pytest.approx(abs(rates["f"] - rates["m"]))
    assert gaps["selection_rate"]["ratio"] == pytest.approx(min(rates.values()) / max(rates.values()))
    assert gaps["true_positive_rate"]["difference"] == pytest.approx(abs(recall["f"] - recall["m"]))
    assert gaps["false_positive_rate"]["difference"] == pytest.approx(abs(fallout["f"] - fallout["m"]))
    assert found["equalized_odds_difference"] == pytest.approx(
        max(gaps["true_positive_rate"]["difference"], gaps["false_positive_rate"]["difference"])
    )
    assert gaps["selection_rate"]["low"] <= gaps["selection_rate"]["difference"] <= gaps["selection_rate"]["high"]


def test_the_command_line_and_the_api_say_the_same(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = report(url, by="city", fairness=True)
    more = ["--start", SPAN["start"], "--end", SPAN["end"], "--store", url]
    assert run(["performance", "loans", "--by", "city", "--fairness", "--json", *more]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["segments"], printed["fairness"]) == (wanted["segments"], wanted["fairness"])
    assert run(["performance", "loans", "--by", "city", "--fairness", *more]) == 0
    said = capsys.readouterr().out
    assert "worse than all others in brier_score, at 5% over all segments and 114 looks: city=south" in said
    assert "selection_rate difference" in said
    assert "equalised odds difference" in said
    with Store.open(url) as store, serving(store) as client:
        answer = client.get("/v1/models/loans/performance", params={"by": "city", "fairness": True, **SPAN})
        assert answer.status_code == 200
        assert (answer.json()["segments"], answer.json()["fairness"]) == (wanted["segments"], wanted["fairness"])
        refused = client.get("/v1/models/loans/performance", params={"by": "planet"})
        assert refused.status_code in (400, 422)
        assert "not split by" in refused.text


def test_what_cannot_be_split_says_so(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["performance", "loans", "--by", "citi", "--store", url]) == 2
    said = capsys.readouterr().err
    assert "not split by 'citi'" in said
    assert "all; city; x[0]; sex" in said
    assert "segments" not in report(url)
    assert "fairness" not in report(url)


def test_a_model_without_splits_says_what_to_declare(store: Store) -> None:
    fill(store, spec_of(), loans())
    with pytest.raises(DataError, match=r"write segments: \[column\]"):
        report_performance(store, "production", "loans", by="all")
    with pytest.raises(DataError, match=r"protected: \[column\]"):
        report_performance(store, "production", "loans", fairness=True)
