"""The estimator `GaussianMixture` with scikit-learn's names."""
# ruff: noqa: N803, N806  (X is scikit-learn's name for the rows)

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import validate_data

from gmix.base.errors import DataError, ParameterError
from gmix.base.findings import Finding
from gmix.base.layout import check_layout
from gmix.base.other_names import other_words
from gmix.exchange.scikit_learn import estimator_of
from gmix.fitting.candidates import Search
from gmix.fitting.fit import fit
from gmix.fitting.from_search import error_findings, fit_from_search, inspected, missing_findings
from gmix.fitting.inspection import Sample
from gmix.fitting.result import Fit
from gmix.fitting.start import GivenMixture, Start
from gmix.fitting.stepwise import Stepwise
from gmix.model.blur import Blur
from gmix.model.covariance import DIAGONAL
from gmix.model.criteria import aic, bic, criteria
from gmix.model.statistics import SufficientStatistics
from gmix.model.stopping import Reason, StoppingRule
from gmix.sklearn.array_api import as_numpy
from gmix.sklearn.base import NUMBERS, OTHER_NAMES, MixtureEstimator
from gmix.sklearn.constraints import CONSTRAINTS, check_parameters
from gmix.sklearn.generator import as_random_generator
from gmix.sklearn.onnx_conversion import ConvertedBySkl2onnx
from gmix.sklearn.protected import ProtectedNames
from gmix.sklearn.rule import run_search
from gmix.sklearn.start import StatedStart
from gmix.sources import MemorySource, expect
from gmix.sources.source import check_mass

__all__ = ["GaussianMixture"]

Array = NDArray[np.float64]
_RIDGE = 1e-6  # of the variance of each column
_RIDGE_ADDED = (
    "{} of {} components had zero variance in some direction, so a millionth of each column's variance was added to "
    "the covariances; ask for fewer components, a simpler covariance_type, or give reg_covar"
)
_COLLAPSED = (
    "{} of {} components have zero variance in some direction, and reg_covar=0 allows no ridge; ask for fewer "
    "components or a simpler covariance_type, or give reg_covar=None for a ridge in the units of each column"
)
_WORDS = {  # gmix's own words for the parameters
    "components": "n_components={}", "covariance": "covariance_type={}", "tolerance": "tol={}",
    "max_iterations": "max_iter={}", "rng": "random_state={}", "start": "means_init=, init_params= or warm_start=",
    "effort": 'n_init="auto"', "prior": "reg_covar=", "progress": "verbose=1",
    "sample_weight": "it to the method fit", "covariance_ratio": 'covariance_type="full:{}"',
}  # fmt: skip


class GaussianMixture(ConvertedBySkl2onnx, ProtectedNames, MixtureEstimator):
    """A drop-in replacement for ``sklearn.mixture.GaussianMixture``: change the import, and nothing else.

    Every argument means what it means there, and from the same start every EM iteration is the same; only the defaults
    of `tol`, `reg_covar` and `max_iter` differ. In addition there are `sample_weight`, `fit_` and `mixture_`.
    Components are in the order that scikit-learn gives them for the same start and `random_state`; where there is a
    choice of counts or structures, they are in the order of the first column of their means.
    For float32 rows, attributes and results are float32, but sums are float64. NaN, which scikit-learn refuses, is a
    missing cell. All methods use the other cells of its row. With scikit-learn's `array_api_dispatch`, attributes and
    results are arrays of the library and device of the rows.

    Parameters
    ----------
    n_components : the number of components. Not in scikit-learn: several to choose from, or ``"auto"`` for 1 to 9.
    covariance_type : ``"full"``, ``"tied"``, ``"diag"`` or ``"spherical"``. Not in scikit-learn: the code of any
        structure, several to choose from, or ``"auto"`` for all; ``"full:50"`` bounds the ratio of the eigenvalues of
        all covariances, as `covariance_ratio` of `gmix.fit` does. Where there is a choice, the starts are gmix's own,
        and `tol` is the estimated remaining gain in nats per row.
    tol : stop when an iteration changes the mean log-likelihood per row by less. None (not in scikit-learn): stop when
        the estimated remaining gain is below 1e-6 nats per row.
    reg_covar : added to the diagonal of every covariance, in squared units of the data (1e-6 in scikit-learn). Zero
        adds nothing, and a component that collapses is an error. None adds nothing either, which is maximum likelihood;
        but if a component then collapses, EM runs again with a millionth of the variance of each column, with a
        ``UserWarning`` and the finding `ridge`.
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
    warm_start : continue from the fitted parameters, or from those that you have set.
    verbose : 1 prints a line every `verbose_interval` iterations, 2 adds times and gains.
    verbose_interval : the number of iterations between two lines.
    criterion : what chooses, ``"bic"``, ``"aic"``, ``"aicc"``, ``"icl"``, ``"caic"`` or ``"sabic"``. Not in
        scikit-learn.
    forgetting : the proportion of former rows that `partial_fit` forgets with each block, from 0 to below 1. Not in
        scikit-learn.

    Attributes
    ----------
    weights_, means_, covariances_, precisions_, precisions_cholesky_ : in scikit-learn's shapes. Set them in any order,
        or change them in place: all methods use them as they are; see `FittedParameters`.
    mixture_ : the `gmix.GaussianMixture` that they describe; assign another to set them all.
    n_components_ : the number of components, also where it was chosen.
    fit_ : the `gmix.Fit`, with statistics, criteria, findings and a summary. A pickle keeps it without its search.
    candidates_ : the columns of ``fit_.search.table()``, ready for a DataFrame, where there was a choice.
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
    candidates_: dict[str, list[Any]]
    converged_: bool
    n_iter_: int
    lower_bound_: float
    lower_bounds_: list[float]
    _parameter_constraints = CONSTRAINTS  # a name of scikit-learn's, which derived classes extend
    _learner: Stepwise | None = None  # of partial_fit
    _other_names = {  # noqa: RUF012
        "candidates_": "there was no choice; give several n_components or covariance_type",
        **OTHER_NAMES,
        "search": "take fit_.search",
        **{name: f"take fit_.{name}" for name in ("summary", "plot", "report", "save", "findings")},
        **{name: f"take mixture_.{name}" for name in ("condition", "marginal", "impute", "density", "structure")},
    }

    @other_words(_WORDS)
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

    def fit(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None, row_errors: Any = None) -> Self:
        """Fit the mixture to ``X (N, D)`` and ignore `y`. A row of weight 2 counts twice, a row of weight 0 not at all.

        With `row_errors`, standard deviations ``(N, D)`` or ``(D,)`` of the errors of measurement, it is the mixture of
        the true values; see `gmix.fit`.

        Warns with scikit-learn's ``ConvergenceWarning`` if EM did not converge in `max_iter` iterations.
        """
        chooses = self._chooses()
        self._check(chooses)
        searches = chooses or (self.n_init == "auto" and not self._continues())
        check_layout(X)
        given, X = X, validate_data(self, as_numpy(X), **NUMBERS, ensure_min_samples=2)
        names = list(getattr(self, "feature_names_in_", ()))
        columns = names if names and len(set(names)) == len(names) else None
        weight, errors = as_numpy(sample_weight), as_numpy(row_errors)
        source = MemorySource(X, sample_weight=weight, columns=columns, row_errors=errors)
        findings = [*missing_findings(source), *error_findings(source)]
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
                    rng=as_random_generator(self.random_state),
                ),
                X.dtype,
                given,
            )
        found = self._search(source, np.full(source.n_features, self.reg_covar or 0.0))
        narrow = len(found.best.collapsed) + len(found.best.repeated)
        if self.reg_covar == 0 and narrow and self.max_iter > 1:  # else the start that was given is what collapsed
            raise DataError(_COLLAPSED.format(narrow, self.n_components))
        if self.reg_covar is None and found.best.collapsed:
            ridge = Finding("ridge", _RIDGE_ADDED.format(len(found.best.collapsed), self.n_components))
            warnings.warn(str(ridge), UserWarning, stacklevel=2)
            findings.append(ridge)
            found = self._search(source, _RIDGE * _variances(source))
        return self._settle(
            inspected(fit_from_search(found, source.n_rows, findings), Sample.of(source)), X.dtype, given
        )

    def _settle(self, found: Fit, dtype: np.dtype[Any], given: Any) -> Self:
        self._learner = None
        self.fit_ = found
        self._describe(found.gaussian("the estimator"), dtype, given)
        history = [value / found.mass for value in found.history]
        self.converged_, self.n_iter_ = found.converged, len(history) - 1
        self.lower_bound_, self.lower_bounds_ = found.log_likelihood / found.mass, history[1:]
        self.__dict__.pop("candidates_", None)
        if found.comparison is not None:
            table = found.comparison.table()
            self.candidates_ = {name: [row[name] for row in table] for name in table[0]}
        if found.reason is Reason.INTERRUPTED:  # the best mixture so far is kept, and the caller must know
            raise KeyboardInterrupt
        if not self.converged_ and self.max_iter > 0:
            message = f"EM did not converge in max_iter={self.max_iter} steps; raise max_iter or tol"
            warnings.warn(message, ConvergenceWarning, stacklevel=3)
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
        given, X = X, self._rows(X)
        if self._learner is None or self._learner.mixture is not self.mixture_:
            known = self.fit_.statistics if hasattr(self, "fit_") and self.fit_.mixture is self.mixture_ else None
            prior = Blur(np.full(X.shape[1], self.reg_covar)) if self.reg_covar else None
            self._learner = Stepwise(self.mixture_, forgetting=self.forgetting, prior=prior, statistics=known)
        found = self._learner.update(X, sample_weight=as_numpy(sample_weight))
        self._describe(found.mixture, as_numpy(self.means_).dtype, given)
        return self

    def bic(self, X: Any, sample_weight: ArrayLike | None = None) -> float:
        """The Bayesian information criterion on ``X``; smaller is better. A row of weight 2 counts twice."""
        log_likelihood, mass = self._log_likelihood(X, sample_weight)
        return bic(log_likelihood, self._n_parameters(), mass)

    def aic(self, X: Any, sample_weight: ArrayLike | None = None) -> float:
        """Akaike's information criterion on ``X``; smaller is better. A row of weight 2 counts twice."""
        log_likelihood, _ = self._log_likelihood(X, sample_weight)
        return aic(log_likelihood, self._n_parameters())

    def icl(self, X: Any, sample_weight: ArrayLike | None = None) -> float:
        """The integrated completed likelihood on ``X``; smaller is better. See `gmix.criteria.criteria`."""
        mixture = self.mixture_
        [statistics] = expect(self._rows(X), [mixture], sample_weight=as_numpy(sample_weight))
        check_mass(statistics.total_weight)
        return criteria(mixture, statistics)["icl"]

    def _chooses(self) -> bool:
        """Return whether the number of components or the structure is to be chosen."""
        several = isinstance(self.covariance_type, Iterable) and not isinstance(self.covariance_type, str)
        counts = isinstance(self.n_components, Iterable) and not isinstance(self.n_components, str)
        return several or counts or "auto" in (self.n_components, self.covariance_type)

    def _as_scikit_learn(self) -> Any:
        return estimator_of(self.mixture_)

    def _continues(self) -> bool:
        """Return whether EM continues from the mixture of an earlier fit."""
        return bool(self.warm_start) and hasattr(self, "mixture_")

    def _check(self, chooses: bool = False) -> None:
        """Raise `ParameterError` for parameters that are wrong, or that do not go together."""
        check_parameters(self.get_params(deep=False), self._parameter_constraints, type(self).__name__)
        if not (chooses or self.n_init == "auto"):
            return
        one, what = (
            ("a number of starts", "n_init") if not chooses else ("one n_components and covariance_type", "both")
        )
        for name in ("reg_covar", "weights_init", "means_init", "precisions_init"):
            if getattr(self, name) is not None:
                raise ParameterError(f"{name} is for {one}; leave it out, or give {what}")

    def _search(self, source: MemorySource, ridge: Array) -> Search:
        start: Start = StatedStart(self, check_random_state(self.random_state))
        past: tuple[float, ...] = ()
        if self._continues():
            start = GivenMixture(self.mixture_)
            if hasattr(self, "fit_") and self.fit_.mixture is self.mixture_:
                past = tuple(value / self.fit_.mass for value in self.fit_.history)
        return run_search(self, source, start, past, ridge)


def _variances(source: MemorySource) -> Array:
    """The variance ``(D,)`` of each column."""
    if source.missing is not None:
        return source.reference(DIAGONAL).variances
    one = np.ones((source.n_rows, 1))
    return SufficientStatistics.from_responsibilities(DIAGONAL, source.array, one, source.weight).reference.variances
