"""Steps that leave a density invariant: random walks, and proposals from a mixture."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmix.model.mixture import GaussianMixture

__all__ = ["Density", "MixtureSteps", "RandomWalk", "State", "Steps", "walk_scale", "walked"]

Array = NDArray[np.float64]
Density = Callable[[Array, int], Array]  # the log densities of points, and the number of the step for messages
_BLOCK = 1 << 15  # random numbers drawn together, so that a step costs little more than a call of log_density
_TOGETHER = 16  # proposals from a mixture for each chain that are evaluated together


class State(NamedTuple):
    """Where the chains are: points ``(chains, D)`` and their log densities, and whether the last step moved them."""

    points: Array
    log_density: Array
    moved: NDArray[np.bool_]


class Steps(ABC):
    """Steps of all chains together."""

    @abstractmethod
    def states(self, target: Density, state: State, generator: np.random.Generator) -> Iterator[State]:
        """The states after one step, two steps and so on, without an end."""


@dataclass(frozen=True, eq=False)
class RandomWalk(Steps):
    """Symmetric normal steps, which are `factor` ``(D, D)`` times standard normal numbers."""

    factor: Array

    def states(self, target: Density, state: State, generator: np.random.Generator) -> Iterator[State]:
        shape = state.points.shape
        # Independent of the number of draws, so that a longer run begins with a shorter one.
        steps = max(1, _BLOCK // state.points.size)
        step = 0
        while True:
            moves = generator.standard_normal((steps, *shape)) @ self.factor.T
            log_uniform = -generator.standard_exponential((steps, shape[0]))
            for move, limit in zip(moves, log_uniform, strict=True):
                step += 1
                state = walked(target, state, move, limit, step)
                yield state


@dataclass(frozen=True, eq=False)
class MixtureSteps(Steps):
    """Proposals from a mixture, independent of where the chain is, and after some of them local steps.

    A proposal x' is accepted with probability ``min(1, p(x') q(x) / (p(x) q(x')))`` (Tierney 1994, *Annals of
    Statistics* 22:1701). A local step is a symmetric normal one with the covariance of a component that is drawn by its
    weight.

    Attributes
    ----------
    mixture : the proposals.
    local : the mixture whose covariances local steps have.
    n_local : the number of local steps after each 16 proposals.
    """

    mixture: GaussianMixture
    local: GaussianMixture
    n_local: int

    def states(self, target: Density, state: State, generator: np.random.Generator) -> Iterator[State]:
        factors = np.linalg.cholesky(self.local.covariances) * walk_scale(self.local.n_features)
        step = 0
        while True:
            for after in self._proposals(target, state, generator, step):
                state = after
                step += 1
                yield state
            chosen = generator.choice(len(factors), (self.n_local, len(state.points)), p=self.local.weights)
            for own in chosen:
                step += 1
                moves = np.einsum("cij,cj->ci", factors[own], generator.standard_normal(state.points.shape))
                state = walked(target, state, moves, -generator.standard_exponential(len(moves)), step)
                yield state

    def _proposals(self, target: Density, state: State, generator: np.random.Generator, step: int) -> Iterator[State]:
        shape = _TOGETHER, *state.points.shape
        proposals = self.mixture.sample(shape[0] * shape[1], rng=generator)
        proposed = target(proposals, step + 1).reshape(shape[:2])
        proposable = self.mixture.log_density(proposals).reshape(shape[:2])
        log_uniform = -generator.standard_exponential(shape[:2])
        ratio = state.log_density - self.mixture.log_density(state.points)
        for points, log_density, log_proposal, limit in zip(
            proposals.reshape(shape), proposed, proposable, log_uniform, strict=True
        ):
            own = log_density - log_proposal
            accept = limit < own - ratio
            ratio = np.where(accept, own, ratio)
            state = _moved(state, points, log_density, accept)
            yield state


def walked(target: Density, state: State, moves: Array, log_uniform: Array, step: int) -> State:
    """The state after symmetric moves ``(chains, D)``, those that `log_uniform` ``(chains,)`` accepts."""
    proposal = state.points + moves
    proposed = target(proposal, step)
    return _moved(state, proposal, proposed, log_uniform < proposed - state.log_density)


def walk_scale(n_features: int) -> float:
    """The best scale of the steps of a random walk, in standard deviations of a normal density.

    Roberts, Gelman & Gilks (1997), *Annals of Applied Probability* 7:110.
    """
    return float(2.38 / np.sqrt(n_features))


def _moved(state: State, points: Array, log_density: Array, accept: NDArray[np.bool_]) -> State:
    return State(
        np.where(accept[:, None], points, state.points), np.where(accept, log_density, state.log_density), accept
    )
