"""Gaussian mixtures: find the sum of Gaussians that describes a cloud of points, and use it as a distribution."""

from gmix.bootstrap import Bootstrap, LikelihoodRatioTest, bootstrap, likelihood_ratio_test
from gmix.errors import ClusterError, DataError, GmixError, ModelFileError, ParameterError
from gmix.files import load
from gmix.findings import Finding
from gmix.fit import Fit, StandardErrors, fit
from gmix.information import standard_errors
from gmix.merging import Merging, merge
from gmix.metropolis import Chains, metropolis
from gmix.mixture import GaussianMixture
from gmix.predict import predict_to
from gmix.priors import Dirichlet, NormalInverseWishart
from gmix.sources import CSV, expect
from gmix.statistics import SufficientStatistics
from gmix.stepwise import Stepwise
from gmix.stop import Reason
from gmix.validation import cross_validate

__version__ = "0.1.0"

__all__ = [
    "CSV",
    "Bootstrap",
    "Chains",
    "ClusterError",
    "DataError",
    "Dirichlet",
    "Finding",
    "Fit",
    "GaussianMixture",
    "GmixError",
    "LikelihoodRatioTest",
    "Merging",
    "ModelFileError",
    "NormalInverseWishart",
    "ParameterError",
    "Reason",
    "StandardErrors",
    "Stepwise",
    "SufficientStatistics",
    "bootstrap",
    "cross_validate",
    "expect",
    "fit",
    "likelihood_ratio_test",
    "load",
    "merge",
    "metropolis",
    "predict_to",
    "standard_errors",
]
