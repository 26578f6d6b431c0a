"""Stepwise EM: a mixture that is updated by one block of rows after another, as from an endless stream."""

from __future__ import annotations

from typing import Any, Self

from numpy.typing import ArrayLike

from gmix.base.arguments import is_number
from gmix.base.errors import ParameterError, of_kind
from gmix.base.wording import count
from gmix.model.mixture import GaussianMixture
from gmix.model.priors import Prior, as_prior
from gmix.model.statistics import SufficientStatistics
from gmix.sources import expect

__all__ = ["Stepwise"]


class Stepwise:
    r"""Stepwise EM: each block of rows moves the statistics per row a step toward those of the block.

    .. math:: s_t = (1 - \gamma_t) \, s_{t-1} + \gamma_t \, \bar s(B_t; \theta_{t-1}), \qquad
              \theta_t = \operatorname{M}(s_t), \qquad \gamma_t = \max\{(t + 1)^{-\kappa}, \gamma_\infty\}

    where :math:`\bar s` are the statistics of block t divided by its mass. This stochastic approximation reads each row
    once (Cappé & Moulines 2009, *Journal of the Royal Statistical Society B* 71:593, equation 15). `mixture` is
    the M-step of the average of the later :math:`s_t`, the last half or a little more. The average removes most of the
    noise of the steps (Polyak-Ruppert averaging, which they recommend).

    Parameters
    ----------
    mixture : where to start, such as a fit to the first rows.
    decay : :math:`\kappa`, above 0.5 and at most 1: how fast the steps shrink. Small values forget a poor start sooner.
    forgetting : :math:`\gamma_\infty`, from 0 to below 1: the smallest step. Above zero, the mixture follows a stream
        that drifts: after m more blocks, a block has :math:`(1 - \gamma_\infty)^m` of its first weight, and nothing is
        averaged.
    prior : the prior of MAP steps; None for maximum likelihood. It is weighed against `mass` rows.
    statistics : the statistics of the rows that `mixture` was fitted to (``Fit.statistics``), as the first block; None
        to learn from the blocks alone.
    threads : as in `gmix.fit`.

    Attributes
    ----------
    mass : the weighted number of rows so far, less what was forgotten.
    blocks : the number of blocks so far.

    >>> import gmix
    >>> truth = gmix.GaussianMixture([0.3, 0.7], [[0.0], [5.0]], [[[1.0]], [[1.0]]])
    >>> learner = gmix.Stepwise(
    ...     gmix.GaussianMixture([0.5, 0.5], [[1.0], [4.0]], [[[1.0]], [[1.0]]])
    ... )
    >>> for block in range(100):
    ...     _ = learner.update(truth.sample(500, rng=block))
    >>> learner.mixture.weights.round(2)
    array([0.3, 0.7])
    """

    def __init__(
        self,
        mixture: GaussianMixture,
        *,
        decay: float = 0.6,
        forgetting: float = 0.0,
        prior: Prior | None = None,
        statistics: SufficientStatistics | None = None,
        threads: int | None = None,
    ) -> None:
        of_kind(mixture, GaussianMixture, "mixture", "a GaussianMixture to start from, such as fit.mixture")
        if not (is_number(decay) and 0.5 < decay <= 1.0):
            raise ParameterError(f"decay is {decay!r}; give a number above 0.5 and at most 1")
        if not (is_number(forgetting) and 0.0 <= forgetting < 1.0):
            raise ParameterError(f"forgetting is {forgetting!r}; give a number from 0 to below 1")
        self.decay, self.forgetting, self.prior, self.threads = decay, forgetting, as_prior(prior), threads
        self.mass, self.blocks = 0.0, 0
        self._latest = mixture
        self._averaged: GaussianMixture | None = None  # cache of `mixture`, until the next block
        self._state: SufficientStatistics | None = None  # per row
        self._older, self._newer = Average(1), Average(2)
        if statistics is not None:
            of_kind(statistics, SufficientStatistics, "statistics", "fit.statistics")
            if statistics.form is not mixture.structure.form or statistics.mean.shape != mixture.means.shape:
                raise ParameterError(
                    f"statistics are {statistics}, which do not belong to a {mixture}; give both from one fit"
                )
            self._learn(statistics)

    def __repr__(self) -> str:
        return f"Stepwise({self.mixture}, {self.mass:.6g} rows in {count(self.blocks, 'block')})"

    def update(self, block: Any, *, sample_weight: ArrayLike | str | None = None) -> Self:
        """Learn from a block of rows ``(n, D)``, weighted as in `gmix.expect`.

        Raises `DataError` as `gmix.expect` does, and then changes nothing.
        """
        [statistics] = expect(block, [self._latest], sample_weight=sample_weight, threads=self.threads)
        self._learn(statistics)
        return self

    @property
    def mixture(self) -> GaussianMixture:
        """The mixture after the blocks so far."""
        if self._averaged is None:
            average = self._older.statistics
            self._averaged = self._latest if self.forgetting or average is None else self._maximize(average)
        return self._averaged

    def _learn(self, statistics: SufficientStatistics) -> None:
        mass = statistics.total_weight
        if not mass > 0:
            return
        per_row = statistics * (1.0 / mass)
        self.blocks += 1
        self.mass = (1.0 - self.forgetting) * self.mass + mass
        step = max(self.blocks**-self.decay, self.forgetting)
        self._state = per_row if self._state is None else self._state * (1.0 - step) + per_row * step
        self._latest, self._averaged = self._maximize(self._state), None
        if self.blocks == 2 * self._newer.since:
            self._older, self._newer = self._newer, Average(self.blocks)
        for average in (self._older, self._newer):
            average.add(self.blocks, self._state)

    def _maximize(self, state: SufficientStatistics) -> GaussianMixture:
        before = self._latest
        total, structure = state * self.mass, before.structure
        return GaussianMixture.from_statistics(total, structure, self.prior, before.features, before.background)


class Average:
    """The average of the states after the block number `since` and all later ones."""

    def __init__(self, since: int) -> None:
        self.since = since
        self.statistics: SufficientStatistics | None = None

    def add(self, block: int, state: SufficientStatistics) -> None:
        if block < self.since:
            return
        share = 1.0 / (block - self.since + 1)
        self.statistics = state if self.statistics is None else self.statistics * (1.0 - share) + state * share
