"""Whether the chains agree about quantities that do not depend on the numbers of components."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from gmix.base.findings import Finding, lines
from gmix.base.wording import count, listed, percent
from gmix.sampler.diagnostics import bulk_size, split_r_hat

if TYPE_CHECKING:
    from gmix.gibbs.draws import PosteriorDraws

__all__ = ["Diagnostics", "convergence_findings"]

Array = NDArray[np.float64]
_R_HAT, _SIZE = 1.01, 400.0  # the limits of Vehtari et al. (2021), *Bayesian Analysis* 16:667
_NAMED, _LISTED = 4, 8


@dataclass(frozen=True, eq=False)
class Diagnostics:
    """The mean, the standard deviation and the convergence of some quantities over all draws.

    Attributes
    ----------
    names : of the quantities.
    mean, deviation : ``(Q,)``.
    r_hat : ``(Q,)`` the spread of all chains relative to that of one, as `gmix.Chains.r_hat`; NaN if it is constant.
    effective_sample_size : ``(Q,)`` as `gmix.Chains.effective_sample_size`.
    """

    names: tuple[str, ...]
    mean: Array
    deviation: Array
    r_hat: Array
    effective_sample_size: Array

    @classmethod
    def of(cls, draws: PosteriorDraws) -> Self:
        """Those of the log joint density, the clusters, the concentration, and the log density of some rows."""
        found: dict[str, Array] = {
            "log joint density": draws.log_joint,
            "clusters": draws.n_clusters.astype(np.float64),
            "concentration": draws.concentration,
        }
        for position, values in zip(draws.probes.tolist(), np.moveaxis(draws.log_densities, 2, 0), strict=True):
            found[f"log density of row {position}"] = values
        values = list(found.values())
        return cls(
            tuple(found),
            np.array([x.mean() for x in values]),
            np.array([x.std() for x in values]),
            np.array([split_r_hat(x) for x in values]),
            np.array([bulk_size(x) for x in values]),
        )

    def summary(self, draws: PosteriorDraws) -> str:
        """The draws and these numbers as text."""
        chains = f"{count(draws.n_chains, 'chain')} of {count(draws.n_draws, 'draw')}"
        accepted = f"{100.0 * draws.acceptance.mean():.2g} % of splits and merges accepted"
        text = [f"Posterior draws: {chains}, {accepted}", ""]
        text += [f"  {count(k, 'cluster')}: {percent(share)}" for k, share in likely_numbers(draws)]
        text += ["", f"  {'':<26}{'mean':>12}{'sd':>12}{'ESS':>9}{'R-hat':>9}"]
        for name, *numbers in zip(
            self.names, self.mean, self.deviation, self.effective_sample_size, self.r_hat, strict=True
        ):
            mean, deviation, size, r_hat = numbers
            text.append(f"  {name:<26}{mean:>12.5g}{deviation:>12.3g}{size:>9.0f}{r_hat:>9.3f}")
        if draws.findings:
            text += ["", *(f"  {line}" for line in lines(draws.findings))]
        return "\n".join(text)


def likely_numbers(draws: PosteriorDraws) -> list[tuple[int, float]]:
    """The most probable numbers of clusters in increasing order, with their probabilities."""
    likely = sorted(draws.cluster_probabilities.items(), key=lambda pair: -pair[1])[:_LISTED]
    return sorted(likely)


def convergence_findings(draws: PosteriorDraws) -> list[Finding]:
    """Why the draws should not be trusted."""
    found, diagnostics = [], draws.diagnostics
    if draws.interrupted:
        text = f"the user interrupted the sampler; each chain has {count(draws.n_draws, 'draw')}"
        found.append(Finding("interrupted", text))
    moving = diagnostics.deviation > 1e-12 * np.abs(diagnostics.mean)  # otherwise it is rounding error
    apart = np.flatnonzero(moving & (diagnostics.r_hat > _R_HAT))
    if len(apart):
        largest = float(np.max(diagnostics.r_hat[apart]))
        text = (
            f"R-hat of {_names(diagnostics, apart)} is up to {largest:.3f}, above {_R_HAT}: the chains have not "
            "converged to one distribution; take more draws and a longer warmup"
        )
        found.append(Finding("chains differ", text))
    few = np.flatnonzero(moving & ~(diagnostics.effective_sample_size >= _SIZE))
    if len(few):
        least = float(np.nanmin(diagnostics.effective_sample_size[few], initial=np.inf))
        size = f"only {least:.0f}" if np.isfinite(least) else "too few"
        have = "have" if len(few) > 1 else "has"
        text = f"{_names(diagnostics, few)} {have} {size} effective draws, fewer than {_SIZE:.0f}; take more draws"
        found.append(Finding("few effective draws", text))
    if draws.every > 1:
        text = (
            f"labels and parameters are kept of one draw in {draws.every}, because of the memory that they take; give "
            "more memory"
        )
        found.append(Finding("draws thinned", text, "note"))
    return found


def _names(diagnostics: Diagnostics, which: NDArray[np.intp]) -> str:
    return listed([diagnostics.names[q] for q in which], _NAMED)
