"""The parsimonious structures of Celeux & Govaert: volume, shape and orientation, each equal or variable."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from gmix.model.covariance.bounded_ratio import bounded_ratio
from gmix.model.covariance.ellipsoid_tangents import EllipsoidTangents
from gmix.model.covariance.form import FULL, SPHERICAL, TIED, Form
from gmix.model.covariance.names import named
from gmix.model.covariance.structure import ENOUGH_ROWS, Structure
from gmix.model.covariance.tangents import Tangents

__all__ = ["Parsimonious"]

Array = NDArray[np.float64]
_COMPILED_COLUMNS = 24  # up to which the compiled eigenvalue decomposition is faster than LAPACK's
_WORDS = {"E": "equal", "V": "varying"}
_AXES = {"I": "axes along the columns", "E": "common axes", "V": "axes of their own"}


class Parsimonious(Structure):
    r"""A structure that makes volumes, shapes and orientations equal or leaves them variable.

    .. math:: \Sigma_k = \lambda_k \, D_k A_k D_k^\top, \qquad |A_k| = 1

    with a volume :math:`\lambda_k`, a shape :math:`A_k` (diagonal) and an orientation :math:`D_k` (orthogonal). The
    code has mclust's three letters for these three, each equal (``E``) over the components, variable (``V``) or that
    of the identity (``I``); see Celeux & Govaert (1995), *Pattern Recognition* 28:781. In one column there is only a
    variance, and one letter: ``E`` or ``V``; `letters` are then those of the structure of several columns.
    """

    citation = "Celeux & Govaert 1995"
    reference = (
        "Celeux, G. & Govaert, G. (1995). Gaussian parsimonious clustering models. Pattern Recognition 28, 781-793."
    )

    def __init__(self, code: str, form: Form, name: str | None = None, letters: str | None = None) -> None:
        super().__init__(code, form, name)
        self.letters = letters or code
        self.volume, self.shape, self.orientation = tuple(self.letters)

    @property
    def compiled_code(self) -> str:
        return f"E{self.letters}" if self.equal_weights else self.letters

    def description(self, n_components: int, n_features: int) -> str:
        if n_features == 1:
            several = "one variance for all" if self.shared else "a variance for each"
            return several if n_components > 1 else "one variance"
        if n_components == 1:
            kind = "diagonal" if self.form.axis_aligned else "unrestricted"
            return f"a covariance that is {'spherical' if self.shape == 'I' else kind}"
        if self.shape == "I":
            return f"spheres of {_WORDS[self.volume]} size"
        if self.direct and not self.form.axis_aligned:
            return "one covariance for all" if self.shared else "a covariance for each"
        return (
            f"ellipsoids of {_WORDS[self.volume]} volume and {_WORDS[self.shape]} shape with {_AXES[self.orientation]}"
        )

    def n_covariance_parameters(self, n_components: int, n_features: int) -> int:
        times = {"I": 0, "E": 1, "V": n_components}
        angles = n_features * (n_features - 1) // 2
        return times[self.volume] + times[self.shape] * (n_features - 1) + times[self.orientation] * angles

    def rows_needed(self, n_features: int) -> int:
        if self.shared:
            return 1
        # Common axes are determined by the rows of all components.
        return n_features + 2 if self.orientation == "V" else min(n_features + 2, ENOUGH_ROWS)

    def rows_needed_by_all(self, n_components: int, n_features: int) -> int:
        if self.orientation == "I":
            return 1
        alone = n_components * (n_features + 1) if self.orientation == "V" and self.shape == "V" else 0
        return max(alone, n_components + n_features)

    def contains(self, other: Structure) -> bool:
        """Letter by letter, identity < equal < variable; an independent structure contains all that its form holds."""
        other = other.without_covariance_ratio
        if isinstance(other, Parsimonious):
            return _contains(self, other)
        form_holds = self.form is FULL or other.form in (self.form, SPHERICAL)
        return self.independent and form_holds and self._allows_weights_of(other)

    @property
    def can_bound_ratio(self) -> bool:
        return self.independent or self._has_one_eigenvalue

    @property
    def _has_one_eigenvalue(self) -> bool:
        """Whether all eigenvalues of all covariances are equal, so that their ratio is one."""
        return self.shared and (self.form is SPHERICAL or self.in_one_column is self)

    def _bounded(self, ratio: float) -> Structure:
        if self._has_one_eigenvalue:
            return self
        return bounded_ratio(self.with_free_weights, ratio) if self.independent else super()._bounded(ratio)

    @property
    def in_one_column(self) -> Structure:
        return named("V" if self.volume == "V" else "E").with_weights_of(self)

    @property
    def marginal(self) -> Structure:
        # Marginals of proportional ellipsoids are proportional; marginals of other ellipsoids that share a volume,
        # shape or orientation share none of these.
        if self.shape == "I" or (self.shape == "E" and self.orientation != "V"):
            return self.with_free_weights
        return named("VVI" if self.orientation == "I" else "VVV")

    @property
    def shared(self) -> bool:
        return "V" not in self.letters

    @property
    def independent(self) -> bool:
        return "E" not in self.letters

    @property
    def direct(self) -> bool:
        return self.independent or self.form is TIED

    @property
    def turns(self) -> bool:
        return self.shape + self.orientation in ("EV", "VE")

    def compiled_for(self, n_features: int) -> bool:
        return n_features <= _COMPILED_COLUMNS or not self.turns

    @property
    def has_studied_prior(self) -> bool:
        return True

    def tangents(self, weights: Array, covariances: Array) -> Tangents:
        return EllipsoidTangents.of(self.letters, covariances)


@cache
def _contains(richer: Parsimonious, poorer: Parsimonious) -> bool:
    codes = (structure.compiled_code.rjust(4, "V") for structure in (poorer, richer))  # "V" for free weights
    return all("IEV".index(one) <= "IEV".index(other) for one, other in zip(*codes, strict=True))
