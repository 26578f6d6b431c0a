"""Examples that are small enough to be worked out on paper."""

from __future__ import annotations

from fractions import Fraction
from math import exp, log, pi

import numpy as np
import pytest

import gmix
from gmix import GaussianMixture, NormalInverseWishart, SufficientStatistics
from gmix.model.covariance import EEE, EEI, EII, VII, VVI, VVV, Structure

X = np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 4.0], [10.0, 10.0], [12.0, 14.0]])
Z = np.eye(2)[[0, 0, 0, 1, 1]]
# Means (4/3, 4/3) and (11, 12). Scatter [[8/3, 8/3], [8/3, 32/3]] and [[2, 4], [4, 8]].
FIRST = np.array([[8, 8], [8, 32]]) / 3
SECOND = np.array([[2.0, 4.0], [4.0, 8.0]])


def m_step(structure: Structure, prior: NormalInverseWishart | None = None) -> GaussianMixture:
    return GaussianMixture.from_statistics(
        SufficientStatistics.from_responsibilities(structure.form, X, Z), structure, prior
    )


@pytest.mark.parametrize(
    ("structure", "first", "second"),
    [
        (VVV, FIRST / 3, SECOND / 2),
        (EEE, (FIRST + SECOND) / 5, (FIRST + SECOND) / 5),
        (VVI, np.diag([8 / 9, 32 / 9]), np.diag([1.0, 4.0])),
        (VII, np.eye(2) * 40 / 3 / 6, np.eye(2) * 10 / 4),
    ],
    ids=repr,
)
def test_the_m_step(structure: Structure, first: np.ndarray, second: np.ndarray) -> None:
    mixture = m_step(structure)
    np.testing.assert_allclose(mixture.weights, [3 / 5, 2 / 5], rtol=1e-15)
    np.testing.assert_allclose(mixture.means, [[4 / 3, 4 / 3], [11, 12]], rtol=1e-15)
    if structure is VVV:  # the second cloud is a line: the likeliest covariance is lifted off it, and barely
        np.testing.assert_allclose(mixture.covariances, [first, second], rtol=1e-9)
        assert np.linalg.eigvalsh(mixture.covariances[1])[0] > 0
        assert mixture.collapsed(SufficientStatistics.from_responsibilities(VVV.form, X, Z)) == [1]
    else:
        np.testing.assert_allclose(mixture.covariances, [first, second], rtol=1e-14)


def test_the_m_step_under_a_bound_of_the_ratio_of_eigenvalues() -> None:
    """Fritz et al. (2013): m is the mean of what is truncated, where what exceeds is divided by the ratio."""
    bounded = m_step(VVI.with_covariance_ratio(2.0)).covariances
    least = (3 * 8 / 9 + 2 * 1 + (3 * 32 / 9 + 2 * 4) / 2) / 10  # all four variances: 8/9, 1, 32/9 and 4
    assert least == pytest.approx(1.4)
    np.testing.assert_allclose(bounded, [np.diag([1.4, 2.8])] * 2, rtol=1e-14)
    spheres = m_step(VII.with_covariance_ratio(1.1)).covariances
    least = (3 * 20 / 9 + 2 * 5 / 2 / 1.1) / 5
    np.testing.assert_allclose(spheres, [np.eye(2) * least, np.eye(2) * 1.1 * least], rtol=1e-14)
    # Eigenvalues (20 - 4 root(13)) / 9, which is left as it is, (20 + 4 root(13)) / 9, 0 and 5.
    first, second = m_step(VVV.with_covariance_ratio(5.0)).covariances
    least = (2 * 0 + (2 * 5 + 3 * (20 + 4 * 13**0.5) / 9) / 5) / 7
    np.testing.assert_allclose(np.linalg.eigvalsh(first), [(20 - 4 * 13**0.5) / 9, 5 * least], rtol=1e-13)
    np.testing.assert_allclose(np.linalg.eigvalsh(second), [least, 5 * least], rtol=1e-13)
    axis = np.array([1.0, 2.0]) / 5**0.5  # of the second cloud
    np.testing.assert_allclose(second @ axis, 5 * least * axis, rtol=1e-13)


def test_the_m_step_with_a_prior() -> None:
    """The M-step of Fraley & Raftery (2007), with kappa 1, nu 5, mean 0 and scale the identity."""
    mixture = m_step(VVV, NormalInverseWishart([0.0, 0.0], 1.0, 5.0, np.eye(2)))
    np.testing.assert_allclose(mixture.means, [[1, 1], [22 / 3, 8]], rtol=1e-15)
    for covariance, scatter, n, mean in ((0, FIRST, 3, np.full(2, 4 / 3)), (1, SECOND, 2, np.array([11.0, 12.0]))):
        pulled = n / (n + 1) * np.outer(mean, mean)
        expected = (np.eye(2) + pulled + scatter) / (n + 5 + 2 + 2)
        np.testing.assert_allclose(mixture.covariances[covariance], expected, rtol=1e-14)


@pytest.mark.parametrize(
    ("structure", "divisor"), [(EII, 2 * (5 + 2) + 5 + 2), (EEI, 5 + 2 + 5 + 2), (EEE, 5 + 2 + 5 + 2 + 1)], ids=repr
)
def test_a_covariance_that_all_share_is_one_draw_from_the_prior(structure: Structure, divisor: int) -> None:
    """Fraley & Raftery's kappa 1, nu 5, mean 0 and scale diag(7, 9): five rows, two means, one covariance."""
    mixture = m_step(structure, NormalInverseWishart([0.0, 0.0], 1.0, 5.0, np.diag([7.0, 9.0])))
    pulled = 3 / 4 * np.full((2, 2), 16 / 9) + 2 / 3 * np.outer([11, 12], [11, 12])
    scatter = FIRST + SECOND + pulled
    whole = {
        EII: (np.trace(scatter) + 8.0) * np.eye(2),
        EEI: np.diag(scatter + np.diag([7.0, 9.0])) * np.eye(2),
        EEE: scatter + np.diag([7.0, 9.0]),
    }[structure]
    np.testing.assert_allclose(mixture.covariances, [whole / divisor] * 2, rtol=1e-14)


def test_what_a_shared_covariance_is_told_by_default() -> None:
    """The scale of EEI is that of the data, of mean variance 36 and 2 components: 36 / 2, once for both."""
    none, default = (m_step(EEI, prior) for prior in (None, NormalInverseWishart(mean_strength=0.0)))
    total = np.array([[5.2, 5.6], [5.2, 5.6]])
    variance = float(np.square(X - total[0]).sum()) / 4 / 2
    expected = (5 * none.covariances[0] + variance / 2 * np.eye(2)) / (5 + 4 + 2)
    np.testing.assert_allclose(default.covariances, [expected] * 2, rtol=1e-14)


@pytest.mark.parametrize("strength", [0.0, 0.5])
def test_the_strength_of_a_prior_multiplies_all_it_says(strength: float) -> None:
    mixture = m_step(VVV, NormalInverseWishart([0.0, 0.0], 1.0, 5.0, np.eye(2), strength=strength))
    np.testing.assert_allclose(mixture.means[1], np.array([22.0, 24.0]) / (2 + strength), rtol=1e-15)
    pulled = 2 * strength / (2 + strength) * np.outer([11, 12], [11, 12])
    expected = (SECOND + strength * np.eye(2) + pulled) / (2 + strength * (1 + 5 + 3))
    np.testing.assert_allclose(mixture.covariances[1], expected, rtol=1e-14, atol=1e-12)


def test_the_e_step_in_fractions() -> None:
    """Equal components half a unit each side of zero: the odds of the right one at x are exp(x), here powers of two."""
    mixture = GaussianMixture([0.5, 0.5], [[-0.5], [0.5]], [[[1.0]], [[1.0]]])
    x = np.log([[2.0], [8.0], [0.25]])
    right = [Fraction(2, 3), Fraction(8, 9), Fraction(1, 5)]
    np.testing.assert_allclose(mixture.responsibilities(x)[:, 1], [float(r) for r in right], rtol=1e-14)
    [statistics] = gmix.expect(x, [mixture], sample_weight=[3.0, 9.0, 5.0])
    np.testing.assert_allclose(statistics.mass, [1 + 1 + 4, 2 + 8 + 1], rtol=1e-14)
    # of the right one: 2 rows at log 2, 8 at 3 log 2 and 1 at -2 log 2
    np.testing.assert_allclose(statistics.mean[1], [24 / 11 * log(2)], rtol=1e-14)
    np.testing.assert_allclose(statistics.scatter[1, 0, 0], (2 + 72 + 4 - 24**2 / 11) * log(2) ** 2, rtol=1e-13)


def test_the_log_likelihood_of_one_point() -> None:
    mixture = GaussianMixture([0.25, 0.75], [[0.0, 0.0], [1.0, 0.0]], [np.eye(2), 4 * np.eye(2)])
    density = 0.25 / (2 * pi) + 0.75 * exp(-1 / 8) / (8 * pi)
    assert mixture.density([[0.0, 0.0]])[0] == pytest.approx(density, rel=1e-15)


def test_the_merge_of_two_points() -> None:
    one = GaussianMixture([1.0], [[7.0]], [[[1.0]]])
    [a], [b] = (gmix.expect([[x]], [one]) for x in (1.0, 4.0))
    assert ((a + b).mass, (a + b).mean, (a + b).scatter) == (2, 2.5, 4.5)


def test_a_conditional_and_a_marginal() -> None:
    """Bishop, equations 2.81 and 2.82."""
    mixture = GaussianMixture([1.0], [[1.0, 2.0]], [[[2.0, 1.0], [1.0, 4.0]]])
    conditional = mixture.condition({1: 4.0})
    np.testing.assert_allclose(conditional.means, [[1.5]], rtol=1e-15)
    np.testing.assert_allclose(conditional.covariances, [[[1.75]]], rtol=1e-15)
    np.testing.assert_array_equal(mixture.marginal([1]).covariances, [[[4.0]]])
    assert mixture.mean.tolist() == [1.0, 2.0]


def test_the_moments_of_the_whole() -> None:
    mixture = GaussianMixture([0.25, 0.75], [[0.0], [4.0]], [[[1.0]], [[3.0]]])
    assert mixture.mean == 3.0
    assert mixture.covariance == 0.25 * 1 + 0.75 * 3 + 0.25 * 0.75 * 16
