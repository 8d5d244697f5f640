"""A log that is replayed gets its frames and vocabularies as the service would give them: from its earliest rows."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftwatch.monitors.spec import ModelSpec
from driftwatch.profiles.bucket import CategoricalColumn, NumericColumn
from driftwatch.profiles.moments import MomentsFrame
from driftwatch.profiles.text import LEAST_TEXTS, UNSEEN, Vocabulary
from driftwatch.service.framing import Frames, derive_texts, propose_frames, texts_of
from driftwatch.service.prediction_log import PredictionLog

__all__ = ["frame_log"]


def frame_log(
    log: PredictionLog, spec: ModelSpec, reference_end: int
) -> tuple[PredictionLog, Mapping[str, MomentsFrame]]:
    """The log with its texts as numbers, and the frames that what belongs together is profiled in.

    A vocabulary is made of the first 1,000 different texts, if they come in the first half of the reference; the rows
    that it was made of have no share of characters out of it.

    Args:
        log: in order of time.
        spec: the model's declaration.
        reference_end: microseconds UTC; frames are made of the rows before.
    """
    reference = int(np.searchsorted(log.at, reference_end))
    texts = texts_of(log.features, spec)
    made_of = {name: _enough(column.codes[:reference]) for name, column in texts.items()}
    vocabularies = {
        name: Vocabulary.of(_texts(column, until)) for name, column in texts.items() if (until := made_of[name])
    }
    derived = derive_texts(texts, Frames(vocabularies=vocabularies))
    for name, until in made_of.items():
        column = derived.get(f"{name}.{UNSEEN}")
        if until and isinstance(column, NumericColumn):
            derived[f"{name}.{UNSEEN}"] = _without(column, until)
    features = {name: column for name, column in log.features.items() if name not in texts}
    log = replace(log, features={**features, **derived}, tags={**log.tags, **texts})
    early = log.take(slice(0, reference))
    return log, propose_frames(Frames(), spec, early.features, early.vectors, {}).moments


def _enough(codes: NDArray[np.integer[Any]]) -> int:
    """How many of the first rows hold 1,000 different texts; 0 where it takes more than half of them."""
    present, first = np.unique(codes, return_index=True)
    first = np.sort(first[present >= 0])
    until = int(first[LEAST_TEXTS - 1]) + 1 if len(first) >= LEAST_TEXTS else 0
    return until if until <= len(codes) // 2 else 0


def _texts(column: CategoricalColumn, until: int) -> list[str]:
    present = np.unique(column.codes[:until])
    return [column.dictionary[place] for place in present[present >= 0].tolist()]


def _without(column: NumericColumn, until: int) -> NumericColumn:
    """The column with its first rows missing."""
    nulls = np.zeros(len(column.values), dtype=np.bool_) if column.nulls is None else column.nulls.copy()
    nulls[:until] = True
    values = column.values.copy()
    values[:until] = np.nan
    return NumericColumn(values, nulls)
