"""The contract of a form: how covariances and scatter matrices are stored."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["Form"]

Array = NDArray[np.float64]


class Form(ABC):
    """How covariances are stored, factored and applied.

    # Implementation
    Every method that returns a scatter or a covariance returns it symmetric to the last bit.
    """

    name: str
    code: ClassVar[int]  # of the form in the compiled kernel
    axis_aligned: ClassVar[bool] = False  # whether the axes of every covariance are those of the columns
    compiled: ClassVar[bool] = True  # whether the compiled kernel knows the form
    is_sketch: ClassVar[bool] = False  # whether a scatter depends on the covariances under which it was computed

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> Any:  # a copy or an unpickled form is this very object
        return self.name.upper()

    @abstractmethod
    def shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        """The shape of a compact array."""

    def scatter_shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        """The shape of a scatter; most forms store it like covariances."""
        return self.shape(n_components, n_features)

    def factor_shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        """The shape of factors and whiteners."""
        return self.shape(n_components, n_features)

    @property
    def of_reference(self) -> Form:
        """The form in which the scatter of all rows is stored; see `gmix.model.reference.Reference`."""
        return self

    @abstractmethod
    def dense(self, compact: Array, n_components: int, n_features: int) -> Array:
        """The covariances as ``(K, D, D)``."""

    @abstractmethod
    def compress(self, dense: Array) -> Array:
        """Covariances ``(K, D, D)`` as a compact array; entries that the form does not store are dropped."""

    def take(self, compact: Array, components: Sequence[int] | NDArray[np.intp]) -> Array:
        """The compact array of these components, in this order; a component may occur several times."""
        return compact[components]

    @abstractmethod
    def factor(self, compact: Array) -> Array:
        """The lower Cholesky factors ``L`` with ``L L' = covariance``; ``LinAlgError`` if one does not exist."""

    @abstractmethod
    def whitener(self, factor: Array) -> Array:
        """The inverses ``W`` of the Cholesky factors."""

    @abstractmethod
    def log_determinant(self, factor: Array, n_components: int, n_features: int) -> Array:
        """``log |L|`` of each component, ``(K,)``: half the log-determinant of its covariance."""

    @abstractmethod
    def apply(self, matrices: Array, vectors: Array) -> Array:
        """Multiply factors or whiteners with a block of vectors for each component, ``(K, ..., D)``."""

    @abstractmethod
    def outer(self, mass: Array, vectors: Array) -> Array:
        """The scatter of points ``vectors (K, D)`` of the given mass ``(K,)`` about zero."""

    @abstractmethod
    def scatter(self, mass: Array, vectors: Array) -> Array:
        """The scatter about zero of ``vectors (K, N, D)``, weighted by ``mass (K, N)``."""

    def scatter_of_all(self, scatter: Array, mass: Array, steps: Array) -> Array:
        """The scatter of all rows, in the form `of_reference`; `steps` are the means less the mean of all rows."""
        return np.asarray(self.total(scatter) + self.total(self.outer(mass, steps)))

    def of_reference_scatter(self, scatter: Array) -> Array:
        """A scatter in this form, from one in the form `of_reference`."""
        return scatter

    def add(self, one: Array, other: Array) -> Array:
        """The sum of two scatters about the same means."""
        return one + other

    def times(self, scatter: Array, factor: Array | float) -> Array:
        """A scatter multiplied by a factor, or by one for each component ``(K,)`` if it is not tied."""
        return np.asarray(scatter * np.reshape(factor, (-1, *(1,) * (scatter.ndim - 1))))

    def shifted(self, scatter: Array, mass: Array, steps: Array) -> Array:
        """The scatter about points that differ by ``steps (K, D)`` from the means of components of this mass."""
        return np.asarray(scatter + self.outer(mass, steps))

    def scatter_lifted(self, scatter: Array, divisor: Array, floor: Array) -> Array:
        """The scatter of K components whose covariances, without a structure, are at least at the floor."""
        divisors = divisor.reshape(-1, *(1,) * (scatter.ndim - 1))
        return np.asarray(divisors * self.lift(scatter / divisors, floor))

    def quadratic(self, whitener: Array, scatter: Array) -> float:
        """The sum over all components and points of the squared norms of the whitened deviations."""
        return self.trace(self.congruence(whitener, scatter))

    def covariances(self, factor: Array, n_features: int) -> Array:
        """The compact covariances ``L L'``."""
        return self.congruence(factor, self.compress(np.eye(n_features)[None]))

    @abstractmethod
    def congruence(self, factor: Array, scatter: Array) -> Array:
        """``L scatter L'``: convert a scatter from whitened coordinates to those of the data."""

    @abstractmethod
    def trace(self, scatter: Array) -> float:
        """The sum of the diagonals, over coordinates and components."""

    @abstractmethod
    def variances(self, total: Array, n_features: int) -> Array:
        """The diagonal ``(D,)`` of a one-component or tied scatter; if spherical, the mean of the diagonal, D times."""

    @abstractmethod
    def total(self, scatter: Array) -> Array:
        """The sum of a scatter over its components, as a scatter of one component."""

    @abstractmethod
    def widened(self, compact: Array, variances: Array) -> Array:
        """The covariances with ``diag(variances (D,))`` added; if spherical, with the smallest of these variances."""

    @abstractmethod
    def smallest(self, compact: Array, floor: Array) -> Array:
        """The smallest variance of each covariance in any direction, in units of the variances ``floor (D,)``."""

    @abstractmethod
    def lift(self, compact: Array, floor: Array) -> Array:
        """The same covariances, with eigenvalues below half of ``diag(floor)`` raised to it.

        They are symmetric to the last bit and can be factored, because eigenvalues that float64 cannot distinguish
        from zero are raised too.
        """
