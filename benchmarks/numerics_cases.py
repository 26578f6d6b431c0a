"""Mixtures and points on which the errors of gmix are measured: sound ones, and those at the limits of float64."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from fifty_digits import Parameters
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Case(NamedTuple):
    """A mixture, points ``(N, D)`` of float32 or float64, and the standard deviations ``(D,)`` of their errors."""

    name: str
    parameters: Parameters
    points: NDArray[np.floating]
    errors: Array | None = None


class Distribution(NamedTuple):
    """A mixture of one or two columns, points, and the relative error that its distribution function may have."""

    name: str
    parameters: Parameters
    points: Array
    allowance: float


def sound(n_columns: int, n_components: int) -> Parameters:
    """Overlapping components of moderate correlations."""
    rng = np.random.default_rng(n_columns)
    factors = rng.normal(size=(n_components, n_columns, n_columns)) / 2.0 + np.eye(n_columns)
    covariances = factors @ factors.transpose(0, 2, 1)
    weights = np.full(n_components, 1.0 / n_components)
    return Parameters(weights, 2.0 * rng.normal(size=(n_components, n_columns)), symmetric(covariances))


def symmetric(covariances: Array) -> Array:
    return (covariances + covariances.transpose(0, 2, 1)) / 2.0


def correlated(correlation: float, scales: Array) -> Parameters:
    """Two overlapping components of two columns with this correlation."""
    matrix = np.array([[1.0, correlation], [correlation, 1.0]]) * np.outer(scales, scales)
    means = np.array([[0.0, 0.0], [0.5, 0.5 + np.sqrt(1.0 - correlation)]]) * scales
    return Parameters(np.array([0.25, 0.75]), means, np.stack([matrix, 2.0 * matrix]))


def around(parameters: Parameters, n: int = 40, deviations: float = 1.0) -> Array:
    """Draws from the components, this many times as far from their means."""
    rng = np.random.default_rng(n)
    which = rng.integers(len(parameters.weights), size=n)
    factors = np.linalg.cholesky(parameters.covariances)
    z = deviations * rng.normal(size=(n, parameters.means.shape[1]))
    return parameters.means[which] + np.einsum("nij,nj->ni", factors[which], z)


def rescaled(parameters: Parameters, scales: Array, offset: float = 0.0) -> Parameters:
    return Parameters(
        parameters.weights, parameters.means * scales + offset, parameters.covariances * np.outer(scales, scales)
    )


def with_holes(points: Array) -> Array:
    return np.where(np.random.default_rng(1).uniform(size=points.shape) < 0.3, np.nan, points)


def _cases() -> list[Case]:
    plain, wide = sound(3, 3), sound(20, 2)
    ones, mixed = np.ones(2), np.array([1e-8, 1e8])
    narrow, nearly = correlated(1.0 - 1e-6, ones), correlated(1.0 - 1e-10, ones)
    offset = rescaled(plain, np.full(3, 1e-4), 1e8)
    unequal = rescaled(plain, np.array([1e-8, 1.0, 1e8]))
    large, small = rescaled(plain, np.full(3, 1e150)), rescaled(plain, np.full(3, 1e-150))
    beside = Parameters(plain.weights, plain.means, plain.covariances * np.array([1e-12, 1.0, 1e12])[:, None, None])
    i = np.arange(1.0, 7.0)
    hilbert = Parameters(np.ones(1), np.zeros((1, 6)), 1.0 / (i[:, None] + i - 1.0)[None])
    low_rank = np.random.default_rng(0).normal(size=(20, 3))
    factors = Parameters(np.ones(1), np.zeros((1, 20)), symmetric((low_rank @ low_rank.T + 1e-8 * np.eye(20))[None]))
    return [
        Case("3 columns", plain, around(plain)),
        Case("3 columns, missing cells", plain, with_holes(around(plain))),
        Case("3 columns, measurement errors", plain, around(plain), np.array([0.1, 1.0, 10.0])),
        Case("3 columns, float32 rows", plain, around(plain).astype(np.float32)),
        Case("3 columns, 1000 deviations away", plain, around(plain, deviations=1e3)),
        Case("3 columns, 1e8 deviations away", plain, around(plain, deviations=1e8)),
        Case("20 columns", wide, around(wide)),
        Case("20 columns, float32 rows", wide, around(wide).astype(np.float32)),
        Case("scales 1e-8, 1 and 1e8", unequal, around(unequal)),
        Case("scale 1e150", large, around(large)),
        Case("scale 1e-150", small, around(small)),
        Case("offset 1e12 times the scale", offset, around(offset)),
        Case("deviations 1e-6, 1 and 1e6", beside, around(beside)),
        Case("correlation 1 - 1e-6", narrow, around(narrow)),
        Case("correlation 1 - 1e-10", nearly, around(nearly)),
        Case("correlation 1 - 1e-10, far away", nearly, around(sound(2, 2), deviations=10.0)),
        Case("correlation 1 - 1e-10, float32 rows", nearly, around(nearly).astype(np.float32)),
        Case("correlation 1 - 1e-10, measurement errors", nearly, around(nearly), np.array([1e-8, 1e-3])),
        Case("correlation 1 - 1e-10, scales 1e-8, 1e8", rescaled(nearly, mixed), around(rescaled(nearly, mixed))),
        Case("Hilbert matrix, 6 columns", hilbert, around(hilbert)),
        Case("Hilbert matrix, missing cells", hilbert, with_holes(around(hilbert))),
        Case("20 columns, 3 factors, noise 1e-8", factors, around(factors)),
    ]


def _distributions() -> list[Distribution]:
    rounding = np.finfo(float).eps
    one = Parameters(np.array([0.25, 0.75]), np.array([[0.0], [2.0]]), np.array([[[1.0]], [[0.25]]]))
    center, tail, farther = np.linspace(-4, 6, 21), np.linspace(-12, -4, 9), np.linspace(-37, -12, 9)
    half, nearly = correlated(0.5, np.ones(2)), correlated(1.0 - 1e-10, np.ones(2))
    alone = Parameters(np.ones(1), nearly.means[:1], nearly.covariances[:1])
    corners = np.random.default_rng(0).uniform(-3.0, 3.0, size=(12, 2))
    return [
        Distribution("1 column", one, center[:, None], 32 * rounding),
        Distribution("1 column, 4 to 12 deviations below", one, tail[:, None], 12**2 * 4 * rounding),
        Distribution("1 column, 12 to 37 deviations below", one, farther[:, None], 37**2 * 4 * rounding),
        Distribution("2 columns", half, corners, 1e-10),
        Distribution("2 columns, 4 to 10 deviations below", half, np.linspace(-10, -4, 5)[:, None] * np.ones(2), 1e-10),
        Distribution("2 columns, correlation 1 - 1e-10", alone, np.repeat(corners[:, :1], 2, 1), 1e-10),
    ]


CASES, DISTRIBUTIONS = _cases(), _distributions()
