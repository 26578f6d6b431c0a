"""Draws from the posterior of a mixture: what they hold, what follows from them, and what is refused."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from scipy.special import logsumexp

import gmix
from gmix import DataError, ParameterError, VariationalPrior
from gmix.gibbs.chain import Chain, Effort
from gmix.gibbs.conjugate import ConjugateComponents, Moments
from gmix.gibbs.moves import sub_clusters
from gmix.gibbs.partition_estimate import closest_partition, expected_information
from gmix.gibbs.partitions import DirichletProcess
from gmix.gibbs.relabeling import relabelings
from gmix.gibbs.state import State
from gmix.gibbs.warm_up import Search
from gmix.model.covariance import structure
from gmix.sources import MemorySource

TRUE = gmix.GaussianMixture([0.5, 0.3, 0.2], [[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]], [np.eye(2)] * 3)
X, CLASSES = TRUE.sample_labelled(90, rng=0)
QUICK: dict[str, Any] = {"draws": 24, "warmup": 10, "chains": 2, "rng": 0}


@pytest.fixture(scope="module")
def process() -> gmix.PosteriorDraws:
    return gmix.posterior(X, **QUICK)


@pytest.fixture(scope="module")
def finite() -> gmix.PosteriorDraws:
    return gmix.posterior(X, 4, covariance="diag", **QUICK)


def same_partition(one: Any, other: Any) -> bool:
    return bool(((one[:, None] == one) == (other[:, None] == other)).all())


def test_clear_clusters_are_found(process: gmix.PosteriorDraws, finite: gmix.PosteriorDraws) -> None:
    for draws in (process, finite):
        assert max(draws.cluster_probabilities, key=lambda k: draws.cluster_probabilities[k]) == 3
        assert same_partition(draws.point_estimate(), CLASSES)
        together = draws.co_clustering()
        np.testing.assert_allclose(together, CLASSES[:, None] == CLASSES, atol=0.25)
        np.testing.assert_array_equal(draws.co_clustering([3, 5]), together[np.ix_([3, 5], [3, 5])])
        assert sum(draws.cluster_probabilities.values()) == pytest.approx(1.0)
    assert process.n_components is None
    assert finite.n_components == 4


def test_draws_hold_what_they_say(process: gmix.PosteriorDraws) -> None:
    assert (process.n_chains, process.n_draws, process.n_kept, process.n_rows, process.every) == (2, 24, 24, 90, 1)
    assert process.log_joint.shape == process.n_clusters.shape == process.concentration.shape == (2, 24)
    for chain in range(2):
        for draw in range(24):
            labels, found = process.labels[chain][draw], process.parameters[chain][draw]
            assert len(np.unique(labels)) == process.n_clusters[chain, draw] == len(found.weights)
            assert found.weights.sum() + found.other_weight == pytest.approx(1.0)
    mixture = process.mixture(1, 3)
    assert mixture.n_components == process.n_clusters[1, 3]
    np.testing.assert_array_equal(mixture.means, process.parameters[1][3].means)
    recorded = process.log_densities[1, 3]
    found = process.parameters[1][3]
    probes = X[process.probes]
    densities = mixture.log_density(probes) + np.log(found.weights.sum())
    others = np.log(found.other_weight) + process.model.log_prior_density(probes)
    np.testing.assert_allclose(recorded, np.logaddexp(densities, others))


def test_the_predictive_density_is_the_average_over_draws(
    process: gmix.PosteriorDraws, finite: gmix.PosteriorDraws
) -> None:
    for draws in (process, finite):
        expected = logsumexp(draws.log_densities.reshape(-1, len(draws.probes)), axis=0) - np.log(48)
        np.testing.assert_allclose(draws.log_density(X[draws.probes]), expected)
        np.testing.assert_allclose(draws.density(X[draws.probes]), np.exp(expected))


def test_components_of_a_finite_mixture_are_aligned(finite: gmix.PosteriorDraws) -> None:
    aligned = finite.aligned
    assert aligned.covariances.shape == (2, 24, 4, 2, 2)
    np.testing.assert_allclose(aligned.weights.sum(-1), 1.0)
    frequent = aligned.labels.reshape(48, -1)
    for group in range(3):  # a class has one number in almost all draws
        own = frequent[:, group == CLASSES]
        assert (own == np.bincount(own.ravel()).argmax()).mean() > 0.9
    assert same_partition(aligned.labels[0, 5], finite.labels[0][5])
    k = int(aligned.labels[0, 5, 0])
    original = int(finite.labels[0][5][0])
    np.testing.assert_array_equal(aligned.means[0, 5, k], finite.parameters[0][5].means[original])
    np.testing.assert_allclose(aligned.covariances[0, 5, k], finite.mixture(0, 5).covariances[original])


def test_a_dirichlet_process_has_no_aligned_draws(process: gmix.PosteriorDraws) -> None:
    with pytest.raises(ParameterError, match="point_estimate"):
        _ = process.aligned


def test_switched_labels_are_switched_back() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(3, size=60)
    orders = np.array([rng.permutation(3) for _ in range(20)])
    noisy = [np.where(rng.random(60) < 0.1, rng.integers(3, size=60), truth) for _ in orders]
    switched = [np.argsort(order)[labels] for order, labels in zip(orders, noisy, strict=True)]
    found = relabelings(switched, 3, 0)
    back = [np.argsort(order)[labels] for order, labels in zip(found, switched, strict=True)]
    target = np.argsort(found[0])[np.argsort(orders[0])]  # the numbers that the first draw gives to the truth
    for labels, one in zip(noisy, back, strict=True):
        np.testing.assert_array_equal(one, target[labels])


def test_the_point_estimate_is_at_least_as_close_as_every_draw() -> None:
    rng = np.random.default_rng(1)
    truth = rng.integers(4, size=50)
    draws = [np.where(rng.random(50) < 0.3, rng.integers(4, size=50), truth).astype(np.uint8) for _ in range(40)]
    found = closest_partition(draws, np.random.default_rng(0))
    assert same_partition(found, truth)
    closest = min(expected_information(one.astype(np.intp), draws) for one in draws)
    assert expected_information(found, draws) <= closest
    assert expected_information(truth, [truth.astype(np.uint8)]) == pytest.approx(0.0, abs=1e-12)
    halves = np.arange(8) % 2
    assert expected_information(np.zeros(8, np.intp), [halves.astype(np.uint8)]) == pytest.approx(np.log(2.0))


def test_the_draws_have_the_same_bits_for_any_number_of_threads(process: gmix.PosteriorDraws) -> None:
    again = gmix.posterior(X, threads=1, **QUICK)
    np.testing.assert_array_equal(again.log_joint, process.log_joint)
    np.testing.assert_array_equal(again.parameters[1][-1].means, process.parameters[1][-1].means)


def test_rows_of_whole_weights_are_repeated_rows() -> None:
    weights = np.array([2.0, 1.0, 0.0] * 30)
    weighted = gmix.posterior(
        X, sample_weight=weights, prior=VariationalPrior(mean=[0.0, 0.0], scale=np.eye(2)), **QUICK
    )
    repeated = gmix.posterior(
        np.repeat(X, weights.astype(int), axis=0), prior=VariationalPrior(mean=[0.0, 0.0], scale=np.eye(2)), **QUICK
    )
    np.testing.assert_array_equal(weighted.log_joint, repeated.log_joint)
    assert weighted.n_rows == 90


def test_memory_limits_the_draws_that_are_kept() -> None:
    draws = gmix.posterior(X, memory=9000, **QUICK)
    assert 1 < draws.every <= 16
    assert draws.n_kept == draws.n_draws // draws.every
    assert all(len(chain) == draws.n_kept for chain in (*draws.labels, *draws.parameters))
    assert len(np.unique(draws.labels[0][0])) == draws.n_clusters[0, draws.every - 1]
    assert any(finding.name == "draws thinned" for finding in draws.findings)


def test_an_interrupted_sampler_returns_the_draws_so_far() -> None:
    def stop(progress: gmix.Progress) -> None:
        if progress.done == 34 + 10 + 5:
            raise KeyboardInterrupt

    draws = gmix.posterior(X, progress=stop, **QUICK)
    assert (draws.n_chains, draws.n_draws, draws.interrupted) == (1, 24, True)
    assert draws.findings[0].name == "interrupted"

    def stop_early(progress: gmix.Progress) -> None:
        if progress.done == 10 + 5:
            raise KeyboardInterrupt

    assert gmix.posterior(X, progress=stop_early, **QUICK).n_draws in (4, 5)


def test_summaries_say_whether_chains_agree(process: gmix.PosteriorDraws) -> None:
    text = process.summary()
    assert "2 chains of 24 draws" in text
    assert "log joint density" in text
    assert "few effective draws" in {finding.name for finding in process.findings}
    assert "Posterior draws" in process._repr_html_()
    assert repr(process).startswith("PosteriorDraws(2 chains, 24 draws")


def test_arviz_gets_the_draws(finite: gmix.PosteriorDraws) -> None:
    pytest.importorskip("arviz")
    found = finite.to_arviz()
    assert found["posterior"]["means"].shape == (2, 24, 4, 2)


def test_drawn_parameters_have_the_moments_of_their_distribution() -> None:
    rng = np.random.default_rng(3)
    for form in ("full", "diag", "spherical"):
        chosen = structure(form)
        prior = VariationalPrior(degrees_of_freedom=8.0, scale=[[2.0, 0.5], [0.5, 1.0]])
        model = ConjugateComponents(prior.parameters(chosen, 1, MemorySource(X).reference(chosen.form)))
        moments = Moments.of_labels(chosen.form, X[:12], np.zeros(12, np.intp), 1).take(np.zeros(6000, np.intp))
        found = model.drawn(moments, np.full(6000, 1.0), rng)
        whiteners = chosen.form.dense(found.whitener**2 if form != "full" else found.whitener, 6000, 2)
        precisions = whiteners.mT @ whiteners if form == "full" else whiteners
        expected = model.expected(moments.take(np.zeros(1, np.intp)), np.ones(1))
        [inverse] = chosen.form.dense(expected.whitener**2 if form != "full" else expected.whitener, 1, 2)
        inverse = inverse.T @ inverse if form == "full" else inverse
        np.testing.assert_allclose(precisions.mean(0), inverse, atol=0.03 * inverse.max())
        np.testing.assert_allclose(found.means.mean(0), expected.means[0], atol=0.05)
        product = found.factor @ found.whitener if form == "full" else found.factor * found.whitener
        np.testing.assert_allclose(
            product, np.broadcast_to(np.eye(2) if form == "full" else 1.0, product.shape), atol=1e-9
        )


def test_a_cluster_without_a_split_is_tried_three_times(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen, x = structure("full"), np.random.default_rng(0).standard_normal((60, 2))
    model = ConjugateComponents(VariationalPrior().parameters(chosen, 1, MemorySource(x).reference(chosen.form)))
    state = State(x, model, DirichletProcess(1.0, None), np.zeros(60, np.intp))
    tries = Counter[str]()

    def counted(*given: Any) -> Any:
        tries.update(["split"])
        return sub_clusters(*given)

    monkeypatch.setattr("gmix.gibbs.warm_up.sub_clusters", counted)
    search = Search(state, np.random.default_rng(0), 1)
    for _ in range(10):
        search.improve()
    assert state.n_clusters == 1
    assert tries["split"] == 3


def test_moments_stay_true_through_splits_and_merges() -> None:
    chosen = structure("full")
    model = ConjugateComponents(VariationalPrior().parameters(chosen, 1, MemorySource(X).reference(chosen.form)))
    state = State(X, model, DirichletProcess(2.0, (1.0, 1.0)), np.random.default_rng(0).integers(4, size=90))
    chain = Chain(state, np.random.default_rng(1), 1)
    for _ in range(10):
        chain.sweep(Effort(1, 2, 4))
        fresh = State(X, model, state.prior, state.labels.copy())
        assert state.log_joint == pytest.approx(fresh.log_joint, rel=1e-9)
        np.testing.assert_allclose(state.moments.scatter, fresh.moments.scatter, atol=1e-8)
        assert (state.counts > 0.0).all()
    assert chain.proposed > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"components": 0}, "components is 0"),
        ({"components": 2.5}, "components is 2.5"),
        ({"draws": 0}, "draws is 0"),
        ({"chains": None}, "chains is None"),
        ({"warmup": -1}, "warmup is -1"),
        ({"covariance": "tied"}, "there is no sampler"),
        ({"covariance": "VEV"}, "there is no sampler"),
        ({"covariance": ["full", "diag"]}, "give one structure"),
        ({"prior": gmix.Dirichlet(2.0)}, "give a gmix.VariationalPrior"),
        ({"components": 3, "prior": VariationalPrior(weights="dirichlet process")}, "leave out components"),
        ({"components": 2, "prior": VariationalPrior(concentration=[1.0, 2.0])}, "give one number"),
        ({"concentration_prior": (1.0,)}, "the shape and the rate"),
        ({"concentration_prior": (1.0, -1.0)}, "the shape and the rate"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        gmix.posterior(X, **{**QUICK, **arguments})


def test_rows_that_the_sampler_cannot_take_are_refused() -> None:
    missing = X.copy()
    missing[3, 1] = np.nan
    with pytest.raises(DataError, match="without missing cells"):
        gmix.posterior(missing, **QUICK)
    with pytest.raises(DataError, match="whole numbers"):
        gmix.posterior(X, sample_weight=np.full(90, 0.5), **QUICK)
    with pytest.raises(DataError, match="in memory"):
        gmix.posterior([X[:40], X[40:]], memory=10, **QUICK)


def test_one_row_and_constant_columns_have_a_posterior() -> None:
    assert gmix.posterior([[1.0, 2.0]], **QUICK).cluster_probabilities == {1: 1.0}
    constant = np.column_stack([X, np.full(90, 7.0)])
    assert gmix.posterior(constant, covariance="diag", **QUICK).n_rows == 90
    assert gmix.posterior(np.repeat(X[:1], 20, axis=0), 2, **QUICK).n_rows == 20
