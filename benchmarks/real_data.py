"""The alarm rule on real prediction logs with a known truth, beside the peers' default rules on the same windows.

    python -m benchmarks.real_data FOLDER [--sets elec2,flights] [--buckets 1d,1h]

FOLDER holds ``manifest.json`` (per set: file, task, reference_window, numeric, categorical, period) and, for each set,
``<set>.parquet`` and ``<set>.truth_drift.csv`` (period, column, verdict: must_flag, must_not_flag or grey). A
column-period counts as flagged when any of its windows alarms. The last period is passed over when the log ends in it.
"""

import argparse
import csv
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
from numpy.typing import NDArray

from driftwatch.domain.instant import DAY, to_datetime
from driftwatch.domain.signal import Severity, Signal
from driftwatch.monitors.history import NumericHistory
from driftwatch.monitors.spec import ModelSpec, parse_model_spec
from driftwatch.service.backtest import BacktestReport, backtest, replay
from driftwatch.service.prediction_log import read_log

Truth = dict[tuple[str, str], str]


@dataclass
class Score:
    """How one rule did on one set."""

    rule: str
    flagged: set[tuple[str, str]] = field(default_factory=set)
    first: dict[str, datetime] = field(default_factory=dict)
    alarm_days: set[int] = field(default_factory=set)
    incidents: int | None = None
    seconds: float = 0.0

    def add(self, column: str, start: int, period: str) -> None:
        """One alarming window."""
        self.flagged.add((period, column))
        self.first.setdefault(column, to_datetime(start))
        self.alarm_days.add(start // DAY)


def specification(name: str, entry: dict[str, Any], names: list[str], bucket: str) -> ModelSpec:
    start, end = (datetime.fromisoformat(each).replace(tzinfo=UTC) for each in entry["reference_window"])
    columns = {"timestamp": "ts", "id": "row_id", "prediction": "prediction"}
    columns |= {"score": "score"} if "score" in names else {}
    return parse_model_spec(
        {
            "model": name,
            "task": entry["task"],
            "columns": columns,
            "features": {"numeric": entry["numeric"], "categorical": entry["categorical"]},
            "reference": {"start": start, "end": end + timedelta(minutes=1)},
            "bucket": bucket,
        }
    )


def read_truth(path: Path) -> Truth:
    with path.open(encoding="utf-8", newline="") as lines:
        return {(row["period"], row["column"]): row["verdict"] for row in csv.DictReader(lines)}


def period_of(start: int, kind: str) -> str:
    """The month, or the week from Monday to Sunday, that holds an instant."""
    moment = to_datetime(start)
    if kind == "month":
        return f"{moment:%Y-%m}"
    monday = moment - timedelta(days=moment.weekday())
    return f"{monday:%Y-%m-%d}/{monday + timedelta(days=6):%Y-%m-%d}"


def unfinished(last: int, kind: str) -> str | None:
    """The period in which the log ends, unless its last day is its end."""
    period = period_of(last, kind)
    return period if period_of(last + DAY, kind) == period else None


def ours(source: Path, spec: ModelSpec, kind: str) -> tuple[Score, BacktestReport]:
    score = Score("driftwatch")
    begun = time.perf_counter()
    report = backtest(source, spec)
    score.seconds = time.perf_counter() - begun
    score.incidents = len(report.incidents)
    for finding in report.findings:
        is_drift = finding.signal in {Signal.DRIFT, Signal.PREDICTION_DRIFT}
        if is_drift and finding.column and finding.severity.rank >= Severity.WARNING.rank:
            score.add(finding.column, finding.window_start, period_of(finding.window_start, kind))
    return score, report


def peer_scores(source: Path, spec: ModelSpec, kind: str) -> list[Score]:
    """The peers' default rules on the same windows of the same fine histograms."""
    from benchmarks.peers import RULES, peer_alarms

    history, (start, end) = replay(read_log(source, spec), spec)
    first, stop = history.alignment.index(start), max(history.rows) + 1
    n_reference = history.alignment.index(end) - first
    fine: dict[str, tuple[NDArray[np.float64] | None, NDArray[np.int64]]] = {}
    for key, column in history.columns.items():
        if key == ("output", "prediction"):
            continue
        if isinstance(column, NumericHistory):
            fine[key[1]] = (column.codec.edges, column.counts_at(range(first, stop)))
        else:
            fine[key[1]] = (None, level_counts([column.levels(index) for index in range(first, stop)]))
    scores = []
    for rule in RULES:
        score = Score(rule)
        begun = time.perf_counter()
        for name, counts in fine.items():
            with np.errstate(divide="ignore", invalid="ignore"):  # constant columns
                alarms = peer_alarms(rule, {name: counts}, n_reference)[0]
            for place in np.flatnonzero(alarms).tolist():
                window = history.alignment.start(first + n_reference + place)
                score.add(name, window, period_of(window, kind))
        score.seconds = time.perf_counter() - begun
        scores.append(score)
    return scores


def level_counts(windows: Sequence[Mapping[str, int]]) -> NDArray[np.int64]:
    """int64[T, L], the levels in alphabetical order."""
    place = {level: number for number, level in enumerate(sorted(set().union(*windows)))}
    counts = np.zeros((len(windows), len(place)), dtype=np.int64)
    for number, window in enumerate(windows):
        for level, rows in window.items():
            counts[number, place[level]] = rows
    return counts


def line(name: str, bucket: str, score: Score, truth: Truth, left_out: str | None) -> str:
    columns = {column for _, column in truth} - {"label"}
    known = {key: verdict for key, verdict in truth.items() if key[0] != left_out and key[1] in columns}
    must = {key for key, verdict in known.items() if verdict == "must_flag"}
    must_not = {key for key, verdict in known.items() if verdict == "must_not_flag"}
    cells = (
        name,
        bucket,
        score.rule,
        f"{len(must & score.flagged)} of {len(must)}",
        f"{len(must_not & score.flagged)} of {len(must_not)}",
        str(len(score.alarm_days)),
        "" if score.incidents is None else str(score.incidents),
        f"{score.seconds:.1f}",
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sets", default="elec2,flights,bike,control_exchangeable")
    parser.add_argument("--buckets", default="1d,1h")
    parser.add_argument("--without-peers", action="store_true")
    arguments = parser.parse_args()
    manifest = json.loads((arguments.folder / "manifest.json").read_text(encoding="utf-8"))["datasets"]
    print("| set | bucket | rule | must flag: found | must not flag: flagged | alarm days | incidents | seconds |")
    print("|---|---|---|---|---|---|---|---|")
    notes = []
    for name in arguments.sets.split(","):
        entry = manifest[name]
        source = arguments.folder / entry["file"]
        truth = read_truth(arguments.folder / f"{name}.truth_drift.csv")
        for bucket in arguments.buckets.split(","):
            spec = specification(name, entry, pyarrow.parquet.read_schema(source).names, bucket)
            score, report = ours(source, spec, entry["period"])
            left_out = unfinished(report.results[-1].window_end - 1, entry["period"])
            peers = [] if arguments.without_peers else peer_scores(source, spec, entry["period"])
            for each in (score, *peers):
                print(line(name, bucket, each, truth, left_out), flush=True)
            first = ", ".join(f"{column} {moment:%Y-%m-%d %H:%M}" for column, moment in score.first.items())
            notes.append(f"{name} {bucket}: first alarms {first or 'none'}")
            wrong = sorted(
                f"{column} {period}"
                for period, column in score.flagged
                if truth.get((period, column)) == "must_not_flag" and period != left_out
            )
            if wrong:
                notes.append(f"{name} {bucket}: flagged, must not: {', '.join(wrong)}")
    print("\n" + "\n".join(f"- {note}" for note in notes))


if __name__ == "__main__":
    main()
