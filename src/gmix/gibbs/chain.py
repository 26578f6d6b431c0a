"""One Markov chain: its start, its warm-up and its sweeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmix.gibbs.label_draws import drawn_labels, drawn_labels_of_clusters
from gmix.gibbs.moves import move
from gmix.gibbs.reassignment import reassign
from gmix.gibbs.state import State
from gmix.model.components import Components

__all__ = ["Chain", "Effort"]

Array = NDArray[np.float64]
_FEWEST_MOVES, _MOST_MOVES, _CLUSTERS_PER_MOVE = 1, 10, 4
_RANDOM_PER_INFORMED = 6  # moves with random labels, which cost less, for each with labels from sub-clusters
_MOST_ROWS, _WORK_OF_ROWS = 6, 1e8  # that are reassigned, and multiplications for them
_MOST_PASSES, _WORK_OF_PASSES = 8, 2e5


class Effort(NamedTuple):
    """The numbers of steps in a sweep.

    `passes` are draws of all labels given the parameters, `moves` are splits and merges by sub-clusters, and `rows` are
    reassigned one at a time.
    """

    passes: int
    moves: int
    rows: int


@dataclass
class Chain:
    """A chain whose sweeps leave the posterior invariant.

    A sweep draws the labels of all rows given the parameters, in small tables several times with new parameters. It
    then proposes splits and merges, reassigns some single rows, draws the concentration, and draws the parameters.

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

    @property
    def effort(self) -> Effort:
        """The numbers of steps that suit the present clusters."""
        state, d = self.state, self.state.model.n_features
        moves = int(np.clip(state.n_clusters // _CLUSTERS_PER_MOVE, _FEWEST_MOVES, _MOST_MOVES))
        rows = int(np.clip(_WORK_OF_ROWS / (state.n_clusters * d**3), 1, _MOST_ROWS))
        passes = int(np.clip(_WORK_OF_PASSES / (len(state.rows) * state.n_clusters * d), 1, _MOST_PASSES))
        return Effort(passes, moves, min(rows, len(state.rows)))

    def sweep(self, effort: Effort) -> None:
        """Take one sweep with this effort."""
        for number in range(effort.passes):
            if number:
                self.draw_parameters()
            self.draw_labels()
        moves = effort.moves
        for number in range((1 + _RANDOM_PER_INFORMED) * moves):
            found = move(self.state, number < moves, self.rng, self.threads)
            self.proposed += found is not None
            self.accepted += found is True
        for row in self.rng.choice(len(self.state.rows), effort.rows, replace=False).tolist():
            reassign(self.state, row, self.rng)
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
