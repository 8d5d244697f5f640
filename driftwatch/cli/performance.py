"""``driftwatch performance``: how well a model does, with labels and without."""

import json
from typing import Annotated, Any

import typer

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def performance(
        model: Annotated[str, typer.Argument(help="The model's name.")],
        *,
        start: Annotated[
            str | None, typer.Option(help="Day or time, in the model's time zone: 2024-03-01; else 30 days.")
        ] = None,
        end: Annotated[str | None, typer.Option(help="The first day or time after it.")] = None,
        period: Annotated[str, typer.Option(help="day, week or month, in the model's time zone.")] = "day",
        metric: Annotated[
            str | None,
            typer.Option(help="Only this one; also one that another package brings (entry point driftwatch.metric)."),
        ] = None,
        by: Annotated[
            str | None,
            typer.Option(help="Show the segments of a declared split, or of a protected column, worst first; or all."),
        ] = None,
        fairness: Annotated[
            bool, typer.Option("--fairness", help="Show the gaps between the groups of each protected column.")
        ] = False,
        environment: Annotated[str, typer.Option(help="The model's environment.")] = "production",
        store: Annotated[str | None, typer.Option(help="The store to use; else DRIFTWATCH_STORE.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
    ) -> None:
        """Show realised and estimated performance by period, with intervals and how many labels are in."""
        from driftwatch.cli.segment_lines import fairness_lines, segment_lines
        from driftwatch.cli.stored import opened
        from driftwatch.service.performance_report import report_performance

        with opened(store) as known:
            found = report_performance(known, environment, model, start=start, end=end, period=period, metric=metric,
                                       by=by, fairness=fairness)  # fmt: skip
        lines = [*_lines(found, metric), *segment_lines(found, metric), *fairness_lines(found)]
        print(json.dumps(found, indent=2) if as_json else "\n".join(lines))


def _lines(found: dict[str, Any], metric: str | None) -> list[str]:
    labelled = f"{found['labelled']:,} of {found['predictions']:,} predictions have an outcome"
    lines = [f"{found['model']}, {found['start']} to {found['end']}: {labelled}"]
    if found["judged_age_seconds"] is None:
        lines.append("no outcome is counted yet: that begins when the reference is over and outcomes have come")
    elif metric is None:
        lines.append(f"outcomes are judged {found['judged_age_seconds'] / 3600:g} h after the end of a window")
    wanted = [row for row in found["performance"] if metric is not None or row["metric"] in _shown(found["whole"])]
    for row in wanted:
        kind = "estimated" if row["estimated"] else "realised" if row["mature"] else "realised, immature"
        interval = "" if row["low"] is None else f" ({row['low']:.4g} to {row['high']:.4g}, {row['interval']})"
        lines.append(
            f"{row['window_start'][:10]}  {row['metric']:<24} {row['value']:.4g}{interval}  n {row['n']:,}  {kind}"
        )
    if not wanted:
        lines.append("nothing to show in this window")
    return lines


def _shown(whole: list[dict[str, Any]]) -> set[str]:
    """A few of many metrics; --json and --metric give the others."""
    usual = ("roc_auc", "brier_score", "accuracy", "f1", "mean_absolute_error", "mean_error", "ndcg@10", "mrr")
    there = {row["metric"] for row in whole}
    return {name for name in usual[:2] if name in there} or {name for name in usual if name in there}
