"""By which of their columns a model's rows are tallied: which may have an outcome, of which query they are, scores."""

import json
from collections.abc import Mapping

from driftwatch.monitors.spec import ModelSpec

__all__ = ["class_columns", "decision_column", "error_key", "query_column", "role_columns", "roles_key", "sums_rows"]


def decision_column(spec: ModelSpec) -> str | None:
    """The feature or tag that holds the decision; None without one, and where the prediction is the decision."""
    columns = spec.columns
    return None if columns.decision == columns.prediction else columns.decision


def query_column(spec: ModelSpec) -> str | None:
    """The feature or tag that says of which query an item is; None where the prediction's or request's id does."""
    columns = spec.columns
    if spec.task != "ranking" or columns.query_id in {columns.id, columns.request_id}:
        return None
    return columns.query_id


def class_columns(spec: ModelSpec) -> Mapping[str, str]:
    """Class to the feature or tag that holds its score, of several classes."""
    score = spec.columns.score
    return score if spec.task == "multiclass" and isinstance(score, Mapping) else {}


def role_columns(spec: ModelSpec) -> tuple[str, ...]:
    """The features and tags that rows are tallied by; what the envelope of a prediction holds is not among them."""
    names = (decision_column(spec), query_column(spec), *class_columns(spec).values())
    return tuple(dict.fromkeys(name for name in names if name is not None))


def roles_key(spec: ModelSpec) -> str:
    """A text that changes when rows have to be tallied anew; empty for a model without such columns."""
    declared = {
        "decision": spec.columns.decision,
        "query_id": spec.columns.query_id if spec.task == "ranking" else None,
        "score": dict(sorted(class_columns(spec).items())),
    }
    given = {name: value for name, value in declared.items() if value}
    return json.dumps(given) if given else ""


def sums_rows(spec: ModelSpec) -> bool:
    """Whether all rows are summed by their columns: to count the decided ones, or to estimate performance from them."""
    return spec.columns.decision is not None or bool(class_columns(spec)) or spec.task == "regression"


def error_key(spec: ModelSpec) -> str:
    """A text that changes when the model of a regression's errors has to be learned anew."""
    return json.dumps([roles_key(spec), spec.features.to_dict()])
