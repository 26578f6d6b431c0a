"""Runs of several chains, and what is kept of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmix.base.rows import Rows
from gmix.gibbs.chain import Chain
from gmix.gibbs.conjugate import ConjugateComponents
from gmix.gibbs.partitions import PartitionPrior
from gmix.gibbs.state import State
from gmix.gibbs.warm_up import Search, starting_labels
from gmix.model.kernel import kernel

__all__ = ["ChainDraws", "ParameterDraw", "Plan", "run_chain"]

Array = NDArray[np.float64]
_STARTS = (8, 1, 30, 3)  # clusters in the starts of the chains of a Dirichlet process, one after another
_ROWS_PER_CLUSTER = 5  # at least, in a start
_GREEDY = 0.5  # the share of the warm-up that only looks for partitions of a high density


class ParameterDraw(NamedTuple):
    """One draw of the parameters.

    `weights` ``(K,)``, `means` ``(K, D)`` and compact Cholesky factors of the covariances are those of the components
    that have rows, or of all components of a finite mixture; `other_weight` is that of all other components.
    """

    weights: Array
    means: Array
    factor: Array
    other_weight: float


@dataclass(frozen=True, eq=False)
class Plan:
    """What a run of a chain shall do.

    Attributes
    ----------
    rows : ``(N, D)``.
    model, prior : of the components, and of the partition.
    draws, warmup : numbers of sweeps.
    memory : for the labels and parameters of each chain, in bytes.
    probes : positions of rows whose density is recorded.
    threads : the most threads to use.
    """

    rows: Array
    model: ConjugateComponents
    prior: PartitionPrior
    draws: int
    warmup: int
    memory: float
    probes: NDArray[np.intp]
    threads: int | None

    @cached_property
    def prior_density(self) -> Array:
        """The log density ``(probes,)`` of the probes, averaged over the prior of the parameters."""
        return self.model.log_prior_density(self.rows[self.probes])


@dataclass(frozen=True, eq=False)
class ChainDraws:
    """The draws of one chain.

    Attributes
    ----------
    log_joint, n_clusters, concentration : ``(draws,)``.
    log_density : ``(draws, probes)`` the log density of some rows under the parameters.
    labels : of each draw that is kept, ``(N,)`` small integers.
    parameters : of each draw that is kept.
    every : one draw in this number is kept.
    acceptance : the share of splits and merges that were accepted.
    """

    log_joint: Array
    n_clusters: NDArray[np.intp]
    concentration: Array
    log_density: Array
    labels: list[NDArray[np.unsignedinteger]]
    parameters: list[ParameterDraw]
    every: int
    acceptance: float


def run_chain(plan: Plan, number: int, rng: np.random.Generator, advance: Callable[[int], None]) -> ChainDraws:
    """Run one chain, of which the `number` chooses the start. After Ctrl-C, return the draws so far."""
    size = plan.prior.n_components
    most = max(len(plan.rows) // _ROWS_PER_CLUSTER, 1)
    wanted = (size, 1)[number % 2] if size is not None else _STARTS[number % len(_STARTS)]
    labels = starting_labels(plan.rows, min(wanted, most), rng)
    chain = Chain(State(plan.rows, plan.model, plan.prior, labels), rng, plan.threads)
    greedy, search = int(np.ceil(_GREEDY * plan.warmup)), Search(chain.state, rng, plan.threads)
    for sweep in range(plan.warmup):
        if sweep < greedy:
            search.improve()
            chain.draw_concentration()
            chain.draw_parameters()
            chain.draw_labels()
            chain.draw_parameters()
        else:
            chain.sweep(chain.effort)
        advance(sweep + 1)
    return _recorded(plan, chain, advance)


def _recorded(plan: Plan, chain: Chain, advance: Callable[[int], None]) -> ChainDraws:
    effort = (
        chain.effort
    )  # fixed from here on: one that depends on the state would change the distribution of the draws
    chain.proposed = chain.accepted = 0
    every = _every(plan, chain.state)
    log_joint, n_clusters, concentration = np.empty(plan.draws), np.empty(plan.draws, np.intp), np.empty(plan.draws)
    log_density = np.empty((plan.draws, len(plan.probes)))
    labels, parameters, done = list[NDArray[np.unsignedinteger]](), list[ParameterDraw](), 0
    try:
        for draw in range(plan.draws):
            chain.sweep(effort)
            state = chain.state
            log_joint[draw], n_clusters[draw] = state.log_joint, state.n_clusters
            concentration[draw] = state.prior.concentration
            log_density[draw] = _log_density(plan, chain)
            if (draw + 1) % every == 0:
                labels.append(state.labels.astype(np.min_scalar_type(len(state.counts) - 1)))
                found = chain.components
                parameters.append(ParameterDraw(chain.weights, found.means, found.factor, chain.weight_of_others))
            done = draw + 1
            advance(plan.warmup + done)
    except KeyboardInterrupt:
        if not parameters:
            raise
    acceptance = chain.accepted / max(chain.proposed, 1)
    kept = (log_joint[:done], n_clusters[:done], concentration[:done], log_density[:done])
    return ChainDraws(*kept, labels, parameters, every, acceptance)


def _every(plan: Plan, state: State) -> int:
    """Of how many draws one is kept, a power of two, so that labels and parameters stay within the memory."""
    of_labels = np.min_scalar_type(len(state.counts) - 1).itemsize * len(plan.rows)
    moments = state.moments
    of_parameters = moments.count.nbytes + moments.mean.nbytes + moments.scatter.nbytes
    too_much = plan.draws * (of_labels + of_parameters) / plan.memory
    most = 1 << plan.draws.bit_length() - 1  # at least one draw is kept
    return min(1 << max(int(np.ceil(np.log2(too_much))), 0), most)


def _log_density(plan: Plan, chain: Chain) -> Array:
    """The log density of the probes under the parameters, averaged over those of components without rows."""
    found, _ = kernel.posterior(Rows(plan.rows[plan.probes]), chain.components, False, 1)
    if chain.weight_of_others > 0.0:
        found = np.logaddexp(found, np.log(chain.weight_of_others) + plan.prior_density)
    return found
