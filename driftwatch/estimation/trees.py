"""Boosted regression trees as arrays: stored as JSON, read by numpy, equal to scikit-learn's predictions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["BoostedTrees", "Tree", "fit_trees"]


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """One tree; node 0 is its root.

    Attributes:
        feature: int64[nodes], the column that a node asks; -1 in a leaf.
        threshold: float64[nodes]; values up to it go left.
        missing_left: bool[nodes], where a missing value goes.
        left: int64[nodes].
        right: int64[nodes].
        value: float64[nodes], what a leaf adds.
    """

    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    missing_left: NDArray[np.bool_]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    value: NDArray[np.float64]

    def predict(self, table: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64[n], what the tree adds to each row of float64[n, features]."""
        node = np.zeros(len(table), dtype=np.int64)
        rows = np.arange(len(table))
        while len(rows):
            here = node[rows]
            inner = self.feature[here] >= 0
            rows, here = rows[inner], here[inner]
            asked = table[rows, self.feature[here]]
            go_left = np.where(np.isnan(asked), self.missing_left[here], asked <= self.threshold[here])
            node[rows] = np.where(go_left, self.left[here], self.right[here])
        return self.value[node]


@dataclass(frozen=True, slots=True, eq=False)
class BoostedTrees:
    """A sum of trees.

    Attributes:
        columns: the names of the table's columns, in order.
        baseline: what the trees add to.
        trees: in the order in which they are added.
    """

    columns: tuple[str, ...]
    baseline: float
    trees: tuple[Tree, ...]

    def predict(self, table: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64[n] for the rows of float64[n, columns]; NaN is a missing value."""
        total = np.full(len(table), self.baseline)
        for tree in self.trees:
            total += tree.predict(table)
        return total

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        return {
            "columns": list(self.columns),
            "baseline": self.baseline,
            "trees": [{name: getattr(tree, name).tolist() for name in _PARTS} for tree in self.trees],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "BoostedTrees":
        """Read what :meth:`to_dict` gave.

        Raises:
            ValueError: it is not that.
        """
        try:
            trees = tuple(
                Tree(**{name: np.array(tree[name], dtype=kind) for name, kind in _PARTS.items()})
                for tree in data["trees"]
            )
            return cls(tuple(data["columns"]), float(data["baseline"]), trees)
        except (KeyError, TypeError) as error:
            raise ValueError("these are not boosted trees") from error


_PARTS: Mapping[str, type] = {
    "feature": np.int64,
    "threshold": np.float64,
    "missing_left": np.bool_,
    "left": np.int64,
    "right": np.int64,
    "value": np.float64,
}


def fit_trees(
    table: NDArray[np.float64], target: NDArray[np.float64], columns: Sequence[str], *, seed: int
) -> BoostedTrees:
    """Fit scikit-learn's histogram gradient boosting and take its trees out.

    Args:
        table: float64[n, columns]; NaN is a missing value.
        target: float64[n], finite.
        columns: names.
        seed: of the split that decides when to stop.

    Raises:
        ValueError: fewer than 100 rows, or shapes that do not fit.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor

    if table.shape != (len(target), len(columns)):
        raise ValueError(f"a table of shape {table.shape} for {len(target)} targets and {len(columns)} columns")
    if len(target) < 100:
        raise ValueError(f"{len(target)} rows are too few to learn from; give at least 100")
    model = HistGradientBoostingRegressor(
        max_iter=100, max_leaf_nodes=15, min_samples_leaf=max(20, len(target) // 1000), early_stopping=True,
        validation_fraction=0.15, random_state=seed,
    ).fit(table, target)  # fmt: skip
    trees = tuple(_tree(predictors[0].nodes) for predictors in model._predictors)  # noqa: SLF001 - there is no public way
    return BoostedTrees(tuple(columns), float(np.ravel(model._baseline_prediction)[0]), trees)  # noqa: SLF001


def _tree(nodes: NDArray[Any]) -> Tree:
    leaf = nodes["is_leaf"].astype(bool)
    return Tree(
        feature=np.where(leaf, -1, nodes["feature_idx"]).astype(np.int64),
        threshold=np.where(leaf, 0.0, nodes["num_threshold"]),
        missing_left=nodes["missing_go_to_left"].astype(bool),
        left=nodes["left"].astype(np.int64),
        right=nodes["right"].astype(np.int64),
        value=nodes["value"].astype(np.float64),
    )
