"""The common axes of ellipsoids of different shapes: the iterative part of the M-step of EVE and VVE."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["common_axes"]

Array = NDArray[np.float64]

_STEPS = 300
_WORK, _LEAST = 3e8, 10  # multiply-adds that all steps of many columns may cost, and the least number of steps
_GAIN = 1e-24  # nats per row; the last step is one that predicts no more, or for Newton steps no more than its root
_EASY = 12  # steps on the majorizing function before Newton steps
_NOISE = 1e-14  # nats per row; the accuracy of the minimized function, which is less for flat ellipsoids
_DEFINITE = 1e-30  # of the largest scatter along an axis; smaller ones are raised to this
_CUTS = 12  # times that a step is divided by four, if it would increase the function
_TURN = 0.5  # radians; a longer Newton step is cut
_PAIRS = 66  # of axes: beyond 12 features the Hessian would cost too much


def common_axes(scatter: Array, divisor: Array, volume: str) -> Array:
    r"""The orthogonal matrix ``(D, D)`` whose columns are the likeliest common axes of the scatter ``(K, D, D)``.

    With the best volumes and shapes for given axes, and :math:`v_{kd}` the scatter of component k along axis d, it
    remains to minimize

    .. math:: \sum_k n_k \sum_d \log v_{kd} \quad \text{(VVE)}, \qquad
              n D \log \sum_k \prod_d v_{kd}^{1/D} \quad \text{(EVE)}

    Flury & Gautschi (1986), *SIAM Journal on Scientific and Statistical Computing* 7:169, and Browne & McNicholas
    (2014), *Advances in Data Analysis and Classification* 8:217, minimize by rotations of pairs and by majorization.
    Here all pairs of axes turn at once: first on a majorizing function (linear in the scatter along the axes), which
    is enough for components that nearly share their axes, then by Newton's method on the rotations. No step increases
    the function.

    There may be several local minima. The search starts from the eigenvectors of the summed scatter and from those of
    each component's own, and returns the best minimum that it finds. So the result depends on the scatter alone, and
    rotates with it.
    """
    if scatter.shape[-1] == 1:
        return np.ones((1, 1))
    scatter = scatter / np.trace(scatter, axis1=1, axis2=2).max()
    problem = _Problem(scatter, divisor / divisor.sum(), volume)
    axes = np.linalg.eigh(np.concatenate([scatter.sum(0, keepdims=True), scatter]))[1]
    value = problem.value(problem.turned(axes))
    active = np.arange(len(axes))  # the starts that have not converged
    for count in range(min(_STEPS, _LEAST + int(_WORK / (axes.size * len(scatter) * scatter.shape[-1])))):
        here, before = axes[active], value[active]
        curved = count >= _EASY and len(problem.pairs[0]) <= _PAIRS
        step, predicted, noise = problem.step(here, curved)
        length = 1.0 / np.maximum(1.0, np.abs(step).max(1) / _TURN)
        for _ in range(_CUTS):
            there = _turn(here, step * length[:, None], problem.pairs)
            reached = problem.value(problem.turned(there))
            worse = ~(reached <= before + noise)
            if not worse.any():
                break
            length[worse] /= 4.0
        better = ~worse
        axes[active[better]], value[active[better]] = there[better], reached[better]
        active = active[better & (predicted > (np.maximum(noise, _GAIN**0.5) if curved else _GAIN))]
        if not len(active):
            break
    return np.asarray(axes[int(value.argmin())])


class _Problem:
    """The minimized function, for several sets of axes ``(S, D, D)`` at once."""

    def __init__(self, scatter: Array, share: Array, volume: str) -> None:
        self.scatter, self.share, self.volume = scatter, share, volume
        self.n_features = scatter.shape[-1]
        self.pairs = np.triu_indices(self.n_features, 1)
        self.rounding = np.finfo(np.float64).eps * np.trace(scatter, axis1=1, axis2=2)  # error of scatter along an axis

    def turned(self, axes: Array) -> Array:
        """The scatter ``(S, K, D, D)`` in the coordinates of each set of axes."""
        return np.asarray(axes.mT[:, None] @ self.scatter @ axes[:, None])

    def along(self, turned: Array) -> Array:
        """The scatter ``(S, K, D)`` along each axis, from the scatter in its coordinates."""
        along = np.diagonal(turned, axis1=2, axis2=3)
        return np.asarray(np.maximum(along, _DEFINITE * along.max()))

    def value(self, turned: Array) -> Array:
        """The minimized function ``(S,)``: twice the nats per row."""
        logs = np.log(self.along(turned)).sum(2)
        if self.volume == "V":
            return np.asarray(logs @ self.share)
        largest = logs.max(1)
        shares = np.exp((logs - largest[:, None]) / self.n_features)
        return np.asarray(largest + self.n_features * np.log(shares.sum(1)))

    def step(self, axes: Array, curved: bool) -> tuple[Array, Array, Array]:
        """The angles ``(S, P)`` by which each pair of axes turns, the predicted gain, and the gain lost in rounding.

        They are Newton's if `curved`, otherwise those of the majorizing function with the curvature of each pair alone.
        """
        turned = self.turned(axes)
        along, (i, j) = self.along(turned), self.pairs
        share = np.broadcast_to(self.share, along.shape[:2])
        if self.volume == "E":
            logs = np.log(along).mean(2)
            root = np.exp(logs - logs.max(1, keepdims=True))
            share = root / root.sum(1, keepdims=True)
        pull = share[..., None] / along  # (S, K, D): the derivative by the scatter along each axis
        across = turned[:, :, i, j]  # (S, K, P)
        slope = 2.0 * (across * (pull[:, :, i] - pull[:, :, j])).sum(1)
        # The majorizing function is linear in the scatter along the axes, so its curvature is never negative.
        majorant = 2.0 * ((pull[:, :, i] - pull[:, :, j]) * (along[:, :, j] - along[:, :, i])).sum(1)
        if not curved:
            step = -slope / np.maximum(majorant, 1e-300)
        else:
            # In units in which the majorizing function is round. Of negative curvatures the absolute value is used.
            root = np.sqrt(np.maximum(majorant, 1e-6 * majorant.max(1, keepdims=True) + 1e-300))
            curvature = self._curvature(turned, along, pull, across, share) / root[:, :, None] / root[:, None]
            values, vectors = np.linalg.eigh(curvature)
            inward = (vectors.mT @ (slope / root)[..., None])[..., 0] / np.maximum(np.abs(values), 1e-3)
            step = -(vectors @ inward[..., None])[..., 0] / root
        return step, -(step * slope).sum(1), np.maximum(pull.sum(2) @ self.rounding, _NOISE)

    def _curvature(self, turned: Array, along: Array, pull: Array, across: Array, share: Array) -> Array:
        sets, n_components, n_features = along.shape
        i, j = self.pairs
        # Second derivatives of the scatter along the axes, weighted by `pull`: a quadratic form for each row.
        rows = (pull.mT @ turned.reshape(sets, n_components, -1)).reshape(sets, n_features, n_features, n_features)
        own = np.einsum("siij->sij", rows)
        rows = 2.0 * (rows - (own + own.mT)[:, None] / 2.0)
        a, b, c, d = i[:, None], j[:, None], i[None], j[None]
        curvature = (
            (a == c) * rows[:, a, b, d]
            + (b == d) * rows[:, b, a, c]
            - (a == d) * rows[:, a, b, c]
            - (b == c) * rows[:, b, a, d]
        )
        # Products of first derivatives: those of the logarithm of the scatter along each axis by each angle.
        speed = np.zeros((sets, n_components, n_features, len(i)))
        pair = np.arange(len(i))
        speed[:, :, i, pair] = 2.0 * across / along[:, :, i]
        speed[:, :, j, pair] = -2.0 * across / along[:, :, j]
        weighted = (speed * share[..., None, None]).reshape(sets, -1, len(i))
        curvature -= weighted.mT @ speed.reshape(sets, -1, len(i))
        if self.volume == "E":
            mean = speed.mean(2)
            center = np.einsum("sk,skp->sp", share, mean)
            spread = np.einsum("sk,skp,skq->spq", share, mean, mean) - center[:, :, None] * center[:, None]
            curvature += n_features * spread
        return np.asarray(curvature)


def _turn(axes: Array, angles: Array, pairs: tuple[NDArray[np.intp], NDArray[np.intp]]) -> Array:
    """Turn each set of axes by small angles ``(S, P)``, one per pair, by the Cayley transform: they stay orthogonal."""
    i, j = pairs
    half = np.zeros_like(axes)
    half[:, j, i], half[:, i, j] = angles / 2.0, -angles / 2.0
    one = np.eye(axes.shape[-1])
    return np.asarray(axes @ np.linalg.solve(one - half, one + half))
