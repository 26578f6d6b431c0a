"""Structures with a bound of the ratio of eigenvalues: their names, how they nest, and what is refused."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from numpy.typing import NDArray

import gmix
from gmix import GaussianMixture, ParameterError
from gmix.model.covariance import EEE, EII, STRUCTURES, VEV, VII, VVE, VVI, VVV, E, V, structure

Array = NDArray[np.float64]
FREE = (VVV, VVI, VII)
ROUNDING = 1.0 + 1e-12


def ratio_of(mixture: GaussianMixture) -> float:
    values = np.linalg.eigvalsh(mixture.covariances)
    return float(values.max() / values.min())


def test_a_bounded_structure_has_one_object_and_a_name() -> None:
    for free in (*FREE, V):
        bounded = free.with_covariance_ratio(50)
        assert (
            free.with_covariance_ratio(50.0) is bounded is structure(f"{free.code}:50") is structure(f"{free.name}:50")
        )
        assert bounded.with_covariance_ratio(50) is bounded
        assert bounded.with_covariance_ratio(2.5) is free.with_covariance_ratio(2.5) is not bounded
        assert bounded.without_covariance_ratio is free
        equal = bounded.with_equal_weights
        assert structure(equal.code) is equal is free.with_equal_weights.with_covariance_ratio(50)
        assert equal.without_covariance_ratio is free.with_equal_weights
        for s in (bounded, equal):
            assert pickle.loads(pickle.dumps(s)) is copy.deepcopy(s) is copy.copy(s) is s  # noqa: S301
            assert s.built_in
            assert "50" in s.description(2, 3)
    assert [s.code for s in (VVV.with_covariance_ratio(1e20), VII.with_covariance_ratio(2.5))] == [
        "VVV:1e+20",
        "VII:2.5",
    ]
    assert VVI.with_covariance_ratio(3).in_one_column is V.with_covariance_ratio(3) is structure("VVV:3").in_columns(1)
    assert E.with_covariance_ratio(3) is E
    assert EII.with_covariance_ratio(3) is EII


def test_bounds_nest() -> None:
    ten, five = VVV.with_covariance_ratio(10), VVV.with_covariance_ratio(5)
    assert ten.contains(ten)
    assert ten.contains(five)
    assert ten.contains(VII.with_covariance_ratio(10))
    assert ten.contains(EII)
    assert V.with_covariance_ratio(4).contains(E)
    assert VVV.contains(ten)
    assert VVE.contains(VVI.with_covariance_ratio(10))
    assert ten.contains(five.with_equal_weights)
    for other in (VVV, VII, EEE, VII.with_covariance_ratio(11)):
        assert not ten.contains(other)
    assert not five.contains(ten)
    assert not ten.with_equal_weights.contains(ten)
    assert not VVV.with_equal_weights.contains(ten)


@pytest.mark.parametrize("ratio", [0.99, 0, -3, np.nan, np.inf, "5", True, [5.0], object()])
def test_a_ratio_is_a_finite_number_of_at_least_one(points: Array, ratio: object) -> None:
    with pytest.raises(ParameterError, match=r"covariance_ratio is .*1 or more"):
        gmix.fit(points, 2, covariance="VVV", covariance_ratio=ratio)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="not a structure"):
        structure("VVV:five")
    with pytest.raises(ParameterError, match="1 or more"):
        structure("VVV:0.5")


def test_other_structures_are_refused(points: Array) -> None:
    for s in STRUCTURES:
        if s in (*FREE, EII):
            continue
        with pytest.raises(ParameterError, match=rf"does not apply to {s.code}.*VVV.*VVI.*VII"):
            gmix.fit(points, 2, covariance=["VVV", s], covariance_ratio=5.0)
    start = gmix.fit(points, 2, covariance=VEV, rng=0).mixture
    with pytest.raises(ParameterError, match="does not apply to VEV"):
        gmix.fit(points, start=start, covariance_ratio=5.0)


def test_one_column_has_bounds_too(points: Array) -> None:
    fit = gmix.fit(points[:, :1], [2, 3], covariance_ratio=2.0, rng=0)
    assert fit.search is not None
    assert {c.structure.code for c in fit.search.candidates} == {"E", "V:2"}
    assert all(ratio_of(c.run.mixture) <= 2.0 * ROUNDING for c in fit.search.candidates)
    named = gmix.fit(points[:, :1], 2, covariance="diag", covariance_ratio=2.0, rng=0)
    assert named.mixture.structure is V.with_covariance_ratio(2.0)
    assert not [f for f in named.findings if f.name == "one column"]


def test_a_start_with_a_bound_keeps_it_unless_another_is_stated(points: Array) -> None:
    start = gmix.fit(points, 2, covariance="VVV:3", rng=0).mixture
    assert gmix.fit(points, start=start).mixture.structure is VVV.with_covariance_ratio(3)
    assert gmix.fit(points, start=start, covariance_ratio=2).mixture.structure is VVV.with_covariance_ratio(2)
    assert gmix.fit(points, start=start, covariance="VVV").mixture.structure is VVV
