"""Draws from a mixture."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from gmix.base.arguments import LARGEST_COUNT, Rng, as_generator, is_count
from gmix.base.blas import one_blas_thread
from gmix.base.errors import ParameterError
from gmix.base.other_names import other_words
from gmix.model.background import Background
from gmix.model.components import Components
from gmix.model.dependence import Dependence
from gmix.model.kernel import kernel

__all__ = ["Draws", "RandomDraws", "Sampling"]

Array = NDArray[np.float64]
Draws = tuple[Array, NDArray[np.intp]]  # points ``(n, D)`` and the components ``(n,)`` that they came from
_OF_SAMPLE = {"size": "n={}", "n_samples": "n={}"}  # arguments of other libraries
_BLOCK = 1 << 20  # numbers that are drawn together


class RandomDraws(ABC):
    """The methods of a mixture of any family that draw independent points.

    Draws are made in blocks, whose sizes depend on the number of points and of columns alone. A seed therefore gives
    the same points block by block and all at once.
    """

    @property
    @abstractmethod
    def n_features(self) -> int: ...

    @abstractmethod
    def _draw(self, n: int, generator: np.random.Generator, threads: int | None) -> Draws:
        """Draw the points of one block, and their components."""

    @other_words(_OF_SAMPLE)
    def sample(self, n: int, *, rng: Rng = None, threads: int | None = None) -> Array:
        """Draw ``n`` independent points ``(n, D)``.

        The points have the same bits for any number of `threads`; None is every processor.

        >>> import gmix
        >>> gmix.GaussianMixture([1.0], [[3.0]], [[[4.0]]]).sample(2, rng=7).round(3)
        array([[4.721],
               [4.74 ]])
        """
        return self.sample_labelled(n, rng=rng, threads=threads)[0]

    @other_words(_OF_SAMPLE)
    def sample_blocks(self, n: int, *, rng: Rng = None, threads: int | None = None) -> Iterator[Array]:
        """Draw the points of `sample` in blocks, so that memory does not limit their number.

        The blocks together have the same bits as ``sample(n)`` with the same `rng`.

        >>> import gmix
        >>> mixture = gmix.GaussianMixture([1.0], [[3.0]], [[[4.0]]])
        >>> [len(block) for block in mixture.sample_blocks(3_000_000, rng=7)]
        [1048576, 1048576, 902848]
        """
        return (points for points, _ in self._blocks(n, rng, threads))

    @other_words(_OF_SAMPLE)
    def sample_labelled(self, n: int, *, rng: Rng = None, threads: int | None = None) -> tuple[Array, NDArray[np.intp]]:
        """Draw ``n`` points ``(n, D)``, and the components ``(n,)`` that they came from; -1 for the background."""
        return _joined(self._blocks(n, rng, threads), n)

    def _blocks(self, n: int, rng: Rng, threads: int | None) -> Iterator[Draws]:
        generator = as_generator(rng)
        return (self._draw(size, generator, threads) for size in _block_sizes(n, self.n_features))


class Sampling(RandomDraws):
    """The methods of a Gaussian mixture that draw points."""

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

    @one_blas_thread()
    def stratified_sample(self, n: int, *, rng: Rng = None, threads: int | None = None) -> Array:
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
            raise ParameterError(f"n is {n!r}; give the number of points to draw, from 0 to {LARGEST_COUNT:,}")
        if self.dependence is not None:
            return self.dependence.expand(self.independent_part.stratified_sample(n, rng=rng, threads=threads))
        generator, components, background = as_generator(rng), self.components, self.background
        labels = _systematic(generator, n, self.weights)
        outside = labels == len(self.weights)
        points = np.empty((n, components.means.shape[1]))
        if outside.any() and background is not None:
            points[outside] = background.sample(int(outside.sum()), generator)
        points[~outside] = _draw_of(generator, components, labels[~outside], threads)
        return points

    @one_blas_thread()
    def _draw(self, n: int, generator: np.random.Generator, threads: int | None) -> Draws:
        if self.dependence is not None:
            points, labels = self.independent_part.sample_labelled(n, rng=generator, threads=threads)
            return self.dependence.expand(points), labels
        components, background = self.components, self.background
        if background is None:
            labels = generator.choice(len(self.weights), size=n, p=self.weights)
            return _draw_of(generator, components, labels, threads), labels
        outside = generator.random(n) < background.weight
        labels = np.full(n, -1, np.intp)
        points = np.empty((n, components.means.shape[1]))
        points[outside] = background.sample(int(outside.sum()), generator)
        if not outside.all():
            weights, inside = self.weights / self.weights.sum(), int((~outside).sum())
            labels[~outside] = generator.choice(len(weights), size=inside, p=weights)
            points[~outside] = _draw_of(generator, components, labels[~outside], threads)
        return points, labels


def _block_sizes(n: int, n_features: int) -> Iterator[int]:
    """The numbers of points of the blocks in which ``n`` points are drawn; one block, of no point, if ``n`` is zero.

    Raises `ParameterError` if ``n`` is no count.
    """
    if not is_count(n, 0):
        raise ParameterError(f"n is {n!r}; give the number of points to draw, from 0 to {LARGEST_COUNT:,}")
    most = max(_BLOCK // n_features, 1)
    return (min(most, n - begin) for begin in range(0, max(n, 1), most))


def _joined(blocks: Iterator[Draws], n: int) -> Draws:
    """The draws of all blocks, of ``n`` points."""
    points, labels = next(blocks)
    if len(points) == n:
        return points, labels
    whole = np.empty((n, points.shape[1])), np.empty(n, np.intp)
    begin = 0
    for block in chain([(points, labels)], blocks):
        end = begin + len(block[0])
        for to, drawn in zip(whole, block, strict=True):
            to[begin:end] = drawn
        begin = end
    return whole


def _systematic(generator: np.random.Generator, n: int, weights: Array) -> NDArray[np.intp]:
    """Components ``(n,)`` in random order, in proportion to the weights up to one point; K for what they leave."""
    ends = np.cumsum(weights)
    if np.isclose(ends[-1], 1.0, rtol=0.0, atol=1e-12):
        ends /= ends[-1]
    positions = (np.arange(n) + generator.random()) / max(n, 1)
    return generator.permutation(np.searchsorted(ends, positions, "right"))


def _draw_of(
    generator: np.random.Generator, components: Components, labels: NDArray[np.intp], threads: int | None
) -> Array:
    """Draw a point ``(n, D)`` of each of these components ``(n,)``."""
    key, counter = generator.integers(2**64, size=2, dtype=np.uint64)
    return kernel.draw(components, labels, (int(key), int(counter)), threads)
