"""The common axes of ellipsoids of different shapes: the iterative part of the M-step of EVE and VVE."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["common_axes"]

Array = NDArray[np.float64]

_STEPS = 300
_WORK, _LEAST = 3e8, 10  # multiply-adds that limit the steps for many columns, and the least number of steps
_GAIN = 1e-24  # nats per row; iterations end when the predicted gain is below this (Newton steps: below its root)
_MAJORIZING_STEPS = 12  # before Newton steps
_NOISE = 1e-14  # nats per row; the rounding error of the minimized function, which is larger for flat ellipsoids
_DEFINITE = 1e-30  # of the largest scatter along an axis; smaller ones are raised to this
_CUTS = 12  # times that a step may be divided by four because it increases the function
_LONGEST = 0.5  # radians; a longer Newton step is cut
_PAIRS = 66  # of axes; beyond 12 features, Newton steps cost too much


def common_axes(scatter: Array, divisor: Array, volume: str) -> Array:
    r"""The orthogonal matrix ``(D, D)`` whose columns are the likeliest common axes of the scatter ``(K, D, D)``.

    With the best volumes and shapes for given axes, and :math:`v_{kd}` the scatter of component k along axis d, the
    axes minimize

    .. math:: \sum_k n_k \sum_d \log v_{kd} \quad \text{(VVE)}, \qquad
              n D \log \sum_k \prod_d v_{kd}^{1/D} \quad \text{(EVE)}

    Flury & Gautschi (1986), *SIAM Journal on Scientific and Statistical Computing* 7:169, minimize by rotations of
    pairs of axes, and Browne & McNicholas (2014), *Advances in Data Analysis and Classification* 8:217, by
    majorization. Here all pairs rotate at once: first on a majorizing function (linear in the scatter along the axes),
    which suffices for components with almost the same axes, then by Newton's method. No step increases the function.

    There may be several local minima. The search starts from the eigenvectors of the summed scatter and from those of
    each component's scatter, and returns the best minimum that it finds. So the result depends on the scatter alone,
    and rotates with it.
    """
    if scatter.shape[-1] == 1:
        return np.ones((1, 1))
    scatter = scatter / np.trace(scatter, axis1=1, axis2=2).max()
    problem = _Problem(scatter, divisor / divisor.sum(), volume)
    axes = np.linalg.eigh(np.concatenate([scatter.sum(0, keepdims=True), scatter]))[1]
    value = problem.value(problem.rotated(axes))
    active = np.arange(len(axes))  # the starts that have not converged
    for count in range(min(_STEPS, _LEAST + int(_WORK / (axes.size * len(scatter) * scatter.shape[-1])))):
        current, before = axes[active], value[active]
        newton = count >= _MAJORIZING_STEPS and len(problem.pairs[0]) <= _PAIRS
        step, predicted, noise = problem.step(current, newton)
        length = 1.0 / np.maximum(1.0, np.abs(step).max(1) / _LONGEST)
        for _ in range(_CUTS):
            trial = _rotate(current, step * length[:, None], problem.pairs)
            after = problem.value(problem.rotated(trial))
            worse = ~(after <= before + noise)
            if not worse.any():
                break
            length[worse] /= 4.0
        better = ~worse
        axes[active[better]], value[active[better]] = trial[better], after[better]
        active = active[better & (predicted > (np.maximum(noise, _GAIN**0.5) if newton else _GAIN))]
        if not len(active):
            break
    return np.asarray(axes[int(value.argmin())])


class _Problem:
    """The minimized function, for several sets of axes ``(S, D, D)`` at once."""

    def __init__(self, scatter: Array, share: Array, volume: str) -> None:
        self.scatter, self.share, self.volume = scatter, share, volume
        self.n_features = scatter.shape[-1]
        self.pairs = np.triu_indices(self.n_features, 1)
        self.rounding = np.finfo(np.float64).eps * np.trace(scatter, axis1=1, axis2=2)  # of the scatter along an axis

    def rotated(self, axes: Array) -> Array:
        """The scatter ``(S, K, D, D)`` in the coordinates of each set of axes."""
        return np.asarray(axes.mT[:, None] @ self.scatter @ axes[:, None])

    def along(self, rotated: Array) -> Array:
        """The scatter ``(S, K, D)`` along each axis, from the scatter in its coordinates."""
        along = np.diagonal(rotated, axis1=2, axis2=3)
        return np.asarray(np.maximum(along, _DEFINITE * along.max()))

    def value(self, rotated: Array) -> Array:
        """The minimized function ``(S,)``: twice the loss in nats per row."""
        logs = np.log(self.along(rotated)).sum(2)
        if self.volume == "V":
            return np.asarray(logs @ self.share)
        largest = logs.max(1)
        shares = np.exp((logs - largest[:, None]) / self.n_features)
        return np.asarray(largest + self.n_features * np.log(shares.sum(1)))

    def step(self, axes: Array, newton: bool) -> tuple[Array, Array, Array]:
        """The angles ``(S, P)`` by which each pair of axes rotates, the predicted gain, and its rounding error.

        The step is Newton's, or that of the majorizing function with the curvature of each pair alone.
        """
        rotated = self.rotated(axes)
        along, (i, j) = self.along(rotated), self.pairs
        share = np.broadcast_to(self.share, along.shape[:2])
        if self.volume == "E":
            logs = np.log(along).mean(2)
            root = np.exp(logs - logs.max(1, keepdims=True))
            share = root / root.sum(1, keepdims=True)
        gradient = share[..., None] / along  # (S, K, D), with respect to the scatter along each axis
        across = rotated[:, :, i, j]  # (S, K, P)
        slope = 2.0 * (across * (gradient[:, :, i] - gradient[:, :, j])).sum(1)
        # The majorizing function is linear in the scatter along the axes, so its curvature is never negative.
        majorant = 2.0 * ((gradient[:, :, i] - gradient[:, :, j]) * (along[:, :, j] - along[:, :, i])).sum(1)
        if not newton:
            step = -slope / np.maximum(majorant, 1e-300)
        else:
            # Angles are in units that give the majorizing function unit curvature. A negative curvature is replaced by
            # its absolute value, so that the step is a descent.
            root = np.sqrt(np.maximum(majorant, 1e-6 * majorant.max(1, keepdims=True) + 1e-300))
            curvature = self._curvature(rotated, along, gradient, across, share) / root[:, :, None] / root[:, None]
            values, vectors = np.linalg.eigh(curvature)
            solution = (vectors.mT @ (slope / root)[..., None])[..., 0] / np.maximum(np.abs(values), 1e-3)
            step = -(vectors @ solution[..., None])[..., 0] / root
        return step, -(step * slope).sum(1), np.maximum(gradient.sum(2) @ self.rounding, _NOISE)

    def _curvature(self, rotated: Array, along: Array, gradient: Array, across: Array, share: Array) -> Array:
        """The Hessian ``(S, P, P)`` of the minimized function with respect to the angles."""
        sets, n_components, n_features = along.shape
        i, j = self.pairs
        # Second derivatives of the scatter along the axes, weighted by the gradient: a quadratic form for each axis.
        forms = (gradient.mT @ rotated.reshape(sets, n_components, -1)).reshape(sets, *(n_features,) * 3)
        diagonal = np.einsum("siij->sij", forms)
        forms = 2.0 * (forms - (diagonal + diagonal.mT)[:, None] / 2.0)
        a, b, c, d = i[:, None], j[:, None], i[None], j[None]
        curvature = (
            (a == c) * forms[:, a, b, d]
            + (b == d) * forms[:, b, a, c]
            - (a == d) * forms[:, a, b, c]
            - (b == c) * forms[:, b, a, d]
        )
        # Products of first derivatives of the log scatter along each axis with respect to each angle.
        slopes = np.zeros((sets, n_components, n_features, len(i)))
        pair = np.arange(len(i))
        slopes[:, :, i, pair] = 2.0 * across / along[:, :, i]
        slopes[:, :, j, pair] = -2.0 * across / along[:, :, j]
        weighted = (slopes * share[..., None, None]).reshape(sets, -1, len(i))
        curvature -= weighted.mT @ slopes.reshape(sets, -1, len(i))
        if self.volume == "E":
            mean = slopes.mean(2)
            center = np.einsum("sk,skp->sp", share, mean)
            spread = np.einsum("sk,skp,skq->spq", share, mean, mean) - center[:, :, None] * center[:, None]
            curvature += n_features * spread
        return np.asarray(curvature)


def _rotate(axes: Array, angles: Array, pairs: tuple[NDArray[np.intp], NDArray[np.intp]]) -> Array:
    """Rotate each set of axes by small angles ``(S, P)`` of its pairs; the Cayley transform keeps them orthogonal."""
    i, j = pairs
    half = np.zeros_like(axes)
    half[:, j, i], half[:, i, j] = angles / 2.0, -angles / 2.0
    one = np.eye(axes.shape[-1])
    return np.asarray(axes @ np.linalg.solve(one - half, one + half))
