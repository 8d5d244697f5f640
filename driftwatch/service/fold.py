"""Folding: the deltas of many batches become one profile a bucket, in the bins that the column has by now."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial, reduce

import numpy as np

from driftwatch.profiles.bucket import BucketProfile, ColumnProfile
from driftwatch.profiles.grid import KeyGrid
from driftwatch.profiles.numeric import NumericProfile
from driftwatch.service.binning import Binnings, read_binnings
from driftwatch.storage import profile, registration
from driftwatch.storage.store import Store

__all__ = ["fold_profiles", "merge_profiles"]

_LOG = logging.getLogger("driftwatch.fold")
_A_TRANSACTION = 32  # buckets; a fsync each would cost more than the folding


def fold_profiles(store: Store, *, limit: int = 1000) -> int:
    """Fold the buckets with the most waiting deltas, some at a time in short transactions, so that ingestion goes on.

    Safe in several processes at once. A bucket that cannot be folded is logged and stops no other.

    Returns:
        How many deltas were folded.
    """
    with store.read() as conn:
        waiting = profile.list_unfolded(conn, limit=limit)
        owners = {
            version.id: model.id
            for model in registration.list_models(conn)
            for version in registration.list_versions(conn, model.id)
        }
        binnings = {model_id: read_binnings(conn, model_id) for model_id in set(owners.values())}
    folded = 0
    for start in range(0, len(waiting), _A_TRANSACTION):
        some = waiting[start : start + _A_TRANSACTION]
        try:
            folded += _fold(store, some, owners, binnings)
        except (ValueError, KeyError):  # one of them: each alone
            for bucket in some:
                try:
                    folded += _fold(store, [bucket], owners, binnings)
                except (ValueError, KeyError):
                    _LOG.exception("bucket %d of version %d cannot be folded", bucket.bucket_at, bucket.version_id)
    return folded


def _fold(
    store: Store, buckets: Sequence[profile.Unfolded], owners: Mapping[int, int], binnings: Mapping[int, Binnings]
) -> int:
    with store.begin() as conn:
        now = store.now(conn)
        # In one order, so that two folders on PostgreSQL never wait for one another crosswise.
        ordered = sorted(buckets, key=lambda bucket: (bucket.version_id, bucket.bucket_at))
        return sum(
            profile.fold(
                conn,
                bucket.version_id,
                bucket.bucket_at,
                partial(merge_profiles, binnings=binnings[owners[bucket.version_id]]),
                at=now,
            )
            for bucket in ordered
        )


def merge_profiles(payloads: list[bytes], binnings: Binnings) -> bytes:
    """One payload of several, every column in its codec if there is one.

    A column that is of another kind in a later payload keeps what came first: the other is logged and left out.
    """
    profiles = [_align(BucketProfile.from_bytes(payload), binnings) for payload in payloads]
    return reduce(_merge, profiles).to_bytes()


def _merge(left: BucketProfile, right: BucketProfile) -> BucketProfile:
    try:
        return left.merge(right)
    except ValueError:
        features = {name: each for name, each in right.features.items() if _fits(name, left.features, each)}
        outputs = {role: each for role, each in right.outputs.items() if _fits(role, left.outputs, each)}
        return left.merge(replace(right, features=features, outputs=outputs))


def _fits(name: str, known: Mapping[str, ColumnProfile], other: ColumnProfile) -> bool:
    if name not in known:
        return True
    one = known[name]
    fits = isinstance(one, NumericProfile) == isinstance(other, NumericProfile) and (
        not (isinstance(one, NumericProfile) and isinstance(other, NumericProfile))
        or (one.codec, one.grid) == (other.codec, other.grid)
    )
    if not fits:
        _LOG.warning("column %r came in two forms; %d rows of the later one are left out", name, other.rows)
    return fits


def _align(bucket: BucketProfile, binnings: Binnings) -> BucketProfile:
    return replace(
        bucket,
        features={name: _aligned(name, each, binnings) for name, each in bucket.features.items()},
        outputs={role: _aligned(role, each, binnings) for role, each in bucket.outputs.items()},
    )


def _aligned(name: str, column: ColumnProfile, binnings: Binnings) -> ColumnProfile:
    if not isinstance(column, NumericProfile) or column.cells is None:
        return column
    codec = binnings.codecs.get(name)
    if codec is not None:
        return column.recode(codec)
    grid = binnings.grids.get(name)
    return column if grid is None or grid == column.grid else _moved(column, grid)


def _moved(column: NumericProfile, grid: KeyGrid) -> NumericProfile:
    """A profile on another grid: columns without a finite value were profiled before their grid was known."""
    assert column.cells is not None  # noqa: S101 - the caller looked
    shift = column.grid.centre - grid.centre
    cells, where = np.unique(grid.cells(column.grid.upper_edges(column.cells)), return_inverse=True)
    counts = np.zeros(len(cells), dtype=np.int64)
    np.add.at(counts, where, column.counts)
    return replace(
        column,
        cells=cells,
        counts=counts,
        grid=grid,
        total=column.total + column.n * shift,
        total_sq=column.total_sq + 2 * shift * column.total + column.n * shift * shift,
    )
