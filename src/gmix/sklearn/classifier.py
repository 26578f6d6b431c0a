"""The estimator `GaussianMixtureClassifier`."""
# ruff: noqa: N803, N806  (X is scikit-learn's name for the rows)

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from gmix.base.arguments import as_list, as_numbers, is_count
from gmix.base.errors import DataError, ParameterError, one_of
from gmix.base.table import as_weights
from gmix.fitting.result import Fit
from gmix.model.criteria import CRITERIA
from gmix.model.mixture import GaussianMixture, with_dependent_features
from gmix.sklearn.array_api import as_numpy, in_kind
from gmix.sklearn.class_fits import ClassRows
from gmix.sklearn.class_labels import as_class_labels
from gmix.sklearn.class_model import LOG_LOSS, ClassModel, Discriminant
from gmix.sklearn.dependence import dependence_in
from gmix.sklearn.determined import AUTO, UndeterminedError, check_shrinkage
from gmix.sklearn.generator import as_random_generator

__all__ = ["GaussianMixtureClassifier"]

Array = NDArray[np.float64]
_NUMBERS: dict[str, Any] = {"dtype": [np.float64, np.float32], "ensure_all_finite": "allow-nan"}  # NaN is missing
_AUTO = [1, 2, 3, 4, 5]  # components of a class, as in mclust's MclustDA
_ROUNDED = 1e-3  # departure of the sum of probabilities from 1 that is accepted as rounding
_MODELS = {AUTO: ("edda", "mclustda"), "mclustda": ("mclustda",), "edda": ("edda",)}


class GaussianMixtureClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    r"""Classification by one Gaussian mixture for each class: discriminant analysis, MclustDA and EDDA.

    A row belongs to class g with the probability

    .. math:: P(g \mid x) = \frac{\pi_g \, p_g(x)}{\sum_h \pi_h \, p_h(x)}, \qquad
              p_g(x) = \sum_{k=1}^{K_g} w_{gk} \, N(x \mid \mu_{gk}, \Sigma_{gk}).

    With ``model="mclustda"`` each class has its own number of components and its own covariance structure (Fraley &
    Raftery 2002, *Journal of the American Statistical Association* 97:611). With ``model="edda"`` each class is one
    Gaussian, and all have one structure (Bensmail & Celeux 1996, *Journal of the American Statistical Association*
    91:1743). Then ``"EEE"`` is linear discriminant analysis and ``"VVV"`` quadratic, with maximum-likelihood
    covariances.

    NaN in ``X`` is a missing cell; all methods use the other cells of the row. Rows of unknown class, with ``None``,
    NaN or `unlabeled` in ``y``, are used as well: all classes are then fitted together by EM, with one structure. Each
    class has the number of components that suits its labeled rows.

    Parameters
    ----------
    n_components : the number of components of each class, several to choose from, or ``"auto"`` for 1 to 5; or a
        mapping of labels to these. In EDDA it is one.
    covariance_type : the code or name of a structure, several to choose from, or ``"auto"`` for all, as `covariance` of
        `gmix.fit`.
    model : ``"mclustda"`` or ``"edda"``; ``"auto"`` compares both, if `n_components` is ``"auto"`` too.
    criterion : what chooses: ``"bic"``, ``"aic"``, ``"aicc"``, ``"icl"``, ``"caic"`` or ``"sabic"``; or ``"log_loss"``,
        the sum of ``-log P(y | x)`` over rows of known class in cross-validation.
    folds : the number of folds of cross-validation; at most the number of rows of the smallest class.
    priors : ``(G,)`` the class probabilities in the order of `classes_`; None for the shares of the classes in the
        rows, by weight. If there are rows of unknown class, None estimates the shares in all rows.
    shrinkage : the strength of a prior that shrinks the covariances to the covariance within classes, as a multiple of
        mclust's ``D + 2`` rows; zero for maximum likelihood. ``"auto"``: zero, or 1 if the rows of a class do not
        determine its covariances, because they are few or because a column is constant in this class. With
        ``model="auto"``, a model that the rows determine is preferred to shrinkage.
    unlabeled : the value in ``y`` of rows of unknown class, or None if there is no such value. If ``y`` has only one
        number besides, as with -1 and 1, both are classes.
    effort : how much work the search for better local optima may do; see `gmix.fit`.
    random_state : a seed, a ``numpy.random.RandomState`` or a `numpy.random.Generator`.

    Attributes
    ----------
    classes_ : ``(G,)`` the sorted labels of the rows of positive weight.
    mixtures_ : the `gmix.GaussianMixture` of each class, by label.
    fits_ : the `gmix.Fit` of each class, by label. In EDDA, and with rows of unknown class, all are the same fit, whose
        ``groups`` are the labels of its components.
    priors_ : ``(G,)`` the class probabilities.
    shrinkage_ : the strength that was used.
    bic_ : BIC of the whole model, of rows and labels together, with the estimated class probabilities.
    n_features_in_, feature_names_in_ : as in scikit-learn.

    >>> from sklearn.datasets import load_iris
    >>> from gmix.sklearn import GaussianMixtureClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = GaussianMixtureClassifier(model="edda", covariance_type="EEE").fit(X, y)
    >>> classifier.predict([[5.0, 3.4, 1.5, 0.2], [6.5, 3.0, 5.5, 2.0]])
    array([0, 2])
    >>> classifier.predict_proba([[6.0, 2.8, 4.8, 1.6]]).round(2)
    array([[0. , 0.7, 0.3]])
    """

    classes_: NDArray[Any]
    mixtures_: dict[Any, GaussianMixture]
    fits_: dict[Any, Fit]
    priors_: Array
    shrinkage_: float
    bic_: float

    def __init__(
        self,
        n_components: Any = "auto",
        *,
        covariance_type: Any = "auto",
        model: str = "auto",
        criterion: str = "bic",
        folds: int = 5,
        priors: ArrayLike | None = None,
        shrinkage: float | str = "auto",
        unlabeled: Any = -1,
        effort: float = 1.0,
        random_state: int | np.random.RandomState | np.random.Generator | None = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.model = model
        self.criterion = criterion
        self.folds = folds
        self.priors = priors
        self.shrinkage = shrinkage
        self.unlabeled = unlabeled
        self.effort = effort
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the mixtures to rows ``X (N, D)`` with classes ``y (N,)``.

        A row of weight 2 counts twice, a row of weight 0 not at all. Raises `DataError` if no class is known, or if a
        class has too few rows for `n_components`, and warns with scikit-learn's ``ConvergenceWarning`` if EM did not
        converge.
        """
        rows = self._labeled_rows(X, y, sample_weight)
        labels = rows.classes.tolist()
        discriminant = self._discriminant(labels)
        given = self._given_priors(len(labels))
        dependence = dependence_in(rows.values)
        part = rows if dependence is None else rows.select(dependence.independent)
        model, self.shrinkage_ = self._fitted_model(discriminant, part, rows.shares if given is None else given)
        mixtures = list(model.mixtures)
        if dependence is not None:
            names = None if rows.names is None else tuple(rows.names)
            mixtures = [with_dependent_features(one, dependence, names) for one in mixtures]
        self.classes_ = rows.classes
        self.mixtures_ = dict(zip(labels, mixtures, strict=True))
        self.fits_ = dict(zip(labels, model.fits * (len(labels) // len(model.fits)), strict=True))
        self.priors_ = model.shares if given is None else given
        self.bic_ = model.score("bic")
        if not all(one.converged for one in model.fits):
            warnings.warn("EM did not converge; see the findings of fits_", ConvergenceWarning, stacklevel=2)
        return self

    def predict(self, X: Any) -> Any:
        """The most probable class ``(N,)`` of each row."""
        joint = self._joint_log_density(X)
        labels = np.asarray(self.classes_[joint.argmax(1)])
        return in_kind(labels, X) if labels.dtype.kind in "biuf" else labels  # other libraries hold no text

    def predict_proba(self, X: Any) -> Any:
        """The probability ``(N, G)`` of each class."""
        return in_kind(np.exp(self._log_probabilities(X)), X)

    def predict_log_proba(self, X: Any) -> Any:
        """The logarithm of `predict_proba`, accurate for probabilities too small for float64."""
        return in_kind(self._log_probabilities(X), X)

    def decision_function(self, X: Any) -> Any:
        """``log pi_g + log p_g(x)`` of each row and class, ``(N, G)``; for two classes the log odds ``(N,)``.

        The log odds are those of the second class.
        """
        joint = self._joint_log_density(X)
        return in_kind(joint[:, 1] - joint[:, 0] if joint.shape[1] == 2 else joint, X)

    def _log_probabilities(self, X: Any) -> Array:
        joint = self._joint_log_density(X)
        return np.asarray(joint - logsumexp(joint, axis=1, keepdims=True))

    def _joint_log_density(self, X: Any) -> Array:
        """``log pi_g + log p_g(x)`` of each row and class, ``(N, G)``."""
        check_is_fitted(self, "mixtures_")
        X = validate_data(self, as_numpy(X), reset=False, **_NUMBERS)
        with np.errstate(divide="ignore"):
            log_priors = np.log(self.priors_)
        joint = log_priors + np.column_stack([mixture.log_density(X) for mixture in self.mixtures_.values()])
        joint[np.isneginf(joint).all(1)] = log_priors  # so far away that all densities are zero in float64
        return joint

    def _labeled_rows(self, X: Any, y: Any, sample_weight: ArrayLike | None) -> ClassRows:
        """The rows of positive weight that have a value, with their classes. Raises ``ValueError`` for wrong ones."""
        if y is None:
            raise DataError("GaussianMixtureClassifier requires y to be passed, but the target y is None; give labels")
        X, y, sample_weight = map(as_numpy, (X, y, sample_weight))
        X = validate_data(self, X, ensure_min_samples=2, **_NUMBERS)
        check_consistent_length(X, y)
        labels = as_class_labels(y, self.unlabeled)
        weight = as_weights(sample_weight, len(X))
        if weight is not None and not (weight > 0.0).any():
            raise DataError("all weights in sample_weight are zero; give some rows a weight above zero")
        counting = ~np.isnan(X).all(1) & (True if weight is None else weight > 0.0)
        labels = labels.take(counting)
        if not len(labels.classes):
            raise DataError("no row of known class has a value and a weight; give at least one that has")
        names = list(getattr(self, "feature_names_in_", ()))
        columns = names if names and len(set(names)) == len(names) else None
        weight = None if weight is None else weight[counting]
        return ClassRows(X[counting], weight, labels.numbers, labels.classes, columns).distinct

    def _discriminant(self, labels: list[Any]) -> Discriminant:
        """What is compared, from the parameters. Raises `ParameterError` for one that is invalid."""
        model = one_of(self.model, _MODELS, "model")
        criterion = one_of(self.criterion, [*CRITERIA, LOG_LOSS], "criterion")
        if not is_count(self.folds, 2):
            raise ParameterError(f"folds is {self.folds!r}; give a whole number, 2 or more")
        check_shrinkage(self.shrinkage)
        models = _MODELS[model]
        if not (isinstance(self.n_components, str) and self.n_components == AUTO):
            if model == "edda":
                raise ParameterError(f"n_components is {self.n_components!r}; with model='edda', leave it out")
            models = _MODELS["mclustda"]
        given = self.n_components
        given = given if isinstance(given, Mapping) else dict.fromkeys(labels, given)
        if set(given) != set(labels):
            raise ParameterError(f"n_components has the labels {[*given]}; give those of the rows, {labels}")
        components = tuple(_counts(given[label]) for label in labels)
        return Discriminant(components, models, self.covariance_type, criterion, int(self.folds), self.effort)

    def _given_priors(self, n_classes: int) -> Array | None:
        """The class probabilities ``(G,)``, if they are given. Raises `ParameterError` if they are wrong."""
        if self.priors is None:
            return None
        priors = as_numbers(self.priors, "priors")
        if priors.shape != (n_classes,) or not (priors >= 0.0).all() or not abs(priors.sum() - 1.0) < _ROUNDED:
            raise ParameterError(f"priors is {self.priors!r}; give {n_classes} probabilities, whose sum is 1")
        return np.asarray(priors / priors.sum())

    def _fitted_model(self, discriminant: Discriminant, rows: ClassRows, priors: Array) -> tuple[ClassModel, float]:
        """The model, and the strength of its shrinkage."""
        priors = np.maximum(priors, np.finfo(np.float64).tiny)  # because log losses need their logarithms
        rng = as_random_generator(self.random_state)
        strength = 0.0 if self.shrinkage == AUTO else float(self.shrinkage)
        try:
            return discriminant.fit(rows, priors, strength, rng), strength
        except UndeterminedError:
            if self.shrinkage != AUTO:
                raise
        return discriminant.fit(rows, priors, 1.0, rng).shrunk, 1.0

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _counts(components: Any) -> int | list[int]:
    """The number of components of a class, or several to choose from. Raises `ParameterError`."""
    if isinstance(components, str) and components == AUTO:
        return _AUTO
    if is_count(components):
        return int(components)
    counts = None if isinstance(components, str) else as_list(components)
    if not counts or not all(is_count(one) for one in counts):
        raise ParameterError(f"n_components is {components!r}; give whole numbers above zero, or 'auto'")
    return [int(one) for one in counts]
