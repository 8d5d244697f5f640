"""A model with a reference of two weeks and a fault to come, written to a store as ingest writes it."""

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np

from driftwatch.domain.instant import DAY, HOUR, from_iso
from driftwatch.notifiers.receiver import parse_receiver
from driftwatch.profiles.bucket import BucketProfile, CategoricalColumn, NumericColumn
from driftwatch.profiles.codec import NumericCodec, build_codec
from driftwatch.profiles.history import profile_rows
from driftwatch.profiles.plan import ProfilePlan
from driftwatch.profiles.rows import Rows
from driftwatch.storage import batch, profile, receiver, registration, run
from driftwatch.storage.batch import Receipt
from driftwatch.storage.run import RunRow
from driftwatch.storage.store import Store

__all__ = ["START", "World", "runs_of"]

START = from_iso("2013-01-07T00:00")
_ROWS = 60


@dataclass
class World:
    """One replayed model: hourly rows from START on; `temp` moves by three standard deviations while `hot` says so.

    Attributes:
        store: where it is written.
        name: of the model.
        model_id: of the store.
        version_id: of its only version.
        hot: hours (since START) in which temp is far too high.
        empty: hours without a row.
    """

    store: Store
    name: str = "flights"
    clock: str = "replay"
    start: int = START
    hot: Collection[int] = ()
    empty: Collection[int] = ()
    model_id: int = 0
    version_id: int = 0
    _batches: int = 0
    codec: NumericCodec = field(default_factory=lambda: build_codec(np.random.default_rng(1).normal(10, 2, 5_000)))

    def __post_init__(self) -> None:
        spec = {"kind": "model", "model": self.name, "columns": {"timestamp": "ts"}, "clock": self.clock}
        with self.store.begin() as conn:
            self.model_id = registration.ensure_model(conn, "production", self.name, at=0)
            self.version_id = registration.ensure_version(conn, self.model_id, "1", at=0)
            registration.set_spec(conn, self.model_id, spec, at=0)
            registration.ensure_codecs(conn, self.model_id, dict.fromkeys(("temp", "wind"), self.codec.to_bytes()))

    def log(self, first: int, stop: int, *, seed: int = 7) -> None:
        """Write the rows of the hours ``[first, stop)`` since START, one batch a hour."""
        with self.store.begin() as conn:
            now = self.store.now(conn)
            for hour in range(first, stop):
                if hour not in self.empty:
                    at = self.start + hour * HOUR
                    self._batches += 1
                    batch_id = f"{self.name}-{self._batches}-{hour}"
                    batch.insert_receipt(
                        conn,
                        Receipt(
                            batch_id,
                            "predictions",
                            self.model_id,
                            b"",
                            _ROWS,
                            now,
                            version_id=self.version_id,
                            first_at=at,
                            last_at=at + HOUR - 1,
                        ),
                    )
                    made = self._profile(hour, seed)
                    profile.insert_delta(conn, self.version_id, at, _ROWS, made.to_bytes(), batch_id=batch_id, at=now)

    def _profile(self, hour: int, seed: int) -> BucketProfile:
        rng = np.random.default_rng([seed, hour])
        temp = rng.normal(16.0 if hour in self.hot else 10.0, 2.0, _ROWS)
        rows = Rows(
            at=np.zeros(_ROWS, dtype=np.int64),
            features={
                "temp": NumericColumn(temp),
                "wind": NumericColumn(rng.normal(10.0, 2.0, _ROWS)),
                "carrier": CategoricalColumn(["AA", "WN"], rng.integers(0, 2, _ROWS)),
            },
        )
        return profile_rows(rows, ProfilePlan({"temp": self.codec, "wind": self.codec}))

    def add_receiver(self, name: str, **options: object) -> int:
        """Store a receiver as `apply` does."""
        spec = parse_receiver({"kind": "receiver", "name": name, **options})
        with self.store.begin() as conn:
            return receiver.put_receiver(conn, spec.name, spec.type, spec.to_dict(), at=0)


def runs_of(world: World) -> list[RunRow]:
    """The newest result of every window of the model."""
    with world.store.read() as conn:
        return run.list_results(conn, world.model_id, 0, world.start + 1_000 * DAY)
