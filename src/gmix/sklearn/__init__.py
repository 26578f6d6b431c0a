"""Estimators with scikit-learn's constructor, attributes and methods. Its names live in this package alone."""

from gmix.sklearn.bayesian import BayesianGaussianMixture
from gmix.sklearn.classifier import GaussianMixtureClassifier
from gmix.sklearn.estimator import GaussianMixture
from gmix.sklearn.regressor import GaussianMixtureRegressor

__all__ = ["BayesianGaussianMixture", "GaussianMixture", "GaussianMixtureClassifier", "GaussianMixtureRegressor"]
