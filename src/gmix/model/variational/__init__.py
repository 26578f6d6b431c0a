"""Variational Bayes: distributions of the parameters of a mixture in place of point estimates."""

from __future__ import annotations

from gmix.model.spread import Spread
from gmix.model.variational.document import posterior_document, posterior_from
from gmix.model.variational.model import VariationalModel
from gmix.model.variational.parameters import ParameterDistribution
from gmix.model.variational.posterior import Posterior
from gmix.model.variational.precisions import WISHART, PrecisionLaw, law_of
from gmix.model.variational.prior import ParameterPrior, VariationalPrior
from gmix.model.variational.student import StudentColumns, predictive
from gmix.model.variational.weights import DirichletWeights, StickBreakingWeights, WeightDistribution

__all__ = [
    "WISHART", "DirichletWeights", "ParameterDistribution", "ParameterPrior", "Posterior", "PrecisionLaw", "Spread",
    "StickBreakingWeights", "StudentColumns", "VariationalModel", "VariationalPrior", "WeightDistribution", "law_of",
    "posterior_document", "posterior_from", "predictive",
]  # fmt: skip
