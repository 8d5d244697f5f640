"""What metrics are called for people, and how their values are written."""

from driftwatch.performance.result import PerformanceResult
from driftwatch.queries import format as fmt

__all__ = ["interval_words", "metric_name", "metric_value", "preferred"]

_NAMES = {
    "roc_auc": "ROC AUC",
    "gini": "Gini",
    "f1": "F1",
    "r2": "R²",
    "mrr": "MRR",
    "ks_separation": "KS separation",
    "matthews_correlation": "Matthews correlation",
    "brier_score": "Brier score",
    "log_loss": "Log loss",
}
_FIRST = ("roc_auc", "mean_absolute_error", "ndcg@10", "accuracy")
_IN_UNITS = frozenset(
    {"mean_absolute_error", "root_mean_squared_error", "mean_error", "quantile_loss", "value", "lift", "log_loss"}
)
_DIGITS = 3


def metric_name(key: str) -> str:
    """A metric's name for people.

    >>> metric_name("roc_auc"), metric_name("mean_absolute_error"), metric_name("ndcg@10")
    ('ROC AUC', 'Mean absolute error', 'NDCG@10')
    """
    if key in _NAMES:
        return _NAMES[key]
    name, at, depth = key.partition("@")
    if at:
        return f"{name.upper() if name in ('ndcg', 'map') else name.replace('_', ' ').capitalize()}@{depth}"
    return name.replace("_", " ").capitalize()


def metric_value(value: float | None, key: str) -> str:
    """A metric's value: three decimals, or like a number of the column where it has that unit.

    >>> metric_value(0.84213, "roc_auc"), metric_value(-0.0291, "calibration_bias"), metric_value(None, "f1")
    ('0.842', '−0.029', '–')
    """
    if value is None or key in _IN_UNITS:
        return fmt.number(value)
    return f"{value:.{_DIGITS}f}".replace("-", "−")


def interval_words(result: PerformanceResult) -> str:
    """The interval of a result, or "" without one."""
    if result.interval is None:
        return ""
    low, high = (metric_value(end, result.metric) for end in (result.interval.low, result.interval.high))
    return f"{low} – {high}"


def preferred(metrics: tuple[str, ...]) -> list[str]:
    """The same metrics, the one that is shown first at the front."""
    return sorted(metrics, key=lambda key: _FIRST.index(key) if key in _FIRST else len(_FIRST))
