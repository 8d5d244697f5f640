"""What judging a window costs against the rows in it: the profile is what is judged, whatever it was made of.

    python -m benchmarks.flat_cost [--features 20] [--most 7]

From 1,000 rows a window to 10**most the rows are drawn and profiled; up to 10**8 profiles are the sum of ten smaller
ones. CPU of this process: profiling (it grows with the rows, once), the size of the profile, and one evaluation.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from statistics import median

import numpy as np

from driftwatch.domain.instant import HOUR, from_iso
from driftwatch.monitors.baseline import DriftBaseline
from driftwatch.monitors.history import History
from driftwatch.monitors.spec import ModelSpec
from driftwatch.profiles.bucket import BucketProfile, NumericColumn
from driftwatch.profiles.codec import build_codec
from driftwatch.profiles.history import profile_rows
from driftwatch.profiles.plan import ProfilePlan
from driftwatch.profiles.rows import Rows

START = from_iso("2024-01-01T00:00")
REFERENCE = 14 * 24
_AT_ONCE = 1_000_000


def cpu(work: Callable[[], object]) -> float:
    """CPU seconds of this process."""
    start = time.process_time()
    work()
    return time.process_time() - start


def draw(rng: np.random.Generator, plan: ProfilePlan, rows: int) -> tuple[BucketProfile, float]:
    """A profile of normal columns, made of parts of a million rows at most; and the CPU seconds of profiling."""
    total: BucketProfile | None = None
    seconds = 0.0
    for first in range(0, rows, _AT_ONCE):
        n = min(_AT_ONCE, rows - first)
        columns = {name: NumericColumn(rng.normal(size=n)) for name in plan.binnings}
        batch = Rows(at=np.zeros(n, dtype=np.int64), features=columns)
        start = time.process_time()
        part = profile_rows(batch, plan)
        seconds += time.process_time() - start
        total = part if total is None else total.merge(part)
    if total is None:
        raise ValueError("there is nothing to profile")
    return total, seconds


def evaluate(profile: BucketProfile, plan: ProfilePlan, windows: int = 12) -> float:
    """Median CPU seconds of adding and judging a window."""
    spec = ModelSpec(model="bench", environment="production")
    codecs = dict(plan.binnings)
    history = History.of(spec, codecs, (START, START + REFERENCE * HOUR))  # type: ignore[arg-type]
    for hour in range(REFERENCE):
        history.add(START + hour * HOUR, profile)
    baseline = DriftBaseline.fit(history, spec, (START, START + REFERENCE * HOUR))
    trails = baseline.trails(history, START + REFERENCE * HOUR)

    def one(hour: int) -> None:
        history.add(START + hour * HOUR, profile)
        baseline.judge(history, [START + hour * HOUR], trails=trails)

    return median(cpu(partial(one, hour)) for hour in range(REFERENCE, REFERENCE + windows))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--features", type=int, default=20)
    parser.add_argument("--most", type=int, default=7)
    arguments = parser.parse_args()
    rng = np.random.default_rng(1)
    codec = build_codec(rng.normal(size=50_000))
    plan = ProfilePlan({f"x{place}": codec for place in range(arguments.features)})
    print("| rows a window | profiling, CPU s | profile, bytes | one evaluation, ms |\n|---|---|---|---|")
    profile, first = None, 0.0
    for power in range(3, 9):
        spent = "sum of ten"
        if profile is None or power <= arguments.most:
            profile, seconds = draw(rng, plan, 10**power)
            spent = f"{seconds:.3f}"
        else:
            parts = profile
            for _ in range(9):
                parts = parts.merge(profile)
            profile = parts
        milliseconds = 1000 * evaluate(profile, plan)
        first = first or milliseconds
        size = len(profile.to_bytes())
        print(f"| 10^{power} | {spent} | {size} | {milliseconds:.1f} ({milliseconds / first:.2f}x) |", flush=True)


if __name__ == "__main__":
    main()
