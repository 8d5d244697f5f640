"""Make an Evidently drift report of two Parquet files: run as a script, in whatever environment has Evidently.

Evidently 0.7.23 needs pandas below 3.1 and plotly 5, so it often lives in an environment of its own, without
driftwatch. This file is copied beside the data and run there; it imports nothing but Evidently and what that brings.

    python evidently_script.py FOLDER

reads ``reference.parquet``, ``current.parquet`` and ``columns.json`` (``{"numerical": [...], "categorical": [...]}``)
in FOLDER and writes ``report.html``, ``report.json`` and ``result.json``: the version of Evidently and the columns that
it cannot read, with its own words; or ``{"absent": why}`` where Evidently cannot be imported.
"""

import json
import sys
from pathlib import Path
from typing import Any

__all__ = ["main"]


def main(folder: Path) -> None:
    """Read the two sides, run Evidently, write what came of it."""
    try:
        import evidently
        import pandas as pd
        from evidently import Report
        from evidently.presets import DataDriftPreset
    except Exception as error:  # noqa: BLE001 - an Evidently that does not fit its pandas fails in many ways
        _write(folder, {"absent": f"{type(error).__name__}: {error}"})
        return
    columns = json.loads((folder / "columns.json").read_text(encoding="utf-8"))
    sides = [pd.read_parquet(folder / f"{side}.parquet") for side in ("current", "reference")]

    def run(names: "list[str]") -> Any:
        return Report([DataDriftPreset()], include_tests=True).run(*_datasets(sides, columns, names))

    names = columns["numerical"] + columns["categorical"]
    left_out: dict[str, str] = {}
    try:
        snapshot = run(names)
    except Exception:  # noqa: BLE001 - one bad column aborts its whole report: find it, and report the others
        left_out = _failing(run, names)
        snapshot = run([name for name in names if name not in left_out])
    snapshot.save_html(str(folder / "report.html"))
    snapshot.save_json(str(folder / "report.json"))
    _write(folder, {"evidently": evidently.__version__, "pandas": pd.__version__, "left_out": left_out})


def _datasets(sides: "list[Any]", columns: "dict[str, list[str]]", names: "list[str]") -> "list[Any]":
    from evidently import DataDefinition, Dataset

    kept = {f"{kind}_columns": [name for name in columns[kind] if name in names] for kind in columns}
    return [Dataset.from_pandas(side[names], data_definition=DataDefinition(**kept)) for side in sides]


def _failing(run: Any, names: "list[str]") -> "dict[str, str]":
    failing = {}
    for name in names:
        try:
            run([name])
        except Exception as error:  # noqa: BLE001 - whatever it is, it is said
            failing[name] = f"{type(error).__name__}: {error}"
    return failing


def _write(folder: Path, result: "dict[str, Any]") -> None:
    (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
