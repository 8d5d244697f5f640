"""Segments and fairness gaps as lines of text."""

from typing import Any

__all__ = ["fairness_lines", "segment_lines"]


def segment_lines(found: dict[str, Any], metric: str | None) -> list[str]:
    """What ``--by`` adds: the segments, worst first, and which are worse than chance would have it."""
    if "segments" not in found:
        return []
    ranked_by = metric or found["segments_ranked_by"]
    lines = ["", f"by {found['by']}, worst {ranked_by} first, each against all other rows:"]
    ranked = [each for each in found["segments"] if not each["too_few"]]
    for each in ranked:
        row = next(row for row in each["performance"] if row["metric"] == ranked_by)
        interval = "" if row["low"] is None else f" ({row['low']:.4g} to {row['high']:.4g}, {row['interval']})"
        gap = f"{row['minus_rest']:+.4g}"
        if row["minus_rest_low"] is not None:
            gap += f" ({row['minus_rest_low']:+.4g} to {row['minus_rest_high']:+.4g})"
        mark = "  worse" if each["worse"] is not None and each["worse"]["is_worse"] else ""
        lines.append(
            f"{each['segment']:<24} {row['value']:.4g}{interval}  against others {gap}  n {each['n_labelled']:,}"
            f"  labelled {each['labelled_share']:.0%}{mark}"
        )
    few = [f"{each['segment']} ({each['n_labelled']:,})" for each in found["segments"] if each["too_few"]]
    if few:
        lines.append(f"too few labelled rows to rank: {', '.join(few)}")
    if found["segments_left_out"]:
        lines.append(f"{found['segments_left_out']:,} smaller segments are left out")
    if not found["segments"]:
        lines.append("no row of this window is in a segment, or none has an outcome yet")
    if ranked:
        worse = ", ".join(found["segments_worse"]) or "none"
        loss = next((each["worse"]["metric"] for each in ranked if each["worse"] is not None), ranked_by)
        looks = f"{found['segments_looks']:,} looks"
        lines.append(f"worse than all others in {loss}, at 5% over all segments and {looks}: {worse}")
    return lines


def fairness_lines(found: dict[str, Any]) -> list[str]:
    """What ``--fairness`` adds: for each protected column the rates of its groups, and how far they are apart."""
    lines: list[str] = []
    for column in found.get("fairness", ()):
        lines += ["", f"fairness by {column['split']}: share of positive decisions, of all, of positives, of negatives"]
        for group in column["groups"]:
            rates = (group[f"{name}_rate"] for name in ("selection", "true_positive", "false_positive"))
            lines.append(f"{group['group']:<24} n {group['n']:,}  " + "  ".join(_rate(each) for each in rates))
        for gap in column["gaps"]:
            ratio = ""
            if gap["rate"] == "selection_rate" and gap["ratio"] is not None and gap["ratio_low"] is not None:
                ratio = f"  ratio {gap['ratio']:.3g} ({gap['ratio_low']:.3g} to {gap['ratio_high']:.3g})"
            few = f"  too few: {', '.join(gap['too_few'])}" if gap["too_few"] else ""
            lines.append(
                f"{gap['rate']} difference {gap['difference']:.3g} ({gap['low']:.3g} to {gap['high']:.3g}, "
                f"{gap['interval']}), {gap['highest']} above {gap['lowest']}{ratio}{few}"
            )
        if column["equalized_odds_difference"] is not None:
            lines.append(f"equalised odds difference {column['equalized_odds_difference']:.3g}")
        if not column["gaps"]:
            lines.append("no two groups have 30 rows to compare")
    return lines


def _rate(rate: dict[str, Any]) -> str:
    if rate["value"] is None:
        return "– (n 0)"
    few = ", too few" if rate["too_few"] else ""
    return f"{rate['value']:.3f} ({rate['low']:.3f} to {rate['high']:.3f}, n {rate['n']:,}{few})"
