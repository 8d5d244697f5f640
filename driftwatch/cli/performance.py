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
        bands: Annotated[
            bool, typer.Option("--bands", help="Also the table of score bands: what was said, and what came.")
        ] = False,
        vintage: Annotated[
            str | None,
            typer.Option(help="Also the share of positives by age, of the predictions of each day, week or month."),
        ] = None,
        environment: Annotated[str, typer.Option(help="The model's environment.")] = "production",
        store: Annotated[str | None, typer.Option(help="The store to use; else DRIFTWATCH_STORE.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
    ) -> None:
        """Show realised and estimated performance by period, with intervals and how many labels are in."""
        from driftwatch.cli.segment_lines import fairness_lines, segment_lines
        from driftwatch.cli.stored import opened
        from driftwatch.service.performance_report import report_performance

        with opened(store) as known:
            found = report_performance(
                known, environment, model, start=start, end=end, period=period, metric=metric, by=by,
                fairness=fairness, bands=bands, vintage=vintage,
            )  # fmt: skip
        lines = [*_lines(found, metric), *segment_lines(found, metric), *fairness_lines(found)]
        print(json.dumps(found, indent=2) if as_json else "\n".join(lines))


def _lines(found: dict[str, Any], metric: str | None) -> list[str]:
    labelled = f"{found['labelled']:,} of {found['predictions']:,} predictions have an outcome"
    if found["decided"] is not None:
        labelled = (
            f"{found['labelled']:,} of the {found['decided']:,} that were decided have an outcome "
            f"({found['predictions']:,} predictions)"
        )
    lines = [f"{found['model']}, {found['start']} to {found['end']}: {labelled}"]
    if found["undecided_outcomes"]:
        lines.append(f"{found['undecided_outcomes']:,} outcomes are of predictions that were not decided: not counted")
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
    return [*lines, *_bands(found), *_vintages(found)]


def _bands(found: dict[str, Any]) -> list[str]:
    """The table of score bands, the highest first."""
    if "bands" not in found:
        return []
    bands = [band for band in found["bands"] if band["n"]]
    if not bands:
        return ["", "score bands: none; they are of binary models with scores and outcomes"]
    lines = ["", "scores             n        said    came    (95 %)            p-value   of positives, from here up"]
    for band in reversed(bands):
        low, high = ("" if band[end] is None else f"{band[end]:.4g}" for end in ("low", "high"))
        name = f"{low} to {high}" if low and high else f"up to {high}" if high else f"above {low}"
        p_value = "" if band["p_value"] is None else f"{band['p_value']:.2g}"
        around = f"{band['rate_low']:.4f} - {band['rate_high']:.4f}"
        lines.append(
            f"{name:<17}  {band['n']:<7,}  {band['mean_score']:.4f}  {band['rate']:.4f}  {around}  "
            f"{p_value:<8}  {band['share_of_positives']:.0%} in {band['share_of_rows']:.0%} of rows"
        )
    lines.append(f"p-values are of one band each: hold them against {0.05 / len(bands):.2g}")
    return lines


def _vintages(found: dict[str, Any]) -> list[str]:
    """Of each vintage, the share of positives at a few of its ages."""
    if "vintages" not in found:
        return []
    if not found["vintages"]:
        return ["", "vintages: none; they are of binary models with predictions in this window"]
    lines = ["", "positives by age"]
    for each in found["vintages"]:
        points = each["by_age"]
        some = points[:: max(1, -(-len(points) // 6))]
        some = [*some[:-1], points[-1]] if points else []
        told = "  ".join(f"{point['age_seconds'] / 86_400:.3g} d {point['rate']:.2%}" for point in some)
        lines.append(f"{each['start'][:10]}  n {each['n']:<9,} {told or 'no age is reached by all of them yet'}")
    return lines


def _shown(whole: list[dict[str, Any]]) -> set[str]:
    """A few of many metrics; --json and --metric give the others."""
    usual = ("roc_auc", "brier_score", "accuracy", "f1", "mean_absolute_error", "mean_error", "ndcg@10", "mrr")
    there = {row["metric"] for row in whole}
    return {name for name in usual[:2] if name in there} or {name for name in usual if name in there}
