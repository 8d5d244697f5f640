"""Two versions of one model over a period: what differs, and whether the candidate may take over."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from driftwatch.domain.instant import to_iso
from driftwatch.errors import DataError, NotFoundError, SpecError, UnknownNameError
from driftwatch.experiments.sample_ratio import SampleRatio, check_ratio
from driftwatch.experiments.sequence import Difference, compare_arms, compare_pairs
from driftwatch.experiments.sums import Sums
from driftwatch.monitors.maturity import outcome_width
from driftwatch.monitors.reading import nearest, read_instant
from driftwatch.monitors.spec import ModelSpec
from driftwatch.performance.tally import as_class
from driftwatch.rollouts.decision import Verdict, decide, stand
from driftwatch.service.judging import spec_of
from driftwatch.service.model_view import find_model
from driftwatch.service.version_losses import BOUNDS, losses_of
from driftwatch.storage import outcome, prediction, registration, version_pair
from driftwatch.storage.outcome import LabelledRow
from driftwatch.storage.store import Store
from driftwatch.storage.version_pair import Pair

__all__ = ["VersionComparison", "compare_versions"]

_MOST_ROWS = 1_000_000  # pairs or labelled rows that are read for one comparison


@dataclass(frozen=True)
class VersionComparison:
    """What became of two versions.

    Attributes:
        model: its name.
        environment: its environment.
        baseline: the version that serves.
        candidate: the version that may take over.
        start: microseconds UTC.
        end: excluded.
        pairs: requests that both answered; None where they were not paired.
        level: chance that any interval ever misses, for all quantities that decide together.
        differences: by quantity, candidate minus baseline; more is worse.
        margins: of those that decide.
        ratio: of the traffic, where a share was meant for the candidate.
        verdict: what to do.
    """

    model: str
    environment: str
    baseline: str
    candidate: str
    start: int
    end: int
    pairs: int | None
    level: float
    differences: Mapping[str, Difference]
    margins: Mapping[str, float]
    ratio: SampleRatio | None
    verdict: Verdict

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        ratio = None if self.ratio is None else {**asdict(self.ratio), "mismatch": self.ratio.mismatch}
        return {
            "schema": 1,
            "model": self.model,
            "environment": self.environment,
            "baseline": self.baseline,
            "candidate": self.candidate,
            "start": to_iso(self.start),
            "end": to_iso(self.end),
            "pairs": self.pairs,
            "level": self.level,
            "decision": self.verdict.decision.value,
            "reasons": list(self.verdict.reasons),
            "sample_ratio": ratio,
            "quantities": [
                {
                    "quantity": name,
                    **{key: None if value != value else value for key, value in asdict(each).items()},  # noqa: PLR0124
                    "margin": self.margins.get(name),
                    "standing": stand(each, self.margins[name]).value if name in self.margins else None,
                }
                for name, each in self.differences.items()
            ],
        }


def compare_versions(
    store: Store,
    environment: str,
    name: str,
    *,
    baseline: str,
    candidate: str,
    start: str | None = None,
    end: str | None = None,
    paired: bool = False,
    margins: Mapping[str, float] | None = None,
    share: float | None = None,
    slow_seconds: float | None = None,
    level: float = 0.05,
) -> VersionComparison:
    """Compare the rows of two versions.

    Args:
        store: whose.
        environment: of the model.
        name: of the model.
        baseline: the version that serves.
        candidate: the version that may take over.
        start: ISO 8601, else in the model's zone; without it since both have rows.
        end: excluded; without it all that has come.
        paired: a shadow: both answered the same requests, which are compared one by one.
        margins: by quantity, the most that the candidate may be worse; quantities without are only shown.
        share: of the traffic that was meant for the candidate.
        slow_seconds: from where a call is slow; else the model's objective says.
        level: chance that any interval ever misses the truth.

    Raises:
        NotFoundError: no such model or version.
        UnknownNameError: a margin of no such quantity.
        SpecError: times or shares that cannot be.
        DataError: more rows than are read for one comparison.
    """
    margins = dict(margins or {})
    _check(margins, share, level, paired=paired)
    with store.read() as conn:
        model = find_model(conn, environment, name)
        spec = spec_of(model)
        ids = tuple(_version(conn, model.id, each) for each in (baseline, candidate))
        bounds = _bounds(conn, spec, ids, start, end)
        slow = slow_seconds or (spec.slo.latency_seconds if spec.slo else None)
        reader = _Reader(conn, model.id, spec, ids, bounds, slow, level / max(1, len(margins)))
        differences, pairs = reader.paired() if paired else (reader.apart(), None)
        ratio = None
        if share is not None:
            n = [prediction.count_predictions(conn, version_id, *bounds) for version_id in ids]
            ratio = check_ratio(*n, expected=share)
    known = {key: each for key in BOUNDS if (each := differences.get(key)) is not None}
    verdict = decide(known, margins, ratio)
    return VersionComparison(
        name, environment, baseline, candidate, *bounds, pairs, level, known, margins, ratio, verdict
    )


def _check(margins: Mapping[str, float], share: float | None, level: float, *, paired: bool) -> None:
    for each in margins:
        if each not in BOUNDS:
            message = f"no quantity {each!r}.{nearest(each, BOUNDS)} There are {', '.join(BOUNDS)}"
            raise UnknownNameError(message, name=each, known=tuple(BOUNDS))
    if share is not None and not 0 < share < 1:
        raise SpecError(f"{share:g} is no share of the traffic; write 0.1 for a tenth", path="share")
    if share is not None and paired:
        raise SpecError("a shadow sees every request, there is no share to check", path="share")
    if not 0 < level < 1:
        raise SpecError(f"{level:g} is no chance between 0 and 1", path="level")
    if "disagreement" in margins and not paired:
        raise SpecError("versions that answer different requests cannot disagree; it takes a shadow", path="margin")


def _version(conn: Connection, model_id: int, name: str) -> int:
    found = registration.find_version(conn, model_id, name)
    if found is None:
        known = [each.version for each in registration.list_versions(conn, model_id)]
        raise NotFoundError(f"the model has no version {name!r}.{nearest(name, known)}")
    return found.id


def _bounds(
    conn: Connection, spec: ModelSpec, version_ids: Sequence[int], start: str | None, end: str | None
) -> tuple[int, int]:
    spans = [version_pair.find_span(conn, each) for each in version_ids]
    if None in spans:
        raise DataError("one of the two versions has no rows yet")
    known = [each for each in spans if each is not None]
    first = read_instant(start, "start", spec.zone) if start is not None else max(low for low, _ in known)
    stop = read_instant(end, "end", spec.zone) if end is not None else max(high for _, high in known) + 1
    if stop <= first:
        raise DataError(f"the end, {to_iso(stop)}, is not after the start, {to_iso(first)}")
    return first, stop


class _Reader:
    """The rows of two versions, as sums by bucket."""

    def __init__(
        self,
        conn: Connection,
        model_id: int,
        spec: ModelSpec,
        version_ids: Sequence[int],
        bounds: tuple[int, int],
        slow_seconds: float | None,
        level: float,
    ) -> None:
        self._conn, self._model_id, self._spec, self._versions = conn, model_id, spec, version_ids
        self._bounds, self._slow, self._level = bounds, slow_seconds, level
        self._width = outcome_width(spec)

    def apart(self) -> dict[str, Difference | None]:
        """Of all rows of each version, whichever requests they answered."""
        slow = float("inf") if self._slow is None else self._slow
        counts = [
            {each.bucket_at: each for each in version_pair.count_arm(
                self._conn, version_id, *self._bounds, width=self._width, slow_seconds=slow)}
            for version_id in self._versions
        ]  # fmt: skip
        found = {
            "error_rate": self._arms(
                "error_rate",
                *({at: Sums.of_share(c.n, c.n_errors) for at, c in arm.items()} for arm in counts),
            ),
            "latency_seconds": self._arms(
                "latency_seconds",
                *({at: Sums(c.n_timed, c.seconds, c.squared_seconds) for at, c in arm.items()} for arm in counts),
            ),
        }
        if self._slow is not None:
            found["slow_rate"] = self._arms(
                "slow_rate", *({at: Sums.of_share(c.n_timed, c.n_slow) for at, c in arm.items()} for arm in counts)
            )
        rows = [self._labelled(version_id) for version_id in self._versions]
        losses = [losses_of(each, self._spec) for each in rows]
        ats = [np.array([row.predicted_at for row in each], dtype=np.int64) for each in rows]
        for name in losses[0]:
            sums = [self._sums(at, values[name]) for at, values in zip(ats, losses, strict=True)]
            found[name] = self._arms(name, *sums)
        return found

    def paired(self) -> tuple[dict[str, Difference | None], int]:
        """Of the requests that both answered, one by one; and how many those are."""
        pairs = self._pairs()
        at = np.array([pair.at for pair in pairs], dtype=np.int64)
        slow = self._slow
        columns: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]] = {
            "error_rate": _both(pairs, lambda pair, side: float(pair.errors[side] is not None)),
            "latency_seconds": _both(pairs, _seconds),
        }
        if slow is not None:
            columns["slow_rate"] = _both(pairs, lambda pair, side: _over(_seconds(pair, side), slow))
        columns["disagreement"] = (np.zeros(len(pairs)), np.array([_disagrees(pair) for pair in pairs]))
        rows = [{row.key: row for row in self._labelled(version_id)} for version_id in self._versions]
        known = [i for i, pair in enumerate(pairs) if pair.keys[0] in rows[0] and pair.keys[1] in rows[1]]
        sides = [losses_of([rows[side][pairs[i].keys[side]] for i in known], self._spec) for side in (0, 1)]
        found = {name: self._of_pairs(name, at, *both) for name, both in columns.items()}
        for name in sides[0]:
            found[name] = self._of_pairs(name, at[known], sides[0][name], sides[1][name])
        return found, len(pairs)

    def _pairs(self) -> list[Pair]:
        """Each row in one pair at most, the earliest."""
        seen: tuple[set[bytes], set[bytes]] = (set(), set())
        pairs: list[Pair] = []
        for pair in version_pair.read_pairs(self._conn, self._versions[0], self._versions[1], *self._bounds):
            if pair.keys[0] in seen[0] or pair.keys[1] in seen[1]:
                continue
            pairs.append(pair)
            seen[0].add(pair.keys[0])
            seen[1].add(pair.keys[1])
            if len(pairs) > _MOST_ROWS:
                raise DataError(f"more than {_MOST_ROWS:,} pairs; give --start and --end of a shorter period")
        return pairs

    def _labelled(self, version_id: int) -> list[LabelledRow]:
        rows = outcome.current_outcomes(self._conn, self._model_id, version_id, *self._bounds)
        if len(rows) > _MOST_ROWS:
            raise DataError(f"more than {_MOST_ROWS:,} labelled rows; give --start and --end of a shorter period")
        return rows

    def _sums(self, at: NDArray[np.int64], values: NDArray[np.float64]) -> dict[int, Sums]:
        known = np.isfinite(values)
        buckets, place = np.unique(at[known] - at[known] % self._width, return_inverse=True)
        n = np.bincount(place, minlength=len(buckets))
        total = np.bincount(place, weights=values[known], minlength=len(buckets))
        squares = np.bincount(place, weights=values[known] ** 2, minlength=len(buckets))
        return {b: Sums(*each) for b, *each in zip(*(c.tolist() for c in (buckets, n, total, squares)), strict=True)}

    def _arms(self, name: str, one: Mapping[int, Sums], other: Mapping[int, Sums]) -> Difference | None:
        buckets = sorted(one.keys() | other.keys())
        sides = ([arm.get(at, Sums()) for at in buckets] for arm in (one, other))
        return compare_arms(*sides, level=self._level, is_share=name.endswith("_rate"))

    def _of_pairs(
        self, name: str, at: NDArray[np.int64], one: NDArray[np.float64], other: NDArray[np.float64]
    ) -> Difference | None:
        both = np.isfinite(one) & np.isfinite(other)
        parts = [self._sums(at[both], values[both]) for values in (other - one, one, other)]
        return compare_pairs(*(list(each.values()) for each in parts), level=self._level, bound=BOUNDS[name])


def _both(pairs: Sequence[Pair], of: Callable[[Pair, int], float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    one, other = (np.array([of(pair, side) for pair in pairs], dtype=np.float64) for side in (0, 1))
    return one, other


def _seconds(pair: Pair, side: int) -> float:
    seconds = pair.latencies[side]
    return float("nan") if seconds is None or pair.errors[side] is not None else seconds


def _over(seconds: float, slow: float) -> float:
    return seconds if seconds != seconds else float(seconds > slow)  # noqa: PLR0124 - NaN


def _disagrees(pair: Pair) -> float:
    """Whether the two answers differ; NaN where one of them is missing."""
    one, other = (as_class(each) for each in pair.predictions)
    return float("nan") if one is None or other is None else float(one != other)
