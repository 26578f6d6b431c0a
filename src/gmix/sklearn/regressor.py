"""The estimator `GaussianMixtureRegressor`."""
# ruff: noqa: N803, N806  (X is scikit-learn's name for the rows)

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from gmix.base.arguments import as_numbers, is_count
from gmix.base.errors import DataError, ParameterError, one_of
from gmix.base.findings import Finding, by_importance
from gmix.base.table import as_weights
from gmix.fitting.result import Fit
from gmix.model.criteria import CRITERIA
from gmix.model.mixture import GaussianMixture, with_dependent_features
from gmix.model.univariate import UnivariateMixtures
from gmix.sklearn.array_api import as_numpy, in_kind
from gmix.sklearn.conditional import Conditionals
from gmix.sklearn.dependence import dependence_in
from gmix.sklearn.determined import (
    AUTO,
    FitSettings,
    UndeterminedError,
    check_shrinkage,
    distinct_rows,
    pooled_prior,
)  # fmt: skip
from gmix.sklearn.generator import as_random_generator

__all__ = ["GaussianMixtureRegressor"]

Array = NDArray[np.float64]
_NUMBERS: dict[str, Any] = {"dtype": [np.float64, np.float32], "ensure_all_finite": "allow-nan"}  # NaN is missing
_UNIT_FREE = ("EEI", "VEI", "EVI", "VVI", "EEE", "VEE", "EVV", "VVV")  # no column's unit matters to these structures
_SHRUNK = (
    "the rows do not determine the covariances of all components, because they are few; the covariances were "
    "shrunk toward that of all rows; see shrinkage"
)


class GaussianMixtureRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    r"""Regression by a Gaussian mixture of ``X`` and ``y`` together: the distribution of y given x is a mixture.

    .. math:: p(y \mid x) = \sum_k r_k(x) \, N\big(y \mid \mu_{k,y} + B_k (x - \mu_{k,x}),\; C_k\big), \qquad
              B_k = \Sigma_{k,yx} \Sigma_{k,xx}^{-1}, \quad C_k = \Sigma_{k,yy} - B_k \Sigma_{k,xy}

    with the responsibilities :math:`r_k(x)` of the components for x (Ghahramani & Jordan 1994, *Advances in Neural
    Information Processing Systems* 6:120; Sung 2004, *Gaussian mixture regression and classification*, Rice
    University). So the mean is a smooth blend of K linear regressions, and the variance, the quantiles and the number
    of modes change with x.

    NaN in ``X`` is a missing cell: the distribution is that given the other cells of the row. Rows with a missing
    target improve the mixture too. A column that follows from others does no harm.

    Parameters
    ----------
    n_components : the number of components, several to choose from, or ``"auto"`` for 1 to 9.
    covariance_type : the code or name of a structure, several to choose from, or ``"auto"`` for the eight to which the
        units of the columns do not matter: EEI, VEI, EVI, VVI, EEE, VEE, EVV and VVV.
    criterion : what chooses: ``"bic"``, ``"aic"``, ``"aicc"``, ``"icl"``, ``"caic"`` or ``"sabic"``, of the joint
        distribution.
    shrinkage : the strength of a prior that shrinks the covariances to that of all rows, as a multiple of mclust's
        ``D + 2`` rows; zero for maximum likelihood. ``"auto"``: zero, or 1 if the rows are too
        few to determine the covariances.
    effort : how much work the search for better local optima may do; see `gmix.fit`.
    random_state : a seed, a ``numpy.random.RandomState`` or a `numpy.random.Generator`, for the fit and for `sample`.

    Attributes
    ----------
    mixture_ : the `gmix.GaussianMixture` of the columns of ``X``, followed by the T targets.
    fit_ : the `gmix.Fit`, with criteria, findings and a summary.
    shrinkage_ : the strength that was used.
    n_features_in_, feature_names_in_ : as in scikit-learn.

    >>> from gmix.sklearn import GaussianMixtureRegressor
    >>> x = np.linspace(-3.0, 3.0, 400)[:, None]
    >>> y = np.abs(x[:, 0]) + np.random.default_rng(0).normal(0.0, 0.1, 400)
    >>> regressor = GaussianMixtureRegressor(random_state=0).fit(x, y)
    >>> mean, deviation = regressor.predict([[-2.0], [1.0]], return_std=True)
    >>> mean.round(1), deviation.round(1)
    (array([2., 1.]), array([0.1, 0.1]))
    >>> regressor.quantile([[2.0]], [0.05, 0.95]).round(1)
    array([[1.9, 2.1]])
    """

    fit_: Fit
    mixture_: GaussianMixture
    shrinkage_: float
    _target_shape: tuple[int, ...]  # of the targets of one row: () or (T,)

    def __init__(
        self,
        n_components: Any = "auto",
        *,
        covariance_type: Any = "auto",
        criterion: str = "bic",
        shrinkage: float | str = "auto",
        effort: float = 1.0,
        random_state: int | np.random.RandomState | np.random.Generator | None = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.criterion = criterion
        self.shrinkage = shrinkage
        self.effort = effort
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the mixture to rows ``X (N, D)`` and their targets ``y (N,)`` or ``(N, T)``.

        A row of weight 2 counts twice, a row of weight 0 not at all. Warns with scikit-learn's ``ConvergenceWarning``
        if EM did not converge.
        """
        check_shrinkage(self.shrinkage)
        if y is None:
            raise DataError("GaussianMixtureRegressor requires y to be passed, but the target y is None; give numbers")
        X, y, sample_weight = map(as_numpy, (X, y, sample_weight))
        X = validate_data(self, X, ensure_min_samples=2, **_NUMBERS)
        targets = _as_targets(y, X)
        names = self._names(y, targets)
        rows = np.column_stack([X, targets])
        weights = as_weights(sample_weight, len(X))
        if weights is not None and not (weights > 0.0).any():
            raise DataError("all weights in sample_weight are zero; give some rows a weight above zero")
        counting = ~np.isnan(rows).all(1) & (True if weights is None else weights > 0.0)
        first, weights = distinct_rows(rows[counting], None if weights is None else weights[counting])
        found, self.shrinkage_ = self._fit(rows[counting][first], weights, names)
        self.fit_, self.mixture_ = replace(found, search=None), found.gaussian("the regression")
        self._target_shape = targets.shape[1:]
        if not found.converged:
            warnings.warn("EM did not converge; see fit_.findings", ConvergenceWarning, stacklevel=2)
        return self

    def predict(self, X: Any, return_std: bool = False, return_cov: bool = False) -> Any:
        """The conditional mean of the targets, ``(N,)`` or ``(N, T)`` as ``y`` was.

        With `return_std`, also their conditional standard deviations, of the same shape; with `return_cov`, their
        conditional covariance matrices ``(N, T, T)`` instead.
        """
        if return_std and return_cov:
            raise ParameterError("return_std and return_cov are both true; ask for one of them")
        rows, conditionals = self._given(X)
        n, t = len(rows), conditionals.n_targets
        mean, spread = np.empty((n, t)), np.empty((n, t, t) if return_cov else (n, t))
        for block in conditionals.of(rows):
            mean[block.rows] = block.mean
            if return_cov:
                spread[block.rows] = block.covariance
            elif return_std:
                spread[block.rows] = block.deviation
        mean = in_kind(self._shaped(mean), X)
        if not (return_std or return_cov):
            return mean
        return mean, in_kind(spread if return_cov else self._shaped(spread), X)

    def quantile(self, X: Any, q: ArrayLike) -> Any:
        """The values of one target that it does not exceed with the conditional probabilities `q`, from 0 to 1.

        The shape is ``(N,)`` for one probability and ``(N, Q)`` for several. Raises `ParameterError` for several
        targets.
        """
        probabilities = as_numbers(q, "q")
        if probabilities.ndim > 1 or not ((probabilities >= 0.0) & (probabilities <= 1.0)).all():
            raise ParameterError(f"q is {q!r}; give a number from 0 to 1, or several")
        rows, conditionals = self._given(X)
        if conditionals.n_targets > 1:
            raise ParameterError(f"quantiles need one target, not {conditionals.n_targets}; fit each target alone")
        several = np.atleast_1d(probabilities)
        found = np.empty((len(rows), len(several)))
        for block in conditionals.of(rows):
            deviations = np.sqrt(np.maximum(block.covariances[:, 0, 0], 0.0))
            means = block.means[:, :, 0]
            if not (deviations > 0.0).all():  # the target is a function of the columns
                found[block.rows] = (block.weights * means).sum(1)[:, None]
                continue
            targets = UnivariateMixtures(block.weights, means, deviations)
            for place, probability in enumerate(several):
                found[block.rows, place] = targets.quantile(np.full(len(means), probability))
        order = np.argsort(several, kind="stable")
        found[:, order] = np.maximum.accumulate(found[:, order], axis=1)  # rounding would cross almost equal ones
        return in_kind(found if probabilities.ndim else found[:, 0], X)

    def sample(self, X: Any, n_samples: int = 1, random_state: Any = None) -> Any:
        """Draws from the conditional distribution of the targets, ``(N, n_samples)`` or ``(N, n_samples, T)``.

        Without `random_state` they come from that of the estimator.
        """
        if not is_count(n_samples):
            raise ParameterError(f"n_samples is {n_samples!r}; give the number of draws for each row")
        rows, conditionals = self._given(X)
        rng = as_random_generator(self.random_state if random_state is None else random_state)
        found = np.empty((len(rows), n_samples, conditionals.n_targets))
        for block in conditionals.of(rows):
            found[block.rows] = block.sample(n_samples, rng)
        return in_kind(found if self._target_shape else found[:, :, 0], X)

    def log_density(self, X: Any, y: Any) -> Any:
        """``log p(y | x)`` of each row, ``(N,)``, in nats; a missing target is left out.

        Raises `DataError` if a target follows from the columns exactly, since it then has no density.
        """
        rows, conditionals = self._given(X)
        targets = _as_targets(as_numpy(y), rows)
        if targets.size != len(rows) * conditionals.n_targets:
            raise DataError(f"y has shape {targets.shape}; give {conditionals.n_targets} for each of {len(rows)} rows")
        if not conditionals.targets_are_independent:
            raise DataError(f"a target follows from other columns ({self.mixture_.dependence}), so it has no density")
        joint = self.mixture_.log_density(np.column_stack([rows, targets]))
        return in_kind(np.asarray(joint - conditionals.log_density_of_given(rows)), X)

    def _given(self, X: Any) -> tuple[NDArray[Any], Conditionals]:
        """The checked rows, and the distribution of the targets given them."""
        check_is_fitted(self, "mixture_")
        X = np.asarray(validate_data(self, as_numpy(X), reset=False, **_NUMBERS))
        return X, Conditionals(self.mixture_, X.shape[1])

    def _shaped(self, values: Array) -> Array:
        """Values ``(N, T)`` in the shape of the targets."""
        return values if self._target_shape else values[:, 0]

    def _names(self, y: Any, targets: Array) -> list[str] | None:
        """The names of the columns and targets; None if the columns have none, or if names repeat."""
        if not hasattr(self, "feature_names_in_"):
            return None
        named = getattr(y, "columns", [getattr(y, "name", None) or "y"])
        if len(named) != targets.size // len(targets):
            named = [f"y{j + 1}" for j in range(targets.shape[1])]
        names = [*self.feature_names_in_, *map(str, named)]
        return names if len(set(names)) == len(names) else None

    def _fit(self, rows: NDArray[Any], weights: Array | None, names: list[str] | None) -> tuple[Fit, float]:
        """The fit to rows of the columns and targets, and the strength of its shrinkage."""
        rng = as_random_generator(self.random_state)
        dependence = dependence_in(rows)
        part, part_names = rows, names
        if dependence is not None:
            part = np.ascontiguousarray(rows[:, list(dependence.independent)])
            part_names = None if names is None else [names[j] for j in dependence.independent]
        automatic = isinstance(self.covariance_type, str) and self.covariance_type == AUTO
        structures = _UNIT_FREE if automatic else self.covariance_type
        criterion = one_of(self.criterion, CRITERIA, "criterion")
        settings = FitSettings(self.n_components, structures, criterion, self.effort, None)
        strength = 0.0 if self.shrinkage == AUTO else float(self.shrinkage)
        finding = []
        try:
            found = _shrunk(settings, part, weights, strength).fit(part, weights, part_names, rng)
        except UndeterminedError:
            if self.shrinkage != AUTO:
                raise
            strength, finding = 1.0, [Finding("shrunk covariances", _SHRUNK, "note")]
            found = _shrunk(settings, part, weights, strength).fit(part, weights, part_names, rng)
        found = replace(found, findings=by_importance((*found.findings, *finding)))
        if dependence is None:
            return found, strength
        features = None if names is None else tuple(names)
        return replace(
            found, mixture=with_dependent_features(found.gaussian("the regression"), dependence, features)
        ), strength

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.target_tags.multi_output = True
        return tags


def _as_targets(y: Any, X: NDArray[Any]) -> Array:
    """Targets ``(N,)`` or ``(N, T)``, NaN where they are missing. Raises ``ValueError`` if they are no numbers."""
    targets = check_array(y, ensure_2d=False, dtype=np.float64, ensure_all_finite="allow-nan", input_name="y")
    check_consistent_length(X, targets)
    return np.asarray(targets)


def _shrunk(settings: FitSettings, rows: NDArray[Any], weights: Array | None, strength: float) -> FitSettings:
    """The settings with a prior of this strength; none if it is zero."""
    if not strength:
        return settings
    mass = np.ones(len(rows)) if weights is None else weights
    return replace(settings, prior=pooled_prior(rows, mass, np.zeros(len(rows), np.intp), strength))
