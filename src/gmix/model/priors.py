"""Priors of the parameters, written as statistics of unobserved rows. They turn maximum likelihood into MAP."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.arguments import as_numbers, is_number
from gmix.base.errors import ParameterError
from gmix.base.wording import count
from gmix.model.components import Components
from gmix.model.covariance import Structure
from gmix.model.reference import Reference
from gmix.model.statistics import SufficientStatistics

__all__ = [
    "Dirichlet", "NormalInverseWishart", "Prior", "StatedPrior", "as_prior", "empty_term", "freeze_numbers",
    "prior_mean",
]  # fmt: skip

Array = NDArray[np.float64]
_SHOWN = 9  # numbers; a longer array is shown as "..."


class Prior(ABC):
    r"""A prior distribution of the parameters: one more term that is added to the statistics. Priors add up.

    With counts :math:`c_k`, means :math:`m_k` of :math:`n_k` rows, and scatter :math:`W_k` with the divisor
    :math:`\nu_k`, its log density is

    .. math:: \log p = \sum_k c_k \log w_k - \frac{\nu_k}2 \log|\Sigma_k|
              - \frac12 \mathrm{tr}\,\Sigma_k^{-1} \big(W_k + n_k (\mu_k - m_k)(\mu_k - m_k)^\top\big)

    up to a constant of the prior's own parameters.
    """

    @property
    def constant(self) -> bool:
        """Whether its term is the same in all iterations: it depends on the reference and shape of statistics alone."""
        return True

    @property
    def suits_any_columns(self) -> bool:
        """Whether it also applies to some of the table's columns, because it states no parameter per column."""
        return False

    @abstractmethod
    def term(self, statistics: SufficientStatistics, structure: Structure) -> SufficientStatistics:
        """The term that the prior adds to the statistics of the rows.

        A hyperparameter that was not given is derived from the reference of the `statistics`.
        """

    def log_density(
        self, weights: Array, mixture: Components, statistics: SufficientStatistics, structure: Structure
    ) -> float:
        """The log density of the mixture's parameters, in nats, up to a constant of the prior's own parameters."""
        term, form, (n_components, n_features) = self.term(statistics, structure), mixture.form, mixture.means.shape
        log_determinant = form.log_determinant(mixture.factor, n_components, n_features)
        with np.errstate(over="ignore", invalid="ignore"):  # the density of a start may be zero in float64
            scatter = form.shifted(term.scatter, term.mass, mixture.means - term.mean)
            quadratic = form.quadratic(mixture.whitener, scatter)
        log_density = -float(term.divisor @ log_determinant + quadratic / 2.0)
        if structure.equal_weights:
            return log_density
        return log_density + float(term.counts @ np.log(np.maximum(weights, np.finfo(np.float64).tiny)))

    @property
    def terms(self) -> tuple[Prior, ...]:
        """The priors of a sum; any other prior alone."""
        return (self,)

    def __add__(self, other: Prior) -> Prior:
        if not isinstance(other, Prior):
            return NotImplemented
        return _Sum((*self.terms, *other.terms))


@dataclass(frozen=True, eq=False)
class _Sum(Prior):
    """Several priors; their log densities add up."""

    parts: tuple[Prior, ...]

    @property
    def constant(self) -> bool:
        return all(term.constant for term in self.terms)

    @property
    def suits_any_columns(self) -> bool:
        return all(term.suits_any_columns for term in self.terms)

    @property
    def terms(self) -> tuple[Prior, ...]:
        return self.parts

    def term(self, statistics: SufficientStatistics, structure: Structure) -> SufficientStatistics:
        first, *others = (term.term(statistics, structure) for term in self.terms)
        return sum(others, first)

    def __repr__(self) -> str:
        return " + ".join(repr(term) for term in self.terms)


def freeze_numbers(prior: object, *names: str) -> None:
    """Replace parameters of a prior that are not None by read-only arrays. Raises `ParameterError` unless finite."""
    for name in names:
        if (given := getattr(prior, name)) is not None:
            array = as_numbers(given, f"the prior's {name}")
            if not np.isfinite(array).all():
                raise ParameterError(f"the prior's {name} holds a value that is not finite; give finite numbers")
            array.flags.writeable = False
            object.__setattr__(prior, name, array)


def prior_mean(mean: ArrayLike | None, reference: Reference) -> Array:
    """The prior mean ``(D,)``; None is that of the rows. Raises `ParameterError` for another shape."""
    if mean is None:
        return reference.mean
    stated = np.asarray(mean, np.float64)
    if stated.shape != (reference.n_features,):
        raise ParameterError(
            f"the prior's mean has shape {stated.shape}; the data has {count(reference.n_features, 'column')}, so give "
            f"({reference.n_features},)"
        )
    return stated


class StatedPrior(Prior):
    """A prior that is a dataclass of its hyperparameters."""

    def __repr__(self) -> str:
        given = []
        for field in fields(self):  # type: ignore[arg-type]  # every subclass is a dataclass, this one is not
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                value = value.tolist() if value.size <= _SHOWN else ...
            if value != field.default:
                given.append(f"{field.name}={'...' if value is ... else repr(value)}")
        return f"{type(self).__name__}({', '.join(given)})"


@dataclass(frozen=True, eq=False, repr=False)
class Dirichlet(StatedPrior):
    r"""The conjugate prior of the weights. It acts as ``concentration - 1`` more rows in each component.

    .. math:: p(w) \propto \prod_k w_k^{\alpha_k - 1}, \qquad w_k \propto n_k + \alpha_k - 1

    See Bishop, *Pattern Recognition and Machine Learning*, equation 10.39. Add it to a prior of the other parameters
    with ``+``. It has no effect if the structure makes the weights equal.

    Parameters
    ----------
    concentration : alpha, one number or ``(K,)``, each at least 1; at 1 the prior is uniform.
    strength : the power to which the density is raised; zero means no prior.

    >>> import gmix
    >>> fit = gmix.fit(
    ...     [[0.0], [1.0], [0.5], [8.0]],
    ...     start=[0, 0, 0, 1],
    ...     covariance="spherical",
    ...     prior=gmix.NormalInverseWishart() + gmix.Dirichlet(3.0),
    ... )
    >>> fit.mixture.weights.round(3)
    array([0.625, 0.375])
    """

    concentration: ArrayLike = 2.0
    strength: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "strength", _strength(self.strength))
        alpha = as_numbers(self.concentration, "the concentration")
        if alpha.ndim > 1 or not (np.isfinite(alpha) & (alpha >= 1)).all():
            raise ParameterError(
                f"concentration is {self.concentration!r}; give one number or one per component, each at least 1"
            )
        alpha.flags.writeable = False
        object.__setattr__(self, "concentration", alpha)

    def term(self, statistics: SufficientStatistics, structure: Structure) -> SufficientStatistics:
        return replace(empty_term(statistics), counts=self._counts(statistics.n_components))

    def _counts(self, n_components: int) -> Array:
        """The number of rows ``(K,)`` that the prior adds to each component."""
        alpha = np.asarray(self.concentration)
        if alpha.shape not in ((), (n_components,)):
            raise ParameterError(
                f"the concentration has shape {alpha.shape}; with {count(n_components, 'component')} give one number "
                f"or ({n_components},)"
            )
        return np.broadcast_to(self.strength * (alpha - 1.0), (n_components,))


@dataclass(frozen=True, eq=False, repr=False)
class NormalInverseWishart(StatedPrior):
    r"""The conjugate prior of Fraley & Raftery (2007), *Journal of Classification* 24:155.

    .. math:: \Sigma_k \sim \mathrm{IW}(\nu, \Lambda), \qquad \mu_k \mid \Sigma_k \sim N(\mu_0, \Sigma_k / \kappa)

    It keeps components from collapsing: it adds to each component `mean_strength` rows at `mean`, and the scatter
    `scale` of about `degrees_of_freedom` rows. Diagonal and spherical structures use the diagonal of `scale` and its
    mean, with inverse-gamma priors. The defaults follow mclust: the mean of the data, a strength of 0.01, ``D + 2``
    degrees of freedom, and the covariance of the data (for diagonal and spherical structures its mean variance) divided
    by ``K ** (2 / D)``.

    The paper covers six structures: EII, VII, EEI, VVI, EEE and VVV. A covariance that all components share is one draw
    from the prior; otherwise each component's covariance is one draw. For VEI, EVI, EEV and VEV each component adds a
    `scale` of its own, and the divisors are those of mclust 6. mclust has no prior for VEE, EVE, VVE and EVV; gmix uses
    the prior of VVV, restricted to the covariances that the structure allows. For every structure the M-step maximizes
    the posterior density exactly. mclust 6 differs from the paper in two cases. For EII it omits the scale, and so does
    the default here. For EEI its EM does not move the means, and divides by fewer rows; this maximizes no density, so
    gmix follows the paper.

    Parameters
    ----------
    mean : ``(D,)`` or None.
    mean_strength : kappa, in rows; at zero the prior of the means is uniform.
    degrees_of_freedom : nu, above ``D - 1``, or None.
    scale : Lambda, ``(D, D)``, in squared units of the data, or None.
    strength : the power to which the density is raised; zero means no prior.

    >>> import gmix
    >>> fit = gmix.fit(
    ...     [[0.0], [1.0], [5.0], [5.0]],
    ...     components=2,
    ...     covariance="full",
    ...     prior=gmix.NormalInverseWishart(),
    ...     rng=0,
    ... )
    >>> fit.findings
    ()
    """

    mean: ArrayLike | None = None
    mean_strength: float = 0.01
    degrees_of_freedom: float | None = None
    scale: ArrayLike | None = None
    strength: float = 1.0

    def __post_init__(self) -> None:
        if not (is_number(self.mean_strength) and self.mean_strength >= 0):
            raise ParameterError(f"mean_strength is {self.mean_strength!r}; give a number of rows, zero or more")
        if not (self.degrees_of_freedom is None or is_number(self.degrees_of_freedom)):
            raise ParameterError(f"degrees_of_freedom is {self.degrees_of_freedom!r}; give a number, or None for D + 2")
        object.__setattr__(self, "strength", _strength(self.strength))
        object.__setattr__(self, "mean_strength", float(self.mean_strength))
        if self.degrees_of_freedom is not None:
            object.__setattr__(self, "degrees_of_freedom", float(self.degrees_of_freedom))
        freeze_numbers(self, "mean", "scale")

    @property
    def suits_any_columns(self) -> bool:
        return self.mean is None and self.scale is None

    def term(self, statistics: SufficientStatistics, structure: Structure) -> SufficientStatistics:
        (k, d), form = statistics.mean.shape, statistics.form
        divisor = self._divisor(statistics, structure)
        return replace(
            empty_term(statistics),
            mass=np.full(k, self.strength * self.mean_strength),
            mean=np.broadcast_to(prior_mean(self.mean, statistics.reference), (k, d)),
            scatter=np.broadcast_to(self.strength * self._scale(statistics, structure), form.shape(k, d)),
            divisor=np.full(k, self.strength * divisor),
        )

    def _scale(self, statistics: SufficientStatistics, structure: Structure) -> Array:
        d, n_components = statistics.n_features, statistics.n_components
        shares = structure.prior_scale_shares(n_components)
        if self.scale is None:
            reference = statistics.reference
            unbiased = reference.complete_scatter / max(reference.total_weight - 1.0, 1.0)
            return structure.default_prior_scale(unbiased, n_components, d) / shares
        scale, valid = np.asarray(self.scale, np.float64), False
        if scale.shape == (d, d):
            rounding = 1e-8 * np.abs(scale).max() + np.finfo(np.float64).tiny
            valid = bool(np.allclose(scale, scale.T, atol=rounding) and np.linalg.eigvalsh(scale)[0] >= -rounding)
        if not valid:
            raise ParameterError(
                f"the prior's scale must be a symmetric matrix ({d}, {d}) without negative eigenvalues"
            )
        return structure.form.compress((scale + scale.T)[None] / 2.0) / shares

    def _divisor(self, statistics: SufficientStatistics, structure: Structure) -> float:
        """The divisor that the prior adds to each component's: for the covariance, and one if it has a mean."""
        d, n_components = statistics.n_features, statistics.n_components
        degrees_of_freedom = d + 2.0 if self.degrees_of_freedom is None else self.degrees_of_freedom
        if not degrees_of_freedom > d - 1:
            raise ParameterError(
                f"degrees_of_freedom is {degrees_of_freedom}; with {count(d, 'column')} it must be above {d - 1}"
            )
        return float(
            structure.prior_divisor(degrees_of_freedom, 1.0 if self.mean_strength > 0 else 0.0, n_components, d)
        )


def empty_term(statistics: SufficientStatistics) -> SufficientStatistics:
    """A term that adds nothing to the statistics; priors replace some of its fields."""
    reference = replace(Reference.none(statistics.form, statistics.n_features), mean=statistics.reference.mean)
    return SufficientStatistics.none(statistics.form, statistics.n_components, reference)


def _strength(strength: object) -> float:
    if not (is_number(strength) and strength >= 0):
        raise ParameterError(f"strength is {strength!r}; give a number, zero or more")
    return float(strength)


def as_prior(prior: object) -> Prior | None:
    """Return a `Prior` or None. Raises `ParameterError` for anything else."""
    if prior is None or isinstance(prior, Prior):
        return prior
    raise ParameterError(
        f"prior is {prior!r}; give a gmix.NormalInverseWishart, a gmix.Shrinkage, a gmix.Dirichlet or a sum of these, "
        "or None for maximum likelihood; a gmix.VariationalPrior goes with inference='variational'"
    )
