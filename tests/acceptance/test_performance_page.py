"""The Performance page over what the service wrote, and its empty states."""

import re
from pathlib import Path

import pytest
from acceptance.labelled_world import DAYS, fill, loans, spec_of
from acceptance.segmented_world import segmented_loans, segmented_spec
from streamlit.testing.v1 import AppTest

from driftwatch._layout import bundled_dir
from driftwatch.storage.store import Store

PAGE = "views/performance.py"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    made = f"sqlite:///{tmp_path_factory.mktemp('performance_page')}/store.db"
    with Store.open(made) as store:
        fill(store, spec_of(), loans(last_labelled=DAYS - 3))
    return made


def opened(monkeypatch: pytest.MonkeyPatch, url: str, **query: str) -> tuple[AppTest, str]:
    monkeypatch.setenv("DRIFTWATCH_STORE", url)
    app = AppTest.from_file(bundled_dir("dashboards") / "app.py", default_timeout=60)
    app.run()
    app.switch_page(PAGE)
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception, [each.value for each in app.exception]
    parts = [element.proto.body for element in app.get("html")]
    parts += [str(getattr(each, "value", "")) for kind in ("title", "markdown", "caption") for each in app.get(kind)]
    parts += [f"{each.label} {each.value} {each.delta}" for each in app.metric]
    return app, re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", " ".join(parts))).replace("\\", "")


def test_the_page_says_what_was_realised_and_what_was_expected(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    app, said = opened(monkeypatch, url, model="loans", window="7d", metric="calibration_bias")
    assert "Calibration bias was −0.2" in said
    assert "apart by more than chance" in said
    assert "Median label delay" in said
    periods, confusion = app.dataframe[0].value, app.dataframe[1].value
    assert periods["mature"][0] == "labels still come"
    assert periods["realised"][0] == "–"
    assert any("◇" in each for each in periods["difference"])
    assert confusion["cell"][0] == "rightly negative"
    assert app.selectbox[2].value == "calibration_bias"


def test_by_week_and_another_metric(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    app, said = opened(monkeypatch, url, model="loans", window="30d", period="week")
    assert "ROC AUC over time" in said
    assert "by week" in said
    assert len(app.dataframe[0].value) <= 6


def test_without_outcomes_the_page_says_how_to_send_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    empty = f"sqlite:///{tmp_path}/empty.db"
    Store.open(empty).close()
    assert "No model yet" in opened(monkeypatch, empty)[1]
    with Store.open(empty) as store:
        fill(store, spec_of(), loans(last_labelled=0))
    assert "No outcomes yet" in opened(monkeypatch, empty, model="loans")[1]
    with Store.open(f"sqlite:///{tmp_path}/none.db") as store:
        fill(store, spec_of(task="none"), loans())
    assert "No task is declared" in opened(monkeypatch, f"sqlite:///{tmp_path}/none.db", model="loans")[1]


def test_segments_are_listed_worst_first_and_protected_groups_with_their_gaps(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    split = f"sqlite:///{tmp_path}/split.db"
    with Store.open(split) as store:
        fill(store, segmented_spec(), segmented_loans(worse=0.9))
    app, said = opened(monkeypatch, split, model="loans", window="7d", metric="brier_score")
    assert "Worse than all other rows: city=south, at 5 % over all segments" in said
    assert "Fairness by sex" in said
    assert "Decided positive: sex=#" in said
    assert "raises no alarm" in said
    segments, groups = app.dataframe[2].value, app.dataframe[3].value
    assert segments["segment"][0] == "city=south"
    assert segments["worse"].tolist() == ["worse", *[""] * (len(segments) - 1)]
    assert segments["gap"][0].startswith("+")
    assert all(each.startswith("sex=#") for each in groups["group"])
    app, said = opened(monkeypatch, split, model="loans", window="7d", by="sex")
    assert app.dataframe[2].value["segment"].str.startswith("sex=#").all()
    assert "No segment is worse than all other rows" in said
