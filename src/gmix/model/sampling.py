"""Draws from a mixture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gmix.model.covariance import TIED, Form

__all__ = ["draw"]

Array = NDArray[np.float64]


def draw(
    generator: np.random.Generator, n: int, weights: Array, means: Array, factor: Array, form: Form
) -> tuple[Array, NDArray[np.intp]]:
    """Draw ``n`` points ``(n, D)`` and their components ``(n,)``; `factor` are compact Cholesky factors."""
    n_components, n_features = means.shape
    labels = generator.choice(n_components, size=n, p=weights)
    order = np.argsort(labels.astype(np.min_scalar_type(n_components)), kind="stable")
    ends = np.cumsum(np.bincount(labels, minlength=n_components))
    ordered = generator.standard_normal((n, n_features))
    # One component at a time, so that only its factor is expanded to a matrix.
    for k, (begin, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
        points = ordered[begin:end]
        points[:] = means[k] + form.apply(factor if form is TIED else factor[k : k + 1], points[None])[0]
    position = np.empty_like(order)
    position[order] = np.arange(n)
    return ordered.take(position, axis=0), labels.astype(np.intp, copy=False)
