"""Moves of factor models between optima, in which rows change their cluster.

Two clusters are merged and another one is divided, or rows are assigned by held-out densities. Covariances of factor
models are expensive to merge and to split as matrices, so the moves are made on the rows: each cluster is divided by a
factor model of two components, and pairs of clusters are joined by one of one component.
"""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmix.base.rows import Rows
from gmix.fitting.em import Run, raise_if_interrupted, run_em
from gmix.fitting.refinement import allowance
from gmix.fitting.start import KMeansPlusPlus, SeedRows
from gmix.model.covariance import Structure
from gmix.model.covariance.low_rank import projection
from gmix.model.mixture import GaussianMixture, compact_covariances, mixtures_from_statistics, unchecked_mixture
from gmix.model.priors import Prior
from gmix.model.statistics import SufficientStatistics
from gmix.model.stopping import Round, StoppingRule
from gmix.sources import MemorySource

__all__ = ["moved"]

Array = NDArray[np.float64]
Labels = NDArray[np.intp]
_STARTS = KMeansPlusPlus(runs=4)  # of the division of a cluster
_FEW = StoppingRule(1e-2, 8)  # of the runs that say what a division gains or a merger loses
_DIVISIONS = (Round(StoppingRule(0.0, 1), 1),)
_PAIRS = 20  # of clusters, the nearest, that may be merged
_PROPOSALS = 6  # pairs of a division and a merger from which EM runs race
_LEAST_LEFT = 0.1  # of one, after the leverage of a row
_RACE = (Round(StoppingRule(0.0, 3), 3), Round(StoppingRule(1e-3, 30), 1))


class _Part(NamedTuple):
    """The rows of one cluster, or of two together, as a factor model of their own describes them."""

    log_likelihood: float
    labels: Labels


def moved(
    table: MemorySource, run: Run, rule: StoppingRule, prior: Prior | None, most: int, rng: np.random.Generator
) -> Run:
    """The best run that at most this many moves reach, each from the optimum before; a run on these rows.

    Source: Ueda, Nakano, Ghahramani & Hinton (2000), *Neural Computation* 12:2109.
    """
    for _ in range(most):
        rows, mixture = table.everything, run.gaussian
        counting, k = rows.mass > 0.0, mixture.n_components
        proposals = [_held_out(rows, mixture), *_exchanged(table, rows, mixture, rng)]
        labels = [each for each in proposals if np.bincount(each[counting], minlength=k).all()]
        if not labels:
            break
        starts = _mixtures(table, rows, labels, k, mixture.structure, prior)
        runs = run_em(table, starts, rule, prior, _RACE, patient=False)
        raise_if_interrupted(runs)
        best = max((each for each in runs if not each.collapsed), key=lambda each: each.objective, default=run)
        if best.objective <= run.objective + allowance(run.mixture.n_parameters):
            break
        run = best
    return run


def _held_out(rows: Rows, mixture: GaussianMixture) -> Labels:
    """The cluster of highest density of each row, if the row is held out of the fit of its own cluster.

    With many columns a row attracts the mean and the factors of its own cluster, so EM does not move it to another. By
    the usual approximation, holding out a row of leverage h multiplies its squared distance by ``1 / (1 - h)^2``.
    """
    compact, regression = compact_covariances(mixture), projection(compact_covariances(mixture))
    clusters = mixture.predict(rows.values)
    joint = np.empty((len(rows), mixture.n_components))
    for k, mean in enumerate(mixture.means):
        one = np.s_[k : k + 1]
        alone = unchecked_mixture(np.ones(1), mixture.means[one], compact[one], mixture.structure, None)
        peak = float(alone.log_density(mean[None])[0])
        squared = 2.0 * (peak - alone.log_density(rows.values))
        own = np.flatnonzero((clusters == k) & (rows.mass > 0.0))
        scores = (rows.values[own] - mean) @ regression[k]
        weighted = scores * rows.mass[own, None]
        moments = np.linalg.pinv(scores.T @ weighted, hermitian=True)
        leverage = rows.mass[own] / max(rows.mass[own].sum(), 1e-300) + (weighted @ moments * scores).sum(1)
        squared[own] /= np.maximum(1.0 - leverage, _LEAST_LEFT) ** 2
        joint[:, k] = np.log(max(mixture.weights[k], 1e-300)) + peak - squared / 2.0
    return np.asarray(joint.argmax(1))


def _exchanged(table: MemorySource, rows: Rows, mixture: GaussianMixture, rng: np.random.Generator) -> list[Labels]:
    """Clusters of which two are merged and another is divided, those that promise most."""
    k, structure = mixture.n_components, mixture.structure
    clusters = mixture.predict(rows.values, threads=table.threads)
    members = [np.flatnonzero((clusters == j) & (rows.mass > 0.0)) for j in range(k)]
    if not all(len(own) for own in members):
        return []
    least = structure.rows_needed(mixture.n_features)
    alone = [_part(table, rows[own], [np.zeros(len(own), np.intp)], 1, structure) for own in members]
    divided = [
        _divided(table, rows[own], structure, rng) if len(own) >= 2 * least and k > 2 else None for own in members
    ]
    made: list[tuple[float, Labels]] = []
    for i, j in _nearest_pairs(mixture):
        union = np.concatenate([members[i], members[j]])
        joined = _part(table, rows[union], [np.zeros(len(union), np.intp)], 1, structure)
        for at, parts in enumerate(divided):
            if parts is None or at in (i, j) or np.bincount(parts.labels, minlength=2).min() < least:
                continue
            gain = parts.log_likelihood - alone[at].log_likelihood
            gain += joined.log_likelihood - alone[i].log_likelihood - alone[j].log_likelihood
            labels = np.where(clusters == j, i, clusters)
            labels[members[at][parts.labels == 1]] = j
            made.append((gain, labels))
    made.sort(key=lambda each: -each[0])
    return [labels for _, labels in made[:_PROPOSALS]]


def _divided(table: MemorySource, rows: Rows, structure: Structure, rng: np.random.Generator) -> _Part:
    """A cluster in two parts, as the best of several divisions."""
    deviations = rows.values - np.average(rows.values, axis=0, weights=rows.mass)
    spread = np.sqrt(np.average(deviations**2, axis=0, weights=rows.mass))
    standard = np.divide(deviations, spread, out=np.zeros_like(deviations), where=spread > 0.0)
    seeds = SeedRows(rows, [standard], np.empty((0, 0))).along_main_axes(2)
    return _part(table, rows, _STARTS.clustering(rng)(seeds, 2), 2, structure)


def _part(table: MemorySource, rows: Rows, labels: list[Labels], n_components: int, structure: Structure) -> _Part:
    """The best of short runs on some rows, one from each array of labels."""
    some = MemorySource.of_rows(rows, table)
    runs = run_em(some, _mixtures(some, rows, labels, n_components, structure, None), _FEW, None, _DIVISIONS)
    raise_if_interrupted(runs)
    return _Part(runs[0].statistics.log_likelihood, runs[0].mixture.predict(rows.values, threads=table.threads))


def _mixtures(
    table: MemorySource, rows: Rows, labels: list[Labels], n_components: int, structure: Structure, prior: Prior | None
) -> list[GaussianMixture]:
    """One M-step from each array of labels."""
    form = structure.form
    made = [
        SufficientStatistics.from_labels(form, rows.values, each, n_components, rows.weights).on(table.reference(form))
        for each in labels
    ]
    return mixtures_from_statistics(made, structure, prior, table.features)


def _nearest_pairs(mixture: GaussianMixture) -> list[tuple[int, int]]:
    """Pairs of components whose means are nearest, in standard deviations of the columns within components."""
    spread = np.sqrt(mixture.weights @ (mixture.noise_variances + (mixture.loadings**2).sum(-1)))
    means = mixture.means / spread
    pairs = list(combinations(range(mixture.n_components), 2))
    return sorted(pairs, key=lambda pair: float(((means[pair[0]] - means[pair[1]]) ** 2).sum()))[:_PAIRS]
