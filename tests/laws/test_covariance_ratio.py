"""`covariance_ratio`: the bound holds in whatever comes back, the M-step is the best under it, and EM still rises."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

import gmix
from combinations import by_pairs
from gmix import Dirichlet, GaussianMixture, NormalInverseWishart, SufficientStatistics
from gmix.fitting.neighbors import grow, release, splits
from gmix.model.covariance import VII, VVI, VVV, Structure
from gmix.model.covariance.bounded_ratio import truncated
from gmix.model.priors import Prior

Array = NDArray[np.float64]
FREE = (VVV, VVI, VII)
each_free = pytest.mark.parametrize("free", FREE, ids=repr)
each_ratio = pytest.mark.parametrize("ratio", [1.0, 1.5, 4.0, 300.0])
PRIORS = {"ML": None, "MAP": NormalInverseWishart(), "everything": NormalInverseWishart(strength=2.0) + Dirichlet(3.0)}
each_prior = pytest.mark.parametrize("prior", PRIORS.values(), ids=PRIORS)
ROUNDING = 1.0 + 1e-12


def ratio_of(mixture: GaussianMixture) -> float:
    values = np.linalg.eigvalsh(mixture.covariances)
    return float(values.max() / values.min())


def loss(values: Array, mass: Array, least: float, ratio: float) -> float:
    """What the M-step minimizes, for eigenvalues truncated to ``[least, ratio * least]``."""
    kept = np.clip(values, least, ratio * least)
    return float((mass * (np.log(kept) + values / kept)).sum())


# The M-step.


SPECTRA = arrays(
    np.float64, st.tuples(st.integers(1, 5), st.integers(1, 4)), elements=st.sampled_from([0, 1e-6, 0.5, 1, 3, 1e4])
)


@given(
    SPECTRA,
    st.sampled_from([1.0, 1.2, 7.0, 1e3, 1e9]),
    st.integers(0, 1000),
)  # fmt: skip
def test_the_best_interval_is_found(values: Array, ratio: float, seed: int) -> None:
    mass = np.exp(2.0 * np.random.default_rng(seed).standard_normal((len(values), 1)))
    found = truncated(values, mass, ratio)
    if values.max() <= ratio * values.min():
        assert (found == values).all()
        return
    assert found.max() <= ratio * found.min() * ROUNDING
    here = float((mass * (np.log(found) + values / found)).sum())
    grid = np.geomspace(values.max() / ratio * 1e-7, values.max() * 10.0, 2000)
    best = min(loss(values, mass, least, ratio) for least in grid)
    assert here <= best + 1e-10 * abs(best)
    near = minimize_scalar(
        lambda log_least: loss(values, mass, np.exp(log_least), ratio),
        bounds=np.log(found.min()) + np.array([-0.1, 0.1]), method="bounded", options={"xatol": 1e-9},
    )  # fmt: skip
    assert here <= near.fun + 1e-10 * abs(near.fun)


@each_ratio
@each_prior
@each_free
def test_no_covariances_that_obey_the_bound_are_likelier(
    points: Array, labels: Array, free: Structure, prior: Prior | None, ratio: float
) -> None:
    s = free.with_covariance_ratio(ratio)
    statistics = SufficientStatistics.from_labels(s.form, points, labels, 3)
    total = statistics if prior is None else statistics + prior.term(statistics, s)
    best = s.covariances(total.scatter, total.divisor, 3)

    def expected(compact: Array) -> float:
        factor = s.form.factor(compact)
        whitened = s.form.congruence(s.form.whitener(factor), total.scatter)
        return -float(total.divisor @ s.form.log_determinant(factor, 3, 3)) - 0.5 * s.form.trace(whitened)

    rng = np.random.default_rng(0)
    for size in (1e-3, 1e-2, 0.1) * 30:
        moved = s.form.dense(best, 3, 3) + size * np.array([(a + a.T) / 2 for a in rng.standard_normal((3, 3, 3))])
        values, axes = np.linalg.eigh(s.form.dense(s.form.compress(moved), 3, 3))
        least = max(values.max() / ratio * np.exp(size * rng.standard_normal()), 1e-3)
        near = (axes * np.clip(values, least, ratio * least)[:, None]) @ axes.mT
        assert expected(s.form.compress(near)) <= expected(best) + 1e-12 * abs(expected(best))


@each_free
def test_the_objective_never_falls(points: Array, labels: Array, free: Structure) -> None:
    weight = np.linspace(0.0, 2.0, len(points))
    for prior in PRIORS.values():
        for ratio in (1.0, 3.0, 20.0):
            s, reached = free.with_covariance_ratio(ratio), -np.inf
            start = SufficientStatistics.from_responsibilities(s.form, points, np.eye(3)[np.roll(labels, 40)])
            mixture = GaussianMixture.from_statistics(start, s, prior)
            for _ in range(40):
                [found] = gmix.expect(points, [mixture], sample_weight=weight)
                log_prior = prior.log_density(mixture.weights, mixture.components, found, s) if prior else 0.0
                assert found.log_likelihood + log_prior >= reached - 1e-11 * abs(reached)
                reached = found.log_likelihood + log_prior
                mixture = GaussianMixture.from_statistics(found, s, prior)
                assert ratio_of(mixture) <= ratio * ROUNDING


def test_an_empty_component_does_not_move_the_bound(points: Array, labels: Array) -> None:
    s = VVV.with_covariance_ratio(5.0)
    statistics = SufficientStatistics.from_labels(s.form, points, labels, 3)
    empty = replace(
        statistics,
        **{name: np.concatenate([getattr(statistics, name), np.zeros((1, *getattr(statistics, name).shape[1:]))])
           for name in ("counts", "mass", "mean", "scatter", "divisor")},
    )  # fmt: skip
    three, four = (GaussianMixture.from_statistics(each, s) for each in (statistics, empty))
    np.testing.assert_allclose(four.covariances[:3], three.covariances, rtol=1e-9)
    assert ratio_of(four) <= 5.0 * ROUNDING


# What comes back from a fit.


@by_pairs(free=FREE, prior=PRIORS, dtype=(np.float32, np.float64), equal_weights=(False, True))
def test_the_bound_holds_in_whatever_comes_back(
    points: Array, labels: Array, free: Structure, prior: Prior | None, dtype: type, equal_weights: bool
) -> None:
    weight, wide = np.linspace(0.0, 2.0, len(points)), gmix.fit(points, 3, covariance=free, rng=0).mixture
    ratio = 1.1 if free is VII else 2.5  # less than these clouds would have without a bound
    for start in ("auto", labels, np.eye(3)[labels] * 0.8 + 0.2 / 3, wide):
        for sample_weight in (None, weight):
            for steps in (0, 1000):
                fit = gmix.fit(
                    points.astype(dtype), 3, covariance=free, covariance_ratio=ratio, prior=prior, start=start, rng=1,
                    sample_weight=sample_weight, equal_weights=equal_weights, max_iterations=steps,
                )  # fmt: skip
                assert ratio_of(fit.mixture) <= ratio * ROUNDING
                assert fit.mixture.structure.covariance_ratio == ratio
                assert fit.mixture.structure.equal_weights == equal_weights
                assert all(b >= a - 1e-11 * abs(a) for a, b in pairwise(fit.history))
                if steps:
                    assert fit.converged
                    assert ratio_of(fit.mixture) == pytest.approx(ratio, rel=1e-9)


def test_every_candidate_of_a_search_obeys_and_richer_ones_are_likelier(points: Array) -> None:
    fit = gmix.fit(points, range(1, 6), covariance_ratio=6.0, rng=0)
    assert fit.search is not None
    assert {c.structure.without_covariance_ratio for c in fit.search.candidates} == set(FREE)
    found = {(c.structure, c.n_components): c for c in fit.search.candidates}
    for (s, k), candidate in found.items():
        assert ratio_of(candidate.run.mixture) <= 6.0 * ROUNDING
        assert candidate.run.mixture.n_parameters == s.without_covariance_ratio.n_parameters(k, 3)
        for (other, fewer), poorer in found.items():
            if s.contains(other) and fewer <= k and not poorer.is_set_aside and not candidate.is_set_aside:
                assert candidate.log_likelihood >= poorer.log_likelihood - 1e-9 * abs(poorer.log_likelihood)


def test_a_stream_and_a_table_have_the_same_bits(points: Array) -> None:
    settings = {"components": 3, "covariance": "VVV", "covariance_ratio": 3.0, "rng": 0}
    whole, blocks = gmix.fit(points, **settings), gmix.fit([points[:50], points[50:]], **settings)
    assert ratio_of(blocks.mixture) <= 3.0 * ROUNDING
    np.testing.assert_allclose(blocks.mixture.covariances, whole.mixture.covariances, rtol=1e-9)


@each_free
def test_a_large_ratio_is_no_bound(points: Array, labels: Array, free: Structure) -> None:
    s = free.with_covariance_ratio(1e300)
    for table in (points, points * [1e-9, 1.0, 1e9]):
        statistics = SufficientStatistics.from_labels(s.form, table, labels, 3)
        bounded, plain = (GaussianMixture.from_statistics(statistics, kind) for kind in (s, free))
        assert (bounded.covariances == plain.covariances).all()
        bounded, plain = (gmix.fit(table, covariance=kind, start=labels).mixture for kind in (s, free))
        np.testing.assert_allclose(bounded.covariances, plain.covariances, rtol=1e-9)


@each_free
def test_shift_and_common_factor_do_not_matter_and_rotations_do_not_to_vvv(points: Array, free: Structure) -> None:
    settings = {
        "components": 3,
        "covariance": free,
        "covariance_ratio": 3.0,
        "start": np.arange(140) % 3,
        "tolerance": 1e-10,
    }
    plain = gmix.fit(points, **settings).mixture
    for factor in (2.0**-40, 2.0**60, 1e-7):
        moved = gmix.fit(factor * points, **settings).mixture
        np.testing.assert_allclose(moved.covariances, factor**2 * plain.covariances, rtol=1e-5, atol=1e-9 * factor**2)
    moved = gmix.fit(points + 1e5, **settings).mixture
    np.testing.assert_allclose(moved.covariances, plain.covariances, rtol=1e-4, atol=1e-5)
    if free is not VVI:
        turn = np.linalg.qr(np.random.default_rng(3).standard_normal((3, 3)))[0]
        turned = gmix.fit(points @ turn.T, **settings).mixture
        np.testing.assert_allclose(turned.covariances, turn @ plain.covariances @ turn.T, rtol=1e-4, atol=1e-5)
    stretched = gmix.fit(points * [1.0, 1.0, 50.0], **settings).mixture.covariances
    assert not np.allclose(stretched, plain.covariances * np.outer([1, 1, 50], [1, 1, 50]), rtol=0.1)


def test_a_ratio_of_one_is_spheres_of_one_size(points: Array, labels: Array) -> None:
    spheres = gmix.fit(points, covariance="EII", start=labels).mixture
    for free in FREE:
        found = gmix.fit(points, covariance=free, covariance_ratio=1, start=labels).mixture
        np.testing.assert_allclose(found.covariances, spheres.covariances, rtol=1e-5, atol=1e-12)


@each_free
def test_neighbors_and_marginals_obey(points: Array, free: Structure) -> None:
    mixture = gmix.fit(points, 3, covariance=free, covariance_ratio=4.0, rng=0).mixture
    near = [*splits(mixture, [0, 1, 2]), grow(mixture, 5), release(mixture, VVV.with_covariance_ratio(4.0))]
    parts = [
        mixture.marginal([2, 0]),
        mixture.marginal(1),
        mixture.condition({0: 1.0}),
        mixture.condition({0: 1.0, 2: 0.0}),
    ]
    for other in (*near, *parts):
        assert other.structure.covariance_ratio == 4.0
        assert ratio_of(other) <= 4.0 * ROUNDING


def test_stepwise_updates_obey(points: Array) -> None:
    learner = gmix.Stepwise(gmix.fit(points, 3, covariance="VVV:3", rng=0).mixture)
    assert ratio_of(learner.update(points * [1.0, 5.0, 1.0]).mixture) <= 3.0 * ROUNDING


def test_files_hold_the_bound(points: Array, tmp_path: Path) -> None:
    for kind in ("VVV", "VVI", "VII"):
        for equal in (False, True):
            fit = gmix.fit(points, 2, covariance=kind, covariance_ratio=7.25, equal_weights=equal, rng=0)
            fit.save(tmp_path / "model.json")
            loaded = gmix.load(tmp_path / "model.json")
            assert loaded.mixture.structure is fit.mixture.structure
            assert (loaded.mixture.covariances == fit.mixture.covariances).all()
            assert loaded.bic == fit.bic


# Tables without width.


@each_free
def test_degenerate_tables_obey_too(free: Structure) -> None:
    """A constant column, few distinct rows, one row, wide ranges: the bound holds, and nothing crashes."""
    rng = np.random.default_rng(0)
    clouds = np.vstack([rng.normal(size=(20, 2)), rng.normal(8.0, 1.0, (20, 2))])
    tables = {
        "a constant column": np.column_stack([clouds, np.full(40, 7.0)]),
        "a column that follows": clouds @ [[1.0, 0.0, 2.0], [0.0, 1.0, 1.0]],
        "two distinct rows": np.repeat([[0.0, 1.0], [5.0, 5.0]], 10, 0),
        "one distinct row": np.full((9, 2), 3.0),
        "a column of a wide range": np.column_stack([clouds[:, 0], np.repeat([0.0, 1e15], 20) + clouds[:, 1]]),
        "large numbers": clouds * 1e150,
        "small numbers": clouds * 1e-150,
    }
    for name, table in tables.items():
        for ratio in (1.0, 10.0, 1e6):
            fit = gmix.fit(table, 2, covariance=free, covariance_ratio=ratio, rng=0)
            assert ratio_of(fit.mixture) <= ratio * (1 + 1e-8), name
            assert np.isfinite(fit.log_likelihood), name
            several = gmix.fit(table, [1, 2], covariance=[free], covariance_ratio=ratio, rng=0)
            assert ratio_of(several.mixture if several.mixture.dependence is None
                            else several.mixture.independent_part) <= ratio * (1 + 1e-8), name  # fmt: skip


@each_free
def test_the_floor_and_the_bound_hold_together(free: Structure) -> None:
    """The floor of one column is above the variances that rows have in the other."""
    s = free.with_covariance_ratio(10.0)
    compact = s.form.compress(np.array([np.diag([1.0, 3.0]), np.diag([2.0, 4.0])]))
    floor = np.array([1e4, 1e4]) if free is VII else np.array([1e4, 1e-9])
    lifted = s.form.dense(s.lifted(compact, floor), 2, 2)
    values = np.linalg.eigvalsh(lifted)
    assert values.max() <= 10.0 * values.min() * ROUNDING
    assert (np.linalg.eigvalsh(lifted - 0.999 * np.diag(floor)) >= 0).all()
    assert (s.lifted(compact, np.full(2, 1e-9)) == compact).all()


def test_standard_errors_keep_eigenvalues_at_the_bound(points: Array) -> None:
    for kind in FREE:
        loose, plain = (gmix.fit(points, 3, covariance=kind, covariance_ratio=r, rng=0) for r in (1e6, None))
        for part in ("weights", "means", "covariances"):
            found, expected = (getattr(gmix.standard_errors(f, points), part) for f in (loose, plain))
            np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-6)
        one = gmix.standard_errors(gmix.fit(points, 3, covariance=kind, covariance_ratio=1.0, rng=0), points)
        spheres = gmix.standard_errors(gmix.fit(points, 3, covariance="EII", rng=0), points)
        np.testing.assert_allclose(one.covariances, spheres.covariances, rtol=1e-2, atol=1e-6)
        tight = gmix.standard_errors(gmix.fit(points, 3, covariance=kind, covariance_ratio=2.5, rng=0), points)
        assert np.isfinite(tight.covariances).all()
        assert (np.diagonal(tight.covariances, axis1=1, axis2=2) > 0).all()


def test_standard_errors_at_the_bound_are_the_curvature_along_it() -> None:
    """One column and two components: the parameters are a weight, two means and m, with variances m and 4 m."""
    rng = np.random.default_rng(8)
    x = np.concatenate([rng.normal(0.0, 1.0, 300), rng.normal(7.0, 4.0, 200)])[:, None]
    fit = gmix.fit(x, 2, covariance_ratio=4.0, covariance="V", rng=0, tolerance=0, max_iterations=5000)
    mixture = fit.mixture
    assert mixture.covariances[1, 0, 0] == pytest.approx(4.0 * mixture.covariances[0, 0, 0], rel=1e-12)
    best = np.array([mixture.weights[0], *mixture.means[:, 0], mixture.covariances[0, 0, 0]])

    def log_likelihood(p: Array) -> float:
        weights, covariances = [p[0], 1.0 - p[0]], [[[p[3]]], [[4.0 * p[3]]]]
        return float(GaussianMixture(weights, p[1:3, None], covariances).log_density(x).sum())

    steps = 1e-3 * np.eye(4)
    corners = [[(i * a, j * b) for i in (1, -1) for j in (1, -1)] for a in steps for b in steps]
    hessian = np.array(
        [sum(np.sign(a.sum() * b.sum()) * log_likelihood(best + a + b) for a, b in four) for four in corners]
    )
    expected = np.sqrt(np.diag(np.linalg.inv(-hessian.reshape(4, 4) / 4e-6)))
    errors = gmix.standard_errors(fit, x)
    found = [errors.weights[0], *errors.means[:, 0], errors.covariances[0, 0, 0]]
    np.testing.assert_allclose(found, expected, rtol=1e-3)
    np.testing.assert_allclose(errors.covariances[1], 4.0 * errors.covariances[0], rtol=1e-6)
