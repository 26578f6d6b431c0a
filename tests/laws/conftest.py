"""What the laws are tried on: three clouds that overlap, with labels that are mostly right."""

from __future__ import annotations

import hypothesis
import numpy as np
import pytest
from numpy.typing import NDArray

hypothesis.settings.register_profile("laws", derandomize=True, deadline=None, database=None, max_examples=40)
hypothesis.settings.load_profile("laws")

SIZES = (60, 45, 35)


@pytest.fixture(scope="session")
def points() -> NDArray[np.float64]:
    """140 points in 3 dimensions, on a grid of 2 ** -20: an offset of 1e8 loses no bit of them."""
    rng = np.random.default_rng(20)
    shapes = ([[1, 0, 0], [0.6, 0.8, 0], [0, 0.3, 0.5]], [[0.5, 0, 0], [0.2, 1, 0], [0.1, 0.4, 1.5]], np.eye(3))
    centers = ([0, 0, 0], [4, 1, -2], [1, 4, 3])
    clouds = [rng.standard_normal((n, 3)) @ np.transpose(a) + c for n, a, c in zip(SIZES, shapes, centers, strict=True)]
    table = np.round(np.vstack(clouds) * 2.0**20) / 2.0**20
    table.flags.writeable = False
    return table


@pytest.fixture(scope="session")
def labels() -> NDArray[np.intp]:
    """The cloud of each point, every tenth one wrong."""
    right = np.repeat(np.arange(3), SIZES)
    return np.where(np.arange(len(right)) % 10 == 0, (right + 1) % 3, right)
