"""Rows in memory to which parts of a mixture are fitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gmix.base.rows import Rows
from gmix.fitting.distinct import DistinctRows
from gmix.fitting.refinement.effort import Effort
from gmix.model.covariance import Form, Structure
from gmix.model.gaussian_model import GaussianModel
from gmix.model.kernel import RunEnd, kernel
from gmix.model.mixture import GaussianMixture, mixtures_from_statistics
from gmix.model.observed import observed_share
from gmix.model.reference import Reference
from gmix.model.stopping import Reason, Round, StoppingRule
from gmix.sources import MemorySource

__all__ = ["LocalTable", "mixture_at"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LocalTable:
    """A table in memory, some rows of which are fitted at a time.

    Attributes
    ----------
    source : the table.
    effort : counts the work.
    """

    source: MemorySource
    effort: Effort

    @property
    def rows(self) -> Rows:
        return self.source.with_points

    @cached_property
    def distinct(self) -> Array:
        """How much of a distinct row each row is, ``(N,)``: repeated rows share one, rows of small weight are less."""
        return DistinctRows.of(self.rows.values, self.rows.weights).shares

    @cached_property
    def cumulative(self) -> Array:
        """The cumulative sum of `distinct`, to draw rows."""
        return np.cumsum(self.distinct)

    def reference(self, form: Form, total_weight: float) -> Reference:
        """The reference of the table, scaled to rows of another total weight."""
        return self.source.reference(form).scaled(total_weight)

    def run(
        self,
        rows: Rows,
        starts: Sequence[GaussianMixture],
        tolerance: float,
        steps: int,
        rounds: Sequence[Round] = (),
    ) -> list[RunEnd]:
        """EM runs on some rows that end `tolerance` nats before convergence, without those that collapse.

        Raises `KeyboardInterrupt` if the user interrupts one.
        """
        structure = starts[0].structure
        total = float(rows.mass.sum())
        ends = kernel.run(
            rows,
            [GaussianModel(mixture) for mixture in starts],
            self.reference(structure.form, total),
            StoppingRule(tolerance / total, steps),
            rounds,
            patient=False,
            threads=self.source.threads,
        )
        done = Effort.steps((end.history for end in ends), len(starts), rounds)
        self.effort.spend(done, len(rows), starts[0].n_components, starts[0].n_parameters)
        if any(end.reason is Reason.INTERRUPTED for end in ends):
            raise KeyboardInterrupt
        return [end for end in ends if end.model is not None and end.reason is not Reason.COLLAPSING]

    def divided(
        self, rows: Rows, labels: Sequence[NDArray[np.intp]], n_components: int, structure: Structure
    ) -> list[GaussianMixture]:
        """The mixtures that describe some rows best if each row belongs to the one component that its label names."""
        reference = self.reference(structure.form, float(rows.mass.sum()))
        statistics = kernel.label_statistics(structure.form, rows, labels, n_components, reference)
        return mixtures_from_statistics(statistics, structure, None, None)

    def observed(self, rows: Rows, mixture: GaussianMixture) -> Array:
        """The share of rows that is observed, for each component; see `gmix.model.observed`."""
        if not rows.incomplete:
            return np.ones(mixture.n_components)
        reference = self.reference(mixture.structure.form, float(rows.mass.sum()))
        [statistics] = kernel.expect(rows, [mixture.components], [reference], threads=self.source.threads)
        self.effort.spend(1, len(rows), mixture.n_components, mixture.n_parameters)
        return observed_share(mixture.components, statistics)

    def log_likelihood(self, rows: Rows, mixture: GaussianMixture) -> float:
        """The weighted log-likelihood of some rows."""
        self.effort.spend(1, len(rows), mixture.n_components, mixture.n_parameters)
        log_density, _ = kernel.posterior(rows, mixture.components, False, self.source.threads)
        return float(rows.mass @ log_density)


def mixture_at(end: RunEnd) -> GaussianMixture:
    """The mixture at which a run ended."""
    assert isinstance(end.model, GaussianModel)
    return end.model.mixture
