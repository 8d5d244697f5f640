"""The history of a model: what the rule needs of every window, column by column, in few bytes.

Bucket profiles are added one at a time, in any order, and may be forgotten at once: what stays of a numeric column is
its occupied bins. The history answers with dense arrays over a range of windows, one column at a time.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.drift.rule import narrowed
from driftwatch.monitors.alignment import Alignment
from driftwatch.monitors.declared import Exclusion
from driftwatch.monitors.latency import LATENCY, LATENCY_CODEC, LATENCY_DAYS, latency_column, slower_than
from driftwatch.monitors.moments import MomentsHistory
from driftwatch.monitors.segment_history import SegmentHistories
from driftwatch.monitors.short import ShortReach
from driftwatch.monitors.spec import ModelSpec
from driftwatch.monitors.window_counts import WindowCounts
from driftwatch.profiles.bucket import BucketProfile, ColumnProfile
from driftwatch.profiles.categorical import CATEGORY_CAP, CategoricalProfile
from driftwatch.profiles.check import CheckCounts
from driftwatch.profiles.codec import NumericCodec
from driftwatch.profiles.moments import MomentsFrame
from driftwatch.profiles.numeric import NumericProfile
from driftwatch.quality.intake import retyped_column

__all__ = ["UNLISTED", "CategoricalHistory", "ColumnHistory", "ColumnKey", "History", "NumericHistory"]

UNLISTED = "\x00unlisted"
"""The level of values that a bucket did not list (it keeps its 1,000 heaviest)."""
_ROOM = 2 * CATEGORY_CAP  # values of a column that nothing uses any more, before they are looked for

ColumnKey = tuple[str, str]
"""``("feature", name)`` or ``("output", role)``: a feature may be called "score"."""


@dataclass
class ColumnHistory:
    """Rows of one column by window index; the two subclasses hold its distribution.

    Attributes:
        rows: all rows.
        missing: rows that hold no usable value: null, NaN or infinite.
        constant: the one value of the window where there is only one, as text; None where there are several.
    """

    rows: WindowCounts = field(default_factory=WindowCounts)
    missing: WindowCounts = field(default_factory=WindowCounts)
    constant: dict[int, str | None] = field(default_factory=dict)

    def forget(self, index: int) -> None:
        """Take one window out again."""
        self.rows.pop(index, None)
        self.missing.pop(index, None)
        self.constant.pop(index, None)

    def _count(self, index: int, profile: ColumnProfile, missing: int, constant: str | None) -> None:
        known = self.rows.get(index, 0) - self.missing.get(index, 0)
        self.rows[index] = self.rows.get(index, 0) + profile.rows
        self.missing[index] = self.missing.get(index, 0) + missing
        if profile.n:
            self.constant[index] = constant if not known or self.constant.get(index) == constant else None


@dataclass
class NumericHistory(ColumnHistory):
    """A numeric column.

    Attributes:
        codec: its bins.
        bins: by window index, rows by bin, in the narrowest type that holds them.
        extremes: by window index, the smallest and the largest value.
    """

    codec: NumericCodec = field(kw_only=True)
    bins: dict[int, NDArray[np.integer[Any]]] = field(default_factory=dict)
    extremes: dict[int, tuple[float, float]] = field(default_factory=dict)

    def add(self, index: int, profile: NumericProfile) -> None:
        """Add one bucket.

        Raises:
            ValueError: it is in the bins of another codec.
        """
        if profile.codec != self.codec.digest:
            profile = profile.recode(self.codec)
        known = self.bins.get(index)
        self.bins[index] = narrowed(profile.counts if known is None else profile.counts + known)
        if profile.n:
            low, high = self.extremes.get(index, (profile.low, profile.high))
            self.extremes[index] = min(low, profile.low), max(high, profile.high)
        constant = repr(profile.low) if profile.n and profile.low == profile.high else None
        self._count(index, profile, profile.missing + profile.n_inf, constant)

    def forget(self, index: int) -> None:
        """Take one window out again."""
        super().forget(index)
        self.bins.pop(index, None)
        self.extremes.pop(index, None)

    def shed(self, before: int) -> None:
        """Drop the distributions of older windows."""
        for index in [index for index in self.bins if index < before]:
            del self.bins[index]

    def lend(self, index: int, profile: NumericProfile) -> None:
        """Put back the distribution of a bucket that was dropped."""
        counts = (profile if profile.codec == self.codec.digest else profile.recode(self.codec)).counts
        known = self.bins.get(index)
        self.bins[index] = narrowed(counts if known is None else counts + known)

    def totals(self, first: int, stop: int) -> NDArray[np.int64]:
        """int64[B]: rows by bin, of all windows together."""
        total = np.zeros(self.codec.bins, dtype=np.int64)
        for index in range(first, stop):
            counts = self.bins.get(index)
            if counts is not None:
                total += counts
        return total

    def counts_at(self, indexes: Sequence[int]) -> NDArray[np.int64]:
        """int64[n, B]: rows by window and bin, of windows by index."""
        dense = np.zeros((len(indexes), self.codec.bins), dtype=np.int64)
        for place, index in enumerate(indexes):
            counts = self.bins.get(index)
            if counts is not None:
                dense[place] = counts
        return dense


@dataclass
class CategoricalHistory(ColumnHistory):
    """A categorical column.

    Attributes:
        codes: a number for every value.
        listed: by window index, codes of its values and their rows, in the narrowest types that hold them; values that
            fell to the cap of their bucket share one level.
        renumbered: how often values were given other codes.
    """

    codes: dict[str, int] = field(default_factory=dict)
    listed: dict[int, tuple[NDArray[np.integer[Any]], NDArray[np.integer[Any]]]] = field(default_factory=dict)
    renumbered: int = 0
    _values: list[str] = field(default_factory=list)
    _roomy: int = _ROOM

    def add(self, index: int, profile: CategoricalProfile) -> None:
        """Add one bucket."""
        self._list(index, {**profile.counts, UNLISTED: profile.other})
        only = next(iter(profile.counts)) if len(profile.counts) == 1 and not profile.other else None
        self._count(index, profile, profile.missing, only)

    def add_rows(self, index: int, rows: Mapping[str, int]) -> None:
        """Add rows by value, none of which are missing."""
        self._list(index, rows)
        self.rows[index] = self.rows.get(index, 0) + sum(rows.values())

    def forget(self, index: int) -> None:
        """Take one window out again."""
        super().forget(index)
        self.listed.pop(index, None)

    def shed(self, before: int) -> None:
        """Drop the distributions of older windows; and values that no other window has, once they are many."""
        for index in [index for index in self.listed if index < before]:
            del self.listed[index]
        if len(self._values) < self._roomy:
            return
        used = {code for codes, _ in self.listed.values() for code in codes.tolist()}
        self._roomy = 2 * len(used) + _ROOM
        if len(self._values) >= self._roomy:
            kept = {index: self.levels(index) for index in self.listed}
            self.codes.clear()
            self._values.clear()
            self.renumbered += 1
            self.listed = {index: self._coded(levels) for index, levels in kept.items()}

    def lend(self, index: int, profile: CategoricalProfile) -> None:
        """Put back the distribution of a bucket that was dropped."""
        self._list(index, {**profile.counts, UNLISTED: profile.other})

    def levels(self, index: int) -> dict[str, int]:
        """Rows by value of one window; empty where it has none."""
        known = self.listed.get(index)
        if known is None:
            return {}
        values = self._values
        return {values[code]: n for code, n in zip(known[0].tolist(), known[1].tolist(), strict=True)}

    def coded_at(self, indexes: Sequence[int]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Place of the window, code and rows, int64[k] each, of all values in windows by index."""
        found = [(place, *of) for place, index in enumerate(indexes) if (of := self.listed.get(index)) is not None]
        if not found:
            return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64)
        places, codes, counts = zip(*found, strict=True)
        return (
            np.repeat(places, [len(each) for each in codes]),
            np.concatenate(codes).astype(np.int64),
            np.concatenate(counts).astype(np.int64),
        )

    def values_from(self, code: int) -> list[str]:
        """The values of codes from this one on, in order."""
        return self._values[code:]

    def totals(self, first: int, stop: int) -> dict[str, int]:
        """Rows by value, of all windows together."""
        _, codes, counts = self.coded_at(range(first, stop))
        totals = np.zeros(len(self._values), dtype=np.int64)
        np.add.at(totals, codes, counts)
        return {self._values[code]: int(totals[code]) for code in np.unique(codes).tolist()}

    def _list(self, index: int, rows: Mapping[str, int]) -> None:
        window = self.levels(index)
        for value, count in rows.items():
            if count:
                window[value] = window.get(value, 0) + count
        self.listed[index] = self._coded(window)

    def _coded(self, levels: Mapping[str, int]) -> tuple[NDArray[np.integer[Any]], NDArray[np.integer[Any]]]:
        for value in levels:
            if value not in self.codes:
                self.codes[value] = len(self._values)
                self._values.append(value)
        codes = np.array([self.codes[value] for value in levels], dtype=np.int64)
        return narrowed(codes), narrowed(np.array(list(levels.values()), dtype=np.int64))


@dataclass
class History:
    """Everything that judging needs of a model's past.

    Attributes:
        alignment: where windows lie; those of a model of shorter buckets are hours.
        codecs: by column name; outputs by role.
        rows: by window index, rows of the model.
        errors: by window index, rows whose serving call failed.
        slow: by window index, rows that took longer than the model's objective allows.
        slow_from: that latency in seconds, or None.
        columns: by key.
        faults: columns that could not be read, and why; they are not judged, and stop no other.
        retyped: by key, the windows in which the column came in another kind.
        checks: by key and window index, how many rows break what is demanded of them.
        exclude: periods of which nothing is kept.
        moments: of the numeric features together and of each embedding, by name.
        frames: what they were taken with, for naming what moved.
        segments: the same of each segment's rows; in whole hours or longer windows.
        short: the windows shorter than an hour that are kept beside the hours; None unless buckets are shorter.
        reach: of `short` itself, which windows it keeps.
    """

    alignment: Alignment
    codecs: Mapping[str, NumericCodec]
    rows: WindowCounts = field(default_factory=WindowCounts)
    errors: WindowCounts = field(default_factory=WindowCounts)
    slow: WindowCounts = field(default_factory=WindowCounts)
    slow_from: float | None = None
    columns: dict[ColumnKey, NumericHistory | CategoricalHistory] = field(default_factory=dict)
    faults: dict[ColumnKey, str] = field(default_factory=dict)
    retyped: dict[ColumnKey, set[int]] = field(default_factory=dict)
    checks: dict[str, dict[int, CheckCounts]] = field(default_factory=dict)
    exclude: tuple[Exclusion, ...] = ()
    moments: dict[str, MomentsHistory] = field(default_factory=dict)
    frames: Mapping[str, MomentsFrame] = field(default_factory=dict)
    segments: SegmentHistories = field(default_factory=SegmentHistories)
    short: "History | None" = None
    reach: ShortReach | None = None

    @classmethod
    def of(
        cls,
        spec: ModelSpec,
        codecs: Mapping[str, NumericCodec],
        reference: tuple[int, int],
        *,
        recent: int | None = None,
        frames: Mapping[str, MomentsFrame] | None = None,
    ) -> "History":
        """An empty history.

        Args:
            spec: the model's declaration.
            codecs: by column name; outputs by role.
            reference: ``(start, end)``, microseconds UTC.
            recent: how many windows shorter than an hour are kept after the reference; all, if left out.
            frames: what moments were taken with.
        """
        alignment = Alignment.of(spec)
        slow_from = spec.slo.latency_seconds if spec.slo is not None else None
        if alignment.hourly == alignment:
            return cls(alignment, codecs, exclude=spec.left_out, frames=frames or {}, slow_from=slow_from)
        reach = ShortReach.of(alignment, reference, recent)
        short = cls(alignment, codecs, exclude=spec.left_out, reach=reach, slow_from=slow_from)
        hourly = cls(alignment.hourly, codecs, exclude=spec.left_out, frames=frames or {}, slow_from=slow_from)
        hourly.short = short
        return hourly

    @property
    def windows(self) -> Alignment:
        """Where the windows that get a verdict lie."""
        return self.alignment if self.short is None else self.short.alignment

    def why_excluded(self, index: int) -> str | None:
        """Why a window is left out: it touches an excluded period. None for all others."""
        if not self.exclude:
            return None
        start, end = self.alignment.start(index), self.alignment.start(index + 1)
        touching = (each for each in self.exclude if each.start < end and start < each.end)
        return next((each.why or "excluded" for each in touching), None)

    def add(self, bucket_start: int, profile: BucketProfile) -> None:
        """Add the profile of one bucket (once: a bucket that is added again counts again)."""
        if self.short is not None:
            self.short.add(bucket_start, profile)
        index = self.alignment.index(bucket_start)
        if self.why_excluded(index) is not None or not self._keeps(index):
            return
        self.rows[index] = self.rows.get(index, 0) + profile.rows
        self.errors[index] = self.errors.get(index, 0) + profile.errors
        for name, column in profile.features.items():
            self._add_column(("feature", name), index, column)
        for role, column in profile.outputs.items():
            self._add_column(("output", role), index, column)
        if profile.latency is not None:
            self._add_column(LATENCY, index, latency_column(profile.latency))
            if self.slow_from is not None:
                self.slow[index] = self.slow.get(index, 0) + slower_than(profile.latency, self.slow_from)
        for name, moments in profile.moments.items() if self.reach is None else ():
            known = self.moments.setdefault(name, MomentsHistory(moments.frame, moments.dimensions))
            known.add(index, moments)
        for check, counts in profile.checks.items():
            self._add_check(check, index, counts)
        if profile.segments and self.reach is None:
            self.segments.add(self, bucket_start, profile.segments)

    def forget(self, index: int) -> None:
        """Take one window out again, so that it can be added anew when late rows have come."""
        if self.short is not None:
            within = (self.short.alignment.index(self.alignment.start(each)) for each in (index, index + 1))
            for each in range(*within):
                self.short.forget(each)
        self.rows.pop(index, None)
        self.errors.pop(index, None)
        self.slow.pop(index, None)
        for windows in self.retyped.values():
            windows.discard(index)
        for column in self.columns.values():
            column.forget(index)
        for moments in self.moments.values():
            moments.forget(index)
        for counts in self.checks.values():
            counts.pop(index, None)
        self.segments.forget(index)

    def shed(self, before: int, *, categories_before: int) -> None:
        """Drop the distributions of windows before an index, which take up nearly all of the room.

        How many rows they have, and what else is known of them, stays.

        Args:
            before: index, of numeric columns.
            categories_before: index, of categorical ones.
        """
        for key, column in self.columns.items():
            latest = before if isinstance(column, NumericHistory) else categories_before
            column.shed(latest if key != LATENCY else before - LATENCY_DAYS * self.alignment.per_day)
        self.segments.shed(before, categories_before=categories_before)

    def lend(self, index: int, profiles: Sequence[BucketProfile]) -> None:
        """Put back the distributions of a window that were dropped, from all of its buckets, until the next drop."""
        self.segments.lend(index, profiles)
        lacking = self._lacking(index)
        for profile in profiles:
            timed = {LATENCY[1]: latency_column(profile.latency)} if profile.latency is not None else {}
            parts = (("feature", profile.features), ("output", profile.outputs), (LATENCY[0], timed))
            for key, of in (((family, name), each) for family, columns in parts for name, each in columns.items()):
                match lacking.get(key), of:
                    case NumericHistory() as column, NumericProfile():
                        column.lend(index, of)
                    case CategoricalHistory() as column, CategoricalProfile():
                        column.lend(index, of)

    def lacks(self, index: int) -> bool:
        """Whether the distribution of some column in a window was dropped."""
        return bool(self._lacking(index)) or self.segments.lacks(index)

    def _lacking(self, index: int) -> dict[ColumnKey, NumericHistory | CategoricalHistory]:
        return {
            key: column
            for key, column in self.columns.items()
            if column.rows.get(index, 0)
            and index not in (column.bins if isinstance(column, NumericHistory) else column.listed)
        }

    def add_all(self, buckets: Iterable[tuple[int, BucketProfile]]) -> "History":
        """Add many; returns itself."""
        for each in buckets:
            self.add(*each)
        return self

    def vector(self, values: WindowCounts, first: int, stop: int) -> NDArray[np.int64]:
        """int64[stop - first] of one of the maps above; 0 where it has nothing."""
        return self.vector_at(values, range(first, stop))

    def vector_at(self, values: WindowCounts, indexes: Sequence[int]) -> NDArray[np.int64]:
        """int64[n] of one of the maps above, for windows by index."""
        return values.at(indexes)

    def _keeps(self, index: int) -> bool:
        """Whether a window is kept; windows that are kept no longer are taken out."""
        if self.reach is None:
            return True
        if not self.reach.takes(index):
            return False
        for old in self.reach.outdated(index) if index >= self.reach.stop else ():
            self.forget(old)
        return True

    def _add_check(self, key: str, index: int, counts: CheckCounts) -> None:
        by_window = self.checks.setdefault(key, {})
        by_window[index] = by_window[index].merge(counts) if index in by_window else counts
        column = retyped_column(key)
        if column is not None:
            self.retyped.setdefault(("feature", column), set()).add(index)

    def _add_column(self, key: ColumnKey, index: int, profile: ColumnProfile) -> None:
        column = self.columns.get(key)
        if column is None:
            column = self._new_column(key, profile)
            if column is None:
                return
        try:
            match column, profile:
                case NumericHistory(), NumericProfile():
                    column.add(index, profile)
                case CategoricalHistory(), CategoricalProfile():
                    column.add(index, profile)
                case _:
                    self.retyped.setdefault(key, set()).add(index)
        except ValueError as error:
            self.faults[key] = str(error)

    def _new_column(self, key: ColumnKey, profile: ColumnProfile) -> NumericHistory | CategoricalHistory | None:
        column: NumericHistory | CategoricalHistory
        if isinstance(profile, NumericProfile):
            codec = LATENCY_CODEC if key == LATENCY else self.codecs.get(key[1])
            if codec is None:
                self.faults.setdefault(key, "it has no codec yet")
                return None
            column = NumericHistory(codec=codec)
        else:
            column = CategoricalHistory()
        self.columns[key] = column
        self.faults.pop(key, None)
        return column
