"""The demo's model: will this flight arrive more than 15 minutes late?"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from driftwatch.demo.flights import CATEGORICAL, FEATURES, NUMERIC

__all__ = ["DelayModel", "train"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class DelayModel:
    """A fitted classifier and the threshold at which it says "late".

    Attributes:
        pipeline: encoder and boosted trees.
        threshold: the score above which as many training flights are called late as were late.
    """

    pipeline: Pipeline
    threshold: float

    def score(self, flights: pd.DataFrame) -> Floats:
        """The probability of a late arrival, one a row, in [0, 1]."""
        return _late(self.pipeline.predict_proba(flights[list(FEATURES)]))


def train(flights: pd.DataFrame) -> tuple[DelayModel, Floats]:
    """Fit on flights whose outcome is known.

    Returns:
        The model, and an out-of-fold score for every row (folds are calendar weeks): what an honest monitor
        takes as the reference, since scores of rows that the model has seen are too good.
    """
    known = flights["late"].notna().to_numpy()
    labels = flights.loc[known, "late"].astype(int)
    weeks = flights["at"].dt.strftime("%G-%V")
    pipeline = _pipeline()
    scores = np.empty(len(flights))
    scores[known] = _late(
        cross_val_predict(
            pipeline,
            flights.loc[known, list(FEATURES)],
            labels,
            groups=weeks[known],
            cv=GroupKFold(4),
            method="predict_proba",
        )
    )
    pipeline.fit(flights.loc[known, list(FEATURES)], labels)
    # Flights that never arrived took no part in the fit: the model itself scores them.
    if not known.all():
        scores[~known] = _late(pipeline.predict_proba(flights.loc[~known, list(FEATURES)]))
    threshold = float(np.quantile(scores, 1.0 - labels.mean()))
    return DelayModel(pipeline, threshold), scores


def _pipeline() -> Pipeline:
    encoder = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=np.nan, dtype=np.float64
    )
    columns = _columns(encoder)
    trees = HistGradientBoostingClassifier(max_iter=60, learning_rate=0.1, max_leaf_nodes=15, random_state=0)
    return make_pipeline(columns, trees)


def _columns(encoder: OrdinalEncoder) -> Pipeline:
    from sklearn.compose import ColumnTransformer

    return ColumnTransformer([("categorical", encoder, list(CATEGORICAL)), ("numeric", "passthrough", list(NUMERIC))])


def _late(probabilities: Floats) -> Floats:
    return np.asarray(probabilities[:, 1], dtype=np.float64)
