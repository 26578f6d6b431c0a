"""Priors: statistics of rows not seen, with the divisors that they imply. They turn maximum likelihood into MAP."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.covariance import EEV, EII, EVI, SPHERICAL, TIED, VEI, VEV, Structure
from gmix.errors import ParameterError
from gmix.kernel import Components
from gmix.rows import as_numbers, is_number
from gmix.statistics import SufficientStatistics

__all__ = ["Evidence", "NormalInverseWishart", "Prior", "as_prior"]

Array = NDArray[np.float64]
_NOTHING = 1e-8  # rows; as good as none, and enough that a component without rows stays finite


class Evidence(NamedTuple):
    """What an M-step reads: rows and prior together."""

    mean: Array  # (K, D)
    scatter: Array  # about the mean, in the structure's form
    divisor: Array  # (K,) what the scatter is divided by


class Prior(ABC):
    """Statistics not yet observed. A prior is one more term of the sum that EM is."""

    @abstractmethod
    def observe(self, statistics: SufficientStatistics, structure: Structure) -> Evidence:
        """Add the prior to the statistics of the rows."""

    @abstractmethod
    def log_density(self, mixture: Components, statistics: SufficientStatistics, structure: Structure) -> float:
        """The log density of the mixture's parameters, in nats, up to a constant of the prior's own parameters."""


@dataclass(frozen=True, eq=False)
class NormalInverseWishart(Prior):
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
        if not (is_number(self.strength) and self.strength >= 0):
            raise ParameterError(f"strength is {self.strength!r}; it must be a number, zero or more")
        if not (self.degrees_of_freedom is None or is_number(self.degrees_of_freedom)):
            raise ParameterError(f"degrees_of_freedom is {self.degrees_of_freedom!r}; give a number, or None for D + 2")
        for name in ("mean", "scale"):
            if (given := getattr(self, name)) is not None:
                array = as_numbers(given, f"the prior's {name}")
                if not np.isfinite(array).all():
                    raise ParameterError(f"the prior's {name} holds a value that is not finite")
                array.flags.writeable = False
                object.__setattr__(self, name, array)

    def observe(self, statistics: SufficientStatistics, structure: Structure) -> Evidence:
        rows, form = self.mean_strength * self.strength, statistics.form
        total = statistics.mass + rows
        with np.errstate(invalid="ignore"):
            share = np.where(total > 0, rows / total, 0.0)
        step = self._mean(statistics) - statistics.mean
        pulled = form.outer(statistics.mass * share, step)
        return Evidence(
            statistics.mean + share[:, None] * step,
            statistics.scatter + pulled + self.strength * self._scale(statistics, structure),
            statistics.mass + self.strength * self._divisor(statistics, structure),
        )

    def log_density(self, mixture: Components, statistics: SufficientStatistics, structure: Structure) -> float:
        if self.strength == 0:
            return 0.0
        form, (n_components, n_features) = mixture.form, mixture.means.shape
        pulled = form.outer(np.full(n_components, self.mean_strength), mixture.means - self._mean(statistics))
        scatter = pulled + self._scale(statistics, structure)
        log_determinant = form.log_determinant(mixture.factor, n_components, n_features)
        quadratic = form.trace(form.congruence(mixture.whitener, scatter))
        divisor = np.broadcast_to(self._divisor(statistics, structure), log_determinant.shape)
        return -self.strength * float(divisor @ log_determinant + quadratic / 2.0)

    def _mean(self, statistics: SufficientStatistics) -> Array:
        if self.mean is None:
            return np.asarray(statistics.total.mean[0])
        mean = np.asarray(self.mean, np.float64)
        if mean.shape != (statistics.n_features,):
            raise ParameterError(
                f"the prior's mean has shape {mean.shape}; the data has {statistics.n_features} columns"
            )
        return mean

    def _scale(self, statistics: SufficientStatistics, structure: Structure) -> Array:
        d = statistics.n_features
        # A covariance that all components share is one draw from the prior, also where it is written once for each.
        times = statistics.n_components if structure.shared and structure.form is not TIED else 1
        if self.scale is None:
            total = statistics.total
            if structure is EII:  # mclust's default: its EM never reads the scale
                return np.zeros(1)
            unbiased = total.scatter / max(float(total.mass[0]) - 1.0, 1.0)
            if structure.orientation == "I":  # mclust's default is round for diagonal structures too
                unbiased = np.full_like(unbiased, structure.form.trace(unbiased) / d)
            return np.asarray(unbiased / statistics.n_components ** (2.0 / d) / times)
        scale, sound = np.asarray(self.scale, np.float64), False
        if scale.shape == (d, d):
            rounding = 1e-8 * np.abs(scale).max()
            sound = bool(np.allclose(scale, scale.T, atol=rounding) and np.linalg.eigvalsh(scale)[0] >= -rounding)
        if not sound:
            raise ParameterError(
                f"the prior's scale must be a symmetric matrix ({d}, {d}) without negative eigenvalues"
            )
        return structure.form.compress(scale[None]) / times

    def _divisor(self, statistics: SufficientStatistics, structure: Structure) -> Array:
        """What it adds to each component's divisor: one if it speaks of the mean, the rest for the covariance."""
        d, n_components = statistics.n_features, statistics.n_components
        freedom = d + 2.0 if self.degrees_of_freedom is None else float(self.degrees_of_freedom)
        if not freedom > d - 1:
            raise ParameterError(f"degrees_of_freedom is {freedom}; with {d} columns it must be above {d - 1}")
        covariance = freedom + (2.0 if structure.orientation == "I" else d + 1.0)
        if structure.form is SPHERICAL:
            covariance /= d
        mean = 1.0 if self.mean_strength > 0 else 0.0
        if structure is VEI:  # a volume is one draw, and so is a mean
            divisor = (mean + covariance) / d
        elif structure is EVI:  # the volume is one draw for all
            divisor = (mean + covariance - 1.0) / n_components
        elif structure is EEV:
            divisor = (mean + covariance) / n_components
        elif structure is VEV:
            divisor = _NOTHING
        else:
            divisor = mean + covariance / (n_components if structure.shared else 1)
        return np.asarray(divisor)


def as_prior(prior: object) -> Prior | None:
    """Let a `Prior` or None pass, and nothing else."""
    if prior is None or isinstance(prior, Prior):
        return prior
    raise ParameterError(f"prior is {prior!r}; give a gmix.NormalInverseWishart, or None for maximum likelihood")
