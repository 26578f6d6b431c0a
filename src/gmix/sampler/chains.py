"""Draws of several chains, with diagnostics of their convergence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmix.base.arguments import is_count
from gmix.base.errors import ParameterError, needing
from gmix.base.findings import Finding, by_importance, lines
from gmix.base.wording import count, listed, percent
from gmix.notebook import chains_html
from gmix.sampler.diagnostics import autocorrelation, bulk_size, mean_size, split_r_hat, tail_size
from gmix.sampler.steps import MixtureSteps, Steps

__all__ = ["Chains"]

Array = NDArray[np.float64]
_R_HAT, _SIZE = 1.01, 400.0  # the limits of Vehtari et al. (2021)
_RARELY = 0.05  # acceptance
_NAMED = 5  # coordinates in a finding


@dataclass(frozen=True, eq=False)
class Chains:
    """The draws of `metropolis`, with diagnostics of their convergence.

    Attributes
    ----------
    draws : ``(chains, draws, D)``.
    log_density : ``(chains, draws)``, the log density of each draw.
    acceptance : ``(chains,)``, the share of proposals that were accepted after the warm-up.
    evaluations : the number of points at which the density was evaluated, warm-up included.
    steps : the steps that the sampler took after the warm-up, from which it continues; None if they are unknown.
    interrupted : whether the user interrupted the sampler.
    """

    draws: Array
    log_density: Array
    acceptance: Array
    evaluations: int = 0
    steps: Steps | None = None
    interrupted: bool = False

    def __post_init__(self) -> None:
        for array in (self.draws, self.log_density, self.acceptance):
            array.flags.writeable = False

    @property
    def n_chains(self) -> int:
        """The number of chains."""
        return int(self.draws.shape[0])

    @property
    def n_draws(self) -> int:
        """The number of draws in each chain."""
        return int(self.draws.shape[1])

    @property
    def n_features(self) -> int:
        """The number of coordinates of a point."""
        return int(self.draws.shape[2])

    @property
    def points(self) -> Array:
        """All draws ``(M, D)``, chain after chain."""
        return self.draws.reshape(-1, self.n_features)

    @cached_property
    def effective_sample_size(self) -> Array:
        r"""The number of independent draws that would estimate the center of each coordinate as well: ``(D,)``.

        Every chain is split in half, all draws of a coordinate are replaced by normal scores of their ranks, and

        .. math:: \mathrm{ESS} = \frac{M N}{\tau}, \qquad
                  \tau = -1 + 2 \sum_{t=0}^{T} (\rho_{2t} + \rho_{2t+1}) + \max(\rho_{2T+2}, 0)

        with the autocorrelations :math:`\rho` of M half-chains of N draws, the sum cut before the first pair that is
        not positive and the pairs made monotone (Geyer 1992, *Statistical Science* 7:473): the bulk-ESS of Vehtari,
        Gelman, Simpson, Carpenter & Buerkner (2021), *Bayesian Analysis* 16:667, as ArviZ computes it. NaN for
        fewer than 4 draws per chain or a coordinate that never moved. Negative autocorrelation can raise it above the
        number of draws, to at most ``M N log10(M N)``.
        """
        return self._of_coordinates(bulk_size)

    @cached_property
    def tail_effective_sample_size(self) -> Array:
        """The number of independent draws that would estimate the quantiles at 5 and 95 % as well: ``(D,)``.

        It is the smaller of the two numbers: the tail-ESS of Vehtari et al. (2021), as ArviZ computes it.
        """
        return self._of_coordinates(tail_size)

    @cached_property
    def autocorrelation_time(self) -> Array:
        """The integrated autocorrelation time ``(D,)``, in draws.

        The mean of as many draws has the standard error of the mean of one independent draw.
        """
        return self.n_chains * self.n_draws / self._of_coordinates(mean_size)

    def autocorrelation(self, lags: int) -> Array:
        """The autocorrelation ``(lags + 1, D)`` of each coordinate, averaged over the chains; the first is 1."""
        if not is_count(lags, 0) or lags >= self.n_draws:
            raise ParameterError(f"lags is {lags!r}; give a whole number below the {count(self.n_draws, 'draw')}")
        return np.stack([autocorrelation(x, int(lags)) for x in np.moveaxis(self.draws, 2, 0)], axis=1)

    @cached_property
    def r_hat(self) -> Array:
        r"""The spread of all chains relative to that of one: ``(D,)``. If it is above 1.01, take more draws.

        .. math:: \hat R = \sqrt{\frac{(N - 1) W / N + B / N}{W}}

        with the variances W within and B between split chains, of the normal scores and of their distances from the
        median, whichever is larger (Vehtari et al. 2021, as above). NaN where `effective_sample_size` is.
        """
        return self._of_coordinates(split_r_hat)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """Why the draws should not be trusted, the most important first; empty if nothing was found."""
        return by_importance(_findings(self))

    def thin(self, every: int) -> Chains:
        """The chains with the last of every `every` draws."""
        if not is_count(every):
            raise ParameterError(f"every is {every!r}; give a whole number, 1 or more")
        if every > self.n_draws:
            raise ParameterError(f"every is {every}, but the chains have {count(self.n_draws, 'draw')}; give fewer")
        kept = slice(every - 1, None, every)
        return replace(self, draws=self.draws[:, kept].copy(), log_density=self.log_density[:, kept].copy())

    def to_arviz(self, name: str = "x") -> Any:
        """The draws as an object of ArviZ, with the variable `name` ``(chain, draw, D)`` and the log densities.

        It is an ``InferenceData``, and a ``DataTree`` from ArviZ 1.0 on. Needs the package arviz.
        """
        with needing("arviz", "to_arviz"):
            import arviz

        groups = {"posterior": {name: self.draws}, "sample_stats": {"lp": self.log_density}}
        if hasattr(arviz, "InferenceData"):
            return arviz.from_dict(**groups)
        return arviz.from_dict(groups)

    def summary(self) -> str:
        """The acceptance and, for each coordinate, its mean, standard deviation and diagnostics, as text.

        ``error`` is the standard error of the mean due to the finite number of draws, ``sd / sqrt(ESS)``.
        """
        chains = f"{count(self.n_chains, 'chain')} of {count(self.n_draws, 'draw')}"
        head = f"{'mean':>12}{'sd':>12}{'error':>12}{'ESS':>9}{'tail ESS':>10}{'R-hat':>9}"
        text = [f"Metropolis: {chains}, acceptance {self.acceptance.mean():.3f}", "", f"  {'coordinate':<10}{head}"]
        mean, deviation = self.points.mean(0), self.points.std(0)
        sizes = self.effective_sample_size, self.tail_effective_sample_size
        for d, (size, tail, r_hat) in enumerate(zip(*sizes, self.r_hat, strict=True)):
            error = deviation[d] / np.sqrt(size)
            numbers = f"{mean[d]:>12.5g}{deviation[d]:>12.5g}{error:>12.3g}{size:>9.0f}{tail:>10.0f}{r_hat:>9.3f}"
            text.append(f"  {d:<10}{numbers}")
        if self.findings:
            text += ["", *(f"  {line}" for line in lines(self.findings))]
        return "\n".join(text)

    def __repr__(self) -> str:
        return (
            f"Chains({count(self.n_chains, 'chain')}, {count(self.n_draws, 'draw')}, "
            f"{count(self.n_features, 'coordinate')}, acceptance {self.acceptance.mean():.3f})"
        )

    def _repr_html_(self) -> str:
        return chains_html(self)

    def _of_coordinates(self, diagnostic: Callable[[Array], float]) -> Array:
        return np.array([diagnostic(x) for x in np.moveaxis(self.draws, 2, 0)])


def _findings(chains: Chains) -> list[Finding]:
    found = []
    if chains.interrupted:
        text = f"the user interrupted the sampler after {count(chains.n_draws, 'draw')}; start=chains continues it"
        found.append(Finding("interrupted", text))
    still = np.flatnonzero(np.ptp(chains.points, axis=0) == 0.0)
    if len(still):
        found.append(Finding("no move", f"{_coordinates(still)} never moved; give a smaller scale, or another start"))
    apart = np.flatnonzero(~(chains.r_hat <= _R_HAT))
    if len(apart := np.setdiff1d(apart, still)):
        largest = float(np.max(chains.r_hat[apart]))
        found.append(
            Finding(
                "chains differ", f"R-hat of {_coordinates(apart)} is up to {largest:.3f}, above {_R_HAT}: {_REMEDY}"
            )
        )
    size = np.minimum(chains.effective_sample_size, chains.tail_effective_sample_size)
    few = np.setdiff1d(np.flatnonzero(~(size >= _SIZE)), still)
    if len(few):
        least, have = float(np.min(size[few])), "have" if len(few) > 1 else "has"
        text = f"{_coordinates(few)} {have} only {least:.0f} effective draws, fewer than {_SIZE:.0f}; take more draws"
        found.append(Finding("few effective draws", text))
    acceptance = float(chains.acceptance.mean())
    if acceptance < _RARELY and not len(still):
        remedy = "give a smaller scale, or proposal='mixture'"
        if isinstance(chains.steps, MixtureSteps):
            remedy = "the mixture describes the density badly; give a longer warmup or more chains"
        found.append(Finding("few moves", f"only {percent(acceptance)} of the proposals were accepted; {remedy}"))
    return found


_REMEDY = "the chains have not converged to one distribution; take more draws, or start from other points"


def _coordinates(which: NDArray[np.intp]) -> str:
    names = [str(d) for d in which]
    return f"{'coordinate' if len(names) == 1 else 'coordinates'} {listed(names, _NAMED)}"
