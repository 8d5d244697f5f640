"""Labelled rows by bucket, and which buckets an outcome touches."""

import pytest
from sqlalchemy import Connection

from driftwatch.domain.instant import DAY, HOUR, from_iso
from driftwatch.storage import batch, outcome, outcome_profile, prediction, registration
from driftwatch.storage.outcome_profile import JUDGED, LATEST, OutcomeBucket, OutcomeProgress
from driftwatch.storage.store import Store

START = from_iso("2013-01-01T00:00:00")


def _predict(conn: Connection, name: str, at: int, *, received_at: int, request: str | None = None) -> tuple[int, int]:
    model_id = registration.ensure_model(conn, "production", "flights", at=1)
    version_id = registration.ensure_version(conn, model_id, "1", at=1)
    receipt = batch.Receipt(
        id=f"p-{name}", kind="predictions", model_id=model_id, version_id=version_id, deployment="default",
        content_hash=b"x", n=1, n_accepted=1, first_at=at, last_at=at, received_at=received_at,
    )  # fmt: skip
    batch.insert_receipt(conn, receipt)
    envelope = prediction.Envelope(
        model="flights", version_id=version_id, batch_id=f"p-{name}", deployment="default", ids=[name],
        predicted_at=[at], request_id=[request],
    )  # fmt: skip
    prediction.insert_predictions(conn, envelope)
    return model_id, version_id


def _tell(conn: Connection, model_id: int, *, received_at: int, name: str | None = None, request: str | None = None,
          observed_at: int | None = None) -> None:  # fmt: skip
    identity = f"o-{name or request}-{received_at}"
    batch.insert_receipt(
        conn, batch.Receipt(id=identity, kind="outcomes", model_id=model_id, content_hash=b"x", n=1,
                            received_at=received_at),
    )  # fmt: skip
    told = received_at if observed_at is None else observed_at
    outcome.insert_outcomes(
        conn, outcome.OutcomeColumns("flights", model_id, identity, [name], [request], [1], [told], received_at)
    )


def test_an_outcome_touches_the_bucket_of_its_prediction_however_it_is_addressed(store: Store) -> None:
    with store.begin() as conn:
        model_id, version_id = _predict(conn, "a", START + 10, received_at=100)
        _predict(conn, "b", START + 3 * HOUR, received_at=100, request="r")
        _predict(conn, "c", START + 5 * HOUR, received_at=100)
        assert outcome.newest_outcomes(conn, model_id, within=50) is None
        _tell(conn, model_id, name="a", received_at=200)
        _tell(conn, model_id, request="r", received_at=300)
        assert outcome.newest_outcomes(conn, model_id, within=100) == (300, 1)
        assert outcome.newest_outcomes(conn, model_id, within=101) == (300, 2)

        def touched(since: int, until: int) -> list[tuple[int, int]]:
            return outcome.touched_buckets(conn, model_id, since, until, width=HOUR)

        assert touched(150, 400) == [(version_id, START), (version_id, START + 3 * HOUR)]
        assert touched(201, 400) == [(version_id, START + 3 * HOUR)]
        assert touched(301, 400) == []


def test_a_prediction_that_comes_after_its_outcome_touches_its_bucket(store: Store) -> None:
    with store.begin() as conn:
        model_id = registration.ensure_model(conn, "production", "flights", at=1)
        _tell(conn, model_id, name="late", received_at=50)
        assert outcome.touched_buckets(conn, model_id, 0, 60, width=HOUR) == []
        _, version_id = _predict(conn, "late", START + 7 * HOUR, received_at=70)
        _predict(conn, "other", START, received_at=70)
        assert outcome.touched_buckets(conn, model_id, 60, 80, width=HOUR) == [(version_id, START + 7 * HOUR)]


def test_outcomes_can_be_read_as_of_an_age(store: Store) -> None:
    with store.begin() as conn:
        model_id, version_id = _predict(conn, "a", START, received_at=1)
        _tell(conn, model_id, name="a", received_at=START + 3 * DAY, observed_at=START + 2 * DAY)

        def known(by: int) -> int:
            return len(outcome.current_outcomes(conn, model_id, version_id, START, START + DAY, observed_by=by))

        assert (known(START + 2 * DAY), known(START + 2 * DAY + 1)) == (0, 1)
        (row,) = outcome.current_outcomes(conn, model_id, version_id, START, START + DAY)
        assert len(row.key) == 16


@pytest.mark.parametrize("stage", [LATEST, JUDGED])
def test_a_bucket_is_replaced_as_a_whole(store: Store, stage: str) -> None:
    with store.begin() as conn:
        _, version_id = _predict(conn, "a", START, received_at=1)
        for n_labelled, computed_at, segments in ((1, 10, b"segments"), (2, 20, None), (3, 30, b"others")):
            made = OutcomeBucket(version_id, START, 5, n_labelled, None, computed_at, b"payload", segments)
            outcome_profile.put_outcome_bucket(conn, stage, made)
            assert outcome_profile.read_outcome_buckets(conn, [version_id], stage, START, START + 1) == [made]

        def read(at: str, start: int, since: int | None = None) -> list[OutcomeBucket]:
            return outcome_profile.read_outcome_buckets(
                conn, [version_id], at, start, START + DAY, computed_since=since
            )

        assert read(stage, START) == [made]
        assert read(stage, START, since=31) == []
        assert read(stage, START + 1) == []
        assert read(JUDGED if stage == LATEST else LATEST, START) == []


def test_how_far_outcomes_are_counted_is_remembered(store: Store) -> None:
    with store.begin() as conn:
        model_id, _ = _predict(conn, "a", START, received_at=1)
        assert outcome_profile.read_progress(conn, model_id) is None
        for counted_until, splits in ((5, ""), (9, "country")):
            progress = OutcomeProgress(counted_until, START, START + DAY, HOUR, splits)
            outcome_profile.put_progress(conn, model_id, progress)
            assert outcome_profile.read_progress(conn, model_id) == progress
