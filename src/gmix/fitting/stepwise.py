"""Stepwise EM: a mixture that learns from one block of rows after another, and from streams without an end."""

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
    r"""Stepwise EM: after each block of rows, statistics per row move a step towards the block's own.

    .. math:: s_t = (1 - \gamma_t) \, s_{t-1} + \gamma_t \, \bar s(B_t; \theta_{t-1}), \qquad
              \theta_t = \operatorname{M}(s_t), \qquad \gamma_t = \max\{(t + 1)^{-\kappa}, \gamma_\infty\}

    where :math:`\bar s` are the statistics of block t divided by its mass: stochastic approximation, which needs each
    row once (Cappé & Moulines 2009, *Journal of the Royal Statistical Society B* 71:593, equations 12 to 14). The
    mixture that it gives back is that of the average of the later :math:`s_t`, the last half or a little more, which
    takes out most of the noise of the steps (Polyak & Ruppert's averaging, which they recommend there).

    Parameters
    ----------
    mixture : where to start, from a fit to the first rows for instance.
    decay : :math:`\kappa`, above 0.5 and at most 1: how fast the steps shrink. Small values forget a poor start sooner.
    forgetting : :math:`\gamma_\infty`, from 0 to below 1: the smallest step. Above zero the mixture follows a stream
        that drifts: a block counts for :math:`(1 - \gamma_\infty)^m` of its first weight when m more have come, and
        there is no average.
    prior : for MAP steps, beside all rows that were seen and not forgotten (`mass`).
    statistics : those of rows from which `mixture` was fitted, if there are some (``Fit.statistics``): they count as
        the first block.
    threads : as in `gmix.fit`.

    Attributes
    ----------
    mass : the weighted number of rows that were seen, less what was forgotten.
    blocks : how many blocks were seen.

    >>> import gmix
    >>> truth = gmix.GaussianMixture([0.3, 0.7], [[0.0], [5.0]], [[[1.0]], [[1.0]]])
    >>> learner = gmix.Stepwise(gmix.GaussianMixture([0.5, 0.5], [[1.0], [4.0]], [[[1.0]], [[1.0]]]))
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
        self._shown: GaussianMixture | None = None  # what `mixture` gives back, until more is learned
        self._state: SufficientStatistics | None = None  # per row
        self._older, self._newer = _Average(1), _Average(2)
        if statistics is not None:
            of_kind(statistics, SufficientStatistics, "statistics", "fit.statistics")
            if statistics.form is not mixture.structure.form or statistics.mean.shape != mixture.means.shape:
                raise ParameterError(f"these are {statistics} and not of a {mixture}; give both from one fit")
            self._learn(statistics)

    def __repr__(self) -> str:
        return f"Stepwise({self.mixture}, {self.mass:.6g} rows in {count(self.blocks, 'block')})"

    def update(self, block: Any, *, sample_weight: ArrayLike | None = None) -> Self:
        """Learn from a block of rows ``(n, D)``. Raises `DataError` as `gmix.expect`, and has then learned nothing."""
        [statistics] = expect(block, [self._latest], sample_weight=sample_weight, threads=self.threads)
        self._learn(statistics)
        return self

    @property
    def mixture(self) -> GaussianMixture:
        """What was learned so far."""
        if self._shown is None:
            average = self._older.statistics
            self._shown = self._latest if self.forgetting or average is None else self._read(average)
        return self._shown

    def _learn(self, statistics: SufficientStatistics) -> None:
        mass = statistics.n_rows
        if not mass > 0:
            return
        own = statistics * (1.0 / mass)
        self.blocks += 1
        self.mass = (1.0 - self.forgetting) * self.mass + mass
        step = max(self.blocks**-self.decay, self.forgetting)
        self._state = own if self._state is None else self._state * (1.0 - step) + own * step
        self._latest, self._shown = self._read(self._state), None
        if self.blocks == 2 * self._newer.since:
            self._older, self._newer = self._newer, _Average(self.blocks)
        for average in (self._older, self._newer):
            average.take(self.blocks, self._state)

    def _read(self, state: SufficientStatistics) -> GaussianMixture:
        before = self._latest
        return GaussianMixture.from_statistics(state * self.mass, before.structure, self.prior, before.features)


class _Average:
    """The average of all states from the block `since` on."""

    def __init__(self, since: int) -> None:
        self.since = since
        self.statistics: SufficientStatistics | None = None

    def take(self, block: int, state: SufficientStatistics) -> None:
        if block < self.since:
            return
        share = 1.0 / (block - self.since + 1)
        self.statistics = state if self.statistics is None else self.statistics * (1.0 - share) + state * share
