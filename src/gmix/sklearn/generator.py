"""Random numbers of estimators, from scikit-learn's `random_state`."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import check_random_state

__all__ = ["as_random_generator"]


def as_random_generator(random_state: Any) -> np.random.Generator:
    """A generator from a seed, a ``numpy.random.RandomState``, a generator, or None for fresh entropy.

    >>> as_random_generator(0).integers(1000) - as_random_generator(np.random.RandomState(0)).integers(1000)
    np.int64(0)
    """
    if isinstance(random_state, np.random.Generator):
        return random_state
    return np.random.default_rng(check_random_state(random_state).randint(np.iinfo(np.int32).max))
