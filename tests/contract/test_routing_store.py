"""Routes and silences."""

from driftwatch.storage import deployment, notification, receiver, registration, route, silence
from driftwatch.storage.schema import deployments
from driftwatch.storage.store import Store


def test_routes_are_kept_by_name_changed_and_removed(store: Store) -> None:
    with store.begin() as conn:
        assert route.find_route(conn, "night") is None
        route.put_route(conn, "night", {"name": "night", "match": {"model": "fraud"}}, at=1)
        route.put_route(conn, "day", {"name": "day"}, at=1)
        route.put_route(conn, "night", {"name": "night"}, at=2)
        assert route.find_route(conn, "night") == {"name": "night"}
        assert [route.changed_at(conn, name) for name in ("night", "day", "none")] == [2, 1, None]
        assert route.list_routes(conn) == [{"name": "day"}, {"name": "night"}]
        assert route.remove_route(conn, "night")
        assert not route.remove_route(conn, "night")
        assert route.list_routes(conn) == [{"name": "day"}]


def test_a_message_that_is_kept_back_stands_in_the_log_and_is_never_claimed(store: Store) -> None:
    with store.begin() as conn:
        team = receiver.put_receiver(conn, "team", "slack", {}, at=1)
        made = notification.enqueue(
            conn,
            receiver_id=team,
            group_key="g",
            seq=1,
            reason="first",
            payload={},
            at=5,
            suppressed="muted",
        )
        assert made is not None
        assert notification.claim(conn, "w", now=10, lease_seconds=9) is None
        assert notification.count_statuses(conn) == {"suppressed": 1}
        assert notification.oldest_waiting_at(conn) is None


def test_a_claimed_message_may_be_kept_back_by_its_holder_alone(store: Store) -> None:
    with store.begin() as conn:
        team = receiver.put_receiver(conn, "team", "slack", {}, at=1)
        notification.enqueue(conn, receiver_id=team, group_key="g", seq=1, reason="first", payload={}, at=5)
        held = notification.claim(conn, "w", now=10, lease_seconds=9)
        assert held is not None
        assert notification.suppress(conn, held, at=11, reason="silenced")
        assert not notification.suppress(conn, held, at=12, reason="again")
        assert notification.count_statuses(conn) == {"suppressed": 1}


def test_silences_are_made_changed_by_name_listed_and_ended(store: Store) -> None:
    with store.begin() as conn:
        free = silence.put_silence(conn, {"model": "a"}, start=1, end=10, author="ana", note="why", at=1)
        other = silence.put_silence(conn, {"model": "a"}, start=1, end=30, author="ana", note="why", at=1)
        named = silence.put_silence(conn, {"model": "b"}, start=1, end=20, author="ana", note="why", at=1, name="n")
        assert len({free, other, named}) == 3
        again = silence.put_silence(conn, {"model": "c"}, start=2, end=21, author="bob", note="new", at=2, name="n")
        assert again == named
        assert silence.find_silence(conn, "n") == silence.SilenceRow(named, "n", {"model": "c"}, 2, 21, "bob", "new")
        assert silence.find_silence(conn, "none") is None
        assert [row.id for row in silence.list_silences(conn)] == [named, other, free]
        assert [row.id for row in silence.list_silences(conn, ending_after=10)] == [named, other]
        assert silence.end_silence(conn, other, at=15)
        assert not silence.end_silence(conn, other, at=15)
        assert not silence.end_silence(conn, 99, at=15)
        assert [row.id for row in silence.list_silences(conn, ending_after=15)] == [named]


def test_the_newest_entry_of_a_deployment_says_as_what_it_serves(store: Store) -> None:
    with store.begin() as conn:
        model_id = registration.ensure_model(conn, "production", "flights", at=1)
        assert deployment.find_role(conn, model_id, "default") is None
        for at, role in ((1, "champion"), (3, "shadow"), (2, "canary")):
            entry = {"model_id": model_id, "deployment": "default", "role": role, "deployed_at": at}
            conn.execute(deployments.insert().values(**entry))
        assert deployment.find_role(conn, model_id, "default") == "shadow"
        assert deployment.find_role(conn, model_id, "other") is None
