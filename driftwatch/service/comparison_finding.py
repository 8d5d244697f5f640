"""From one column's numbers to its findings, in words that say how much, from what to what."""

from typing import TypeAlias

from driftwatch.domain.signal import ColumnKind, Severity
from driftwatch.drift.pairwise import LEAST_ROWS, PairVerdict
from driftwatch.drift.result import MeasureResult
from driftwatch.profiles.categorical import CategoricalProfile
from driftwatch.profiles.numeric import NumericProfile
from driftwatch.quality.absence import LEAST_SHARE
from driftwatch.queries.distribution import quantile
from driftwatch.queries.format import number, share
from driftwatch.service.comparison_column import ReadColumn
from driftwatch.service.comparison_result import ColumnComparison, ColumnFinding

__all__ = ["describe_column"]

Profile: TypeAlias = NumericProfile | CategoricalProfile

_CHANCE = 1e-6
_SHOWN = 3
_RECORDS = 3
_LONG = 40
_DRIFT = ("location", "spread", "shape", "categories")


def describe_column(
    column: ReadColumn, verdict: PairVerdict | None, measures: tuple[MeasureResult, ...], rows: tuple[int, int]
) -> ColumnComparison:
    """Everything that is said of one column.

    Args:
        column: both sides.
        verdict: of the rule; None where the two sides could not be compared.
        measures: what was measured.
        rows: of the reference and of the current file.
    """
    before, after = column.profiles
    gross = _gross(column, rows)
    found = [gross] if gross else []
    drifted = verdict is not None and verdict.drifted
    frozen = _constant(column, verdict, rows)
    if verdict is not None:
        found += _drift(column, verdict)
        found += _missing(column, verdict)
    found += [frozen[0]] if frozen else []
    found += _novel(column, verdict)
    found += _gone(column, rows) if not frozen else []
    severity = Severity.NONE
    if gross and gross.kind in {"vanished", "retyped", "empty"} and _is_fault(column, gross):
        severity, drifted = Severity.CRITICAL, True
    elif drifted or (frozen and frozen[1]):
        severity, drifted = Severity.WARNING, True
    elif not all(finding.quiet for finding in found) or (verdict is not None and verdict.differs):
        severity = Severity.WATCH
    if not drifted and verdict is not None and verdict.differs:
        found.insert(0, ColumnFinding("drift", _change(column, verdict) + ", within what columns do by themselves"))
    return ColumnComparison(
        column=column.name,
        kind=None if column.kind is None else column.kind.value,
        drifted=drifted,
        severity=severity,
        judged=verdict is not None and verdict.judged,
        n_reference=0 if before is None else before.n,
        n_current=0 if after is None else after.n,
        missing_reference=_missing_share(before),
        missing_current=_missing_share(after),
        measures=measures,
        findings=tuple(found),
        effect=_effect(verdict, severity),
        p_value=None if verdict is None else verdict.p_value,
        reference=before,
        current=after,
        codec=column.codec if column.kind is ColumnKind.NUMERIC else None,
    )


def _gross(column: ReadColumn, rows: tuple[int, int]) -> ColumnFinding | None:
    """What stops a comparison: no such column, another type, no values."""
    before, after = column.profiles
    if after is None:
        return ColumnFinding("vanished", "the current file has no such column")
    if before is None:
        return ColumnFinding("added", "the reference has no such column")
    if column.retyped:
        return ColumnFinding("retyped", column.retyped)
    return _emptied(before, after, rows)


def _emptied(before: Profile, after: Profile, rows: tuple[int, int]) -> ColumnFinding | None:
    if before.missing == before.rows and after.missing == after.rows:
        return ColumnFinding("empty", "no values on either side", quiet=True)
    if after.missing == after.rows:
        had = share(1 - _missing_share(before))
        return ColumnFinding("empty", f"none of {rows[1]:,} rows has a value; {had} of the reference's had one")
    if before.missing == before.rows:
        return ColumnFinding("empty", f"the reference has no value; {after.rows - after.missing:,} rows have one now")
    return None


def _is_fault(column: ReadColumn, finding: ColumnFinding) -> bool:
    """Whether a gross finding is something that broke."""
    before, after = column.profiles
    if finding.kind != "empty":
        return True
    if before is None or after is None or before.missing == before.rows or after.rows < LEAST_ROWS:
        return False
    return bool(_missing_share(before) ** after.rows < _CHANCE)


def _drift(column: ReadColumn, verdict: PairVerdict) -> list[ColumnFinding]:
    if not any(name in _DRIFT for name in verdict.drifting):
        return []
    return [ColumnFinding("drift", _change(column, verdict))]


def _change(column: ReadColumn, verdict: PairVerdict) -> str:
    """How the distribution moved, in words."""
    before, after = column.profiles
    if isinstance(before, NumericProfile) and isinstance(after, NumericProfile):
        middles = [quantile(side, column.codec, 0.5) for side in (before, after)]
        widths = [_width(side, column) for side in (before, after)]
        seen = next((name for name in (*verdict.drifting, verdict.component) if name in _DRIFT), "shape")
        if seen == "spread" and all(widths):
            words = f"{'wider' if widths[1] > widths[0] else 'narrower'}: middle half spans {_pair(widths)}"
        else:
            moved = None not in middles and middles[0] != middles[1]
            words = ("higher" if (middles[1] or 0) > (middles[0] or 0) else "lower") if moved else "another shape"
            words += f": median {_pair(middles)}" if moved else f": mean {_pair([before.mean, after.mean])}"
        return f"{words}; KS {verdict.kolmogorov_smirnov or 0:.2f}"
    counts = column.counts
    totals = [max(1, sum(side.values())) for side in counts]
    moved_most = max(
        sorted(counts[0].keys() | counts[1].keys()),
        key=lambda value: abs(counts[1].get(value, 0) / totals[1] - counts[0].get(value, 0) / totals[0]),
        default="",
    )
    shares = [share(side.get(moved_most, 0) / total) for side, total in zip(counts, totals, strict=True)]
    moved_share = share(verdict.total_variation)
    return f"another mix: {_short(moved_most)} {shares[0]} → {shares[1]}; {moved_share} of rows moved"


def _missing(column: ReadColumn, verdict: PairVerdict) -> list[ColumnFinding]:
    before, after = column.profiles
    if "missing_share" not in verdict.drifting or before is None or after is None or after.missing == after.rows:
        return []
    finite = any(isinstance(side, NumericProfile) and side.n_inf for side in (before, after))
    absent = [1 - side.n / side.rows if finite else _missing_share(side) for side in (before, after)]
    word = f"{'more' if absent[1] > absent[0] else 'fewer'} rows without a {'finite ' if finite else ''}value"
    return [ColumnFinding("missing_rate", f"{word}: {share(absent[0])} → {share(absent[1])}")]


def _constant(
    column: ReadColumn, verdict: PairVerdict | None, rows: tuple[int, int]
) -> tuple[ColumnFinding, bool] | None:
    """One value now; and whether that cannot be an accident."""
    before, after = column.profiles
    if before is None or after is None or after.n < 2 or column.identifier:
        return None
    if isinstance(before, NumericProfile) and isinstance(after, NumericProfile):
        if after.low != after.high:
            return None
        value, always = number(after.low), before.n > 0 and before.low == before.high == after.low
        same = int(before.counts[int(after.counts.argmax())])
    elif isinstance(after, CategoricalProfile) and isinstance(before, CategoricalProfile):
        if after.distinct != 1:
            return None
        name = next(iter(after.counts))
        value, always = _short(name), list(before.counts) == [name]
        same = before.counts.get(name, 0)
    else:
        return None
    if always:
        return ColumnFinding("constant", f"always {value}, on both sides", quiet=True), False
    sure = verdict is not None and verdict.judged and (same / max(1, before.n)) ** after.n < _CHANCE
    detail = f"always {value} now; {share(same / max(1, before.n))} of the reference"
    return ColumnFinding("constant", detail), sure and min(rows) >= LEAST_ROWS


def _novel(column: ReadColumn, verdict: PairVerdict | None) -> list[ColumnFinding]:
    """Values that the reference never had: new categories, numbers outside its range, infinities."""
    before, after = column.profiles
    if before is None or after is None or not before.n or not column.comparable or column.identifier:
        return []
    if isinstance(before, NumericProfile) and isinstance(after, NumericProfile):
        return _beyond(before, after, verdict)
    counts = column.counts
    unseen = sorted(counts[1].keys() - counts[0].keys(), key=lambda value: (-counts[1][value], value))
    if not unseen:
        return []
    total = sum(counts[1].values())
    listed = ", ".join(f"{_short(value)} {share(counts[1][value] / total)}" for value in unseen[:_SHOWN])
    more = f" and {len(unseen) - _SHOWN} more" if len(unseen) > _SHOWN else ""
    detail = f"{len(unseen)} value{'s' if len(unseen) > 1 else ''} never seen in the reference: {listed}{more}"
    return [ColumnFinding("new_category", detail)]


def _gone(column: ReadColumn, rows: tuple[int, int]) -> list[ColumnFinding]:
    """Values of the reference that do not come any more, where that is no accident."""
    before, after = column.profiles
    if not isinstance(before, CategoricalProfile) or not isinstance(after, CategoricalProfile):
        return []
    if column.identifier or not column.comparable or min(before.n, after.n, *rows) < LEAST_ROWS:
        return []
    counts = column.counts
    shares = {value: count / before.n for value, count in counts[0].items() if not counts[1].get(value)}
    gone = [value for value, part in shares.items() if part >= LEAST_SHARE and (1 - part) ** after.n < _CHANCE]
    if not gone:
        return []
    gone.sort(key=lambda value: (-shares[value], value))
    listed = ", ".join(f"{_short(value)} {share(shares[value])}" for value in gone[:_SHOWN])
    more = f" and {len(gone) - _SHOWN} more" if len(gone) > _SHOWN else ""
    plural = f"{len(gone)} values of the reference are" if len(gone) > 1 else "1 value of the reference is"
    return [ColumnFinding("vanished", f"{plural} gone: {listed}{more}")]


def _beyond(before: NumericProfile, after: NumericProfile, verdict: PairVerdict | None) -> list[ColumnFinding]:
    """Numbers outside the reference's range, many that it never had, and infinities."""
    found, reaches = [], []
    if after.n and after.low < before.low:
        reaches.append(f"down to {number(after.low)} (reference from {number(before.low)})")
    if after.n and after.high > before.high:
        reaches.append(f"up to {number(after.high)} (reference to {number(before.high)})")
    words = []
    if verdict is not None and "new_values" in verdict.drifting:
        words.append(f"{share(verdict.novel / after.n)} of values never seen in the reference")
    novel = 0 if verdict is None else verdict.novel
    if reaches and (words or (novel >= _RECORDS and _beyond_by(0.1, before, after)) or _beyond_by(1.0, before, after)):
        words.append(", ".join(reaches))
    if words:
        found.append(ColumnFinding("range", "; ".join(words)))
    if after.n_inf and not before.n_inf:
        found.append(ColumnFinding("range", f"{after.n_inf:,} infinite values; the reference has none"))
    return found


def _beyond_by(part: float, before: NumericProfile, after: NumericProfile) -> bool:
    """Outside the reference's range by more than a part of it: not merely the next record."""
    margin = part * (before.high / 2 - before.low / 2) * 2
    return after.low < before.low - margin or after.high > before.high + margin


def _effect(verdict: PairVerdict | None, severity: Severity) -> float:
    if verdict is None:
        return 1.0 if severity is Severity.CRITICAL else 0.0
    return verdict.kolmogorov_smirnov if verdict.kolmogorov_smirnov is not None else verdict.total_variation


def _missing_share(profile: Profile | None) -> float:
    return 0.0 if profile is None or not profile.rows else profile.missing / profile.rows


def _width(profile: NumericProfile, column: ReadColumn) -> float:
    low, high = (quantile(profile, column.codec, q) for q in (0.25, 0.75))
    return 0.0 if low is None or high is None else high - low


def _pair(values: list[float] | list[float | None]) -> str:
    return f"{number(values[0])} → {number(values[1])}"


def _short(value: str) -> str:
    return repr(value if len(value) <= _LONG else value[: _LONG - 1] + "…")
