"""A background is one more component: what must hold for a uniform density beside the Gaussians."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import gmix
from gmix import Background, GaussianMixture, ParameterError
from gmix.fitting.start.with_background import probability_of_clutter
from gmix.model.covariance import STRUCTURES, Structure

Array = NDArray[np.float64]
TWO = GaussianMixture([0.5, 0.5], [[0.0, 0.0], [6.0, 6.0]], [np.eye(2), 2.0 * np.eye(2)])


def noisy(n: int = 500, share: float = 0.1, seed: int = 0) -> tuple[Array, NDArray[np.intp]]:
    rng = np.random.default_rng(seed)
    points, labels = TWO.sample_labelled(n - round(share * n), rng=rng)
    outside = rng.uniform(-10.0, 16.0, (round(share * n), 2))
    return np.vstack([points, outside]), np.r_[labels, np.full(len(outside), -1)]


X, LABELS = noisy()
FIT = gmix.fit(X, 2, covariance="VVV", background=True, rng=0)


def background(mixture: GaussianMixture) -> Background:
    assert mixture.background is not None
    return mixture.background


def same(one: GaussianMixture, other: GaussianMixture, tolerance: float = 1e-6) -> None:
    for name in ("weights", "means", "covariances"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=tolerance, atol=tolerance)
    assert background(one).weight == pytest.approx(background(other).weight, abs=tolerance)


def test_the_share_and_the_rows_of_a_background_are_found() -> None:
    assert background(FIT.mixture).weight == pytest.approx(0.1, abs=0.03)
    assert np.mean(FIT.mixture.predict(X) != LABELS) < 0.05
    np.testing.assert_array_equal(background(FIT.mixture).low, X.min(0))
    np.testing.assert_array_equal(background(FIT.mixture).high, X.max(0))
    assert FIT.n_parameters == TWO.n_parameters + 1


def test_the_density_is_that_of_all_parts_together() -> None:
    mixture, box = FIT.mixture, background(FIT.mixture)
    parts = np.exp(mixture.without_background.log_density(X)) * mixture.weights.sum()
    whole = parts + box.weight * np.exp(box.log_density(X))
    np.testing.assert_allclose(mixture.density(X), whole, rtol=1e-12)
    np.testing.assert_allclose(mixture.responsibilities(X).sum(1), parts / whole, atol=1e-12)
    assert FIT.log_likelihood == pytest.approx(float(np.log(whole).sum()), rel=1e-12)
    outside = box.high + 1.0
    np.testing.assert_allclose(mixture.responsibilities(outside[None]).sum(1), 1.0)


@pytest.mark.parametrize("structure", STRUCTURES, ids=str)
@pytest.mark.parametrize("equal", [False, True])
def test_the_objective_never_falls(structure: Structure, equal: bool) -> None:
    chosen = structure.with_equal_weights if equal else structure
    for prior in (None, gmix.NormalInverseWishart() + gmix.Dirichlet(2.0)):
        fit = gmix.fit(X, 2, covariance=chosen, background=True, prior=prior, rng=0, effort=0.0)
        assert (np.diff(fit.history) >= -1e-9 * abs(fit.history[-1])).all()
        assert fit.gradient_norm < 1e-2
        assert fit.mixture.weights.sum() + background(fit.mixture).weight == pytest.approx(1.0, abs=1e-12)
        if equal:
            assert np.ptp(fit.mixture.weights) < 1e-12


def test_a_background_of_weight_zero_is_none() -> None:
    plain, empty = (
        TWO,
        GaussianMixture(TWO.weights, TWO.means, TWO.covariances, background=Background(0, [-9, -9], [9, 9])),
    )
    np.testing.assert_array_equal(plain.log_density(X), empty.log_density(X))
    np.testing.assert_array_equal(plain.responsibilities(X), empty.responsibilities(X))
    np.testing.assert_array_equal(plain.predict(X), empty.predict(X))
    [one], [other] = gmix.expect(X, [plain]), gmix.expect(X, [empty])
    for name in ("counts", "mean", "scatter"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_statistics_of_blocks_add_up_to_the_m_step() -> None:
    mixture = FIT.mixture
    first, second = (gmix.expect(part, [mixture])[0] for part in (X[:200], X[200:]))
    [whole] = gmix.expect(X, [mixture])
    both = first + second
    assert both.total_weight == len(X)
    for statistics in (both, whole):
        after = GaussianMixture.from_statistics(statistics, "VVV", background=mixture.background)
        same(after, mixture, 1e-3)
        assert after.weights.sum() + background(after).weight == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_units_offset_and_order_of_columns_change_nothing(scale: float) -> None:
    factor, offset = np.array([scale, 3.0]), np.array([0.0, 100.0])
    moved = gmix.fit((X * factor + offset)[:, ::-1], 2, covariance="VVV", background=True, rng=0)
    matrix = np.diag(factor)[::-1]
    expected = FIT.mixture.affine(matrix, offset[::-1])
    order = np.argsort(expected.means[:, 0])
    same(
        moved.mixture.affine(np.diag(1 / factor[::-1])),
        expected.reordered(order).affine(np.diag(1 / factor[::-1])),
        1e-4,
    )


def test_a_row_of_weight_two_counts_twice_and_one_of_weight_zero_not() -> None:
    weights = np.random.default_rng(2).integers(0, 3, len(X)).astype(float)
    start = FIT.mixture
    one = gmix.fit(X, sample_weight=weights, start=start, tolerance=1e-12)
    other = gmix.fit(np.repeat(X, weights.astype(int), axis=0), start=start, tolerance=1e-12)
    same(one.mixture, other.mixture)
    assert one.log_likelihood == pytest.approx(other.log_likelihood, rel=1e-9)


def test_a_start_with_a_background_keeps_its_box() -> None:
    wider = Background(0.2, [-20.0, -20.0], [20.0, 20.0])
    start = GaussianMixture(0.8 * TWO.weights, TWO.means, TWO.covariances, background=wider)
    fit = gmix.fit(X, start=start)
    np.testing.assert_array_equal(background(fit.mixture).low, wider.low)


def test_labels_may_name_the_background() -> None:
    fit = gmix.fit(X, 2, covariance="VVV", start=LABELS, background=True)
    assert fit.log_likelihood == pytest.approx(FIT.log_likelihood, rel=1e-4)
    with pytest.raises(ParameterError, match="background=True"):
        gmix.fit(X, 2, covariance="VVV", start=LABELS)


def test_sources_agree(tmp_path: Path) -> None:
    table = np.where(np.random.default_rng(1).random(X.shape) < 0.1, np.nan, X)
    path = tmp_path / "points.csv"
    np.savetxt(path, table, delimiter=",", header="a,b", comments="", fmt="%.17g")
    in_memory = gmix.fit(table, 2, covariance="VVV", background=True, rng=0)
    streamed = gmix.fit(path, 2, covariance="VVV", background=True, rng=0, memory=4_096)
    assert in_memory.log_likelihood == streamed.log_likelihood
    dask = pytest.importorskip("dask.array")
    on_cluster = gmix.fit(dask.from_array(table, chunks=(200, 2)), 2, covariance="VVV", background=True, rng=0)
    same(on_cluster.mixture, in_memory.mixture, 1e-3)


def test_a_checkpoint_gives_the_same_bits(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    first = gmix.fit(X, 2, background=True, rng=0, checkpoint=path)
    again = gmix.fit(X, 2, background=True, rng=0, checkpoint=path, resume=True)
    assert first.log_likelihood == again.log_likelihood


@pytest.mark.parametrize("density", [None, 0.001])
def test_it_survives_files_and_pickles(tmp_path: Path, density: float | None) -> None:
    fit = FIT if density is None else gmix.fit(X, 2, covariance="VVV", background=density, rng=0)
    fit.save(tmp_path / "fit.json")
    for copy in (gmix.load(tmp_path / "fit.json").mixture, pickle.loads(pickle.dumps(fit.mixture))):  # noqa: S301
        np.testing.assert_array_equal(copy.log_density(X), fit.mixture.log_density(X))
        assert background(copy).density == density
    assert gmix.load(tmp_path / "fit.json").icl == pytest.approx(fit.icl, rel=1e-12)


def test_moments_draws_and_probabilities_agree() -> None:
    mixture = FIT.mixture
    points, labels = mixture.sample_labelled(200_000, rng=1)
    assert np.mean(labels == -1) == pytest.approx(background(mixture).weight, abs=0.003)
    np.testing.assert_allclose(points.mean(0), mixture.mean, atol=0.05)
    np.testing.assert_allclose(np.cov(points.T), mixture.covariance, rtol=0.02, atol=0.1)
    one = mixture.marginal(1)
    for value in (-5.0, 0.0, 6.0, 15.9):
        assert one.cdf([value])[0] == pytest.approx(np.mean(points[:, 1] <= value), abs=0.005)
        assert np.exp(one.log_sf([value]))[0] == pytest.approx(1.0 - one.cdf([value])[0], abs=1e-12)
    levels = np.array([0.001, 0.2, 0.5, 0.999])
    np.testing.assert_allclose(one.cdf(one.quantile(levels)), levels, atol=1e-9)


def test_a_conditional_is_the_joint_density_over_the_marginal_one() -> None:
    mixture = FIT.mixture
    conditional = mixture.condition({0: 3.0})
    y = np.linspace(-9.0, 15.0, 7)
    joint = mixture.density(np.column_stack([np.full(len(y), 3.0), y]))
    np.testing.assert_allclose(conditional.density(y), joint / mixture.marginal(0).density([3.0]), rtol=1e-9)
    outside = mixture.condition({0: 100.0})
    assert background(outside).weight == 0.0


def test_missing_cells_have_the_marginal_density_and_conditional_means() -> None:
    mixture = FIT.mixture
    table = np.array([[3.0, np.nan], [np.nan, -8.0]])
    expected = [mixture.marginal(0).log_density([3.0])[0], mixture.marginal(1).log_density([-8.0])[0]]
    np.testing.assert_allclose(mixture.log_density(table), expected, rtol=1e-12)
    filled = mixture.impute(table)
    assert filled[0, 1] == pytest.approx(mixture.condition({0: 3.0}).mean[0])
    draws = mixture.impute(np.tile(table[:1], (50_000, 1)), rng=0)[:, 1]
    assert draws.std() == pytest.approx(float(mixture.condition({0: 3.0}).covariance[0, 0] ** 0.5), rel=0.03)


def test_the_entropy_counts_the_background() -> None:
    for table in (X, np.where(np.random.default_rng(1).random(X.shape) < 0.2, np.nan, X)):
        fit = gmix.fit(table, 2, covariance="VVV", background=True, rng=0)
        share = fit.mixture.responsibilities(table[~np.isnan(table).all(1)])
        share = np.column_stack([share, 1.0 - share.sum(1)])
        entropy = -float((share * np.log(np.maximum(share, 1e-300))).sum())
        assert (fit.icl - fit.bic) / 2.0 == pytest.approx(entropy, rel=1e-6)


def test_standard_errors_include_its_weight() -> None:
    errors = gmix.standard_errors(FIT, X)
    resampled = gmix.bootstrap(FIT, X, replicates=60, rng=0).standard_errors
    assert errors.background == pytest.approx(resampled.background, rel=0.4)
    # With components that never overlap, it is that of a proportion.
    apart = gmix.fit(np.vstack([TWO.sample(450, rng=0) * 1e-3, noisy(500, 1.0)[0][:50]]), 1, covariance="VVV",
                     background=True, rng=0)  # fmt: skip
    share = background(apart.mixture).weight
    rows = np.vstack([TWO.sample(450, rng=0) * 1e-3, noisy(500, 1.0)[0][:50]])
    assert gmix.standard_errors(apart, rows).background == pytest.approx((share * (1 - share) / 500) ** 0.5, rel=0.02)


def test_auto_keeps_what_the_criterion_prefers() -> None:
    fit = gmix.fit(X, [1, 2, 3], covariance="VVV", background="auto", rng=0)
    assert fit.mixture.background is not None
    assert any(finding.name == "background" for finding in fit.findings)
    clean = gmix.fit(TWO.sample(500, rng=0), [1, 2, 3], covariance="VVV", background="auto", rng=0)
    assert clean.mixture.background is None


def test_a_share_near_zero_and_a_large_one_are_findings() -> None:
    clean = gmix.fit(TWO.sample(500, rng=1), 2, covariance="VVV", background=True, rng=0)
    assert "empty background" in [finding.name for finding in clean.findings]
    much = gmix.fit(noisy(share=0.5)[0], 2, covariance="VVV", background=True, rng=0)
    assert "large background" in [finding.name for finding in much.findings]


@pytest.mark.parametrize("d", [2, 4, 10])
def test_components_are_found_among_uniform_noise(d: int) -> None:
    rng = np.random.default_rng(d)
    truth = GaussianMixture([0.3, 0.3, 0.4], rng.uniform(-8.0, 8.0, (3, d)), np.tile(np.eye(d), (3, 1, 1)))
    points, labels = truth.sample_labelled(540, rng=rng)
    x = np.vstack([points, rng.uniform(points.min(0), points.max(0), (60, d))])
    fit = gmix.fit(x, 3, covariance="VVV", background=True, rng=0)
    known = gmix.fit(x, 3, covariance="VVV", start=np.r_[labels, np.full(60, -1)], background=True)
    assert fit.log_likelihood >= known.log_likelihood - 0.01


def test_columns_that_follow_from_others_are_carried_along() -> None:
    table = np.column_stack([X, 2.0 * X[:, 0] + 1.0])
    fit = gmix.fit(table, [1, 2], covariance="VVV", background=True, rng=0)
    assert fit.mixture.dependence is not None
    assert background(fit.mixture).n_features == 2
    assert fit.mixture.mean[2] == pytest.approx(2.0 * fit.mixture.mean[0] + 1.0)
    assert fit.mixture.sample(5, rng=0).shape == (5, 3)


def test_a_column_of_zero_width_gets_one() -> None:
    constant = np.column_stack([X, np.full(len(X), 5.0)])
    fit = gmix.fit(constant, 2, covariance="VII", background=True, rng=0)
    box = background(fit.mixture)
    assert (box.high > box.low).all()
    assert np.isfinite(fit.log_likelihood)


WRONG: dict[str, tuple[Any, type[Exception], str]] = {
    "a word": (lambda: gmix.fit(X, 2, background="yes"), ParameterError, "'auto'"),
    "a negative density": (lambda: gmix.fit(X, 2, background=-1.0), ParameterError, "above zero"),
    "with a trim": (lambda: gmix.fit(X, 2, background=True, trim=0.1), ParameterError, "one of them"),
    "a rotation": (lambda: FIT.mixture.affine([[1.0, 1.0], [1.0, -1.0]]), ParameterError, "without_background"),
    "an inverted box": (lambda: Background(0.1, [1.0], [0.0]), ParameterError, "low below high"),
    "a weight above one": (lambda: Background(1.5, [0.0], [1.0]), ParameterError, "from 0 to 1"),
    "weights that leave too much": (
        lambda: GaussianMixture([1.0], [[0.0]], [[[1.0]]], background=Background(0.5, [0.0], [1.0])),
        ParameterError,
        "sum to",
    ),
    "other columns": (
        lambda: GaussianMixture([0.5], [[0.0]], [[[1.0]]], background=Background(0.5, [0.0, 0.0], [1.0, 1.0])),
        ParameterError,
        "columns",
    ),
    "a marginal of a stated density": (
        lambda: gmix.fit(X, 2, covariance="VVV", background=0.001, rng=0).mixture.marginal(0),
        ParameterError,
        "stated density",
    ),
    "a stated density and missing cells": (
        lambda: gmix.fit(np.where(X > 15.0, np.nan, X), 2, background=0.001),
        ParameterError,
        "missing cells",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_is_refused(name: str) -> None:
    call, error, text = WRONG[name]
    with pytest.raises(error, match=text):
        call()


def test_labeled_rows_never_belong_to_the_background() -> None:
    known = np.where(np.random.default_rng(5).random(len(X)) < 0.1, LABELS, -1)
    fit = gmix.fit(X, labels=known, covariance="VVV", background=True, rng=0)
    assert background(fit.mixture).weight == pytest.approx(0.1, abs=0.04)
    assert (np.diff(fit.history) >= -1e-9 * abs(fit.history[-1])).all()


@pytest.mark.parametrize("holes", [False, True], ids=["complete", "holes"])
def test_a_soft_label_multiplies_the_densities_of_components_and_not_that_of_the_background(holes: bool) -> None:
    rng = np.random.default_rng(5)
    x = np.where(rng.random(X.shape) < 0.1, np.nan, X) if holes else X
    soft = 0.1 + 0.9 * np.where(LABELS[:, None] < 0, 1.0, np.eye(2)[LABELS]) * rng.random((len(X), 1))
    fit = gmix.fit(x, labels=soft, covariance="VVV", background=True, rng=0)
    mixture, some = fit.mixture, ~np.isnan(x).all(1)
    box, density = background(mixture), mixture.density(x[some])[:, None]
    parts = mixture.responsibilities(x[some]) * density * soft[some][:, list(fit.groups)]
    parts = np.column_stack([parts, box.weight * np.exp(box.log_density(x[some]))])
    assert fit.log_likelihood == pytest.approx(float(np.log(parts.sum(1)).sum()), rel=1e-12)
    posterior = parts / parts.sum(1, keepdims=True)
    np.testing.assert_allclose(fit.statistics.counts, posterior[:, :2].sum(0), rtol=1e-9)
    entropy = -float((posterior * np.log(np.maximum(posterior, 1e-300))).sum())
    assert (fit.icl - fit.bic) / 2.0 == pytest.approx(entropy, rel=1e-6)
    assert (np.diff(fit.history) >= -1e-9 * abs(fit.history[-1])).all()


def test_soft_labels_of_ones_say_nothing_beside_a_background() -> None:
    box = background(FIT.mixture).with_weight(0.1)
    start = GaussianMixture(0.9 * TWO.weights, TWO.means, TWO.covariances, background=box)
    one = gmix.fit(X, start=start, tolerance=1e-12)
    other = gmix.fit(X, labels=np.ones((len(X), 2)), start=start, tolerance=1e-12)
    same(one.mixture, other.mixture)
    less = gmix.fit(X, labels=np.full((len(X), 2), 0.1), start=start, tolerance=1e-12)
    assert background(less.mixture).weight > background(one.mixture).weight


def test_of_a_background_without_weight_that_has_rows_the_entropy_is_infinite(tmp_path: Path) -> None:
    """A damaged file may say so."""
    rng = np.random.default_rng(0)
    fit = gmix.fit(np.vstack([rng.normal(size=(80, 2)), rng.uniform(-9, 9, (20, 2))]), 1, background=True, rng=0)
    fit.save(tmp_path / "fit.json")
    document = json.loads((tmp_path / "fit.json").read_text(encoding="utf-8"))
    document["mixture"]["background"]["weight"], document["mixture"]["weights"] = 0.0, [1.0]
    (tmp_path / "fit.json").write_text(json.dumps(document), encoding="utf-8")
    damaged = gmix.load(tmp_path / "fit.json")
    assert damaged.icl == np.inf
    assert damaged.summary()


def test_clutter_is_found_among_rows_of_any_scale() -> None:
    rows = np.random.default_rng(0).standard_normal((200, 3)) * np.repeat([1e-150, 1e150], [140, 60])[:, None]
    clutter = probability_of_clutter(rows)
    assert (clutter[:140] < 0.5).all()
    assert (clutter[140:] > 0.5).all()


def test_an_m_step_by_hand_shares_the_weight_with_the_background() -> None:
    rows = np.random.default_rng(0).uniform(-4.0, 9.0, (200, 2))
    mixture = GaussianMixture(
        [0.3, 0.5], [[0.0, 0.0], [5.0, 5.0]], [np.eye(2)] * 2, background=Background(0.2, [-4.0, -4.0], [9.0, 9.0])
    )
    [statistics] = gmix.expect(rows, [mixture])
    after = GaussianMixture.from_statistics(statistics, "VVV", background=mixture.background)
    shares = mixture.responsibilities(rows).mean(0)
    assert after.background is not None
    np.testing.assert_allclose(after.weights, shares[:2], rtol=1e-12)
    assert after.background.weight == pytest.approx(1.0 - shares[:2].sum(), rel=1e-12)
