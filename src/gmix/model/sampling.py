"""Draws from a mixture."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmix.base.arguments import Rng, as_generator, is_count
from gmix.base.blas import one_blas_thread
from gmix.base.errors import ParameterError
from gmix.model.background import Background
from gmix.model.components import Components
from gmix.model.covariance import TIED, Form
from gmix.model.dependence import Dependence

__all__ = ["Sampling"]

Array = NDArray[np.float64]


class Sampling(ABC):
    """The methods of a mixture that draw points."""

    weights: Array
    dependence: Dependence | None
    background: Background | None

    @property
    @abstractmethod
    def components(self) -> Components:
        """The components as the kernel takes them."""

    @property
    @abstractmethod
    def independent_part(self) -> Sampling:
        """The distribution of the independent columns."""

    def sample(self, n: int, *, rng: Rng = None) -> Array:
        """Draw ``n`` independent points ``(n, D)``.

        >>> import gmix
        >>> gmix.GaussianMixture([1.0], [[3.0]], [[[4.0]]]).sample(2, rng=7).round(3)
        array([[2.452],
               [1.219]])
        """
        return self.sample_labelled(n, rng=rng)[0]

    @one_blas_thread()
    def stratified_sample(self, n: int, *, rng: Rng = None) -> Array:
        r"""Draw ``n`` points ``(n, D)`` in random order, of which each component has its share up to one point.

        Component k has :math:`\lfloor n w_k \rfloor` or :math:`\lceil n w_k \rceil` points, by systematic sampling of
        the cumulated weights, so each point alone has the distribution of the mixture. Averages have smaller errors
        than those of independent draws: only the variance within components remains.

        Raises the errors of `sample`.

        >>> import gmix
        >>> mixture = gmix.GaussianMixture(
        ...     [0.25, 0.75], [[-9.0], [9.0]], [[[1.0]], [[1.0]]]
        ... )
        >>> int((mixture.stratified_sample(100, rng=7) < 0.0).sum())
        25
        """
        if not is_count(n, 0):
            raise ParameterError(f"n is {n!r}; give the number of points to draw")
        if self.dependence is not None:
            return self.dependence.expand(self.independent_part.stratified_sample(n, rng=rng))
        generator, components, background = as_generator(rng), self.components, self.background
        labels = _systematic(generator, n, self.weights)
        outside = labels == len(self.weights)
        points = np.empty((n, components.means.shape[1]))
        if outside.any() and background is not None:
            points[outside] = background.sample(int(outside.sum()), generator)
        own = labels[~outside]
        points[~outside] = _draw_of(generator, own, components.means, components.factor, components.form)
        return points

    @one_blas_thread()
    def sample_labelled(self, n: int, *, rng: Rng = None) -> tuple[Array, NDArray[np.intp]]:
        """Draw ``n`` points ``(n, D)``, and the components ``(n,)`` that they came from; -1 for the background."""
        if not is_count(n, 0):
            raise ParameterError(f"n is {n!r}; give the number of points to draw")
        if self.dependence is not None:
            points, labels = self.independent_part.sample_labelled(n, rng=rng)
            return self.dependence.expand(points), labels
        components, background = self.components, self.background
        parameters = self.weights, components.means, components.factor, components.form
        if background is not None:
            return _draw_with_background(as_generator(rng), n, *parameters, background)
        return _draw(as_generator(rng), n, *parameters)


def _draw(
    generator: np.random.Generator, n: int, weights: Array, means: Array, factor: Array, form: Form
) -> tuple[Array, NDArray[np.intp]]:
    """Draw ``n`` points ``(n, D)`` and their components ``(n,)``; `factor` are compact Cholesky factors."""
    labels = generator.choice(len(means), size=n, p=weights)
    return _draw_of(generator, labels, means, factor, form), labels.astype(np.intp, copy=False)


def _systematic(generator: np.random.Generator, n: int, weights: Array) -> NDArray[np.intp]:
    """Components ``(n,)`` in random order, in proportion to the weights up to one point; K for what they leave."""
    ends = np.cumsum(weights)
    if np.isclose(ends[-1], 1.0, rtol=0.0, atol=1e-12):
        ends /= ends[-1]
    positions = (np.arange(n) + generator.random()) / max(n, 1)
    return generator.permutation(np.searchsorted(ends, positions, "right"))


def _draw_of(
    generator: np.random.Generator, labels: NDArray[np.integer[Any]], means: Array, factor: Array, form: Form
) -> Array:
    """Draw a point ``(n, D)`` of each of these components ``(n,)``."""
    (n_components, n_features), n = means.shape, len(labels)
    order = np.argsort(labels.astype(np.min_scalar_type(n_components)), kind="stable")
    ends = np.cumsum(np.bincount(labels, minlength=n_components))
    ordered = generator.standard_normal((n, n_features))
    # One component at a time, so that only its factor is expanded to a matrix.
    for k, (begin, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
        points = ordered[begin:end]
        points[:] = means[k] + form.apply(factor if form is TIED else factor[k : k + 1], points[None])[0]
    position = np.empty_like(order)
    position[order] = np.arange(n)
    return ordered.take(position, axis=0)


def _draw_with_background(
    generator: np.random.Generator,
    n: int,
    weights: Array,
    means: Array,
    factor: Array,
    form: Form,
    background: Background,
) -> tuple[Array, NDArray[np.intp]]:
    """`_draw` for components with a background, whose points have the label -1."""
    outside = generator.random(n) < background.weight
    labels = np.full(n, -1, np.intp)
    points = np.empty((n, means.shape[1]))
    points[outside] = background.sample(int(outside.sum()), generator)
    if not outside.all():
        own = _draw(generator, int((~outside).sum()), weights / weights.sum(), means, factor, form)
        points[~outside], labels[~outside] = own
    return points, labels
