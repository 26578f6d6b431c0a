"""Peers: one small adapter a library. Each climbs a stated number of EM steps from a stated start.

An adapter returns the log-likelihood per row that it reached and the steps that it took; libraries that do not say
how many they took are believed to have taken what they were told. `PEERS` names what each needs: `make bench-peers`
installs every one in an environment of its own.
"""

from __future__ import annotations

import subprocess
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from workloads import Workload

Rows = NDArray[np.floating]
Start = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
Reached = tuple[float, int]  # log-likelihood per row, steps
Climb = Callable[[Workload, Rows, Start, int, int], Reached]

ARMADILLO = Path(__file__).resolve().parent.parent / "build" / "peers" / "armadillo" / "climb"


class Peer(NamedTuple):
    """An adapter, what pip installs for it, and the structures that it can climb with."""

    climb: Climb
    needs: tuple[str, ...]
    structures: tuple[str, ...] = ("full", "tied", "diag", "spherical")
    largest: float = float("inf")  # multiply-adds of a step beyond which it is not asked


def gmix(workload: Workload, rows: Rows, start: Start, iterations: int, threads: int) -> Reached:
    import gmix

    weights, means, covariances = start
    mixture = gmix.GaussianMixture(weights, means, covariances, structure=workload.structure)
    fit = gmix.fit(
        rows, workload.k, covariance=workload.structure, start=mixture,
        tolerance=0.0, max_iterations=iterations, threads=threads,
    )  # fmt: skip
    return fit.log_likelihood / len(rows), len(fit.history) - 1


def sklearn(workload: Workload, rows: Rows, start: Start, iterations: int, threads: int) -> Reached:  # noqa: ARG001
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
    return float(model.lower_bound_), model.n_iter_


def onedal(workload: Workload, rows: Rows, start: Start, iterations: int, threads: int) -> Reached:
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
    return float(np.ravel(result.goalFunction)[0]) / len(rows), int(np.ravel(result.nIterations)[0])


def opencv(workload: Workload, rows: Rows, start: Start, iterations: int, threads: int) -> Reached:
    import cv2

    cv2.setNumThreads(threads)
    # Its Python face takes first means only; the rest it reads from the rows nearest to each.
    _, means, _ = start
    model = cv2.ml.EM_create()
    model.setClustersNumber(workload.k)
    model.setCovarianceMatrixType(
        {
            "full": cv2.ml.EM_COV_MAT_GENERIC,
            "diag": cv2.ml.EM_COV_MAT_DIAGONAL,
            "spherical": cv2.ml.EM_COV_MAT_SPHERICAL,
        }[workload.structure]
    )
    model.setTermCriteria((cv2.TERM_CRITERIA_COUNT, iterations, 0.0))
    _, log_likelihoods, _, _ = model.trainE(rows, means)
    return float(log_likelihoods.mean()), iterations


def pomegranate(workload: Workload, rows: Rows, start: Start, iterations: int, threads: int) -> Reached:
    import torch
    from pomegranate.distributions import Normal
    from pomegranate.gmm import GeneralMixtureModel

    torch.set_num_threads(threads)
    torch.set_default_dtype(torch.float32 if workload.dtype == "float32" else torch.float64)
    weights, means, covariances = start
    shape = workload.structure if workload.structure != "spherical" else "sphere"
    pieces = [
        Normal(m.astype(rows.dtype), (c if shape == "full" else np.diag(c)).astype(rows.dtype), covariance_type=shape)
        for m, c in zip(means, covariances, strict=True)
    ]
    model = GeneralMixtureModel(pieces, priors=weights.astype(rows.dtype), tol=-np.inf, max_iter=iterations)
    model.fit(torch.from_numpy(rows))
    return float(model.log_probability(torch.from_numpy(rows)).mean()), iterations


def gmmx(workload: Workload, rows: Rows, start: Start, iterations: int, threads: int) -> Reached:  # noqa: ARG001
    import jax.numpy as jnp  # it works in float32 alone, whatever the rows
    from gmmx import EMFitter, GaussianMixtureModelJax

    weights, means, covariances = start
    stated = {
        "full": covariances,
        "tied": covariances[0],
        "diag": np.diagonal(covariances, axis1=1, axis2=2),
        "spherical": covariances[:, 0, 0],
    }[workload.structure]
    means, stated, weights = (jnp.asarray(a, jnp.float32) for a in (means, stated, weights))
    model = GaussianMixtureModelJax.from_squeezed(
        means=means, covariances=stated, weights=weights, covariance_type=workload.structure
    )
    fitter = EMFitter(tol=0.0, max_iter=iterations, reg_covar=0.0)
    result = fitter.fit(x=jnp.asarray(rows, jnp.float32), gmm=model)
    return float(result.log_likelihood), int(result.n_iter)


def mlpack(workload: Workload, rows: Rows, start: Start, iterations: int, threads: int) -> Reached:  # noqa: ARG001
    # It takes no stated start: it climbs from its own k-means, which costs both climbs the same.
    import mlpack

    options = {
        "diagonal_covariance": workload.structure == "diag",
        "kmeans_max_iterations": 5,
        "no_force_positive": True,
    }
    model = mlpack.gmm_train(
        input_=rows, gaussians=workload.k, max_iterations=iterations, tolerance=0.0, trials=1, seed=1, **options
    )["output_model"]
    densities = mlpack.gmm_probability(input_=rows[:10_000], input_model=model)["output"]
    return float(np.log(densities).mean()), iterations


def mclust(workload: Workload, rows: Rows, start: Start, iterations: int, threads: int) -> Reached:  # noqa: ARG001
    weights, means, covariances = start
    name = {"full": "VVV", "tied": "EEE", "diag": "VVI", "spherical": "VII"}[workload.structure]
    script = f"""
        suppressMessages(library(mclust)); read <- function(f, n) readBin(f, "double", n)
        d <- {workload.d}; k <- {workload.k}; n <- {len(rows)}
        x <- matrix(read("rows", n * d), n, d); s <- {float(covariances[0, 0, 0])!r}
        parameters <- list(pro = read("weights", k), mean = matrix(read("means", k * d), d, k))
        variance <- list(modelName = "{name}", d = d, G = k, Sigma = diag(s, d), cholSigma = diag(sqrt(s), d))
        variance$sigma <- array(diag(s, d), c(d, d, k)); variance$cholsigma <- array(diag(sqrt(s), d), c(d, d, k))
        variance$sigmasq <- variance$scale <- rep(s, k); variance$shape <- matrix(1, d, k)
        parameters$variance <- variance
        control <- emControl(eps = 0, tol = c(0, 0), itmax = {iterations})
        result <- em(data = x, modelName = "{name}", parameters = parameters, control = control)
        cat(result$loglik / n, attr(result, "info")[1])
    """
    with tempfile.TemporaryDirectory() as folder:
        for what, array in (("rows", rows.T), ("weights", weights), ("means", means)):
            np.ascontiguousarray(array, np.float64).tofile(Path(folder) / what)
        done = subprocess.run(["Rscript", "-e", script], cwd=folder, capture_output=True, text=True, check=True)  # noqa: S607
    reached, steps = done.stdout.split()[:2]
    return float(reached), abs(int(float(steps)))


def armadillo(workload: Workload, rows: Rows, start: Start, iterations: int, threads: int) -> Reached:  # noqa: ARG001
    weights, means, covariances = start
    shapes = covariances if workload.structure == "full" else np.diagonal(covariances, axis1=1, axis2=2)
    with tempfile.TemporaryDirectory() as folder:
        for what, array in (("rows", rows), ("weights", weights), ("means", means), ("shapes", shapes)):
            np.ascontiguousarray(array, np.float64).tofile(Path(folder) / what)
        sizes = [str(v) for v in (len(rows), workload.d, workload.k, iterations)]
        command = [str(ARMADILLO), workload.structure, *sizes]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return float(done.stdout), iterations


PEERS = {
    "gmix": Peer(gmix, ()),
    "sklearn": Peer(sklearn, ("scikit-learn",)),
    "onedal": Peer(onedal, ("scikit-learn-intelex",), ("full", "diag")),
    "opencv": Peer(opencv, ("opencv-python-headless<5",), ("full", "diag", "spherical"), 1e9),
    "pomegranate": Peer(pomegranate, ("torch==2.13.0", "pomegranate"), ("full", "diag"), 1e9),
    "gmmx": Peer(gmmx, ("gmmx",), largest=1e9),
    "mlpack": Peer(mlpack, ("mlpack",), ("full", "diag"), 1e9),
    "mclust": Peer(mclust, (), largest=2e7),
    "armadillo": Peer(armadillo, (), ("full", "diag"), 1e9),
}
