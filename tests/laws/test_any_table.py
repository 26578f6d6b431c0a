"""No finite table is a crash. What collapses is reported, and the fit goes on."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import assume, example, given, settings, strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

import gmix
from gmix.model.covariance import DIRECT, EII, STRUCTURES, Structure, structure as structure_named
from gmix.model.priors import Prior
from gmix.model.reference import RELATIVE_FLOOR

Array = NDArray[np.float64]

rng = np.random.default_rng(8)
CLOUD = np.vstack([rng.normal(0.0, 1.0, (15, 3)), rng.normal([6.0, 5.0, 4.0], 1.5, (10, 3))])
TABLES = {
    "a constant column": np.column_stack([CLOUD[:, 0], np.full(25, 7.0)]),
    "a constant column far off": np.column_stack([CLOUD[:, 0], np.full(25, 1e9 / 3)]),
    "all rows equal": np.full((25, 3), 3.3),
    "all zero": np.zeros((25, 2)),
    "one row": CLOUD[:1],
    "two rows": CLOUD[:2],
    "three rows ten times": np.repeat(CLOUD[:3], 10, 0),
    "two points": np.repeat([[0.0, 0.0], [1.0, 1.0]], 10, 0),
    "more columns than rows": rng.normal(size=(6, 20)),
    "collinear columns": np.column_stack([CLOUD[:, 0], 2 * CLOUD[:, 0], CLOUD[:, 1]]),
    "almost collinear columns": np.column_stack([CLOUD[:, 0], CLOUD[:, 0] * (1 + 1e-15)]),
    "columns of very different scales": CLOUD * [1e-12, 1.0, 1e12],
    "columns of absurdly different scales": CLOUD * [1e-150, 1.0, 1e150],
    "columns of different scales and places": CLOUD * [1e-3, 1.0, 1e3] + [1e6, -1e6, 1e12],
    "few different integers": rng.integers(0, 3, (30, 2)),
    "tiny": CLOUD * 1e-150,
    "huge": CLOUD * 1e150,
    "smaller than float64 can square": CLOUD * 1e-300,
    "subnormal": CLOUD * 1e-310,
    "an outlier": np.vstack([CLOUD, [[1e150] * 3]]),
    "neighbors in float64": 1e16 + np.arange(20.0)[:, None] * 2,
    "one bit apart": np.repeat([[1.0], [1.0 + 2.0**-52]], 10, 0),
    "true and false": rng.integers(0, 2, (20, 2)).astype(bool),
}
COLLAPSING = {  # by two full components of these tables
    "all rows equal", "all zero", "three rows ten times", "two points", "a constant column", "collinear columns",
    "a constant column far off", "two rows", "almost collinear columns",
}  # fmt: skip


def assert_sound(fit: gmix.Fit, table: Array, weight: Array | None = None) -> None:
    mixture = fit.mixture
    log_density = mixture.log_density(table)
    if weight is not None:
        log_density = weight[weight > 0] * log_density[weight > 0]
    for values in (mixture.weights, mixture.means, mixture.covariances, log_density):
        assert np.isfinite(values).all()
    assert mixture.weights.sum() == pytest.approx(1.0)
    assert np.allclose(mixture.responsibilities(table).sum(1), 1.0)
    assert fit.log_likelihood == pytest.approx(float(log_density.sum()), rel=1e-9, abs=1e-6)
    assert np.isfinite(fit.history).all()
    steps = np.diff(fit.history)
    assert (steps >= -1e-10 * np.abs(fit.history[1:]) - 1e-9).all()
    assert np.isfinite([fit.bic, fit.aic, fit.icl]).all()
    assert fit.summary()
    assert gmix.GaussianMixture(mixture.weights, mixture.means, mixture.covariances, mixture.structure)


@pytest.mark.parametrize("prior", [None, gmix.NormalInverseWishart()], ids=["ML", "MAP"])
@pytest.mark.parametrize("structure", DIRECT, ids=repr)
@pytest.mark.parametrize("name", TABLES)
def test_no_table_is_a_crash(name: str, structure: Structure, prior: gmix.NormalInverseWishart | None) -> None:
    table = TABLES[name]
    for components in {1, 2, len(table) if len(table) < 8 else 4}:
        if components <= len(table):
            assert_sound(gmix.fit(table, components, covariance=structure, prior=prior, rng=0), table)


@pytest.mark.parametrize("structure", [s for s in STRUCTURES if s not in DIRECT], ids=repr)
@pytest.mark.parametrize("name", TABLES)
def test_nor_a_few_steps_of_a_structure_that_iterates(name: str, structure: Structure) -> None:
    table = TABLES[name]
    start = np.arange(len(table)) % min(2, len(table))
    assert_sound(gmix.fit(table, covariance=structure, start=start, max_iterations=2), table)


@pytest.mark.parametrize(
    ("name", "prior"),
    [
        ("columns of absurdly different scales", None),
        ("columns of different scales and places", gmix.NormalInverseWishart()),
    ],
    ids=["ML", "MAP"],
)
def test_nor_is_the_choice_among_several(name: str, prior: Prior | None) -> None:
    table = TABLES[name]
    assert_sound(gmix.fit(table, [1, 2, 3], covariance=["full", "diag", "EEV"], prior=prior, rng=0), table)


@pytest.mark.parametrize("name", TABLES)
def test_nor_are_its_errors_and_clusters(name: str) -> None:
    table = TABLES[name]
    for structure, prior in (("full", None), ("diag", gmix.NormalInverseWishart() + gmix.Dirichlet())):
        fit = gmix.fit(table, min(2, len(table)), covariance=structure, prior=prior, rng=0)
        errors = gmix.standard_errors(fit, table)
        assert (np.isnan(errors.means) | (errors.means >= 0)).all()
        assert fit.summary(errors)
        assert np.isfinite(gmix.merge(fit, table).entropy).all()
        with contextlib.suppress(gmix.DataError):  # all replicates collapsed
            assert np.isfinite(gmix.bootstrap(fit, table, replicates=2, rng=0).means).all()


@pytest.mark.parametrize("name", [n for n in TABLES if np.abs(TABLES[n]).max() < 1e38])
def test_nor_in_float32(name: str) -> None:
    table = TABLES[name].astype(np.float32)
    for structure in DIRECT:
        assert_sound(gmix.fit(table, min(2, len(table)), covariance=structure, rng=0), table)


PRIORS = (
    None,
    gmix.NormalInverseWishart(),
    gmix.NormalInverseWishart(mean_strength=0.0, strength=1e-6),
    gmix.NormalInverseWishart() + gmix.Dirichlet(3.0),
)
values = st.one_of(
    st.sampled_from([0.0, 1.0, -1.0, 1e-300, 1e150, -1e150, 1.0 + 2**-52]), st.floats(-1e150, 1e150), st.floats(-9, 9)
)
some_weights = st.sampled_from([0.0, 1.0, 2.0, 1e-300, 1e-20, 1e3])


@given(
    table=arrays(float, st.tuples(st.integers(1, 8), st.integers(1, 4)), elements=values),
    weights=st.none() | st.lists(some_weights, min_size=8, max_size=8),
    structure=st.sampled_from(STRUCTURES),
    prior=st.sampled_from(PRIORS),
    components=st.integers(1, 3),
)
@example(np.array([[1e150], [-1e150]]), None, DIRECT[-1], None, 2)
@example(np.array([[0.9, 0.6, 0.4], [0.6, -0.4, 0.4]]), [1e20, 1e-300], structure_named("EVE"), None, 1)
@example(np.array([[0.0, -1e79], [2e-144, 0.0]]), [1e-300, 1e-20], structure_named("EVV"), None, 2)
@example(CLOUD * [1e-80, 1.0, 1e80], None, structure_named("VVE"), None, 1)
@example(CLOUD * [1e-80, 1.0, 1e80], None, structure_named("VEV"), PRIORS[3], 2)
@example(CLOUD * [1e-6, 1e3, 1e6], None, structure_named("EVE"), PRIORS[1], 3)
@example(CLOUD * [0.0, 1e-90, 1e20] + [1e84, 0.0, 0.0], None, structure_named("VVI"), PRIORS[3], 1)
@example(np.diag([0.0, 2.0**53, 0.0, 0.0])[:3] + np.outer([0, 0, 1], [0, 1, 0, 0]), [0, 1, 1e-300], EII, PRIORS[1], 2)
@settings(max_examples=150)
def test_nor_any_table_that_hypothesis_thinks_of(
    table: Array, weights: list[float] | None, structure: Structure, prior: Prior | None, components: int
) -> None:
    weight = None if weights is None else np.array(weights[: len(table)])
    assume(weight is None or weight.sum() > 1e-100)
    count = min(components, len(table) if weight is None else np.count_nonzero(weight))
    fit = gmix.fit(table, count, covariance=structure, prior=prior, sample_weight=weight, rng=0, max_iterations=30)
    assert_sound(fit, table, weight)
    errors = gmix.standard_errors(fit, table, sample_weight=weight)
    assert not (errors.means < 0).any()
    assert np.isfinite(gmix.merge(fit, table, sample_weight=weight).entropy).all()


@pytest.mark.parametrize("name", sorted(COLLAPSING))
def test_a_collapse_is_a_finding(name: str) -> None:
    fit = gmix.fit(TABLES[name], 2, covariance="full", rng=0)
    found = {finding.name for finding in fit.findings}
    assert found & {"collapsed component", "empty component"}
    for finding in fit.findings:
        assert "component" in finding.message
        assert "ask for fewer components" in finding.message


def test_the_floor_stays_where_it_is_when_everything_collapses() -> None:
    digits = pytest.importorskip("sklearn.datasets").load_digits(n_class=5).data[:300]  # three columns are constant
    labels = np.arange(300) * 5 // 300
    fit = gmix.fit(digits, covariance="full", start=labels, max_iterations=20)
    spread = digits.var(0)
    floor = RELATIVE_FLOOR * np.where(spread > 0, spread, spread[spread > 0].min())
    np.testing.assert_allclose(fit.statistics.reference.floor, floor, rtol=1e-12)
    assert (np.diagonal(fit.mixture.covariances, axis1=1, axis2=2) > 0.99 * floor).all()


def test_a_collapse_names_the_component_and_its_rows() -> None:
    table = np.vstack([CLOUD[:15], np.repeat([[50.0, 50.0, 50.0]], 10, 0)])
    fit = gmix.fit(table, 2, covariance="full", start=np.repeat([0, 1], [15, 10]))
    [finding] = [finding for finding in fit.findings if finding.name == "collapsed component"]
    assert "component 1 (10 rows)" in finding.message
    np.testing.assert_allclose(fit.mixture.means[1], 50.0)  # and the fit went on
    held = gmix.fit(table, 2, covariance="full", prior=gmix.NormalInverseWishart(), rng=0)
    assert "collapsed component" not in {finding.name for finding in held.findings}


def test_a_clean_fit_has_no_findings_and_an_empty_component_is_one(points: Array, labels: Array) -> None:
    assert gmix.fit(points, covariance="full", start=labels).findings == ()
    fit = gmix.fit(points, covariance="full", start=np.where(labels == 1, 0, labels), max_iterations=1)
    assert "empty component: component 1 has no rows; ask for fewer components" in map(str, fit.findings)


def test_a_collapsed_candidate_is_not_chosen_by_its_infinite_likelihood(points: Array) -> None:
    table = np.vstack([points, np.repeat(points[:1], 12, 0)])
    fit = gmix.fit(table, [2, 3, 5, 6], covariance="full", rng=0)
    assert fit.search is not None
    assert not fit.search.best.is_set_aside
    assert not [finding for finding in fit.findings if finding.level == "warning"]
