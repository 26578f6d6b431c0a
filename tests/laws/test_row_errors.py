"""Rows with errors of measurement: the mixture of the true values comes back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import gmix
from gmix.model.covariance import STRUCTURES

Array = NDArray[np.float64]
MEAN = np.array([[0.0, 0.0], [4.0, 1.0]])
ROOT = np.array([[[1.0, 0.0], [0.5, 0.3]], [[0.4, 0.0], [-0.2, 0.8]]])
each_structure = pytest.mark.parametrize("structure", STRUCTURES, ids=str)


def measured(n: int = 400, seed: int = 1) -> tuple[Array, Array, Array]:
    """True values of two components, measured values, and covariances of errors."""
    rng = np.random.default_rng(seed)
    component = (rng.random(n) < 0.4).astype(int)
    true = MEAN[component] + np.einsum("nij,nj->ni", ROOT[component], rng.standard_normal((n, 2)))
    root = rng.standard_normal((n, 2, 2)) * rng.uniform(0.1, 1.0, (n, 1, 1))
    errors = root @ root.mT
    return true, true + np.einsum("nij,nj->ni", root, rng.standard_normal((n, 2))), errors


@pytest.fixture(scope="module")
def rows() -> tuple[Array, Array]:
    """Measured values, and standard deviations of independent errors."""
    _, values, covariances = measured()
    return values, np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))


def assert_same(a: gmix.Fit, b: gmix.Fit, precision: float = 1e-9) -> None:
    np.testing.assert_allclose(b.log_likelihood, a.log_likelihood, rtol=precision)
    for part in ("weights", "means", "covariances"):
        np.testing.assert_allclose(
            getattr(b.mixture, part), getattr(a.mixture, part), rtol=precision, atol=precision, err_msg=part
        )


def steps(x: Any, structure: Any = "full", **settings: Any) -> gmix.Fit:
    """Some steps of EM from a start that is not near the end."""
    start = gmix.GaussianMixture([0.5, 0.5], MEAN + np.array([[0.5, 0.5], [-1.0, 0.0]]), [np.eye(2), 2.0 * np.eye(2)])
    settings = {"components": 2, "tolerance": 0.0, "max_iterations": 8, "start": start} | settings
    return gmix.fit(x, covariance=structure, **settings)


def mixture_of(fit: gmix.Fit) -> tuple[Array, Array, Array]:
    return fit.mixture.weights, fit.mixture.means, fit.mixture.covariances


# The definition ------------------------------------------------------------------------------------------------------


def density_by_definition(mixture: gmix.GaussianMixture, x: Array, errors: Array) -> Array:
    from scipy.stats import multivariate_normal

    parts = zip(mixture.weights, mixture.means, mixture.covariances, strict=True)
    found = [
        [
            weight * multivariate_normal(mean, covariance + error).pdf(value)
            for value, error in zip(x, errors, strict=True)
        ]
        for weight, mean, covariance in parts
    ]
    return np.array(found)


def test_a_measured_value_has_the_density_of_the_true_value_plus_the_error() -> None:
    _, x, errors = measured(30)
    mixture = steps(x).mixture
    parts = density_by_definition(mixture, x, errors)
    np.testing.assert_allclose(mixture.density(x, row_covariance=errors), parts.sum(0), rtol=1e-11)
    np.testing.assert_allclose(mixture.log_density(x, row_covariance=errors), np.log(parts.sum(0)), rtol=1e-11)
    shares = (parts / parts.sum(0)).T
    np.testing.assert_allclose(mixture.responsibilities(x, row_covariance=errors), shares, atol=1e-11)
    np.testing.assert_array_equal(mixture.predict(x, row_covariance=errors), shares.argmax(1))
    expected = 0.0
    for k in range(2):
        gain = mixture.covariances[k] @ np.linalg.inv(mixture.covariances[k] + errors)
        true = mixture.means[k] + np.einsum("nij,nj->ni", gain, x - mixture.means[k])
        expected = expected + shares[:, k, None] * true
    np.testing.assert_allclose(mixture.expected_values(x, row_covariance=errors), expected, rtol=1e-10, atol=1e-12)


def test_the_likelihood_of_a_fit_is_that_of_the_measured_values(rows: tuple[Array, Array]) -> None:
    x, errors = rows
    fit = steps(x, row_errors=errors)
    assert fit.log_likelihood == pytest.approx(fit.mixture.log_density(x, row_errors=errors).sum(), rel=1e-12)
    assert "measurement errors" in {finding.name for finding in fit.findings}


def test_one_component_with_common_errors_is_in_closed_form() -> None:
    _, x, _ = measured()
    error = np.array([[0.5, 0.2], [0.2, 0.4]])
    fit = gmix.fit(x, 1, covariance="full", row_covariance=error, tolerance=1e-13, max_iterations=5_000)
    np.testing.assert_allclose(fit.mixture.means[0], x.mean(0), atol=1e-6)
    np.testing.assert_allclose(fit.mixture.covariances[0], np.cov(x.T, bias=True) - error, atol=1e-5)


@each_structure
def test_true_values_come_back(structure: Any) -> None:
    true, x, errors = measured(4_000, seed=3)
    clean = gmix.fit(true, 2, covariance=structure, rng=0).mixture
    noisy = gmix.fit(x, 2, covariance=structure, row_covariance=errors, rng=0).mixture
    naive = gmix.fit(x, 2, covariance=structure, rng=0).mixture
    np.testing.assert_allclose(noisy.weights, clean.weights, atol=0.05)
    np.testing.assert_allclose(noisy.means, clean.means, atol=0.12)

    def departure(mixture: gmix.GaussianMixture) -> float:
        return float(np.abs(mixture.covariances - clean.covariances).max())

    assert departure(noisy) < 0.8 * departure(naive)  # where the structure is wrong, it is wrong in another way
    assert structure.code != "VVV" or departure(noisy) < 0.05


# Equal rows, equal answers --------------------------------------------------------------------------------------------


@each_structure
@pytest.mark.parametrize("prior", [None, gmix.NormalInverseWishart()], ids=["ml", "map"])
def test_zero_errors_are_no_errors(rows: tuple[Array, Array], structure: Any, prior: Any) -> None:
    x, _ = rows
    fit = steps(x, structure, prior=prior)
    for errors in ({"row_errors": np.zeros(2)}, {"row_errors": np.zeros_like(x)}, {"row_covariance": np.zeros((2, 2))}):
        assert_same(fit, steps(x, structure, prior=prior, **errors))


@pytest.mark.parametrize("structure", ["full", "diag", "spherical", "tied", "VEE"])
def test_all_ways_to_state_errors_agree(rows: tuple[Array, Array], structure: str) -> None:
    x, errors = rows
    own = steps(x, structure, row_errors=errors)
    assert_same(own, steps(x, structure, row_covariance=errors[:, :, None] ** 2 * np.eye(2)))
    common = steps(x, structure, row_errors=errors[0])
    for same in ({"row_errors": np.tile(errors[0], (len(x), 1))}, {"row_covariance": np.diag(errors[0] ** 2)}):
        assert_same(common, steps(x, structure, **same))


@each_structure
@pytest.mark.parametrize("weighted", [False, True])
def test_the_objective_never_falls(rows: tuple[Array, Array], structure: Any, weighted: bool) -> None:
    x, errors = rows
    weight = np.random.default_rng(0).gamma(1.0, size=len(x)) if weighted else None
    history = np.array(steps(x, structure, row_errors=errors, sample_weight=weight, max_iterations=40).history)
    assert (np.diff(history) >= -1e-10 * np.abs(history[:-1])).all()


def test_weights_count_rows(rows: tuple[Array, Array]) -> None:
    x, errors = rows
    twice = np.arange(len(x)) % 3
    fit = steps(x, row_errors=errors, sample_weight=twice)
    assert_same(fit, steps(np.repeat(x, twice, axis=0), row_errors=np.repeat(errors, twice, axis=0)))


def test_units_offset_and_order_change_nothing(rows: tuple[Array, Array]) -> None:
    x, errors = rows
    fit = gmix.fit(x, 2, covariance="full", row_errors=errors, rng=0)
    scale, offset = np.array([1e-3, 1e4]), np.array([5.0, -7.0])
    other = gmix.fit((scale * x + offset)[:, ::-1], 2, covariance="full", row_errors=(scale * errors)[:, ::-1], rng=0)
    order = np.argsort(fit.mixture.weights), np.argsort(other.mixture.weights)
    back = fit.mixture.affine((np.diag(scale))[::-1], offset[::-1])
    np.testing.assert_allclose(other.mixture.means[order[1]], back.means[order[0]], rtol=2e-3)
    np.testing.assert_allclose(other.mixture.weights[order[1]], back.weights[order[0]], rtol=2e-3)
    np.testing.assert_allclose(other.mixture.covariances[order[1]], back.covariances[order[0]], rtol=2e-2)


# Combined with other kinds of rows ------------------------------------------------------------------------------------


def test_a_missing_cell_is_one_of_infinite_error(rows: tuple[Array, Array]) -> None:
    x, errors = rows
    missing = np.random.default_rng(0).random(x.shape) < 0.2
    missing[missing.all(1)] = False
    absent = np.where(missing, np.nan, x), np.where(missing, np.nan, errors)
    fit = steps(absent[0], row_errors=absent[1])
    vague = np.where(missing, 1e7, errors)
    close = steps(x, row_errors=vague)
    for part, other in zip(mixture_of(fit), mixture_of(close), strict=True):
        np.testing.assert_allclose(other, part, atol=1e-5)


def test_labels_hold_rows_with_errors(rows: tuple[Array, Array]) -> None:
    x, errors = rows
    labels = np.where(np.arange(len(x)) % 4 == 0, (x[:, 0] > 2).astype(int), -1)
    fit = gmix.fit(x, labels=labels, covariance="full", row_errors=errors)
    assert fit.groups == (0, 1)
    np.testing.assert_allclose(fit.mixture.means, MEAN, atol=0.5)
    known = gmix.fit(x, labels=(x[:, 0] > 2).astype(int), covariance="full", row_errors=errors, tolerance=1e-10)
    for k in (0, 1):
        alone = (x[:, 0] > 2) == k
        one = gmix.fit(x[alone], 1, covariance="full", row_errors=errors[alone], tolerance=1e-10)
        np.testing.assert_allclose(known.mixture.means[k], one.mixture.means[0], atol=1e-3)
        np.testing.assert_allclose(known.mixture.covariances[k], one.mixture.covariances[0], atol=5e-3)


def test_a_background_takes_stray_rows() -> None:
    _, x, covariances = measured()
    errors = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
    stray = np.random.default_rng(0).uniform(-12.0, 12.0, (60, 2))
    every = np.vstack([x, stray]), np.vstack([errors, np.full((60, 2), 0.3)])
    fit = gmix.fit(every[0], 2, covariance="full", row_errors=every[1], background=True, rng=0)
    np.testing.assert_allclose(fit.mixture.means, MEAN, atol=0.4)
    assert 0.05 < fit.mixture.background.weight < 0.2  # type: ignore[union-attr]


# Errors and the likelihood --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("structure", ["full", "diag", "spherical", "tied", "VEE"])
def test_true_values_without_spread_are_no_collapse(structure: str) -> None:
    rng = np.random.default_rng(2)
    errors = rng.uniform(0.3, 1.0, (600, 2))
    x = MEAN[(rng.random(600) < 0.4).astype(int)] + errors * rng.standard_normal((600, 2))
    fit = gmix.fit(x, 2, covariance=structure, row_errors=errors, tolerance=1e-9, max_iterations=5_000, rng=0)
    assert not [finding for finding in fit.findings if finding.level == "warning"]
    assert fit.mixture.collapsed(fit.statistics) == []
    assert np.sqrt(np.linalg.eigvalsh(fit.mixture.covariances)[:, 0]).max() < 0.12
    np.testing.assert_allclose(fit.mixture.means, MEAN, atol=0.15)


def test_exact_rows_may_still_collapse() -> None:
    rng = np.random.default_rng(2)
    x, errors = rng.standard_normal((60, 1)), np.full((60, 1), 0.5)
    x[:20], errors[:20] = 3.0, 0.0
    fit = gmix.fit(x, 2, covariance="V", row_errors=errors, rng=0)
    assert len(fit.mixture.collapsed(fit.statistics)) == 1


def test_the_search_finds_what_errors_hide() -> None:
    """Seen without their errors, the rows look like components of other shapes."""
    _, x, errors = measured(1_500, seed=4)
    fit = gmix.fit(x, row_covariance=errors, rng=0)
    assert fit.mixture.n_components == 2
    assert gmix.fit(x, rng=0).mixture.n_components > 2


def test_a_saved_fit_keeps_the_scale_of_its_errors(rows: tuple[Array, Array], tmp_path: Any) -> None:
    x, errors = rows
    fit = steps(x, row_errors=errors)
    fit.save(tmp_path / "m.json")
    loaded = gmix.load(tmp_path / "m.json")
    found, kept = loaded.statistics.reference, fit.statistics.reference
    np.testing.assert_array_equal(found.error, kept.error)
    np.testing.assert_array_equal(found.scatter, kept.scatter)
    assert loaded.mixture.collapsed(loaded.statistics) == []


def test_standard_errors_are_those_of_the_true_values() -> None:
    """One component with common errors: the information of the mean is that of the measured values."""
    _, x, _ = measured()
    fit = gmix.fit(x, 1, covariance="full", row_errors=[0.3, 0.2], tolerance=1e-12, max_iterations=5_000)
    source = gmix.sources.as_source(x, row_errors=[0.3, 0.2])
    found = gmix.standard_errors(fit, source)
    spread = np.diag(np.cov(x.T, bias=True))
    np.testing.assert_allclose(found.means[0], np.sqrt(spread / len(x)), rtol=1e-3)
    np.testing.assert_allclose(np.diag(found.covariances[0]), spread * np.sqrt(2.0 / len(x)), rtol=2e-3)


# Bad input ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("errors", "message"),
    [
        ({"row_errors": np.full((5, 2), 0.1)}, r"shape \(5, 2\) and the table has 400 rows"),
        ({"row_errors": [0.1, 0.2, 0.3]}, r"row_errors has shape \(3,\)"),
        ({"row_errors": [0.1, -0.2]}, "the error of row 0, column 1 is -0.2"),
        ({"row_errors": "lots"}, "row_errors names columns"),
        ({"row_errors": [[0.1, "x"]]}, "row_errors must hold numbers"),
        ({"row_covariance": np.eye(3)}, r"row_covariance has shape \(3, 3\)"),
        ({"row_covariance": [[1.0, 2.0], [2.0, 1.0]]}, "row 0 is not positive semi-definite"),
        ({"row_covariance": [[1.0, 0.2], [0.1, 1.0]]}, "row 0 is not symmetric"),
        ({"row_covariance": [[0.0, 0.2], [0.2, 1.0]]}, "row 0 is not positive semi-definite"),
        ({"row_covariance": [[-1.0, 0.0], [0.0, 1.0]]}, "row 0, column 0 is -1"),
        ({"row_covariance": np.eye(2), "row_errors": [1.0, 1.0]}, "give one of them"),
        ({"row_errors": [0.1, 0.1], "trim": 0.1}, "trim compares the densities"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_errors_that_cannot_be_used_are_refused(
    rows: tuple[Array, Array], errors: dict[str, Any], message: str
) -> None:
    with pytest.raises(gmix.GmixError, match=message):
        gmix.fit(rows[0], 2, **errors)


@pytest.mark.parametrize(
    ("value", "message"), [(-1.0, "is -1; give"), (np.nan, "is missing and the value is not"), (np.inf, "leave out")]
)
def test_a_wrong_error_is_named_by_row_and_column(rows: tuple[Array, Array], value: float, message: str) -> None:
    x, errors = rows
    wrong = errors.copy()
    wrong[7, 1] = value
    with pytest.raises(gmix.DataError, match=rf"the error of row 7, column 1 .*{message}"):
        gmix.fit(x, 2, row_errors=wrong)
    with pytest.raises(gmix.DataError, match=rf"the error of row 7, column 1 .*{message}"):
        gmix.GaussianMixture([1.0], [[0.0, 0.0]], [np.eye(2)]).log_density(x, row_errors=wrong)


# The E-step alone -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", [False, True])
def test_statistics_of_blocks_with_errors_add_up(rows: tuple[Array, Array], missing: bool) -> None:
    x, errors = rows[0].copy(), rows[1]
    x[::7, 0] = np.nan if missing else 0.0
    mixture = steps(x, row_errors=errors).mixture
    [whole] = gmix.expect(x, [mixture], row_errors=errors)
    cuts = [slice(0, 150), slice(150, 150), slice(150, None)]
    first, empty, last = (gmix.expect(x[cut], [mixture], row_errors=errors[cut])[0] for cut in cuts)
    total = first + empty + last
    for name, array in whole.arrays.items():
        np.testing.assert_allclose(total.arrays[name], array, rtol=1e-9, atol=1e-9, err_msg=name)
    np.testing.assert_array_equal(total.reference.error, (errors**2).min(0))
    np.testing.assert_allclose(total.reference.variances, whole.reference.variances, rtol=1e-9)
    following = gmix.GaussianMixture.from_statistics(total, "full")
    again = gmix.fit(x, start=mixture, row_errors=errors, max_iterations=1, tolerance=0.0)
    np.testing.assert_allclose(following.covariances, again.mixture.covariances, rtol=1e-9)


@pytest.mark.parametrize("missing", [False, True])
def test_tails_are_compared_with_draws_that_have_the_same_errors(missing: bool) -> None:
    rng = np.random.default_rng(0)
    errors = rng.uniform(0.1, 2.0, (3_000, 2))
    noise = errors * rng.standard_normal((3_000, 2))
    absent = (rng.random((3_000, 2)) < 0.1) & missing
    for true, found in ((rng.standard_normal((3_000, 2)), False), (rng.standard_t(2.5, (3_000, 2)), True)):
        x = np.where(absent, np.nan, true + noise)
        fit = gmix.fit(x, 1, covariance="full", row_errors=errors)
        assert ("heavy tails" in {finding.name for finding in fit.findings}) == found


# Inference ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["weights", "rows", "parametric"])
def test_the_bootstrap_knows_the_errors(kind: str) -> None:
    """One component with common errors: the spread of the mean is that of the measured values."""
    _, x, _ = measured(300)
    errors = np.full_like(x, 0.8)
    fit = gmix.fit(x, 1, covariance="full", row_errors=errors, tolerance=1e-9)
    found = gmix.bootstrap(fit, x, row_errors=errors, kind=kind, replicates=200, rng=0).standard_errors
    np.testing.assert_allclose(found.means[0], x.std(0) / np.sqrt(len(x)), rtol=0.15)
    wanted = np.diag(np.cov(x.T, bias=True)) * np.sqrt(2.0 / len(x))
    np.testing.assert_allclose(np.diag(found.covariances[0]), wanted, rtol=0.5)


def test_folds_keep_their_errors(rows: tuple[Array, Array]) -> None:
    x, errors = rows
    source = gmix.sources.as_source(x, row_errors=errors)
    fits = [gmix.fit(source, k, covariance="full", rng=0) for k in (1, 2)]
    loss = [gmix.cross_validate(fit, source, rng=0) for fit in fits]
    assert loss[1] < loss[0]
    assert loss[1] == pytest.approx(-2.0 * fits[1].log_likelihood, rel=0.02)
    twice = gmix.sources.as_source(x, row_errors=errors, sample_weight=np.full(len(x), 2.0))
    fit = gmix.fit(twice, 2, covariance="full", rng=0)
    assert gmix.cross_validate(fit, twice, rng=0) == pytest.approx(2.0 * loss[1], rel=0.02)


def test_a_test_of_one_component_more_draws_errors() -> None:
    """A test that ignores errors of two sizes takes them for two components."""
    rng = np.random.default_rng(1)
    errors = np.where(rng.random((150, 1)) < 0.5, 0.1, 5.0)
    x = rng.standard_normal((150, 1)) + errors * rng.standard_normal((150, 1))
    source = gmix.sources.as_source(x, row_errors=errors)
    assert gmix.likelihood_ratio_test(source, 1, covariance="V", replicates=19, rng=0).p_value > 0.1
    assert gmix.likelihood_ratio_test(x, 1, covariance="V", replicates=19, rng=0).p_value == 0.05


def test_rows_of_a_fit_with_errors_need_them(rows: tuple[Array, Array]) -> None:
    x, errors = rows
    fit = steps(x, row_errors=errors)
    with pytest.raises(gmix.DataError, match="these are not the rows of the fit"):
        gmix.standard_errors(fit, x)
    with pytest.raises(gmix.DataError, match="expected_values"):
        gmix.impute(fit, gmix.sources.as_source(x, row_errors=errors))
