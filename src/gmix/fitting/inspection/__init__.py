"""Inspection: findings about a fit, from a sub-sample of its rows and from its search."""

from __future__ import annotations

from gmix.base.findings import Finding
from gmix.fitting.candidates import Search
from gmix.fitting.inspection.choice import about_choice, runner_up
from gmix.fitting.inspection.columns import about_columns, about_row_numbers, about_weights
from gmix.fitting.inspection.components import about_components
from gmix.fitting.inspection.factor_models import about_factors
from gmix.fitting.inspection.sample import Sample
from gmix.model.priors import Prior
from gmix.model.statistics import SufficientStatistics
from gmix.model.student import AnyMixture

__all__ = ["Sample", "inspect", "runner_up"]


def inspect(
    sample: Sample,
    mixture: AnyMixture,
    statistics: SufficientStatistics,
    search: Search | None,
    most: int | None,
    prior: Prior | None,
) -> list[Finding]:
    """The findings about a mixture, the statistics of all rows under it, and the search that chose it, if any.

    `most` is the largest number of components that was to be compared, or None if there was only one. With a prior, a
    mixture may have many parameters.
    """
    counted = sample.counted(statistics.total_weight)
    found = [
        *about_weights(sample, statistics.total_weight),
        *about_row_numbers(sample),
        *about_columns(counted, statistics.total_weight),
        *about_components(counted, mixture, statistics, prior),
        *about_factors(counted, mixture),
    ]
    return found if search is None else [*found, *about_choice(search, most)]
