"""The estimator `BayesianGaussianMixture` with scikit-learn's names."""
# ruff: noqa: N803, N806  (X is scikit-learn's name for the rows)

from __future__ import annotations

import warnings
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import BayesianGaussianMixture as BayesianMixture
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import validate_data

from gmix.base.arguments import as_numbers
from gmix.base.blas import one_blas_thread
from gmix.base.errors import DataError, ParameterError
from gmix.base.layout import check_layout
from gmix.base.other_names import other_words
from gmix.exchange.contract import without_dependence
from gmix.fitting.em import run_models
from gmix.fitting.start import KMeansPlusPlus
from gmix.fitting.variational import VariationalPlan, best_run, search_runs
from gmix.model.covariance import SPHERICAL, TIED, structure as as_structure
from gmix.model.kernel import RunEnd
from gmix.model.statistics import SufficientStatistics
from gmix.model.stopping import Reason, StoppingRule
from gmix.model.variational import ParameterDistribution
from gmix.sklearn.array_api import as_numpy, in_kind
from gmix.sklearn.base import NUMBERS, OTHER_NAMES, MixtureEstimator
from gmix.sklearn.bayesian_model import BoundRule, FittedModel, StatedPrior
from gmix.sklearn.bayesian_parameters import BayesianParameters
from gmix.sklearn.constraints import CONSTRAINTS, check_parameters
from gmix.sklearn.generator import as_random_generator
from gmix.sklearn.onnx_conversion import ConvertedBySkl2onnx
from gmix.sklearn.rule import narrator
from gmix.sklearn.start import assigned_statistics
from gmix.sources import MemorySource

__all__ = ["BayesianGaussianMixture"]

Array = NDArray[np.float64]
_POSITIVE = Interval(Real, 0.0, None, closed="neither")
_SHARED = (
    "tol", "reg_covar", "max_iter", "n_init", "init_params", "random_state", "warm_start", "verbose",
    "verbose_interval",
)  # fmt: skip
_WORDS = {  # gmix's own words for the parameters
    "components": "n_components={}", "covariance": "covariance_type={}", "tolerance": "tol={}",
    "max_iterations": "max_iter={}", "rng": "random_state={}", "start": "init_params= or warm_start=",
    "effort": 'n_init="auto"', "prior": "weight_concentration_prior= and the others", "progress": "verbose=1",
    "sample_weight": "it to the method fit",
}  # fmt: skip


class BayesianGaussianMixture(ConvertedBySkl2onnx, BayesianParameters, MixtureEstimator):
    """A drop-in replacement for ``sklearn.mixture.BayesianGaussianMixture``: change the import, and nothing else.

    Every argument means what it means there, and from the same start every iteration is the same; only the defaults of
    `tol`, `reg_covar` and `max_iter` differ. In addition there are `sample_weight`, missing cells (NaN), and the search
    for better optima. Attributes and results are float32 for float32 rows.

    ``gmix.fit(X, K, inference="variational")`` also has the standard deviations of the parameters and the density of
    new rows. There, tied, diagonal and spherical covariances have their conjugate posteriors. Here, as in scikit-learn,
    a posterior with the expectations and normalizer of a Wishart distribution for each component takes their place. Its
    lower bound never falls either, but for diagonal and spherical covariances it is no bound of a log evidence, and for
    tied ones it is that of a model with a covariance for each component.

    Parameters
    ----------
    n_components : the number of components; superfluous ones get small weights.
    covariance_type : ``"full"``, ``"tied"``, ``"diag"`` or ``"spherical"``.
    tol : stop when an iteration changes the lower bound by less, in nats. None (not in scikit-learn): stop when the
        estimated remaining gain is below 1e-6 nats per row.
    reg_covar : added to the diagonal of the covariance of every component's rows (1e-6 in scikit-learn). None adds
        nothing, because the prior keeps covariances from collapsing.
    max_iter : the largest number of iterations (100 in scikit-learn, with a larger `tol`).
    n_init : the number of starts; the result of the greatest lower bound is kept. Not in scikit-learn: ``"auto"`` for
        gmix's own starts and its search for better optima. Then `tol` is the estimated remaining gain in nats per row,
        and `reg_covar` cannot be given.
    init_params : ``"kmeans"``, ``"k-means++"``, ``"random"`` or ``"random_from_data"``.
    weight_concentration_prior_type : ``"dirichlet_process"`` or ``"dirichlet_distribution"``.
    weight_concentration_prior, mean_precision_prior, mean_prior, degrees_of_freedom_prior, covariance_prior : the
        prior, with scikit-learn's defaults: ``1 / n_components``, 1, the mean of the rows, the number of columns, and
        the covariance of the rows.
    random_state : a seed or a ``numpy.random.RandomState``, for the starts and for `sample`.
    warm_start : continue from the fitted parameters, or from those that you have set.
    verbose : 1 prints a line every `verbose_interval` iterations, 2 adds times and gains.
    verbose_interval : the number of iterations between two lines.

    Attributes
    ----------
    weights_, means_, covariances_, precisions_, precisions_cholesky_ : posterior expectations in scikit-learn's shapes;
        covariances are inverses of expected precisions.
    weight_concentration_, mean_precision_, degrees_of_freedom_ : the other parameters of the posterior.
    weight_concentration_prior_, mean_precision_prior_, mean_prior_, degrees_of_freedom_prior_, covariance_prior_ :
        the parameters of the prior.
    mixture_ : the `gmix.GaussianMixture` of posterior expectations.
    n_components_ : the number of components.
    converged_, n_iter_ : whether the run converged, and the number of its iterations.
    lower_bound_, lower_bounds_ : the lower bound of the log evidence in nats without terms that are the same for all
        posteriors, as scikit-learn reports it, at the end and after every iteration.
    n_features_in_, feature_names_in_ : as in scikit-learn.

    >>> from gmix.sklearn import BayesianGaussianMixture
    >>> X = [[1, 2], [1, 4], [1, 0], [4, 2], [12, 4], [10, 7]]
    >>> model = BayesianGaussianMixture(n_components=2, random_state=42).fit(X)
    >>> model.means_.round(2)
    array([[2.55, 2.32],
           [8.42, 4.5 ]])
    >>> model.predict([[0, 0], [9, 3]])
    array([0, 1])
    """

    converged_: bool
    n_iter_: int
    lower_bound_: float
    lower_bounds_: list[float]
    _parameter_constraints = {  # noqa: RUF012  (a name of scikit-learn's, which derived classes extend)
        **{name: CONSTRAINTS[name] for name in _SHARED},
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "covariance_type": [StrOptions({"full", "tied", "diag", "spherical"})],
        "weight_concentration_prior_type": [StrOptions({"dirichlet_process", "dirichlet_distribution"})],
        "weight_concentration_prior": [None, _POSITIVE],
        "mean_precision_prior": [None, _POSITIVE],
        "mean_prior": [None, "array-like"],
        "degrees_of_freedom_prior": [None, _POSITIVE],
        "covariance_prior": [None, "array-like", _POSITIVE],
    }
    _other_names = {  # noqa: RUF012
        **OTHER_NAMES,
        "posterior": 'take that of gmix.fit(X, K, inference="variational")',
    }

    @other_words(_WORDS)
    def __init__(
        self,
        *,
        n_components: int = 1,
        covariance_type: str = "full",
        tol: float | None = None,
        reg_covar: float | None = None,
        max_iter: int = 1000,
        n_init: Any = 1,
        init_params: str = "kmeans",
        weight_concentration_prior_type: str = "dirichlet_process",
        weight_concentration_prior: float | None = None,
        mean_precision_prior: float | None = None,
        mean_prior: ArrayLike | None = None,
        degrees_of_freedom_prior: float | None = None,
        covariance_prior: Any = None,
        random_state: int | np.random.RandomState | None = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weight_concentration_prior_type = weight_concentration_prior_type
        self.weight_concentration_prior = weight_concentration_prior
        self.mean_precision_prior = mean_precision_prior
        self.mean_prior = mean_prior
        self.degrees_of_freedom_prior = degrees_of_freedom_prior
        self.covariance_prior = covariance_prior
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval

    def fit(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None, row_errors: Any = None) -> Self:
        """Fit the posterior to ``X (N, D)`` and ignore `y`. A row of weight 2 counts twice, a row of weight 0 never.

        With `row_errors`, standard deviations ``(N, D)`` or ``(D,)`` of the errors of measurement, it is the posterior
        of the mixture of the true values; see `gmix.fit`.

        Warns with scikit-learn's ``ConvergenceWarning`` if the run did not converge in `max_iter` iterations.
        """
        check_parameters(self.get_params(deep=False), self._parameter_constraints, type(self).__name__)
        if self.n_init == "auto" and self.reg_covar is not None:
            raise ParameterError("reg_covar is for a number of starts; leave it out, or give n_init")
        check_layout(X)
        given, X = X, validate_data(self, as_numpy(X), **NUMBERS, ensure_min_samples=2)
        names = list(getattr(self, "feature_names_in_", ()))
        columns = names if names and len(set(names)) == len(names) else None
        weight, errors = as_numpy(sample_weight), as_numpy(row_errors)
        source = MemorySource(X, sample_weight=weight, columns=columns, row_errors=errors)
        if source.missing is not None:
            source.missing.check_columns(source.features)
        if source.n_counting < self.n_components:
            raise DataError(
                f"n_components={self.n_components} is more than n_samples={source.n_counting}; ask for fewer"
            )
        self._settle(self._run(source, self._start(source)), X.dtype, source.features, given)
        return self

    def _start(self, source: MemorySource) -> FittedModel:
        """The model before any row."""
        structure = as_structure(self.covariance_type).in_columns(source.n_features)
        prior = StatedPrior(self).parameters(structure, self.n_components, source.reference(structure.form))
        return FittedModel(prior, prior, np.full(source.n_features, self.reg_covar) if self.reg_covar else None)

    @one_blas_thread()
    def _run(self, source: MemorySource, start: FittedModel) -> _Run:
        """The best run of those that the parameters ask for."""
        state, before = check_random_state(self.random_state), -np.inf
        if self._continues():
            models, before = [replace(start, posterior=self._posterior(start.prior))], float(self.lower_bound_)
        elif self.n_init == "auto":
            return self._searched(source, start, state)
        else:
            form = start.prior.structure.form
            models = [start.maximize(assigned_statistics(self, source, form, state)) for _ in range(self.n_init)]
        ends = run_models(source, models, self._rule(before))
        return max((_Run.of(end) for end in ends), key=lambda run: run.history[-1])

    def _searched(self, source: MemorySource, start: FittedModel, state: np.random.RandomState) -> _Run:
        """The best run from gmix's own starts."""
        structure = start.prior.structure
        rule = StoppingRule(StoppingRule.tolerance if self.tol is None else self.tol, max(self.max_iter - 1, 0))
        plan = VariationalPlan([self.n_components], [structure], KMeansPlusPlus(), rule, StatedPrior(self))
        run = best_run(search_runs(source, plan, as_random_generator(state)))
        last = replace(start, posterior=run.model.posterior)
        # scikit-learn leaves out what depends on the prior and the number of rows alone, and the M-step gains little.
        reached = last.objective(run.statistics)
        history = [reached + value - run.history[-1] for value in run.history]
        return _Run(last, run.statistics, history, run.reason)

    def _rule(self, before: float) -> StoppingRule:
        """When a run ends: an E-step is an iteration, because its M-step follows."""
        most = max(self.max_iter - 1, 0)
        if self.tol is None and not (self.reg_covar or self.verbose):
            return StoppingRule(max_iterations=most)
        return BoundRule(
            max_iterations=most,
            accelerate=False,
            change=self.tol,
            before=before,
            monotone=not self.reg_covar,
            watch=narrator(self.verbose, self.verbose_interval) if self.verbose else None,
        )

    def _settle(self, run: _Run, dtype: np.dtype[Any], features: tuple[str, ...] | None, given: Any) -> None:
        """Set the attributes to the result of a run."""
        posterior, prior = run.model.posterior, run.model.prior
        if self.max_iter > 0:
            posterior = run.model.maximize(run.statistics).posterior
        self._describe_posterior(posterior, dtype, features, given)
        self._describe_prior(prior, dtype, given)
        ended = self.max_iter > 0
        self.converged_ = ended and run.reason.converged
        self.n_iter_ = len(run.history) if ended else 0
        self.lower_bounds_ = run.history if ended else []
        self.lower_bound_ = run.history[-1] if ended else -np.inf
        if run.reason is Reason.INTERRUPTED:  # the best posterior so far is kept, and the caller must know
            raise KeyboardInterrupt
        if not self.converged_ and ended:
            message = f"the run did not converge in max_iter={self.max_iter} steps; raise max_iter or tol"
            warnings.warn(message, ConvergenceWarning, stacklevel=3)

    def _describe_prior(self, prior: ParameterDistribution, dtype: np.dtype[Any], given: Any) -> None:
        form, d = prior.structure.form, prior.n_features
        scatter = prior.scatter
        self.weight_concentration_prior_ = StatedPrior(self).concentration
        self.mean_precision_prior_ = float(prior.mass[0])
        self.mean_prior_ = in_kind(prior.mean[0].astype(dtype), given)
        self.degrees_of_freedom_prior_ = float(prior.divisor[0])
        covariance = scatter / len(prior.mass) if form is TIED else scatter[0] / (d if form is SPHERICAL else 1)
        if np.ndim(covariance):
            self.covariance_prior_ = in_kind(np.array(covariance, dtype), given)
        else:
            self.covariance_prior_ = float(covariance)

    def _initialize(self, X: Any, resp: Any, xp: Any = None) -> None:
        """Set the parameters to those of responsibilities ``(N, K)``; some packages call it."""
        rows, shares = np.asarray(as_numpy(X)), as_numbers(as_numpy(resp), "resp")
        start = self._start(MemorySource(rows))
        statistics = SufficientStatistics.from_responsibilities(start.prior.structure.form, rows, shares)
        dtype = rows.dtype if rows.dtype == np.float32 else np.dtype(np.float64)
        self._describe_posterior(start.maximize(statistics).posterior, dtype, None, X)
        self._describe_prior(start.prior, dtype, X)

    def _as_scikit_learn(self) -> Any:
        without_dependence(self._as_mixture(), "scikit-learn's class")
        kind = {"weight_concentration_prior_type": self.weight_concentration_prior_type}
        estimator = BayesianMixture(n_components=len(self.means_), covariance_type=self.covariance_type, **kind)
        parameters = (tuple(map(as_numpy, p)) if isinstance(p, tuple) else as_numpy(p) for p in self._get_parameters())
        estimator._set_parameters(tuple(parameters))  # noqa: SLF001
        estimator.n_features_in_ = self.means_.shape[1]
        return estimator

    def _continues(self) -> bool:
        """Return whether the run continues from the parameters of an earlier fit."""
        return bool(self.warm_start) and hasattr(self, "converged_")


class _Run(NamedTuple):
    """The result of a run, whose history has a lower bound after every iteration."""

    model: FittedModel
    statistics: SufficientStatistics
    history: list[float]
    reason: Reason

    @classmethod
    def of(cls, end: RunEnd) -> _Run:
        assert isinstance(end.model, FittedModel)
        assert end.statistics is not None
        return cls(end.model, end.statistics, end.history, end.reason)
