"""The estimator `GaussianMixture` with scikit-learn's names."""
# ruff: noqa: N803, N806  (X is scikit-learn's name for the rows)

from __future__ import annotations

import warnings
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state, check_scalar
from sklearn.utils.validation import check_is_fitted, validate_data

from gmix.base.errors import DataError, ParameterError, nearest
from gmix.base.findings import Finding
from gmix.base.table import as_weights
from gmix.fitting.candidates import Search
from gmix.fitting.fit import fit
from gmix.fitting.from_search import fit_from_search, inspected, missing_findings
from gmix.fitting.inspection import Sample
from gmix.fitting.result import Fit
from gmix.fitting.start import GivenMixture, Start
from gmix.fitting.stepwise import Stepwise
from gmix.model.covariance import DIAGONAL, FULL, TIED, structure as as_structure
from gmix.model.criteria import aic, bic, criteria
from gmix.model.mixture import GaussianMixture as Mixture, compact_covariances
from gmix.model.statistics import SufficientStatistics
from gmix.model.stopping import Reason, StoppingRule
from gmix.sklearn.rule import Blur, run_search
from gmix.sklearn.start import INIT_PARAMS, StatedStart, inverse
from gmix.sources import MemorySource, expect
from gmix.sources.source import check_mass

__all__ = ["GaussianMixture"]

Array = NDArray[np.float64]
_NUMBERS: dict[str, Any] = {"dtype": [np.float64, np.float32], "ensure_all_finite": "allow-nan"}  # NaN is missing
_RIDGE = 1e-6  # of the variance of each column
_RIDGE_ADDED = (
    "{} of {} components had no width in some direction, so a millionth of each column's variance was added to the "
    "covariances; ask for fewer components, a simpler covariance_type, or give reg_covar"
)


class GaussianMixture(DensityMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """A drop-in replacement for ``sklearn.mixture.GaussianMixture``: change the import, and nothing else.

    Every argument means what it means there, and from the same start every EM iteration is the same; only the defaults
    of `tol`, `reg_covar` and `max_iter` differ. In addition there are `sample_weight`, `fit_` and `mixture_`.
    Components are in the order that scikit-learn gives them for the same start and `random_state`; where there is a
    choice of counts or structures, they are in the order of the first column of their means.
    Parameters are float64, even for float32 rows. A component that collapses is not an error but one of
    ``fit_.findings``. NaN, which scikit-learn refuses, is a missing cell. All methods use the other cells of its row.

    Parameters
    ----------
    n_components : the number of components. Not in scikit-learn: several to choose from, or ``"auto"`` for 1 to 9.
    covariance_type : ``"full"``, ``"tied"``, ``"diag"`` or ``"spherical"``. Not in scikit-learn: the code of any
        structure, several to choose from, or ``"auto"`` for all; ``"full:50"`` bounds the ratio of the eigenvalues of
        all covariances, as `covariance_ratio` of `gmix.fit` does. Where there is a choice, the starts are gmix's own,
        and `tol` is the estimated remaining gain in nats per row.
    tol : stop when an iteration changes the mean log-likelihood per row by less. None (not in scikit-learn): stop when
        the estimated remaining gain is below 1e-6 nats per row.
    reg_covar : added to the diagonal of every covariance, in squared units of the data (1e-6 in scikit-learn). None
        adds nothing, which is maximum likelihood; but if a component then collapses, EM runs again with a millionth of
        the variance of each column.
    max_iter : the largest number of EM iterations (100 in scikit-learn, with a larger `tol`).
    n_init : the number of starts; the result of the greatest likelihood is kept, without a collapsed component if
        there is one. Not in scikit-learn: ``"auto"`` for gmix's own starts and search for better local optima, as in
        `gmix.fit`, until a better one is unlikely. Then, as where there is a choice, `tol` is the estimated remaining
        gain in nats per row, components are in the order of the first column of their means, and neither `reg_covar`
        nor a start can be given. Where there is a choice, the search is always gmix's own.
    init_params : ``"kmeans"``, ``"k-means++"``, ``"random"`` or ``"random_from_data"``, with scikit-learn's meanings,
        not those of `start` of `gmix.fit`.
    weights_init, means_init, precisions_init : the start, or parts of it, in scikit-learn's shapes.
    random_state : a seed or a ``numpy.random.RandomState``, for the starts and for `sample`.
    warm_start : continue from `mixture_`, if there is one.
    verbose : 1 prints a line every `verbose_interval` iterations, 2 adds times and gains.
    verbose_interval : the number of iterations between two lines.
    criterion : what chooses, ``"bic"``, ``"aic"``, ``"aicc"`` or ``"icl"``. Not in scikit-learn.
    forgetting : the proportion of former rows that `partial_fit` forgets with each block, from 0 to below 1. Not in
        scikit-learn.

    Attributes
    ----------
    mixture_ : the fitted `gmix.GaussianMixture`; assign another to use it.
    fit_ : the `gmix.Fit`, with statistics, criteria, findings and a summary.
    candidates_ : the columns of ``fit_.search.table()``, ready for a DataFrame, where there was a choice.
    weights_, means_, covariances_, precisions_, precisions_cholesky_ : read from `mixture_`, in scikit-learn's shapes.
    converged_, n_iter_ : whether EM converged, and the number of its iterations.
    lower_bound_, lower_bounds_ : the mean log-likelihood per row of the fitted mixture, and after every iteration
        (scikit-learn reports the value before the last iteration).
    n_features_in_, feature_names_in_ : as in scikit-learn.

    >>> from gmix.sklearn import GaussianMixture
    >>> X = [[0.0, 0.1], [0.2, 0.0], [0.1, 0.3], [9.0, 9.2], [9.1, 9.0], [9.3, 9.1]]
    >>> model = GaussianMixture(n_components=2, covariance_type="spherical", means_init=[[0, 0], [9, 9]]).fit(X)
    >>> model.predict([[1.0, 1.0], [8.0, 8.0]])
    array([0, 1])
    """

    fit_: Fit
    mixture_: Mixture
    _learner: Stepwise | None = None  # of partial_fit

    def __init__(
        self,
        n_components: Any = 1,
        *,
        covariance_type: Any = "full",
        tol: float | None = None,
        reg_covar: float | None = None,
        max_iter: int = 1000,
        n_init: Any = 1,
        init_params: str = "kmeans",
        weights_init: ArrayLike | None = None,
        means_init: ArrayLike | None = None,
        precisions_init: ArrayLike | None = None,
        random_state: int | np.random.RandomState | None = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        criterion: str = "bic",
        forgetting: float = 0.0,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.means_init = means_init
        self.precisions_init = precisions_init
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval
        self.criterion = criterion
        self.forgetting = forgetting

    def fit(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the mixture to ``X (N, D)`` and ignore `y`. A row of weight 2 counts twice, a row of weight 0 not at all.

        Warns with scikit-learn's ``ConvergenceWarning`` if EM did not converge in `max_iter` iterations.
        """
        chooses = self._chooses()
        self._check(chooses)
        searches = chooses or (self.n_init == "auto" and not self._continues())
        X = validate_data(self, X, **_NUMBERS, ensure_min_samples=2)
        names = list(getattr(self, "feature_names_in_", ()))
        columns = names if names and len(set(names)) == len(names) else None
        source = MemorySource(X, sample_weight=sample_weight, columns=columns)
        findings = missing_findings(source)
        n_samples = len(X) if source.weight is None else np.count_nonzero(source.weight)
        if not chooses and n_samples < self.n_components:
            raise DataError(f"n_components={self.n_components} is more than n_samples={n_samples}; ask for fewer")
        if searches:
            return self._settle(
                fit(
                    source,
                    self.n_components,
                    covariance=self.covariance_type,
                    criterion=self.criterion,
                    tolerance=StoppingRule.tolerance if self.tol is None else self.tol,
                    max_iterations=self.max_iter,
                    rng=_generator(check_random_state(self.random_state)),
                )
            )
        found = self._search(source, np.full(source.n_features, self.reg_covar or 0.0))
        if self.reg_covar is None and found.best.collapsed:
            findings.append(Finding("ridge", _RIDGE_ADDED.format(len(found.best.collapsed), self.n_components)))
            found = self._search(source, _RIDGE * _variances(source))
        return self._settle(inspected(fit_from_search(found, source.n_rows, findings), Sample.of(source)))

    def _settle(self, found: Fit) -> Self:
        self._learner = None
        self.fit_, self.mixture_ = found, found.mixture
        if self.fit_.reason is Reason.INTERRUPTED:  # the best mixture so far is kept, and the caller must know
            raise KeyboardInterrupt
        if not self.converged_ and self.max_iter > 0:
            message = f"EM did not converge in max_iter={self.max_iter} steps; raise max_iter or tol"
            warnings.warn(message, ConvergenceWarning, stacklevel=2)
        return self

    def partial_fit(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        """Update the mixture with a block of rows, by stepwise EM (`gmix.Stepwise`); the table may exceed the memory.

        Unless `fit` was called before, the first block is fitted as the start, so it should be a representative sample.
        `fit_` then describes that block, and `mixture_` and the parameters all rows. With `forgetting` above zero the
        mixture follows a stream that drifts.
        """
        if not hasattr(self, "mixture_"):
            return self.fit(X, y, sample_weight)
        self._check()
        X = self._rows(X)
        if self._learner is None or self._learner.mixture is not self.mixture_:
            known = self.fit_.statistics if hasattr(self, "fit_") and self.fit_.mixture is self.mixture_ else None
            prior = Blur(np.full(X.shape[1], self.reg_covar)) if self.reg_covar else None
            self._learner = Stepwise(self.mixture_, forgetting=self.forgetting, prior=prior, statistics=known)
        self.mixture_ = self._learner.update(X, sample_weight=sample_weight).mixture
        return self

    def fit_predict(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> NDArray[np.intp]:
        """Fit, and return the most probable component ``(N,)`` of each row."""
        return self.fit(X, y, sample_weight).predict(X)

    def predict(self, X: Any) -> NDArray[np.intp]:
        """The most probable component ``(N,)`` of each row."""
        return self._fitted().predict(self._rows(X))

    def predict_proba(self, X: Any) -> Array:
        """The probability ``(N, K)`` that each row came from each component."""
        return self._fitted().responsibilities(self._rows(X))

    def score_samples(self, X: Any) -> Array:
        """The log density ``(N,)`` of each row, in nats."""
        return self._fitted().log_density(self._rows(X))

    def score(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> float:
        """The mean log density per row, in nats; the weighted mean, if the rows have weights ``(N,)``."""
        log_likelihood, mass = self._log_likelihood(X, sample_weight)
        return log_likelihood / mass

    def bic(self, X: Any, sample_weight: ArrayLike | None = None) -> float:
        """The Bayesian information criterion on ``X``; smaller is better. A row of weight 2 counts twice."""
        log_likelihood, mass = self._log_likelihood(X, sample_weight)
        return bic(log_likelihood, self.mixture_.n_parameters, mass)

    def aic(self, X: Any, sample_weight: ArrayLike | None = None) -> float:
        """Akaike's information criterion on ``X``; smaller is better. A row of weight 2 counts twice."""
        log_likelihood, _ = self._log_likelihood(X, sample_weight)
        return aic(log_likelihood, self.mixture_.n_parameters)

    def icl(self, X: Any, sample_weight: ArrayLike | None = None) -> float:
        """The integrated completed likelihood on ``X``; smaller is better. See `gmix.criteria.criteria`."""
        mixture = self._fitted()
        [statistics] = expect(self._rows(X), [mixture], sample_weight=sample_weight)
        check_mass(statistics.total_weight)
        return criteria(mixture, statistics)["icl"]

    def sample(self, n_samples: int = 1) -> tuple[Array, NDArray[np.intp]]:
        """Draw points ``(n_samples, D)`` and their components ``(n_samples,)``, sorted by component."""
        mixture, state = self._fitted(), check_random_state(self.random_state)
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
        points, labels = mixture.sample_labelled(n_samples, rng=_generator(state))
        order = np.argsort(labels, kind="stable")
        return points[order], labels[order]

    @property
    def candidates_(self) -> dict[str, list[Any]]:
        if self.fit_.comparison is None:
            raise AttributeError("there was no choice; give several n_components or covariance_type")
        table = self.fit_.comparison.table()
        return {name: [row[name] for row in table] for name in table[0]}

    @property
    def weights_(self) -> Array:
        return self.mixture_.weights

    @property
    def means_(self) -> Array:
        return self.mixture_.means

    @property
    def covariances_(self) -> Array:
        """The covariances in scikit-learn's shapes; ``(K, D, D)`` and singular where columns follow from others."""
        mixture = self.mixture_
        return compact_covariances(mixture) if mixture.dependence is None else mixture.covariances

    @property
    def precisions_(self) -> Array:
        """The inverses of `covariances_`; raises ``AttributeError`` where columns follow from others."""
        self._expect_independent("precisions_")
        return inverse(self.mixture_.structure.form, self.mixture_.components.whitener)

    @property
    def precisions_cholesky_(self) -> Array:
        """Upper triangular ``U`` with ``U U' = precision``, or square roots; raises as `precisions_`."""
        self._expect_independent("precisions_cholesky_")
        whitener = self.mixture_.components.whitener
        return whitener.mT if self.mixture_.structure.form in (FULL, TIED) else whitener

    def _expect_independent(self, what: str) -> None:
        if self.mixture_.dependence is not None:
            raise AttributeError(
                f"there is no {what}: columns follow from others ({self.mixture_.dependence}), so the covariances are "
                "singular; take those of mixture_.independent_part, or leave these columns out"
            )

    @property
    def converged_(self) -> bool:
        return self.fit_.converged

    @property
    def n_iter_(self) -> int:
        return len(self.fit_.history) - 1

    @property
    def lower_bound_(self) -> float:
        return self.fit_.log_likelihood / self.fit_.mass

    @property
    def lower_bounds_(self) -> list[float]:
        return [value / self.fit_.mass for value in self.fit_.history[1:]]

    def _chooses(self) -> bool:
        """Return whether the number of components or the structure is to be chosen."""
        several = isinstance(self.covariance_type, Iterable) and not isinstance(self.covariance_type, str)
        counts = isinstance(self.n_components, Iterable) and not isinstance(self.n_components, str)
        return several or counts or "auto" in (self.n_components, self.covariance_type)

    def _continues(self) -> bool:
        """Return whether EM continues from the mixture of an earlier fit."""
        return bool(self.warm_start) and hasattr(self, "mixture_")

    def _check(self, chooses: bool = False) -> None:
        least = {"n_components": 1, "max_iter": 0, "n_init": 1, "verbose": 0, "verbose_interval": 1}
        undecided = {name for name, open_ in (("n_components", chooses), ("n_init", self.n_init == "auto")) if open_}
        for name in least.keys() - undecided:
            check_scalar(getattr(self, name), name, Integral, min_val=least[name])
        one, what = (
            ("a number of starts", "n_init") if not chooses else ("one n_components and covariance_type", "both")
        )
        for name in ("reg_covar", "weights_init", "means_init", "precisions_init") if undecided else ():
            if getattr(self, name) is not None:
                raise ParameterError(f"{name} is for {one}; leave it out, or give {what}")
        for name in ("tol", "reg_covar"):
            if getattr(self, name) is not None:
                check_scalar(getattr(self, name), name, Real, min_val=0.0)
        if not chooses:
            as_structure(self.covariance_type)
        if self.init_params not in INIT_PARAMS:
            near = nearest(str(self.init_params), INIT_PARAMS)
            raise ParameterError(f"init_params is {self.init_params!r}; known are {', '.join(INIT_PARAMS)}{near}")

    def _search(self, source: MemorySource, ridge: Array) -> Search:
        start: Start = StatedStart(self, check_random_state(self.random_state))
        past: tuple[float, ...] = ()
        if self._continues():
            start = GivenMixture(self.mixture_)
            if hasattr(self, "fit_") and self.fit_.mixture is self.mixture_:
                past = tuple(value / self.fit_.mass for value in self.fit_.history)
        return run_search(self, source, start, past, ridge)

    def _fitted(self) -> Mixture:
        check_is_fitted(self, "mixture_")
        return self.mixture_

    def _log_likelihood(self, X: Any, sample_weight: ArrayLike | None) -> tuple[float, float]:
        """The log-likelihood of weighted rows, and the sum of the weights of those that have a value."""
        mixture, rows = self._fitted(), self._rows(X)
        log_density, valued = mixture.log_density(rows), ~np.isnan(rows).all(1)
        if not valued.any():
            raise DataError("no row has a value; give at least one that has")
        weight = as_weights(sample_weight, len(rows))
        if weight is None:
            return float(log_density.sum()), float(np.count_nonzero(valued))
        mass = float(weight[valued].sum())
        check_mass(mass)
        counting = weight > 0  # because the log density of a row without weight may be minus infinity
        return float(weight[counting] @ log_density[counting]), mass

    def _rows(self, X: Any) -> NDArray[Any]:
        return np.asarray(validate_data(self, X, reset=False, **_NUMBERS))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _variances(source: MemorySource) -> Array:
    """The variance ``(D,)`` of each column."""
    if source.missing is not None:
        return source.reference(DIAGONAL).variances
    one = np.ones((source.n_rows, 1))
    return SufficientStatistics.from_responsibilities(DIAGONAL, source.array, one, source.weight).reference.variances


def _generator(state: np.random.RandomState) -> np.random.Generator:
    return np.random.default_rng(state.randint(np.iinfo(np.int32).max))
