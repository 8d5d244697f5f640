"""``driftwatch backtest FILE``: try the alarms on your own past."""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from driftwatch.domain.instant import DAY, to_datetime
from driftwatch.domain.signal import Severity

if TYPE_CHECKING:
    from driftwatch.domain.incident import Incident
    from driftwatch.service.backtest import BacktestReport, Progress

__all__ = ["register"]

_HELP = """Replay a historical prediction log (Parquet, CSV or Arrow) through the service's own rule and alerting.

Every window is judged when it closes, with nothing that happened later, so the incidents are those that the service
would have raised. Every bucket is judged at its own width, from a minute to a day. Without a reference in the
specification the first 14 days are it, or a third of a shorter log. With labels (task, columns.label, label_timestamp)
performance and concept drift are judged too, each day with the labels that were known at the same age, and the report
lists realised metrics and, from the scores alone, estimated ones, by day and (--performance-period month) by month;
latency, errors and throughput are among them, labels or not.
Retraining requests are not part of this release: their list is empty.
"""
_LISTED = 12
_NAME_WIDTH = 40
_PLAIN_WIDTH = 140  # into a file or a pipe
_PERIODS = ("month",)


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("backtest", help=_HELP)
    def _backtest(
        file: Annotated[Path, typer.Argument(help="The prediction log.")],
        spec: Annotated[Path, typer.Option("--spec", help="The model's specification, model.yaml.")],
        *,
        as_json: Annotated[bool, typer.Option("--json", help="Print the whole report as JSON.")] = False,
        performance_period: Annotated[
            str | None, typer.Option("--performance-period", help="Also report performance by calendar month: month.")
        ] = None,
    ) -> None:
        from driftwatch.errors import UserError
        from driftwatch.service.backtest import backtest
        from driftwatch.service.specification import load_model_spec

        if performance_period not in {None, *_PERIODS}:
            raise UserError(f"{performance_period!r} is not a performance period; write month")
        model_spec = load_model_spec(spec)
        with _progress() as progress:
            report = backtest(file, model_spec, months=performance_period is not None, progress=progress)
        if as_json:
            print(json.dumps(report.to_dict(), ensure_ascii=False, allow_nan=False, indent=1))
        else:
            _show(report)


@contextmanager
def _progress() -> "Iterator[Progress | None]":
    """A bar on stderr, only for people."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns = (TextColumn("{task.description:<10}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=None)
        yield lambda what, done, total: bar.update(task, description=what, completed=done, total=total)


def _show(report: "BacktestReport") -> None:
    from rich.console import Console

    console = Console(highlight=False, width=None if sys.stdout.isatty() else _PLAIN_WIDTH)
    start, end = report.reference
    console.print(f"[bold]{escape(report.spec.model)}[/]  {report.rows:,} rows", soft_wrap=True)
    how = "" if report.reference_is_given else "  (taken from the start of the log; declare one to choose it)"
    period = f"{_day(start)} to {_day(end)}, {(end - start) / DAY:.0f} days"
    console.print(f"Reference   {period}, {report.reference_rows:,} rows{how}", soft_wrap=True)
    width = "hourly" if report.window < DAY else "daily"
    console.print(f"Judged      {report.days_monitored:.1f} days in {report.runs:,} {width} windows", soft_wrap=True)
    if report.uncalibrated:
        console.print(
            "[yellow]Uncalibrated[/]  the reference is too short to learn how much the columns vary by themselves; "
            "two weeks are enough, four are better",
            soft_wrap=True,
        )
    _show_columns(console, report)
    _show_incidents(console, report)
    for each in report.left_out:
        what = "column" if each.rows is None else f"{each.rows:,} row{'' if each.rows == 1 else 's'}"
        where = f" [bold]{escape(_short(each.column))}[/]" if each.column else ""
        console.print(f"Left out    {what}{where}: {escape(each.reason)}", soft_wrap=True)
    for name, why in report.faults.items():
        console.print(f"Not judged  [bold]{escape(_short(name))}[/]: {escape(why)}", soft_wrap=True)


def _show_columns(console: Any, report: "BacktestReport") -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim", title_justify="left")
    for heading in ("column", "signal", "windows", "alarms", "first alarm", "seen as", "effect"):
        is_number = heading in {"windows", "alarms", "effect"}
        table.add_column(heading, justify="right" if is_number else "left", no_wrap=heading == "first alarm")
    for row in _column_rows(report):
        table.add_row(*map(escape, row))
    if table.row_count:
        console.print()
        console.print(table)


def _column_rows(report: "BacktestReport") -> list[tuple[str, ...]]:
    """A row for each column: the loud ones first, by their first alarm."""
    judged: Counter[str] = Counter()
    for result in report.results:
        judged.update(name for name, state in result.judged.items() if state == "judged")
    alarms: dict[tuple[str, str], list[Any]] = {}
    for finding in report.findings:
        if finding.severity.rank >= Severity.WARNING.rank:
            name = finding.column or "(model)"
            name = f"{name} ({finding.segment})" if finding.segment is not None else name
            alarms.setdefault((name, finding.signal.value), []).append(finding)
    rows: list[tuple[str, ...]] = []
    for (name, signal), findings in sorted(alarms.items(), key=lambda item: (item[1][0].at, item[0])):
        kinds = Counter(finding.kind for finding in findings).most_common(2)
        effect = max((max(finding.effect.values(), default=0.0) for finding in findings), default=0.0)
        seen = ", ".join(kind.replace("_", " ") for kind, _ in kinds)
        when = f"{to_datetime(findings[0].window_start):%Y-%m-%d %H:%M}"
        windows = f"{judged[name]:,}" if name in judged else ""
        rows.append(
            (
                name,
                signal.replace("_", " "),
                windows,
                f"{len(findings):,}",
                when,
                seen,
                f"{effect:.2f}" if effect else "",
            )
        )
    loud = {name for name, _ in alarms}
    quiet = sorted(name for name in judged if name not in loud)
    rows += [(_short(name), "", f"{judged[name]:,}", "0", "", "", "") for name in quiet]
    return rows


def _show_incidents(console: Any, report: "BacktestReport") -> None:
    months = report.days_monitored / 30
    rate = f", {len(report.incidents) / months:.1f} in 30 days" if months else ""
    number = len(report.incidents)
    console.print(f"\n[bold]{number or 'no'} incident{'' if number == 1 else 's'}[/]{rate if number else ''}")
    for incident in report.incidents[:_LISTED]:
        console.print(f"  {_incident_line(incident)}", soft_wrap=True)
    if len(report.incidents) > _LISTED:
        console.print(f"  ... and {len(report.incidents) - _LISTED} more (--json has them all)")


def _incident_line(incident: "Incident") -> str:
    colour = "red" if incident.severity is Severity.CRITICAL else "yellow"
    until = "still open" if incident.resolved_at is None else f"to {to_datetime(incident.resolved_at):%Y-%m-%d %H:%M}"
    opened = f"{to_datetime(incident.opened_at):%Y-%m-%d %H:%M}"
    return f"{opened} {until:<19} [{colour}]{incident.severity.value:<8}[/] {escape(incident.title)}"


def _short(name: str) -> str:
    return name if len(name) <= _NAME_WIDTH else f"{name[: _NAME_WIDTH - 1]}…"


def _day(at: int) -> str:
    return f"{to_datetime(at):%Y-%m-%d}"
