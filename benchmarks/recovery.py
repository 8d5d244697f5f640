"""How soon a fault is found, and how long alarms go on after its end: faults put into a log that does not drift.

    python -m benchmarks.recovery FOLDER [--set control_exchangeable] [--buckets 1d,1h]

FOLDER is that of ``benchmarks.real_data``. Each fault begins on the 17th day of monitoring and is put into one column
(the gap into all of them); the rest of the log stays as it is. Runs through ``driftwatch.backtest``.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.real_data import specification
from driftwatch.domain.instant import DAY, HOUR, from_datetime
from driftwatch.domain.signal import Severity
from driftwatch.service.backtest import backtest

_RNG = np.random.default_rng(20240607)


@dataclass(frozen=True)
class Fault:
    """What goes wrong, where, and for how many days."""

    name: str
    column: str | None
    days: int
    inject: Callable[[pd.DataFrame, "pd.Series[bool]", str], pd.DataFrame]


def _times_100(log: pd.DataFrame, during: "pd.Series[bool]", column: str) -> pd.DataFrame:
    return log.assign(**{column: log[column].astype(float).where(~during, log[column] * 100.0)})


def _nulls(log: pd.DataFrame, during: "pd.Series[bool]", column: str) -> pd.DataFrame:
    return log.assign(**{column: log[column].mask(during & (_RNG.random(len(log)) < 0.6))})


def _new_category(log: pd.DataFrame, during: "pd.Series[bool]", column: str) -> pd.DataFrame:
    return log.assign(**{column: log[column].mask(during & (_RNG.random(len(log)) < 0.2), "NEW")})


def _half_a_deviation(log: pd.DataFrame, during: "pd.Series[bool]", column: str) -> pd.DataFrame:
    return log.assign(**{column: log[column] + 0.5 * log[column].std() * during})


def _gap(log: pd.DataFrame, during: "pd.Series[bool]", _column: str) -> pd.DataFrame:
    return log[~during]


FAULTS = (
    Fault("× 100", "distance", 7, _times_100),
    Fault("60% nulls", "temp", 7, _nulls),
    Fault("20% new category", "carrier", 7, _new_category),
    Fault("+ .5 sd", "humid", 14, _half_a_deviation),
    Fault("gap", None, 3, _gap),
)


def measure(log: pd.DataFrame, entry: dict[str, object], fault: Fault, bucket: str) -> str:
    """One row of the table: hours from the fault's start to the first alarm, and from its end to the last one."""
    spec = specification("control", entry, list(log.columns), bucket)
    start = pd.Timestamp(str(entry["reference_window"][1])).ceil("D") + pd.Timedelta(days=17)  # type: ignore[index]
    end = start + pd.Timedelta(days=fault.days)
    during = (log["ts"] >= start) & (log["ts"] < end)
    report = backtest(fault.inject(log, during, fault.column or ""), spec)
    begun, over = (from_datetime(moment.to_pydatetime()) for moment in (start, end))
    alarms = [
        finding
        for finding in report.findings
        if finding.severity.rank >= Severity.WARNING.rank
        and (fault.column is None or finding.column == fault.column)
        and finding.window_end > begun
    ]
    before = sum(finding.severity.rank >= Severity.WARNING.rank for finding in report.findings if finding.at <= begun)
    if not alarms:
        return f"| {fault.name} | {bucket} | no alarm | – | {before} |"
    first = (min(finding.at for finding in alarms) - begun) / HOUR
    last = max(0, max(finding.window_start for finding in alarms) + (DAY if bucket == "1d" else HOUR) - over) / HOUR
    return f"| {fault.name} | {bucket} | {first:.0f} h | {last:.0f} h | {before} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--set", default="control_exchangeable")
    parser.add_argument("--buckets", default="1d,1h")
    arguments = parser.parse_args()
    manifest = json.loads((arguments.folder / "manifest.json").read_text(encoding="utf-8"))
    entry = manifest["datasets"][arguments.set]
    log = pd.read_parquet(arguments.folder / entry["file"])
    print("| fault | bucket | first alarm known after its start | last alarm after its end | alarms before it |")
    print("|---|---|---|---|---|")
    for fault in FAULTS:
        for bucket in arguments.buckets.split(","):
            print(measure(log, entry, fault, bucket), flush=True)


if __name__ == "__main__":
    main()
