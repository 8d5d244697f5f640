"""Every way to judge several columns at once, by name."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftwatch._registry import Registry
from driftwatch.drift.multivariate import MULTIVARIATE, MultivariateResult, compare_moments

__all__ = ["JointSample", "MultivariateMethod", "multivariate_methods"]


@dataclass(frozen=True, slots=True, eq=False)
class JointSample:
    """The same columns of two windows, at most some ten thousands of rows each.

    Attributes:
        names: the columns.
        reference: float64[n, d], NaN for missing, in the order of time where there is one.
        current: float64[m, d].
        categorical: bool[d], columns of codes 0, 1, 2 … that have no order.
    """

    names: tuple[str, ...]
    reference: NDArray[np.float64]
    current: NDArray[np.float64]
    categorical: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class MultivariateMethod:
    """One method. A plugin registers an instance in the entry point group ``driftwatch.multivariate_method``.

    Attributes:
        judge: a pure function of the sample; what chance it needs has a fixed seed.
        categories: whether it takes categorical columns too.
    """

    judge: Callable[[JointSample], MultivariateResult]
    categories: bool = False


def _hotelling(sample: JointSample) -> MultivariateResult:
    return compare_moments(sample.reference, sample.current)


def _reconstruction(sample: JointSample) -> MultivariateResult:
    from driftwatch.drift.pca import compare_reconstruction

    return compare_reconstruction(sample.reference, sample.current)


def _classifier(sample: JointSample) -> MultivariateResult:
    from driftwatch.drift.domain_classifier import tell_apart

    return tell_apart(sample.names, sample.reference, sample.current, sample.categorical)


multivariate_methods: Registry[MultivariateMethod] = Registry("multivariate_method")
multivariate_methods.add(MULTIVARIATE, MultivariateMethod(_hotelling), aliases=("hotelling",))
multivariate_methods.add("pca_reconstruction_error", MultivariateMethod(_reconstruction), aliases=("pca",))
multivariate_methods.add(
    "domain_classifier", MultivariateMethod(_classifier, categories=True), aliases=("classifier_auc",)
)
