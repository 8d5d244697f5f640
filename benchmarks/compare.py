"""`driftwatch compare` as a whole process, beside Evidently's DataDriftPreset on the same frames in the same run.

Run:  python -m benchmarks.compare [--rows 10000 1000000] [--columns 20] [--repeats 3]

From the start of each process to its exit: two Parquet files in, JSON out. Evidently gets an environment of its own
(0.7.23 with pandas 3.0), made once in the cache folder. CPU is user and system time of the process, memory its peak.
"""

import argparse
import json
import os
import subprocess
import sys
import sysconfig
import tempfile
import venv
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median

_REQUIREMENTS = ("evidently==0.7.23", "pandas<3.1", "pyarrow")
_EVIDENTLY = """
import sys
import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset
reference, current = (pd.read_parquet(path) for path in sys.argv[1:])
print(Report([DataDriftPreset()]).run(current, reference).json())
"""
_ENVIRONMENT = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "driftwatch-benchmarks" / "evidently"


@dataclass(frozen=True, slots=True)
class Cost:
    """What one process took: seconds of CPU, bytes at the peak."""

    cpu_seconds: float
    peak_bytes: int


def measure(command: list[str]) -> Cost:
    """Run a command to its end; what it prints has to be JSON."""
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, stdout=out)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{command[0]} exited with {process.returncode}")
        out.seek(0)
        json.load(out)
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit)


def evidently_python(folder: Path) -> Path:
    """The interpreter of Evidently's environment, which is made if it is not there."""
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *_REQUIREMENTS], check=True)
    return python


def write(paths: list[str], rows: int, columns: int) -> None:
    """Both files. In a process of its own: a child's peak begins with what its parent holds."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from benchmarks.profile_kernel import table

    for seed, path in enumerate(paths, 1):
        pq.write_table(pa.table(table(rows, columns, seed)), path)


def middle(costs: list[Cost]) -> Cost:
    return Cost(median(cost.cpu_seconds for cost in costs), int(median(cost.peak_bytes for cost in costs)))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--columns", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--environment", type=Path, default=_ENVIRONMENT, help="Where Evidently is, or is put.")
    arguments = parser.parse_args()
    ours = [str(Path(sysconfig.get_path("scripts")) / "driftwatch"), "compare"]
    theirs = [str(evidently_python(arguments.environment)), "-c", _EVIDENTLY]
    print(f"{'rows':>10}  {'':28}{'CPU s':>8}{'peak MB':>10}{'CPU ratio':>11}{'memory ratio':>14}")
    with tempfile.TemporaryDirectory() as folder:
        for rows in arguments.rows:
            paths = [str(Path(folder) / f"{name}.parquet") for name in ("reference", "current")]
            writer = get_context("spawn").Process(target=write, args=(paths, rows, arguments.columns))
            writer.start()
            writer.join()
            commands = {"driftwatch compare": [*ours, *paths, "--json"], "Evidently DataDriftPreset": [*theirs, *paths]}
            costs: dict[str, list[Cost]] = {name: [] for name in commands}
            for _ in range(arguments.repeats):  # in turn, so that both meet the same other loads
                for name, command in commands.items():
                    costs[name].append(measure(command))
            base = middle(costs["driftwatch compare"])
            for name, all_costs in costs.items():
                cost = middle(all_costs)
                ratios = f"{cost.cpu_seconds / base.cpu_seconds:11.1f}{cost.peak_bytes / base.peak_bytes:14.1f}"
                print(f"{rows:>10,}  {name:28}{cost.cpu_seconds:8.2f}{cost.peak_bytes / 1e6:10.0f}{ratios}", flush=True)


if __name__ == "__main__":
    main()
