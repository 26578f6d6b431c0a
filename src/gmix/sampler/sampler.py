"""`metropolis`: draws from an unnormalized density."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.arguments import Rng, as_generator, as_numbers, is_count
from gmix.base.errors import ParameterError, one_of
from gmix.base.other_names import other_words
from gmix.base.progress import Reporting, counting
from gmix.base.wording import count
from gmix.sampler.adaptation import adapted_mixture, adapted_walk
from gmix.sampler.chains import Chains
from gmix.sampler.steps import RandomWalk, State, Steps
from gmix.sampler.target import Bounds, Target, as_bounds

__all__ = ["metropolis"]

Array = NDArray[np.float64]
WALK, MIXTURE, ADAPTED = "random walk", "mixture", "adapted"
_CHAINS = 16  # of a sampler that adapts, from one start
_LEAST_WARMUP = 4000  # evaluations, of all chains together
_SHARE_OF_BOUNDS = 0.1  # the scale of the first steps


@other_words()
def metropolis(
    log_density: Callable[[Array], ArrayLike],
    start: ArrayLike | Chains | None = None,
    draws: int = 1000,
    *,
    proposal: str = WALK,
    scale: ArrayLike | str | None = None,
    bounds: Any = None,
    thin: int = 1,
    warmup: int | None = None,
    chains: int | None = None,
    vectorized: bool = True,
    rng: Rng = None,
    progress: Reporting = None,
) -> Chains:
    r"""Draw from any density that can be evaluated up to a constant.

    A step from ``x`` proposes ``x'`` and accepts it with probability

    .. math:: \min\Big\{1, \; \frac{p(x') \, q(x \mid x')}{p(x) \, q(x' \mid x)}\Big\}

    (Metropolis, Rosenbluth, Rosenbluth, Teller & Teller 1953, *Journal of Chemical Physics* 21:1087; Hastings 1970,
    *Biometrika* 57:97). All chains step together, so that `log_density` is called once per step.

    * ``proposal="random walk"`` proposes ``x' = x + e`` with normal ``e``. A given `scale` stays the same in all steps.
      With ``scale="adapted"`` the covariance of ``e`` is estimated during the warm-up and then fixed.
    * ``proposal="mixture"`` fits a Gaussian mixture to the density during the warm-up: first to draws of random walks,
      then to points that are drawn from the mixture, weighted by their densities. After the warm-up it proposes points
      from the fixed mixture, with wider tails, in turn with steps of a random walk. The chains then move between modes
      that are far apart, as long as a start is near each of them or the bounds contain them.

    Parameters
    ----------
    log_density : takes points ``(M, D)`` and returns ``(M,)``, in nats, up to one constant; ``-inf`` where the density
        is zero. `GaussianMixture.log_density` is such a function. It must not write into the points.
    start : one point ``(D,)`` for all chains, or one for each, ``(chains, D)``. The density there must not be zero.
        None draws the starts within `bounds`. `Chains` of an earlier call are continued: the result has their draws and
        the new ones.
    draws : the number of draws to keep of each chain.
    proposal : ``"random walk"`` or ``"mixture"``.
    scale : of the steps of a random walk: one standard deviation, one for each coordinate ``(D,)``, a covariance
        ``(D, D)``, or ``"adapted"``. With ``proposal="mixture"``, of its first steps. None is 1, or, where steps adapt,
        a tenth of the width of finite bounds.
    bounds : a pair of lower and upper limits, each one number or ``(D,)``; the density is zero outside, and
        `log_density` is not called there. Limits may be infinite. Without `start` they are finite and ``(D,)``.
    thin : keep the last of every `thin` steps.
    warmup : the number of steps that are discarded at the beginning. None is 0; where steps adapt, it is a quarter of
        the other steps, and at least 4,000 evaluations of all chains together.
    chains : the number of chains; None for as many as `start` has points, or 16 where steps adapt from one start.
    vectorized : False if `log_density` takes one point ``(D,)`` and returns one number.
    rng : a seed or a `numpy.random.Generator`.
    progress : shows the steps that are done and the estimated time left, as in `gmix.fit`; a function is called every
        hundredth of the steps.

    Returns
    -------
    A `Chains` with the draws and what is known about their quality. After Ctrl-C it has the draws so far.

    Raises
    ------
    ParameterError
        if a shape does not fit, the density is zero at the start, or it is NaN or infinite somewhere; the message
        says where. Exceptions of `log_density` are passed on.

    >>> import gmix
    >>> chains = gmix.metropolis(lambda x: -0.5 * (x**2).sum(axis=1), start=[0.0, 0.0], draws=1000, thin=10, rng=7)
    >>> chains
    Chains(1 chain, 1,000 draws, 2 coordinates, acceptance 0.549)
    >>> chains.points.std(axis=0).round(1)
    array([1., 1.])

    Two modes that are far apart, from one start near each:

    >>> mixture = gmix.GaussianMixture([0.3, 0.7], [[0.0], [20.0]], [[[1.0]], [[1.0]]])
    >>> chains = gmix.metropolis(mixture.log_density, [[0.0], [20.0]] * 8, 500, proposal="mixture", rng=0)
    >>> float((chains.points > 10.0).mean().round(1))
    0.7
    """
    if not callable(log_density):
        raise ParameterError(f"log_density is {log_density!r}; give a function, such as mixture.log_density")
    _check_whole("draws", draws, 1)
    _check_whole("thin", thin, 1)
    target, generator = Target(log_density, as_bounds(bounds), bool(vectorized)), as_generator(rng)
    if isinstance(start, Chains):
        settings = {"proposal": proposal != WALK, "scale": scale is not None, "warmup": warmup, "chains": chains}
        return _continued(
            start, target, draws, thin, generator, progress, [name for name in settings if settings[name]]
        )
    adapt = _adaptation(proposal, scale)
    points = _starts(start, chains, target, generator, adapt is not None)
    factor = _factor(_scale(scale, target.bounds, adapt is not None), points.shape[1])
    steps = warmup
    if steps is None:
        steps = 0 if adapt is None else max(draws * thin // 4, -(-_LEAST_WARMUP // len(points)))
    _check_whole("warmup", steps, 0)
    state = State(points, _at_start(target, points), np.zeros(len(points), bool))
    with counting(progress, steps + draws * thin, "step") as advance:
        if adapt is None:
            return _run(RandomWalk(factor), target, state, draws, thin, generator, advance, skip=steps)
        found, state = adapt(target, state, factor, steps, generator, advance)
        return _run(found, target, state, draws, thin, generator, lambda step: advance(steps + step))


def _run(
    steps: Steps,
    target: Target,
    state: State,
    draws: int,
    thin: int,
    generator: np.random.Generator,
    advance: Callable[[int], None],
    skip: int = 0,
) -> Chains:
    """The draws of all chains, every `thin`-th state after the first `skip`."""
    n_chains, n_features = state.points.shape
    kept, kept_density = np.empty((n_chains, draws, n_features)), np.empty((n_chains, draws))
    accepted, taken, last, interrupted = np.zeros(n_chains), 0, skip + draws * thin, False
    try:
        for step, after in enumerate(islice(steps.states(target, state, generator), last), 1):
            state = after
            if step > skip:
                accepted += state.moved
                taken, remainder = divmod(step - skip, thin)
                if remainder == 0:
                    kept[:, taken - 1], kept_density[:, taken - 1] = state.points, state.log_density
            if step % (last // 100 + 1) == 0 or step == last:
                advance(step)
    except KeyboardInterrupt:
        if not taken:
            raise
        interrupted = True
    share = accepted / max(taken * thin, 1)
    return Chains(kept[:, :taken], kept_density[:, :taken], share, target.evaluations, steps, interrupted)


def _continued(
    before: Chains,
    target: Target,
    draws: int,
    thin: int,
    generator: np.random.Generator,
    progress: Reporting,
    given: list[str],
) -> Chains:
    """Earlier chains with further draws of the same steps."""
    if given:
        raise ParameterError(f"start is Chains, which are continued as they were; leave out {' and '.join(given)}")
    if before.steps is None:
        raise ParameterError("these Chains do not know their steps; give chains.draws[:, -1] as the start instead")
    points = before.draws[:, -1].copy()
    state = State(points, _at_start(target, points), np.zeros(len(points), bool))
    with counting(progress, draws * thin, "step") as advance:
        after = _run(before.steps, target, state, draws, thin, generator, advance)
    shares = np.array([before.n_draws, after.n_draws]) / (before.n_draws + after.n_draws)
    return Chains(
        np.concatenate([before.draws, after.draws], axis=1),
        np.concatenate([before.log_density, after.log_density], axis=1),
        shares[0] * before.acceptance + shares[1] * after.acceptance,
        before.evaluations + after.evaluations,
        before.steps,
        after.interrupted,
    )


def _adaptation(proposal: str, scale: Any) -> Callable[..., tuple[Steps, State]] | None:
    """What a warm-up does; None for a plain random walk."""
    if one_of(proposal, (WALK, MIXTURE), "proposal") == MIXTURE:
        return adapted_mixture
    return adapted_walk if isinstance(scale, str) and scale == ADAPTED else None


def _scale(scale: ArrayLike | str | None, bounds: Bounds | None, adapts: bool) -> ArrayLike:
    if scale is not None and not (isinstance(scale, str) and scale == ADAPTED):
        return scale
    return _SHARE_OF_BOUNDS * (bounds.high - bounds.low) if adapts and bounds is not None and bounds.are_finite else 1.0


def _at_start(target: Target, points: Array) -> Array:
    """The log densities of the starts. Raises `ParameterError` if one of them is minus infinity."""
    found = target(points, 0)
    if np.isneginf(found).any():
        at = points[np.argmin(found)]
        outside = target.bounds is not None and not target.bounds.hold(at[None])[0]
        remedy = "start within the bounds" if outside else "start where log_density is finite"
        raise ParameterError(f"the density is zero at the start {at.tolist()}; {remedy}")
    return found


def _check_whole(name: str, value: Any, least: int) -> None:
    if not is_count(value, least):
        raise ParameterError(f"{name} is {value!r}; give a whole number, {least} or more")


def _starts(
    start: ArrayLike | None, chains: int | None, target: Target, generator: np.random.Generator, adapts: bool
) -> Array:
    """The first point ``(chains, D)`` of every chain."""
    if chains is not None:
        _check_whole("chains", chains, 1)
    several = chains or (_CHAINS if adapts else 1)
    if start is None:
        if target.bounds is None or not target.bounds.are_finite:
            raise ParameterError("start is missing; give points where the density is not zero, or finite bounds")
        if target.bounds.low.ndim == 0:
            raise ParameterError("bounds of two numbers do not tell how many coordinates there are; give limits (D,)")
        return target.starts(several, generator)
    point = as_numbers(start, "start")
    if point.ndim not in (1, 2) or 0 in point.shape:
        raise ParameterError(f"start has shape {point.shape}; give one point (D,), or one for each chain (chains, D)")
    if not np.isfinite(point).all():
        raise ParameterError(f"start {point.tolist()} is not finite; start where log_density is finite")
    if target.bounds is not None and target.bounds.low.shape not in ((), point.shape[-1:]):
        raise ParameterError(f"bounds are of {count(len(target.bounds.low), 'coordinate')}, start of {point.shape[-1]}")
    if point.ndim == 1:
        return np.tile(point, (several, 1))
    if chains not in (None, len(point)):
        raise ParameterError(
            f"start has {count(len(point), 'point')} for {count(chains, 'chain')}; give one for each, or leave "
            "chains out"
        )
    return point


def _factor(scale: ArrayLike, n_features: int) -> Array:
    """A matrix that transforms standard normal numbers to steps of the proposals."""
    given = as_numbers(scale, "scale")
    if given.shape not in ((), (n_features,), (n_features, n_features)):
        raise ParameterError(
            f"scale has shape {given.shape}; give a number, ({n_features},) standard deviations "
            f"or a covariance ({n_features}, {n_features})"
        )
    if given.ndim < 2:
        if not (np.isfinite(given).all() and (given > 0).all()):
            raise ParameterError(f"scale is {given.tolist()}; a standard deviation must be above zero")
        return np.diag(np.broadcast_to(given, n_features))
    try:
        factor = np.linalg.cholesky(given)
    except np.linalg.LinAlgError:
        factor = np.full_like(given, np.nan)
    rounding = 1e-8 * np.abs(given).max()
    if not (np.isfinite(factor).all() and np.allclose(given, given.T, atol=rounding)):
        raise ParameterError(f"scale {given.tolist()} is not a covariance; it must be symmetric and positive definite")
    return np.asarray(factor, np.float64)
