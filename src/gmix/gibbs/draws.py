"""Draws from the posterior of a mixture: parameters, partitions and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.arguments import Rng, as_generator, as_numbers, is_count
from gmix.base.errors import ParameterError, needing
from gmix.base.findings import Finding, by_importance
from gmix.base.wording import count
from gmix.gibbs.conjugate import ConjugateComponents
from gmix.gibbs.convergence import Diagnostics, convergence_findings
from gmix.gibbs.partition_estimate import closest_partition, co_clustering
from gmix.gibbs.predictive import log_predictive
from gmix.gibbs.relabeling import relabelings
from gmix.gibbs.run import ParameterDraw
from gmix.model.covariance import Structure
from gmix.model.mixture import GaussianMixture, unchecked_mixture
from gmix.model.mixture_arguments import checked_points
from gmix.notebook import posterior_draws_html

__all__ = ["AlignedDraws", "PosteriorDraws"]

Array = NDArray[np.float64]
_MOST_PAIRS = 1 << 27  # entries of a co-clustering matrix


@dataclass(frozen=True, eq=False)
class AlignedDraws:
    """Draws of the parameters of a mixture of K components, each of which has the same number in all draws.

    Attributes
    ----------
    weights : ``(chains, draws, K)``.
    means : ``(chains, draws, K, D)``.
    covariances : ``(chains, draws, K, D, D)``.
    labels : ``(chains, draws, N)``.
    """

    weights: Array
    means: Array
    covariances: Array
    labels: NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class PosteriorDraws:
    """Draws from the posterior of a mixture, as `gmix.posterior` returns them.

    Attributes
    ----------
    log_joint : ``(chains, draws)`` the log density of the rows and their partition, averaged over the parameters.
    n_clusters : ``(chains, draws)`` the number of components that have rows.
    concentration : ``(chains, draws)`` the concentration of the weights.
    log_densities : ``(chains, draws, P)`` the log density of P rows under the drawn parameters.
    probes : ``(P,)`` the positions of these rows.
    labels : of each chain, and of each draw that is kept, the component ``(N,)`` of each row. Numbers of components
        differ between draws; see `aligned`.
    parameters : of each chain, and of each draw that is kept, as `gmix.gibbs.run.ParameterDraw`; see `mixture`.
    every : labels and parameters are kept of one draw in this number, because of the `memory` for them.
    acceptance : ``(chains,)`` the share of splits and merges that were accepted.
    n_components : K of a finite mixture; None for a Dirichlet process.
    model : the components and their prior.
    structure : of the covariances.
    features : the names of the columns, or None.
    interrupted : whether the user interrupted the sampler.
    """

    log_joint: Array
    n_clusters: NDArray[np.intp]
    concentration: Array
    log_densities: Array
    probes: NDArray[np.intp]
    labels: tuple[tuple[NDArray[np.unsignedinteger], ...], ...] = field(repr=False)
    parameters: tuple[tuple[ParameterDraw, ...], ...] = field(repr=False)
    every: int
    acceptance: Array
    n_components: int | None
    model: ConjugateComponents = field(repr=False)
    structure: Structure
    features: tuple[str, ...] | None = None
    interrupted: bool = False

    def __repr__(self) -> str:
        low, high = np.quantile(self.n_clusters, [0.05, 0.95]).astype(int)
        clusters = f"{low} to {high} clusters" if low < high else count(int(low), "cluster")
        return f"PosteriorDraws({count(self.n_chains, 'chain')}, {count(self.n_draws, 'draw')}, {clusters})"

    @property
    def n_chains(self) -> int:
        """The number of chains."""
        return int(self.log_joint.shape[0])

    @property
    def n_draws(self) -> int:
        """The number of draws in each chain."""
        return int(self.log_joint.shape[1])

    @property
    def n_kept(self) -> int:
        """The number of draws in each chain that are kept with labels and parameters."""
        return len(self.parameters[0])

    @property
    def n_rows(self) -> int:
        """The number of rows."""
        return len(self.labels[0][0])

    @property
    def cluster_probabilities(self) -> dict[int, float]:
        """The posterior probability of each number of clusters that was drawn."""
        values, counts = np.unique(self.n_clusters, return_counts=True)
        return {int(value): float(share) for value, share in zip(values, counts / self.n_clusters.size, strict=True)}

    def mixture(self, chain: int, draw: int) -> GaussianMixture:
        """The mixture of one of the draws that are kept; without the components of a Dirichlet process beyond its rows.

        Its weights are then divided by their sum.
        """
        found = self._drawn(chain, draw)
        compact = self.structure.form.congruence(found.factor, self._unit)
        weights = found.weights / found.weights.sum()
        return unchecked_mixture(weights, found.means, compact, self.structure, self.features)

    @cached_property
    def _unit(self) -> Array:
        form, d = self.structure.form, self.model.n_features
        return form.compress(np.eye(d)[None])

    def _drawn(self, chain: int, draw: int) -> ParameterDraw:
        for name, value, most in (("chain", chain, self.n_chains), ("draw", draw, self.n_kept)):
            if not is_count(value, -most, most - 1):
                raise ParameterError(f"{name} is {value!r}; give a number from 0 to {most - 1}")
        return self.parameters[chain][draw]

    @property
    def _every_label(self) -> list[NDArray[np.unsignedinteger]]:
        return [labels for chain in self.labels for labels in chain]

    def log_density(self, x: Any, *, threads: int | None = None) -> Array:
        """The log density ``(N,)`` of new rows ``(N, D)``, averaged over the draws that are kept, in nats."""
        rows = checked_points(x, self.features, self.model.n_features)
        return log_predictive(rows, self.parameters, self.model, threads)

    def density(self, x: Any, *, threads: int | None = None) -> Array:
        """The density ``(N,)`` of new rows ``(N, D)``, averaged over the draws that are kept."""
        with np.errstate(over="ignore"):
            return np.exp(self.log_density(x, threads=threads))

    def co_clustering(self, rows: ArrayLike | None = None) -> Array:
        """The posterior probability ``(n, n)`` that each pair of rows belongs to the same component.

        Parameters
        ----------
        rows : the positions of the rows; None for all, up to some ten thousand.
        """
        chosen = self._chosen(rows)
        if len(chosen) ** 2 > _MOST_PAIRS:
            raise ParameterError(f"the matrix of {len(chosen)} rows does not fit in memory; give the rows to compare")
        return co_clustering(self._every_label, chosen)

    def _chosen(self, rows: ArrayLike | None) -> NDArray[np.intp]:
        if rows is None:
            return np.arange(self.n_rows)
        found = as_numbers(rows, "rows")
        if found.ndim != 1 or not ((found == np.rint(found)) & (found >= 0) & (found < self.n_rows)).all():
            raise ParameterError(f"rows must be positions (n,) from 0 to {self.n_rows - 1}")
        return found.astype(np.intp)

    def point_estimate(self, *, rng: Rng = 0) -> NDArray[np.intp]:
        """One partition ``(N,)`` for all draws: that with the smallest expected variation of information from them.

        See Wade & Ghahramani (2018), *Bayesian Analysis* 13:559. It is searched for as in SALSO (Dahl, Johnson &
        Mueller 2022, *Journal of Computational and Graphical Statistics* 31:1189), in the order that `rng` gives.
        """
        return closest_partition(self._every_label, as_generator(rng))

    @cached_property
    def aligned(self) -> AlignedDraws:
        """The draws of a finite mixture, with the same numbers for the same components in all draws.

        Labels are matched by iterative ECR (Rodriguez & Walker 2014, *Journal of Computational and Graphical
        Statistics* 23:25). Components are ordered by the first column of their average means.

        Raises `ParameterError` for a Dirichlet process, whose draws have different numbers of components.
        """
        if self.n_components is None:
            raise ParameterError(
                "the draws of a Dirichlet process have different numbers of components; use point_estimate() and "
                "co_clustering(), or give a number of components"
            )
        shape, k, d = (self.n_chains, self.n_kept), self.n_components, self.model.n_features
        flat = [found for chain in self.parameters for found in chain]
        kept = self.log_joint[:, self.every - 1 :: self.every][:, : self.n_kept]
        orders = relabelings(self._every_label, k, int(kept.argmax()))
        means = np.stack([found.means[order] for found, order in zip(flat, orders, strict=True)])
        occupied = np.stack(
            [np.bincount(one, minlength=k)[order] for one, order in zip(self._every_label, orders, strict=True)]
        )
        centers = (occupied[:, :, None] * means).sum(0) / np.maximum(occupied.sum(0), 1)[:, None]
        first = np.argsort(np.where(occupied.sum(0) > 0, centers[:, 0], np.inf), kind="stable")
        orders, means = orders[:, first], means[:, first]
        form = self.structure.form
        dense = [form.dense(form.congruence(found.factor, self._unit), k, d) for found in flat]
        labels = [np.argsort(order)[one] for one, order in zip(self._every_label, orders, strict=True)]
        return AlignedDraws(
            np.stack([f.weights[order] for f, order in zip(flat, orders, strict=True)]).reshape(*shape, k),
            means.reshape(*shape, k, d),
            np.stack([c[order] for c, order in zip(dense, orders, strict=True)]).reshape(*shape, k, d, d),
            np.stack(labels).reshape(*shape, -1),
        )

    @cached_property
    def diagnostics(self) -> Diagnostics:
        """R-hat and effective sample sizes of quantities that do not depend on the numbers of components."""
        return Diagnostics.of(self)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """Why the draws should not be trusted, the most important first; empty if nothing was found."""
        return by_importance(convergence_findings(self))

    def summary(self) -> str:
        """The number of clusters and its probabilities, and the diagnostics of convergence, as text."""
        return self.diagnostics.summary(self)

    def _repr_html_(self) -> str:
        return posterior_draws_html(self)

    def to_arviz(self) -> Any:
        """The draws as an object of ArviZ: the concentration, the number of clusters and the log density of some rows.

        For a finite mixture they include ``weights``, ``means`` and ``covariances``, as in `aligned`, if every draw is
        kept. It is an ``InferenceData``, and a ``DataTree`` from ArviZ 1.0 on. Needs the package arviz.
        """
        with needing("arviz", "to_arviz"):
            import arviz

        variables: dict[str, Any] = {"n_clusters": self.n_clusters, "concentration": self.concentration}
        variables["log_density"] = self.log_densities
        if self.n_components is not None and self.every == 1:
            found = self.aligned
            variables |= {"weights": found.weights, "means": found.means, "covariances": found.covariances}
        groups = {"posterior": variables, "sample_stats": {"lp": self.log_joint}}
        if hasattr(arviz, "InferenceData"):
            return arviz.from_dict(**groups)
        return arviz.from_dict(groups)
