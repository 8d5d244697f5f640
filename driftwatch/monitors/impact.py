"""What drift costs: expected performance beside each drift finding, so that what costs nothing ranks below."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from driftwatch.domain.finding import Finding
from driftwatch.domain.signal import Signal
from driftwatch.monitors.alignment import Alignment
from driftwatch.monitors.baseline import WindowResult
from driftwatch.monitors.outcome import OutcomeBaseline, OutcomeVerdicts
from driftwatch.monitors.outcome_cells import LabelledCells
from driftwatch.monitors.outcome_history import OutcomeHistory
from driftwatch.monitors.outcome_scalar import OutcomeScalar
from driftwatch.monitors.verdict import Window

__all__ = ["expected_verdicts", "impact_of", "with_expected"]

_SIGNALS = frozenset({Signal.DRIFT, Signal.PREDICTION_DRIFT, Signal.MULTIVARIATE_DRIFT})
_LEAST_EFFECT = 0.10  # standard deviations of the loss: below it no window of a day is an alarm either
_SURE = 2.0


def impact_of(scalar: OutcomeScalar, windows: Sequence[LabelledCells | None]) -> Mapping[str, Any] | None:
    """What the scores of some windows let expect of the loss, against the reference.

    Args:
        scalar: of the expected loss.
        windows: their scores.

    Returns:
        The metric, its mean in the reference and in the windows, the change, and whether that matters: a tenth of the
        loss's standard deviation worse, and two standard errors beyond that. None without a scored row.
    """
    known = [cells for cells in windows if cells is not None and cells.size == len(scalar.of.values)]
    n = sum(int(cells.counts.sum()) for cells in known)
    if not n:
        return None
    now = sum(float(cells.counts @ scalar.of.values[cells.places]) for cells in known) / n
    change = now - scalar.centre
    return {
        "metric": scalar.of.name,
        "reference": scalar.centre,
        "estimated": now,
        "change": change,
        "matters": bool(change / scalar.scale >= _LEAST_EFFECT + _SURE / np.sqrt(n)),
    }


def expected_verdicts(
    baseline: OutcomeBaseline, scores: OutcomeHistory, alignment: Alignment, ends: Iterable[int], known_from: int
) -> dict[int, OutcomeVerdicts]:
    """The verdicts on expected performance by window index.

    Args:
        baseline: what the labelled reference says.
        scores: of the reference and everything up to the last window.
        alignment: of the windows in which outcomes are counted, whole numbers of the judged ones.
        ends: of the judged windows; those within a window of `alignment` are passed over.
        known_from: when the reference's labels were known, microseconds UTC; windows that ended before are not judged.
    """
    windows = {}
    for end in ends:
        index = alignment.index(end - 1)
        if end >= known_from and index >= baseline.stop and alignment.start(index + 1) == end:
            windows[index] = Window(alignment.start(index), end, end)
    return baseline.judge_scores(scores, windows)


def with_expected(
    result: WindowResult,
    baseline: OutcomeBaseline,
    scores: OutcomeHistory,
    alignment: Alignment,
    verdicts: Mapping[int, OutcomeVerdicts],
    known_from: int,
) -> WindowResult:
    """A result with the verdict on expected performance, and with the impact of each drift finding.

    Args:
        result: of a judged window.
        baseline: what the labelled reference says.
        scores: of the reference and everything up to the window.
        alignment: of the windows in which outcomes are counted.
        verdicts: by their index; see :func:`expected_verdicts`.
        known_from: windows that ended before stay as they are.
    """
    scalar = baseline.expected
    if scalar is None or result.window_end < known_from:
        return result
    weighed = tuple(_weighed(finding, scalar, scores, alignment) for finding in result.findings)
    result = replace(result, findings=weighed)
    index = alignment.index(result.window_end - 1)
    verdict = verdicts.get(index)
    if verdict is None or alignment.start(index + 1) != result.window_end:
        return result
    summary = {**result.summary, "expected": dict(verdict.summary)}
    judged = {**result.judged, **verdict.states}
    return replace(result.with_findings(verdict.findings), summary=summary, judged=judged)


def _weighed(finding: Finding, scalar: OutcomeScalar, scores: OutcomeHistory, alignment: Alignment) -> Finding:
    """A drift finding of all rows with its impact, over the windows that it is about."""
    if finding.signal not in _SIGNALS or finding.segment is not None:
        return finding
    width = finding.window_end - finding.window_start
    reach = int(finding.details.get("scale_buckets", 1)) * width
    first = alignment.index(finding.window_end - reach)
    impact = impact_of(scalar, scores.between(first, alignment.index(finding.window_end - 1) + 1))
    return finding if impact is None else replace(finding, details={**finding.details, "impact": dict(impact)})
