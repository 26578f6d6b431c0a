"""The density that a sampler draws from: checked calls of the user's function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.arguments import as_numbers
from gmix.base.errors import ParameterError

__all__ = ["Bounds", "Target", "as_bounds"]

Array = NDArray[np.float64]
_TRIES = 100  # of drawing a start where the density is not zero


@dataclass(frozen=True, eq=False)
class Bounds:
    """A box outside which the density is zero: the lowest and highest coordinates, which may be infinite.

    They are ``(D,)``, or one number for all coordinates.
    """

    low: Array
    high: Array

    def hold(self, points: Array) -> NDArray[np.bool_]:
        """Return whether each point is in the box."""
        return np.asarray(((points >= self.low) & (points <= self.high)).all(axis=1))

    @property
    def are_finite(self) -> bool:
        return bool(np.isfinite(self.low).all() and np.isfinite(self.high).all())


def as_bounds(bounds: Any) -> Bounds | None:
    """The box of the argument `bounds`. Raises `ParameterError` if it is not a pair of lower and upper limits."""
    if bounds is None:
        return None
    try:
        low, high = bounds
    except (TypeError, ValueError):
        raise ParameterError(f"bounds is {bounds!r}; give a pair of lower and upper limits") from None
    low, high = np.broadcast_arrays(as_numbers(low, "bounds"), as_numbers(high, "bounds"))
    if low.ndim > 1 or not (low < high).all():
        raise ParameterError(f"bounds is {bounds!r}; give a pair of limits, the lower ones below the upper ones")
    return Bounds(low.astype(np.float64), high.astype(np.float64))


@dataclass(eq=False)
class Target:
    """The user's function with its bounds; it counts the points that it evaluates.

    Attributes
    ----------
    log_density : the user's function.
    bounds : points outside get minus infinity, and the function is not called for them.
    vectorized : whether the function takes several points ``(M, D)``, or one ``(D,)``.
    evaluations : the number of points so far.
    """

    log_density: Callable[[Array], ArrayLike]
    bounds: Bounds | None = None
    vectorized: bool = True
    evaluations: int = field(default=0, init=False)

    def __call__(self, points: Array, step: int) -> Array:
        """The log densities ``(M,)``. Raises `ParameterError` for NaN, infinity or another shape."""
        if self.bounds is None:
            return self._evaluated(points, np.arange(len(points)), step)
        inside = np.flatnonzero(self.bounds.hold(points))
        found = np.full(len(points), -np.inf)
        if len(inside):
            found[inside] = self._evaluated(points[inside], inside, step)
        return found

    def starts(self, chains: int, generator: np.random.Generator) -> Array:
        """Points ``(chains, D)`` within the bounds, drawn where the density is not zero."""
        assert self.bounds is not None
        low, high = self.bounds.low, self.bounds.high
        points = generator.uniform(low, high, (chains, len(low)))
        for _ in range(_TRIES):
            empty = np.isneginf(self(points, 0))
            if not empty.any():
                return points
            points[empty] = generator.uniform(low, high, (int(empty.sum()), len(low)))
        raise ParameterError("the density is zero almost everywhere within the bounds; give start= or narrower bounds")

    def _evaluated(self, points: Array, chains: NDArray[np.intp], step: int) -> Array:
        points.flags.writeable = False
        self.evaluations += len(points)
        values: NDArray[Any]
        if self.vectorized:
            values = np.asarray(self.log_density(points))
        else:
            values = np.array([np.asarray(self.log_density(point)) for point in points])
        if values.shape != (len(points),) or values.dtype.kind not in "fiu":
            raise ParameterError(self._shape_error(values, points))
        wrong = ~(values < np.inf)  # NaN compares false
        if wrong.any():
            i = int(np.argmax(wrong))
            raise ParameterError(
                f"log_density is {values[i]} at {points[i].tolist()} (step {step}, chain {chains[i]}); "
                "it must be finite, or -inf where the density is zero"
            )
        return values.astype(np.float64)

    def _shape_error(self, values: NDArray[Any], points: Array) -> str:
        returned = f"log_density returned {values.dtype} values of shape "
        if not self.vectorized:
            return f"{returned}{values.shape[1:]} for one point; with vectorized=False it must return one number"
        return (
            f"{returned}{values.shape} for points {points.shape}; it must return one number for each point, "
            f"({len(points)},), as lambda x: -0.5 * (x**2).sum(axis=1) does. A function of one point needs "
            "vectorized=False"
        )
