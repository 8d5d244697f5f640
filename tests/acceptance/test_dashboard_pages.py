"""Each page, in each state, as Streamlit's own test runner sees it: right words, no exception, nothing invented."""

import json
import re
import sqlite3
import tomllib
from contextlib import closing
from pathlib import Path

import pyarrow.ipc
import pytest
from seeding import shared_url
from seeding_daily import DAYS, ROWS_A_DAY, daily_url
from streamlit.testing.v1 import AppTest

from dashboards.charts.token import TOKENS
from driftwatch._layout import bundled_dir
from driftwatch.storage.store import Store

DASHBOARDS = bundled_dir("dashboards")
PAGES = ["views/fleet.py", "views/incidents.py", "views/model.py", "views/feature.py"]


def opened(monkeypatch: pytest.MonkeyPatch, url: str, page: str = PAGES[0], **query: str) -> AppTest:
    monkeypatch.setenv("DRIFTWATCH_STORE", url)
    app = AppTest.from_file(DASHBOARDS / "app.py", default_timeout=60)
    if page != PAGES[0]:
        app.run()
        app.switch_page(page)
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception, [each.value for each in app.exception]
    return app


def words(app: AppTest) -> str:
    """Everything that is written on the page, without tags."""
    parts = [element.proto.body for element in app.get("html")]
    for kind in ("title", "markdown", "caption", "info", "warning", "toast", "code"):
        parts += [str(getattr(element, "value", "")) for element in app.get(kind)]
    parts += [f"{card.label} {card.value} {card.delta}" for card in app.metric]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", " ".join(parts))).replace("\\", "")


@pytest.fixture
def empty_url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/empty.db"
    Store.open(url).close()
    return url


def test_an_empty_store_shows_the_three_lines_that_embed_the_client(
    monkeypatch: pytest.MonkeyPatch, empty_url: str
) -> None:
    app = opened(monkeypatch, empty_url)
    lines = app.code[0].value.splitlines()
    assert len(lines) == 3
    assert lines[0] == "import driftwatch"
    assert 'driftwatch.Client("http://127.0.0.1:8300"' in lines[1]
    assert "log_prediction(" in lines[2]
    assert not app.dataframe


@pytest.mark.parametrize(
    ("page", "said"),
    [(PAGES[1], "No incident yet"), (PAGES[2], "No model yet"), (PAGES[3], "No model yet")],
)
def test_every_page_of_an_empty_store_says_why_it_is_empty(
    monkeypatch: pytest.MonkeyPatch, empty_url: str, page: str, said: str
) -> None:
    assert said in words(opened(monkeypatch, empty_url, page))


def test_the_fleet_lists_every_model_worst_first(monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(monkeypatch, shared_url())
    frame = app.dataframe[0].value
    assert list(zip(frame["model"], (status for (status,) in frame["status"]), strict=True)) == [
        ("flights", "▲ Critical"),
        ("eta-courier", "✕ Run error"),
        ("churn-eu", "○ No data"),
        ("registered-only", "○ No data"),
        ("vip-offers", "◌ Low data"),
        ("newcomer", "◔ Learning"),
        ("basket-reco", "● Healthy"),
    ]
    said = words(app)
    assert "temp" in frame["reason"][0]
    assert "1 message could not be delivered" in said
    assert "Needs attention" in said


@pytest.mark.parametrize(("chosen", "models"), [("firing", ["flights"]), ("healthy", ["newcomer", "basket-reco"])])
def test_the_fleet_can_be_filtered_by_address(monkeypatch: pytest.MonkeyPatch, chosen: str, models: list[str]) -> None:
    app = opened(monkeypatch, shared_url(), status=chosen)
    assert list(app.dataframe[0].value["model"]) == models


def test_the_model_page_ranks_features_by_drift_times_importance(monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(monkeypatch, shared_url(), PAGES[2], model="flights")
    frame = app.dataframe[0].value
    assert frame["feature"][0] == "temp"
    assert frame["status"][0] == ["▲ Critical"]
    assert {"wind_speed", "hour", "carrier", "score (output)", "prediction (output)"} <= set(frame["feature"])
    assert list(frame["status"][frame["feature"] == "carrier"]) == [["● Healthy"]]
    said = words(app)
    assert "Importance drifting 50 %" in said
    assert "1 of 4 features" in said
    assert "replay at 9 Apr 2013" in said
    assert app.title[0].value == "flights"


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("newcomer", "Learning the reference, day 2 of 14"),
        ("eta-courier", "The newest run failed"),
        ("eta-courier", "holds no row"),
        ("registered-only", "No data in this window"),
        ("churn-eu", "No data"),
        ("vip-offers", "Low data"),
        ("basket-reco", "Healthy"),
    ],
)
def test_each_state_of_a_model_says_what_it_is(monkeypatch: pytest.MonkeyPatch, model: str, said: str) -> None:
    app = opened(monkeypatch, shared_url(), PAGES[2], model=model)
    assert said in words(app)
    assert app.title[0].value.replace("\\", "") == model


def test_a_deep_link_restores_model_column_and_window(monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(monkeypatch, shared_url(), PAGES[3], model="flights", column="temp", window="7d")
    said = words(app)
    assert app.title[0].value == "temp"
    assert [box.value for box in app.selectbox] == ["flights", "temp"]
    assert "3 Apr 2013 00:00 – 10 Apr 2013 00:00 UTC" in said
    assert "importance 50 %, rank 1" in said
    assert "Kolmogorov–Smirnov" in said
    assert "Wasserstein, in reference sd" in said


def test_a_model_of_days_opens_with_a_week_and_the_newest_verdict_not_with_low_data(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = opened(monkeypatch, daily_url(), PAGES[3], model="weekly-flights", column="temp")
    said = words(app)
    assert "Window 10 May 2013 00:00 – 17 May 2013 00:00 UTC" in said
    assert "judged until 15 May 2013 00:00 UTC" in said
    assert "◇ Watch" in said
    assert "a longer window is still off, its newest part is back to normal" in said
    assert "Windows over the threshold 2 of 5" in said
    assert "Low data" not in said


def test_what_is_not_judged_yet_is_not_called_low_data(monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(monkeypatch, daily_url(), PAGES[3], model="weekly-flights", column="temp", window="24h")
    said = words(app)
    assert "Not judged yet" in said
    assert "The newest window that was judged ended 15 May 2013 00:00 UTC" in said
    assert "◇ Watch" in said
    assert "Low data" not in said


def test_a_fading_feature_is_on_watch_and_never_healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(monkeypatch, daily_url(), PAGES[2], model="weekly-flights")
    frame = app.dataframe[0].value
    (temp,) = frame[frame["feature"] == "temp"].to_dict("records")
    assert (temp["status"], temp["times"]) == (["◇ Watch"], "0.99×")
    said = words(app)
    assert "17 Apr 2013 00:00 – 17 May 2013 00:00 UTC" in said
    assert "Features drifting 0 % 0 of 4, 1 watched" in said
    assert "score, temp: a longer window is still off, its newest part is back to normal" in said


def drawn_texts(app: AppTest, place: int, field: str) -> list[str]:
    """The words that a chart writes from that field, in order."""
    chart = app.get("vega_lite_chart")[place].proto
    held = {each.name: pyarrow.ipc.open_stream(each.data.data).read_all() for each in chart.datasets}
    return [
        str(text)
        for layer in json.loads(chart.spec)["layer"]
        if layer["mark"]["type"] == "text" and layer["encoding"]["text"]["field"] == field
        for text in held[layer["data"]["name"]][field].to_pylist()
    ]


def test_the_chart_names_the_column_where_its_alarms_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(monkeypatch, daily_url(), PAGES[2], model="weekly-flights")
    assert drawn_texts(app, 0, "column") == ["temp"]


def test_the_chart_says_what_is_not_judged_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(monkeypatch, daily_url(), PAGES[3], model="weekly-flights", column="temp")
    history = len(app.get("vega_lite_chart")) - 1
    assert "not judged yet" in drawn_texts(app, history, "text")


def test_the_fleet_counts_what_drifts_in_the_newest_judged_window(monkeypatch: pytest.MonkeyPatch) -> None:
    hourly, daily = (opened(monkeypatch, url).dataframe[0].value for url in (shared_url(), daily_url()))
    assert hourly["drifting"][0] == "50 %, 1 of 4"
    assert daily["drifting"][0] == "0 of 4, 1 watched"
    assert list(daily["traffic"][0]) == [ROWS_A_DAY] * DAYS


def test_an_incident_whose_alert_has_moved_on_still_says_what_it_was(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    moved = tmp_path / "moved.db"
    with (
        closing(sqlite3.connect(daily_url().removeprefix("sqlite:///"))) as held,
        closing(sqlite3.connect(moved)) as copy,
    ):
        held.backup(copy)
        (incident_id,) = copy.execute("select id from incidents").fetchone()
        copy.execute("update alerts set incident_id = null")
        copy.commit()
    app = opened(monkeypatch, f"sqlite:///{moved}", PAGES[1], incident=incident_id)
    said = words(app)
    assert "Drift and prediction drift" in said
    assert "newest alarm" not in said
    assert "0 alerts" not in said
    assert "No alert is recorded" in said


def test_the_list_of_incidents_greys_what_is_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = opened(monkeypatch, daily_url(), PAGES[1]).dataframe[0].value
    assert [status for (status,) in frame["status"]] == ["✓ Resolved"]
    assert list(frame["severity"]) == ["Warning"]


def test_the_address_follows_what_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(monkeypatch, shared_url(), PAGES[3], model="flights", column="temp")
    app.selectbox[1].set_value("carrier").run()
    assert app.query_params["column"] in ("carrier", ["carrier"])
    assert app.title[0].value == "carrier"
    assert "Total variation" in words(app)


def test_a_wrong_address_falls_back_with_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(monkeypatch, shared_url(), PAGES[2], model="<script>alert(1)</script>", window="5d")
    said = " ".join(str(toast.value) for toast in app.toast)
    assert "There is no model called" in said
    assert "There is no window called" in said
    assert app.title[0].value == "flights"


@pytest.mark.parametrize("column", ["temp", "wind_speed", "hour", "carrier", "score", "prediction"])
def test_every_kind_of_column_has_a_page(monkeypatch: pytest.MonkeyPatch, column: str) -> None:
    app = opened(monkeypatch, shared_url(), PAGES[3], model="flights", column=column)
    assert app.title[0].value.replace("\\", "") == column
    assert len(app.get("vega_lite_chart")) >= 3


def test_an_incident_tells_what_happened_and_what_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = opened(monkeypatch, shared_url(), PAGES[1])
    assert list(listed.dataframe[0].value["model"]) == ["flights"]
    with Store.open(shared_url()) as store, store.read() as conn:
        incident_id = conn.exec_driver_sql("select id from incidents").scalar_one()
    app = opened(monkeypatch, shared_url(), PAGES[1], incident=str(incident_id))
    said = words(app)
    assert app.title[0].value.replace("\\", "").startswith("Drift and prediction drift in flights")
    assert "its alarm threshold" in said
    assert "It is still open" in said
    assert "opened 8 Apr 2013 02:00 UTC · newest alarm 9 Apr 2013 22:00 UTC" in said
    assert "1 of 2 messages delivered" in said
    alerts, deliveries = (each.value for each in app.dataframe)
    assert alerts["alert"][0] == "temp"
    assert alerts["first"][0] == "8 Apr 2013 02:00"
    assert alerts["last"][0] == "9 Apr 2013 22:00"
    assert list(deliveries["why"].dropna()) == ["smtp.example.org refused the connection"]
    assert dict(zip(deliveries["to"], deliveries["state"], strict=True)) == {
        "ml-alerts": "delivered",
        "ops-mail": "given up",
    }


def test_an_unknown_incident_is_said_and_the_list_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(monkeypatch, shared_url(), PAGES[1], incident="gone-1")
    assert "no incident called “gone-1”" in words(app)
    assert len(app.dataframe) == 1


@pytest.mark.parametrize("page", PAGES)
def test_a_store_that_does_not_answer_is_said_without_a_traceback(monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    app = opened(monkeypatch, "postgresql://nobody@127.0.0.1:9/none", page)
    said = words(app)
    assert "The store does not answer" in said
    assert "Traceback" not in said


def test_both_themes_have_one_colour_a_token() -> None:
    config = tomllib.loads((DASHBOARDS / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    for theme in ("light", "dark"):
        assert len(config["theme"][theme]["chartCategoricalColors"]) == len(TOKENS)


@pytest.mark.parametrize("folder", ["views", "charts"])
def test_pages_and_charts_name_no_colour(folder: str) -> None:
    files = sorted((DASHBOARDS / folder).glob("*.py"))
    assert files
    for file in files:
        assert not re.search(r"#[0-9A-Fa-f]{6}\b", file.read_text(encoding="utf-8")), file.name
