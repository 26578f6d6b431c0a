"""Accelerated runs take fewer passes to the same optimum, in all units."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gmix import GaussianMixture, NormalInverseWishart, SufficientStatistics
from gmix.fitting.em import Run, run_em
from gmix.model.covariance import STRUCTURES, VVV, Structure, structure
from gmix.model.kernel import ReferenceKernel, kernel
from gmix.model.priors import Prior
from gmix.model.stopping import Reason, StoppingRule
from gmix.sources import MemorySource

pytestmark = pytest.mark.skipif(isinstance(kernel, ReferenceKernel), reason="the compiled kernel is not built")
Array = NDArray[np.float64]
FACTORS = structure("factors:1")
SCALED = {"EEI", "VEI", "EVI", "VVI", "EEE", "VEE", "EVV", "VVV"}  # the same in any units of each column


@pytest.fixture(scope="module")
def rows() -> Array:
    """2,000 rows of three components that overlap."""
    rng = np.random.default_rng(3)
    centers = np.repeat([[0.0, 0.0], [2.5, 1.0], [-1.0, 3.0]], [800, 700, 500], axis=0)
    scales = np.repeat([[1.0, 0.5], [0.6, 1.2], [1.5, 1.0]], [800, 700, 500], axis=0)
    return np.asarray(centers + scales * rng.normal(size=(2000, 2)))


def run(rows: Array, structure: Structure, accelerate: bool, prior: Prior | None = None, n_components: int = 3) -> Run:
    labels = np.arange(len(rows)) * n_components // len(rows)
    statistics = SufficientStatistics.from_labels(structure.form, rows, labels, n_components)
    start = GaussianMixture.from_statistics(statistics, structure)
    [end] = run_em(MemorySource(rows), [start], StoppingRule(1e-9, 20_000, accelerate), prior)
    return end


@pytest.mark.parametrize("prior", [None, NormalInverseWishart()], ids=["ML", "prior"])
@pytest.mark.parametrize("structure", STRUCTURES, ids=repr)
def test_it_never_takes_more_steps_to_the_optimum(rows: Array, structure: Structure, prior: Prior | None) -> None:
    plain, accelerated = (run(rows, structure, accelerate, prior) for accelerate in (False, True))
    assert accelerated.reason is Reason.CONVERGED
    assert accelerated.objective == pytest.approx(plain.objective, abs=2e-8 * len(rows))
    assert (np.diff(accelerated.history) >= 0.0).all()
    assert len(accelerated.history) <= len(plain.history)


@pytest.mark.parametrize("structure", [s for s in STRUCTURES if s.code in {"EII", "VII"}], ids=repr)
def test_it_saves_more_where_components_overlap_strongly(structure: Structure) -> None:
    rows = np.random.default_rng(1).normal(size=(2000, 1)) + np.repeat([[0.0], [1.8]], 1000, axis=0)
    plain, accelerated = (run(rows, structure, accelerate) for accelerate in (False, True))
    assert accelerated.objective >= plain.objective - 2e-8 * len(rows)
    assert 3 * len(accelerated.history) < len(plain.history)


@pytest.mark.parametrize("code", ["EII", "VII", "VVI", "EEE", "VVV"])
def test_it_saves_as_much_in_several_columns(code: str) -> None:
    rows = np.random.default_rng(1).normal(size=(2000, 4)) + np.repeat([[0.0], [0.9]], 1000, axis=0)
    plain, accelerated = (run(rows, structure(code), accelerate, n_components=2) for accelerate in (False, True))
    assert accelerated.objective >= plain.objective - 2e-8 * len(rows)
    assert 4 * len(accelerated.history) < len(plain.history)


@pytest.mark.parametrize("code", ["EII", "VII", "VVI", "VVV"])
def test_it_saves_as_much_where_components_have_one_center(code: str) -> None:
    """Variances and weights alone are slow."""
    rows = np.random.default_rng(1).normal(size=(2000, 4)) * np.repeat([[1.0], [1.6]], 1000, axis=0)
    plain, accelerated = (run(rows, structure(code), accelerate, n_components=2) for accelerate in (False, True))
    assert accelerated.objective >= plain.objective - 2e-8 * len(rows)
    assert 4 * len(accelerated.history) < len(plain.history)


def test_it_saves_most_steps_of_factor_models() -> None:
    rng = np.random.default_rng(2)
    factors, loadings = rng.normal(size=(300, 1)), rng.normal(size=(1, 4))
    rows = factors @ loadings + 0.7 * rng.normal(size=(300, 4)) + np.repeat([[0.0], [1.2]], 150, axis=0)
    plain, accelerated = (run(rows, FACTORS, accelerate, n_components=2) for accelerate in (False, True))
    assert accelerated.objective >= plain.objective - 1e-6 * len(rows)
    assert 3 * len(accelerated.history) < len(plain.history)


@pytest.mark.parametrize("structure", [s for s in STRUCTURES if s.code in SCALED], ids=repr)
def test_it_takes_the_same_steps_in_other_units(rows: Array, structure: Structure) -> None:
    units = np.array([2.0**10, 2.0**-7])
    here, there = run(rows, structure, True), run(rows * units, structure, True)
    assert len(here.history) == len(there.history)
    log_units = len(rows) * np.log(units).sum()
    np.testing.assert_allclose(np.add(there.history, log_units), here.history, rtol=1e-8)


def test_it_leads_to_the_same_optimum_of_turned_rows(rows: Array) -> None:
    turned = rows @ np.array([[0.6, 0.8], [-0.8, 0.6]])
    assert run(turned, VVV, True).objective == pytest.approx(run(rows, VVV, True).objective, abs=2e-8 * len(rows))
