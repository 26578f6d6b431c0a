"""Starts from poorer candidates: a simpler structure's mixture under a richer one, and components that are split."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gmix.model.covariance import FULL, TIED, Structure
from gmix.model.mixture import GaussianMixture, compact_covariances, unchecked_mixture
from gmix.model.reference import RELATIVE_FLOOR

__all__ = ["grow", "release", "splits"]


def release(mixture: GaussianMixture, structure: Structure) -> GaussianMixture:
    """The same distribution, under a structure that allows more."""
    same = structure.form is mixture.structure.form
    compact = compact_covariances(mixture) if same else structure.form.compress(mixture.covariances)
    return unchecked_mixture(mixture.weights, mixture.means, compact, structure, mixture.features)


def grow(mixture: GaussianMixture, n_components: int) -> GaussianMixture:
    """The same distribution, its heaviest components written twice with half the weight."""
    order = list(range(mixture.n_components))
    weights = list(mixture.weights)
    while len(order) < n_components:
        heaviest = int(np.argmax(weights))
        weights[heaviest] /= 2.0
        weights.append(weights[heaviest])
        order.append(order[heaviest])
    shares, compact = mixture.structure.weights(np.array(weights)), _repeated(mixture, order)
    return unchecked_mixture(shares, mixture.means[order], compact, mixture.structure, mixture.features)


def splits(mixture: GaussianMixture, pieces: Sequence[int]) -> list[GaussianMixture]:
    """With one more component each: a piece cut across its longest axis, in deviations of the columns.

    Mean and covariance of its two halves together stay its own.
    """
    if not pieces:
        return []
    structure, means, dense, chosen = mixture.structure, mixture.means, mixture.covariances, np.asarray(pieces)
    away = means - mixture.weights @ means
    variances = dense.diagonal(axis1=1, axis2=2)
    unit = np.sqrt(mixture.weights @ (variances + away**2))
    values, vectors = np.linalg.eigh(dense[chosen] / unit / unit[:, None])
    steps = unit * vectors[:, :, -1] * np.sqrt(values[:, -1:]) / 2.0
    each = np.arange(len(chosen))
    orders = np.empty((len(chosen), len(means) + 1), np.intp)
    orders[:, :-1], orders[:, -1] = np.arange(len(means)), chosen
    moved, shares = means[orders], mixture.weights[orders]
    moved[each, chosen] += steps
    moved[:, -1] -= steps
    shares[each, chosen] = shares[:, -1] = mixture.weights[chosen] / 2.0
    if structure.equal_weights:
        shares[:] = structure.weights(shares[0])
    if structure.shared:
        compact = [_repeated(mixture, order) for order in orders]
    else:
        # Where columns are of very different units, the smaller ones may be left with nothing but rounding.
        floors = RELATIVE_FLOOR * variances[chosen]
        halves = FULL.lift(dense[chosen] - FULL.outer(np.ones(len(chosen)), steps), floors)
        if structure.independent:
            written = compact_covariances(mixture)[orders]
            written[each, chosen] = written[:, -1] = structure.form.compress(halves)
            compact = list(written)
        else:
            compact = []
            for order, half, floor, share in zip(orders, halves, floors, shares, strict=True):
                apart = dense[order]
                apart[[order[-1], -1]] = half
                compact.append(structure.form.lift(structure.nearest(share, apart), floor))
    return [
        unchecked_mixture(share, mean, covariance, structure, mixture.features)
        for share, mean, covariance in zip(shares, moved, compact, strict=True)
    ]


def _repeated(mixture: GaussianMixture, order: Sequence[int] | NDArray[np.intp]) -> NDArray[np.float64]:
    """The covariances of these components, compact."""
    compact = compact_covariances(mixture)
    return compact if mixture.structure.form is TIED else compact[order]
