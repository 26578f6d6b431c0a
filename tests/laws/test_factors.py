"""Factor models: densities, steps of EM, numbers of parameters, marginals, conditionals, files and sampling."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import multivariate_normal

import gmix
from gmix import DataError, GaussianMixture, ParameterError
from gmix.model.covariance import FACTOR_NAMES, factors
from gmix.model.covariance.low_rank import _principal
from gmix.model.mixture import compact_covariances

Array = NDArray[np.float64]
EIGHT = list(FACTOR_NAMES)


def factor_mixture(letters: str, n_features: int = 9, n_factors: int = 2, seed: int = 0) -> GaussianMixture:
    """Three components that overlap a little."""
    rng, structure = np.random.default_rng(seed), factors(letters, n_factors)
    loadings, noise = rng.normal(size=(3, n_features, n_factors)), rng.uniform(0.2, 2.0, (3, n_features))
    if structure.tied_loadings:
        loadings[:] = loadings[0]
    if structure.tied_noise:
        noise[:] = noise[0]
    if structure.spherical:
        noise[:] = noise[:, :1]
    compact = np.concatenate([noise[..., None], loadings], axis=-1)
    return GaussianMixture([0.2, 0.3, 0.5], 2.0 * rng.normal(size=(3, n_features)), compact, structure)


def dense_twin(mixture: GaussianMixture) -> GaussianMixture:
    return GaussianMixture(mixture.weights, mixture.means, mixture.covariances)


@pytest.mark.parametrize("letters", EIGHT)
def test_a_start_of_common_loadings_scales_with_the_columns_and_keeps_common_ones(letters: str) -> None:
    own, scale = factor_mixture("UUU"), np.geomspace(1e-3, 1e3, 9)
    share, compact, structure = own.weights, compact_covariances(own), factors(letters, 2)
    wide = np.concatenate([compact[..., :1] * scale[:, None] ** 2, compact[..., 1:] * scale[:, None]], axis=-1)
    if structure.tied_loadings and not structure.spherical:
        plain, scaled = structure._tied(share, compact), structure._tied(share, wide)
        np.testing.assert_allclose(scaled[..., 0], plain[..., 0] * scale**2, rtol=1e-9)
        loadings, other = scaled[..., 1:] / scale[:, None], plain[..., 1:]
        np.testing.assert_allclose(loadings @ loadings.mT, other @ other.mT, rtol=1e-7, atol=1e-9)
        same = structure._tied(share, np.repeat(compact[:1], 3, axis=0))
        np.testing.assert_allclose(same[0, :, 1:] @ same[0, :, 1:].T, compact[0, :, 1:] @ compact[0, :, 1:].T)


@pytest.mark.parametrize("letters", EIGHT)
def test_the_density_is_that_of_the_dense_gaussians(letters: str) -> None:
    mixture = factor_mixture(letters)
    x = mixture.sample(200, rng=1)
    parts = [
        np.log(w) + multivariate_normal.logpdf(x, mean, covariance)
        for w, mean, covariance in zip(mixture.weights, mixture.means, mixture.covariances, strict=True)
    ]
    assert mixture.log_density(x) == pytest.approx(np.logaddexp.reduce(parts), abs=1e-10)
    assert mixture.responsibilities(x) == pytest.approx(dense_twin(mixture).responsibilities(x), abs=1e-12)


def test_the_density_is_accurate_with_more_columns_than_rows_and_little_noise() -> None:
    rng = np.random.default_rng(0)
    compact = np.concatenate([rng.uniform(1e-8, 1e-7, (2, 60, 1)), rng.normal(size=(2, 60, 3))], axis=-1)
    mixture = GaussianMixture([0.5, 0.5], rng.normal(size=(2, 60)), compact, "factors:3")
    x = mixture.sample(20, rng=1)
    expected = dense_twin(mixture).log_density(x)
    assert mixture.log_density(x) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("letters", EIGHT)
def test_the_statistics_are_parts_of_the_dense_ones_and_add_up(letters: str) -> None:
    mixture = factor_mixture(letters)
    x, weight = mixture.sample(300, rng=1), np.linspace(0.0, 2.0, 300)
    [whole] = gmix.expect(x, [mixture], sample_weight=weight)
    [dense] = gmix.expect(x, [dense_twin(mixture)], sample_weight=weight)
    assert whole.log_likelihood == pytest.approx(dense.log_likelihood, rel=1e-12)
    assert whole.mean == pytest.approx(dense.mean, rel=1e-9)
    assert whole.scatter[..., 0] == pytest.approx(np.diagonal(dense.scatter, axis1=1, axis2=2), rel=1e-9)
    loadings = compact_covariances(mixture)[..., 1:]
    assert whole.scatter[..., 1:3] == pytest.approx(
        dense.scatter @ np.linalg.solve(mixture.covariances, loadings), abs=1e-8
    )
    [one] = gmix.expect(x[:111], [mixture], sample_weight=weight[:111])
    [other] = gmix.expect(x[111:], [mixture], sample_weight=weight[111:])
    for name in ("mass", "mean", "scatter"):
        assert getattr(one + other, name) == pytest.approx(getattr(whole, name), abs=1e-8)


def test_statistics_under_different_mixtures_do_not_add_up() -> None:
    x = factor_mixture("UUU").sample(50, rng=1)
    one, other = gmix.expect(x, [factor_mixture("UUU"), factor_mixture("UUU", seed=1)])
    with pytest.raises(ParameterError, match="different mixtures"):
        one + other


@pytest.mark.parametrize("letters", EIGHT)
def test_a_step_never_lowers_the_likelihood_and_keeps_the_structure(letters: str) -> None:
    x, mixture = factor_mixture(letters).sample(200, rng=1), factor_mixture(letters, seed=5)
    history = []
    for _ in range(40):
        [statistics] = gmix.expect(x, [mixture])
        history.append(statistics.log_likelihood)
        mixture = GaussianMixture.from_statistics(statistics, mixture.structure)
    assert np.diff(history).min() > -1e-9
    compact, structure = compact_covariances(mixture), factors(letters, 2)
    assert not structure.tied_loadings or (compact[..., 1:] == compact[:1, :, 1:]).all()
    assert not structure.tied_noise or (compact[..., 0] == compact[:1, :, 0]).all()
    assert not structure.spherical or (compact[..., 0] == compact[:, :1, 0]).all()


def test_the_unrestricted_step_is_that_of_the_factor_analysis_of_dense_scatter() -> None:
    mixture = factor_mixture("UUU")
    x = factor_mixture("UUU", seed=3).sample(150, rng=1)
    [dense], [sketch] = (gmix.expect(x, [each]) for each in (dense_twin(mixture), mixture))
    found = compact_covariances(GaussianMixture.from_statistics(sketch, mixture.structure))
    loadings = compact_covariances(mixture)[..., 1:]
    for k in range(3):  # Ghahramani & Hinton (1997), with the mean first
        regression = np.linalg.solve(mixture.covariances[k], loadings[k]).T
        scatter = dense.scatter[k] / dense.mass[k]
        second = np.eye(2) - regression @ loadings[k] + regression @ scatter @ regression.T
        new = scatter @ regression.T @ np.linalg.inv(second)
        assert found[k, :, 1:] == pytest.approx(new, rel=1e-8)
        assert found[k, :, 0] == pytest.approx(np.diagonal(scatter - new @ regression @ scatter), rel=1e-8)


@pytest.mark.parametrize(
    ("letters", "expected"),
    [("CCC", 18), ("CCU", 26), ("CUC", 20), ("CUU", 44), ("UCC", 52), ("UCU", 60), ("UUC", 54), ("UUU", 78)],
)
def test_parameters_are_counted_as_by_mcnicholas_and_murphy(letters: str, expected: int) -> None:
    # Table 1 with p = 9, q = 2 and G = 3; a set of loadings has pq - q(q - 1) / 2 = 17.
    assert factors(letters, 2).n_covariance_parameters(3, 9) == expected


@pytest.mark.parametrize("letters", EIGHT)
def test_marginals_and_conditionals_are_those_of_the_dense_mixture(letters: str) -> None:
    mixture = factor_mixture(letters)
    dense = dense_twin(mixture)
    marginal, expected = mixture.marginal([7, 1, 2, 5, 0]), dense.marginal([7, 1, 2, 5, 0])
    assert marginal.structure is mixture.structure
    assert marginal.covariances == pytest.approx(expected.covariances, rel=1e-12)
    values = {0: 0.3, 4: -1.0, 8: 2.0}
    given, expected = mixture.condition(values), dense.condition(values)
    assert given.structure.code == f"U{letters[1:]}:2"
    for name in ("weights", "means", "covariances"):
        assert getattr(given, name) == pytest.approx(getattr(expected, name), rel=1e-8, abs=1e-12)
    assert mixture.marginal([3]).structure.code == "V"
    assert mixture.marginal([3, 1, 2]).covariances == pytest.approx(dense.marginal([3, 1, 2]).covariances, rel=1e-12)


def test_samples_have_the_covariances() -> None:
    mixture = factor_mixture("UUU")
    x, label = mixture.sample_labelled(60_000, rng=0)
    for k in range(3):
        deviation = np.sqrt(np.diagonal(mixture.covariances[k]))
        error = (np.cov(x[label == k].T) - mixture.covariances[k]) / np.outer(deviation, deviation)
        assert np.abs(error).max() < 0.05


def test_a_fit_finds_the_number_of_factors_and_components() -> None:
    rng = np.random.default_rng(3)
    compact = np.concatenate([np.full((2, 12, 1), 0.3), rng.normal(size=(2, 12, 2))], axis=-1)
    true = GaussianMixture([0.5, 0.5], [np.zeros(12), np.full(12, 3.0)], compact, "factors:2")
    x, label = true.sample_labelled(300, rng=1)
    fit = gmix.fit(x, [1, 2, 3], covariance="factors", factors=[1, 2, 3], rng=0)
    assert (fit.mixture.structure.code, fit.mixture.n_components) == ("UUU:2", 2)
    assert len(fit.search.candidates) == 9
    assert (fit.mixture.predict(x) == label).mean() > 0.97
    assert fit.log_likelihood >= true.log_density(x).sum()
    assert np.diff(fit.history).min() > -1e-6


def test_a_fit_of_one_component_tries_random_factors_too() -> None:
    rng = np.random.default_rng(7)
    signal = rng.standard_normal((25, 2)) @ rng.standard_normal((2, 8))
    x = signal + rng.uniform(0.2, 2.0, 8) * rng.standard_normal((25, 8))
    fit = gmix.fit(x, 1, covariance="factors:3", rng=0)
    assert fit.log_likelihood > -289.5  # EM from the principal factors ends at -290.9, and no start above -289.15


def test_a_fit_is_saved_pickled_and_continued(tmp_path: Path) -> None:
    x = factor_mixture("CUU").sample(150, rng=1)
    fit = gmix.fit(x, 2, covariance="tied-factors:1", equal_weights=True, rng=0)
    fit.save(tmp_path / "fit.json")
    loaded = gmix.load(tmp_path / "fit.json")
    assert loaded.mixture.structure is fit.mixture.structure is gmix.covariance.structure("ECUU:1")
    assert (loaded.mixture.log_density(x) == fit.mixture.log_density(x)).all()
    assert (pickle.loads(pickle.dumps(fit.mixture)).log_density(x) == fit.mixture.log_density(x)).all()  # noqa: S301
    assert (loaded.statistics.scatter == fit.statistics.scatter).all()
    assert loaded.bic == pytest.approx(fit.bic, rel=1e-12)
    assert loaded.icl == pytest.approx(fit.icl, rel=1e-12)


def test_rows_are_read_from_every_source_and_thread() -> None:
    x = factor_mixture("UUU").sample(150, rng=1)
    whole = gmix.fit(x, 2, covariance="factors:1", rng=0)
    blocks = gmix.fit([x[:90], x[90:]], 2, covariance="factors:1", rng=0, threads=1)
    assert blocks.log_likelihood == pytest.approx(whole.log_likelihood, rel=1e-9)


def test_weights_count_rows_and_labels_hold_them() -> None:
    x, label = factor_mixture("UUU").sample_labelled(120, rng=1)
    start = factor_mixture("UUU")
    twice = gmix.fit(x, start=start, sample_weight=np.full(120, 2.0), max_iterations=5)
    once = gmix.fit(np.vstack([x, x]), start=start, max_iterations=5)
    assert twice.log_likelihood == pytest.approx(once.log_likelihood, rel=1e-10)
    held = gmix.fit(x, labels=label, covariance="factors:1", rng=0)
    assert held.mixture.n_components == 3
    table = np.array([np.bincount(held.mixture.predict(x)[label == k], minlength=3) for k in range(3)])
    assert table.max(1).sum() > 0.8 * 120


def test_a_background_takes_rows_far_away() -> None:
    x = np.vstack([factor_mixture("UUU").sample(150, rng=1), np.random.default_rng(2).uniform(-40.0, 40.0, (20, 9))])
    fit = gmix.fit(x, 3, covariance="factors:1", background=True, rng=0)
    assert fit.mixture.background is not None
    assert fit.mixture.background.weight == pytest.approx(20 / 170, abs=0.03)


def test_a_column_that_a_factor_explains_keeps_some_noise() -> None:
    # A Heywood case: the communality of the first column would be 0.8 * 0.8 / 0.35 > 1.
    correlation = np.array([[1.0, 0.8, 0.8, 0.0], [0.8, 1.0, 0.35, 0.0], [0.8, 0.35, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
    x = np.random.default_rng(0).multivariate_normal(np.zeros(4), correlation, size=300)
    fit = gmix.fit(x, 1, covariance="factors:1", rng=0, tolerance=0.0, max_iterations=2000)
    noise = compact_covariances(fit.mixture)[0, :, 0] / np.diagonal(fit.mixture.covariances[0])
    assert 0.9e-6 < noise[0] < 0.02
    [finding] = [finding for finding in fit.findings if finding.name == "Heywood case"]
    assert "of the variance of column 0 (component 0)" in finding.message
    assert np.diff(fit.history).min() > -1e-9 * abs(fit.log_likelihood)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"covariance": "factors", "factors": 0}, "factors is 0"),
        ({"covariance": "full", "factors": 2}, "factors="),
        (
            {"covariance": "factors:8"},
            "than .full. in 9 columns; give at most 5 factors, or .full.$",
        ),
        ({"covariance": "factors:1", "prior": gmix.NormalInverseWishart()}, "no prior of covariances"),
        ({"covariance": "factors:1", "covariance_ratio": 5.0}, "covariance_ratio"),
    ],
)
def test_what_cannot_be_fitted_is_refused(arguments: dict[str, object], message: str) -> None:
    x = factor_mixture("UUU").sample(60, rng=1)
    with pytest.raises(ParameterError, match=message):
        gmix.fit(x, 2, rng=0, **arguments)  # type: ignore[arg-type]


def test_missing_cells_are_refused() -> None:
    x = factor_mixture("UUU").sample(60, rng=1)
    x[3, 4] = np.nan
    with pytest.raises(DataError, match="missing cells"):
        gmix.fit(x, 2, covariance="factors:1", rng=0)
    with pytest.raises(DataError, match="all cells"):
        factor_mixture("UUU").log_density(x)


def test_a_prior_of_weights_is_used() -> None:
    x = factor_mixture("UUU").sample(100, rng=1)
    fit = gmix.fit(x, 3, covariance="factors:1", prior=gmix.Dirichlet(200.0), rng=0)
    assert fit.mixture.weights == pytest.approx(np.full(3, 1 / 3), abs=0.06)


def test_loadings_are_rotated_and_drawn() -> None:
    plt = pytest.importorskip("matplotlib.pyplot")
    for letters, n_rows in (("UUU", 6), ("CCU", 2)):
        mixture = factor_mixture(letters)
        found = mixture.loadings
        assert found @ found.mT + mixture.noise_variances[:, :, None] * np.eye(9) == pytest.approx(mixture.covariances)
        ax = gmix.plot.loadings(mixture)
        assert len(ax.get_yticks()) == n_rows
        plt.close(ax.figure)
    with pytest.raises(ParameterError, match="no factors"):
        dense_twin(mixture).loadings  # noqa: B018


def test_the_principal_axes_of_few_dependent_rows_are_orthonormal() -> None:
    """Rows without a part along some axis give no axis, where that of rounding errors would have any length."""
    rng = np.random.default_rng(0)
    points = rng.normal(size=(6, 2)) @ rng.normal(size=(2, 9))
    values, vectors = _principal(points, 2)
    np.testing.assert_allclose(values, np.linalg.eigvalsh(points.T @ points)[-2:])
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(2), atol=1e-12)
