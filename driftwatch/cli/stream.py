"""``driftwatch stream FILE``: when did the error of a labelled log change?"""

import json
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["register"]

_HELP = """Run a streaming detector over the errors or losses of a labelled log (Parquet, CSV or Arrow).

Give the column of errors, or a specification whose label and prediction they are made of; rows are taken in the order
in which their labels came. Detectors: adwin, page_hinkley, ddm, eddm, kswin, of the package river (the extra river).
With --state the next run goes on where this one stopped. They expect independent values: on errors that come in waves
they speak often, and for nothing; the calibrated rule does not.
"""


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("stream", help=_HELP)
    def _stream(
        file: Annotated[Path, typer.Argument(help="The log.", show_default=False)],
        *,
        column: Annotated[str | None, typer.Option("--column", help="Errors or losses, a number a row.")] = None,
        spec: Annotated[Path | None, typer.Option("--spec", help="The model's specification, model.yaml.")] = None,
        timestamp: Annotated[str | None, typer.Option("--timestamp", help="The column of times.")] = None,
        detector: Annotated[str, typer.Option("--detector", help="Which detector.")] = "adwin",
        parameter: Annotated[
            list[str] | None, typer.Option("--parameter", help="NAME=VALUE of the detector; as often as needed.")
        ] = None,
        state: Annotated[
            Path | None, typer.Option("--state", help="A file to go on from, if it is there, and to write to.")
        ] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    ) -> None:
        from driftwatch.domain.instant import to_iso
        from driftwatch.queries.format import count, number
        from driftwatch.service.specification import load_model_spec
        from driftwatch.service.streaming import detect_stream

        report = detect_stream(
            file,
            column=column,
            spec=None if spec is None else load_model_spec(spec),
            timestamp=timestamp,
            detector=detector,
            parameters=dict(map(_parameter, parameter or ())),
            state=state,
        )
        if as_json:
            print(json.dumps(report.to_dict(), ensure_ascii=False, allow_nan=False, indent=1))
            return
        left_out = f", {count(report.left_out)} rows left out" if report.left_out else ""
        print(f"{report.of}: {count(report.n)} values, mean {number(report.mean)}{left_out}")
        if not report.changes:
            print(f"{report.detector} found no change.")
        for change in report.changes:
            when = "" if change.at is None else f"  {to_iso(change.at)}"
            means = f"{number(change.mean_before)} → {number(change.mean_after)}"
            print(f"{report.detector} at value {count(change.row + 1)}{when}  mean {means}")


def _parameter(text: str) -> tuple[str, float | int | str]:
    from driftwatch.errors import UserError

    name, sign, value = text.partition("=")
    if not sign or not name:
        raise UserError(f"{text!r} is no parameter; write, for example, --parameter delta=0.01")
    for read in (int, float):
        try:
            return name, read(value)
        except ValueError:
            continue
    return name, value
