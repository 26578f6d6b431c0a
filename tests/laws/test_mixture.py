"""A mixture is a distribution: it integrates, samples, projects, conditions and moves as one, and never changes."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, norm

import gmix
from gmix import DataError, GaussianMixture, ParameterError
from gmix.model.components import Components
from gmix.model.covariance import FORMS, STRUCTURES, Structure, structure as structure_named
from gmix.model.mixture import compact_covariances

Array = NDArray[np.float64]

rng = np.random.default_rng(11)
ROOTS = rng.standard_normal((3, 4, 4)) + np.eye(4)
FULL = ROOTS @ ROOTS.transpose(0, 2, 1)


def mixture(structure: Structure, features: list[str] | None = None) -> GaussianMixture:
    """Three components in four dimensions, of any structure: the M-step of the statistics of a full one."""
    full = GaussianMixture([0.2, 0.3, 0.5], rng.standard_normal((3, 4)) * 3, FULL)
    points, labels = full.sample_labelled(300, rng=1)
    statistics = gmix.SufficientStatistics.from_responsibilities(structure.form, points, np.eye(3)[labels])
    return GaussianMixture.from_statistics(statistics, structure, features=tuple(features) if features else None)


each_structure = pytest.mark.parametrize("m", [mixture(s) for s in STRUCTURES], ids=map(repr, STRUCTURES))


@each_structure
def test_the_density_is_the_weighted_sum_of_normal_densities(m: GaussianMixture) -> None:
    x = rng.standard_normal((50, 4)) * 5
    joint = np.column_stack([
        np.log(w) + multivariate_normal(mu, sigma).logpdf(x)
        for w, mu, sigma in zip(m.weights, m.means, m.covariances, strict=True)
    ])  # fmt: skip
    np.testing.assert_allclose(m.log_density(x), logsumexp(joint, axis=1), rtol=1e-10)
    np.testing.assert_allclose(m.density(x), np.exp(logsumexp(joint, axis=1)), rtol=1e-9)
    r = m.responsibilities(x)
    np.testing.assert_allclose(r, np.exp(joint - logsumexp(joint, axis=1)[:, None]), rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(r.sum(1), 1.0)
    np.testing.assert_array_equal(m.predict(x), joint.argmax(1))


@pytest.mark.parametrize("structure", ["E", "V", "diag", "spherical"])
def test_a_density_integrates_to_one(structure: str) -> None:
    variances = [[0.5]] if structure == "E" else [0.5, 0.5] if structure == "spherical" else [[0.5], [0.5]]
    m = GaussianMixture([0.3, 0.7], [[-1.0], [2.0]], variances if structure != "V" else np.full((2, 1, 1), 0.5),
                        structure)  # fmt: skip
    x = np.linspace(-12.0, 14.0, 4001)
    assert m.density(x).sum() * (x[1] - x[0]) == pytest.approx(1.0, abs=1e-12)


@each_structure
def test_quantiles_invert_the_probability_of_at_most(m: GaussianMixture) -> None:
    one = m.marginal(2)
    x = np.linspace(-100.0, 100.0, 50_001)
    summed = np.cumsum(one.density(x)) * (x[1] - x[0]) - one.density(x) * (x[1] - x[0]) / 2  # by the trapezoidal rule
    np.testing.assert_allclose(one.cdf(x), summed, atol=1e-6)
    share = np.array([[1e-300, 1e-9, 0.2], [0.5, 0.9, 1.0 - 1e-9]])
    np.testing.assert_allclose(one.cdf(one.quantile(share).ravel()), share.ravel(), rtol=1e-10)
    assert one.quantile([0.0, 1.0]).tolist() == [-np.inf, np.inf]
    for scale in (1e-150, 1e150):
        np.testing.assert_allclose(one.affine([[scale]]).quantile(share), scale * one.quantile(share), rtol=1e-12)
    turned = one.affine([[-1.0]]).quantile(1.0 - share)
    np.testing.assert_allclose(turned[0, 2:], -one.quantile(share)[0, 2:], rtol=1e-12)
    np.testing.assert_allclose(turned[1], -one.quantile(share)[1], rtol=1e-12)


def test_the_probabilities_of_one_component_are_those_of_a_normal() -> None:
    one, x = GaussianMixture([1.0], [[3.0]], [[[4.0]]]), 3.0 + 2.0 * np.linspace(-37.5, 37.5, 61)
    for name in ("cdf", "sf", "logcdf", "logsf"):
        found = getattr(one, name.replace("log", "log_"))(x)
        np.testing.assert_allclose(found, getattr(norm(3.0, 2.0), name)(x), rtol=1e-12)


def test_the_probabilities_of_a_tail_are_not_lost() -> None:
    m = GaussianMixture([0.25, 0.75, 0.0], [[0.0], [1.0], [50.0]], [[[1.0]], [[1.0]], [[1.0]]])
    tail = np.exp(norm.logcdf(-38.0))  # of the standard normal; the smallest float64 is 5e-324
    assert 2.8e-316 < tail < 2.9e-316
    assert m.cdf([-38.0])[0] == pytest.approx(0.25 * tail, rel=1e-6, abs=0.0)
    assert m.sf([39.0])[0] == pytest.approx(0.75 * tail, rel=1e-6, abs=0.0)
    lower = np.log(0.25) + norm.logcdf([-38.0, -50.0, -1e150])
    np.testing.assert_allclose(m.log_cdf([-38.0, -50.0, -1e150]), lower, rtol=1e-14)
    np.testing.assert_allclose(m.log_sf([39.0, 51.0]), np.log(0.75) + norm.logsf([38.0, 50.0]), rtol=1e-14)
    for log, other, points in ((m.log_cdf, m.sf, [0.5, 1.5, 9.0]), (m.log_sf, m.cdf, [1.5, 0.5, -8.0])):
        np.testing.assert_allclose(log(points), np.log1p(-other(points)), rtol=1e-14)
    assert m.log_cdf([60.0])[0] == 0.0


def test_a_density_too_large_for_float64_is_infinite_without_a_warning() -> None:
    narrow = GaussianMixture([1.0], np.zeros((1, 200)), [1e-20], "EII")
    assert narrow.density(np.zeros((1, 200))).tolist() == [np.inf]


def test_a_quantile_of_one_component_is_that_of_a_normal() -> None:
    share = [1e-300, 1e-12, 0.1, 0.5, 0.9, 1.0 - 2.0**-53]
    one = GaussianMixture([0.0, 1.0], [[1e150], [3.0]], [[[1.0]], [[4.0]]])
    np.testing.assert_allclose(one.quantile(share), norm(3.0, 2.0).ppf(share), rtol=1e-14)


@each_structure
def test_marginal_times_conditional_is_joint(m: GaussianMixture) -> None:
    x = rng.standard_normal((5, 4)) * 3
    for given in ([0], [3, 1], [2, 0, 1]):
        rest = [i for i in range(4) if i not in given]
        for point in x:
            conditional = m.condition(dict(zip(given, point[given], strict=True)))
            split = m.marginal(given).log_density(point[None, given]) + conditional.log_density(point[None, rest])
            np.testing.assert_allclose(split, m.log_density(point[None]), rtol=1e-9)
            # what is returned without a check would have passed it
            GaussianMixture(conditional.weights, conditional.means, conditional.covariances, conditional.structure)


@each_structure
def test_a_marginal_keeps_the_moments(m: GaussianMixture) -> None:
    chosen = [2, 0]
    marginal = m.marginal(chosen)
    np.testing.assert_allclose(marginal.mean, m.mean[chosen])
    np.testing.assert_allclose(marginal.covariance, m.covariance[np.ix_(chosen, chosen)], atol=1e-12)
    whole = m.marginal([0, 1, 2, 3])
    np.testing.assert_array_equal(whole.covariances, m.covariances)
    np.testing.assert_array_equal(m.marginal(np.array([1])).means, m.means[:, [1]])


@each_structure
def test_a_sample_has_the_moments_and_the_labels(m: GaussianMixture) -> None:
    n = 40_000
    points, labels = m.sample_labelled(n, rng=5)
    sigma = np.sqrt(np.diagonal(m.covariance))
    np.testing.assert_allclose((points.mean(0) - m.mean) / sigma, 0.0, atol=5 / np.sqrt(n))
    np.testing.assert_allclose((np.cov(points.T) - m.covariance) / np.outer(sigma, sigma), 0.0, atol=12 / np.sqrt(n))
    np.testing.assert_allclose(np.bincount(labels) / n, m.weights, atol=3 / np.sqrt(n))
    for k in range(3):
        own = np.cov(points[labels == k].T)
        scale = np.sqrt(np.diagonal(m.covariances[k]))
        np.testing.assert_allclose((own - m.covariances[k]) / np.outer(scale, scale), 0.0, atol=0.06)
    np.testing.assert_array_equal(m.sample(9, rng=5), m.sample(9, rng=np.random.default_rng(5)))
    assert m.sample(0, rng=1).shape == (0, 4)


@pytest.mark.parametrize("n", [0, 1, 63, 64, 1_000])
@pytest.mark.parametrize("kind", ["gaussian", "background", "dependent", "student"])
def test_draws_in_blocks_are_those_of_one_sample(kind: str, n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gmix.model.sampling._BLOCK", 128)
    x = np.random.default_rng(0).normal(size=(200, 2)) @ [[1.0, 0.4], [0.0, 0.7]]
    rows = np.column_stack([x, x @ [2.0, -1.0] + 3.0]) if kind == "dependent" else x
    m = gmix.fit(rows, [1, 2], covariance="full", background=kind == "background", rng=0).mixture
    drawn = gmix.StudentMixture(m.weights, m.means, m.covariances, 4.0) if kind == "student" else m
    assert (m.dependence is not None) == (kind == "dependent")
    assert (m.background is not None) == (kind == "background")
    blocks = list(drawn.sample_blocks(n, rng=5))
    assert len(blocks) == max(-(-n // (128 // rows.shape[1])), 1)
    np.testing.assert_array_equal(np.concatenate(blocks), drawn.sample(n, rng=5))
    points, labels = drawn.sample_labelled(n, rng=5)
    np.testing.assert_array_equal(points, drawn.sample(n, rng=5))
    assert labels.shape == (n,)


@each_structure
def test_the_blocks_of_a_sample_are_independent(m: GaussianMixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gmix.model.sampling._BLOCK", 4)  # one point in each block
    points = m.sample(4_000, rng=5)
    z = (points - m.mean) / np.sqrt(np.diagonal(m.covariance))
    np.testing.assert_allclose(z.mean(0), 0.0, atol=5 / np.sqrt(4_000))
    np.testing.assert_allclose((z[1:] * z[:-1]).mean(0), 0.0, atol=5 / np.sqrt(4_000))


@each_structure
def test_an_affine_map_maps_the_distribution(m: GaussianMixture) -> None:
    a, b = rng.standard_normal((4, 4)), rng.standard_normal(4)
    moved, x = m.affine(a, b), rng.standard_normal((20, 4)) * 3
    np.testing.assert_allclose(
        moved.log_density(x @ a.T + b), m.log_density(x) - np.linalg.slogdet(a).logabsdet, rtol=1e-9
    )
    flat = m.affine(a[:2], 1.0)
    np.testing.assert_allclose(flat.mean, a[:2] @ m.mean + 1.0)
    np.testing.assert_allclose(flat.covariance, a[:2] @ m.covariance @ a[:2].T, rtol=1e-10)


@each_structure
def test_a_copy_or_a_pickle_is_the_same_mixture(m: GaussianMixture) -> None:
    x = rng.standard_normal((9, 4))
    for other in (copy.copy(m), copy.deepcopy(m), pickle.loads(pickle.dumps(m))):  # noqa: S301
        assert other is not m
        assert other.structure is m.structure
        np.testing.assert_array_equal(other.covariances, m.covariances)
        np.testing.assert_array_equal(other.log_density(x), m.log_density(x))
        assert not other.means.flags.writeable
    for form in FORMS:
        assert pickle.loads(pickle.dumps(form)) is form  # noqa: S301


@each_structure
def test_a_mixture_does_not_change(m: GaussianMixture) -> None:
    m.log_density(np.zeros((1, 4)))
    arrays = (m.weights, m.means, m.covariances, compact_covariances(m), *m.components[1:5])
    for array in arrays:
        with pytest.raises(ValueError, match=r"read-only|WRITEABLE"):
            array[...] = 0.0
    for name in ("weights", "structure", "something"):
        with pytest.raises(AttributeError, match="does not change"):
            setattr(m, name, 0)
    with pytest.raises(AttributeError, match="does not change"):
        del m.weights
    weights = np.array([1.0])
    stated = GaussianMixture(weights, [[0.0]], [[[1.0]]])
    weights[0] = 0.5
    assert stated.weights[0] == 1.0


def test_the_memory_order_of_what_is_stated_does_not_matter() -> None:
    m = mixture(STRUCTURES[-1])
    turned = GaussianMixture(m.weights, np.asfortranarray(m.means), np.asfortranarray(m.covariances))
    np.testing.assert_array_equal(turned.log_density(np.eye(4)), m.log_density(np.eye(4)))


def test_names_travel_with_the_features() -> None:
    m = mixture(STRUCTURES[-1], ["a", "b", "c", "d"])
    assert m.marginal(["c", "a"]).features == ("c", "a")
    assert m.marginal("c").features == m.marginal(2).features == ("c",)
    assert m.condition({"b": 0.0, "d": 1.0}).features == ("a", "c")
    np.testing.assert_array_equal(m.marginal(["c", 0]).means, m.means[:, [2, 0]])
    assert gmix.fit(m.sample(50, rng=0), 1, columns=list("wxyz"), rng=0).mixture.features == ("w", "x", "y", "z")


@pytest.mark.parametrize("scale", [1e-155, 1e-100, 1e100, 1e153])
def test_a_conditional_knows_no_units(scale: float) -> None:
    m = mixture(STRUCTURES[-1])
    units = np.array([scale, 1.0, 1.0 / np.clip(scale, 1e-150, 1e150), scale])
    moved, point = m.affine(np.diag(units)), m.means[0]
    near = moved.condition({0: point[0] * units[0], 2: point[2] * units[2]})
    expected = m.condition({0: point[0], 2: point[2]}).affine(np.diag(units[[1, 3]]))
    precision = 1e-2 if scale < 1e-150 else 1e-9  # a square of that size has few digits
    for part in ("weights", "means", "covariances"):
        np.testing.assert_allclose(getattr(near, part), getattr(expected, part), rtol=precision)


def test_weights_are_divided_by_their_sum() -> None:
    m = GaussianMixture([0.3333, 0.6666], [[0.0], [1.0]], [[[1.0]], [[1.0]]])
    assert m.weights.sum() == pytest.approx(1.0, abs=1e-15)


def test_a_component_of_weight_zero_has_no_say() -> None:
    m = GaussianMixture([0.0, 1.0], [[0.0], [5.0]], [[[1.0]], [[1.0]]])
    np.testing.assert_array_equal(m.predict([[0.0], [-1e9], [1e200]]), [1, 1, 1])
    np.testing.assert_allclose(m.log_density([[5.0]]), -np.log(2 * np.pi) / 2)


def test_a_point_beyond_every_density_belongs_to_the_nearest_component() -> None:
    m = GaussianMixture([0.5, 0.5], [[0.0], [1.0]], [[[1e-100]], [[1.0]]])  # nearest in standard deviations
    x = [[-1e160], [1e200]]
    assert np.isneginf(m.log_density(x)).all()
    np.testing.assert_array_equal(m.responsibilities(x), [[0, 1], [0, 1]])
    assert np.isneginf(m.log_density([[1e300]])).all()


def test_no_points_are_no_error() -> None:
    m = mixture(STRUCTURES[-1])
    nothing = np.empty((0, 4))
    assert m.log_density(nothing).shape == m.predict(nothing).shape == (0,)
    assert m.responsibilities(nothing).shape == (0, 3)
    [statistics] = gmix.expect(nothing, [m])
    assert statistics.mass.tolist() == [0, 0, 0]
    assert statistics.log_likelihood == 0.0
    with pytest.raises(ParameterError, match="no rows"):
        GaussianMixture.from_statistics(statistics, m.structure)


@pytest.mark.parametrize("scale", [1e-150, 1e-8, 1.0, 1e150])
def test_what_counts_as_symmetric_or_diagonal_does_not_depend_on_the_units(scale: float) -> None:
    sigma = np.array([[2.0, 0.5], [0.5, 1.0]]) * scale**2
    eye = np.eye(2) * scale**2
    for wrong, structure in ((sigma, "diag"), (np.diag(np.diag(sigma)), "spherical"), ([eye[0], sigma[1]], "full")):
        with pytest.raises(ParameterError, match=r"covariances (are not|holds a matrix that is not symmetric)"):
            GaussianMixture([1.0], [[0.0, 0.0]], [wrong], structure)
    with pytest.raises(ParameterError, match="not tied"):
        GaussianMixture([0.5, 0.5], np.zeros((2, 2)), [sigma, 2 * sigma], "tied")
    assert compact_covariances(GaussianMixture([1.0], [[0.0, 0.0]], [eye], "spherical")) == pytest.approx(
        scale**2, abs=0.0
    )


GOOD = {"weights": [0.5, 0.5], "means": [[0.0, 0.0], [1.0, 1.0]], "covariances": [np.eye(2), np.eye(2)]}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"weights": [0.5, 0.6]}, "sum to one"),
        ({"weights": [-0.5, 1.5]}, "not negative"),
        ({"weights": [np.nan, 1.0]}, "finite"),
        ({"weights": [1.0]}, r"weights has shape \(1,\).* give \(2,\)"),
        ({"weights": ["a", "b"]}, "weights must be numbers"),
        ({"means": [[1j, 0.0], [1.0, 1.0]]}, "means must be numbers"),
        ({"means": [0.0, 1.0]}, r"means has shape \(2,\)"),
        ({"means": np.empty((2, 0))}, r"means has shape \(2, 0\)"),
        ({"means": [[0.0, np.inf], [0.0, 0.0]]}, "not finite"),
        ({"means": [[0.0], [1.0, 2.0]]}, "means must be numbers"),
        ({"covariances": np.eye(2)}, r"covariances has shape \(2, 2\); give \(2, 2, 2\)"),
        ({"covariances": [np.eye(2), -np.eye(2)]}, "not positive definite"),
        ({"covariances": [np.eye(2), np.ones((2, 2))]}, "not positive definite"),
        ({"covariances": [np.eye(2), [[1.0, 0.5], [0.4, 1.0]]]}, "not symmetric"),
        ({"covariances": np.full((2, 2, 2), np.nan)}, "not finite"),
        ({"covariances": [[1.0, 0.5], [0.0, 1.0]], "structure": "tied"}, "not symmetric"),
        ({"covariances": [[1.0, -1.0], [1.0, 1.0]], "structure": "diag"}, "not positive definite"),
        ({"covariances": [1.0, 0.0], "structure": "spherical"}, "not positive definite"),
        ({"structure": "ful"}, "did you mean 'full'"),
        ({"structure": 3}, "must be a name"),
        ({"features": ["a"]}, "2 different names"),
        ({"features": ["a", "a"]}, "2 different names"),
        ({"features": [1, 2]}, "2 different names"),
    ],
)
def test_what_is_no_mixture_is_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        GaussianMixture(**(GOOD | wrong))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m: m.log_density([0.0, 1.0]), DataError, r"1 column and the mixture has 2 .*written \[\[...\]\]"),
        (lambda m: m.log_density([[0.0, np.inf]]), DataError, "row 0, column 1 is infinite"),
        (lambda m: m.log_density([[np.nan, -np.inf]]), DataError, "row 0, column 1 is infinite"),
        (lambda m: m.marginal(0).cdf([0.0, np.nan]), DataError, "hold NaN, which has no probability below it"),
        (lambda m: m.log_density([["a", "b"]]), DataError, "not a number"),
        (lambda m: m.density([[0.0, 1.0]], threads=0), ParameterError, "threads is 0"),
        (lambda m: m.sample(-1), ParameterError, "n is -1"),
        (lambda m: m.sample(1.5), ParameterError, r"n is 1\.5"),
        (lambda m: m.sample(True), ParameterError, "n is True"),
        (lambda m: m.sample(1, rng="x"), ParameterError, "rng is"),
        (lambda m: m.marginal([]), ParameterError, "one or more"),
        (lambda m: m.marginal([0, "height"]), ParameterError, "names the feature 'height' more than once"),
        (lambda m: m.marginal([2]), ParameterError, r"no feature 2; .*\['height', 'weight'\], at the positions 0 to 1"),
        (lambda m: m.marginal([-1]), ParameterError, "there is no feature -1"),
        (lambda m: m.condition({7: 1.0}), ParameterError, "there is no feature 7; "),
        (lambda m: m.marginal(["weigth"]), DataError, "did you mean 'weight'"),
        (lambda m: m.condition({}), ParameterError, "one or more"),
        (lambda m: m.condition({0: 1.0, 1: 1.0}), ParameterError, "leave at least one free"),
        (lambda m: m.condition([1.0, 2.0]), ParameterError, r"a value for each feature, \{feature: value\}, not \[1"),
        (lambda m: m.condition({0: [1.0, 2.0]}), ParameterError, "one number each"),
        (lambda m: m.condition({0: "x"}), ParameterError, "must be numbers"),
        (lambda m: m.condition({0: np.nan}), DataError, "NaN"),
        (lambda m: m.sf([0.0]), ParameterError, "sf needs a mixture of one feature, not 2; take a marginal"),
        (lambda m: m.quantile(0.5), ParameterError, "quantile needs a mixture of one feature"),
        (lambda m: m.log_sf([0.0]), ParameterError, "log_sf needs a mixture of one feature"),
        (lambda m: m.marginal(0).quantile([0.5, 1.5]), ParameterError, "give numbers from 0 to 1"),
        (lambda m: m.marginal(0).quantile(np.nan), ParameterError, "give numbers from 0 to 1"),
        (lambda m: m.affine(np.eye(3)), ParameterError, r"matrix has shape \(3, 3\)"),
        (lambda m: m.affine("x"), ParameterError, "matrix must be numbers"),
        (lambda m: m.affine(np.eye(2), [1.0, 2.0, 3.0]), ParameterError, r"offset has shape \(3,\)"),
        (lambda m: m.affine(np.zeros((2, 2))), ParameterError, "no density .*rows that are independent"),
        (lambda m: gmix.expect([[0.0]], [m]), ParameterError, "does not fit rows of 1 column"),
        (lambda m: gmix.expect([[0.0]], m), ParameterError, "give a list of GaussianMixture"),
        (lambda m: gmix.Stepwise("m"), ParameterError, "give a GaussianMixture to start from"),
        (lambda m: GaussianMixture.from_statistics(gmix.expect([[0.0, 0.0]], [m])[0], structure_named("diag")),
         ParameterError, "VVI needs diagonal scatter, not full"),
    ],
)  # fmt: skip
def test_what_a_mixture_cannot_do_is_said(call: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(GaussianMixture(**GOOD, features=["height", "weight"]))


@pytest.mark.parametrize("kind", [GaussianMixture, gmix.StudentMixture])
def test_features_without_names_are_asked_for_as_the_summary_names_them(kind: Any, tmp_path: Path) -> None:
    means, tails = np.arange(6.0).reshape(2, 3), () if kind is GaussianMixture else (5.0,)
    mixture = kind([0.4, 0.6], means, np.stack([np.eye(3)] * 2), *tails)
    by_name, by_position = mixture.condition({"x1": 1.0}), mixture.condition({0: 1.0})
    np.testing.assert_array_equal(by_name.means, by_position.means)
    np.testing.assert_array_equal(mixture.marginal(["x3", "x1"]).means, means[:, [2, 0]])
    # Of the features that were named, each keeps its name.
    assert (by_name.features, mixture.marginal("x3").features) == (("x2", "x3"), ("x3",))
    assert (by_position.features, mixture.marginal(2).features) == (None, None)
    with pytest.raises(DataError, match=r"no column 'x4'.*\['x1', 'x2', 'x3'\]"):
        mixture.marginal("x4")


@each_structure
def test_the_kernel_sees_what_it_needs(m: GaussianMixture) -> None:
    components = m.components
    assert isinstance(components, Components)
    factor, whitener = (components.form.dense(a, 3, 4) for a in (components.factor, components.whitener))
    np.testing.assert_allclose(factor @ factor.transpose(0, 2, 1), m.covariances, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(whitener @ factor, [np.eye(4)] * 3, atol=1e-12)


@pytest.mark.parametrize("slack", [0.9, 1.1, -0.9, -1.1])
def test_stated_parameters_may_be_off_by_rounding_and_no_more(slack: float) -> None:
    within = abs(slack) < 1.0

    def stated(
        weights: ArrayLike, covariances: ArrayLike, structure: str | Structure = "VVV", refusal: str = ""
    ) -> None:
        means = np.zeros((len(np.atleast_1d(weights)), 2))
        if within:
            GaussianMixture(weights, means, covariances, structure)
        else:
            with pytest.raises(ParameterError, match=refusal):
                GaussianMixture(weights, means, covariances, structure)

    # Weights sum to one within a thousandth; equal ones are so within a millionth.
    stated([0.4, 0.6 + 1e-3 * slack], [np.eye(2)] * 2, refusal="sum to one")
    stated([0.5, 0.5 + 1e-6 * slack], [np.eye(2)] * 2, structure_named("VVV").with_equal_weights, "are not equal")
    # Entries that mirror each other, and those that a structure makes zero or equal, differ by no more than a millionth
    # of the columns' own units.
    for a, b in ((1.0, 1.0), (1e-8, 1e4), (1e50, 1e-50)):
        units = np.outer([a, b], [a, b])
        off = np.array([[0.0, 1e-6 * slack], [0.0, 0.0]])
        stated([1.0], [units * (np.eye(2) + off)], refusal="not symmetric")
        stated([1.0], units * (np.eye(2) + off), "EEE", "not symmetric")
        stated([1.0], [units * (np.eye(2) + off + off.T)], "VVI", "are not diag; leave structure out")
    stated([1.0], [np.diag([1.0, 1.0 + 2e-6 * slack])], "VII", "are not spherical; leave structure out")
