"""Two versions side by side, on every store."""

from ingesting import NOON, frame_of, send, version_id

from driftwatch.domain.instant import HOUR
from driftwatch.storage import version_pair
from driftwatch.storage.store import Store
from driftwatch.storage.version_pair import ArmCount, Pair


def pairs(store: Store, start: int = NOON, end: int = NOON + HOUR) -> list[Pair]:
    with store.read() as conn:
        return list(version_pair.read_pairs(conn, version_id(store), version_id(store, version="2"), start, end))


def test_calls_are_counted_by_bucket_and_a_failed_one_has_no_latency(store: Store) -> None:
    at = [NOON, NOON + 1, NOON + HOUR - 1, NOON + HOUR]
    seconds, errors = [0.5, 2.0, 9.0, None], [None, None, "timeout", "timeout"]
    send(store, frame_of("a", n=4, at=at, latency_seconds=seconds, error=errors))
    with store.read() as conn:
        found = version_pair.count_arm(conn, version_id(store), NOON, NOON + 2 * HOUR, width=HOUR, slow_seconds=1.0)
        until = version_pair.count_arm(conn, version_id(store), NOON, NOON + HOUR, width=HOUR, slow_seconds=2.0)
        span = version_pair.find_span(conn, version_id(store))
        nothing = version_pair.find_span(conn, 99)
    assert found == [ArmCount(NOON, 3, 1, 2, 2.5, 4.25, 1), ArmCount(NOON + HOUR, 1, 1, 0, 0.0, 0.0, 0)]
    assert until == [ArmCount(NOON, 3, 1, 2, 2.5, 4.25, 0)]
    assert (span, nothing) == ((NOON, NOON + HOUR), None)


def test_requests_that_both_answered_are_paired_by_request_and_else_by_id(store: Store) -> None:
    requests = ["r0", "r1", "r2", None]
    send(store, frame_of("a", n=4, ids=["a0", "a1", "a2", "same"], request_id=requests, prediction=[1, 0, 1, 1]))
    send(
        store,
        frame_of(
            "b", n=4, version="2", ids=["b1", "b0", "b9", "same"], request_id=["r1", "r0", "r9", None],
            prediction=[0, "yes", 1, 0], score=[0.25, None, 0.5, 0.75], error=[None, "slow", None, None],
        ),
    )  # fmt: skip
    found = pairs(store)
    assert [(each.at - NOON, each.predictions, each.scores, each.errors) for each in found] == [
        (0, (1.0, "yes"), (None, None), (None, "slow")),
        (1, (0.0, 0.0), (None, 0.25), (None, None)),
        (3, (1.0, 0.0), (None, 0.75), (None, None)),
    ]
    assert found[2].keys[0] == found[2].keys[1]
    assert found[0].keys[0] != found[0].keys[1]
    assert [each.at - NOON for each in pairs(store, end=NOON + 1)] == [0]
