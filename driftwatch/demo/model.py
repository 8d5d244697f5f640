"""The demo's model: will this flight arrive more than 15 minutes late?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import GroupKFold, cross_val_predict

from driftwatch.demo.flights import CATEGORICAL, NUMERIC

__all__ = ["DelayModel", "train"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class DelayModel:
    """A fitted classifier and the threshold at which it says "late".

    Attributes:
        trees: boosted trees over the numeric features and the codes of the categorical ones.
        codes: the code of every category that the training flights had, by feature.
        threshold: the score above which as many training flights are called late as were late.
    """

    trees: HistGradientBoostingClassifier
    codes: Mapping[str, Mapping[str, float]]
    threshold: float

    def score(self, flights: Mapping[str, Sequence[Any]]) -> Floats:
        """The probability of a late arrival, one a row, in [0, 1].

        Args:
            flights: the features by name; missing numbers are None or NaN, new categories are missing.
        """
        return _late(self.trees.predict_proba(_matrix(flights, self.codes)))


def train(flights: pd.DataFrame) -> tuple[DelayModel, Floats]:
    """Fit on flights whose outcome is known.

    Returns:
        The model, and an out-of-fold score for every row (folds are calendar weeks): what an honest monitor
        takes as the reference, since scores of rows that the model has seen are too good.
    """
    codes = {name: {each: float(code) for code, each in enumerate(sorted(set(flights[name])))} for name in CATEGORICAL}
    features = _matrix({name: flights[name].tolist() for name in (*NUMERIC, *CATEGORICAL)}, codes)
    known = flights["late"].notna().to_numpy()
    late = flights["late"].to_numpy()[known].astype(int)
    weeks = flights["at"].dt.strftime("%G-%V").to_numpy()[known]
    trees = HistGradientBoostingClassifier(max_iter=60, learning_rate=0.1, max_leaf_nodes=15, random_state=0)
    scores = np.empty(len(flights))
    folds = GroupKFold(4)
    scores[known] = _late(
        cross_val_predict(trees, features[known], late, groups=weeks, cv=folds, method="predict_proba")
    )
    trees.fit(features[known], late)
    # Flights that never arrived took no part in the fit: the model itself scores them.
    if not known.all():
        scores[~known] = _late(trees.predict_proba(features[~known]))
    threshold = float(np.quantile(scores, 1.0 - late.mean()))
    return DelayModel(trees, codes, threshold), scores


def _matrix(flights: Mapping[str, Sequence[Any]], codes: Mapping[str, Mapping[str, float]]) -> Floats:
    columns = [np.array(flights[name], dtype=np.float64) for name in NUMERIC]
    columns += [np.array([codes[name].get(each, np.nan) for each in flights[name]]) for name in CATEGORICAL]
    return np.column_stack(columns)


def _late(probabilities: Floats) -> Floats:
    return np.asarray(probabilities[:, 1], dtype=np.float64)
