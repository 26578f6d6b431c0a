"""Covariance structures written outside gmix, as the page about them defines them."""

from __future__ import annotations

import copy
import doctest
import json
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import linalg
from scipy.optimize import minimize

import gmix
from gmix import GaussianMixture, ModelFileError, NormalInverseWishart, ParameterError
from gmix.model.covariance import STRUCTURES, VVV, names
from gmix.model.gaussian_model import GaussianModel
from gmix.model.kernel import kernel

Array = NDArray[np.float64]


PAGE = (Path(__file__).parents[2] / "docs" / "own_structures.md").read_text(encoding="utf-8")


def defined_on_the_page() -> dict[str, Any]:
    """The classes and functions that the page defines, by name."""
    code = "".join(re.findall(r"```pycon\n(.*?)```", PAGE, re.DOTALL))
    found: dict[str, Any] = {"gmix": gmix, "np": np, "__name__": __name__}  # so that classes can be pickled
    for example in doctest.DocTestParser().get_examples(code):
        if example.source.startswith(("class ", "def ", "from ")):
            exec(example.source, found)  # noqa: S102
    return found


FOUND = defined_on_the_page()
CompoundSymmetry: type[gmix.covariance.Structure] = FOUND["CompoundSymmetry"]
CS = CompoundSymmetry()


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr(names, "_KNOWN", dict(names._KNOWN))
        gmix.covariance.register(CS)
        yield


@pytest.fixture(scope="module")
def cloud() -> Array:
    """300 points of two components of compound symmetry that overlap."""
    one, all_ = np.eye(3), np.ones((3, 3))
    return GaussianMixture(
        [0.6, 0.4], [[0.0, 0.0, 0.0], [3.0, 1.0, 2.0]], [0.7 * one + 0.8 * all_, 1.2 * one - 0.2 * all_]
    ).sample(300, rng=4)


@pytest.fixture(scope="module")
def fit(cloud: Array) -> gmix.Fit:
    return gmix.fit(cloud, 2, covariance=CS, rng=0, tolerance=0, max_iterations=2000)


def mixture_of(parameters: Array) -> GaussianMixture:
    """Two components of compound symmetry as a function of all free parameters."""
    logit, means, variances, ratios = parameters[0], parameters[1:7].reshape(2, 3), parameters[7:9], parameters[9:]
    weight = 1 / (1 + np.exp(-logit))
    correlations = (1.5 / (1 + np.exp(-ratios)) - 0.5)[:, None, None]  # above -1 / (D - 1) and below 1
    dense = np.exp(variances)[:, None, None] * ((1 - correlations) * np.eye(3) + correlations)
    return GaussianMixture([weight, 1 - weight], means, dense)


def parameters_of(mixture: GaussianMixture) -> Array:
    variance, covariance = mixture.covariances[:, 0, 0], mixture.covariances[:, 0, 1]
    part = (covariance / variance + 0.5) / 1.5
    return np.concatenate(
        [[np.log(mixture.weights[0] / mixture.weights[1])], mixture.means.ravel(), np.log(variance),
         np.log(part / (1 - part))]
    )  # fmt: skip


def test_the_likelihood_never_falls_and_ends_at_the_maximum(cloud: Array, fit: gmix.Fit) -> None:
    assert (np.diff(fit.history) >= -1e-11 * abs(fit.log_likelihood)).all()
    here = parameters_of(fit.mixture)
    np.testing.assert_allclose(mixture_of(here).covariances, fit.mixture.covariances, rtol=1e-12)
    best = minimize(lambda p: -mixture_of(p).log_density(cloud).sum(), here + 0.02, method="BFGS")
    assert fit.log_likelihood >= -best.fun - 1e-7
    np.testing.assert_allclose(mixture_of(best.x).means, fit.mixture.means, atol=1e-3)
    np.testing.assert_allclose(mixture_of(best.x).covariances, fit.mixture.covariances, atol=1e-3)


def test_its_parameters_are_counted(fit: gmix.Fit) -> None:
    assert fit.mixture.structure is CS
    assert fit.n_parameters == 1 + 2 * 3 + 2 * 2
    assert CS.with_equal_weights.n_parameters(2, 3) == 2 * 3 + 2 * 2
    assert fit.bic == pytest.approx(-2 * fit.log_likelihood + fit.n_parameters * np.log(300))


def test_standard_errors_are_the_curvature_at_the_maximum(cloud: Array, fit: gmix.Fit) -> None:
    here, step = parameters_of(fit.mixture), 2e-3
    e = step * np.eye(len(here))
    corners = np.array([[mixture_of(here + s * a + t * b).log_density(cloud).sum()
                         for s, t in ((1, 1), (1, -1), (-1, 1), (-1, -1))] for a in e for b in e])  # fmt: skip
    spread = np.linalg.inv(-(corners @ [1, -1, -1, 1]).reshape(len(here), -1) / (4 * step**2))
    errors = gmix.standard_errors(fit, cloud)
    for part in ("weights", "means", "covariances"):
        slope = np.array([getattr(mixture_of(here + f), part) - getattr(mixture_of(here - f), part) for f in 1e-2 * e])
        expected = np.sqrt(np.einsum("p...,pq,q...->...", slope, spread, slope)) / (2e-2 * step)
        np.testing.assert_allclose(getattr(errors, part), expected, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("structure", STRUCTURES, ids=repr)
def test_tangents_by_differences_give_the_errors_of_those_in_closed_form(
    cloud: Array, structure: gmix.covariance.Structure, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = gmix.fit(cloud, 2, covariance=structure, rng=0, tolerance=0, max_iterations=3000)
    closed = gmix.standard_errors(fit, cloud)
    monkeypatch.setattr(type(structure), "tangents", gmix.covariance.Structure.tangents)
    general = gmix.standard_errors(fit, cloud)
    for part in ("weights", "means", "covariances"):
        np.testing.assert_allclose(getattr(general, part), getattr(closed, part), rtol=1e-4, atol=1e-8)


def test_it_takes_part_in_a_choice_and_a_richer_structure_is_never_below_it(cloud: Array) -> None:
    fit = gmix.fit(cloud, [1, 2, 3], covariance=["VVI", CS, "full"], rng=0)
    assert (fit.mixture.structure, fit.mixture.n_components) == (CS, 2)
    reached = {(c.structure, c.n_components): c.log_likelihood for c in fit.search.candidates}
    assert all(reached[VVV, k] >= reached[CS, k] for k in (1, 2, 3))
    assert [VVV.contains(CS), CS.contains(CS), CS.contains(CS.with_equal_weights), CS.contains(VVV)] == [
        True, True, True, False
    ]  # fmt: skip
    assert not CS.with_equal_weights.contains(CS)


@pytest.mark.parametrize("equal_weights", [False, True])
@pytest.mark.parametrize("prior", [None, NormalInverseWishart()], ids=["ML", "MAP"])
def test_the_objective_rises_with_a_prior_and_with_equal_weights(
    cloud: Array, prior: NormalInverseWishart | None, equal_weights: bool
) -> None:
    fit = gmix.fit(cloud, 2, covariance=CS, prior=prior, equal_weights=equal_weights, rng=0)
    assert fit.mixture.structure is (CS.with_equal_weights if equal_weights else CS)
    assert (np.diff(fit.history) >= -1e-11 * abs(fit.log_likelihood)).all()


def test_its_parts_have_a_structure_that_gmix_knows(fit: gmix.Fit) -> None:
    assert fit.mixture.marginal([0, 1]).structure is VVV
    assert fit.mixture.condition({0: 1.0}).structure is VVV


def test_it_is_drawn_and_reported(cloud: Array, fit: gmix.Fit, tmp_path: Path) -> None:
    fit.plot(cloud).figure.savefig(tmp_path / "mixture.png")
    chosen = gmix.fit(cloud, [1, 2], covariance=[CS, "full"], rng=0)
    chosen.search.plot().figure.savefig(tmp_path / "search.png")
    chosen.report(tmp_path / "report.html", cloud)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "covariances of structure CS (compound symmetry)" in page
    assert "(model CS)" in page
    assert "Celeux" not in page
    assert "# first register CS with gmix.covariance.register" in page
    assert "CS (compound symmetry)" in fit.summary()


def test_a_fit_is_read_back_after_the_structure_is_registered(
    fit: gmix.Fit, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    path = tmp_path / "fit.json"
    fit.save(path)
    assert json.loads(path.read_text())["mixture"]["structure"] == "CS"
    with pytest.raises(ModelFileError, match=r"structure 'CS', which this gmix does not know; .*covariance\.register"):
        gmix.load(path)
    request.getfixturevalue("registered")
    loaded = gmix.load(path)
    assert loaded.mixture.structure is CS
    np.testing.assert_array_equal(loaded.mixture.covariances, fit.mixture.covariances)


@pytest.mark.usefixtures("registered")
def test_a_registered_structure_is_known_by_its_code_and_its_name(cloud: Array) -> None:
    for word in ("CS", "cs", "compound symmetry"):
        assert gmix.covariance.structure(word) is CS
    assert gmix.covariance.structure("ECS") is CS.with_equal_weights
    assert gmix.fit(cloud, 2, covariance="CS", max_iterations=1, rng=0).mixture.structure is CS
    for one in (CS, CS.with_equal_weights):
        assert copy.deepcopy(one) is one
        assert pickle.loads(pickle.dumps(one)) is one  # noqa: S301
    again = gmix.covariance.register(CompoundSymmetry())  # as in a notebook whose cell is run twice
    assert gmix.covariance.structure("CS") is again


def test_a_structure_that_is_not_registered_is_pickled_whole(fit: gmix.Fit, cloud: Array) -> None:
    other = pickle.loads(pickle.dumps(fit.mixture))  # noqa: S301
    np.testing.assert_array_equal(other.log_density(cloud), fit.mixture.log_density(cloud))
    assert other.structure.with_equal_weights.code == "ECS"
    assert copy.deepcopy(CS) is CS


def test_names_of_gmix_cannot_be_taken(fit: gmix.Fit, tmp_path: Path) -> None:
    class Mine(CompoundSymmetry):
        def __init__(self, code: str, name: str | None = None) -> None:
            super().__init__()
            self.code, self.name = code, name or code

    for one, taken in ((Mine("VVV"), "VVV"), (Mine("mine", "full"), "full"), (Mine("EVVV"), "EVVV")):
        with pytest.raises(ParameterError, match=f"gmix has a structure named '{taken}'"):
            gmix.covariance.register(one)
    with pytest.raises(ParameterError, match="derived from Structure"):
        gmix.covariance.register("CS")  # type: ignore[type-var]
    m = fit.mixture
    fake = gmix.fit(m.sample(50, rng=0), 1, covariance=Mine("VVV"), max_iterations=2, rng=0)
    with pytest.raises(ModelFileError, match="another structure has this code"):
        fake.save(tmp_path / "fake.json")


def test_one_column_and_the_compiled_m_step_are_left_to_those_that_know_them() -> None:
    assert CS.in_columns(1) is CS.in_one_column is CS
    assert not CS.compiled_for(3)
    assert not CS.compiled_code
    statistics = gmix.SufficientStatistics.from_responsibilities(CS.form, np.eye(3), np.ones((3, 1)))
    assert kernel.maximize([statistics], CS) == [None]
    mixture = GaussianMixture.from_statistics(statistics, CS)
    assert GaussianModel(mixture).compiled(statistics.reference) is None


@pytest.fixture(scope="module")
def series() -> Array:
    """Pieces of two autoregressive series."""
    distance = abs(np.arange(5) - np.arange(5)[:, None])
    return GaussianMixture([0.5, 0.5], np.zeros((2, 5)), [0.9**distance, (-0.7) ** distance]).sample(300, rng=0)


def test_toeplitz_covariances_are_the_likeliest(series: Array) -> None:
    toeplitz = FOUND["Toeplitz"]()
    fit = gmix.fit(series, 2, covariance=toeplitz, rng=0, tolerance=0, max_iterations=500)
    assert (np.diff(fit.history) >= -1e-11 * abs(fit.log_likelihood)).all()
    [statistics] = gmix.expect(series, [fit.mixture])
    for sample, found in zip(statistics.scatter / statistics.mass[:, None, None], fit.mixture.covariances, strict=True):
        np.testing.assert_array_equal(found, linalg.toeplitz(found[0]))
        best = minimize(lambda row, x: FOUND["deviance"](linalg.toeplitz(row), x), found[0] + 0.01, args=(sample,),
                        method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-13, "maxiter": 4000})  # fmt: skip
        assert FOUND["deviance"](found, sample) <= best.fun + 1e-9


@pytest.mark.parametrize("ratio", [1.0, 4.0, 1e6])
def test_bounded_determinants_satisfy_the_bound_and_are_the_likeliest(cloud: Array, ratio: float) -> None:
    structure = FOUND["BoundedDeterminants"](ratio)
    fit = gmix.fit(cloud, 2, covariance=structure, rng=0, tolerance=0, max_iterations=2000)
    free = gmix.fit(cloud, covariance="full", start=fit.mixture, tolerance=0, max_iterations=2000)
    determinants = np.linalg.det(fit.mixture.covariances)
    assert determinants.max() <= (1 + 1e-9) * ratio * determinants.min()
    assert (np.diff(fit.history) >= -1e-11 * abs(fit.log_likelihood)).all()
    if ratio == 1e6:
        assert fit.log_likelihood == pytest.approx(free.log_likelihood, abs=1e-6)
    if ratio == 1.0:
        equal = gmix.fit(cloud, covariance="EVV", start=fit.mixture, tolerance=0, max_iterations=2000)
        assert fit.log_likelihood == pytest.approx(equal.log_likelihood, abs=1e-6)
