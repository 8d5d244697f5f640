"""``driftwatch explain``: why and where a column drifts, of two files, a period or an incident."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from driftwatch.queries.format import count, distance, number, p_value, share

if TYPE_CHECKING:
    from driftwatch.explanation.explanation import Explanation
    from driftwatch.explanation.movement import Movement
    from driftwatch.service.explaining import PeriodExplanation

__all__ = ["register"]

_HELP = """Explain a drift: which features move the predictions, whether they matter as they did, and in which few
segments a column drifts.

Two files: driftwatch explain REFERENCE CURRENT --spec model.yaml. A model of the store: driftwatch explain MODEL, of
its last 7 days, of --start to --end, or of an --incident, with which the answer is kept. At most 100,000 sampled rows
a side are looked at. What moves predictions is told by a surrogate that is fitted to logged features and scores of the
reference. Segments are named if they change unlike the rest at 5% over all segments that were looked at; values of
personal columns are never shown.
"""
_PLAIN_WIDTH = 140  # into a file or a pipe
_LISTED = 10


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("explain", help=_HELP)
    def _explain(
        model: Annotated[
            str, typer.Argument(metavar="MODEL|REFERENCE", help="A model, or a file.", show_default=False)
        ],
        current: Annotated[
            Path | None, typer.Argument(help="With a file: what to look at.", show_default=False)
        ] = None,
        *,
        spec: Annotated[Path | None, typer.Option("--spec", help="Of files: the model's specification.")] = None,
        incident: Annotated[str | None, typer.Option("--incident", help="As `incident list` prints it.")] = None,
        start: Annotated[str | None, typer.Option("--start", help="ISO 8601; else 7 days before the end.")] = None,
        end: Annotated[str | None, typer.Option("--end", help="Excluded; else the newest row's hour.")] = None,
        column: Annotated[
            list[str] | None, typer.Option("--column", help="Search segments of this column; as often as needed.")
        ] = None,
        environment: Annotated[str, typer.Option(help="The model's environment.")] = "production",
        seed: Annotated[int, typer.Option("--seed", min=0, help="Of samples and of all that is drawn.")] = 0,
        store: Annotated[str | None, typer.Option("--store", help="The store; else DRIFTWATCH_STORE.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print the explanation as JSON.")] = False,
    ) -> None:
        columns = tuple(column or ())
        if current is not None:
            document, explanation = _of_files(Path(model), current, spec, columns, seed)
        else:
            period = _of_store(model, environment, incident, (start, end), columns, seed, store)
            document, explanation = period.to_dict(), period.explanation
        if as_json:
            print(json.dumps({"schema": 1, **document}, ensure_ascii=False, allow_nan=False, indent=1))
        else:
            _show(document, explanation)


def _of_files(
    reference: Path, current: Path, spec: Path | None, columns: tuple[str, ...], seed: int
) -> tuple[dict[str, Any], "Explanation"]:
    from driftwatch.service.explaining import explain_files
    from driftwatch.service.specification import load_model_spec

    model_spec = None if spec is None else load_model_spec(spec)
    explanation = explain_files(reference, current, model_spec, columns=columns, seed=seed)
    return explanation.to_dict(), explanation


def _of_store(
    model: str,
    environment: str,
    incident: str | None,
    period: tuple[str | None, str | None],
    columns: tuple[str, ...],
    seed: int,
    store: str | None,
) -> "PeriodExplanation":
    from driftwatch.cli.report import find_known_model, read_period
    from driftwatch.cli.stored import opened
    from driftwatch.errors import UserError
    from driftwatch.service.explaining import explain_incident, explain_period

    with opened(store) as source:
        known = find_known_model(source, model, environment)
        if incident is None:
            first, last = read_period(known, *period)
            return explain_period(source, known, first, last, columns=columns, seed=seed)
        if period != (None, None):
            raise UserError("an incident has its own window: give --incident, or --start and --end")
        found = explain_incident(source, incident, columns=columns, seed=seed)
        if (found.model, found.environment) != (model, environment):
            raise UserError(f"incident {incident!r} is of the model {found.model!r} in {found.environment}")
        return found


def _show(document: dict[str, Any], explanation: "Explanation") -> None:
    from rich.console import Console

    console = Console(highlight=False, width=None if sys.stdout.isatty() else _PLAIN_WIDTH)
    for side in ("reference", "current"):
        rows = f"{count(document[f'n_{side}'])} rows"
        if side in document:
            known = document[side]
            rows = f"{known['start']} to {known['end']}, {rows} of {count(known['rows'])}"
        console.print(f"[dim]{side.capitalize():<9}[/]  {rows}", soft_wrap=True)
    console.print()
    for sentence in explanation.sentences:
        console.print(f"[bold]·[/] {escape(sentence)}", soft_wrap=True)
    if explanation.movement is not None:
        _show_movement(console, explanation.movement)
    for search in explanation.segments:
        segments = [
            (
                each.words,
                share(each.accounts_for),
                distance(each.inside),
                distance(each.outside),
                f"{share(each.share_reference)} → {share(each.share_current)}",
                p_value(each.p_value),
            )
            for each in search.segments
        ]
        title = f"Where {search.column} moved ({count(search.candidates)} segments looked at)"
        headings = ("segment", "of the movement", "inside", "outside", "of all rows", "p")
        _table(console, title, headings, segments)


def _show_movement(console: Any, movement: "Movement") -> None:
    rows = [
        (
            each.feature,
            number(each.contribution),
            "" if each.standard_error is None else f"± {number(each.standard_error)}",
            distance(each.drift),
            share(each.importance),
        )
        for each in movement.features[:_LISTED]
    ]
    title = f"What moves {movement.target} ({'; '.join(movement.approximations)})"
    _table(console, title, ("feature", "contribution", "", "drift", f"importance ({movement.importance_source})"), rows)


def _table(console: Any, title: str, headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    from rich.table import Table

    if not rows:
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="left" if place == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    console.print(f"\n[dim]{escape(title)}[/]", soft_wrap=True)
    console.print(table)
