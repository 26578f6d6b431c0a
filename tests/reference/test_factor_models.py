"""Factor models land where pgmm and EMMIXmfa land, or higher."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import gmix
from gmix import GaussianMixture

DATA = Path(__file__).parent / "data"
Array = NDArray[np.float64]
Case = dict[str, Any]
CASES: list[Case] = json.loads((DATA / "factor_models.json").read_text(encoding="utf-8"))["cases"]
STOPPED = 0.05  # nats below their fixed points, at most, at which their EM stopped


def name(case: Case) -> str:
    return f"{case['software']}, {case['dataset']}, {case['G']} {case['model']}:{case['q']}"


each_case = pytest.mark.parametrize("case", CASES, ids=name)
# The noise that pgmm returns for UUU is not that of its own BIC.
with_parameters = pytest.mark.parametrize(
    "case", [c for c in CASES if (c["software"], c["model"]) != ("pgmm", "UUU")], ids=name
)


def rows(case: Case) -> Array:
    table = np.genfromtxt(DATA / f"{case['dataset']}.csv", delimiter=",", skip_header=1)
    return np.ascontiguousarray(table[:, :-1])


def structure(case: Case) -> str:
    return f"{case['model']}:{case['q']}"


def parameters(case: Case) -> GaussianMixture:
    """The mixture where the other software stopped."""
    means = np.array(case["mean"])
    shape = (case["G"], means.shape[1], -1)
    compact = np.concatenate([np.reshape(case["noise"], shape), np.reshape(case["loadings"], shape)], axis=-1)
    return GaussianMixture(case["pro"], means, compact, structure(case))


def log_likelihood(case: Case) -> float:
    """Theirs; from the BIC of pgmm, which does not give it, and so by our number of parameters.

    EMMIXmfa counts the noise of one component if each has its own, and of all if they share it.
    """
    if "loglik" in case:
        return float(case["loglik"])
    x = rows(case)
    n_parameters = gmix.covariance.structure(structure(case)).n_parameters(case["G"], x.shape[1])
    return float(case["bic"] + n_parameters * np.log(len(x))) / 2.0


@with_parameters
def test_the_log_likelihood_is_theirs_at_their_parameters(case: Case) -> None:
    assert parameters(case).log_density(rows(case)).sum() == pytest.approx(log_likelihood(case), abs=STOPPED)


@with_parameters
def test_their_fixed_points_are_ours(case: Case) -> None:
    x, start = rows(case), parameters(case)
    fit = gmix.fit(x, start=start, tolerance=1e-7)
    assert 0.0 <= fit.log_likelihood - start.log_density(x).sum() < STOPPED
    assert np.abs(fit.mixture.responsibilities(x) - start.responsibilities(x)).max() < 0.05


@each_case
def test_a_fit_is_as_good(case: Case) -> None:
    fit = gmix.fit(rows(case), case["G"], covariance=structure(case), rng=0)
    assert fit.log_likelihood > log_likelihood(case) - 0.01
