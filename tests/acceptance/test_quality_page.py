"""The Data quality page and its read model, over what the service wrote."""

import re
from pathlib import Path

import pytest
from acceptance.quality_world import SPEC, START, fill
from ingesting import frame_of, send
from streamlit.testing.v1 import AppTest

from driftwatch._layout import bundled_dir
from driftwatch.domain.instant import DAY, HOUR
from driftwatch.queries.check_line import MOST_CELLS, CheckState, check_line
from driftwatch.queries.quality import QualityView, read_quality
from driftwatch.queries.status import Status
from driftwatch.storage.store import Store

PAGE = "views/quality.py"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    made = f"sqlite:///{tmp_path_factory.mktemp('quality')}/store.db"
    store = Store.open(made)
    fill(store, SPEC)
    second = frame_of("v2", at=[START + 3 * DAY + 23 * HOUR], n=1, features={"temp": ["warm"]}, version="2")
    send(store, second, now=START + 10 * DAY)
    store.close()
    return made


def view_of(url: str, span: str = "7d") -> QualityView:
    store = Store.open(url)
    view = read_quality(store, "flights", "production", span)
    store.close()
    assert view is not None
    return view


def test_every_check_has_its_counts_its_history_and_since_when_it_is_broken(url: str) -> None:
    view = view_of(url)
    assert view.windows == 22  # a window of a replay is over when a row of one hour later has come
    temp = next(check for check in view.checks if check.check == "between -60 and 60")
    assert (temp.column, temp.status, temp.declared) == ("temp", Status.CRITICAL, True)
    assert (temp.broken, temp.windows, temp.since) == (10, 22, START + 3 * DAY + 12 * HOUR)
    assert temp.newest is not None
    assert (temp.newest.n, temp.newest.n_violated) == (40, 40)
    assert temp.newest.said == "40 of 40 rows break “between -60 and 60”, such as “999” (40)"
    carrier = next(check for check in view.checks if check.column == "carrier" and check.declared)
    assert (carrier.status, carrier.newest and carrier.newest.n_violated) == (Status.WARNING, 8)
    unique = next(check for check in view.checks if check.check == "never twice")
    assert (unique.status, unique.broken, unique.since) == (Status.HEALTHY, 0, None)
    assert view.checks[0].status is Status.CRITICAL
    assert {check.check for check in view.checks if not check.declared} >= {
        "ids come once",
        "every usual value still comes",
    }


def test_what_a_new_version_changed_is_in_the_schema_history(url: str) -> None:
    changes = {change.column: change.what for change in view_of(url).changes}
    assert changes["temp"] == "numeric → categorical, version 2"
    assert changes["carrier"] == "categorical → not there, version 2"


def test_stretches_are_as_bad_as_their_worst_window() -> None:
    healthy = [CheckState(k, k + 1, Status.HEALTHY, 10, 0, "") for k in range(100)]
    bad = CheckState(50, 51, Status.WARNING, 10, 3, "3 of 10")
    line = check_line("c", "x", [*healthy[:50], bad, *healthy[51:]], declared=True)
    assert len(line.cells) <= MOST_CELLS
    assert [cell.status for cell in line.cells].count(Status.WARNING) == 1
    assert sum(cell.n for cell in line.cells) == 1000
    (cell,) = [cell for cell in line.cells if cell.status is Status.WARNING]
    assert (cell.said, cell.n_violated, cell.start <= 50 < cell.end) == ("3 of 10", 3, True)
    assert (line.status, line.broken, line.since) == (Status.HEALTHY, 1, None)
    empty = check_line("c", "x", [], declared=True)
    assert (empty.status, empty.cells, empty.windows) == (None, (), 0)
    assert check_line("c", "x", [CheckState(0, 1, None, 0, 0, "")], declared=True).windows == 0


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


def test_the_page_says_what_is_broken_worst_first(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    app, said = opened(monkeypatch, url, model="flights")
    frame = app.dataframe[0].value
    assert frame["status"][0] == ["▲ Critical"]
    assert frame["column"][0] == "temp"
    assert frame["said"][0].startswith("40 of 40 rows break")
    assert {"declared", "learned"} == set(frame["kind"])
    assert "Constraints 6 you declared" in said
    assert "temp: numeric → categorical, version 2" in said


def test_the_page_of_an_empty_store_says_why_it_is_empty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    empty = f"sqlite:///{tmp_path}/empty.db"
    Store.open(empty).close()
    assert "No model yet" in opened(monkeypatch, empty)[1]
