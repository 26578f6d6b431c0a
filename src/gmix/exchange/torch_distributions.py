"""A mixture as a distribution of PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np

from gmix.base.errors import needing
from gmix.exchange.contract import Mixture, without_background, without_dependence
from gmix.model.covariance import FULL, SPHERICAL, TIED

__all__ = ["distribution"]


def distribution(mixture: Mixture, dtype: Any = None, device: Any = None) -> Any:
    """A ``torch.distributions.MixtureSameFamily`` over points ``(D,)``."""
    with needing("torch", "to_torch"):
        import torch
        from torch.distributions import Categorical, Independent, MixtureSameFamily, MultivariateNormal, Normal

    without_background(mixture, "torch.distributions.MixtureSameFamily")
    without_dependence(mixture, "torch.distributions.MultivariateNormal")
    form, factor = mixture.structure.form, mixture.components.factor

    def tensor(array: Any) -> Any:
        return torch.as_tensor(np.array(array), dtype=dtype or torch.float64, device=device)

    means = tensor(mixture.means)
    if form in (FULL, TIED):
        lower = tensor(np.broadcast_to(factor, (*mixture.means.shape, mixture.n_features)))
        parts = MultivariateNormal(means, scale_tril=lower)
    else:
        deviations = factor[:, None] if form is SPHERICAL else factor
        parts = Independent(Normal(means, tensor(np.broadcast_to(deviations, mixture.means.shape))), 1)
    return MixtureSameFamily(Categorical(probs=tensor(mixture.weights)), parts)
