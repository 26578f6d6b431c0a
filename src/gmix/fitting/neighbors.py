"""Mixtures near a mixture: of another structure, or with a component duplicated, split or merged with another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from gmix.model.background import Background, left_weight
from gmix.model.covariance import FULL, SPHERICAL, Form, Structure
from gmix.model.frozen import Frozen
from gmix.model.mixture import GaussianMixture, compact_covariances, unchecked_mixture
from gmix.model.reference import RELATIVE_FLOOR
from gmix.model.student import AnyMixture, normal_part, same_family

__all__ = ["grow", "in_background", "in_structure", "merged_pairs", "merges", "nearest", "release", "splits"]

Array = NDArray[np.float64]
M = TypeVar("M", bound=AnyMixture)


def release(mixture: M, structure: Structure) -> M:
    """The same distribution, in a structure that contains the mixture's own."""
    same = structure.form is mixture.structure.form
    normal = normal_part(mixture)
    compact = compact_covariances(normal) if same else structure.form.compress(normal.covariances)
    weights, means = mixture.weights, mixture.means
    made = unchecked_mixture(weights, means, compact, structure, mixture.features, mixture.background)
    return same_family(mixture, made)


def in_background(mixture: M, background: Background, frozen: Frozen | None = None) -> M:
    """The mixture with part of its weight in a background, or with its own if it has one."""
    if mixture.background is not None:
        return mixture
    normal = normal_part(mixture)
    if frozen is not None:
        return same_family(mixture, frozen.with_background(normal, background))
    weights, compact = left_weight(background) * mixture.weights, compact_covariances(normal)
    made = unchecked_mixture(weights, mixture.means, compact, mixture.structure, mixture.features, background)
    return same_family(mixture, made)


def nearest(mixture: M, structure: Structure) -> M:
    """The mixture with the covariances of a structure that are nearest to its own."""
    weights, means, features, background = mixture.weights, mixture.means, mixture.features, mixture.background
    made = in_structure(weights, means, normal_part(mixture).covariances, structure, features, background)
    return same_family(mixture, made)


def in_structure(
    weights: Array,
    means: Array,
    dense: Array,
    structure: Structure,
    features: tuple[str, ...] | None,
    background: Background | None = None,
) -> GaussianMixture:
    """A mixture with the covariances of a structure that are nearest to these ``(K, D, D)``."""
    shares = structure.weights(weights)
    floor = RELATIVE_FLOOR * (shares @ dense.diagonal(axis1=1, axis2=2))
    compact = structure.lifted(structure.nearest(shares, FULL.lift(dense, floor)), floor)
    return unchecked_mixture(left_weight(background) * shares, means, compact, structure, features, background)


def merged_pairs(
    form: Form, weights: Array, means: Array, compact: Array, first: NDArray[np.intp], second: NDArray[np.intp]
) -> tuple[Array, Array, Array]:
    """The weights ``(P,)``, means ``(P, D)`` and compact covariances of pairs of components, each pair as one."""
    both = np.maximum(weights[first] + weights[second], np.finfo(float).tiny)
    share = weights[first] / both
    mean = share[:, None] * means[first] + (1.0 - share)[:, None] * means[second]
    between = form.outer(share * (1.0 - share), means[first] - means[second])
    if form is SPHERICAL:
        between = between / means.shape[1]
    share = share.reshape(-1, *(1,) * (compact.ndim - 1))
    return both, mean, share * compact[first] + (1.0 - share) * compact[second] + between


def merges(mixture: GaussianMixture, most: int) -> list[GaussianMixture]:
    """Mixtures in which two components are merged, for the pairs that lose least if each row belongs to one component.

    The loss is that of the classification likelihood: Banfield & Raftery (1993), *Biometrics* 49:803.
    """
    weights, means, dense, structure = mixture.weights, mixture.means, mixture.covariances, mixture.structure
    first, second = np.triu_indices(len(weights), 1)
    both, centers, whole = merged_pairs(FULL, weights, means, dense, first, second)
    spread = np.linalg.slogdet(dense)[1]
    loss = both * np.linalg.slogdet(whole)[1] - weights[first] * spread[first] - weights[second] * spread[second]
    merged = []
    for at in np.argsort(loss, kind="stable")[:most]:
        kept = np.delete(np.arange(len(weights)), second[at])
        new_weights, new_means, new_dense = weights.copy(), means.copy(), dense.copy()
        new_weights[first[at]] = both[at]
        new_means[first[at]] = centers[at]
        new_dense[first[at]] = whole[at]
        parameters = new_weights[kept], new_means[kept], new_dense[kept]
        merged.append(in_structure(*parameters, structure, mixture.features, mixture.background))
    return merged


def grow(mixture: M, n_components: int) -> M:
    """The same distribution with more components: the heaviest ones are duplicated and their weight is halved."""
    order = list(range(mixture.n_components))
    weights = list(mixture.weights)
    while len(order) < n_components:
        heaviest = int(np.argmax(weights))
        weights[heaviest] /= 2.0
        weights.append(weights[heaviest])
        order.append(order[heaviest])
    structure, background = mixture.structure, mixture.background
    shares = left_weight(background) * structure.weights(np.array(weights))
    compact = structure.form.take(compact_covariances(normal_part(mixture)), order)
    made = unchecked_mixture(shares, mixture.means[order], compact, structure, mixture.features, background)
    return same_family(mixture, made)


def splits(mixture: M, components: Sequence[int]) -> list[M]:
    """One mixture for each of the components, in which that component is split in two.

    It is split along its longest axis after standardizing the columns. The mean and covariance of the two halves
    together are those of the component, up to what the structure allows.
    """
    if not components:
        return []
    if mixture.structure.form.is_sketch:
        return [_split_along_factors(mixture, k) for k in components]
    normal, chosen = normal_part(mixture), np.asarray(components)
    structure, means, dense = normal.structure, normal.means, normal.covariances
    weights = mixture.without_background.weights
    offsets = means - weights @ means
    variances = dense.diagonal(axis1=1, axis2=2)
    unit = np.sqrt(weights @ (variances + offsets**2))
    values, vectors = np.linalg.eigh(dense[chosen] / unit / unit[:, None])
    steps = unit * vectors[:, :, -1] * np.sqrt(values[:, -1:]) / 2.0
    split = np.arange(len(chosen))
    orders = np.empty((len(chosen), len(means) + 1), np.intp)
    orders[:, :-1], orders[:, -1] = np.arange(len(means)), chosen
    moved, shares = means[orders], mixture.weights[orders]
    moved[split, chosen] += steps
    moved[:, -1] -= steps
    shares[split, chosen] = shares[:, -1] = mixture.weights[chosen] / 2.0
    if structure.equal_weights:
        shares[:] = left_weight(mixture.background) * structure.weights(shares[0])
    if structure.shared:
        compact = [structure.form.take(compact_covariances(normal), order) for order in orders]
    else:
        # If the units of the columns differ very much, the variances of the smaller ones may be rounding error.
        floors = RELATIVE_FLOOR * variances[chosen]
        halves = FULL.lift(dense[chosen] - FULL.outer(np.ones(len(chosen)), steps), floors)
        if structure.independent:
            covariances = compact_covariances(normal)[orders]
            covariances[split, chosen] = covariances[:, -1] = structure.form.compress(halves)
            compact = list(covariances)
        else:
            compact = []
            for order, half, floor, share in zip(orders, halves, floors, shares, strict=True):
                covariances = dense[order]
                covariances[[order[-1], -1]] = half
                compact.append(structure.lifted(structure.nearest(share, covariances), floor))
    return [
        same_family(
            mixture, unchecked_mixture(share, mean, covariance, structure, mixture.features, mixture.background)
        )
        for share, mean, covariance in zip(shares, moved, compact, strict=True)
    ]


def _split_along_factors(mixture: M, k: int) -> M:
    """The mixture with a component split in two along the longest axis of its factors; both halves keep its factors."""
    structure, means, background = mixture.structure, mixture.means, mixture.background
    order = [*range(mixture.n_components), k]
    compact = structure.form.take(compact_covariances(normal_part(mixture)), order)
    unit = np.sqrt(compact[k, :, 0] + (compact[k, :, 1:] ** 2).sum(1))
    left, values, _ = np.linalg.svd(compact[k, :, 1:] / unit[:, None], full_matrices=False)
    step = unit * left[:, 0] * values[0] / 2.0
    moved, weights = means[order], mixture.weights[order]
    moved[k] += step
    moved[-1] -= step
    weights[[k, -1]] = mixture.weights[k] / 2.0
    if structure.equal_weights:
        weights = left_weight(background) * structure.weights(weights)
    made = unchecked_mixture(weights, moved, compact, structure, mixture.features, background)
    return same_family(mixture, made)
