"""What all rows of a bucket say, and error models."""

from driftwatch.domain.instant import DAY, HOUR, from_iso
from driftwatch.storage import registration, row_profile
from driftwatch.storage.row_profile import RowProfile, StoredErrorModel
from driftwatch.storage.store import Store

START = from_iso("2013-01-01T00:00:00")


def test_a_bucket_is_replaced_and_found_by_what_it_was_made_with(store: Store) -> None:
    with store.begin() as conn:
        model_id = registration.ensure_model(conn, "production", "flights", at=1)
        version_id = registration.ensure_version(conn, model_id, "1", at=1)
        made = [RowProfile(version_id, START + hour * HOUR, 10, 7, 1, "a", 100 + hour, b"sums") for hour in (2, 0, 1)]
        for each in made:
            row_profile.put_row_profile(conn, each)
        again = RowProfile(version_id, START + HOUR, 12, 8, 2, "b", 200, b"other")
        row_profile.put_row_profile(conn, again)

        def read(made_by: str, **since: int) -> list[RowProfile]:
            return row_profile.read_row_profiles(conn, [version_id], made_by, START, START + DAY, **since)

        assert read("a") == [made[1], made[0]]
        assert read("b") == [again]
        assert read("a", computed_since=101) == [made[0]]
        assert row_profile.read_row_versions(conn, version_id, "a", START, START + DAY) == {
            START: 1,
            START + 2 * HOUR: 1,
        }
        assert row_profile.read_row_versions(conn, version_id, "b", START + 2 * HOUR, START + DAY) == {}
        assert row_profile.read_row_profiles(conn, [], "a", START, START + DAY) == []


def test_an_error_model_is_replaced(store: Store) -> None:
    with store.begin() as conn:
        model_id = registration.ensure_model(conn, "production", "flights", at=1)
        assert row_profile.read_error_model(conn, model_id) is None
        for fitted_at in (5, 6):
            made = StoredErrorModel("roles", START, START + DAY, fitted_at, b"trees")
            row_profile.put_error_model(conn, model_id, made)
            assert row_profile.read_error_model(conn, model_id) == made
