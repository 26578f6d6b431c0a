"""The background of a mixture: rows that belong to no component, spread evenly over a box."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.arguments import as_numbers, is_number
from gmix.base.errors import ParameterError

__all__ = ["Background", "left_weight", "most_probable", "with_background"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False, init=False, repr=False)
class Background:
    r"""A uniform density in a box, one more component of a mixture, for rows that belong to none of the others.

    .. math:: u(x) = \prod_j \frac{1}{b_j - a_j} \text{ for } a \le x \le b, \text{ and } 0 \text{ elsewhere}

    It is the noise component of mclust: Banfield & Raftery (1993), *Biometrics* 49:803; Fraley & Raftery (2002),
    *Journal of the American Statistical Association* 97:611.

    Parameters
    ----------
    weight : the share of rows that belong to it, from 0 to 1.
    low, high : ``(D,)`` the box, in the units of the data.
    density : a constant density, in place of that of the box; `of_density` makes such a background.

    >>> background = Background(0.1, [0.0, 0.0], [4.0, 5.0])
    >>> background.log_density([[1.0, 1.0], [1.0, 9.0], [1.0, np.nan]]).round(3)
    array([-2.996,   -inf, -1.386])
    """

    weight: float
    low: Array
    high: Array
    density: float | None = None

    def __init__(self, weight: float, low: ArrayLike, high: ArrayLike, density: float | None = None) -> None:
        low, high = as_numbers(low, "low"), as_numbers(high, "high")
        if not (is_number(weight) and 0.0 <= weight <= 1.0):
            raise ParameterError(f"the background's weight is {weight!r}; give a number from 0 to 1")
        if low.ndim != 1 or low.shape != high.shape or not len(low) or not (low < high).all():
            raise ParameterError(
                f"the background's box is from {low.tolist()} to {high.tolist()}; give two corners (D,), low below high"
            )
        if density is None and not (np.isfinite(low).all() and np.isfinite(high).all()):
            raise ParameterError("the background's box is not finite; give finite corners")
        if not (density is None or (is_number(density) and density > 0.0)):
            raise ParameterError(f"the background's density is {density!r}; give a number above zero")
        low, high = np.array(low, np.float64), np.array(high, np.float64)
        low.flags.writeable = high.flags.writeable = False
        stated = None if density is None else float(density)
        vars(self).update(weight=float(weight), low=low, high=high, density=stated)

    def __repr__(self) -> str:
        if self.density is not None:
            return f"Background.of_density({self.weight!r}, {self.density!r}, {self.n_features})"
        return f"Background({self.weight!r}, {self.low.tolist()}, {self.high.tolist()})"

    @classmethod
    def of_density(cls, weight: float, density: float, n_features: int) -> Self:
        """A background of this density everywhere, such as the reciprocal of a volume of your own.

        It has no marginals, and no mean, and cannot be sampled.
        """
        everywhere = np.full(n_features, np.inf)
        return cls(weight, -everywhere, everywhere, density)

    @classmethod
    def around(cls, weight: float, low: Array, high: Array, least: Array) -> Self:
        """The background in the box of the rows; columns get a width of `least` ``(D,)`` at the least."""
        short = np.maximum(least - (high - low), 0.0) / 2.0
        return cls(weight, low - short, high + short)

    @property
    def n_features(self) -> int:
        return len(self.low)

    @property
    def log_densities(self) -> Array:
        """The log density ``(D,)`` of each column; they add up to that of a row."""
        if self.density is not None:
            return np.full(self.n_features, math.log(self.density) / self.n_features)
        return -np.log(self.high - self.low)

    def log_density(self, values: ArrayLike) -> Array:
        """The log density ``(N,)`` of rows ``(N, D)``, in nats; of a row with missing cells, that of the others."""
        rows = np.asarray(values)
        missing = np.isnan(rows)
        if missing.any():
            self._boxed("a density of rows with missing cells")
        inside = (missing | ((rows >= self.low) & (rows <= self.high))).all(1)
        return np.where(inside, np.where(missing, 0.0, self.log_densities).sum(1), -np.inf)

    def with_weight(self, weight: float) -> Self:
        """The same density with another weight."""
        return replace(self, weight=weight)

    @property
    def mean(self) -> Array:
        self._boxed("a mean")
        return self.low / 2.0 + self.high / 2.0

    @property
    def covariance(self) -> Array:
        self._boxed("a covariance")
        return np.diag((self.high - self.low) ** 2 / 12.0)

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Draw ``n`` points ``(n, D)``."""
        self._boxed("draws")
        return np.asarray(self.low + (self.high - self.low) * rng.random((n, self.n_features)))

    def select(self, columns: Sequence[int]) -> Self:
        """The density of some of the columns: their marginal, and their conditional given any values of the others."""
        chosen = list(columns)
        if chosen != list(range(self.n_features)):
            self._boxed("a density of some of the columns")
        return type(self)(self.weight, self.low[chosen], self.high[chosen], self.density)

    def affine(self, matrix: Array, offset: Array) -> Self:
        """The density of ``matrix @ x + offset``. Raises `ParameterError` if it is not constant in a box."""
        if self.density is not None and matrix.shape[0] == matrix.shape[1]:
            return type(self)(self.weight, self.low, self.high, self.density / abs(float(np.linalg.det(matrix))))
        entries = matrix != 0.0
        if (entries.sum(1) != 1).any() or (entries.sum(0) > 1).any():
            raise ParameterError(
                "the background is uniform in a box along the axes, and its image under this matrix is not; give a "
                "matrix with one entry in each row, or take mixture.without_background"
            )
        chosen = entries.argmax(1)
        part = self.select(chosen)
        scale = matrix[np.arange(len(matrix)), chosen]
        ends = scale * part.low + offset, scale * part.high + offset
        return type(self)(self.weight, np.minimum(*ends), np.maximum(*ends))

    def _boxed(self, what: str) -> None:
        """Raise `ParameterError` if the density was stated."""
        if self.density is not None:
            raise ParameterError(
                f"a background of a stated density has no {what.removeprefix('a ')}; fit with background=True, or take "
                "mixture.without_background"
            )

    @property
    def document(self) -> dict[str, Any]:
        """What a model file holds."""
        if self.density is not None:
            return {"weight": self.weight, "density": self.density, "n_features": self.n_features}
        return {"weight": self.weight, "low": self.low.tolist(), "high": self.high.tolist()}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        """The background of a document."""
        if "density" in document:
            return cls.of_density(document["weight"], document["density"], document["n_features"])
        return cls(document["weight"], document["low"], document["high"])


def left_weight(background: Background | None) -> float:
    """What a background leaves to the components: the sum of their weights."""
    return 1.0 if background is None else 1.0 - background.weight


def with_background(responsibilities: Array, background: Background | None) -> Array:
    """Responsibilities ``(N, K)``, and those of a background as one more column if there is one."""
    if background is None:
        return responsibilities
    return np.column_stack([responsibilities, np.maximum(1.0 - responsibilities.sum(1), 0.0)])


def most_probable(responsibilities: Array, background: Background | None) -> NDArray[np.intp]:
    """The most probable component ``(N,)`` of each row, or -1 for a background."""
    labels = with_background(responsibilities, background).argmax(1)
    return np.where(labels == responsibilities.shape[1], -1, labels)
