"""The contract of a covariance structure: what K covariances have in common, and how to estimate them from scatter."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmix.model.covariance.form import FULL, SPHERICAL, TIED, Form
from gmix.model.covariance.names import is_known, is_own, named
from gmix.model.covariance.tangents import Tangents, TangentsByDifferences

__all__ = ["ENOUGH_ROWS", "Structure"]

Array = NDArray[np.float64]
ENOUGH_ROWS = 5  # rows for a center and a size
_SHADOW = 1e-12  # rows; a component of no weight counts as this many


class Structure(ABC):
    r"""What the K covariances of a mixture have in common.

    A structure is stateless. All that gmix needs to know about the covariances of a mixture, it asks the structure:
    the form in which they are stored, how many parameters they have, the M-step, and the questions below. The code is
    for display and for files, and no other code reads its letters. The weights may be equal too: `with_equal_weights`
    is a twin with an ``E`` before its code.

    # Implementation
    Choose a code and a form (`gmix.covariance.FULL`, ``TIED``, ``DIAGONAL`` or ``SPHERICAL``), and write
    `n_covariance_parameters` and `covariances`. The other answers are right for any structure, if cautious; override
    those that you know better. `gmix.covariance.register` makes the structure known by name.
    """

    citation: str = ""  # authors and year, for the text of a report
    reference: str = ""  # the whole entry of a bibliography

    def __init__(self, code: str, form: Form, name: str | None = None) -> None:
        self.code = code
        self.form = form
        self.name = name or code  # scikit-learn's word, where it has one
        self.with_free_weights: Structure = self

    def __repr__(self) -> str:
        return self.code

    def __copy__(self) -> Structure:
        return self

    def __deepcopy__(self, memo: object) -> Structure:
        return self

    def __reduce_ex__(self, protocol: Any) -> Any:  # a pickle of a known structure is read back as the one object
        return (named, (self.code,)) if is_known(self) else super().__reduce_ex__(protocol)

    @property
    def called(self) -> str:
        """The code, followed by the name if it is another word: ``VVV (full)``."""
        return self.code if self.name == self.code else f"{self.code} ({self.name})"

    def description(self, n_components: int, n_features: int) -> str:
        """What the covariances of such a mixture are, in words that follow "components with"."""
        return f"covariances of structure {self.with_free_weights.called}"

    @property
    def built_in(self) -> bool:
        """Whether the structure comes with gmix, so that its code is known without `gmix.covariance.register`."""
        return is_own(self)

    # The weights.

    @cached_property
    def with_equal_weights(self) -> Structure:
        """The same structure for components of equal weights."""
        if self.equal_weights:
            return self
        twin: Structure = object.__new__(type(self))
        twin.__dict__.update(
            self.__dict__, code=f"E{self.code}", name=f"{self.name}, equal weights", with_free_weights=self
        )
        return twin

    @property
    def equal_weights(self) -> bool:
        """Whether all components have the same weight."""
        return self.with_free_weights is not self

    def with_weights_of(self, other: Structure) -> Structure:
        """The structure with equal weights if those of the other are equal, and with free weights if not."""
        return self.with_equal_weights if other.equal_weights else self.with_free_weights

    def weights(self, mass: Array) -> Array:
        """The likeliest weights ``(K,)`` of components of these masses."""
        return np.full(len(mass), 1.0 / len(mass)) if self.equal_weights else mass / mass.sum()

    # Counting.

    @abstractmethod
    def n_covariance_parameters(self, n_components: int, n_features: int) -> int:
        """How many free parameters the K covariances have together."""

    def n_parameters(self, n_components: int, n_features: int) -> int:
        """Free parameters of the mixture: ``K - 1`` weights unless equal, ``K * D`` means, and the covariances'."""
        n_weights = 0 if self.equal_weights else n_components - 1
        return n_weights + n_components * n_features + self.n_covariance_parameters(n_components, n_features)

    def rows_needed(self, n_features: int) -> int:
        """On how many distinct rows a component must rest before its likelihood means anything.

        D + 1 rows span a covariance whose axes are estimated, and one more tells it from an accident. Where the axes
        are those of the columns, few rows determine a center and a size, however many columns there are. A component
        that shares its whole covariance with the others cannot shrink to a point: a single row may be a component.
        """
        if self.shared:
            return 1
        return min(n_features + 2, ENOUGH_ROWS) if self.form.axis_aligned else n_features + 2

    def rows_needed_by_all(self, n_components: int, n_features: int) -> int:
        """The number of distinct rows below which K components must lie in planes, so that no fit need be tried."""
        return 1 if self.form.axis_aligned else n_components + n_features

    # Relations to other structures.

    def contains(self, other: Structure) -> bool:
        """Whether every mixture of the other structure is also one of this structure."""
        return other.with_free_weights is self.with_free_weights and self._allows_weights_of(other)

    def _allows_weights_of(self, other: Structure) -> bool:
        return other.equal_weights or not self.equal_weights

    def in_columns(self, n_features: int) -> Structure:
        """The structure under the name that it has for this number of columns, if it has several."""
        return self

    @property
    def in_one_column(self) -> Structure:
        """The structure of the variances of one column that comes nearest to this structure."""
        return self

    @property
    def marginal(self) -> Structure:
        """The simplest structure that marginals and conditionals of any such mixture are known to have.

        Its weights are free, because the components of a conditional have other weights than those of the mixture.
        """
        if self.form.axis_aligned:
            return named("VII" if self.form is SPHERICAL else "VVI")
        return named("EEE" if self.form is TIED else "VVV")

    # The M-step.

    @property
    def shared(self) -> bool:
        """Whether all components have one covariance, even if the form stores it K times."""
        return self.form is TIED

    @property
    def independent(self) -> bool:
        """Whether each component may have any covariance that the form can hold, whatever the others have."""
        return False

    @property
    def direct(self) -> bool:
        """Whether the covariances are the scatter over its divisor, for each component or for all together."""
        return False

    @property
    def turns(self) -> bool:
        """Whether the M-step has to find axes, at a cost that grows with the cube of the columns for each component."""
        return False

    @property
    def compiled_code(self) -> str:
        """What the compiled M-step calls the structure; empty, because it knows none but gmix's own."""
        return ""

    def compiled_for(self, n_features: int) -> bool:
        """Whether the compiled M-step knows this structure, and is the faster one for this number of columns."""
        return bool(self.compiled_code)

    @abstractmethod
    def covariances(self, scatter: Array, divisor: Array, n_features: int) -> Array:
        r"""The likeliest covariances, compact, given scatter about the means (in `form`) and its divisors ``(K,)``.

        Among all covariances that the structure allows, they minimize

        .. math:: \sum_k n_k \log|\Sigma_k| + \mathrm{tr}(\Sigma_k^{-1} W_k)

        The divisors :math:`n_k` are the components' masses, plus what a prior adds to them; all are above zero.
        """

    def nearest(self, weights: Array, covariances: Array) -> Array:
        """The covariances of this structure, compact, with the least Kullback-Leibler divergence from given ones.

        The given ones are ``(K, D, D)``. The result is what an M-step reads from any number of rows drawn from them.
        """
        if self.independent:
            return self.form.compress(covariances)
        n_components, n_features = covariances.shape[:2]
        share = np.maximum(weights, _SHADOW)
        # The columns of a Cholesky factor are points whose scatter is the covariance itself.
        points = FULL.factor(covariances).mT
        mass = np.broadcast_to(share[:, None], (n_components, n_features))
        return self.covariances(self.form.scatter(mass, points), share, n_features)

    # Conjugate priors.

    @property
    def has_studied_prior(self) -> bool:
        """Whether the literature or mclust has a conjugate prior of this structure."""
        return False

    def default_prior_scale(self, covariance: Array, n_components: int, n_features: int) -> Array:
        r"""The scale of a prior that states none: compact, like the `covariance` of all rows as one component.

        It is that covariance divided by :math:`K^{2/D}`, so that K ellipsoids of this size have the volume of the one
        of all rows (Fraley & Raftery 2007). For covariances along the columns it is round, as in mclust: the mean
        variance along every column.
        """
        if self.form.axis_aligned:
            covariance = np.maximum(covariance, 0.0)  # rounding may leave a constant column less than zero
            covariance = np.full_like(covariance, self.form.trace(covariance) / n_features)
        return np.asarray(covariance / n_components ** (2.0 / n_features))

    def prior_scale_shares(self, n_components: int) -> int:
        """By how much the scale of a prior is divided before it is added to the scatter of each component.

        A covariance that all components share is one draw from the prior. Where it is stored K times, K scatters are
        added up, and each takes its share of the scale.
        """
        return n_components if self.shared and self.form is not TIED else 1

    def prior_divisor(self, degrees_of_freedom: float, mean: float, n_components: int, n_features: int) -> float:
        r"""What a conjugate prior adds to the divisor of each component.

        The divisor is the factor of :math:`-\frac12 \log|\Sigma_k|` in the log density. The prior of a mean given its
        covariance contributes `mean`: one, or zero if all means are equally probable. A draw of a covariance
        contributes `draw_divisor`; where all components share the covariance there is one draw for K of them.
        """
        return mean + self.draw_divisor(degrees_of_freedom, n_features) / (n_components if self.shared else 1)

    def draw_divisor(self, degrees_of_freedom: float, n_features: int) -> float:
        r"""What one draw of a covariance from its conjugate prior contributes to its divisor.

        The density of an inverse Wishart matrix has the power :math:`-(\nu + D + 1)/2` of its determinant, and that of
        an inverse gamma variance the power :math:`-(\nu + 2)/2` of the variance (Fraley & Raftery 2007, section 3). A
        spherical covariance has one variance for D columns, so that its determinant has one D-th of that power.
        """
        if not self.form.axis_aligned:
            return degrees_of_freedom + (n_features + 1.0)
        draw = degrees_of_freedom + 2.0
        return draw / n_features if self.form is SPHERICAL else draw

    # Standard errors.

    def tangents(self, weights: Array, covariances: Array) -> Tangents:
        """The directions in which the covariances ``(K, D, D)`` of a mixture can move within the structure.

        Here they are found by differences of the M-step. Raises ``LinAlgError`` where float64 cannot represent them.
        """
        return TangentsByDifferences.of(self.nearest, self.form, weights, covariances)
