"""What draws from a posterior are compared with: all partitions of a few rows, with their exact probabilities."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.stats import multivariate_t, t

from gmix.gibbs.conjugate import ConjugateComponents
from gmix.gibbs.partitions import DirichletProcess, PartitionPrior
from gmix.model.covariance import FULL


def partitions(n: int) -> Iterator[tuple[int, ...]]:
    """All partitions of n rows as labels in the order of their first rows."""

    def extend(labels: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        if len(labels) == n:
            yield labels
            return
        for label in range(max(labels, default=-1) + 2):
            yield from extend((*labels, label))

    yield from extend(())


def log_marginal(x: Any, model: ConjugateComponents) -> float:
    """The log density of rows of one component, as a product of Student densities of each row given those before."""
    prior, d = model.prior, x.shape[1]
    beta, nu, mean = float(prior.mass[0]), float(prior.divisor[0]), prior.mean[0].copy()
    scale = model.form.dense(prior.scatter, 1, d)[0].copy()
    full, spherical, found = model.form is FULL, prior.scatter.ndim == 1, 0.0
    if spherical:
        scale = scale[0, 0]  # a trace
    for row in x:
        if full:
            freedom = nu - d + 1.0
            found += multivariate_t(mean, scale * (beta + 1.0) / (beta * freedom), df=freedom).logpdf(row)
        elif spherical:
            shape = scale / (d * nu) * (beta + 1.0) / beta * np.eye(d)
            found += multivariate_t(mean, shape, df=d * nu).logpdf(row)
        else:
            deviations = np.sqrt(np.diag(scale) * (beta + 1.0) / (beta * nu))
            found += t(nu, mean, deviations).logpdf(row).sum()
        step = row - mean
        outer = step @ step if spherical else np.outer(step, step)
        scale = scale + beta / (beta + 1.0) * outer
        mean, beta, nu = mean + step / (beta + 1.0), beta + 1.0, nu + 1.0
    return float(found)


def log_prior(counts: Any, prior: PartitionPrior) -> float:
    """The log probability of a partition, as a product of the probabilities of each row's cluster."""
    alpha, found, n = prior.concentration, 0.0, 0
    for k, size in enumerate(counts):
        for m in range(size):
            if isinstance(prior, DirichletProcess):
                found += np.log((m or alpha) / (alpha + n))
            else:
                total = prior.n_components
                found += np.log((m + alpha if m else (total - k) * alpha) / (total * alpha + n))
            n += 1
    return float(found)


def exact_posterior(x: Any, model: ConjugateComponents, prior: PartitionPrior) -> dict[tuple[int, ...], float]:
    """The probability of every partition of the rows."""
    of_rows: dict[tuple[int, ...], float] = {}
    logs = {}
    for labels in partitions(len(x)):
        array = np.array(labels)
        counts = np.bincount(array)
        if prior.n_components is not None and len(counts) > prior.n_components:
            continue
        total = log_prior(counts, prior)
        for k in range(len(counts)):
            rows = tuple(np.flatnonzero(array == k).tolist())
            if rows not in of_rows:
                of_rows[rows] = log_marginal(x[list(rows)], model)
            total += of_rows[rows]
        logs[labels] = total
    values = np.exp(np.array(list(logs.values())) - max(logs.values()))
    return dict(zip(logs, values / values.sum(), strict=True))


def canonical(labels: Any) -> tuple[int, ...]:
    """Labels in the order of their first rows."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return tuple(np.argsort(np.argsort(first))[inverse].tolist())


__all__ = ["canonical", "exact_posterior", "log_marginal", "log_prior", "partitions"]
