"""The prior of a variational fit, as users state it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.arguments import is_number
from gmix.base.errors import ParameterError, one_of
from gmix.base.wording import count
from gmix.model.covariance import FULL, SPHERICAL, Structure
from gmix.model.priors import freeze_numbers, prior_mean
from gmix.model.reference import Reference
from gmix.model.variational.parameters import ParameterDistribution
from gmix.model.variational.precisions import PrecisionLaw, law_of
from gmix.model.variational.weights import DirichletWeights, StickBreakingWeights, WeightDistribution

__all__ = ["ParameterPrior", "VariationalPrior"]

Array = NDArray[np.float64]
_WEIGHTS = ("dirichlet", "dirichlet process")


class ParameterPrior(Protocol):
    """A prior of the parameters, for any structure and number of components."""

    def parameters(self, structure: Structure, n_components: int, reference: Reference) -> ParameterDistribution:
        """The prior as a distribution of the parameters of mixtures of rows on this scale."""
        ...


@dataclass(frozen=True, eq=False)
class VariationalPrior:
    r"""The prior of ``gmix.fit(..., inference="variational")``.

    .. math:: w \sim \mathrm{Dirichlet}(\alpha), \quad \Lambda_k \sim \mathrm{Wishart}(\nu, S^{-1}), \quad
              \mu_k \mid \Lambda_k \sim N(m, (\beta \Lambda_k)^{-1})

    for full covariances and their inverses :math:`\Lambda_k`; see Bishop, *Pattern Recognition and Machine Learning*,
    equations 10.39 and 10.40. Components with one tied covariance share one draw of :math:`\Lambda`. Variances of
    diagonal covariances have independent inverse gamma distributions with :math:`\nu` degrees of freedom and the
    diagonal of S, and a spherical covariance has one such distribution, with ``D`` times as many degrees of freedom.

    The defaults depend on the scale of the data alone: the posterior shifts and scales with the rows. In every
    structure, the default degrees of freedom say as much as one row about the variance of a column.

    Parameters
    ----------
    weights : ``"dirichlet"``, where all components are alike, or ``"dirichlet process"``, whose weights fall from the
        first component to the last and which is cut to the number of components of the fit. With
        ``components="auto"`` the rows decide that number.
    concentration : alpha, one number or for ``"dirichlet"`` ``(K,)``, above zero. A small number leaves components
        empty that the rows do not need. By default ``1 / K``, or 1 for a Dirichlet process with
        ``components="auto"``.
    mean : m, ``(D,)``. By default the mean of the rows.
    mean_strength : beta, in rows, above zero.
    degrees_of_freedom : nu, above ``D - 1`` for full and tied covariances and above zero for others. By default ``D``
        and 1.
    scale : S, ``(D, D)``, in squared units of the data. By default the covariance of the rows.

    >>> import gmix
    >>> points = gmix.GaussianMixture(
    ...     [0.5, 0.5], [[0.0], [9.0]], [[[1.0]], [[1.0]]]
    ... ).sample(500, rng=1)
    >>> prior = gmix.VariationalPrior(concentration=0.01)
    >>> fit = gmix.fit(
    ...     points,
    ...     4,
    ...     covariance="full",
    ...     inference="variational",
    ...     prior=prior,
    ...     rng=0,
    ... )
    >>> fit.posterior.occupied
    (0, 3)
    """

    weights: str = "dirichlet"
    concentration: ArrayLike | None = None
    mean: ArrayLike | None = None
    mean_strength: float = 1.0
    degrees_of_freedom: float | None = None
    scale: ArrayLike | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", one_of(self.weights, _WEIGHTS, "weights"))
        if not (is_number(self.mean_strength) and self.mean_strength > 0.0):
            raise ParameterError(f"mean_strength is {self.mean_strength!r}; give a number of rows above zero")
        if not (self.degrees_of_freedom is None or is_number(self.degrees_of_freedom)):
            raise ParameterError(f"degrees_of_freedom is {self.degrees_of_freedom!r}; give a number, or None")
        freeze_numbers(self, "concentration", "mean", "scale")
        if self.concentration is not None and not (np.asarray(self.concentration) > 0.0).all():
            raise ParameterError("the prior's concentration must be above zero; a small number leaves components empty")

    def parameters(self, structure: Structure, n_components: int, reference: Reference) -> ParameterDistribution:
        """The prior as a distribution of the parameters of mixtures of rows on this scale."""
        form, d = structure.form, reference.n_features
        law = law_of(form)
        degrees = law.per_component(self._degrees(law, d), n_components)
        scatter = self._scatter(structure, reference)
        return ParameterDistribution(
            structure,
            law,
            self._weights(n_components),
            np.full(n_components, float(self.mean_strength)),
            np.tile(prior_mean(self.mean, reference), (n_components, 1)),
            np.full(n_components, degrees),
            np.broadcast_to(scatter, form.shape(n_components, d)).copy(),
            reference.floor,
        )

    def _weights(self, n_components: int) -> WeightDistribution:
        alpha = np.asarray(1.0 / n_components if self.concentration is None else self.concentration)
        if alpha.shape not in ((), (n_components,)):
            raise ParameterError(
                f"the prior's concentration has shape {alpha.shape}; with "
                f"{count(n_components, 'component')} give one number or ({n_components},)"
            )
        if self.weights == "dirichlet":
            return DirichletWeights(np.full(n_components, 1.0) * alpha)
        if alpha.shape:
            raise ParameterError("the concentration of a Dirichlet process is one number")
        return StickBreakingWeights.of_concentration(float(alpha), n_components)

    def _degrees(self, law: PrecisionLaw, n_features: int) -> float:
        if self.degrees_of_freedom is None:
            return law.default_degrees(n_features)
        least = law.least_degrees(n_features)
        if not self.degrees_of_freedom > least:
            raise ParameterError(f"degrees_of_freedom is {self.degrees_of_freedom}; it must be above {least:g}")
        return float(self.degrees_of_freedom)

    def _scatter(self, structure: Structure, reference: Reference) -> Array:
        """S of one component as a scatter, raised to the floor, so that it can be factored."""
        form, d = structure.form, reference.n_features
        cells = float(d) if form is SPHERICAL else 1.0  # a spherical scatter is a trace
        if self.scale is None:
            compact = reference.complete_scatter / max(reference.total_weight - 1.0, 1.0) / cells
        else:
            compact = form.compress(_checked_scale(np.asarray(self.scale), d)[None])
        return np.asarray(cells * form.lift(compact, reference.floor))


def _checked_scale(scale: Array, n_features: int) -> Array:
    if scale.shape == (n_features, n_features) and np.allclose(scale, scale.T):
        symmetric = (scale + scale.T) / 2.0
        try:
            FULL.factor(symmetric[None])
        except np.linalg.LinAlgError:
            pass
        else:
            return symmetric
    raise ParameterError(f"the prior's scale must be a positive definite matrix ({n_features}, {n_features})")
