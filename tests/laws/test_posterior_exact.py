"""Draws of partitions have the distribution that the enumeration of all partitions of six rows gives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from posterior_oracle import canonical, exact_posterior, log_marginal, log_prior, partitions

from gmix.gibbs.chain import Chain, Effort
from gmix.gibbs.conjugate import ConjugateComponents, Moments
from gmix.gibbs.moves import move
from gmix.gibbs.partitions import DirichletProcess, FiniteDirichlet, PartitionPrior
from gmix.gibbs.reassignment import reassign
from gmix.gibbs.state import State
from gmix.model.covariance import structure
from gmix.model.variational import VariationalPrior
from gmix.sources import MemorySource

X = np.array([[0.0, 0.0], [0.5, 0.3], [0.2, -0.4], [2.0, 1.0], [2.4, 1.5], [4.0, -1.0]])
PRIORS = [DirichletProcess(1.0, None), FiniteDirichlet(0.7, None, 3)]
FORMS = ("full", "diag", "spherical")


def model_of(form: str) -> ConjugateComponents:
    chosen = structure(form)
    prior = VariationalPrior(mean_strength=0.3, degrees_of_freedom=3.5)
    return ConjugateComponents(prior.parameters(chosen, 1, MemorySource(X).reference(chosen.form)))


@pytest.mark.parametrize("form", FORMS)
def test_marginal_densities_are_products_of_student_densities(form: str) -> None:
    model = model_of(form)
    moments = Moments.of_labels(model.form, X, np.array([0, 0, 0, 1, 1, 2]), 4)
    expected = [log_marginal(X[a:b], model) for a, b in ((0, 3), (3, 5), (5, 6), (6, 6))]
    np.testing.assert_allclose(model.log_marginals(moments), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("prior", PRIORS, ids=lambda prior: type(prior).__name__)
def test_probabilities_of_partitions_are_those_of_a_sequence_of_rows(prior: PartitionPrior) -> None:
    every = [np.bincount(labels) for labels in partitions(6)]
    possible = [counts for counts in every if prior.n_components is None or len(counts) <= prior.n_components]
    logs = np.array([prior.log_probability(counts.astype(float)) for counts in possible])
    np.testing.assert_allclose(logs, [log_prior(counts, prior) for counts in possible], rtol=1e-12)
    assert len(every) == 203
    assert np.exp(logs).sum() == pytest.approx(1.0)
    for n_clusters, ratio in ((1, [4.0, 2.0]), (2, [3.0, 1.0])):
        others = [] if n_clusters == 1 else [2.0]
        [found] = prior.split_ratios(n_clusters, np.array(ratio[:1]), np.array(ratio[1:]))
        apart, together = (prior.log_probability(np.array([*sizes, *others])) for sizes in (ratio, [sum(ratio)]))
        assert found == pytest.approx(apart - together)


def whole_sweep(chain: Chain) -> None:
    chain.sweep(Effort(1, 1, 2))


def labels_and_random_moves(chain: Chain) -> None:
    chain.draw_labels()
    for _ in range(4):
        move(chain.state, False, chain.rng, 1)
    chain.draw_parameters()


def informed_moves(chain: Chain) -> None:
    for _ in range(2):
        move(chain.state, True, chain.rng, 1)


def random_moves(chain: Chain) -> None:
    for _ in range(8):
        move(chain.state, False, chain.rng, 1)


def reassignments(chain: Chain) -> None:
    for row in chain.rng.integers(len(X), size=3).tolist():
        reassign(chain.state, row, chain.rng)


@pytest.mark.parametrize("step", [whole_sweep, labels_and_random_moves, informed_moves, random_moves, reassignments])
@pytest.mark.parametrize("prior", PRIORS, ids=lambda prior: type(prior).__name__)
def test_every_kind_of_step_leaves_the_exact_posterior_invariant(
    prior: PartitionPrior, step: Callable[[Chain], None]
) -> None:
    model = model_of("diag")
    exact = exact_posterior(X, model, prior)
    chain, drawn = (
        Chain(State(X, model, prior, np.zeros(6, np.intp)), np.random.default_rng(1), 1),
        list[tuple[int, ...]](),
    )
    for _ in range(900):
        step(chain)
        drawn.append(canonical(chain.state.labels))
    counts = Counter(drawn)
    assert set(counts) <= set(exact)
    statistics = {  # of partitions, whose expectations are compared in units of their standard errors
        "clusters": lambda labels: max(labels) + 1.0,
        "one": lambda labels: float(max(labels) == 0),
        "first and second": lambda labels: float(labels[0] == labels[1]),
        "first and last": lambda labels: float(labels[0] == labels[5]),
        "middle": lambda labels: float(labels[3] == labels[4]),
        "probability": lambda labels: float(np.log(exact[labels])),
    }
    for name, value in statistics.items():
        values = np.array([value(labels) for labels in drawn])
        expected = sum(share * value(labels) for labels, share in exact.items())
        batches = values.reshape(30, -1).mean(1)
        error = batches.std(ddof=1) / np.sqrt(len(batches))
        assert abs(values.mean() - expected) < 4.0 * max(error, 0.01), name
