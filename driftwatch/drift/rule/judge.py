"""The fitted rule, and what it says of new buckets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from driftwatch.drift.rule.calendar import Calendar
from driftwatch.drift.rule.evidence import Bench
from driftwatch.drift.rule.fitting import ModelFit, fit_model
from driftwatch.drift.rule.judgement import Judgement
from driftwatch.drift.rule.series import Series
from driftwatch.drift.rule.verdict import ColumnVerdicts, column_verdicts

__all__ = ["FittedRule", "fit"]

_CHUNK = 64
_FALSE_DISCOVERIES = 0.05


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
        threshold = budget / (self.calendar.per_month * n_series)
        if start == stop:
            return []
        chunks = [np.arange(first, min(first + _CHUNK, stop)) for first in range(start, stop, _CHUNK)]
        verdicts = self._verdicts(series, chunks, threshold)
        result: list[Judgement] = []
        for place, ends in enumerate(chunks):
            here = [of[place] for of in verdicts]
            watched = _discoveries(np.array([one.shortest_p for one in here]).reshape(len(here), len(ends)))
            lists = [
                self._judgements(one, verdict, ends, watch, threshold)
                for one, verdict, watch in zip(series, here, watched, strict=True)
            ]
            result.extend(of[bucket] for bucket in range(len(ends)) for of in lists)
        return result

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

    def _verdicts(
        self, series: Sequence[Series], chunks: Sequence[NDArray[np.int64]], threshold: float
    ) -> list[list[ColumnVerdicts]]:
        """Of each column, its chunks. Columns with the same rows share their volume gate."""
        start, stop = int(chunks[0][0]), int(chunks[-1][-1]) + 1
        low: dict[bytes, NDArray[np.bool_]] = {}
        result = []
        for one in series:
            bench = Bench(one, self.model.columns[one.name], self.model, start, stop)
            rows = bench.rows
            key = rows.tobytes()
            if key not in low:
                low[key] = bench.fitted.volume.low(rows, np.arange(start, stop))
            result.append([column_verdicts(bench, ends, low[key][:, ends - start], threshold) for ends in chunks])
        return result

    def _judgements(
        self,
        series: Series,
        verdict: ColumnVerdicts,
        ends: NDArray[np.int64],
        watch: NDArray[np.bool_],
        threshold: float,
    ) -> list[Judgement]:
        columns: Mapping[str, list[float]] = {
            name: getattr(verdict, name).tolist()
            for name in ("sign", "z", "p", "distance", "total_variation", "jensen_shannon", "n", "n_reference")
        }
        numeric = series.scores is not None
        result = []
        for place, end in enumerate(ends.tolist()):
            judged, alarm = bool(verdict.judged[place]), bool(verdict.alarm[place])
            component = int(verdict.component[place])
            name = "material_shift" if verdict.material[place] else None if component < 0 else verdict.names[component]
            any_rows = columns["n"][place] > 0
            result.append(
                Judgement(
                    column=series.name,
                    bucket=end,
                    state="judged" if judged else "low_data" if verdict.rows[place] else "no_data",
                    alarm=alarm,
                    severity="warning" if alarm else "watch" if judged and watch[place] else "none",
                    minor=bool(verdict.minor[place]),
                    component=name,
                    scale_buckets=self.model.scales[int(verdict.scale[place])],
                    sign=int(columns["sign"][place]) if component >= 0 else 0,
                    z=columns["z"][place] if component >= 0 else 0.0,
                    p_value=columns["p"][place],
                    threshold_p=threshold,
                    kolmogorov_smirnov=columns["distance"][place] if numeric and any_rows else None,
                    total_variation=columns["total_variation"][place] if any_rows else None,
                    jensen_shannon=columns["jensen_shannon"][place] if any_rows else None,
                    n=round(columns["n"][place]),
                    n_reference=round(columns["n_reference"][place]),
                    missing_share=float(verdict.missing_share[place]),
                    reference_missing_share=float(verdict.reference_missing_share[place]),
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
