"""Goodness of fit: transforms that are uniform if a mixture is right, bands, distances and their p-values."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import chi2, kstest

import gmix
from gmix import plot
from gmix.model.goodness import Empirical, distance_tails, uniform_band

Array = NDArray[np.float64]
# Two components that overlap, so that most rows may come from either.
TWO = gmix.GaussianMixture([0.3, 0.7], [[0.0, 0.0], [1.5, 1.0]], [[[1.0, 0.5], [0.5, 1.0]], [[2.0, -0.7], [-0.7, 0.5]]])


@pytest.mark.parametrize("n", [1, 8, 60, 700])
def test_a_band_holds_all_values_of_nineteen_tables_in_twenty(n: int) -> None:
    rng, band, ranks = np.random.default_rng(n), uniform_band(n), np.arange(1.0, n + 1.0)
    outside = [Empirical.of(rng.random(n), np.ones(n)).outside(ranks, band).any() for _ in range(800)]
    assert 0.03 < np.mean(outside) < 0.075
    assert (band.low < band.rank / (n + 1)).all()
    assert (band.rank / (n + 1) < band.high).all()
    np.testing.assert_allclose(band.low, 1.0 - band.high[::-1], rtol=1e-9)


def test_the_share_below_the_first_value_is_zero() -> None:
    assert Empirical.of(np.array([0.9, 0.95]), np.ones(2)).distance == pytest.approx(0.9)


def test_distances_are_those_of_scipy() -> None:
    x = TWO.sample(80, rng=3)
    fit = gmix.fit(x, start=TWO)
    found = gmix.goodness_of_fit(fit, x)
    for j in range(2):
        assert found.marginal[j] == pytest.approx(kstest(x[:, j], fit.mixture.marginal([j]).cdf).statistic)
        assert found.conditional[j] == pytest.approx(kstest(fit.mixture.rosenblatt(x)[:, j], "uniform").statistic)
    one = gmix.fit(x, 1)
    expected = kstest(one.mixture.mahalanobis(x)[:, 0] ** 2, chi2(2).cdf).statistic
    assert gmix.goodness_of_fit(one, x).distances == pytest.approx(expected)
    np.testing.assert_array_equal(found.values, [80.0, 80.0])
    assert np.isnan(found.p_values).all()


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_distances_from_overlapping_components_are_chi_squared_by_responsibility(missing: float) -> None:
    rng = np.random.default_rng(0)
    x = TWO.sample(20_000, rng=rng)
    x[rng.random(x.shape) < missing] = np.nan
    tails, shares = distance_tails(TWO, x)
    for weight in (shares, shares * [1.0, 0.0], shares * [0.0, 1.0]):
        assert Empirical.of(1.0 - tails.ravel(), weight.ravel()).distance < 0.02
    # The distances from the most probable components alone are too small.
    hard = np.eye(2)[shares.argmax(1)] * shares.any(1)[:, None]
    assert Empirical.of(1.0 - tails.ravel(), hard.ravel()).distance > 0.03


def test_a_row_of_weight_two_counts_twice_and_a_missing_cell_does_not_count() -> None:
    x, weight = np.round(TWO.sample(60, rng=1), 2), np.tile([1.0, 2.0, 0.0], 20)
    fit = gmix.fit(x, start=TWO, sample_weight=weight)
    weighted = gmix.goodness_of_fit(fit, x, sample_weight=weight)
    copies = gmix.goodness_of_fit(fit, np.repeat(x, weight.astype(int), axis=0))
    for part in ("marginal", "conditional", "distances", "values"):
        np.testing.assert_allclose(getattr(weighted, part), getattr(copies, part), atol=1e-12)
    holes = np.vstack([x, [[np.nan, 0.0], [np.nan, np.nan]]])
    found = gmix.goodness_of_fit(gmix.fit(holes, start=TWO), holes)
    np.testing.assert_array_equal(found.values, [60.0, 61.0])


def test_p_values_have_their_size_and_find_heavy_tails() -> None:
    truth = gmix.GaussianMixture([1.0], [[0.0]], [[[1.0]]])
    p_values = []
    for seed in range(60):
        x = truth.sample(50, rng=seed)
        p_values.append(gmix.goodness_of_fit(gmix.fit(x, 1), x, replicates=19, rng=seed).p_values)
    right = np.array(p_values)
    assert kstest(right[:, 0], "uniform").pvalue > 1e-3
    assert kstest(right[:, -1], "uniform").pvalue > 1e-3
    heavy = np.random.default_rng(0).standard_t(2, size=(200, 1))
    found = gmix.goodness_of_fit(gmix.fit(heavy, 1), heavy, replicates=19, rng=0)
    assert found.p_values[0] == found.p_values[-1] == 0.05
    assert "p = 0.05" in str(found)
    assert "Mahalanobis distance" in found._repr_html_()


def test_what_cannot_be_compared_says_what_to_do() -> None:
    x = TWO.sample(60, rng=0)
    with pytest.raises(gmix.ParameterError, match="replicates is -1"):
        gmix.goodness_of_fit(gmix.fit(x, 1), x, replicates=-1)
    noisy = gmix.fit(x, 1, row_errors=np.full_like(x, 0.1))
    with pytest.raises(gmix.ParameterError, match="errors of measurement"):
        gmix.goodness_of_fit(noisy, x)
    labels = np.where(np.arange(60) < 5, 1.0, np.nan)
    with pytest.raises(gmix.ParameterError, match="give replicates=0"):
        gmix.goodness_of_fit(gmix.fit(x, 2, labels=labels), x, replicates=9)
    with pytest.raises(gmix.DataError, match="these are not the rows of the fit"):
        gmix.goodness_of_fit(gmix.fit(x, 1), x + 1.0, replicates=9)


def test_the_line_of_a_column_is_its_empirical_distribution_less_the_uniform_one() -> None:
    x = TWO.sample(50, rng=0)
    x[0, 1] = np.nan
    ax = plot.probability_transform(TWO, x, Figure().subplots())
    u, height = np.asarray(ax.lines[0].get_xydata()).T
    values = np.sort(TWO.marginal([0]).cdf(x[:, 0]))
    np.testing.assert_allclose(u[1:-1:2], values)
    np.testing.assert_allclose(height[2:-1:2], np.arange(1, 51) / 50 - values)
    assert len(ax.lines) == 3
    ax = plot.probability_transform(TWO, x, Figure().subplots(), conditional=True)
    assert any("1 row with missing cells" in text.get_text() for text in ax.texts)
    with pytest.raises(gmix.ParameterError, match="no values to compare"):
        plot.probability_transform(TWO, np.full((3, 2), np.nan), Figure().subplots())


def test_dots_outside_the_band_have_another_color() -> None:
    x = TWO.sample(200, rng=0)
    x[0] = [30.0, 0.0]

    def colors(ax: object) -> list[str]:
        return [to_hex(face) for face in ax.collections[-1].get_facecolors()]  # type: ignore[attr-defined]

    first, second = plot.quantiles(TWO, x, Figure()).axes
    assert colors(first)[-1] == plot.color(1).lower()
    assert colors(first)[:100] == [plot.color(0).lower()] * 100
    assert set(colors(second)) == {plot.color(0).lower()}
    ax = plot.distances(TWO, x, Figure().subplots())
    assert colors(ax)[-1] != colors(ax)[50]
    offsets = np.asarray(ax.collections[-1].get_offsets())
    assert offsets[-1, 1] == pytest.approx(TWO.mahalanobis(x[:1]).min(), rel=1e-6)


def test_pictures_of_many_rows_have_few_dots_and_of_many_columns_are_refused() -> None:
    [ax] = plot.quantiles(TWO.marginal([0]), TWO.marginal([0]).sample(30_000, rng=0), Figure()).axes
    assert len(ax.collections[-1].get_offsets()) < 2_000
    wide = gmix.GaussianMixture([1.0], np.zeros((1, 31)), [np.eye(31)])
    for draw in (plot.quantiles, plot.probability_transform):
        with pytest.raises(gmix.ParameterError, match="at most"):
            draw(wide, np.zeros((3, 31)))
