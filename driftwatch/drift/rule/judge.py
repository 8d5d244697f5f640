"""The fitted rule, and what it says of new buckets."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.drift.rule.calendar import Calendar
from driftwatch.drift.rule.fitting import ModelFit, fit_model
from driftwatch.drift.rule.judgement import Judgement
from driftwatch.drift.rule.series import Series, SeriesSource
from driftwatch.drift.rule.stack import ColumnSource
from driftwatch.drift.rule.trail import Trail
from driftwatch.drift.rule.verdict import LaneVerdicts, lane_verdicts

__all__ = ["FittedRule", "fit"]

_FALSE_DISCOVERIES = 0.05
_LANE_FIELDS = tuple(field for field in fields(LaneVerdicts) if field.name != "names")


@dataclass(frozen=True, slots=True, eq=False)
class _Lanes:
    """The lanes of one column among those of several."""

    verdicts: LaneVerdicts
    facts: Mapping[str, list[Any]]
    where: slice


@dataclass(frozen=True, slots=True, eq=False)
class FittedRule:
    """What the reference taught the rule about a model's columns.

    Attributes:
        calendar: the time axis.
        n_reference: buckets of the reference, R; they stand at positions [0, R).
        model: baselines, natural variation and tails.
    """

    calendar: Calendar
    n_reference: int
    model: ModelFit

    @property
    def uncalibrated(self) -> bool:
        """The reference was too short to learn any natural variation: only gross faults are told."""
        return self.model.uncalibrated

    def resumed(self, bucket: int) -> "FittedRule":
        """The same rule, with the bucket of that index at the first position after the reference.

        For axes of buckets shorter than an hour, of which what lies between is not kept.
        """
        return replace(self, calendar=replace(self.calendar, resumes=bucket), model=self.model.resumed(bucket))

    def judge(
        self, series: Sequence[Series], start: int, stop: int, *, budget: float, n_series: int
    ) -> list[Judgement]:
        """Judge the buckets at positions [start, stop), the same whether one is asked for or all.

        Args:
            series: the fitted columns (or some of them), each at least `stop` buckets long, made with the same
                reference.
            start: first position, at or after the reference's end.
            stop: one past the last.
            budget: false alarms allowed in 30 days over `n_series` series.
            n_series: how many series share the budget.

        Returns:
            One judgement for each bucket and series, by bucket, then in the order given.

        Raises:
            ValueError: the positions do not lie after the reference and within every series, or a series was not
                fitted.
        """
        self._check(series, start, stop, n_series)
        if start == stop:
            return []
        sources = {one.name: SeriesSource(one) for one in series}
        trail = Trail(self.model, sources, start)
        return list(self.follow(trail, sources, start, stop, budget=budget, n_series=n_series))

    def follow(
        self,
        trail: Trail,
        sources: Mapping[str, ColumnSource],
        start: int,
        stop: int,
        *,
        budget: float,
        n_series: int,
    ) -> Iterator[Judgement]:
        """:meth:`judge` for a caller that keeps the trail of what came before.

        Args:
            trail: ends at `start` or before.
            sources: by column; judgements of a bucket come in their order.
            start: first position.
            stop: one past the last.
            budget: false alarms allowed in 30 days over `n_series` series.
            n_series: how many series share the budget.
        """
        threshold = budget / (self.calendar.per_month * n_series)
        rows = {name: source.rows(stop) for name, source in sources.items()}
        low = self._low(rows, np.arange(start, stop))
        for step in trail.follow(sources, start, stop):
            inside = slice(int(step.ends[0]) - start, int(step.ends[-1]) + 1 - start)
            rows_here = {name: of[step.ends] for name, of in rows.items()}
            low_here = {name: of[:, inside] for name, of in low.items()}
            found: dict[str, _Lanes] = {}
            for names, lanes in step.lanes(rows_here, low_here):
                verdicts = lane_verdicts(lanes, threshold)
                facts = {field.name: getattr(verdicts, field.name).tolist() for field in _LANE_FIELDS}
                for place, name in enumerate(names):
                    found[name] = _Lanes(verdicts, facts, slice(place, None, len(names)))
            yield from self._step_judgements(found, list(sources), step.ends, threshold)

    def _low(self, rows: Mapping[str, NDArray[np.int64]], ends: NDArray[np.int64]) -> dict[str, NDArray[np.bool_]]:
        """By column, bool[S, N]; columns with the same rows share their volume gate."""
        known: dict[bytes, NDArray[np.bool_]] = {}
        result = {}
        for name, of in rows.items():
            key = of.tobytes()
            if key not in known:
                known[key] = self.model.columns[name].volume.low(of, ends)
            result[name] = known[key]
        return result

    def _step_judgements(
        self,
        found: Mapping[str, "_Lanes"],
        names: Sequence[str],
        ends: NDArray[np.int64],
        threshold: float,
    ) -> Iterator[Judgement]:
        """The judgements of some buckets, by bucket, then in the order of `names`."""
        shortest = np.stack([of.verdicts.shortest_p[of.where] for of in (found[name] for name in names)])
        watched = _discoveries(shortest)
        lists = [
            self._judgements(name, found[name], ends, watch, threshold)
            for name, watch in zip(names, watched, strict=True)
        ]
        for bucket in range(len(ends)):
            for of in lists:
                yield of[bucket]

    def _check(self, series: Sequence[Series], start: int, stop: int, n_series: int) -> None:
        if not self.n_reference <= start <= stop:
            message = f"positions [{start}, {stop}) do not lie after the reference's {self.n_reference} buckets"
            raise ValueError(message)
        if n_series < 1:
            raise ValueError(f"a budget is shared by at least one series, not {n_series}")
        for one in series:
            if one.name not in self.model.columns:
                raise ValueError(f"{one.name}: this column was not fitted; fitted are {sorted(self.model.columns)}")
            if one.length < stop:
                raise ValueError(f"{one.name}: {one.length} buckets, but {stop} are to be judged")

    def _judgements(
        self,
        name: str,
        lanes: "_Lanes",
        ends: NDArray[np.int64],
        watch: NDArray[np.bool_],
        threshold: float,
    ) -> list[Judgement]:
        facts = {key: values[lanes.where] for key, values in lanes.facts.items()}
        numeric = self.model.columns[name].scores is not None
        result = []
        for place, (end, watched) in enumerate(zip(ends.tolist(), watch.tolist(), strict=True)):
            one = {field: values[place] for field, values in facts.items()}
            component = one["component"]
            seen = "material_shift" if one["material"] else None if component < 0 else lanes.verdicts.names[component]
            any_rows = one["n"] > 0
            result.append(
                Judgement(
                    column=name,
                    bucket=end,
                    state="judged" if one["judged"] else "low_data" if one["rows"] else "no_data",
                    alarm=one["alarm"],
                    severity="warning" if one["alarm"] else "watch" if one["judged"] and watched else "none",
                    minor=one["minor"],
                    component=seen,
                    scale_buckets=self.model.scales[one["scale"]],
                    sign=one["sign"] if component >= 0 else 0,
                    z=one["z"] if component >= 0 else 0.0,
                    p_value=one["p"],
                    threshold_p=threshold,
                    kolmogorov_smirnov=one["distance"] if numeric and any_rows else None,
                    total_variation=one["total_variation"] if any_rows else None,
                    jensen_shannon=one["jensen_shannon"] if any_rows else None,
                    n=round(one["n"]),
                    n_reference=round(one["n_reference"]),
                    missing_share=one["missing_share"],
                    reference_missing_share=one["reference_missing_share"],
                    uncalibrated=self.uncalibrated,
                )
            )
        return result


def fit(series: Sequence[Series], calendar: Calendar, n_reference: int) -> FittedRule:
    """Learn baselines, natural variation and tails from the first `n_reference` buckets of every series.

    Raises:
        ValueError: the reference is empty or longer than a series, or two series have one name.
    """
    return FittedRule(calendar, n_reference, fit_model(series, calendar, n_reference))


def _discoveries(p: NDArray[np.float64]) -> NDArray[np.bool_]:
    """bool[F, N]: Benjamini-Hochberg (1995) at 5% over the F columns of each bucket."""
    if not len(p):
        return np.zeros(p.shape, dtype=np.bool_)
    ranked = np.sort(p, axis=0)
    passes = ranked <= _FALSE_DISCOVERIES * np.arange(1, len(p) + 1)[:, None] / len(p)
    cut = np.where(passes, ranked, -1.0).max(axis=0)
    return np.asarray(p <= cut, dtype=np.bool_)
