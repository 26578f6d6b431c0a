"""Fits by variational Bayes: `gmix.fit(..., inference="variational")`."""

from __future__ import annotations

from gmix.fitting.variational.arguments import variational_covariance, variational_prior
from gmix.fitting.variational.fit import variational_fit
from gmix.fitting.variational.run import VariationalRun
from gmix.fitting.variational.search import VariationalPlan, best_run, search_runs

__all__ = [
    "VariationalPlan", "VariationalRun", "best_run", "search_runs", "variational_covariance", "variational_fit",
    "variational_prior",
]  # fmt: skip
