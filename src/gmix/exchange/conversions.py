"""The methods of a mixture that convert it to and from the classes of other software."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from gmix.exchange.contract import Mixture
from gmix.exchange.scikit_learn import estimator_of, parameters_of
from gmix.exchange.scipy_stats import random_variable
from gmix.exchange.torch_distributions import distribution

__all__ = ["Conversions"]


class Conversions:
    """Conversions to scikit-learn, SciPy and PyTorch, each of which need not be installed for the others."""

    if TYPE_CHECKING:

        def __init__(self, *arguments: Any, **options: Any) -> None: ...

    def to_scipy(self: Mixture) -> Any:
        """Convert a mixture of one feature to a random variable of SciPy, a ``scipy.stats.Mixture``.

        It has SciPy's methods, such as ``pdf``, ``cdf``, ``icdf``, ``moment``, ``entropy`` and ``sample``. Components
        of weight 0 are left out; a background becomes a uniform distribution. Needs SciPy 1.15 or newer. Raises
        `ParameterError` for a mixture of several features, because SciPy has no such class.

        >>> import gmix
        >>> variable = gmix.GaussianMixture(
        ...     [0.5, 0.5], [[0.0], [4.0]], [[[1.0]], [[1.0]]]
        ... ).to_scipy()
        >>> float(variable.mean()), float(variable.variance())
        (2.0, 5.0)
        """
        return random_variable(self)

    def to_sklearn(self: Mixture) -> Any:
        """Convert to a fitted ``sklearn.mixture.GaussianMixture``, scikit-learn's own class.

        Its `covariance_type` is that of the structure's form: ``"tied"`` for one covariance, ``"spherical"`` or
        ``"diag"`` for axes along the columns, ``"full"`` for others. Names of features become ``feature_names_in_``,
        and scikit-learn then expects a table with these names. The class does not know how the mixture was fitted:
        ``n_iter_`` is 0, and ``lower_bound_`` is NaN. Raises `ParameterError` for a background, and for columns that
        follow from others.

        >>> import gmix
        >>> mixture = gmix.GaussianMixture(
        ...     [0.5, 0.5], [[0.0], [4.0]], [1.0, 1.0], "spherical"
        ... )
        >>> mixture.to_sklearn().predict([[1.0], [3.0]])
        array([0, 1])
        """
        return estimator_of(self)

    @classmethod
    def from_sklearn(cls, estimator: Any) -> Self:
        """Convert a fitted ``GaussianMixture`` or ``BayesianGaussianMixture`` of scikit-learn to a mixture.

        All four covariance types are known. Of a Bayesian mixture, the parameters are the posterior means, as its
        attributes are; the variational bound of ``score_samples`` is not kept, so log densities differ from it.
        Raises `ParameterError` for an estimator that is not fitted.

        >>> import gmix
        >>> from sklearn.mixture import GaussianMixture
        >>> estimator = GaussianMixture(1, covariance_type="diag").fit(
        ...     [[0.0, 1.0], [2.0, 3.0]]
        ... )
        >>> gmix.GaussianMixture.from_sklearn(estimator)
        GaussianMixture(VVI, 1 component, 2 features)
        """
        return cls(**parameters_of(estimator))

    def to_torch(self: Mixture, *, dtype: Any = None, device: Any = None) -> Any:
        """Convert to a distribution of PyTorch, a ``torch.distributions.MixtureSameFamily`` over points ``(D,)``.

        `dtype` is a type of PyTorch, float64 by default; `device` is where the parameters lie, by default the CPU.
        Covariances become Cholesky factors, or standard deviations where the axes are those of the columns. Raises
        `ParameterError` for a background, and for columns that follow from others.
        """
        return distribution(self, dtype, device)
