"""How well clusters or probabilities agree with known labels: adjusted Rand index, error, Brier score, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmix.base.arguments import as_numbers, is_count
from gmix.base.errors import DataError, ParameterError
from gmix.base.labels import Label, label_names, label_numbers, plain_labels
from gmix.base.other_names import other_words
from gmix.base.table import weights_of
from gmix.base.wording import count, percent
from gmix.fitting.classification import Classification
from gmix.notebook import agreement_html

__all__ = ["Agreement", "Reliability", "agreement"]

Array = NDArray[np.float64]
_Z = 1.959963984540054  # the 97.5 % quantile of the standard normal distribution
_NOTHING = 1e-9  # of probability, that rounding may leave


class Reliability(NamedTuple):
    """Predicted probabilities in bins, and how often they came true.

    Attributes
    ----------
    predicted : ``(B,)``, the mean probability in each bin that has rows.
    observed : ``(B,)``, the share of the rows for which the prediction was true.
    low, high : ``(B,)``, the ends of Wilson's 95 % interval for the probability that a prediction is true.
    weight : ``(B,)``, the weighted number of rows.
    """

    predicted: Array
    observed: Array
    low: Array
    high: Array
    weight: Array

    @property
    def calibration_error(self) -> float:
        """The mean distance between predicted and observed, by weight: the expected calibration error."""
        return float(self.weight @ np.abs(self.predicted - self.observed) / self.weight.sum())


@dataclass(frozen=True, eq=False)
class Agreement:
    """The agreement of clusters, or of probabilities of classes, with the labels of rows.

    Attributes
    ----------
    classes : the labels, in order.
    clusters : the names of the clusters; the last is None if some rows belong to no cluster, but to a background.
    table : ``(G, K)``, the weighted number of rows of each class in each cluster.
    matching : ``(K,)``, the position of the class that each cluster stands for; -1 for none.
    adjusted_rand : the adjusted Rand index; see `agreement`.
    error : the share of the rows whose cluster stands for another class than theirs, or for none.
    brier : the Brier score; None without probabilities.
    """

    classes: tuple[Label, ...]
    clusters: tuple[Label | None, ...]
    table: Array
    matching: NDArray[np.intp]
    adjusted_rand: float
    error: float
    brier: float | None
    _probabilities: Array | None  # (N, G) of the classes
    _labels: NDArray[np.intp]  # (N,)
    _weight: Array  # (N,)

    @cached_property
    def calibration_error(self) -> float | None:
        """The expected calibration error of the most probable class, in ten bins; None without probabilities."""
        return None if self._probabilities is None else self.reliability().calibration_error

    def reliability(self, label: Label | None = None, *, bins: int = 10) -> Reliability:
        """Compare predicted probabilities with how often they came true, in bins of equal width from 0 to 1.

        Parameters
        ----------
        label : the class whose probability is compared; None for the most probable class of each row (Guo, Pleiss, Sun
            & Weinberger 2017, *International Conference on Machine Learning*).
        bins : their number. Those without rows are left out.

        Raises `ParameterError` for an unknown label, and without probabilities.
        """
        if self._probabilities is None:
            raise ParameterError("clusters have no probabilities; give probabilities (N, K) to agreement")
        if not is_count(bins):
            raise ParameterError(f"bins is {bins!r}; give a whole number above zero")
        if label is None:
            predicted = self._probabilities.max(1)
            true = self._probabilities.argmax(1) == self._labels
        else:
            if label not in self.classes:
                raise ParameterError(f"label is {label!r}; give one of {', '.join(map(repr, self.classes))}, or None")
            g = self.classes.index(label)
            predicted, true = self._probabilities[:, g], self._labels == g
        place = np.minimum((predicted * bins).astype(np.intp), bins - 1)
        weight = np.bincount(place, self._weight, bins)
        used = weight > 0
        sums = [np.bincount(place, self._weight * values, bins)[used] for values in (predicted, true)]
        n = np.asarray(weight[used], np.float64)
        mean, share = sums[0] / n, np.clip(sums[1] / n, 0.0, 1.0)
        center = (share + _Z**2 / (2.0 * n)) / (1.0 + _Z**2 / n)
        half = _Z * np.sqrt(share * (1.0 - share) / n + _Z**2 / (4.0 * n**2)) / (1.0 + _Z**2 / n)
        return Reliability(mean, share, np.maximum(center - half, 0.0), np.minimum(center + half, 1.0), n)

    def __repr__(self) -> str:
        classes = f"{len(self.classes)} class{'es' * (len(self.classes) != 1)}"
        return (
            f"Agreement({classes}, {count(len(self.clusters), 'cluster')}, "
            f"adjusted Rand index {self.adjusted_rand:.3f}, error {percent(self.error)})"
        )

    def __str__(self) -> str:
        lines = [f"{name:<28}{value}" for name, value in self.numbers]
        heads = [f"{name}" for name in self.cluster_names]
        width = max(9, *(len(head) + 2 for head in heads))
        first = max(7, *(len(str(name)) + 2 for name in self.classes))
        lines += [f"  {'class':<{first}}" + "".join(f"{head:>{width}}" for head in heads)]
        for name, row in zip(self.classes, self.table, strict=True):
            lines.append(f"  {name!s:<{first}}" + "".join(f"{value:>{width}.6g}" for value in row))
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return agreement_html(self)

    @property
    def numbers(self) -> list[tuple[str, str]]:
        """The measures as text, with their names."""
        found = [("adjusted Rand index", f"{self.adjusted_rand:.4f}"), ("classification error", f"{self.error:.4f}")]
        if self.brier is not None and self.calibration_error is not None:
            found.append(("Brier score", f"{self.brier:.4f}"))
            found.append(("expected calibration error", f"{self.calibration_error:.4f}"))
        return found

    @property
    def cluster_names(self) -> list[str]:
        """The clusters, and after an arrow the class that each stands for if its name is another one."""
        names = []
        for name, g in zip(self.clusters, self.matching.tolist(), strict=True):
            meant = None if g < 0 else self.classes[g]
            own = "background" if name is None else str(name)
            names.append(own if meant is None or meant == name else f"{own} \N{RIGHTWARDS ARROW} {meant}")
        return names


@other_words()
def agreement(labels: Any, predicted: Any, *, sample_weight: ArrayLike | None = None) -> Agreement:
    r"""Measure how well clusters, or probabilities of clusters or classes, agree with the labels of rows.

    With :math:`n_{gk}` rows of class g in cluster k, the adjusted Rand index is

    .. math:: \frac{\sum_{gk} \binom{n_{gk}}2 - e}{\frac12 (a + b) - e}, \quad a = \sum_g \binom{n_{g\cdot}}2, \;
              b = \sum_k \binom{n_{\cdot k}}2, \; e = a b \big/ \tbinom n2,

    1 if both divide the rows in the same way, and 0 on average by chance (Hubert & Arabie 1985, *Journal of
    Classification* 2:193). The classification error is that of the best matching of clusters with classes,
    one to one, as in mclust. A cluster without a class counts as an error. The Brier score is

    .. math:: \frac1n \sum_i \sum_g (p_{ig} - y_{ig})^2

    for the probability p of each class and y = 1 for the class of the row, from 0 to 2 (Brier 1950, *Monthly Weather
    Review* 78:1). `Agreement.reliability` and `gmix.plot.calibration` compare probabilities with how often they came
    true.

    Parameters
    ----------
    labels : ``(N,)``, the classes: text or numbers; rows of class None, NaN or -1 are left out.
    predicted : ``(N,)`` the cluster of each row, such as ``fit.predict(x)``; or ``(N, K)`` the probability of each
        cluster, such as ``fit.mixture.responsibilities(x)``; or what `Fit.classify` returned, which has names, so that
        nothing is matched. Clusters of -1 or None, and the probability that is missing from a sum of one, belong to a
        background, which stands for no class.
    sample_weight : ``(N,)``. A row of weight 2 counts twice.

    Returns
    -------
    An `Agreement`.

    Raises `DataError` for labels or predictions that cannot be used, and if no row has a label.

    >>> import gmix
    >>> found = gmix.agreement(["a", "a", "b", "b"], [1, 1, 0, 1])
    >>> found.adjusted_rand, found.error
    (0.0, 0.25)
    >>> found.cluster_names
    ['0 → b', '1 → a']
    """
    truth = plain_labels(labels)
    named = isinstance(predicted, Classification)
    names, shares = _predictions(predicted, len(truth))
    given = weights_of(None, sample_weight, len(truth))
    weight = np.ones(len(truth)) if given is None else np.asarray(given, np.float64)
    known = np.array([label is not None for label in truth], bool) & (weight > 0)
    if not known.any():
        raise DataError("no row of positive weight has a known label; check the labels")
    kept = [label for label, is_known in zip(truth, known.tolist(), strict=True) if is_known]
    found: Sequence[Label] = label_names(kept)
    classes = (*found, *(name for name in names if named and name is not None and name not in found))
    y, weight, probabilities = label_numbers(kept, classes).astype(np.intp), weight[known], shares[known]
    cluster = probabilities.argmax(1)
    table = np.zeros((len(classes), len(names)))
    np.add.at(table, (y, cluster), weight)
    matching = _by_name(names, classes) if named else _best_matching(table, names)
    of_class = np.zeros((len(y), len(classes)))
    for k, g in enumerate(matching.tolist()):
        if g >= 0:
            of_class[:, g] += probabilities[:, k]
    error = float(weight @ (matching[cluster] != y) / weight.sum())
    brier = None
    if _has_probabilities(predicted):
        misses = of_class - np.eye(len(classes))[y]
        squares = (misses**2).sum(1) + (probabilities.sum(1) - of_class.sum(1)) ** 2
        brier = float(weight @ squares / weight.sum())
    kept_probabilities = of_class if brier is not None else None
    return Agreement(
        classes, names, table, matching, _adjusted_rand(table), error, brier, kept_probabilities, y, weight
    )


def _has_probabilities(predicted: Any) -> bool:
    if isinstance(predicted, Classification):
        return True
    try:
        return np.ndim(predicted) == 2
    except ValueError:  # lists of different lengths
        return False


def _predictions(predicted: Any, n_rows: int) -> tuple[tuple[Label | None, ...], Array]:
    """The names of the clusters, and their probabilities ``(N, K)``."""
    named = isinstance(predicted, Classification)
    names: tuple[Label | None, ...]
    if _has_probabilities(predicted):
        shares = as_numbers(predicted.probabilities if named else predicted, "predicted")
        if len(shares) != n_rows:
            raise DataError(
                f"there are {count(n_rows, 'label')} and {count(len(shares), 'prediction')}; give one for each row"
            )
        if not ((shares >= 0).all() and (shares.sum(1) <= 1.0 + 1e-6).all()):  # NaN compares false
            raise DataError("predicted holds rows that are not probabilities; give shares that sum to at most one")
        names = predicted.names if named else tuple(range(shares.shape[1]))
        rest = np.maximum(1.0 - shares.sum(1), 0.0)
        if rest.max(initial=0.0) > _NOTHING and None not in names:
            names, shares = (*names, None), np.column_stack([shares, rest])
        return names, shares
    clusters = plain_labels(predicted, n_rows)
    names = (*label_names(clusters), *([None] if None in clusters else []))
    numbers = label_numbers(clusters, [name for name in names if name is not None]).astype(np.intp)
    return names, np.eye(len(names))[numbers]  # a cluster of None, -1, is the last


def _by_name(names: Sequence[Label | None], classes: Sequence[Label]) -> NDArray[np.intp]:
    return np.array([-1 if name is None else classes.index(name) for name in names], np.intp)


def _best_matching(table: Array, names: Sequence[Label | None]) -> NDArray[np.intp]:
    """The class ``(K,)`` that each cluster stands for, or -1, so that the most rows agree; one to one."""
    from scipy.optimize import linear_sum_assignment

    own = [k for k, name in enumerate(names) if name is not None]
    matching = np.full(len(names), -1, np.intp)
    rows, columns = linear_sum_assignment(-table[:, own])
    matching[np.array(own, np.intp)[columns]] = rows
    return matching


def _adjusted_rand(table: Array) -> float:
    """The adjusted Rand index of a table ``(G, K)`` of counts."""

    def pairs(counts: Any) -> float:
        return float((np.asarray(counts) * (np.asarray(counts) - 1.0)).sum() / 2.0)

    both, classes, clusters = pairs(table), pairs(table.sum(1)), pairs(table.sum(0))
    every = pairs(table.sum())
    expected = classes * clusters / every if every > 0 else 0.0
    most = (classes + clusters) / 2.0
    return 1.0 if most == expected else (both - expected) / (most - expected)
