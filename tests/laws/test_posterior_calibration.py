"""Simulation-based calibration: the truth has a uniform rank among draws from the posterior (Talts et al. 2018).

The parameters are drawn from the prior and the rows given these. The chain starts from the true partition, which is
itself a draw from the posterior, so it needs no warm-up.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chisquare

from gmix.base.rows import Rows
from gmix.gibbs.chain import Chain, Effort
from gmix.gibbs.conjugate import ConjugateComponents
from gmix.gibbs.partitions import DirichletProcess, FiniteDirichlet, PartitionPrior
from gmix.gibbs.state import State
from gmix.model.covariance import FULL, structure
from gmix.model.kernel import kernel
from gmix.model.reference import Reference
from gmix.model.variational import VariationalPrior

N_ROWS, N_TABLES, N_DRAWS, THIN, BINS = 8, 40, 9, 3, 5
PROBE = np.array([[0.5, -0.5]])


def model() -> ConjugateComponents:
    unit = Reference(FULL, np.full(2, 8.0), np.zeros(2), 8.0 * np.eye(2)[None])
    prior = VariationalPrior(mean=[0.0, 0.0], mean_strength=0.2, degrees_of_freedom=5.0, scale=np.eye(2))
    return ConjugateComponents(prior.parameters(structure("full"), 1, unit))


def drawn_partition(prior: PartitionPrior, rng: np.random.Generator) -> np.ndarray:
    """Labels of rows, drawn one after another."""
    labels = np.zeros(N_ROWS, np.intp)
    for row in range(1, N_ROWS):
        counts = np.bincount(labels[:row]).astype(float)
        logs = prior.log_of_counts(counts + 1.0) - prior.log_of_counts(counts)
        new = prior.log_of_one_more(len(counts)) + prior.log_of_counts(np.ones(1))[0]
        shares = np.exp(np.append(logs, new))
        labels[row] = rng.choice(len(shares), p=shares / shares.sum())
    return labels


def quantities(chain: Chain) -> np.ndarray:
    state = chain.state
    log_density, _ = kernel.posterior(Rows(PROBE), chain.components, False, 1)
    density = np.exp(log_density[0])
    if chain.weight_of_others > 0.0:
        density += chain.weight_of_others * np.exp(state.model.log_prior_density(PROBE)[0])
    first = np.count_nonzero(state.labels == state.labels[0])
    return np.array([density, state.log_joint, state.prior.concentration, state.n_clusters, chain.weights.max(), first])


@pytest.mark.parametrize("size", [None, 3])
def test_the_truth_has_uniform_ranks_among_the_draws(size: int | None) -> None:
    conjugate, rng, ranks = model(), np.random.default_rng(5), []
    for _ in range(N_TABLES):
        concentration = rng.gamma(2.0, 0.5)
        prior: PartitionPrior = (
            DirichletProcess(concentration, (2.0, 2.0))
            if size is None
            else FiniteDirichlet(concentration, (2.0, 2.0), size)
        )
        truth = drawn_partition(prior, rng)
        components = conjugate.drawn(conjugate.no_rows(N_ROWS), np.full(N_ROWS, 1.0 / N_ROWS), rng)
        noise = conjugate.form.apply(components.factor[truth], rng.standard_normal((N_ROWS, 2)))
        rows = components.means[truth] + noise
        chain = Chain(State(rows, conjugate, prior, truth), rng, 1)
        # The parameters that made the rows are one draw given rows and partition, as those of the chain are.
        true, drawn = quantities(chain), []
        for _ in range(N_DRAWS):
            for _ in range(THIN):
                chain.sweep(Effort(2, 1, 1))
            drawn.append(quantities(chain))
        below, ties = (np.array(drawn) < true).sum(0), (np.array(drawn) == true).sum(0)
        ranks.append(below + rng.integers(ties + 1))
    for quantity, found in enumerate(np.array(ranks).T):
        observed = np.bincount(found * BINS // (N_DRAWS + 1), minlength=BINS)
        assert chisquare(observed).pvalue > 1e-3, (quantity, observed)
