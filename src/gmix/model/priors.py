"""Priors: statistics of rows not seen, with the divisors that they imply. They turn maximum likelihood into MAP."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.arguments import as_numbers, is_number
from gmix.base.errors import ParameterError
from gmix.model.components import Components
from gmix.model.covariance import Structure
from gmix.model.reference import Reference
from gmix.model.statistics import SufficientStatistics

__all__ = ["Dirichlet", "NormalInverseWishart", "Prior", "as_prior"]

Array = NDArray[np.float64]
_SHOWN = 9  # numbers of an array that a prompt shows


class Prior(ABC):
    r"""Rows not yet observed. A prior is one more term of the sum that EM is, and priors add up.

    With counts :math:`c_k`, and means :math:`m_k` of :math:`n_k` rows with scatter :math:`W_k` about them, to be
    divided by :math:`\nu_k`, it says

    .. math:: \log p = \sum_k c_k \log w_k - \frac{\nu_k}2 \log|\Sigma_k|
              - \frac12 \mathrm{tr}\,\Sigma_k^{-1} \big(W_k + n_k (\mu_k - m_k)(\mu_k - m_k)^\top\big)

    up to a constant of its own parameters.
    """

    @property
    def constant(self) -> bool:
        """Whether it says the same all the way up: it reads no more of statistics than their reference and shape."""
        return True

    @property
    def suits_any_columns(self) -> bool:
        """Whether it can be asked about fewer columns than the table has, because it states nothing of any of them."""
        return False

    @abstractmethod
    def term(self, statistics: SufficientStatistics, structure: Structure) -> SufficientStatistics:
        """The prior as a term of the sum: what it adds to the statistics of the rows.

        A hyperparameter that was not given is read from the reference of the `statistics`.
        """

    def log_density(
        self, weights: Array, mixture: Components, statistics: SufficientStatistics, structure: Structure
    ) -> float:
        """The log density of the mixture's parameters, in nats, up to a constant of the prior's own parameters."""
        rows, form, (n_components, n_features) = self.term(statistics, structure), mixture.form, mixture.means.shape
        log_determinant = form.log_determinant(mixture.factor, n_components, n_features)
        with np.errstate(over="ignore", invalid="ignore"):  # a start may be so far off that its density is zero
            scatter = rows.scatter + form.outer(rows.mass, mixture.means - rows.mean)
            quadratic = form.trace(form.congruence(mixture.whitener, scatter))
        density = -float(rows.divisor @ log_determinant + quadratic / 2.0)
        if structure.equal_weights:
            return density
        return density + float(rows.counts @ np.log(np.maximum(weights, np.finfo(np.float64).tiny)))

    @property
    def terms(self) -> tuple[Prior, ...]:
        """The priors whose sum it is; itself, where it is no sum."""
        return (self,)

    def __add__(self, other: Prior) -> Prior:
        if not isinstance(other, Prior):
            return NotImplemented
        return _Sum((*self.terms, *other.terms))


@dataclass(frozen=True, eq=False)
class _Sum(Prior):
    """Priors that hold together; their log densities add up."""

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


class _Told(Prior):
    """A prior that is a dataclass of what a person tells it."""

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
class Dirichlet(_Told):
    r"""The conjugate prior of the weights: as if each component had been seen in ``concentration - 1`` more rows.

    .. math:: p(w) \propto \prod_k w_k^{\alpha_k - 1}, \qquad w_k \propto n_k + \alpha_k - 1

    See Bishop, *Pattern Recognition and Machine Learning*, equation 10.39. Add it to a prior of the other parameters
    with ``+``. Where the weights are equal anyway it says nothing.

    Parameters
    ----------
    concentration : alpha, one number or ``(K,)``, each at least 1; at 1 all weights are as probable as any others.
    strength : the power that the prior's density is raised to; at zero there is no prior.

    >>> import gmix
    >>> fit = gmix.fit([[0.0], [1.0], [0.5], [8.0]], start=[0, 0, 0, 1], covariance="spherical",
    ...                prior=gmix.NormalInverseWishart() + gmix.Dirichlet(3.0))
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
                f"concentration is {self.concentration!r}; give a number or one a component, none below 1 (flat)"
            )
        alpha.flags.writeable = False
        object.__setattr__(self, "concentration", alpha)

    def term(self, statistics: SufficientStatistics, structure: Structure) -> SufficientStatistics:
        return replace(_nothing(statistics), counts=self._rows(statistics.n_components))

    def _rows(self, n_components: int) -> Array:
        """The rows not seen, ``(K,)``."""
        alpha = np.asarray(self.concentration)
        if alpha.shape not in ((), (n_components,)):
            raise ParameterError(
                f"the concentration has shape {alpha.shape}; with {n_components} components give one number or "
                f"({n_components},)"
            )
        return np.broadcast_to(self.strength * (alpha - 1.0), (n_components,))


@dataclass(frozen=True, eq=False, repr=False)
class NormalInverseWishart(_Told):
    r"""The conjugate prior of Fraley & Raftery (2007), *Journal of Classification* 24:155, equations 8 to 13.

    .. math:: \Sigma_k \sim \mathrm{IW}(\nu, \Lambda), \qquad \mu_k \mid \Sigma_k \sim N(\mu_0, \Sigma_k / \kappa)

    With it no component collapses: each is as if it had seen `mean_strength` rows at `mean`, and a scatter `scale`
    from about `degrees_of_freedom` rows. Diagonal and spherical structures take the diagonal of `scale` and its mean,
    with inverse-gamma priors. What is not given follows mclust: the mean of the data, a strength of 0.01, ``D + 2``
    degrees of freedom, and the covariance of the data (for diagonal and spherical structures its mean variance) divided
    by ``K ** (2 / D)``.

    The paper speaks of six structures: EII, VII, EEI, VVI, EEE, VVV. A covariance that all components share is one draw
    from the prior, one that is a component's own is one for each. For VEI, EVI, EEV and VEV each component adds a
    `scale` of its own, and the divisors are those that mclust 6 counts. mclust has no prior for VEE, EVE, VVE and EVV;
    here the one for VVV is taken as it is, on the covariances that the structure allows. Each of these is a function of
    the parameters that the M-step maximizes exactly. In two places mclust 6 differs from the paper. For EII it leaves
    the scale out, and so does the default here. For EEI its EM does not move the means, and counts fewer rows; that
    maximizes nothing, so here it is as in the paper.

    Parameters
    ----------
    mean : ``(D,)`` or None.
    mean_strength : kappa, in rows; at zero every mean is as probable as any other.
    degrees_of_freedom : nu, above ``D - 1``, or None.
    scale : Lambda, ``(D, D)``, in squared units of the data, or None.
    strength : the power that the prior's density is raised to; at zero there is no prior.

    >>> import gmix
    >>> fit = gmix.fit([[0.0], [1.0], [5.0], [5.0]], components=2, covariance="full",
    ...                prior=gmix.NormalInverseWishart(), rng=0)
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
            raise ParameterError(f"mean_strength is {self.mean_strength!r}; it counts rows and cannot be negative")
        if not (self.degrees_of_freedom is None or is_number(self.degrees_of_freedom)):
            raise ParameterError(f"degrees_of_freedom is {self.degrees_of_freedom!r}; give a number, or None for D + 2")
        object.__setattr__(self, "strength", _strength(self.strength))
        object.__setattr__(self, "mean_strength", float(self.mean_strength))
        if self.degrees_of_freedom is not None:
            object.__setattr__(self, "degrees_of_freedom", float(self.degrees_of_freedom))
        for name in ("mean", "scale"):
            if (given := getattr(self, name)) is not None:
                array = as_numbers(given, f"the prior's {name}")
                if not np.isfinite(array).all():
                    raise ParameterError(f"the prior's {name} holds a value that is not finite")
                array.flags.writeable = False
                object.__setattr__(self, name, array)

    @property
    def suits_any_columns(self) -> bool:
        return self.mean is None and self.scale is None

    def term(self, statistics: SufficientStatistics, structure: Structure) -> SufficientStatistics:
        (k, d), form = statistics.mean.shape, statistics.form
        return replace(
            _nothing(statistics),
            mass=np.full(k, self.strength * self.mean_strength),
            mean=np.broadcast_to(self._mean(statistics), (k, d)),
            scatter=np.broadcast_to(self.strength * self._scale(statistics, structure), form.shape(k, d)),
            divisor=np.full(k, self.strength * self._divisor(statistics, structure)),
        )

    def _mean(self, statistics: SufficientStatistics) -> Array:
        if self.mean is None:
            return statistics.reference.mean
        mean = np.asarray(self.mean, np.float64)
        if mean.shape != (statistics.n_features,):
            raise ParameterError(
                f"the prior's mean has shape {mean.shape}; the data has {statistics.n_features} columns"
            )
        return mean

    def _scale(self, statistics: SufficientStatistics, structure: Structure) -> Array:
        d, n_components = statistics.n_features, statistics.n_components
        shares = structure.prior_scale_shares(n_components)
        if self.scale is None:
            reference = statistics.reference
            unbiased = reference.scatter / max(reference.n_rows - 1.0, 1.0)
            return structure.default_prior_scale(unbiased, n_components, d) / shares
        scale, sound = np.asarray(self.scale, np.float64), False
        if scale.shape == (d, d):
            rounding = 1e-8 * np.abs(scale).max() + np.finfo(np.float64).tiny
            sound = bool(np.allclose(scale, scale.T, atol=rounding) and np.linalg.eigvalsh(scale)[0] >= -rounding)
        if not sound:
            raise ParameterError(
                f"the prior's scale must be a symmetric matrix ({d}, {d}) without negative eigenvalues"
            )
        return structure.form.compress((scale + scale.T)[None] / 2.0) / shares

    def _divisor(self, statistics: SufficientStatistics, structure: Structure) -> float:
        """What it adds to each component's divisor: one if it speaks of the mean, the rest for the covariance."""
        d, n_components = statistics.n_features, statistics.n_components
        freedom = d + 2.0 if self.degrees_of_freedom is None else self.degrees_of_freedom
        if not freedom > d - 1:
            raise ParameterError(f"degrees_of_freedom is {freedom}; with {d} columns it must be above {d - 1}")
        return float(structure.prior_divisor(freedom, 1.0 if self.mean_strength > 0 else 0.0, n_components, d))


def _nothing(statistics: SufficientStatistics) -> SufficientStatistics:
    """What adds nothing to statistics; a prior's term is made from it."""
    reference = replace(Reference.none(statistics.form, statistics.n_features), mean=statistics.reference.mean)
    return SufficientStatistics.none(statistics.form, statistics.n_components, reference)


def _strength(strength: object) -> float:
    if not (is_number(strength) and strength >= 0):
        raise ParameterError(f"strength is {strength!r}; it must be a number, zero or more")
    return float(strength)


def as_prior(prior: object) -> Prior | None:
    """Let a `Prior` or None pass, and nothing else."""
    if prior is None or isinstance(prior, Prior):
        return prior
    raise ParameterError(
        f"prior is {prior!r}; give a gmix.NormalInverseWishart, a gmix.Dirichlet or their sum, or None for maximum "
        "likelihood"
    )
