"""Findings about the factors of a factor model."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gmix.base.findings import Finding
from gmix.base.wording import listed
from gmix.fitting.inspection.sample import NAMED, Sample
from gmix.model.covariance import Factors
from gmix.model.student import AnyMixture, normal_part

__all__ = ["about_factors"]

_HEYWOOD = 1e-3  # of the variance of a column; with less noise, factors explain the column completely


def about_factors(sample: Sample, mixture: AnyMixture) -> Iterator[Finding]:
    """Findings about the columns that the factors of a factor model explain completely."""
    if not isinstance(mixture.structure, Factors):
        return
    normal = normal_part(mixture)
    noise = normal.noise_variances
    little = noise < _HEYWOOD * (noise + (normal.loadings**2).sum(-1))
    little &= (normal.weights > 0.0)[:, None]
    if not little.any():
        return
    columns = np.flatnonzero(little.any(0))
    names = [f"{sample.column(int(j))} (component {listed(_numbers(little[:, j]))})" for j in columns]
    yield Finding(
        "Heywood case",
        f"factors explain more than 99.9 % of the variance of {listed(names, NAMED)}, so the noise there is near zero "
        "and the loadings are uncertain; try fewer factors, or tied or spherical noise",
    )


def _numbers(chosen: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> list[str]:
    return [str(k) for k in np.flatnonzero(chosen)]
