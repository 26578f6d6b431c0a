"""What the estimators of mixtures have in common: predictions, densities, draws and pickles."""
# ruff: noqa: N803  (X is scikit-learn's name for the rows)

from __future__ import annotations

from abc import abstractmethod
from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.utils import check_scalar
from sklearn.utils.validation import validate_data

from gmix.base.errors import DataError, ParameterError
from gmix.base.layout import check_layout
from gmix.base.table import as_weights
from gmix.sklearn.array_api import as_numpy, in_kind
from gmix.sklearn.generator import as_random_generator
from gmix.sklearn.parameters import FittedParameters
from gmix.sklearn.state import assembled, taken_apart
from gmix.sources.source import check_mass

__all__ = ["NUMBERS", "OTHER_NAMES", "MixtureEstimator"]

Array = NDArray[np.float64]
NUMBERS: dict[str, Any] = {"dtype": [np.float64, np.float32], "ensure_all_finite": "allow-nan"}  # NaN is missing
OTHER_NAMES = {  # gmix's own names of what the estimators have
    "responsibilities": "take predict_proba(X)",
    "log_density": "take score_samples(X)",
    "mixture": "take mixture_",
    **{name: f"take {name}_" for name in ("weights", "means", "covariances", "converged")},
}


class MixtureEstimator(FittedParameters, DensityMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """The methods of an estimator whose fitted parameters are those of a mixture."""

    random_state: int | np.random.RandomState | None

    @abstractmethod
    def fit(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None, row_errors: Any = None) -> Self:
        """Fit the parameters to ``X (N, D)`` and ignore `y`. A row of weight 2 counts twice."""

    def fit_predict(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> Any:
        """Fit, and return the most probable component ``(N,)`` of each row."""
        return self.fit(X, y, sample_weight).predict(X)

    def predict(self, X: Any, row_errors: Any = None) -> Any:
        """The most probable component ``(N,)`` of each row."""
        return in_kind(self._evaluated().predict(self._rows(X), row_errors=as_numpy(row_errors)), X)

    def predict_proba(self, X: Any, row_errors: Any = None) -> Any:
        """The probability ``(N, K)`` that each row came from each component."""
        mixture, rows = self._evaluated(), self._rows(X)
        found = mixture.responsibilities(rows, row_errors=as_numpy(row_errors))
        return in_kind(found.astype(self._precision(rows), copy=False), X)

    def score_samples(self, X: Any, row_errors: Any = None) -> Any:
        """The log density ``(N,)`` of each row, in nats."""
        mixture, rows = self._evaluated(), self._rows(X)
        found = mixture.log_density(rows, row_errors=as_numpy(row_errors))
        return in_kind(found.astype(self._precision(rows), copy=False), X)

    def score(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> float:
        """The mean log density per row, in nats; the weighted mean, if the rows have weights ``(N,)``."""
        log_density, weight = self._counting(X, sample_weight)
        if weight is None:
            return float(log_density.mean())  # of float32 in float32, as scikit-learn's class does
        return float(weight @ log_density / weight.sum())

    def sample(self, n_samples: int = 1) -> tuple[Any, Any]:
        """Draw points ``(n_samples, D)`` and their components ``(n_samples,)``, sorted by component."""
        mixture, generator = self._sampled(), as_random_generator(self.random_state)
        check_scalar(n_samples, "n_samples", Integral)
        if n_samples < 1:
            raise ParameterError(f"Invalid value for 'n_samples': {n_samples}; draw at least one row")
        points, labels = mixture.sample_labelled(n_samples, rng=generator)
        order = np.argsort(labels, kind="stable")
        points = points[order].astype(np.result_type(np.float32, np.asarray(as_numpy(self.means_)).dtype))
        return in_kind(points, self.means_), in_kind(labels[order], self.means_)

    def _log_likelihood(self, X: Any, sample_weight: ArrayLike | None) -> tuple[float, float]:
        """The log-likelihood of weighted rows, summed in double precision, and the sum of the weights that count."""
        log_density, weight = self._counting(X, sample_weight)
        if weight is None:
            return float(log_density.sum(dtype=np.float64)), float(len(log_density))
        return float(weight @ log_density), float(weight.sum())

    def _counting(self, X: Any, sample_weight: ArrayLike | None) -> tuple[NDArray[Any], Array | None]:
        """The log densities of the rows that have a value and a weight above zero, and these weights."""
        mixture, rows = self._evaluated(), self._rows(X)
        log_density = mixture.log_density(rows).astype(self._precision(rows), copy=False)
        valued = ~np.isnan(rows).all(1)
        if not valued.any():
            raise DataError("no row has a value; give at least one that has")
        weight = as_weights(as_numpy(sample_weight), len(rows))
        if weight is None:
            return log_density[valued], None
        counting = valued & (weight > 0)  # the log density of a row without weight may be minus infinity
        check_mass(float(weight[counting].sum()))
        return log_density[counting], weight[counting]

    def _rows(self, X: Any) -> NDArray[Any]:
        check_layout(X)
        return np.asarray(validate_data(self, as_numpy(X), reset=False, **NUMBERS))

    def __getstate__(self) -> dict[str, Any]:
        return dict(taken_apart(super().__getstate__()))

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(assembled(state))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
