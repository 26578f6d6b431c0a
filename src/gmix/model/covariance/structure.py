"""The contract of a covariance structure: what K covariances have in common, and how to estimate them from scatter."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmix.base.arguments import is_number
from gmix.base.errors import ParameterError
from gmix.model.covariance.form import FULL, SPHERICAL, TIED, Form
from gmix.model.covariance.names import is_built_in, is_known, named
from gmix.model.covariance.tangents import Tangents, TangentsByDifferences

__all__ = ["ENOUGH_ROWS", "Structure"]

Array = NDArray[np.float64]
ENOUGH_ROWS = 5  # rows for a center and a size
_LEAST_WEIGHT = 1e-12  # replaces a weight of zero


class Structure(ABC):
    r"""What the K covariances of a mixture have in common.

    A structure is stateless. It answers all questions of gmix about the covariances of a mixture: in which form they
    are stored, how many parameters they have, how the M-step estimates them, and those below. Its code is for display
    and for files; nothing else depends on the letters. The weights may be equal too: `with_equal_weights` is a
    twin with an ``E`` before its code. The ratio of eigenvalues may be bounded: `with_covariance_ratio(50)` has ``:50``
    after its code.

    # Implementation
    Choose a code and a form (`gmix.covariance.FULL`, ``TIED``, ``DIAGONAL`` or ``SPHERICAL``), and write
    `n_covariance_parameters` and `covariances`. The defaults of the other methods are valid for any structure but
    cautious; override those for which you know more. `gmix.covariance.register` makes the structure known by name.
    """

    citation: str = ""  # authors and year, for the text of a report
    reference: str = ""  # the full bibliographic entry
    covariance_ratio: float | None = None  # the bound set by `with_covariance_ratio`

    def __init__(self, code: str, form: Form, name: str | None = None) -> None:
        self.code = code
        self.form = form
        self.name = name or code  # scikit-learn's name, if it has one
        self.with_free_weights: Structure = self

    def __repr__(self) -> str:
        return self.code

    def __copy__(self) -> Structure:
        return self

    def __deepcopy__(self, memo: object) -> Structure:
        return self

    def __reduce_ex__(self, protocol: Any) -> Any:  # a known structure is unpickled as this very object
        return (named, (self.code,)) if is_known(self) else super().__reduce_ex__(protocol)

    @property
    def called(self) -> str:
        """The code, followed by the name if it differs: ``VVV (full)``."""
        return self.code if self.name == self.code else f"{self.code} ({self.name})"

    def description(self, n_components: int, n_features: int) -> str:
        """A description of the covariances of such a mixture, to follow "components with"."""
        return f"covariances of structure {self.with_free_weights.called}"

    @property
    def built_in(self) -> bool:
        """Whether the structure comes with gmix, so that its code is known without `gmix.covariance.register`."""
        return is_built_in(self)

    # Weights.

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
        """The structure with equal weights if the other has equal weights, and with free weights if not."""
        return self.with_equal_weights if other.equal_weights else self.with_free_weights

    def weights(self, mass: Array) -> Array:
        """The likeliest weights ``(K,)`` of components of these masses; equal ones if no component has any mass."""
        total = mass.sum()
        return np.full(len(mass), 1.0 / len(mass)) if self.equal_weights or not total else mass / total

    # The ratio of eigenvalues.

    def with_covariance_ratio(self, ratio: float) -> Structure:
        """The same structure, restricted to covariances whose largest eigenvalue is at most `ratio` times the smallest.

        The bound is over all components and directions together (`gmix.model.covariance.bounded_ratio`). It replaces
        an earlier bound. Raises `ParameterError` for a ratio that is below 1 or not finite, and for structures without
        a known M-step under a bound.
        """
        if isinstance(ratio, bool) or not (is_number(ratio) and ratio >= 1):
            raise ParameterError(
                f"covariance_ratio is {ratio!r}; give a finite number, 1 or more: the largest allowed ratio of "
                "the largest eigenvalue of all covariances to the smallest"
            )
        return self._bounded(float(ratio)).with_weights_of(self)

    def _bounded(self, ratio: float) -> Structure:
        """The structure with this bound; the weights may be free or equal."""
        raise ParameterError(
            f"covariance_ratio does not apply to {self.called}; give 'VVV' (full), 'VVI' (diag) or 'VII' (spherical), "
            "or leave covariance_ratio out"
        )

    @property
    def without_covariance_ratio(self) -> Structure:
        """The same structure without a bound on the ratio of eigenvalues."""
        return self

    @property
    def can_bound_ratio(self) -> bool:
        """Whether `with_covariance_ratio` applies: whether the M-step under a bound is known."""
        return False

    # Numbers of parameters and rows.

    @abstractmethod
    def n_covariance_parameters(self, n_components: int, n_features: int) -> int:
        """The number of free parameters of the K covariances together."""

    def n_parameters(self, n_components: int, n_features: int) -> int:
        """The free parameters of a mixture: ``K - 1`` weights unless equal, ``K * D`` means, and the covariances'."""
        n_weights = 0 if self.equal_weights else n_components - 1
        return n_weights + n_components * n_features + self.n_covariance_parameters(n_components, n_features)

    def rows_needed(self, n_features: int) -> int:
        """The number of distinct rows below which the likelihood of a component is meaningless.

        D + 1 rows determine a covariance whose axes are estimated, and one more makes an accident unlikely. If the axes
        are those of the columns, a few rows determine a center and a size for any number of columns. A component that
        shares its covariance with the others cannot collapse, so one row is enough.
        """
        if self.shared:
            return 1
        return min(n_features + 2, ENOUGH_ROWS) if self.form.axis_aligned else n_features + 2

    def rows_to_trust(self, n_features: int) -> int:
        """The number of distinct rows below which a component is spurious: about twice `rows_needed`.

        The search prefers an optimum without spurious components to a more likely one with them. If a criterion
        compares candidates, `rows_needed` suffices, because the penalty for more components guards against small ones.
        """
        needed = self.rows_needed(n_features)
        return needed if needed == 1 else 2 * (needed - 1)

    def rows_needed_by_all(self, n_components: int, n_features: int) -> int:
        """The number of distinct rows below which K components must lie in planes, so that a fit is pointless."""
        return 1 if self.form.axis_aligned else n_components + n_features

    # Relations to other structures.

    def contains(self, other: Structure) -> bool:
        """Whether every mixture of the other structure is also one of this structure."""
        return other.with_free_weights is self.with_free_weights and self._allows_weights_of(other)

    def _allows_weights_of(self, other: Structure) -> bool:
        return other.equal_weights or not self.equal_weights

    def in_columns(self, n_features: int) -> Structure:
        """The structure under its name for this number of columns, if it has several names."""
        return self

    @property
    def in_one_column(self) -> Structure:
        """The structure of one column that is closest to this structure."""
        return self

    @property
    def marginal(self) -> Structure:
        """The simplest structure that all marginals and conditionals of such a mixture have.

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
        """Whether each component may have any covariance that the form can hold, independently of the others."""
        return False

    @property
    def direct(self) -> bool:
        """Whether the covariances are the scatter over its divisor, for each component alone or for all together.

        A bound on the ratio of their eigenvalues may restrict them further.
        """
        return False

    @property
    def turns(self) -> bool:
        """Whether the M-step has to find axes, which costs D^3 operations for each component."""
        return False

    @property
    def compiled_code(self) -> str:
        """The code of the structure in the compiled M-step; empty for structures that it does not know."""
        return ""

    def compiled_for(self, n_features: int) -> bool:
        """Whether the compiled M-step knows this structure and is faster than NumPy for this number of columns."""
        return bool(self.compiled_code)

    @abstractmethod
    def covariances(self, scatter: Array, divisor: Array, n_features: int) -> Array:
        r"""The likeliest covariances, compact, given scatter about the means (in `form`) and its divisors ``(K,)``.

        Among all covariances that the structure allows, they minimize

        .. math:: \sum_k n_k \log|\Sigma_k| + \mathrm{tr}(\Sigma_k^{-1} W_k)

        The divisors :math:`n_k` are the masses of the components plus what a prior adds, and are all above zero.
        """

    def lifted(self, compact: Array, floor: Array) -> Array:
        """Compact covariances of this structure, raised to the variances ``floor (D,)`` as by `Form.lift`.

        The M-step ends with this. A bound on the ratio of eigenvalues still holds afterwards.
        """
        return self.form.lift(compact, floor)

    def nearest(self, weights: Array, covariances: Array) -> Array:
        """The compact covariances of this structure with the least Kullback-Leibler divergence from ``(K, D, D)``.

        An M-step would estimate them from infinitely many rows with the given covariances.
        """
        if self.independent:
            return self.form.compress(covariances)
        n_components, n_features = covariances.shape[:2]
        share = np.maximum(weights, _LEAST_WEIGHT)
        # The scatter of the columns of a Cholesky factor is the covariance.
        points = FULL.factor(covariances).mT
        mass = np.broadcast_to(share[:, None], (n_components, n_features))
        return self.covariances(self.form.scatter(mass, points), share, n_features)

    # Conjugate priors.

    @property
    def has_studied_prior(self) -> bool:
        """Whether the literature or mclust has a conjugate prior for this structure."""
        return False

    def default_prior_scale(self, covariance: Array, n_components: int, n_features: int) -> Array:
        r"""The default scale of a prior, compact like the `covariance` of all rows as one component.

        It is that covariance divided by :math:`K^{2/D}`, so that K ellipsoids of this size have the volume of the
        ellipsoid of all rows (Fraley & Raftery 2007). For axis-aligned covariances it is spherical, as in mclust: the
        mean variance for every column.
        """
        if self.form.axis_aligned:
            covariance = np.maximum(covariance, 0.0)  # rounding may make the variance of a constant column negative
            covariance = np.full_like(covariance, self.form.trace(covariance) / n_features)
        return np.asarray(covariance / n_components ** (2.0 / n_features))

    def components_per_draw(self, n_components: int) -> int:
        """The number of components that share one draw of a covariance from its prior.

        Raises `ParameterError` if no prior of the covariances is known.
        """
        return n_components if self.shared else 1

    def prior_scale_shares(self, n_components: int) -> int:
        """The divisor of a prior's scale before the scale is added to the scatter of each component.

        If the form stores a covariance that all components share K times, the M-step sums K scatters, so each gets a
        K-th of the scale.
        """
        return self.components_per_draw(n_components) if self.form is not TIED else 1

    def prior_divisor(self, degrees_of_freedom: float, mean: float, n_components: int, n_features: int) -> float:
        r"""What a conjugate prior adds to the divisor of each component.

        The divisor is the factor of :math:`-\frac12 \log|\Sigma_k|` in the log density. The prior of a mean given its
        covariance contributes `mean`: one, or zero for a uniform prior. A draw of a covariance contributes
        `draw_divisor`, in equal parts to the components that share it.
        """
        return mean + self.draw_divisor(degrees_of_freedom, n_features) / self.components_per_draw(n_components)

    def draw_divisor(self, degrees_of_freedom: float, n_features: int) -> float:
        r"""What one draw of a covariance from its conjugate prior contributes to its divisor.

        The density of an inverse Wishart matrix has the power :math:`-(\nu + D + 1)/2` of its determinant, and that of
        an inverse gamma variance the power :math:`-(\nu + 2)/2` of the variance (Fraley & Raftery 2007). A
        spherical covariance has one variance for D columns, so the power of its determinant is a D-th of that.
        """
        if not self.form.axis_aligned:
            return degrees_of_freedom + (n_features + 1.0)
        draw = degrees_of_freedom + 2.0
        return draw / n_features if self.form is SPHERICAL else draw

    # Standard errors.

    def tangents(self, weights: Array, covariances: Array) -> Tangents:
        """The directions in which the covariances ``(K, D, D)`` of a mixture can move within the structure.

        By default they are found by differences of the M-step. Raises ``LinAlgError`` if float64 cannot represent them.
        """
        return TangentsByDifferences.of(self.nearest, self.form, weights, covariances)
