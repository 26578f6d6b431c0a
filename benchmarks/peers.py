"""Peers: one small adapter a library. Each climbs a stated number of EM steps from a stated start."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from workloads import Workload

Rows = NDArray[np.floating]
Start = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
Climb = Callable[[Workload, Rows, Start, int, int], float]  # -> log-likelihood per row


def gmix(workload: Workload, rows: Rows, start: Start, iterations: int, threads: int) -> float:
    import gmix

    weights, means, covariances = start
    mixture = gmix.GaussianMixture(weights, means, covariances, structure=workload.structure)
    fit = gmix.fit(
        rows, workload.k, covariance=workload.structure, start=mixture,
        tolerance=0.0, max_iterations=iterations, threads=threads,
    )  # fmt: skip
    return fit.log_likelihood / len(rows)


def sklearn(workload: Workload, rows: Rows, start: Start, iterations: int, threads: int) -> float:  # noqa: ARG001
    from sklearn.mixture import GaussianMixture

    weights, means, covariances = start
    precisions = {
        "full": np.linalg.inv(covariances),
        "tied": np.linalg.inv(covariances[0]),
        "diag": 1.0 / np.diagonal(covariances, axis1=1, axis2=2),
        "spherical": 1.0 / covariances[:, 0, 0],
    }[workload.structure]
    model = GaussianMixture(
        workload.k, covariance_type=workload.structure, weights_init=weights, means_init=means,
        precisions_init=precisions, tol=0.0, reg_covar=0.0, max_iter=iterations, init_params="random_from_data",
        random_state=0,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(rows)
    return float(model.lower_bound_)


def onedal(workload: Workload, rows: Rows, start: Start, iterations: int, threads: int) -> float:
    import daal4py

    daal4py.daalinit(threads)
    weights, means, covariances = start
    shape = {"full": "full", "diag": "diagonal"}[workload.structure]
    stated = [np.diag(c)[None] if shape == "diagonal" else c for c in covariances]
    algorithm = daal4py.em_gmm(
        nComponents=workload.k, maxIterations=iterations, accuracyThreshold=0.0,
        covarianceStorage=shape, fptype="float" if workload.dtype == "float32" else "double",
    )  # fmt: skip
    result = algorithm.compute(rows, weights[None], means, stated)
    return float(np.ravel(result.goalFunction)[0]) / len(rows)


PEERS: dict[str, Climb] = {"gmix": gmix, "sklearn": sklearn, "onedal": onedal}
