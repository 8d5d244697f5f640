"""Drift of a model's windows against its reference: the one function behind the service and the backtest.

Profiles become a :class:`History`, the reference becomes a :class:`DriftBaseline` (fitted once, kept by the caller),
and the baseline judges any window after it. A backtest judges all of them in one call, the service one at a time as
they close; the answers are the same.
"""

from collections.abc import Mapping, Sequence

from driftwatch.monitors.alignment import Alignment, judged_width
from driftwatch.monitors.baseline import DriftBaseline, WindowResult
from driftwatch.monitors.history import History
from driftwatch.monitors.spec import ModelSpec
from driftwatch.profiles.bucket import BucketProfile
from driftwatch.profiles.codec import NumericCodec

__all__ = ["Alignment", "DriftBaseline", "History", "WindowResult", "judge_drift", "judged_width", "read_history"]


def read_history(
    buckets: Mapping[int, BucketProfile],
    codecs: Mapping[str, NumericCodec],
    spec: ModelSpec,
    reference: tuple[int, int],
) -> History:
    """The history of a model whose reference starts at ``reference[0]``.

    Args:
        buckets: by start in microseconds UTC; of the specification's width or finer.
        codecs: by feature name, and by role for outputs. A numeric column without one is not judged.
        spec: the model's declaration.
        reference: ``(start, end)`` in microseconds UTC.
    """
    history = History(Alignment.of(spec, reference[0]), codecs, exclude=spec.exclude)
    return history.add_all(buckets.items())


def judge_drift(
    buckets: Mapping[int, BucketProfile],
    codecs: Mapping[str, NumericCodec],
    spec: ModelSpec,
    reference: tuple[int, int],
    windows: Sequence[int],
    *,
    at: int | None = None,
    baseline: DriftBaseline | None = None,
) -> list[WindowResult]:
    """Judge windows.

    Args:
        buckets: everything from the start of the reference to the end of the last window.
        codecs: by feature name, and by role for outputs.
        spec: the model's declaration.
        reference: ``(start, end)`` in microseconds UTC.
        windows: starts, ascending; a window is an hour or a day (:func:`judged_width`).
        at: when the verdicts are known; the end of each window if left out.
        baseline: the fitted reference, if the caller has it.

    Raises:
        DataError: the reference holds no row.
    """
    history = read_history(buckets, codecs, spec, reference)
    if baseline is None:
        baseline = DriftBaseline.fit(history, spec, reference)
    return baseline.judge(history, windows, at=at)
