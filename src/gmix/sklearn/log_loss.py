"""Choice of the mixtures of classes by cross-validated log loss."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp
from sklearn.model_selection import StratifiedKFold

from gmix.base.errors import DataError
from gmix.fitting.candidates import Candidate
from gmix.fitting.from_search import fit_from_search, inspected, missing_findings
from gmix.fitting.inspection import Sample
from gmix.fitting.result import Fit
from gmix.model.covariance import Structure
from gmix.sklearn.class_fits import ClassRows, class_mixtures, fit_class, fit_together
from gmix.sklearn.determined import FitSettings
from gmix.sources import MemorySource

__all__ = ["chosen_by_log_loss", "chosen_together_by_log_loss"]

Array = NDArray[np.float64]
Key = tuple[Structure, int]  # of a candidate: its structure and its number of components
_GAIN = 1e-9  # nats; a smaller improvement is rounding
Fold = tuple[NDArray[np.intp], NDArray[np.intp]]


def chosen_by_log_loss(
    rows: ClassRows,
    fits: Sequence[Fit],
    settings: Sequence[FitSettings],
    priors: Array,
    folds: int,
    rng: np.random.Generator,
) -> tuple[list[Fit], float]:
    r"""The fit of each class to its candidate of least log loss for rows that it was not fitted to, and the loss.

    With the priors :math:`\pi_g`, the densities :math:`p_g` of the classes fitted without the fold of row i, and its
    weight :math:`w_i`, the log loss is

    .. math:: -\sum_i w_i \log \frac{\pi_{y_i} p_{y_i}(x_i)}{\sum_g \pi_g \, p_g(x_i)}.

    The choices of the classes depend on each other through the denominator. They begin with the candidates of the
    `fits`, and are made for one class at a time, until none changes.
    """
    joint: list[dict[Key, Array]] = [{key: np.empty(len(rows.values)) for key in _sound(found)} for found in fits]
    for train, test in _folds(rows, folds, rng):
        for number, (of_class, own, prior) in enumerate(zip(joint, settings, priors, strict=True)):
            fitted = _sound(fit_class(rows.take(train), number, replace(own, effort=0.0), rng))
            for key in [*of_class]:
                if key in fitted:
                    of_class[key][test] = np.log(prior) + fitted[key].run.mixture.log_density(rows.values[test])
                else:
                    del of_class[key]
    if not all(joint):  # sub-samples of a large table left other candidates in each fold
        return list(fits), np.inf
    keys = [list(of_class) for of_class in joint]
    best = [_key(found) for found in fits]
    first = [of_class.index(key) if key in of_class else 0 for of_class, key in zip(keys, best, strict=True)]
    values = [np.column_stack(list(of_class.values())) for of_class in joint]
    chosen = _least_loss(values, rows.numbers, rows.mass, first)
    loss = _loss(np.column_stack([of_class[:, c] for of_class, c in zip(values, chosen, strict=True)]), rows)
    return [
        _fit_of(found, of_class[place], rows.take(rows.numbers == number))
        for number, (found, of_class, place) in enumerate(zip(fits, keys, chosen, strict=True))
    ], loss


def chosen_together_by_log_loss(
    rows: ClassRows, found: Fit, settings: FitSettings, priors: Array, folds: int, rng: np.random.Generator
) -> tuple[Fit, float]:
    """`chosen_by_log_loss` for a fit to all classes, whose candidates have the same structure in all of them."""
    n_classes = len(priors)
    loss = dict.fromkeys(_sound(found), 0.0)
    for train, test in _folds(rows, folds, rng):
        components = dict.fromkeys(range(n_classes), 1)
        fitted = _sound(fit_together(rows.take(train), components, replace(settings, effort=0.0), rng))
        loss = {key: value for key, value in loss.items() if key in fitted}
        for key in loss:
            mixtures = class_mixtures(fitted[key].run, n_classes)
            joint = np.log(priors) + np.column_stack([one.log_density(rows.values[test]) for one in mixtures])
            loss[key] += _loss(joint, rows.take(test))
    if not loss:
        return found, np.inf
    best = min(loss, key=lambda key: loss[key])
    return _fit_of(found, best, rows), loss[best]


def _least_loss(joint: Sequence[Array], numbers: NDArray[np.intp], mass: Array, first: Sequence[int]) -> list[int]:
    """The candidate of each class, from their joint log densities ``(N, C)``: one class is improved at a time."""
    chosen, changed = list(first), len(joint) > 1
    while changed:
        changed = False
        for number, own in enumerate(joint):
            others = [values[:, c] for g, (values, c) in enumerate(zip(joint, chosen, strict=True)) if g != number]
            total = np.logaddexp(own, logsumexp(others, axis=0)[:, None])
            mine = numbers == number
            loss = mass @ total - mass[mine] @ own[mine]  # up to a constant
            if loss.min() < loss[chosen[number]] - _GAIN:
                chosen[number], changed = int(loss.argmin()), True
    return chosen


def _loss(joint: Array, rows: ClassRows) -> float:
    """The log loss of rows, from the joint log density ``(N, G)`` of each row and class."""
    own = np.take_along_axis(joint, rows.numbers[:, None], 1)[:, 0]
    return float(rows.mass @ (logsumexp(joint, axis=1) - own))


def _sound(found: Fit) -> dict[Key, Candidate]:
    """The candidates of a fit that are not set aside; the best one if all are."""
    assert found.search is not None
    best = found.search.best
    return {(c.structure, c.n_components): c for c in found.search.candidates if not c.is_set_aside or c is best}


def _key(found: Fit) -> Key:
    assert found.search is not None
    return found.search.best.structure, found.search.best.n_components


def _fit_of(found: Fit, key: Key, rows: ClassRows) -> Fit:
    """The fit of one candidate of the search of a fit, with the findings about it."""
    if key == _key(found):
        return found
    assert found.search is not None
    source = MemorySource(rows.values, sample_weight=rows.weights, columns=rows.names)
    alone = replace(found.search, candidates=(_sound(found)[key],))
    chosen = inspected(fit_from_search(alone, found.n_rows, missing_findings(source), found.prior), Sample.of(source))
    groups = alone.best.run.model.groups
    return chosen if groups is None else replace(chosen, groups=tuple(groups.astype(int).tolist()))


def _folds(rows: ClassRows, folds: int, rng: np.random.Generator) -> Iterator[Fold]:
    """The rows to fit and those to evaluate, `folds` times or as often as the smallest class has rows."""
    smallest = int(np.bincount(rows.numbers).min())
    if smallest < 2:
        label = rows.classes.tolist()[np.bincount(rows.numbers).argmin()]
        raise DataError(f"class {label!r} has one row, and cross-validation needs two; choose by criterion='bic'")
    seed = int(rng.integers(np.iinfo(np.int32).max))
    splitter = StratifiedKFold(min(folds, smallest), shuffle=True, random_state=seed)
    yield from splitter.split(rows.numbers, rows.numbers)
