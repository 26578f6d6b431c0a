"""A mixture as a distribution of PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

import gmix
from gmix.model.background import Background

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("structure", gmix.covariance.STRUCTURES, ids=lambda s: s.code)
def test_pytorch_has_the_same_density(structure: gmix.covariance.Structure) -> None:
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(size=(60, 3)), rng.normal(4.0, [1.0, 2.0, 0.5], size=(60, 3))])
    mixture = gmix.fit(x, 2, covariance=structure, rng=0).mixture
    distribution = mixture.to_torch()
    assert isinstance(distribution, torch.distributions.MixtureSameFamily)
    np.testing.assert_allclose(distribution.log_prob(torch.tensor(x)).numpy(), mixture.log_density(x), rtol=1e-9)
    np.testing.assert_allclose(distribution.mean.numpy(), mixture.mean)
    assert distribution.sample((5,)).shape == (5, 3)
    assert distribution.event_shape == (3,)
    assert distribution.batch_shape == ()


def test_the_type_of_numbers_can_be_chosen_and_gradients_flow() -> None:
    mixture = gmix.GaussianMixture([0.4, 0.6], [[-1.0, -1.0], [1.0, 2.0]], [np.eye(2), 2 * np.eye(2)])
    x = torch.zeros((3, 2), requires_grad=True)
    log_density = mixture.to_torch(dtype=torch.float32).log_prob(x)
    assert log_density.dtype == torch.float32
    log_density.sum().backward()
    assert torch.isfinite(x.grad).all()


def test_a_background_says_what_to_convert() -> None:
    mixture = gmix.GaussianMixture([0.8], [[1.0]], [[[1.0]]], background=Background(0.2, [-4.0], [6.0]))
    with pytest.raises(gmix.ParameterError, match=r"convert mixture\.without_background"):
        mixture.to_torch()
