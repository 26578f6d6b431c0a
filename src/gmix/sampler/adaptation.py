"""Warm-up: what a sampler learns about a density before its steps are fixed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from gmix.base.errors import GmixError
from gmix.fitting.fit import fit
from gmix.model.mixture import GaussianMixture
from gmix.sampler.steps import Density, MixtureSteps, RandomWalk, State, walk_scale, walked

__all__ = ["adapted_mixture", "adapted_walk"]

Array = NDArray[np.float64]
Advance = Callable[[int], None]
# The acceptance of the most efficient random walk on a normal density, by the number of coordinates: Gelman, Roberts &
# Gilks (1996), *Bayesian Statistics* 5:599.
_ACCEPTANCE = (0.44, 0.35, 0.32, 0.28, 0.28, 0.27, 0.26, 0.26, 0.26, 0.267)
_IN_MANY = 0.234
_GAIN = 3.0  # of the logarithm of a scale, after a step that was accepted against all expectation
_FIRST_WINDOW = 50  # steps
_PILOT, _ROUNDS = 0.4, 3  # the share of a warm-up that walks, and how often a mixture is fitted in the others
_COUNTS, _ROWS = (1, 2, 4, 8, 16, 32), 4000  # of components, and of points at most, in a fit of a proposal
_ROWS_PER_PARAMETER = 3
_WIDE, _WIDE_WEIGHT, _MARGIN = 9.0, 0.1, 1.05  # times the covariances, so that the proposals have wider tails
_GOOD, _FAIR = 0.3, 0.1  # acceptance of proposals from a mixture
_LOCAL = {_GOOD: 4, _FAIR: 16, 0.0: 48}  # local steps after each 16 proposals, by their acceptance


def best_acceptance(n_features: int) -> float:
    """The acceptance that a random walk in this number of coordinates aims at."""
    return _ACCEPTANCE[n_features - 1] if n_features <= len(_ACCEPTANCE) else _IN_MANY


def adapted_walk(
    target: Density, state: State, factor: Array, steps: int, generator: np.random.Generator, advance: Advance
) -> tuple[RandomWalk, State]:
    """A random walk whose covariance is that of the draws of all chains, with the best acceptance.

    The covariance is estimated at the ends of windows of 50, 100, 200 and so on steps, from the second half of the
    steps so far, and the scale is adapted after every step (Andrieu & Thoms 2008, *Statistics and Computing* 18:343).
    """
    n_features, history, done, window = state.points.shape[1], list[Array](), 0, _FIRST_WINDOW
    while done < steps:
        log_scale = np.zeros(1)
        for after in _walk(target, state, factor, log_scale, min(window, steps - done), generator):
            state = after
            history.append(state.points)
            done += 1
            advance(done)
        factor = np.asarray(factor * float(np.exp(log_scale[0])))
        window *= 2
        if done < steps:
            recent = np.vstack(history[len(history) // 2 :])
            covariance = np.cov(recent.T).reshape(n_features, n_features)
            try:
                factor = np.asarray(np.linalg.cholesky(covariance) * walk_scale(n_features))
            except np.linalg.LinAlgError:  # too few moves so far
                continue
    return RandomWalk(factor), state


def adapted_mixture(
    target: Density, state: State, factor: Array, steps: int, generator: np.random.Generator, advance: Advance
) -> tuple[MixtureSteps, State]:
    """Proposals from a mixture that is fitted to the density.

    Every chain first walks with a scale of its own. A mixture is fitted to these draws. Points are drawn from it,
    weighted by the density over that of all mixtures so far, and fitted again (adaptive multiple importance sampling:
    Cornuet, Marin, Mira & Robert 2012, *Scandinavian Journal of Statistics* 39:798). The chains take these points as
    proposals.
    """
    n_chains = len(state.points)
    pilot = max(int(_PILOT * steps), 1)
    log_scales, history = np.zeros(n_chains), list[Array]()
    for done, after in enumerate(_walk(target, state, factor, log_scales, pilot, generator), 1):
        state = after
        history.append(state.points)
        advance(done)
    found = _fitted(np.vstack(history[pilot // 2 :]), None, generator) or _of_covariance(np.vstack(history))
    drawn, done = _Drawn(), pilot
    moved = np.zeros(1)
    for each in range(_ROUNDS):
        proposal = _with_wide_tails(found)
        last = pilot + (steps - pilot) * (each + 1) // _ROUNDS
        seen = _Watched(target)
        moved = np.zeros(last - done)
        states = MixtureSteps(proposal, found, _LOCAL[_GOOD]).states(seen, state, generator)
        for i, after in enumerate(islice(states, last - done)):
            state = after
            moved[i] = state.moved.mean()
            done += 1
            advance(done)
        drawn.add(seen.proposals(n_chains), proposal)
        found = drawn.fitted(generator) or found
    share = float(moved.mean()) if len(moved) else 0.0
    n_local = next(count for least, count in _LOCAL.items() if share >= least)
    return MixtureSteps(_with_wide_tails(found), found, n_local), state


def _walk(
    target: Density, state: State, factor: Array, log_scale: Array, steps: int, generator: np.random.Generator
) -> Iterator[State]:
    """Steps of a random walk, whose scales, one for each chain or one for all, are adapted in place."""
    aim = best_acceptance(state.points.shape[1])
    for step in range(1, steps + 1):
        moves = np.exp(log_scale)[:, None] * (generator.standard_normal(state.points.shape) @ factor.T)
        state = walked(target, state, moves, -generator.standard_exponential(len(moves)), step)
        surprise = state.moved - aim
        log_scale += _GAIN / np.sqrt(step) * (surprise if len(log_scale) > 1 else surprise.mean())
        yield state


class _Watched:
    """A density that keeps the points of its calls."""

    def __init__(self, target: Density) -> None:
        self.target, self.calls = target, list[tuple[Array, Array]]()

    def __call__(self, points: Array, step: int) -> Array:
        values = self.target(points, step)
        self.calls.append((points, values))
        return values

    def proposals(self, n_chains: int) -> tuple[Array, Array]:
        """The proposals ``(M, D)`` from a mixture, which are evaluated together, and their log densities ``(M,)``."""
        points, values = zip(*(call for call in self.calls if len(call[0]) > n_chains), strict=True)
        return np.vstack(points), np.concatenate(values)


class _Drawn:
    """Points that were drawn from several mixtures, with their log densities."""

    def __init__(self) -> None:
        self.points, self.log_density = list[Array](), list[Array]()
        self.mixtures, self.counts = list[GaussianMixture](), list[int]()

    def add(self, proposals: tuple[Array, Array], mixture: GaussianMixture) -> None:
        points, log_density = proposals
        self.points.append(points)
        self.log_density.append(log_density)
        self.mixtures.append(mixture)
        self.counts.append(len(points))

    def fitted(self, generator: np.random.Generator) -> GaussianMixture | None:
        """A mixture fitted to the points with importance weights, the largest of which are truncated.

        Ionides (2008), *Journal of Computational and Graphical Statistics* 17:295.
        """
        points, counts = np.vstack(self.points), np.array(self.counts)
        proposals = np.stack([mixture.log_density(points) for mixture in self.mixtures])
        log_weight = np.concatenate(self.log_density) - logsumexp(proposals, axis=0, b=(counts / counts.sum())[:, None])
        if not np.isfinite(log_weight).any():
            return None
        weight = np.exp(log_weight - logsumexp(log_weight)) * len(points)
        weight = np.minimum(weight, np.sqrt(len(points)))
        return _fitted(points, weight, generator)


def _fitted(points: Array, weight: Array | None, generator: np.random.Generator) -> GaussianMixture | None:
    """The mixture that describes points best by AIC; None if there are too few."""
    if weight is not None:
        counting = weight > 1e-6 * weight.max()
        points, weight = points[counting], weight[counting]
    if len(points) > _ROWS:
        chosen = generator.choice(len(points), _ROWS, replace=False)
        points, weight = points[chosen], None if weight is None else weight[chosen]
    n_features = points.shape[1]
    size = (n_features + 1) * (n_features + 2) // 2
    mass = float(len(points)) if weight is None else float(weight.sum() ** 2 / (weight**2).sum())
    counts = [count for count in _COUNTS if count * size * _ROWS_PER_PARAMETER <= mass]
    try:
        weights = None if weight is None else weight * (mass / weight.sum())
        found = fit(
            points, counts or [1], covariance="full", criterion="aic", sample_weight=weights, effort=0.0, rng=generator
        )
    except GmixError:
        return None
    mixture = found.gaussian("the sampler")
    return mixture if mixture.dependence is None else None


def _of_covariance(points: Array) -> GaussianMixture:
    """One component with the mean and the covariance of points."""
    n_features = points.shape[1]
    covariance = np.cov(points.T).reshape(n_features, n_features)
    covariance += np.diag(np.maximum(np.diag(covariance), np.finfo(np.float64).tiny)) * 1e-6
    return GaussianMixture([1.0], [points.mean(0)], [covariance])


def _with_wide_tails(mixture: GaussianMixture) -> GaussianMixture:
    """The mixture with slightly larger covariances, and again with much larger ones and little weight."""
    weights = np.concatenate([(1.0 - _WIDE_WEIGHT) * mixture.weights, _WIDE_WEIGHT * mixture.weights])
    covariances = np.concatenate([_MARGIN * mixture.covariances, _WIDE * mixture.covariances])
    return GaussianMixture(weights, np.vstack([mixture.means, mixture.means]), covariances)
