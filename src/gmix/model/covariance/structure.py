"""The contract of a covariance structure: what K covariances have in common, and how they are read from scatter."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cache

import numpy as np
from numpy.typing import NDArray

from gmix.model.covariance.form import FULL, Form

__all__ = ["Structure"]

Array = NDArray[np.float64]
_ENOUGH = 5  # rows for a center and a size
_SHADOW = 1e-12  # rows; a component of no weight counts as this many


class Structure(ABC):
    r"""What the K components of a mixture have in common.

    .. math:: \Sigma_k = \lambda_k \, D_k A_k D_k^\top, \qquad |A_k| = 1

    with a volume :math:`\lambda_k`, a shape :math:`A_k` (diagonal) and an orientation :math:`D_k` (orthogonal). A
    structure is stateless and named by mclust's three letters for these three, each equal (``E``) over the components,
    variable (``V``) or that of the identity (``I``); see Celeux & Govaert (1995), *Pattern Recognition* 28:781,
    table 1. Their weights may be equal too, which a fourth letter ``E`` before the three says. In one column there is
    only a variance, and one letter: ``E`` or ``V``.

    # Implementation
    Write `covariances`; all else follows from the letters.
    """

    def __init__(self, code: str, form: Form, name: str | None = None, letters: str | None = None) -> None:
        self.code = code
        self.form = form
        self.name = name or code  # scikit-learn's word, where it has one
        self.letters = letters or code  # of volume, shape and orientation, which the compiled kernel reads too
        self.volume, self.shape, self.orientation = tuple(self.letters)
        self.with_free_weights = self
        self.with_equal_weights: Structure = object.__new__(type(self))  # its twin, in all else the same
        self.with_equal_weights.__dict__.update(
            self.__dict__, code=f"E{code}", name=f"{self.name}, equal weights", letters=f"E{self.letters}"
        )

    def __repr__(self) -> str:
        return self.code

    def __reduce__(self) -> str | tuple[object, ...]:  # a copy or a pickle is the one object itself
        return (getattr, (self.with_free_weights, "with_equal_weights")) if self.equal_weights else self.code

    @property
    def called(self) -> str:
        """Its code, and what else it is called, if anything: ``VVV (full)``."""
        return self.code if self.name == self.code else f"{self.code} ({self.name})"

    @property
    def turns(self) -> bool:
        """Does its M-step have to find axes? That grows with the cube of the features, component by component."""
        return self.shape + self.orientation in ("EV", "VE")

    @property
    def equal_weights(self) -> bool:
        return self.with_free_weights is not self

    def weights(self, mass: Array) -> Array:
        """The likeliest weights ``(K,)`` of components of these masses."""
        return np.full(len(mass), 1.0 / len(mass)) if self.equal_weights else mass / mass.sum()

    @property
    def shared(self) -> bool:
        """One covariance for all components, whether or not its form writes it K times."""
        return "V" not in self.letters

    @property
    def independent(self) -> bool:
        """Each covariance its component's own, whatever the others are."""
        return "E" not in self.with_free_weights.letters

    def n_covariance_parameters(self, n_components: int, n_features: int) -> int:
        """How many free parameters the K covariances spend."""
        times = {"I": 0, "E": 1, "V": n_components}
        turns = n_features * (n_features - 1) // 2
        return times[self.volume] + times[self.shape] * (n_features - 1) + times[self.orientation] * turns

    def rows_needed(self, n_features: int) -> int:
        """On how many distinct rows a component must rest before its likelihood means anything.

        D + 1 rows span a covariance with axes of its own, and one more tells it from an accident. Where the axes are
        given, or common to all components, few rows tell a center and a size, however many columns there are. A
        component that shares its whole covariance with the others has nothing to shrink to: one row may be one.
        """
        if self.shared:
            return 1
        return n_features + 2 if self.orientation == "V" else min(n_features + 2, _ENOUGH)

    def rows_needed_by_all(self, n_components: int, n_features: int) -> int:
        """On fewer distinct rows than this, so many components lie in a plane, and a fit need not be tried."""
        if self.orientation == "I":
            return 1
        own = n_components * (n_features + 1) if self.orientation == "V" and self.shape == "V" else 0
        return max(own, n_components + n_features)

    @abstractmethod
    def covariances(self, scatter: Array, divisor: Array, n_features: int) -> Array:
        r"""The likeliest covariances, compact, given scatter about the means (in `form`) and its divisors ``(K,)``.

        They minimize, among all that the structure allows,

        .. math:: \sum_k n_k \log|\Sigma_k| + \mathrm{tr}(\Sigma_k^{-1} W_k)

        The divisors :math:`n_k` are the components' masses, plus what a prior adds to them; all are above zero.
        """

    def nearest(self, weights: Array, covariances: Array) -> Array:
        """The covariances of this structure, compact, nearest to given ones ``(K, D, D)`` in Kullback's sense.

        They are what an M-step would make of any number of rows drawn from the given ones.
        """
        if self.independent:
            return self.form.compress(covariances)
        n_components, n_features = covariances.shape[:2]
        share = np.maximum(weights, _SHADOW)
        # The columns of a Cholesky factor are points whose scatter is the covariance itself.
        points = FULL.factor(covariances).mT
        mass = np.broadcast_to(share[:, None], (n_components, n_features))
        return self.covariances(self.form.scatter(mass, points), share, n_features)

    def within(self, other: Structure) -> bool:
        """Is every mixture of this structure also one of the other's? Identity < equal < variable, letter by letter."""
        return _is_within(self.letters.rjust(4, "V"), other.letters.rjust(4, "V"))  # free weights may be equal ones

    def n_parameters(self, n_components: int, n_features: int) -> int:
        """Free parameters of the mixture: ``K - 1`` weights unless equal, ``K * D`` means, and the covariances'."""
        n_weights = 0 if self.equal_weights else n_components - 1
        return n_weights + n_components * n_features + self.n_covariance_parameters(n_components, n_features)


@cache
def _is_within(mine: str, theirs: str) -> bool:
    return all("IEV".index(one) <= "IEV".index(other) for one, other in zip(mine, theirs, strict=True))
