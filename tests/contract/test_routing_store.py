"""Routes and silences."""

from driftwatch.storage import notification, receiver, route
from driftwatch.storage.store import Store


def test_routes_are_kept_by_name_changed_and_removed(store: Store) -> None:
    with store.begin() as conn:
        assert route.find_route(conn, "night") is None
        route.put_route(conn, "night", {"name": "night", "match": {"model": "fraud"}}, at=1)
        route.put_route(conn, "day", {"name": "day"}, at=1)
        route.put_route(conn, "night", {"name": "night"}, at=2)
        assert route.find_route(conn, "night") == {"name": "night"}
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
