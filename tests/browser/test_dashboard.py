"""The dashboard as a reader's browser sees it: a really running Streamlit over a store with models in every state."""

import re
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import httpx
import pytest
from acceptance.labelled_world import DAYS, fill
from acceptance.segmented_world import segmented_loans, segmented_spec
from parts import CHROMIUM, require
from seeding import shared_url

from driftwatch._layout import bundled_dir
from driftwatch.service.dashboard_process import DashboardProcess
from driftwatch.storage.store import Store

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page, Request

pytestmark = pytest.mark.slow

FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
PATHS = [
    "/",
    "/model?model=flights",
    "/feature?model=flights&column=temp",
    "/incidents",
    "/incidents?incident={id}",
    "/performance?model=flights",
]
WIDTHS = [1440, 1280, 390]
STATES = ["newcomer", "eta-courier", "churn-eu", "registered-only"]
# A deep link asks these below its own page first, is told 404, and finds the root.
KNOWN_404 = re.compile(r"/_stcore/(health|host-config)$")
OVERFLOWING = """() => [...document.querySelectorAll('[data-testid="stMain"] *')]
  .filter(e => !e.closest('[data-testid="stDataFrame"]') && e.getBoundingClientRect().right > innerWidth + 1)
  .map(e => e.tagName + '.' + e.className)"""


@dataclass
class Seen:
    """What a page did while it was open."""

    foreign: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    sent: int = 0


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    require("chromium")
    yield from serving(shared_url())


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A dashboard over a model with labels."""
    require("chromium")
    url = f"sqlite:///{tmp_path_factory.mktemp('labelled')}/store.db"
    with Store.open(url) as store:
        fill(store, segmented_spec(), segmented_loans(last_labelled=DAYS - 3))
    yield from serving(url)


def serving(url: str) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = DashboardProcess(url, host="127.0.0.1", port=port)
    process.start()
    try:
        _wait_until_up(f"{process.url}/_stcore/health")
        yield process.url
    finally:
        process.stop()


def _wait_until_up(url: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            httpx.get(url, timeout=2).raise_for_status()
        except httpx.HTTPError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    require("chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def incident_id() -> str:
    with Store.open(shared_url()) as store, store.read() as conn:
        return str(conn.exec_driver_sql("select id from incidents").scalar_one())


def visit(
    browser: "Browser",
    url: str,
    *,
    width: int = 1440,
    scheme: Literal["light", "dark"] = "light",
    zone: str = "UTC",
) -> "tuple[Page, Seen]":
    context = browser.new_context(
        viewport={"width": width, "height": 1000}, color_scheme=scheme, timezone_id=zone, reduced_motion="reduce"
    )
    page, seen = context.new_page(), Seen()

    def on_request(request: "Request") -> None:
        if not request.url.startswith((url.split("/", 3)[0] + "//127.0.0.1:", "data:", "blob:")):
            seen.foreign.append(request.url)

    def on_console(message: "ConsoleMessage") -> None:
        if message.type == "error" and not KNOWN_404.search(message.location.get("url", "")):
            seen.errors.append(message.text)

    def on_sent(_payload: object) -> None:
        seen.sent += 1

    page.on("request", on_request)
    page.on("console", on_console)
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    page.on("websocket", lambda socket: socket.on("framesent", on_sent))
    page.goto(url)
    page.wait_for_selector("h1", timeout=60_000)
    settle(page)
    return page, seen


def settle(page: "Page") -> None:
    """Wait until the script has run to its end and nothing is stale."""
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=60_000)
    page.wait_for_function("() => !document.querySelector('[data-stale=\"true\"]')", timeout=60_000)


@pytest.mark.parametrize("path", PATHS)
def test_a_page_is_whole_at_every_width(browser: "Browser", address: str, incident_id: str, path: str) -> None:
    page, seen = visit(browser, address + path.format(id=incident_id))
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 1000})
        page.wait_for_timeout(500)  # charts and tables follow the width a moment later
        assert page.locator("h1").count() == 1
        assert page.evaluate(OVERFLOWING) == [], width
    assert page.locator('[data-testid="stException"]').count() == 0
    assert seen == Seen(sent=seen.sent)
    page.context.close()


def test_performance_is_whole_in_light_and_dark_at_every_width(browser: "Browser", labelled: str) -> None:
    page, seen = visit(browser, f"{labelled}/performance?model=loans&window=30d&metric=calibration_bias", scheme="dark")
    page.get_by_text("Median label delay").wait_for()
    page.get_by_text("Score bands").first.wait_for()
    page.locator('[data-testid="stVegaLiteChart"]').nth(4).wait_for()  # the last one: positives by age
    page.get_by_text("Fairness by sex").wait_for()
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 1000})
        page.emulate_media(color_scheme="light")
        page.wait_for_timeout(500)
        assert page.evaluate(OVERFLOWING) == [], width
    assert page.locator('[data-testid="stException"]').count() == 0
    assert seen == Seen(sent=seen.sent)
    page.context.close()


@pytest.mark.parametrize("model", STATES)
def test_a_state_is_whole_too(browser: "Browser", address: str, model: str) -> None:
    page, seen = visit(browser, f"{address}/model?model={model}", width=390)
    assert page.locator('[data-testid="stException"]').count() == 0
    if model != "churn-eu":
        page.locator(".dw-state").first.wait_for()
    assert page.evaluate(OVERFLOWING) == []
    assert seen == Seen(sent=seen.sent)
    page.context.close()


def test_the_theme_switches_charts_and_text_without_a_rerun(browser: "Browser", address: str) -> None:
    page, seen = visit(browser, f"{address}/feature?model=flights&column=temp")
    chart = page.locator('[data-testid="stVegaLiteChart"] canvas, [data-testid="stVegaLiteChart"] svg').first
    chart.wait_for()
    page.wait_for_timeout(500)
    key = page.locator(".dw-meta").first
    before = chart.screenshot(), key.evaluate("e => getComputedStyle(e).color"), seen.sent
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("c => getComputedStyle(document.querySelector('.dw-meta')).color !== c", arg=before[1])
    page.wait_for_timeout(500)
    assert chart.screenshot() != before[0]
    assert key.evaluate("e => getComputedStyle(e).color") == "rgb(154, 164, 175)"
    assert page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor") == "rgb(15, 19, 24)"
    assert seen.sent == before[2]
    page.context.close()


def test_a_deep_link_opens_what_its_sender_saw(browser: "Browser", address: str) -> None:
    url = f"{address}/feature?model=flights&column=carrier&window=7d"
    page, _ = visit(browser, url)
    assert page.locator("h1").inner_text() == "carrier"
    assert page.url == url
    assert page.get_by_role("radio", name="7 d").get_attribute("aria-checked") == "true"
    page.get_by_role("radio", name="30 d").click()
    page.wait_for_url("**window=30d")
    page.reload()
    page.wait_for_selector("h1", timeout=60_000)
    settle(page)
    assert page.get_by_role("radio", name="30 d").get_attribute("aria-checked") == "true"
    page.context.close()


def test_a_click_on_a_row_opens_the_model_and_a_click_there_the_feature(browser: "Browser", address: str) -> None:
    page, _ = visit(browser, f"{address}/")
    click_first_row(page)
    page.wait_for_url("**/model?model=flights")
    settle(page)
    assert page.locator("h1").inner_text() == "flights"
    click_first_row(page)
    page.wait_for_url("**/feature?model=flights&column=temp**")
    settle(page)
    assert page.locator("h1").inner_text() == "temp"
    page.context.close()


def click_first_row(page: "Page") -> None:
    table = page.locator('[data-testid="stDataFrame"] .dvn-scroller').first
    table.wait_for()
    page.wait_for_timeout(500)  # the canvas measures its columns after it is shown
    table.click(position={"x": 170, "y": 58})


def test_keyboard_readers_have_links_to_what_needs_attention(browser: "Browser", address: str) -> None:
    page, _ = visit(browser, f"{address}/")
    link = page.get_by_role("link", name="flights", exact=True)
    link.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/model?model=flights")
    page.context.close()


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata"])
def test_times_are_utc_wherever_the_reader_sits(browser: "Browser", address: str, zone: str) -> None:
    page, _ = visit(browser, f"{address}/feature?model=flights&column=temp&window=24h", zone=zone)
    chart = page.locator('[data-testid="stVegaLiteChart"]').last
    chart.wait_for()
    page.wait_for_timeout(500)
    here = chart.screenshot()
    there_page, _ = visit(browser, f"{address}/feature?model=flights&column=temp&window=24h", zone="UTC")
    there = there_page.locator('[data-testid="stVegaLiteChart"]').last
    there.wait_for()
    there_page.wait_for_timeout(500)
    assert here == there.screenshot()
    page.context.close()
    there_page.context.close()


def test_every_chart_states_its_finding_for_those_who_cannot_see_it(browser: "Browser", address: str) -> None:
    page, _ = visit(browser, f"{address}/feature?model=flights&column=temp")
    charts = page.locator('[data-testid="stVegaLiteChart"][aria-label]')
    charts.nth(2).wait_for()
    said = [each.get_attribute("aria-label") or "" for each in charts.all()]
    assert any("the median went from" in each for each in said)
    assert any("its threshold now" in each for each in said)
    page.context.close()


def test_each_hook_of_the_stylesheet_still_matches_something(
    browser: "Browser", address: str, incident_id: str
) -> None:
    sheet = (bundled_dir("dashboards") / "style.css").read_text(encoding="utf-8")
    hooks = sorted(set(re.findall(r"\.st[A-Z]\w+|\[data-testid=\"st\w+\"\]", re.sub(r"/\*.*?\*/", "", sheet))))
    unmatched = set(hooks)
    for path in PATHS:
        page, _ = visit(browser, address + path.format(id=incident_id))
        unmatched = {hook for hook in unmatched if page.locator(hook).count() == 0}
        page.context.close()
    # No page has a primary button yet.
    assert unmatched <= {'[data-testid="stBaseButton-primary"]'}
