"""Who is told: routes from a file to the outbox."""

import json
from pathlib import Path

import pytest
import typer
from acceptance.alert_world import World
from typer.testing import CliRunner, Result

from driftwatch.cli import apply, incident, route
from driftwatch.domain.notification import Message
from driftwatch.errors import NotFoundError, SpecError
from driftwatch.service.apply import apply_documents
from driftwatch.service.routing import try_route
from driftwatch.service.tick import Ticker
from driftwatch.storage import audit, notification, receiver, registration
from driftwatch.storage import incident as incidents
from driftwatch.storage.store import Store

WEEKS = 14 * 24
FILE = """\
kind: route
name: money
order: 10
match: {model: fraud, severity: critical}
receivers: [pager]
---
kind: route
name: trial
match: {environment: staging}
receivers: [mail]
---
kind: receiver
name: pager
type: slack
webhook_url: env:OPS_WEBHOOK
---
kind: receiver
name: mail
type: slack
webhook_url: env:OPS_WEBHOOK
---
kind: receiver
name: ops
type: slack
webhook_url: env:OPS_WEBHOOK
"""


def command(*arguments: str) -> Result:
    app = typer.Typer()
    for module in (apply, incident, route):
        module.register(app)
    return CliRunner().invoke(app, list(arguments), standalone_mode=False, catch_exceptions=False)


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A store with two routes and three receivers."""
    (tmp_path / "routes.yaml").write_text(FILE)
    address = f"sqlite:///{tmp_path}/dw.db"
    applied = command("apply", str(tmp_path / "routes.yaml"), "--store", address).stdout
    assert "+ route trial: created\n  what no route takes goes to ops\n" in applied
    assert "route trial: unchanged" in command("apply", str(tmp_path / "routes.yaml"), "--store", address).stdout
    return address


def test_routes_are_listed_in_their_order_and_removed_on_record(url: str) -> None:
    listed = command("route", "list", "--store", url).stdout
    assert listed == (
        "money  model is fraud, severity is critical → pager\n"
        "trial  environment is staging → mail\n"
        "What no route takes → ops\n"
    )
    command("route", "remove", "money", "--store", url)
    found = json.loads(command("route", "list", "--store", url, "--json").stdout)
    assert ([each["name"] for each in found["routes"]], found["rest"]) == (["trial"], ["ops", "pager"])
    with pytest.raises(NotFoundError, match=r"no route 'trail'.*'trial'"):
        command("route", "remove", "trail", "--store", url)
    with Store.open(url) as store, store.read() as conn:
        assert [event.verb for event in audit.list_events(conn, subject="route/money")] == ["removed", "created"]


def test_a_route_is_tried_before_anything_is_wrong(url: str) -> None:
    tried = command("route", "test", "--model", "fraud", "--severity", "critical", "--store", url).stdout
    assert "pager  by money\n" in tried
    assert "money: takes it: environment is production or system, model is fraud, severity is critical" in tried
    other = command("route", "test", "--model", "fraud", "--environment", "dev", "--store", url).stdout
    assert "It reaches nobody." in other
    assert "default: does not take it: environment is dev" in other
    as_json = json.loads(command("route", "test", "--model", "churn", "--store", url, "--json").stdout)
    assert as_json["reaches"] == [{"receiver": "ops", "route": "default", "muted": ""}]
    with pytest.raises(SpecError, match="severity: 'high' is not one of warning, critical"):
        command("route", "test", "--model", "fraud", "--severity", "high", "--store", url)


def test_the_owner_of_a_model_is_a_label(store: Store) -> None:
    World(store)
    with store.begin() as conn:
        spec = {"kind": "model", "model": "flights", "columns": {"timestamp": "ts"}, "owner": "air"}
        registration.set_spec(conn, registration.ensure_model(conn, "production", "flights", at=0), spec)
        receiver.put_receiver(conn, "air-team", "slack", {}, at=0)
    apply_documents(
        store, [{"kind": "route", "name": "air", "match": {"owner": "air"}, "receivers": ["air-team"]}], actor="t"
    )
    with store.read() as conn:
        labels = {"environment": "production", "model": "flights"}
        assert [each.route for each in try_route(conn, labels, at=0).reaches] == ["air"]
        assert try_route(conn, labels | {"owner": "sea"}, at=0).reaches == ()


def test_a_route_to_nobody_known_is_refused(store: Store) -> None:
    World(store).add_receiver("ops", type="slack", webhook_url="env:OPS_WEBHOOK")
    with pytest.raises(SpecError, match=r"receivers: there is no receiver 'opz' that takes messages.*'ops'"):
        apply_documents(store, [{"kind": "route", "name": "r", "receivers": ["opz"]}], actor="t")


def test_an_incident_goes_to_the_receivers_of_its_route_and_its_end_to_those_that_knew(store: Store) -> None:
    world = World(store, hot=range(WEEKS, WEEKS + 12))
    for name in ("ops", "weather", "wind"):
        world.add_receiver(name, type="slack", webhook_url="env:OPS_WEBHOOK")
    routes = [
        {"kind": "route", "name": name, "match": {"feature": feature}, "receivers": [name], "order": place}
        for place, (name, feature) in enumerate([("wind", "wind"), ("weather", "temp")])
    ]
    apply_documents(store, routes, actor="t")
    world.log(0, WEEKS + 6)
    Ticker(store, public_url="http://127.0.0.1:8301").tick()
    apply_documents(store, [routes[0] | {"match": {"feature": "temp"}}], actor="t")  # changed while it fires
    world.log(WEEKS + 6, WEEKS + 90)
    Ticker(store, public_url="http://127.0.0.1:8301").tick()
    with store.read() as conn:
        (closed,) = incidents.list_incidents(conn)
        sent = notification.list_notifications(conn, closed.id)
        names = {each.id: each.name for each in receiver.list_receivers(conn)}
    assert [(names[each.receiver_id], each.reason) for each in sent] == [("weather", "first"), ("weather", "resolved")]
    assert Message.from_dict(sent[0].payload).title == "Drift in flights: temp"


def test_a_route_that_is_mute_keeps_its_message_in_the_log_with_the_reason(store: Store) -> None:
    world = World(store, hot=range(WEEKS, WEEKS + 12))
    world.add_receiver("ops", type="slack", webhook_url="env:OPS_WEBHOOK")
    apply_documents(store, [{"kind": "route", "name": "hush", "receivers": ["ops"], "mute": [{}]}], actor="t")
    world.log(0, WEEKS + 6)
    Ticker(store, public_url="http://127.0.0.1:8301").tick()
    with store.read() as conn:
        (found,) = incidents.list_incidents(conn)
        (kept,) = notification.list_notifications(conn, found.id)
    assert (kept.status, kept.last_error) == ("suppressed", "muted (every day 00:00-24:00 UTC): route hush")
    world.log(WEEKS + 6, WEEKS + 90)
    Ticker(store, public_url="http://127.0.0.1:8301").tick()
    with store.read() as conn:
        assert len(notification.list_notifications(conn, found.id)) == 1  # nobody knew of it: its end is no news
