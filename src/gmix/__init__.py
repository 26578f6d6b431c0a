"""Gaussian mixtures: find the sum of Gaussians that describes a cloud of points, and use it as a distribution."""

from gmix.errors import DataError, GmixError, GmixWarning, ModelFileError, ParameterError
from gmix.files import load
from gmix.fit import Finding, Fit, fit
from gmix.metropolis import Chains, metropolis
from gmix.mixture import GaussianMixture
from gmix.predict import predict_to
from gmix.priors import Dirichlet, NormalInverseWishart
from gmix.sources import expect
from gmix.statistics import SufficientStatistics
from gmix.stop import Reason

__version__ = "0.1.0"

__all__ = [
    "Chains",
    "DataError",
    "Dirichlet",
    "Finding",
    "Fit",
    "GaussianMixture",
    "GmixError",
    "GmixWarning",
    "ModelFileError",
    "NormalInverseWishart",
    "ParameterError",
    "Reason",
    "SufficientStatistics",
    "expect",
    "fit",
    "load",
    "metropolis",
    "predict_to",
]
