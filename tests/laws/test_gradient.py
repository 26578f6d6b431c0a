"""The gradient norm of a fit is zero at an optimum alone, whatever is fitted, and is what differences show."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

import gmix
from gmix import Dirichlet, GaussianMixture, NormalInverseWishart
from gmix.model.covariance import DIRECT, STRUCTURES, Structure
from gmix.model.priors import Prior

Array = NDArray[np.float64]
PRIORS = {
    "ML": None,
    "default prior": NormalInverseWishart(),
    "prior of everything": NormalInverseWishart(strength=3.0) + Dirichlet(5.0),
}
each_prior = pytest.mark.parametrize("prior", PRIORS.values(), ids=PRIORS)


@each_prior
@pytest.mark.parametrize("structure", [*STRUCTURES, *(s.with_equal_weights for s in DIRECT)], ids=repr)
def test_the_gradient_is_zero_where_a_run_ends(
    points: Array, labels: Array, structure: Structure, prior: Prior | None
) -> None:
    def run(steps: int, tolerance: float) -> gmix.Fit:
        weight = np.linspace(0.5, 2.0, len(points))
        return gmix.fit(
            points, covariance=structure, prior=prior, start=np.roll(labels, 30), sample_weight=weight,
            tolerance=tolerance, max_iterations=steps,
        )  # fmt: skip

    assert run(0, 0.0).gradient_norm > 0.1
    assert run(100_000, 0.0).gradient_norm < 1e-6


def test_it_is_the_norm_of_the_gradient(points: Array, labels: Array) -> None:
    fit = gmix.fit(points, covariance="full", start=np.roll(labels, 30), max_iterations=3)
    mixture, n, (k, d) = fit.mixture, len(points), fit.mixture.means.shape
    factor = np.linalg.cholesky(mixture.covariances)

    def log_likelihood(logits: Array, shift: Array, strain: Array) -> float:
        weights = mixture.weights * np.exp(logits)
        means = mixture.means + (factor @ shift[:, :, None])[:, :, 0]
        covariances = factor @ (np.eye(d) + strain) @ factor.mT
        return float(GaussianMixture(weights / weights.sum(), means, covariances).log_density(points).sum()) / n

    def slope(*direction: Array) -> float:
        size = 1e-5
        return (log_likelihood(*(size * a for a in direction)) - log_likelihood(*(-size * a for a in direction))) / (
            2 * size
        )

    none = np.zeros(k), np.zeros((k, d)), np.zeros((k, d, d))
    square = 0.0
    for c in range(k):
        weight = mixture.weights[c]
        square += slope(np.eye(k)[c], *none[1:]) ** 2 / weight
        for i in range(d):
            shift = none[1].copy()
            shift[c, i] = 1.0
            square += slope(none[0], shift, none[2]) ** 2 / weight
            for j in range(i + 1):
                strain = none[2].copy()
                strain[c, i, j] = strain[c, j, i] = 1.0  # the Fisher information is w / 2 for a variance, w otherwise
                square += slope(*none[:2], strain) ** 2 / weight * (2.0 if i == j else 1.0)
    assert fit.gradient_norm == pytest.approx(np.sqrt(square), rel=1e-6)
    assert fit.gradient_norm > 1e-3


def test_it_is_the_same_in_all_units_and_in_the_file(points: Array, labels: Array, tmp_path: object) -> None:
    def run(rows: Array) -> gmix.Fit:
        return gmix.fit(rows, covariance="full", start=np.roll(labels, 30), max_iterations=5)

    axes = np.linalg.qr(np.arange(9.0).reshape(3, 3) ** 2)[0]
    fit, turned = run(points), run(points @ np.diag([10.0, 0.1, 1.0]) @ axes + 7.0)
    assert turned.gradient_norm == pytest.approx(fit.gradient_norm, rel=1e-6)
    path = f"{tmp_path}/fit.json"
    fit.save(path)
    assert gmix.load(path).gradient_norm == fit.gradient_norm
    assert f"gradient norm {fit.gradient_norm:.1e}" in fit.summary()


def test_columns_that_follow_from_others_do_not_count(points: Array) -> None:
    more = np.column_stack([points, points.sum(1)])
    fit = gmix.fit(more, [2, 3], covariance="full", rng=1, tolerance=1e-12)
    assert fit.mixture.dependence is not None
    assert 0.0 < fit.gradient_norm < 1e-4


def test_components_of_weight_zero_do_not_count(points: Array) -> None:
    d = points.shape[1]
    one = gmix.GaussianMixture([1.0], [np.zeros(d)], [np.eye(d)])
    two = gmix.GaussianMixture([1.0, 0.0], [np.zeros(d), np.ones(d)], [np.eye(d), np.eye(d)])
    alone, beside = (gmix.fit(points, start=start, max_iterations=0) for start in (one, two))
    assert beside.mixture.weights.tolist() == [1.0, 0.0]
    assert beside.gradient_norm == pytest.approx(alone.gradient_norm, rel=1e-12)
