"""A mixture of one feature as a random variable of SciPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from gmix.base.errors import ParameterError
from gmix.exchange.contract import Mixture

__all__ = ["random_variable"]


def random_variable(mixture: Mixture) -> Any:
    """A ``scipy.stats.Mixture`` of normal distributions, and of a uniform one for a background."""
    if mixture.n_features > 1:
        raise ParameterError(
            f"to_scipy needs a mixture of one feature, not {mixture.n_features}, as scipy.stats.Mixture does; "
            "take a marginal first, or condition on the other features"
        )
    try:
        from scipy.stats import Mixture as RandomMixture, Normal, Uniform
    except ImportError:
        raise ImportError("to_scipy needs SciPy 1.15 or newer; install it with: pip install 'scipy>=1.15'") from None
    present = np.flatnonzero(mixture.weights > 0.0)  # SciPy takes the logarithm of the weights
    deviations = np.sqrt(mixture.covariances[:, 0, 0])
    parts: list[Any] = [Normal(mu=mixture.means[k, 0], sigma=deviations[k]) for k in present]
    weights, background = mixture.weights[present], mixture.background
    if background is not None and background.weight > 0.0:
        if background.density is not None:
            raise ParameterError(
                "a background of a stated density is no random variable; convert mixture.without_background"
            )
        parts.append(Uniform(a=background.low[0], b=background.high[0]))
        weights = np.append(weights, background.weight)
    return RandomMixture(parts, weights=weights)
