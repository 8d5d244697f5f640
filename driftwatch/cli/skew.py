"""``driftwatch skew``: features computed again offline against what was served, row by row."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from driftwatch.queries.format import number, share

if TYPE_CHECKING:
    from driftwatch.service.row_skew import RowSkew

__all__ = ["register"]

_HELP = """Compare features that were computed again offline with what the model was served, row by row, joined by id.

FILE is a table with the prediction ids and a column for each feature. Numbers differ beyond --relative and --absolute
tolerance, everything else where its text differs; a value on one side alone differs too. At most a million served
rows of the period are looked at.
"""
_PLAIN_WIDTH = 140
_MOST_ROWS = 1_000_000


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("skew", help=_HELP)
    def _skew(
        model: Annotated[str, typer.Argument(help="The model.", show_default=False)],
        file: Annotated[Path, typer.Argument(help="Recomputed features.", show_default=False)],
        *,
        id_column: Annotated[str, typer.Option("--id", help="The file's column of prediction ids.")] = "id",
        relative: Annotated[float, typer.Option(min=0.0, help="Tolerance, a share of the served value.")] = 1e-6,
        absolute: Annotated[float, typer.Option(min=0.0, help="Tolerance, in the feature's unit.")] = 1e-9,
        start: Annotated[str | None, typer.Option("--start", help="ISO 8601; else 7 days before the end.")] = None,
        end: Annotated[str | None, typer.Option("--end", help="Excluded; else the newest row's hour.")] = None,
        environment: Annotated[str, typer.Option(help="The model's environment.")] = "production",
        store: Annotated[str | None, typer.Option("--store", help="The store; else DRIFTWATCH_STORE.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON.")] = False,
    ) -> None:
        from driftwatch.cli.report import find_known_model, read_period
        from driftwatch.cli.stored import find, opened
        from driftwatch.service.row_reading import read_rows
        from driftwatch.service.row_skew import compare_with_served
        from driftwatch.service.second_opinion import personal_columns

        with opened(store) as source:
            known = find_known_model(source, model, environment)
            with source.read() as conn:
                row, masked = find(conn, environment, model), personal_columns(conn, known)
            served = read_rows(source, row, *read_period(known, start, end), limit=_MOST_ROWS)
        found = compare_with_served(file, served, id_column=id_column, relative=relative, absolute=absolute)
        if as_json:
            print(json.dumps(found.to_dict(masked=masked), ensure_ascii=False, allow_nan=False, indent=1))
        else:
            _show(found, masked)


def _show(found: "RowSkew", masked: frozenset[str]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, width=None if sys.stdout.isatty() else _PLAIN_WIDTH)
    console.print(f"{found.joined:,} of {found.offline_rows:,} rows joined with {found.served_rows:,} served ones")
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("feature", "differ", "of", "95 %", "only served", "only offline", "median gap", "for example"):
        table.add_column(heading, justify="left" if heading in {"feature", "for example"} else "right")
    for each in found.features:
        example = ""
        if each.examples and each.feature not in masked:
            first = each.examples[0]
            example = f"{found.ids[first.row]}: {first.served} → {first.offline}"
        gap = "" if each.median_gap is None else number(each.median_gap) + (" always" if each.constant_gap else "")
        between = "" if each.low is None or each.high is None else f"{share(each.low)} – {share(each.high)}"
        table.add_row(
            escape(each.feature), share(each.share), f"{each.n:,}", between, f"{each.only_served:,}",
            f"{each.only_offline:,}", gap, escape(example),
        )  # fmt: skip
    console.print(table)
    for name, why in found.left_out.items():
        console.print(f"Left out    [bold]{escape(name)}[/]: {escape(why)}", soft_wrap=True)
