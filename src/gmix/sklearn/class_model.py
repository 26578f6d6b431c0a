"""The mixtures of all classes: which fits they need, and what is chosen among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gmix.base.findings import Finding, by_importance
from gmix.fitting.result import Fit
from gmix.model.criteria import penalized
from gmix.model.mixture import GaussianMixture
from gmix.sklearn.class_fits import ClassRows, class_mixtures, class_shares, fit_class, fit_together
from gmix.sklearn.determined import FitSettings, UndeterminedError
from gmix.sklearn.log_loss import chosen_by_log_loss, chosen_together_by_log_loss

__all__ = ["LOG_LOSS", "ClassModel", "Discriminant"]

Array = NDArray[np.float64]
LOG_LOSS = "log_loss"  # the criterion of cross-validation
_SHRUNK = (
    "the rows of a class do not determine its covariances, because they are few or columns follow from others, so all "
    "covariances were shrunk toward the covariance within classes; see shrinkage"
)


@dataclass(frozen=True)
class ClassModel:
    """The mixture of each class.

    Attributes
    ----------
    fits : of each class; or one, of all classes.
    mixtures : of each class.
    shares : ``(G,)`` the estimated probability of each class.
    log_loss : in cross-validation, in nats; NaN without cross-validation.
    """

    fits: tuple[Fit, ...]
    mixtures: tuple[GaussianMixture, ...]
    shares: Array
    log_loss: float = np.nan

    @classmethod
    def of_classes(cls, fits: Sequence[Fit], shares: Array) -> Self:
        return cls(
            tuple(replace(one, search=None) for one in fits),
            tuple(one.gaussian("the classifier") for one in fits),
            shares,
        )

    @classmethod
    def together(cls, found: Fit, rows: ClassRows) -> Self:
        assert found.search is not None
        assert found.groups is not None
        run, labels = found.search.best.run, rows.classes.tolist()
        groups = tuple(labels[number] for number in found.groups)
        fits = (replace(found, search=None, groups=groups),)
        return cls(fits, tuple(class_mixtures(run, len(labels))), class_shares(run, len(labels)))

    @property
    def shrunk(self) -> Self:
        """The same model, with the finding that its covariances were shrunk."""
        finding = Finding("shrunk covariances", _SHRUNK, "note")
        fits = tuple(replace(one, findings=by_importance((*one.findings, finding))) for one in self.fits)
        return replace(self, fits=fits)

    def score(self, name: str) -> float:
        """A criterion of the distribution of rows and labels together, or the log loss; smaller is better."""
        if name == LOG_LOSS:
            return self.log_loss
        log_likelihood = sum(one.log_likelihood for one in self.fits)
        n_parameters, mass = sum(one.n_parameters for one in self.fits), sum(one.mass for one in self.fits)
        if len(self.fits) > 1:
            log_likelihood += mass * float(self.shares @ np.log(self.shares))
            n_parameters += len(self.shares) - 1
        value = penalized(name, log_likelihood, n_parameters, mass)
        return value + sum(one.icl - one.bic for one in self.fits) if name == "icl" else value


@dataclass(frozen=True)
class Discriminant:
    """What mixtures of classes are compared, and how they are chosen.

    Attributes
    ----------
    components : of each class: a number, or several to choose from.
    models : those to compare: ``"mclustda"``, ``"edda"`` or both.
    covariance, criterion, effort : arguments of `gmix.fit`; the criterion may be `LOG_LOSS`.
    folds : of cross-validation.
    """

    components: tuple[int | list[int], ...]
    models: tuple[str, ...]
    covariance: Any
    criterion: str
    folds: int
    effort: float

    def fit(self, rows: ClassRows, priors: Array, strength: float, rng: np.random.Generator) -> ClassModel:
        """Fit the mixtures with a prior of this strength; `priors` ``(G,)`` are the class probabilities in log losses.

        Raises `UndeterminedError` if the rows determine none of the models.
        """
        criterion = "bic" if self.criterion == LOG_LOSS else self.criterion
        settings = FitSettings(1, self.covariance, criterion, self.effort, rows.prior(strength))
        fits = {"mclustda": self._mclustda, "edda": self._edda}
        found, errors = [], []
        for name in self.models:
            try:
                found.append(fits[name](rows, settings, priors, rng))
            except UndeterminedError as error:
                errors.append(error)
        if not found:
            raise errors[0]
        return min(found, key=lambda one: one.score(self.criterion))

    def _mclustda(self, rows: ClassRows, settings: FitSettings, priors: Array, rng: np.random.Generator) -> ClassModel:
        known, by_loss, loss = rows.known, self.criterion == LOG_LOSS, np.nan
        counts: list[Any] = [*self.components]
        if known is rows or by_loss or not all(isinstance(one, int) for one in counts):
            each = [replace(settings, components=one) for one in counts]
            fits = [fit_class(known, number, own, rng) for number, own in enumerate(each)]
            if by_loss:
                fits, loss = chosen_by_log_loss(known, fits, each, priors, self.folds, rng)
            if known is rows:
                return replace(ClassModel.of_classes(fits, rows.shares), log_loss=loss)
            counts = [one.mixture.n_components for one in fits]
            if by_loss:
                settings = replace(settings, covariance=list(dict.fromkeys(one.mixture.structure for one in fits)))
        found = fit_together(rows, dict(enumerate(counts)), settings, rng)
        return replace(ClassModel.together(found, rows), log_loss=loss)

    def _edda(self, rows: ClassRows, settings: FitSettings, priors: Array, rng: np.random.Generator) -> ClassModel:
        components, known, loss = dict.fromkeys(range(len(rows.classes)), 1), rows.known, np.nan
        if self.criterion == LOG_LOSS:
            found = fit_together(known, components, settings, rng)
            found, loss = chosen_together_by_log_loss(known, found, settings, priors, self.folds, rng)
            settings = replace(settings, covariance=found.mixture.structure)
        if self.criterion != LOG_LOSS or known is not rows:
            found = fit_together(rows, components, settings, rng)
        return replace(ClassModel.together(found, rows), log_loss=loss)
