"""Fits of Student components: degrees of freedom, outliers, kinds of rows, and what is refused."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

import gmix
from gmix import GaussianMixture, ParameterError, StudentMixture
from gmix.fitting.families import _tail_findings

Array = NDArray[np.float64]
TWO = StudentMixture(
    [0.4, 0.6], [[0.0, 0.0], [7.0, 7.0]], [np.eye(2), [[2.0, 0.8], [0.8, 1.0]]], [3.0, 6.0], features=["a", "b"]
)


def table(n: int = 240, seed: int = 1) -> Array:
    return TWO.sample(n, rng=seed)


@pytest.mark.parametrize("seed", [101, 102, 103])
@pytest.mark.parametrize("nu", [2.0, 5.0])
def test_degrees_of_freedom_are_found_within_three_standard_errors(nu: float, seed: int) -> None:
    truth = StudentMixture([0.5, 0.5], [[0.0, 0.0], [9.0, 0.0]], [np.eye(2), np.eye(2)], nu)
    x = truth.sample(600, rng=seed)

    def fitted(**options: Any) -> gmix.Fit:
        return gmix.fit(x, start=truth, family="student", covariance="VVV", tolerance=1e-10, **options)

    fit = fitted()
    assert isinstance(fit.mixture, StudentMixture)
    found = fit.mixture.degrees_of_freedom[0]
    # The likelihood of the other parameters' maxima, as a function of the logarithm of nu.
    step = 0.1
    near = [fitted(degrees_of_freedom=float(found * np.exp(d))).log_likelihood for d in (-step, step)]
    curvature = (2.0 * fit.log_likelihood - sum(near)) / step**2
    assert abs(np.log(found / nu)) < 3.0 / np.sqrt(curvature)


@pytest.mark.parametrize("far", [1e3, 1e6])
@pytest.mark.parametrize("structure", ["VVV", "EEE", "VII", "VVI"])
def test_one_far_row_moves_no_mean(structure: str, far: float) -> None:
    x = table(300)
    outlier = np.vstack([x, [[far, -far]]])
    with_it = gmix.fit(outlier, 2, covariance=structure, family="student", rng=0).mixture
    without = gmix.fit(x, 2, covariance=structure, family="student", rng=0).mixture
    assert np.abs(with_it.means - without.means).max() < 0.1
    assert isinstance(with_it, StudentMixture)
    weights = with_it.outlier_weights(outlier)
    assert weights.argmin() == 300
    assert weights[300] < 1e-3
    assert gmix.fit(x, 2, covariance=structure, rng=0).mixture.means.std() > 0.0


@pytest.mark.parametrize(
    "options",
    [
        {"background": True}, {"prior": gmix.NormalInverseWishart()}, {"equal_weights": True},
        {"covariance_ratio": 50.0}, {"labels": True}, {"sample_weight": True}, {"missing": True},
    ],
    ids=str,
)  # fmt: skip
def test_kinds_of_rows_combine(options: dict[str, Any], tmp_path: Any) -> None:
    x, labels = TWO.sample_labelled(240, rng=3)
    rng = np.random.default_rng(4)
    options = dict(options)
    if options.pop("missing", False):
        x[rng.random(x.shape) < 0.15] = np.nan
    if "labels" in options:
        options["labels"] = np.where(rng.random(240) < 0.3, labels, -1)
    if "sample_weight" in options:
        options["sample_weight"] = rng.integers(0, 3, 240)
    fit = gmix.fit(x, 2, covariance="VVV", family="student", degrees_of_freedom="each", rng=0, **options)
    mixture = fit.mixture
    assert isinstance(mixture, StudentMixture)
    assert fit.n_parameters == mixture.normal.n_parameters + 2
    assert (np.diff(fit.history) >= 0.0).all()
    assert "degrees of freedom" in fit.summary()
    # The entropy from sums is that of the responsibilities.
    weight = np.asarray(options.get("sample_weight", np.ones(240)), float)
    if "background" not in options and "labels" not in options:
        counting = (weight > 0) & ~np.isnan(x).all(1)
        share = mixture.responsibilities(x[counting])
        entropy = -(weight[counting] @ np.where(share > 0, share * np.log(np.maximum(share, 1e-300)), 0.0)).sum()
        assert (fit.icl - fit.bic) / 2.0 == pytest.approx(entropy, rel=1e-9)
        assert fit.log_likelihood == pytest.approx(weight[counting] @ mixture.log_density(x[counting]))
    fit.save(tmp_path / "fit.json")
    loaded = gmix.load(tmp_path / "fit.json")
    for other in (loaded, pickle.loads(pickle.dumps(fit)), copy.deepcopy(fit)):  # noqa: S301
        np.testing.assert_array_equal(other.mixture.log_density(x), mixture.log_density(x))
        assert repr(other.mixture) == repr(mixture)
        assert (other.criteria, other.summary()) == (fit.criteria, fit.summary())


def test_blocks_and_threads_change_no_bit() -> None:
    x = table(5_000)
    one = gmix.fit(x, start=TWO, family="student", threads=1)
    for other in (
        gmix.fit(x, start=TWO, family="student", threads=2),
        gmix.fit([x[:2048], x[2048:]], start=TWO, family="student"),
    ):
        np.testing.assert_array_equal(one.mixture.means, other.mixture.means)


def test_the_better_family_is_chosen_by_bic() -> None:
    heavy = gmix.fit(table(), 2, covariance="VVV", family="auto", rng=0)
    assert isinstance(heavy.mixture, StudentMixture)
    light = gmix.fit(TWO.normal.sample(240, rng=0), 2, covariance="VVV", family="auto", rng=0)
    assert isinstance(light.mixture, GaussianMixture)
    for fit in (heavy, light):
        assert any(finding.name == "family" for finding in fit.findings)
    student = gmix.fit(table(), 2, covariance="VVV", family="student", rng=0)
    assert heavy.bic == pytest.approx(student.bic, rel=1e-6)


def test_gaussian_tails_are_a_finding() -> None:
    x = np.random.default_rng(0).uniform(size=(300, 1))
    fit = gmix.fit(x, 1, family="student", rng=0)
    assert any(finding.name == "Gaussian tails" for finding in fit.findings)


@pytest.mark.parametrize(
    ("degrees", "name"), [(1.0, "very heavy tails"), (1.1, ""), (200.0, ""), (201.0, "Gaussian tails")]
)
def test_degrees_of_freedom_beyond_a_limit_are_a_finding(degrees: float, name: str) -> None:
    mixture = StudentMixture(TWO.weights, TWO.means, TWO.scales, degrees, estimated="all")
    assert [finding.name for finding in _tail_findings(mixture)] == ([name] if name else [])


def test_one_component_agrees_with_scipy() -> None:
    x = stats.t(4.0, 3.0, 2.0).rvs(400, random_state=0)
    fit = gmix.fit(x, 1, family="student", tolerance=1e-12)
    assert isinstance(fit.mixture, StudentMixture)
    nu, location, scale = stats.t.fit(x)
    np.testing.assert_allclose(fit.mixture.degrees_of_freedom, nu, rtol=1e-3)
    np.testing.assert_allclose(fit.mixture.means[0], location, rtol=1e-4)
    np.testing.assert_allclose(np.sqrt(fit.mixture.scales[0, 0]), scale, rtol=1e-4)
    grid = np.linspace(-20.0, 20.0, 7)
    t = stats.t(fit.mixture.degrees_of_freedom[0], fit.mixture.means[0, 0], np.sqrt(fit.mixture.scales[0, 0, 0]))
    np.testing.assert_allclose(fit.mixture.cdf(grid), t.cdf(grid), rtol=1e-12)
    np.testing.assert_allclose(fit.mixture.sf(grid), t.sf(grid), rtol=1e-12)
    np.testing.assert_allclose(fit.mixture.quantile([0.01, 0.5, 0.9]), t.ppf([0.01, 0.5, 0.9]), rtol=1e-10)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"family": "cauchy"}, "family 'cauchy' is not known"),
        ({"degrees_of_freedom": 3.0}, "give family='student' too"),
        ({"start": TWO}, "start is a StudentMixture"),
        ({"family": "student", "degrees_of_freedom": 0.0}, "number above zero"),
        ({"family": "student", "degrees_of_freedom": "one"}, "number above zero"),
        ({"family": "student", "row_errors": [0.1, 0.1]}, "row_errors needs Gaussian components"),
        ({"family": "auto", "row_covariance": np.eye(2)}, "row_errors needs Gaussian components"),
        ({"family": "student", "trim": 0.1}, "trim needs Gaussian components"),
        ({"family": "student", "inference": "variational"}, "variational' needs Gaussian components"),
        ({"family": "student", "freeze": {"means": True}, "start": TWO.normal}, "freeze needs Gaussian components"),
    ],
)
def test_what_does_not_go_together_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        gmix.fit(table(60), 2, **options)


def test_operations_on_gaussians_name_the_remedy() -> None:
    x = table(60)
    fit = gmix.fit(x, start=TWO, family="student")
    for operation in (
        lambda: gmix.standard_errors(fit, x),
        lambda: gmix.bootstrap(fit, x, replicates=2),
        lambda: gmix.merge(fit, x),
        lambda: gmix.impute(fit, x),
        lambda: fit.gradient_norm,
    ):
        with pytest.raises(ParameterError, match=r"needs Gaussian components.*family='gaussian'"):
            operation()
    with pytest.raises(AttributeError, match="family='gaussian'"):
        _ = fit.mixture.kurtosis  # type: ignore[union-attr]
    with pytest.raises(ParameterError, match="errors of measurement"):
        fit.mixture.log_density(x, row_errors=[0.1, 0.1])
    with pytest.raises(AttributeError, match="does not change"):
        fit.mixture.weights = np.ones(2)  # type: ignore[misc]
