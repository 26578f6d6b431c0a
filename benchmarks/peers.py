"""Peers: one small adapter per library, which runs a given number of EM steps from a given start.

Every peer lives in an environment of its own under build/peers, made by `make bench-peers`. Two that are not Python
(mclust, Armadillo) are programs that take the arguments of `measure.py` and answer as it does.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from machine import processors
from numpy.typing import NDArray

HERE = Path(__file__).resolve().parent
HOME = HERE.parent / "build" / "peers"
Rows = NDArray[np.floating]
Start = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


class Reached(NamedTuple):
    """The steps taken, and the mixture after them; covariances ``(K, D, D)``."""

    steps: int
    weights: Any
    means: Any
    covariances: Any


def stored(structure: str, covariances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Covariances ``(K, D, D)`` in the shape in which most libraries store those of a structure."""
    return {
        "full": covariances,
        "tied": covariances[0],
        "diag": np.diagonal(covariances, axis1=1, axis2=2),
        "spherical": covariances[:, 0, 0],
    }[structure]


def dense(structure: str, covariances: Any, k: int, d: int) -> NDArray[np.float64]:
    """The inverse of `stored`."""
    values = np.asarray(covariances, np.float64)
    if structure in ("full", "tied"):
        return np.broadcast_to(values, (k, d, d))
    return np.broadcast_to(values.reshape(k, -1), (k, d))[:, :, None] * np.eye(d)


def gmix(rows: Rows, start: Start, structure: str, steps: int) -> Reached:
    import gmix

    fit = gmix.fit(
        rows, len(start[0]), covariance=structure, start=gmix.GaussianMixture(*start, structure=structure),
        tolerance=0.0, max_iterations=steps,
    )  # fmt: skip
    return Reached(len(fit.history) - 1, fit.mixture.weights, fit.mixture.means, fit.mixture.covariances)


def sklearn(rows: Rows, start: Start, structure: str, steps: int) -> Reached:
    from sklearn.mixture import GaussianMixture

    weights, means, covariances = start
    held = stored(structure, covariances)
    model = GaussianMixture(
        len(weights), covariance_type=structure, weights_init=weights, means_init=means,
        precisions_init=np.linalg.inv(held) if structure in ("full", "tied") else 1.0 / held,
        tol=0.0, reg_covar=0.0, max_iter=steps, init_params="random_from_data", random_state=0,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(rows)
    return Reached(model.n_iter_, model.weights_, model.means_, dense(structure, model.covariances_, *means.shape))


def onedal(rows: Rows, start: Start, structure: str, steps: int) -> Reached:
    import daal4py

    daal4py.daalinit(processors())
    weights, means, covariances = start
    held = stored(structure, covariances)
    result = daal4py.em_gmm(
        nComponents=len(weights), maxIterations=steps, accuracyThreshold=0.0,
        covarianceStorage={"full": "full", "diag": "diagonal"}[structure],
        fptype="float" if rows.dtype == np.float32 else "double",
    ).compute(rows, weights[None], means, list(held if structure == "full" else held[:, None]))  # fmt: skip
    reached = np.stack([np.asarray(c) for c in result.covariances])
    return Reached(
        int(np.ravel(result.nIterations)[0]), np.ravel(result.weights), result.means,
        dense(structure, reached.reshape(held.shape), *means.shape),
    )  # fmt: skip


def opencv(rows: Rows, start: Start, structure: str, steps: int) -> Reached:
    import cv2

    cv2.setNumThreads(processors())
    model = cv2.ml.EM_create()
    model.setClustersNumber(len(start[0]))
    kinds = {"full": "GENERIC", "diag": "DIAGONAL", "spherical": "SPHERICAL"}
    model.setCovarianceMatrixType(getattr(cv2.ml, f"EM_COV_MAT_{kinds[structure]}"))
    model.setTermCriteria((cv2.TERM_CRITERIA_COUNT, steps, 0.0))
    model.trainE(rows, start[1])  # from Python it accepts only initial means, and chooses the other parameters
    return Reached(steps, model.getWeights().ravel(), model.getMeans(), np.stack(model.getCovs()))


def gmmx(rows: Rows, start: Start, structure: str, steps: int) -> Reached:
    from gmmx import EMFitter, GaussianMixtureModelJax
    from jax.numpy import asarray

    single = np.float32  # it takes no other
    weights, means, covariances = start
    model = GaussianMixtureModelJax.from_squeezed(
        means=asarray(means, single), covariances=asarray(stored(structure, covariances), single),
        weights=asarray(weights, single), covariance_type=structure,
    )  # fmt: skip
    result = EMFitter(tol=0.0, max_iter=steps, reg_covar=0.0).fit(x=asarray(rows, single), gmm=model)
    gmm = result.gmm
    held = np.asarray(gmm.covariances.values).reshape(stored(structure, covariances).shape)
    return Reached(
        int(result.n_iter), np.ravel(gmm.weights), np.asarray(gmm.means).reshape(means.shape),
        dense(structure, held, *means.shape),
    )  # fmt: skip


def pomegranate(rows: Rows, start: Start, structure: str, steps: int) -> Reached:
    import torch
    from pomegranate.distributions import Normal
    from pomegranate.gmm import GeneralMixtureModel

    torch.set_num_threads(processors())
    torch.set_default_dtype(torch.float32 if rows.dtype == np.float32 else torch.float64)
    weights, means, covariances = (np.asarray(part, rows.dtype) for part in start)
    normals = [
        Normal(mean, covariance, covariance_type=structure)
        for mean, covariance in zip(means, stored(structure, covariances), strict=True)
    ]
    model = GeneralMixtureModel(normals, priors=weights, tol=-np.inf, max_iter=steps)
    model.fit(torch.from_numpy(rows))
    reached = np.stack([normal.covs.numpy() for normal in normals])
    return Reached(
        steps, model.priors.numpy(), np.stack([normal.means.numpy() for normal in normals]),
        dense(structure, reached, *means.shape),
    )  # fmt: skip


def torchgmm(rows: Rows, start: Start, structure: str, steps: int) -> Reached:
    # Its estimator takes first means alone; the module below, which it trains, takes everything.
    import logging

    import torch
    from torchgmm.base.data import DataLoader, collate_tensor, dataset_from_tensors
    from torchgmm.bayes import GaussianMixture
    from torchgmm.bayes.gmm.lightning_module import GaussianMixtureLightningModule
    from torchgmm.bayes.gmm.model import GaussianMixtureModel, GaussianMixtureModelConfig

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    torch.set_num_threads(processors())
    torch.set_default_dtype(torch.float32 if rows.dtype == np.float32 else torch.float64)
    weights, means, covariances = (torch.tensor(np.asarray(part, rows.dtype)) for part in start)
    model = GaussianMixtureModel(GaussianMixtureModelConfig(*means.shape, structure))
    model.component_probs.copy_(weights)
    model.means.copy_(means)
    model.precisions_cholesky.copy_(torch.tensor(stored(structure, covariances.numpy()) ** -0.5).nan_to_num(posinf=0.0))
    module = GaussianMixtureLightningModule(model, convergence_tolerance=0.0, covariance_regularization=0.0)
    precision = {"precision": 32 if rows.dtype == np.float32 else 64}
    trainer = GaussianMixture(trainer_params=precision | {"accelerator": "cpu", "enable_progress_bar": False})
    loader = DataLoader(dataset_from_tensors(torch.from_numpy(rows)), batch_size=len(rows), collate_fn=collate_tensor)
    trainer.trainer(max_epochs=steps).fit(module, loader)
    return Reached(
        module.current_epoch, model.component_probs, model.means,
        dense(structure, model.covariances.numpy(), *means.shape),
    )  # fmt: skip


def mlpack(rows: Rows, start: Start, structure: str, steps: int) -> Reached:
    import mlpack

    reached = mlpack.gmm_train(  # it takes no start: even a stated model is begun anew by k-means
        input_=rows, gaussians=len(start[0]), max_iterations=steps, tolerance=0.0, seed=1, kmeans_max_iterations=5,
        diagonal_covariance=structure == "diag",
    )["output_model"].get_cpp_params()["GMM"]  # fmt: skip
    means, covariances = (np.stack([normal[part] for normal in reached["dists"]]) for part in ("mean", "covariance"))
    return Reached(steps, np.ravel(reached["weights"]), means, covariances)


RUNS: dict[str, Callable[[Rows, Start, str, int], Reached]] = {
    run.__name__: run for run in (gmix, sklearn, onedal, opencv, gmmx, pomegranate, torchgmm, mlpack)
}


@dataclass(frozen=True)
class Peer:
    """The requirements of a peer, and what it supports."""

    packages: tuple[str, ...] = ()  # that pip installs for it
    structures: tuple[str, ...] = ("full", "tied", "diag", "spherical")
    dtypes: tuple[str, ...] = ("float64", "float32")
    largest: float = float("inf")  # multiply-adds of a step beyond which it is not asked: it would take minutes
    program: tuple[str, ...] = ()  # in place of `measure.py`
    note: str = ""  # in what it differs


PEERS = {
    "gmix": Peer(),
    "sklearn": Peer(),
    "onedal": Peer(("scikit-learn-intelex",), ("full", "diag")),
    "armadillo": Peer((), ("full", "diag"), ("float64",), program=(str(HOME / "armadillo" / "measure"),)),
    "gmmx": Peer(("gmmx",), ("full", "diag"), largest=1e10, note="computes in float32 for any dtype of the rows"),
    "mclust": Peer((), ("full", "tied", "diag", "spherical"), ("float64",), 2e8, ("Rscript", str(HERE / "mclust.R"))),
    "mlpack": Peer(("mlpack",), ("full", "diag"), ("float64",), 1e10, note="starts from its own k-means"),
    "opencv": Peer(
        ("opencv-python-headless<5",), ("full", "diag", "spherical"), ("float64",), 2e8,
        note="accepts only initial means, and chooses the other parameters of the start",
    ),
    "pomegranate": Peer(("torch==2.13.0", "pomegranate"), ("full", "diag"), largest=2e8),
    "torchgmm": Peer(("torch==2.13.0", "torchgmm"), ("full", "diag", "spherical"), largest=2e8),
}  # fmt: skip


def command(name: str) -> list[str]:
    """The beginning of the command line that measures a peer."""
    peer = PEERS[name]
    python = str(HOME / name / "bin" / "python") if peer.packages else sys.executable
    return list(peer.program) or [python, str(HERE / "measure.py"), name]
