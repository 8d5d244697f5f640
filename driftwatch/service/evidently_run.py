"""Evidently, run in a process of its own by an interpreter that has it: rows in, its report and verdicts out."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from driftwatch.domain.signal import ColumnKind
from driftwatch.errors import DriftwatchError, MissingPartError
from driftwatch.integrations import evidently_script
from driftwatch.profiles.bucket import Column, NumericColumn

__all__ = ["INTERPRETER_VARIABLE", "EvidentlyReport", "EvidentlyVerdict", "run_evidently"]

INTERPRETER_VARIABLE = "DRIFTWATCH_EVIDENTLY_PYTHON"
"""The environment variable that names an interpreter with Evidently."""

_REQUIREMENTS = ("evidently==0.7.23", "pandas<3.1", "pyarrow")
_SECONDS = 1800


@dataclass(frozen=True, slots=True)
class EvidentlyVerdict:
    """What Evidently says of one column.

    Attributes:
        drifted: its own test failed.
        method: its name for the method that it chose.
        value: of the method.
        threshold: its own.
        is_p_value: a value below the threshold is drift; else one at or above it.
    """

    drifted: bool
    method: str
    value: float | None
    threshold: float | None
    is_p_value: bool

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        return {
            "drifted": self.drifted,
            "method": self.method,
            "value": self.value,
            "threshold": self.threshold,
            "direction": "lower_is_drift" if self.is_p_value else "higher_is_drift",
        }


@dataclass(frozen=True, slots=True)
class EvidentlyReport:
    """An Evidently report.

    Attributes:
        version: of Evidently.
        html: its page, self-contained.
        json: its JSON.
        columns: verdicts by column.
        left_out: columns that it could not read, with its own words.
    """

    version: str
    html: bytes
    json: bytes
    columns: Mapping[str, EvidentlyVerdict]
    left_out: Mapping[str, str]


def run_evidently(
    python: str,
    reference: Mapping[str, Column],
    current: Mapping[str, Column],
    kinds: Mapping[str, ColumnKind],
) -> EvidentlyReport:
    """Run Evidently's drift preset on two samples.

    Args:
        python: an interpreter that can import Evidently.
        reference: columns by name, all of one length.
        current: the same columns.
        kinds: what each is read as; numeric, or categorical.

    Raises:
        MissingPartError: the interpreter is not there, or cannot import Evidently; the message makes one that can.
        DriftwatchError: Evidently failed, in its own last words.
    """
    numerical = [name for name in kinds if kinds[name] is ColumnKind.NUMERIC]
    categorical = [name for name in kinds if name not in numerical]
    with tempfile.TemporaryDirectory(prefix="driftwatch-evidently-") as private:  # readable by its owner alone
        folder = Path(private)
        for side, columns in (("reference", reference), ("current", current)):
            pq.write_table(_table(columns, kinds), folder / f"{side}.parquet")
        columns_json = json.dumps({"numerical": numerical, "categorical": categorical})
        (folder / "columns.json").write_text(columns_json, encoding="utf-8")
        words = _run(python, folder)
        result = _read(folder / "result.json")
        if result is None:
            raise DriftwatchError(f"Evidently failed under {python}: {words}")
        if "absent" in result:
            raise _missing(f"{python} cannot import Evidently ({result['absent']})")
        html, text = (folder / "report.html").read_bytes(), (folder / "report.json").read_bytes()
    return EvidentlyReport(result["evidently"], html, text, _verdicts(json.loads(text)), result["left_out"])


def _run(python: str, folder: Path) -> str:
    """Run the script beside its data; returns the last line that it said."""
    interpreter = shutil.which(python)
    if interpreter is None:
        raise _missing(f"there is no {python!r} that can be run")
    script = shutil.copy(evidently_script.__file__, folder)
    environment = {**os.environ, "DO_NOT_TRACK": "1", "PYTHONWARNINGS": "ignore"}
    try:
        done = subprocess.run(  # noqa: S603 - the user names the interpreter
            [str(Path(interpreter).absolute()), script, str(folder)],  # a link in it stays: it names the environment
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
            env=environment,
            timeout=_SECONDS,
        )
    except OSError as error:
        raise _missing(f"{python!r} cannot be run ({error.strerror or error})") from None
    except subprocess.TimeoutExpired:
        raise DriftwatchError(
            f"Evidently was stopped after {_SECONDS // 60} minutes; give it a shorter period"
        ) from None
    said = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return said[-1] if said else f"exit code {done.returncode} without a word"


def _missing(why: str) -> MissingPartError:
    packages = " ".join(f"'{each}'" for each in _REQUIREMENTS)
    return MissingPartError(
        f"The Evidently report needs Python with Evidently 0.7.23, which does not go with pandas 3.1; {why}. "
        "Make an environment of its own once, and name it:\n"
        "  python3 -m venv .venv-evidently\n"
        f"  .venv-evidently/bin/python -m pip install {packages}\n"
        f"  export {INTERPRETER_VARIABLE}=$PWD/.venv-evidently/bin/python",
        extra="evidently",
    )


def _read(path: Path) -> dict[str, Any] | None:
    try:
        result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return result


def _table(columns: Mapping[str, Column], kinds: Mapping[str, ColumnKind]) -> pa.Table:
    return pa.table({name: _array(columns[name]) for name in kinds})


def _array(column: Column) -> pa.Array:
    """Missing values as nulls; infinities too, as everywhere in driftwatch."""
    if isinstance(column, NumericColumn):
        gone = ~np.isfinite(column.values)
        return pa.array(column.values, mask=gone if column.nulls is None else gone | column.nulls)
    indices = pa.array(column.codes, pa.int32(), mask=column.codes < 0)
    return pa.DictionaryArray.from_arrays(indices, pa.array(column.dictionary, pa.string())).cast(pa.string())


def _verdicts(document: Mapping[str, Any]) -> dict[str, EvidentlyVerdict]:
    failed = {each["metric_config"]["metric_id"]: each["status"] == "FAIL" for each in document["tests"]}
    found = {}
    for metric in document["metrics"]:
        config = metric["config"]
        if config.get("column") is None or metric["id"] not in failed:
            continue
        method = str(config["method"])
        found[config["column"]] = EvidentlyVerdict(
            failed[metric["id"]],
            method,
            _number(metric["value"]),
            _number(config.get("threshold")),
            "p_value" in method,
        )
    return found


def _number(value: Any) -> float | None:
    """A finite number; unknown is None."""
    return float(value) if isinstance(value, int | float) and np.isfinite(value) else None
