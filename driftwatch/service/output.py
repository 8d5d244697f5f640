"""What a model answered, as columns that are profiled: the score, and the prediction as numbers or as categories."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.domain.signal import ColumnKind
from driftwatch.profiles.bucket import CategoricalColumn, Column, NumericColumn

__all__ = ["as_kind", "number_text", "read_outputs", "text_column"]

_CLASSES = ("binary", "multiclass")


def read_outputs(
    prediction: Sequence[Any] | None, score: NDArray[np.float64] | None, task: str | None
) -> dict[str, Column]:
    """Columns by role: "score" and "prediction", where there are such.

    Args:
        prediction: bool, number, text or None a row.
        score: float64[n], NaN where a row has none.
        task: of the model's declaration: classes are categories even where they are written as numbers.
    """
    outputs: dict[str, Column] = {}
    if score is not None:
        nulls = np.isnan(score)
        outputs["score"] = NumericColumn(score, nulls if nulls.any() else None)
    if prediction is not None:
        numeric = task not in _CLASSES and all(
            value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in prediction
        )
        outputs["prediction"] = _numbers(prediction) if numeric else text_column(prediction)
    return outputs


def as_kind(column: Column, kind: ColumnKind) -> Column | None:
    """A column as the kind that its model declares, or None if its values are of another nature.

    Declared categories may be sent as numbers (codes), and declared numbers as flags; texts are never read as numbers.
    """
    if kind is ColumnKind.NUMERIC:
        if isinstance(column, NumericColumn):
            return column
        if column.dictionary == ["false", "true"]:
            nulls = column.codes < 0
            return NumericColumn(np.maximum(column.codes, 0).astype(np.float64), nulls if nulls.any() else None)
        return None
    if isinstance(column, CategoricalColumn):
        return column if kind is not ColumnKind.BOOLEAN or column.dictionary == ["false", "true"] else None
    texts = [number_text(value) for value in column.values.tolist()]
    if column.nulls is not None:
        texts = [None if null else text for text, null in zip(texts, column.nulls.tolist(), strict=True)]
    if kind is ColumnKind.BOOLEAN:
        flags: Mapping[str | None, str | None] = {"0": "false", "1": "true", None: None}
        if not set(texts) <= set(flags):
            return None
        texts = [flags[text] for text in texts]
    return _encode(texts, ["false", "true"] if kind is ColumnKind.BOOLEAN else None)


def number_text(value: float | None) -> str | None:
    """A number as a category; whole numbers without a point, not-a-number is no value.

    >>> number_text(3.0), number_text(0.5), number_text(float("nan"))
    ('3', '0.5', None)
    """
    if value is None or value != value:  # noqa: PLR0124 - NaN
        return None
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))


def _numbers(values: Sequence[Any]) -> NumericColumn:
    nulls = np.array([value is None for value in values], dtype=np.bool_)
    return NumericColumn(np.array(values, dtype=np.float64), nulls if nulls.any() else None)


def text_column(values: Sequence[Any]) -> CategoricalColumn:
    """Booleans, numbers and texts as categories; None is no value."""
    return _encode([_text(value) for value in values])


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return number_text(value) if isinstance(value, int | float) else value


def _encode(texts: Sequence[str | None], dictionary: list[str] | None = None) -> CategoricalColumn:
    places: dict[str | None, int] = {text: place for place, text in enumerate(dictionary or ())}
    for text in texts:
        if text is not None:
            places.setdefault(text, len(places))
    names = [text for text in places if text is not None]
    places[None] = -1
    return CategoricalColumn(names, np.array([places[text] for text in texts], dtype=np.int32))
