"""Text columns and embeddings of two files: texts through the numbers that are derived from them, vectors whole."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from driftwatch.domain.signal import ColumnKind, Severity
from driftwatch.drift.multivariate import MULTIVARIATE, compare_moments
from driftwatch.drift.result import MeasureResult
from driftwatch.profiles.bucket import CategoricalColumn, NumericColumn
from driftwatch.profiles.text import UNSEEN, Vocabulary, derive
from driftwatch.service.arrow_column import read_categories, read_embeddings
from driftwatch.service.comparison_column import ReadColumn
from driftwatch.service.comparison_result import ColumnComparison, ColumnFinding

__all__ = ["compare_embeddings", "read_texts"]

Sides = tuple[pa.ChunkedArray | None, pa.ChunkedArray | None]


def read_texts(name: str, sides: Sides) -> list[ReadColumn]:
    """What is derived from a text column, as numeric columns of both sides.

    The reference's own share of unseen characters is taken crosswise: one half of its texts against a vocabulary made
    of the other. The current texts are held against a vocabulary of the same size, that of the first half.
    """
    columns = [None if side is None else read_categories(side) for side in sides]
    before, after = columns
    halves = None if before is None else _halves(before)
    now = {} if after is None else derive(name, after, halves[0] if halves else None)
    then = {} if before is None else derive(name, before, halves[0] if halves else None)
    if before is not None and halves is not None:
        other = derive(name, before, halves[1])[f"{name}.{UNSEEN}"]
        then[f"{name}.{UNSEEN}"] = _mixed(then[f"{name}.{UNSEEN}"], other, before)
    words = tuple("" if side is None else "text" for side in sides)
    return [
        ReadColumn(
            each, ColumnKind.NUMERIC, then.get(each), now.get(each), type_reference=words[0], type_current=words[1]
        )
        for each in dict.fromkeys((*then, *now))
        if not each.endswith(f".{UNSEEN}") or (each in then and each in now) or None in sides
    ]


def compare_embeddings(name: str, sides: Sides) -> ColumnComparison:
    """An embedding column of both files, by the means and second moments of its vectors.

    Raises:
        DataError: a side holds no lists of numbers.
    """
    vectors = [np.zeros((0, 0), np.float32) if side is None else read_embeddings(side) for side in sides]
    usable = [rows[np.isfinite(rows).all(axis=1)] if rows.shape[1] else rows[:0] for rows in vectors]
    before, after = (len(rows) for rows in usable)
    missing = [1 - len(some) / len(rows) if len(rows) else 1.0 for some, rows in zip(usable, vectors, strict=True)]
    plain = ColumnComparison(
        column=name,
        kind=ColumnKind.EMBEDDING.value,
        drifted=False,
        severity=Severity.NONE,
        judged=False,
        n_reference=before,
        n_current=after,
        missing_reference=missing[0],
        missing_current=missing[1],
        measures=(),
        findings=(),
        effect=0.0,
        p_value=None,
    )
    gross = _gross(sides, usable)
    if gross is not None:
        return replace(plain, drifted=True, severity=Severity.CRITICAL, effect=1.0, findings=(gross,))
    result = compare_moments(usable[0].astype(np.float64), usable[1].astype(np.float64))
    if result.value is None:
        return plain
    measure = MeasureResult(
        MULTIVARIATE, result.value, result.p_value, "higher_is_drift", "reference_sd", before, after
    )
    finding = ColumnFinding("drift", f"the vectors lie {np.sqrt(result.value):.2g} standard deviations off")
    return replace(
        plain,
        judged=True,
        drifted=result.drifted,
        severity=Severity.WARNING if result.drifted else Severity.NONE,
        measures=(measure,),
        findings=(finding,) if result.drifted else (),
        effect=min(1.0, float(np.sqrt(result.value))),
        p_value=result.p_value,
    )


def _gross(sides: Sides, usable: list[NDArray[np.float32]]) -> ColumnFinding | None:
    if sides[1] is None:
        return ColumnFinding("vanished", "the current file has no such column")
    if sides[0] is None:
        return ColumnFinding("added", "the reference has no such column")
    if len(usable[0]) and not len(usable[1]):
        return ColumnFinding("empty", f"none of {len(sides[1]):,} rows has a vector")
    if len(usable[0]) and usable[0].shape[1] != usable[1].shape[1]:
        lengths = f"{usable[0].shape[1]:,} numbers in the reference, {usable[1].shape[1]:,} now"
        return ColumnFinding("retyped", f"vectors of {lengths}")
    return None


def _halves(column: CategoricalColumn) -> tuple[Vocabulary, Vocabulary] | None:
    """Vocabularies of every second text; None with fewer than two texts."""
    if len(column.dictionary) < 2:
        return None
    return Vocabulary.of(column.dictionary[::2]), Vocabulary.of(column.dictionary[1::2])


def _mixed(first: NumericColumn, second: NumericColumn, column: CategoricalColumn) -> NumericColumn:
    """The texts of the first half against the vocabulary of the second, and the other way round."""
    in_first = column.codes % 2 == 0
    values = np.where(in_first, second.values, first.values)
    nulls = np.isnan(values)
    return NumericColumn(values, nulls if nulls.any() else None)
