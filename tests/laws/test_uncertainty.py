"""Standard errors are the curvature of the likelihood; replicates, tests and merged clusters are what they say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

import gmix
from gmix import Dirichlet, GaussianMixture, NormalInverseWishart
from gmix.inference.bootstrap import Bootstrap, _matched
from gmix.inference.resampling import resampled
from gmix.model.covariance import DIRECT, STRUCTURES, Structure
from gmix.model.priors import Prior
from gmix.sources import MemorySource

Array = NDArray[np.float64]
PARTS = ("weights", "means", "covariances")


@pytest.fixture(scope="module")
def cloud() -> Array:
    """250 points of two ellipses that overlap."""
    shapes = [[[2.0, 0.7], [0.7, 0.6]], [[0.5, -0.2], [-0.2, 1.2]]]
    return GaussianMixture([0.6, 0.4], [[0.0, 0.0], [2.5, 1.0]], shapes).sample(250, rng=3)


def by_angles(structure: Structure) -> Callable[[Array], GaussianMixture]:
    """Two ellipses of a structure, as a function of all its free parameters: logits, means, log volumes, angles."""

    def mixture(parameters: Array) -> GaussianMixture:
        free = list(parameters)

        def pair(letter: str, fixed: float) -> list[float]:
            if letter == "I":
                return [fixed, fixed]
            return [free.pop(0)] * 2 if letter == "E" else [free.pop(0), free.pop(0)]

        weight = 0.5 if structure.equal_weights else 1 / (1 + np.exp(-free.pop(0)))
        means = np.reshape([free.pop(0) for _ in range(4)], (2, 2))
        sizes, ratios = np.exp(pair(structure.volume, 0.0)), np.exp(pair(structure.shape, 0.0))
        dense = []
        for size, ratio, angle in zip(sizes, ratios, pair(structure.orientation, 0.0), strict=True):
            turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            dense.append(size * turn @ np.diag([ratio, 1 / ratio]) @ turn.T)
        assert not free
        return GaussianMixture([weight, 1 - weight], means, dense, structure)

    return mixture


def parameters_of(mixture: GaussianMixture) -> Array:
    """What `by_angles` makes this mixture of."""
    s = mixture.structure
    sizes, ratios, angles = [], [], []
    for dense in mixture.covariances:
        values, axes = np.linalg.eigh(dense)
        if s.orientation == "I":
            values, axes = np.diagonal(dense), np.eye(2)
        else:
            values, axes = values[::-1], axes[:, ::-1]
        sizes.append(np.log(np.prod(values)) / 2)
        ratios.append(np.log(values[0] / values[1]) / 2)
        angles.append(np.arctan2(axes[1, 0], axes[0, 0]))
    if s.orientation == "E":  # the common axes may be longest in one ellipse and shortest in the other
        crossed = abs(np.cos(angles[0] - angles[1])) < 0.5
        ratios[1], angles[1] = (-ratios[1], angles[0]) if crossed else (ratios[1], angles[0])
    count = {"I": 0, "E": 1, "V": 2}
    logit = [] if s.equal_weights else [np.log(mixture.weights[0] / mixture.weights[1])]
    return np.concatenate(
        [
            logit,
            mixture.means.ravel(),
            sizes[: count[s.volume]],
            ratios[: count[s.shape]],
            angles[: count[s.orientation]],
        ]
    )


def hessian(values: Callable[[list[Array]], Array], x: Array, step: float = 2e-3) -> Array:
    """Second differences of a function that is given all points at once."""
    n, e = len(x), step * np.eye(len(x))
    corners = [x + s * a + t * b for a in e for b in e for s, t in ((1, 1), (1, -1), (-1, 1), (-1, -1))]
    return values(corners).reshape(n, n, 4) @ [1, -1, -1, 1] / (4 * step**2)


EVERY = [*STRUCTURES, STRUCTURES[-1].with_equal_weights]
MAP = NormalInverseWishart(mean_strength=3.0) + Dirichlet(6.0)


@pytest.mark.parametrize(
    ("structure", "prior"),
    [pytest.param(s, None, id=f"{s}, ML") for s in EVERY] + [pytest.param(s, MAP, id=f"{s}, MAP") for s in DIRECT],
)
def test_standard_errors_are_the_curvature_at_the_top(cloud: Array, structure: Structure, prior: Prior | None) -> None:
    weight = np.linspace(0.5, 1.5, len(cloud))
    fit = gmix.fit(cloud, 2, covariance=structure, prior=prior, sample_weight=weight, tolerance=0, rng=0,
                   max_iterations=5000)  # fmt: skip
    errors = gmix.standard_errors(fit, cloud, sample_weight=weight)
    make, top = by_angles(structure), parameters_of(fit.mixture)
    for part in PARTS:
        np.testing.assert_allclose(getattr(make(top), part), getattr(fit.mixture, part), rtol=1e-8, atol=1e-8)

    def objective(points: list[Array]) -> Array:
        mixtures = [make(parameters) for parameters in points]
        counted = list(zip(mixtures, gmix.expect(cloud, mixtures, sample_weight=weight), strict=True))
        log_prior = [prior.log_density(m.weights, m.components, s, structure) if prior else 0.0 for m, s in counted]
        return np.array([s.log_likelihood for _, s in counted]) + log_prior

    spread = np.linalg.inv(-hessian(objective, top))
    steps = 1e-5 * np.eye(len(top))
    for part in PARTS:
        slope = np.array([(getattr(make(top + e), part) - getattr(make(top - e), part)) / 2e-5 for e in steps])
        expected = np.sqrt(np.einsum("p...,pq,q...->...", slope, spread, slope))
        np.testing.assert_allclose(getattr(errors, part), expected, rtol=2e-4, atol=1e-7)


def test_standard_errors_move_with_the_table(cloud: Array) -> None:
    settings = {"components": 2, "covariance": "full", "rng": 0, "tolerance": 1e-9}
    plain = gmix.standard_errors(gmix.fit(cloud, **settings), cloud)
    matrix, offset = np.diag([1e-6, 1e120]), np.array([1e1, 1e122])
    table = cloud @ matrix + offset
    moved = gmix.standard_errors(gmix.fit(table, **settings), table)
    np.testing.assert_allclose(moved.weights, plain.weights, rtol=1e-4)
    np.testing.assert_allclose(moved.means, plain.means @ matrix, rtol=1e-4)
    np.testing.assert_allclose(moved.covariances, matrix @ plain.covariances @ matrix, rtol=1e-4)


def test_a_weight_is_a_count_for_standard_errors_too(cloud: Array) -> None:
    count = 1 + np.arange(len(cloud)) % 2
    twice = np.repeat(cloud, count, 0)
    fit = gmix.fit(twice, 2, covariance="EVE", rng=0, tolerance=1e-9)
    rows, weighted = gmix.standard_errors(fit, twice), gmix.standard_errors(fit, cloud, sample_weight=count)
    for part in PARTS:
        np.testing.assert_allclose(getattr(weighted, part), getattr(rows, part), rtol=1e-6, atol=1e-12)


def test_one_gaussian_has_the_standard_errors_of_the_textbook(cloud: Array) -> None:
    n, fit = len(cloud), gmix.fit(cloud, 1, covariance="full")
    errors, variance = gmix.standard_errors(fit, cloud), fit.mixture.covariances[0]
    squares = np.diagonal(variance)
    np.testing.assert_allclose(errors.weights, [0.0])
    np.testing.assert_allclose(errors.means[0], np.sqrt(squares / n), rtol=1e-5)
    np.testing.assert_allclose(
        errors.covariances[0], np.sqrt((variance**2 + np.outer(squares, squares)) / n), rtol=1e-5
    )


@pytest.mark.parametrize("structure", STRUCTURES, ids=repr)
def test_components_of_the_same_weight_have_errors_too(structure: Structure) -> None:
    """Far apart, each has those of its own rows; and a tie of weights is no direction in which nothing is known."""
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(0.0, 1.0, (100, 2)) * [1.0, 2.0], rng.normal(30.0, 1.0, (100, 2))])
    fit = gmix.fit(x, covariance=structure, start=np.repeat([0, 1], 100))
    errors = gmix.standard_errors(fit, x)
    deviations = np.sqrt(np.diagonal(fit.mixture.covariances, axis1=1, axis2=2))
    np.testing.assert_allclose(errors.weights, np.sqrt(0.25 / 200), rtol=1e-4)
    np.testing.assert_allclose(errors.means, deviations / np.sqrt(100), rtol=1e-4)


def test_where_nothing_is_known_it_is_nan(cloud: Array) -> None:
    table = np.vstack([cloud, np.repeat([[50.0, 50.0]], 10, 0)])
    collapsed = gmix.fit(table, covariance="full", start=np.repeat([0, 1], [len(cloud), 10]))
    saddle = gmix.fit(cloud, covariance="full", start=np.full((len(cloud), 2), 0.5))  # two components in one place
    for fit, rows in ((collapsed, table), (saddle, cloud)):
        errors = gmix.standard_errors(fit, rows)
        assert all(np.isnan(getattr(errors, part)).all() for part in PARTS)
        assert errors.covariances.shape == (2, 2, 2)


@pytest.mark.parametrize("errors", [gmix.standard_errors, gmix.bootstrap, gmix.cross_validate])
def test_other_rows_or_an_unknown_prior_are_refused(cloud: Array, errors: Callable[..., object]) -> None:
    fit = gmix.fit(cloud, 2, covariance="full", rng=0, prior=NormalInverseWishart())
    with pytest.raises(gmix.DataError, match=r"not the rows of the fit.*give the same rows, weights, columns and"):
        errors(fit, cloud[1:])
    with pytest.raises(gmix.DataError, match="1 column and the mixture has 2"):
        errors(fit, cloud[:, :1])
    with pytest.raises(gmix.ParameterError, match=r"fit is a GaussianMixture; give the Fit that gmix\.fit returned"):
        errors(fit.mixture, cloud)
    with pytest.raises(gmix.ParameterError, match=r"prior that contributed .* is not known; state it"):
        errors(replace(fit, prior=None), cloud)


@pytest.mark.parametrize("prior", [None, NormalInverseWishart() + Dirichlet(3.0)], ids=["ML", "MAP"])
@pytest.mark.parametrize("kind", ["weights", "rows", "parametric"])
def test_replicates_spread_as_the_curvature_says(kind: str, prior: Prior | None) -> None:
    apart = GaussianMixture([0.6, 0.4], [[0.0, 0.0], [7.0, 2.0]], [[[2.0, 0.7], [0.7, 0.6]], np.eye(2)])
    rows = apart.sample(600, rng=2)
    fit = gmix.fit(rows, 2, covariance="full", prior=prior, rng=0)
    replicates = gmix.bootstrap(fit, rows, kind=kind, replicates=200, rng=0)
    assert replicates.means.shape == (200, 2, 2)
    assert replicates.collapsed == 0
    spread, curvature = replicates.standard_errors, gmix.standard_errors(fit, rows)
    for part in PARTS:
        np.testing.assert_allclose(getattr(spread, part), getattr(curvature, part), rtol=0.25)
    again = gmix.bootstrap(fit, rows, kind=kind, replicates=2, rng=0)
    np.testing.assert_array_equal(again.means, replicates.means[:2])


def test_the_deviation_of_replicates_divides_by_one_less_than_their_number() -> None:
    one = np.array([1.0, 2.0, 6.0])  # mean 3, squares 4 + 1 + 9
    errors = Bootstrap(one[:, None], one[:, None, None], one[:, None, None, None], 0).standard_errors
    for part in PARTS:
        assert getattr(errors, part).ravel() == pytest.approx([np.sqrt(14.0 / 2.0)], rel=1e-15)


@pytest.mark.parametrize("kind", ["weights", "rows", "parametric"])
@pytest.mark.parametrize("weight", [None, 0.25, 3.0])
def test_a_table_that_is_drawn_has_the_mass_of_the_one_that_was_seen(
    cloud: Array, kind: str, weight: float | None
) -> None:
    source = MemorySource(cloud, sample_weight=None if weight is None else np.full(len(cloud), weight))
    mixture = gmix.fit(cloud, 1, covariance="full").mixture
    drawn = resampled(source, mixture, kind, np.random.default_rng(0))
    [statistics] = drawn.expect([mixture.components])
    assert statistics.mass.sum() == pytest.approx(round((weight or 1.0) * len(cloud)), rel=0.01 if weight else 1e-12)
    if kind != "parametric":
        assert statistics.mass.sum() == pytest.approx((weight or 1.0) * len(cloud), rel=1e-12)


def test_as_many_rows_are_drawn_as_the_weights_add_up_to(cloud: Array) -> None:
    source = MemorySource(cloud, sample_weight=np.full(len(cloud), 3.0))
    drawn = resampled(source, gmix.fit(cloud, 1).mixture, "rows", np.random.default_rng(0))
    assert isinstance(drawn, MemorySource)
    assert drawn.weight is not None
    np.testing.assert_array_equal(drawn.weight, np.round(drawn.weight))
    assert np.gcd.reduce(drawn.weight.astype(int)) == 1  # not a third of them, each counted three times


@pytest.mark.parametrize("kind", ["weights", "rows"])
def test_rows_of_no_weight_are_drawn_by_nobody(cloud: Array, kind: str) -> None:
    table, weight = np.vstack([cloud, cloud + 100.0]), np.repeat([1.0, 0.0], len(cloud))
    fit = gmix.fit(table, 2, covariance="full", sample_weight=weight, rng=0)
    replicates = gmix.bootstrap(fit, table, kind=kind, replicates=20, sample_weight=weight, rng=0)
    assert replicates.means.max() < 50.0


def test_components_are_matched_with_those_of_the_fit(cloud: Array) -> None:
    wide_and_narrow = GaussianMixture([0.5, 0.5], [[0.0, 0.0]] * 2, [np.eye(2), 0.01 * np.eye(2)])
    rows = wide_and_narrow.sample(300, rng=0)
    fit = gmix.fit(rows, covariance="full", start=wide_and_narrow)
    swapped = GaussianMixture(fit.mixture.weights[::-1], fit.mixture.means[::-1], fit.mixture.covariances[::-1])
    assert _matched(swapped, fit.mixture).tolist() == [1, 0]
    replicates = gmix.bootstrap(fit, rows, replicates=30, rng=0)
    assert (replicates.covariances[:, 0, 0, 0] > 10 * replicates.covariances[:, 1, 0, 0]).all()


def test_a_bootstrap_that_cannot_be_says_so(cloud: Array) -> None:
    fit = gmix.fit(cloud, 2, covariance="full", rng=0)
    for settings, message in (
        ({"kind": "row"}, "did you mean 'rows'"), ({"replicates": 1}, "whole number above one"),
        ({"rng": "seed"}, "rng is"),
    ):  # fmt: skip
        with pytest.raises(gmix.ParameterError, match=message):
            gmix.bootstrap(fit, cloud, **settings)


def test_weights_that_no_table_can_be_drawn_by_are_refused(cloud: Array) -> None:
    for size, kind, message in (
        (1e-12, "weights", "too few to draw"),
        (1e12, "parametric", "too many to draw"),
        (1e60, "rows", "too many to draw"),
    ):
        weight = np.full(len(cloud), size)
        fit = gmix.fit(cloud, 1, covariance="full", sample_weight=weight)
        with pytest.raises(gmix.DataError, match=message):
            gmix.bootstrap(fit, cloud, kind=kind, replicates=2, sample_weight=weight, rng=0)
    with pytest.raises(gmix.DataError, match=r"adds up to 1\.25 rows, too few to draw"):
        gmix.likelihood_ratio_test(cloud, 1, sample_weight=np.full(len(cloud), 0.005), rng=0)


def test_standard_errors_are_shown_on_request(cloud: Array) -> None:
    fit = gmix.fit(cloud, 2, covariance="full", rng=0)
    errors = gmix.standard_errors(fit, cloud)
    assert "±" not in fit.summary()
    shown = [line for line in fit.summary(errors).splitlines() if "±" in line]
    assert len(shown) == 4
    assert f"{errors.means[0, 0]:.2g}" in shown[0]
    assert f"± {errors.weights[1]:.2g}" in shown[2]


def test_one_component_more_is_real_or_not(cloud: Array) -> None:
    real = gmix.likelihood_ratio_test(cloud, 1, replicates=19, rng=0)
    assert real.p_value == 0.05
    assert real.statistic > real.replicates.max() > real.replicates.min() >= 0.0
    assert real.null.mixture.n_components == 1
    assert real.statistic == pytest.approx(2 * (real.alternative.log_likelihood - real.null.log_likelihood))
    assert "1 component against 2" in repr(real)
    unreal = gmix.likelihood_ratio_test(cloud, 2, replicates=19, rng=0)
    assert unreal.p_value > 0.05
    assert round(20 * unreal.p_value) == 1 + (unreal.replicates >= unreal.statistic).sum()
    for settings, message in (({"components": 0}, "above zero"), ({"replicates": 0}, "above zero")):
        with pytest.raises(gmix.ParameterError, match=message):
            gmix.likelihood_ratio_test(cloud, **({"components": 1} | settings))
    with pytest.raises(gmix.DataError, match="test fewer"):
        gmix.likelihood_ratio_test(cloud[:3], 3)


@pytest.fixture(scope="module")
def bent() -> GaussianMixture:
    """An angle of two components, and two clusters apart from it."""
    means = [[0.0, 0.0], [2.0, 2.2], [12.0, 0.0], [0.0, 14.0]]
    long = [[[3.0, 0.0], [0.0, 0.1]], [[0.1, 0.0], [0.0, 3.0]]]
    return GaussianMixture([0.3, 0.2, 0.3, 0.2], means, [*long, np.eye(2), np.eye(2)])


def test_the_two_components_of_one_cluster_are_merged_first(bent: GaussianMixture) -> None:
    rows, labels = bent.sample_labelled(800, rng=4)
    merging = gmix.merge(bent, rows)
    assert merging.groups[2:].tolist() == [[0, 0, 1, 2], [0, 1, 2, 3]]
    assert merging.elbow == 3
    assert (merging.predict(rows) == merging.groups[2][labels]).mean() > 0.99
    r = bent.responsibilities(rows)
    np.testing.assert_allclose(merging.responsibilities(rows, 3), np.column_stack([r[:, 0] + r[:, 1], r[:, 2:]]))
    np.testing.assert_allclose(merging.responsibilities(rows, 1), np.ones((800, 1)))


def test_each_merger_takes_the_most_from_the_entropy(cloud: Array) -> None:
    weight = np.linspace(0.0, 2.0, len(cloud))
    fit = gmix.fit(cloud, 5, covariance="diag", sample_weight=weight, rng=0)
    merging = gmix.merge(fit, cloud, sample_weight=weight)
    assert (np.diff(merging.entropy) >= 0).all()
    assert merging.entropy[0] == pytest.approx(0.0, abs=1e-9)
    assert merging.mass == pytest.approx(weight.sum())

    def entropy(group: Array) -> float:
        share = fit.mixture.responsibilities(cloud) @ np.eye(5)[group]
        return -float(weight @ np.sum(share * np.log(np.maximum(share, 1e-300)), axis=1))

    for clusters in range(5, 1, -1):
        group, after = merging.groups[clusters - 1], merging.groups[clusters - 2]
        assert sorted(set(group)) == list(range(clusters))
        assert merging.entropy[clusters - 1] == pytest.approx(entropy(group), rel=1e-9)
        ways = [np.where(group == b, a, group) for b in range(clusters) for a in range(b)]
        assert entropy(after) == pytest.approx(min(map(entropy, ways)), rel=1e-9, abs=1e-9)
    assert merging.entropy[4] == pytest.approx((fit.icl - fit.bic) / 2, rel=1e-6)


def test_components_apart_stay_apart(bent: GaussianMixture) -> None:
    apart = bent.marginal([0, 1])
    apart = GaussianMixture(apart.weights, apart.means * 100, apart.covariances)
    assert gmix.merge(apart, apart.sample(100, rng=0)).elbow == 4
    one = GaussianMixture([1.0], [[0.0]], [[[1.0]]])
    assert gmix.merge(one, [[0.0], [1.0]]).elbow == 1


def test_a_merger_that_cannot_be_says_so(bent: GaussianMixture, cloud: Array) -> None:
    merging = gmix.merge(bent, cloud)
    for clusters in (0, 5, 2.0):
        with pytest.raises(gmix.ParameterError, match="whole number from 1 to 4"):
            merging.predict(cloud, clusters)
    with pytest.raises(gmix.ParameterError, match="model is a ndarray; give a Fit"):
        gmix.merge(cloud, cloud)
    with pytest.raises(gmix.DataError, match="columns"):
        gmix.merge(bent, cloud[:, :1])
