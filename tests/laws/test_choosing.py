"""What chooses among candidates: criteria, their table, and that a richer candidate is never the poorer for it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations

import numpy as np
import pytest
from numpy.typing import NDArray

import gmix
from gmix import GaussianMixture, SufficientStatistics
from gmix.fitting.candidates import Candidate
from gmix.fitting.distinct import DistinctRows
from gmix.fitting.neighbors import grow, splits
from gmix.model.covariance import DIAGONAL, EEE, STRUCTURES, VEE, VII, VVI, VVV, Structure
from gmix.model.criteria import CRITERIA, aic, aicc, bic, caic, entropy, nec, sabic

Array = NDArray[np.float64]


def clouds(seed: int) -> Array:
    """A table that no candidate describes well, so that all of them have something to find."""
    rng = np.random.default_rng(seed)
    return np.vstack(
        [rng.standard_t(5, (40, 2)) @ rng.standard_normal((2, 2)) + 3 * rng.standard_normal(2) for _ in "abc"]
    )


@pytest.fixture(scope="module")
def found() -> gmix.Fit:
    return gmix.fit(clouds(0), range(1, 4), rng=0)


TABLES = {
    "clouds": clouds,
    "few different values": lambda seed: np.round(clouds(seed) / 2.0),  # EM is drawn to the lines that they lie on
    "few rows": lambda seed: clouds(seed)[::8],
    "rows twice": lambda seed: np.tile(clouds(seed)[::3], (2, 1)),
}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
@pytest.mark.parametrize("seed", range(4))
def test_a_richer_candidate_is_never_below_a_poorer_one(seed: int, table: Callable[[int], Array]) -> None:
    x = table(seed)
    fit = gmix.fit(x, range(1, 4), rng=seed)
    assert fit.search is not None
    distinct = DistinctRows.of(x)

    def rests_on(candidate: Candidate) -> float:
        return float(distinct.effective(candidate.run.mixture.responsibilities(x)).min())

    sound = [c for c in fit.search.candidates if not c.is_set_aside]
    pairs = [
        (poorer, richer)
        for poorer, richer in permutations(sound, 2)
        if richer.structure.contains(poorer.structure) and poorer.n_components <= richer.n_components
        and (poorer.structure is richer.structure or poorer.n_components == richer.n_components)
        # A richer structure may need more rows for a component than the poorer one has given it.
        and (rests_on(poorer) > richer.structure.rows_needed(2) or richer.structure.shared)
    ]  # fmt: skip
    assert len(pairs) > 100
    for poorer, richer in pairs:
        assert richer.log_likelihood >= poorer.log_likelihood - 1e-9 * abs(poorer.log_likelihood), (
            poorer.structure, poorer.n_components, richer.structure, richer.n_components
        )  # fmt: skip


def test_the_table_has_every_candidate_and_says_what_it_is_worth(found: gmix.Fit) -> None:
    assert found.search is not None
    table = found.search.table()
    assert len(table) == 3 * len(STRUCTURES)
    for row in table:
        reached, p = row["log_likelihood"], row["parameters"]
        assert row["bic"] == pytest.approx(bic(reached, p, 120.0))
        assert row["aic"] == pytest.approx(aic(reached, p))
        assert row["aicc"] == pytest.approx(aicc(reached, p, 120.0))
        assert row["icl"] >= row["bic"]
        assert row["caic"] == pytest.approx(caic(reached, p, 120.0))
        assert row["sabic"] == pytest.approx(sabic(reached, p, 120.0))
    assert sum(row["weight"] for row in table) == pytest.approx(1.0)
    assert max(table, key=lambda row: row["weight"])["bic"] == found.bic
    first, second = sorted((row for row in table if not row["collapsed"]), key=lambda row: row["bic"])[:2]
    assert np.log(first["weight"] / second["weight"]) == pytest.approx((second["bic"] - first["bic"]) / 2.0)
    assert found.criteria == {name: getattr(found, name, found.criteria[name]) for name in CRITERIA}


@pytest.mark.parametrize("criterion", CRITERIA)
def test_the_least_of_the_criterion_is_chosen(criterion: str) -> None:
    fit = gmix.fit(clouds(1), range(1, 5), covariance=["EII", "VVI", "VVV"], criterion=criterion, rng=0)
    assert fit.search is not None
    assert fit.criteria[criterion] == min(row[criterion] for row in fit.search.table() if not row["collapsed"])


def test_criteria_have_the_values_of_their_formulas() -> None:
    reached, p, n = -123.4, 7, 50.0  # values computed by hand
    assert aic(reached, p) == pytest.approx(260.8)
    assert bic(reached, p, n) == pytest.approx(246.8 + 7 * 3.912023005)
    assert caic(reached, p, n) == pytest.approx(246.8 + 7 * 4.912023005)
    assert sabic(reached, p, n) == pytest.approx(246.8 + 7 * 0.7731898882)


def test_the_normalized_entropy_compares_with_one_component_of_the_same_structure(found: gmix.Fit) -> None:
    assert found.search is not None
    of_one = {c.structure: c.log_likelihood for c in found.search.candidates if c.n_components == 1}
    for candidate, row in zip(found.search.candidates, found.search.table(), strict=True):
        gain = candidate.log_likelihood - of_one[candidate.structure]
        uncertain = entropy(candidate.run.mixture, candidate.run.statistics)
        expected = 1.0 if candidate.n_components == 1 else uncertain / gain
        assert row["nec"] == pytest.approx(expected, rel=1e-9)


def test_two_distinct_clusters_have_a_small_normalized_entropy_and_one_cluster_a_large_one() -> None:
    rng = np.random.default_rng(0)
    apart = np.concatenate([rng.normal(size=60), rng.normal(30.0, 1.0, size=60)])[:, None]
    together = rng.normal(size=(120, 1))
    small, large = (gmix.fit(x, 2, covariance="E", rng=0) for x in (apart, together))
    assert nec(small.mixture, small.statistics) < 1e-6
    assert nec(large.mixture, large.statistics) > 1.0


@pytest.mark.parametrize("kind", ["missing", "errors", "background", "prior", "labels"])
def test_where_the_likelihood_of_one_component_does_not_follow_the_normalized_entropy_is_nan(kind: str) -> None:
    x = clouds(0)
    options = {
        "missing": {},
        "errors": {"row_errors": np.full_like(x, 0.1)},
        "background": {"background": True},
        "prior": {"prior": gmix.NormalInverseWishart()},
        "labels": {"labels": np.where(np.arange(len(x)) < 3, 1.0, np.nan)},
    }[kind]
    if kind == "missing":
        x = x.copy()
        x[3, 0] = np.nan
    fit = gmix.fit(x, 2, covariance="VVV", rng=0, **options)
    assert fit.search is not None
    assert np.isnan(fit.search.best.nec)


def test_without_rows_to_spare_aicc_is_infinite() -> None:
    assert aicc(-10.0, 5, 6.0) == np.inf
    assert aicc(-10.0, 5, 1e12) == pytest.approx(aic(-10.0, 5))


def test_with_a_prior_those_structures_are_tried_for_which_mclust_has_one() -> None:
    fit = gmix.fit(clouds(0)[::4], 2, prior=gmix.NormalInverseWishart(), rng=0)
    assert fit.search is not None
    tried = {row["structure"] for row in fit.search.table()}
    assert {s.code for s in STRUCTURES} - tried == {"VEE", "EVE", "VVE", "EVV"}
    assert [finding for finding in fit.findings if finding.level == "warning"] == []


def tried(fit: gmix.Fit) -> set[tuple[str, int]]:
    assert fit.search is not None
    return {(s.code, k) for s, k in fit.search.untried} | {
        (c.structure.code, c.n_components) for c in fit.search.candidates
    }


def test_auto_tries_one_to_nine_components_of_all_structures_that_suit_the_table() -> None:
    x = clouds(0)[::3]
    assert tried(gmix.fit(x, rng=0)) == {(s.code, k) for s in STRUCTURES for k in range(1, 10)}
    assert {k for _, k in tried(gmix.fit(x[:, :1], rng=0))} == set(range(1, 10))
    assert len(tried(gmix.fit(x[:, :1], rng=0))) == 2 * 9
    for n_columns, without in ((24, set()), (25, {"EEV", "VEV", "EVE", "VVE"})):
        wide = np.random.default_rng(0).normal(size=(30, n_columns))
        assert {s.code for s in STRUCTURES} - {code for code, _ in tried(gmix.fit(wide, 1, rng=0))} == without


def test_a_prior_supports_components_of_few_rows() -> None:
    x = np.vstack([clouds(0), [40.0, 40.0] + 0.1 * np.random.default_rng(0).normal(size=(3, 2))])
    settings = {"components": [2, 3, 4], "covariance": "VVV", "rng": 0}
    bare, with_prior = gmix.fit(x, **settings), gmix.fit(x, prior=gmix.NormalInverseWishart(), **settings)
    assert bare.search is not None
    assert with_prior.search is not None
    assert bare.search.set_aside
    assert with_prior.search.set_aside == ()


def test_an_unknown_criterion_names_the_nearest() -> None:
    with pytest.raises(gmix.ParameterError, match="did you mean 'bic'"):
        gmix.fit(clouds(0), 2, criterion="bci")


def test_cross_validation_scores_each_row_by_a_mixture_that_has_not_seen_it() -> None:
    rows = clouds(2)[::3]
    fit = gmix.fit(rows, 1, covariance="full")
    leave_one_out = -2.0 * sum(
        float(gmix.fit(np.delete(rows, i, 0), 1, covariance="full").mixture.log_density(rows[i : i + 1])[0])
        for i in range(len(rows))
    )
    assert gmix.cross_validate(fit, rows, folds=len(rows)) == pytest.approx(leave_one_out, rel=1e-9)
    twice = gmix.cross_validate(fit, rows, folds=5, rng=1)
    assert twice == gmix.cross_validate(fit, rows, folds=5, rng=1)
    assert twice > -2.0 * fit.log_likelihood
    for wrong in (1, len(rows) + 1, 2.5):
        with pytest.raises(gmix.ParameterError, match="folds"):
            gmix.cross_validate(fit, rows, folds=wrong)
    with pytest.raises(gmix.DataError):
        gmix.cross_validate(fit, rows[1:])


def test_rows_of_no_weight_are_in_no_fold() -> None:
    rows = clouds(2)[::3]
    mixed, weight = np.repeat(rows, 2, 0), np.tile([1.0, 0.0], len(rows))
    fit = gmix.fit(rows, 1, covariance="full")
    validated = gmix.cross_validate(fit, mixed, folds=7, sample_weight=weight, rng=3)
    assert validated == pytest.approx(gmix.cross_validate(fit, rows, folds=7, rng=3), rel=1e-12)
    with pytest.raises(gmix.ParameterError, match=f"to the rows of the table, {len(rows)}"):
        gmix.cross_validate(fit, mixed, folds=len(rows) + 1, sample_weight=weight)


@pytest.mark.parametrize("structure", STRUCTURES, ids=repr)
def test_a_component_is_split_where_it_is_longest_whatever_the_units(structure: Structure) -> None:
    points, labels = clouds(3), np.repeat([0, 1, 2], 40)
    # Only some structures hold whatever their columns are measured in.
    unit = np.array([1e-6, 1e6] if structure.form is DIAGONAL or structure in (EEE, VEE, VVV) else [1e6, 1e6])

    def halves(rows: Array) -> list[GaussianMixture]:
        statistics = SufficientStatistics.from_labels(structure.form, rows, labels, 3)
        return splits(GaussianMixture.from_statistics(statistics, structure), [0, 2])

    for here, there in zip(halves(points), halves(points * unit), strict=True):
        np.testing.assert_allclose(there.means, here.means * unit, rtol=1e-6)
        np.testing.assert_allclose(there.covariances, here.covariances * unit * unit[:, None], rtol=1e-6)


def test_the_two_halves_of_a_component_have_its_mean_and_covariance() -> None:
    long, other = np.diag([16.0, 1.0]), np.eye(2)
    mixture = GaussianMixture([0.6, 0.4], [[1.0, 2.0], [1.0, 2.0]], [long, other])
    [split] = splits(mixture, [0])  # along the first column, by half of its standard deviation, which is four
    np.testing.assert_allclose(split.weights, [0.3, 0.4, 0.3], rtol=1e-15)
    order = np.argsort(split.means[:, 0])
    np.testing.assert_allclose(split.means[order], [[-1.0, 2.0], [1.0, 2.0], [3.0, 2.0]], rtol=1e-14)
    np.testing.assert_allclose(split.covariances, [np.diag([12.0, 1.0]), other, np.diag([12.0, 1.0])], atol=1e-14)


@pytest.mark.parametrize("structure", [VII, VVI, VVV], ids=repr)
def test_splits_and_growth_leave_the_moments_of_the_whole(structure: Structure) -> None:
    statistics = SufficientStatistics.from_labels(structure.form, clouds(3), np.repeat([0, 1, 2], 40), 3)
    mixture = GaussianMixture.from_statistics(statistics, structure)
    every = [*splits(mixture, [0, 1, 2]), grow(mixture, 6)]
    for other in every:
        np.testing.assert_allclose(other.mean, mixture.mean, rtol=1e-12)
        size = float(np.trace(other.covariance - mixture.covariance))
        assert size == pytest.approx(0.0, abs=1e-12)
        if structure is VVV:
            np.testing.assert_allclose(other.covariance, mixture.covariance, rtol=1e-12, atol=1e-12)


def test_a_mixture_grows_by_its_heaviest_component() -> None:
    mixture = GaussianMixture([0.1, 0.9], [[0.0], [5.0]], [[[1.0]], [[4.0]]])
    grown = grow(mixture, 4)
    assert grown.weights.tolist() == [0.1, 0.225, 0.45, 0.225]
    assert grown.means.ravel().tolist() == [0.0, 5.0, 5.0, 5.0]
    x = np.linspace(-3.0, 9.0, 7)[:, None]
    np.testing.assert_allclose(grown.log_density(x), mixture.log_density(x), rtol=1e-14)


@pytest.mark.parametrize("structure", STRUCTURES, ids=repr)
def test_the_two_halves_of_a_component_are_alike(structure: Structure) -> None:
    statistics = SufficientStatistics.from_labels(structure.form, clouds(3), np.repeat([0, 1, 2], 40), 3)
    for piece, split in enumerate(splits(GaussianMixture.from_statistics(statistics, structure), [0, 1, 2])):
        np.testing.assert_allclose(split.covariances[piece], split.covariances[-1], rtol=1e-9, atol=1e-9)
        assert split.weights[piece] == split.weights[-1]
    equal = GaussianMixture.from_statistics(statistics, structure.with_equal_weights)
    assert splits(equal, [1])[0].weights.tolist() == [0.25] * 4
