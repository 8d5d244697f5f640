"""``driftwatch compare REF CUR``: what changed between two files."""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from driftwatch.domain.signal import Severity
from driftwatch.queries.format import count, distance, p_value, share

if TYPE_CHECKING:
    from driftwatch.service.comparison_result import ColumnComparison, Comparison

__all__ = ["register"]

_HELP = """Compare a current file with a reference (Parquet, CSV or Arrow), column by column and all together.

Drift is called where a column is off by more than sampling and its natural variation explain, with an effect worth
having. With --spec naming a timestamp and 14 days or more of reference, the natural variation is learned from the
reference itself. Exit code 0 whatever the verdict, 1 with --fail-on-drift when it is drift, 2 for input that cannot
be used.
"""
_PLAIN_WIDTH = 140  # into a file or a pipe
_MARKS = {
    Severity.CRITICAL: "[bold red]▲ critical[/]",
    Severity.WARNING: "[yellow]◆ drifted[/]",
    Severity.WATCH: "[blue]◇ look[/]",
    Severity.NONE: "[green]● no drift[/]",
}


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("compare", help=_HELP)
    def _compare(
        reference: Annotated[Path, typer.Argument(help="What is normal.", show_default=False)],
        current: Annotated[Path, typer.Argument(help="What to look at.", show_default=False)],
        *,
        spec: Annotated[
            Path | None,
            typer.Option(
                "--spec", help="The model's specification, model.yaml; the current side is held to its constraints."
            ),
        ] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON.")] = False,
        methods: Annotated[
            str | None, typer.Option("--methods", help="Measures to report: all, or names with commas between.")
        ] = None,
        multivariate: Annotated[
            str,
            typer.Option("--multivariate", help="What judges all columns together: hotelling, pca, domain_classifier."),
        ] = "hotelling",
        html: Annotated[Path | None, typer.Option("--html", help="Also write one self-contained page.")] = None,
        fail_on_drift: Annotated[
            bool, typer.Option("--fail-on-drift", help="Exit with 1 when the verdict is drift.")
        ] = False,
    ) -> None:
        # Before numpy is loaded: on matrices of this size a second BLAS thread only waits, at full speed.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        from driftwatch.service.comparison import compare
        from driftwatch.service.specification import load_model_spec

        model_spec = None if spec is None else load_model_spec(spec)
        comparison = compare(reference, current, model_spec, methods=methods, multivariate=multivariate)
        if html is not None:
            _write(html, comparison.to_html())
        if as_json:
            print(json.dumps(comparison.to_dict(), ensure_ascii=False, allow_nan=False, indent=1))
        else:
            _show(comparison, every_measure=methods is not None)
            if html is not None:
                print(f"\nPage written to {html}")
        if fail_on_drift and comparison.verdict == "drift":
            raise typer.Exit(1)


def _write(path: Path, text: str) -> None:
    from driftwatch.errors import UserError

    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write the page to {path}: {error.strerror}") from None


def _show(comparison: "Comparison", *, every_measure: bool) -> None:
    from rich.console import Console

    console = Console(highlight=False, width=None if sys.stdout.isatty() else _PLAIN_WIDTH)
    style = {"drift": "bold red", "no_drift": "bold green"}.get(comparison.verdict, "bold")
    console.print(f"[{style}]{escape(comparison.sentence)}[/]", soft_wrap=True)
    sides = (
        ("Reference", comparison.reference_name, comparison.reference_rows),
        ("Current  ", comparison.current_name, comparison.current_rows),
    )
    for side, name, rows in sides:
        console.print(f"[dim]{side}[/]  {escape(name)}, {count(rows)} rows", soft_wrap=True)
    console.print(f"[dim]Drift is {escape(comparison.rule)}.[/]", soft_wrap=True)
    console.print()
    console.print(_table(comparison))
    together = comparison.multivariate
    if together.value is None or together.p_value is None:
        console.print(f"\nAll numbers together: not judged ({together.reason})", soft_wrap=True)
    else:
        word = "[yellow]drifted[/]" if together.drifted else "no drift"
        numbers = f"distance {distance(together.value)}, p {p_value(together.p_value)}, {together.columns} columns"
        console.print(f"\nAll numbers together: {word} ({numbers})", soft_wrap=True)
    for name, reason in comparison.not_compared:
        console.print(f"[dim]Not compared  {escape(name)}: {escape(reason)}[/]", soft_wrap=True)
    if every_measure:
        _show_measures(console, comparison)


def _table(comparison: "Comparison") -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("")
    table.add_column("column", overflow="fold", max_width=32)
    table.add_column("kind")
    table.add_column("effect", justify="right")
    table.add_column("missing", justify="right", no_wrap=True)
    table.add_column("what changed", overflow="fold", ratio=1)
    for column in comparison.columns:
        missing = share(column.missing_current)
        if column.missing_reference != column.missing_current:
            missing = f"{share(column.missing_reference)} → {missing}"
        table.add_row(
            _mark(column),
            escape(column.column),
            column.kind or "–",
            distance(column.effect) if column.judged else "–",
            missing,
            "\n".join(_line(finding.kind, finding.detail) for finding in column.findings),
        )
    return table


def _mark(column: "ColumnComparison") -> str:
    if not column.judged and column.severity is Severity.NONE:
        return "[dim]○ too few[/]"
    if column.severity is Severity.WARNING and not column.drifted:
        return "[yellow]◆ broken[/]"
    return _MARKS[column.severity]


def _line(kind: str, detail: str) -> str:
    return f"[bold]{kind.replace('_', ' ')}[/] {escape(detail)}"


def _show_measures(console: Any, comparison: "Comparison") -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim", title_justify="left")
    for heading in ("column", "measure", "value", "p", "unit"):
        table.add_column(heading, justify="right" if heading in {"value", "p"} else "left", overflow="fold")
    for column in comparison.columns:
        for place, measure in enumerate(column.measures):
            table.add_row(
                escape(column.column) if place == 0 else "",
                measure.method,
                distance(measure.value),
                "" if measure.p_value is None else p_value(measure.p_value),
                measure.unit or "",
            )
    console.print()
    console.print(table)
