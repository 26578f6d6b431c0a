"""Random mixtures of every structure, for the laws of a distribution."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import gmix
from gmix.model.covariance import STRUCTURES, Structure

__all__ = ["each_structure", "random_mixture"]


def random_mixture(
    seed: int, n_components: int = 3, n_features: int = 2, spread: float = 2.0, scale: float = 1.0
) -> gmix.GaussianMixture:
    """A mixture with unrestricted covariances; `scale` is the unit of all columns."""
    rng = np.random.default_rng(seed)
    roots = rng.standard_normal((n_components, n_features, n_features)) + 0.5 * np.eye(n_features)
    covariances: NDArray[np.float64] = (roots @ roots.mT + 0.05 * np.eye(n_features)) * scale**2
    means = rng.standard_normal((n_components, n_features)) * spread * scale
    return gmix.GaussianMixture(rng.dirichlet(np.full(n_components, 2.0)), means, covariances)


def each_structure(n_features: int = 2) -> list[gmix.GaussianMixture]:
    """A mixture of each of the fourteen structures: the M-step from draws of a random mixture."""
    return [_of(structure, seed, n_features) for seed, structure in enumerate(STRUCTURES)]


def _of(structure: Structure, seed: int, n_features: int) -> gmix.GaussianMixture:
    full = random_mixture(seed, n_features=n_features)
    points, labels = full.sample_labelled(200, rng=seed)
    # Every component has some rows, also one of small weight.
    labels[: 3 * (n_features + 2)] = np.arange(3 * (n_features + 2)) % 3
    statistics = gmix.SufficientStatistics.from_responsibilities(structure.form, points, np.eye(3)[labels])
    return gmix.GaussianMixture.from_statistics(statistics, structure)
