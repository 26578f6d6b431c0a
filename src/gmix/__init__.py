"""Gaussian mixtures: find the sum of Gaussians that describes a cloud of points, and use it as a distribution."""

from gmix.base.errors import ClusterError, DataError, GmixError, ModelFileError, ParameterError
from gmix.base.findings import Finding
from gmix.base.progress import Progress
from gmix.distribution.mixing import mix
from gmix.exchange.onnx_model import to_onnx
from gmix.exchange.parameters import read_parameters
from gmix.fitting.fit import fit
from gmix.fitting.result import Fit, StandardErrors, load
from gmix.fitting.stepwise import Stepwise
from gmix.inference.agreement import Agreement, Reliability, agreement
from gmix.inference.bootstrap import Bootstrap, LikelihoodRatioTest, bootstrap, likelihood_ratio_test
from gmix.inference.cross_validation import cross_validate
from gmix.inference.goodness_of_fit import GoodnessOfFit, goodness_of_fit
from gmix.inference.imputation import Imputations, impute
from gmix.inference.merging import Merging, merge
from gmix.inference.pooling import PooledEstimate
from gmix.inference.predict import predict_to
from gmix.inference.standard_errors import standard_errors
from gmix.model import covariance as covariance, criteria as criteria, regions as regions
from gmix.model.background import Background
from gmix.model.mixture import GaussianMixture
from gmix.model.outliers import OutlierScores
from gmix.model.priors import Dirichlet, NormalInverseWishart
from gmix.model.shrinkage import Shrinkage
from gmix.model.statistics import SufficientStatistics
from gmix.model.stopping import Reason
from gmix.model.student import StudentMixture
from gmix.model.variational import Posterior, VariationalPrior
from gmix.sources import CSV, expect

__version__ = "0.1.0"
from gmix.gibbs import AlignedDraws, PosteriorDraws, posterior
from gmix.sampler import Chains, metropolis

__all__ = [
    "CSV",
    "Agreement",
    "AlignedDraws",
    "Background",
    "Bootstrap",
    "Chains",
    "ClusterError",
    "DataError",
    "Dirichlet",
    "Finding",
    "Fit",
    "GaussianMixture",
    "GmixError",
    "GoodnessOfFit",
    "Imputations",
    "LikelihoodRatioTest",
    "Merging",
    "ModelFileError",
    "NormalInverseWishart",
    "OutlierScores",
    "ParameterError",
    "PooledEstimate",
    "Posterior",
    "PosteriorDraws",
    "Progress",
    "Reason",
    "Reliability",
    "Shrinkage",
    "StandardErrors",
    "Stepwise",
    "StudentMixture",
    "SufficientStatistics",
    "VariationalPrior",
    "agreement",
    "bootstrap",
    "cross_validate",
    "expect",
    "fit",
    "goodness_of_fit",
    "impute",
    "likelihood_ratio_test",
    "load",
    "merge",
    "metropolis",
    "mix",
    "posterior",
    "predict_to",
    "read_parameters",
    "standard_errors",
    "to_onnx",
]


def __dir__() -> list[str]:
    return [*__all__, "covariance", "criteria", "plot", "regions", "sources"]
