"""``driftwatch rollout``: a new version beside the one that serves."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from driftwatch.service.version_comparison import VersionComparison

__all__ = ["register"]

_CALLED = {
    "error_rate": "failed calls",
    "latency_seconds": "mean latency, s",
    "slow_rate": "slow calls",
    "misclassification_rate": "wrong decisions",
    "brier_score": "Brier score",
    "mean_absolute_error": "mean absolute error",
    "cost": "cost of a decision",
    "disagreement": "answers that differ",
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="Rollouts: a new version beside the one that serves.")
    app.add_typer(group, name="rollout")

    @group.command()
    def compare(
        model: Annotated[str, typer.Argument(help="The model's name.")],
        baseline: Annotated[str, typer.Argument(help="The version that serves.")],
        candidate: Annotated[str, typer.Argument(help="The version that may take over.")],
        *,
        shadow: Annotated[
            bool, typer.Option("--shadow", help="Both answered the same requests: compare these one by one.")
        ] = False,
        margin: Annotated[
            list[str] | None,
            typer.Option(help=f"The most it may be worse, error_rate=0.005; of {', '.join(_CALLED)}. Repeat for more."),
        ] = None,
        share: Annotated[
            float | None, typer.Option(help="Share of the traffic meant for the candidate; the split is checked.")
        ] = None,
        slow: Annotated[float | None, typer.Option(help="Seconds from which a call is slow; else the slo's.")] = None,
        start: Annotated[
            str | None, typer.Option(help="Day or time, in the model's time zone; else since both have rows.")
        ] = None,
        end: Annotated[str | None, typer.Option(help="The first day or time after it.")] = None,
        level: Annotated[float, typer.Option(help="Chance that an interval ever misses, over all looks.")] = 0.05,
        environment: Annotated[str, typer.Option(help="The model's environment.")] = "production",
        store: Annotated[str | None, typer.Option(help="The store to use; else DRIFTWATCH_STORE.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
    ) -> None:
        """Compare two versions (canary, A/B or shadow) and say whether to promote, hold or roll back.

        The intervals hold at every look: run it as often as you like, and act on what it says.
        """
        from driftwatch.cli.stored import opened
        from driftwatch.service.version_comparison import compare_versions

        with opened(store) as known:
            found = compare_versions(
                known,
                environment,
                model,
                baseline=baseline,
                candidate=candidate,
                start=start,
                end=end,
                paired=shadow,
                margins=_margins(margin or []),
                share=share,
                slow_seconds=slow,
                level=level,
            )
        print(json.dumps(found.to_dict(), indent=2) if as_json else "\n".join(_lines(found)))


def _margins(given: list[str]) -> dict[str, float]:
    from driftwatch.errors import SpecError

    margins = {}
    for each in given:
        name, _, value = each.partition("=")
        try:
            margins[name] = float(value)
        except ValueError:
            raise SpecError(f"{each!r} is no margin; write error_rate=0.005", path="margin") from None
    return margins


def _lines(found: "VersionComparison") -> list[str]:
    told = found.to_dict()
    of = "" if found.pairs is None else f", {found.pairs:,} requests that both answered"
    lines = [
        f"{found.model}: {found.candidate} against {found.baseline}, {told['start']} to {told['end']}{of}",
        f"{told['decision'].replace('_', ' ')}",
        *(f"  {reason}" for reason in found.verdict.reasons),
    ]
    for row in told["quantities"]:
        interval = "too few rows" if row["low"] is None else f"{row['low']:+.4g} to {row['high']:+.4g}"
        margin = "" if row["margin"] is None else f"  margin {row['margin']:g}: {row['standing'].replace('_', ' ')}"
        lines.append(
            f"{_CALLED[row['quantity']]:<22} {_number(row['baseline'])} -> {_number(row['candidate'])}"
            f"  difference {row['value']:+.4g} ({interval})  n {row['n_baseline']:,} and {row['n_candidate']:,}{margin}"
        )
    return lines


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.4g}"
