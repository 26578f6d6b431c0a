"""From the same labels gmix lands where mclust 6.0.0 lands, by the same steps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import gmix
from gmix import GaussianMixture, NormalInverseWishart, SufficientStatistics
from gmix.covariance import STRUCTURES, structure

DATA = Path(__file__).parent / "data"
KNOWN = {s.code for s in STRUCTURES} | {"E", "V"}
Case = dict[str, Any]


def read(name: str) -> list[Case]:
    cases = json.loads((DATA / name).read_text(encoding="utf-8"))["cases"]
    return [case for case in cases if case["model"] in KNOWN and not case.get("equal_weights")]


def name(case: Case) -> str:
    start = case.get("start", "species")
    return f"{case['dataset']}, {case['G']} {case['model']}, {start}{', MAP' if case.get('prior') else ''}"


FIXED_POINTS = [case for case in read("fixed_points.json") if case["loglik"] is not None]
MSTEPS = read("msteps.json")


def rows(case: Case) -> NDArray[np.float64]:
    table = np.genfromtxt(DATA / case["file"], delimiter=",", names=True, dtype=None, encoding="utf-8",
                          deletechars="", replace_space=" ")  # fmt: skip
    columns = [next(n for n in table.dtype.names if n.strip('"') == column) for column in case["columns"]]
    return np.column_stack([table[c] for c in columns]).astype(float) / case.get("scale_divisor", 1)


def prior(case: Case) -> NormalInverseWishart | None:
    return NormalInverseWishart() if case.get("prior") else None


def assert_parameters(mixture: GaussianMixture, case: Case, precision: float) -> None:
    """Weights absolutely, means in standard deviations, covariances in those of their row and column."""
    k = case["G"]
    mean, sigma = np.reshape(case["mean"], (k, -1)), np.reshape(case["sigma"], (k, *mixture.covariances.shape[1:]))
    deviation = np.sqrt(np.diagonal(sigma, axis1=1, axis2=2))
    np.testing.assert_allclose(mixture.weights, case["pro"], rtol=precision)
    np.testing.assert_allclose((mixture.means - mean) / deviation, 0.0, atol=precision)
    scaled = (mixture.covariances - sigma) / deviation[:, :, None] / deviation[:, None, :]
    np.testing.assert_allclose(scaled, 0.0, atol=precision)


def test_there_is_something_to_compare() -> None:
    assert {case["model"] for case in FIXED_POINTS} >= {"VVV", "EEE", "VVI", "VII", "E", "V"}
    assert any(case["prior"] for case in FIXED_POINTS)
    assert {case["model"] for case in MSTEPS} >= {"VVV", "EEE", "VVI", "VII"}


@pytest.mark.parametrize("case", FIXED_POINTS, ids=name)
def test_a_climb_ends_at_the_fixed_point(case: Case) -> None:
    fit = gmix.fit(
        rows(case), covariance=case["model"], prior=prior(case), start=case["start_labels"],
        tolerance=0, max_iterations=100_000,
    )  # fmt: skip
    assert_parameters(fit.mixture, case, 1e-6)
    assert fit.log_likelihood == pytest.approx(case["loglik_fixed_point"], rel=1e-8)
    assert fit.n_parameters == case["npar"]
    if not case["prior"]:
        np.testing.assert_array_equal(fit.mixture.predict(rows(case)), case["classification"])
    bic = 2 * fit.log_likelihood - case["npar"] * np.log(len(rows(case)))
    assert -fit.bic == pytest.approx(bic)


@pytest.mark.parametrize("case", FIXED_POINTS, ids=name)
def test_every_step_is_the_same(case: Case) -> None:
    labels = np.array(case["start_labels"])
    x, s = rows(case), structure(case["model"])
    statistics = SufficientStatistics.from_responsibilities(s.form, x, np.eye(case["G"])[labels])
    reached = {}
    for step in range(1, 21):
        mixture = GaussianMixture.from_statistics(statistics, s, prior(case))
        [statistics] = gmix.expect(x, [mixture])
        reached[step] = statistics.log_likelihood
    trajectory = case["loglik_after_m_steps"]
    for step, log_likelihood in zip(trajectory["m_steps"], trajectory["loglik"], strict=True):
        assert reached[step] == pytest.approx(log_likelihood, rel=1e-9)


@pytest.mark.parametrize("case", MSTEPS, ids=name)
def test_one_m_step_from_the_true_classes(case: Case) -> None:
    species = np.genfromtxt(DATA / case["file"], delimiter=",", skip_header=1, usecols=-1, dtype=str)
    classes = np.unique(species, return_inverse=True)[1]
    x, s = rows(case), structure(case["model"])
    statistics = SufficientStatistics.from_responsibilities(s.form, x, np.eye(case["G"])[classes])
    mixture = GaussianMixture.from_statistics(statistics, s)
    assert_parameters(mixture, case, 1e-12)
    assert mixture.log_density(x).sum() == pytest.approx(case["loglik"], rel=1e-12)
