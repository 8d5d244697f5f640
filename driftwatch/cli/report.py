"""``driftwatch report MODEL``: a second opinion on a period (--evidently), or the table auditors ask for (--psi)."""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from driftwatch.queries.format import count, distance, p_value, stamp

if TYPE_CHECKING:
    from driftwatch.queries.catalogue import KnownModel
    from driftwatch.service.second_opinion import ColumnOpinion, SecondOpinion
    from driftwatch.storage.store import Store

__all__ = ["find_known_model", "read_period", "register"]

_HELP = """Report a period against the model's reference: --evidently, or --psi.

--psi prints the population stability index of every column with what the usual policy calls it (0.1 moderate, 0.25
significant) and what chance alone would give. --evidently writes Evidently's report and shows both verdicts per column.
Evidently 0.7.23 runs in a process of its own, on at most 100,000 sampled rows a side. It does not go with pandas 3.1:
where it is not installed beside driftwatch, name an interpreter that has it (the error says how to make one). Personal
columns and identifiers are not handed over. Our verdict is that of the judged windows of the period.
"""
_PLAIN_WIDTH = 140  # into a file or a pipe


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("report", help=_HELP)
    def _report(
        model: Annotated[str, typer.Argument(help="Name of the model.", show_default=False)],
        *,
        evidently: Annotated[bool, typer.Option("--evidently", help="The report is Evidently's.")] = False,
        psi: Annotated[bool, typer.Option("--psi", help="The table of population stability indexes.")] = False,
        start: Annotated[
            str | None, typer.Option("--start", help="ISO 8601, included; else 7 days before the end.")
        ] = None,
        end: Annotated[str | None, typer.Option("--end", help="Excluded; else the newest row's hour.")] = None,
        environment: Annotated[str, typer.Option(help="The model's environment.")] = "production",
        output: Annotated[Path, typer.Option("--output", help="Folder for the HTML and JSON files.")] = Path(),
        python: Annotated[
            str | None,
            typer.Option("--python", help="An interpreter with Evidently; else DRIFTWATCH_EVIDENTLY_PYTHON."),
        ] = None,
        store: Annotated[str | None, typer.Option("--store", help="The store; else DRIFTWATCH_STORE.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print both verdicts as JSON.")] = False,
    ) -> None:
        from driftwatch.cli.stored import opened
        from driftwatch.errors import UserError
        from driftwatch.service.evidently_run import INTERPRETER_VARIABLE
        from driftwatch.service.second_opinion import second_opinion

        if evidently == psi:
            raise UserError("say which report: driftwatch report MODEL --evidently, or --psi")
        with opened(store) as source:
            known = find_known_model(source, model, environment)
            first, last = read_period(known, start, end)
            if psi:
                _policy(source, known, first, last, as_json=as_json)
                return
            python = python or os.environ.get(INTERPRETER_VARIABLE)
            opinion = second_opinion(source, known, first, last, python=python)
        files = _write(opinion, output)
        if as_json:
            print(json.dumps({**opinion.to_dict(), "files": files}, ensure_ascii=False, allow_nan=False, indent=1))
        else:
            _show(opinion, files)


def _policy(store: "Store", model: "KnownModel", start: int, end: int, *, as_json: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    from driftwatch.queries.policy import read_policy

    with store.read() as conn:
        report = read_policy(conn, model, start, end)
    if as_json:
        print(json.dumps(report.to_dict(), ensure_ascii=False, allow_nan=False, indent=1))
        return
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _PLAIN_WIDTH)
    console.print(f"[bold]{escape(report.model)}[/]  {stamp(start)} – {stamp(end)}", soft_wrap=True)
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("column", "PSI", "policy", "p by chance", "n reference", "n"):
        table.add_column(heading, justify="left" if heading in {"column", "policy"} else "right")
    for line in report.lines:
        sizes = (count(line.n_reference), count(line.n))
        table.add_row(escape(line.column), distance(line.index), line.says, p_value(line.p_value), *sizes)
    console.print(table)


def find_known_model(store: "Store", name: str, environment: str) -> "KnownModel":
    """The model of that name.

    Raises:
        NotFoundError: there is none; the message names the nearest.
    """
    from driftwatch.errors import NotFoundError
    from driftwatch.monitors.reading import nearest
    from driftwatch.queries.catalogue import find_model, list_models

    with store.read() as conn:
        found = find_model(conn, name, environment)
        names = [each.name for each in list_models(conn) if each.environment == environment]
    if found is None:
        known = f" Known: {', '.join(names[:20])}." if names else " The store holds no model of it."
        raise NotFoundError(f"there is no model {name!r} in {environment}.{nearest(name, names)}{known}")
    return found


def read_period(model: "KnownModel", start: str | None, end: str | None) -> tuple[int, int]:
    """``(start, end)``, microseconds UTC, of two options; the last 7 days of rows where they are left out.

    Naive times are in the model's time zone, as everywhere in its declaration.

    Raises:
        UserError: the start is not before the end.
    """
    from driftwatch.domain.instant import DAY, bucket_start
    from driftwatch.errors import UserError
    from driftwatch.monitors.reading import read_instant

    if end is not None:
        last = read_instant(end, "--end", model.spec.zone)
    else:
        last = bucket_start(model.last_at or 0, model.spec.bucket) + model.spec.bucket
    first = read_instant(start, "--start", model.spec.zone) if start is not None else last - 7 * DAY
    if first >= last:
        raise UserError(f"--start {stamp(first)} is not before --end {stamp(last)}")
    return first, last


def _write(opinion: "SecondOpinion", folder: Path) -> dict[str, str]:
    from driftwatch.domain.instant import to_datetime
    from driftwatch.errors import UserError

    safe = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in opinion.model)
    span = "-".join(f"{to_datetime(at):%Y%m%dT%H%M}" for at in (opinion.start, opinion.end))
    files = {
        "html": (folder / f"evidently-{safe}-{span}.html", opinion.report.html),
        "json": (folder / f"evidently-{safe}-{span}.json", opinion.report.json),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in files.values():
            path.write_bytes(content)
    except OSError as error:
        raise UserError(f"cannot write the report to {folder}: {error.strerror}") from None
    return {kind: str(path) for kind, (path, _) in files.items()}


def _show(opinion: "SecondOpinion", files: dict[str, str]) -> None:
    from rich.console import Console

    console = Console(highlight=False, width=None if sys.stdout.isatty() else _PLAIN_WIDTH)
    before, now = opinion.sampled
    sides = (
        ("Reference", opinion.reference.start, opinion.reference.end, before),
        ("Period   ", opinion.start, opinion.end, now),
    )
    for side, start, end, sampled in sides:
        rows = f"{count(len(sampled.rows))} of {count(sampled.total)} rows"
        console.print(f"[dim]{side}[/]  {stamp(start)} to {stamp(end)}, {rows}", soft_wrap=True)
    console.print()
    console.print(_table(opinion))
    both = [each for each in opinion.columns if each.agree is not None]
    agreed = sum(bool(each.agree) for each in both)
    console.print(f"\nBoth judged {len(both)} columns and agree on {agreed}.", soft_wrap=True)
    console.print(f"Evidently {escape(opinion.report.version)}: {escape(files['html'])}, {escape(files['json'])}")


def _table(opinion: "SecondOpinion") -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("column", "driftwatch", "windows", "seen as", "Evidently", "method", "value", "threshold"):
        is_number = heading in {"windows", "value", "threshold"}
        table.add_column(heading, justify="right" if is_number else "left", overflow="fold")
    for each in opinion.columns:
        table.add_row(escape(each.column), *_ours(each), *_theirs(each))
    return table


def _ours(opinion: "ColumnOpinion") -> tuple[str, str, str]:
    ours = opinion.ours
    if not ours.windows_judged:
        return "[dim]○ not judged[/]", "", ""
    windows = f"{ours.windows_alarmed} of {ours.windows_judged}"
    word = "[yellow]◆ drifted[/]" if ours.drifted else "[green]● no drift[/]"
    return word, windows, ", ".join(kind.replace("_", " ") for kind in ours.kinds)


def _theirs(opinion: "ColumnOpinion") -> tuple[str, ...]:
    theirs = opinion.evidently
    if theirs is None:
        return f"[dim]○ {escape(opinion.left_out or 'said nothing')}[/]", "", "", ""
    word = "[yellow]◆ drifted[/]" if theirs.drifted else "[green]● no drift[/]"
    written = p_value if theirs.is_p_value else distance
    value = "–" if theirs.value is None else written(theirs.value)
    sign = "p <" if theirs.is_p_value else "≥"
    return word, escape(theirs.method), value, "–" if theirs.threshold is None else f"{sign} {theirs.threshold:g}"
