"""One Markov chain: its start, its warm-up and its sweeps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmix.gibbs.label_draws import drawn_labels, drawn_labels_of_clusters
from gmix.gibbs.moves import move
from gmix.gibbs.state import State
from gmix.model.components import Components

__all__ = ["Chain"]

Array = NDArray[np.float64]


@dataclass
class Chain:
    """A chain whose sweeps leave the posterior invariant.

    A sweep draws the labels of all rows given the parameters, proposes splits and merges, draws the concentration, and
    draws the parameters given the labels.

    Attributes
    ----------
    state : the partition.
    rng : the random numbers of this chain.
    threads : the most threads to use.
    components : the parameters that were drawn last.
    weight_of_others : the weight of the components of a Dirichlet process that have no rows.
    proposed, accepted : the numbers of splits and merges.
    """

    state: State
    rng: np.random.Generator
    threads: int | None = None
    proposed: int = 0
    accepted: int = 0

    def __post_init__(self) -> None:
        self.draw_parameters()

    def sweep(self, moves: int) -> None:
        """Take one sweep with this number of splits and merges of each kind."""
        self.draw_labels()
        for number in range(2 * moves):
            found = move(self.state, number % 2 == 0, self.rng, self.threads)
            self.proposed += found is not None
            self.accepted += found is True
        self.draw_concentration()
        self.draw_parameters()

    def draw_labels(self) -> None:
        """Draw the labels given the parameters."""
        state, rng = self.state, self.rng
        if state.prior.n_components is None:
            state.relabel(drawn_labels_of_clusters(state, self.components, rng, self.threads))
        else:
            state.relabel(drawn_labels(state.rows, self.components, rng, self.threads))

    def draw_concentration(self) -> None:
        """Draw the concentration given the partition, if it has a prior."""
        state = self.state
        state.prior = state.prior.updated(state.counts[state.occupied], self.rng)

    def draw_parameters(self) -> None:
        """Draw weights, means and covariances given the labels."""
        state = self.state
        self.weights, self.weight_of_others = state.prior.drawn_weights(state.counts, self.rng)
        self.components: Components = state.model.drawn(state.moments, self.weights, self.rng)
