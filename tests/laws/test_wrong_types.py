"""Whatever is given where something else belongs, every public function answers it, or raises gmix's own error."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gmix
import gmix.plot
from gmix.model.regions import highest_density, tail_probability
from gmix.sources import MemorySource

X = np.vstack([np.random.default_rng(0).normal(size=(8, 2)) + shift for shift in (0.0, 6.0)])
FIT = gmix.fit(X, [1, 2], covariance=["full", "diag"], rng=0)
MIXTURE, LINE = FIT.mixture, gmix.GaussianMixture([0.5, 0.5], [[0.0], [4.0]], [[[1.0]], [[1.0]]])
[STATISTICS] = gmix.expect(X, [MIXTURE])
MERGING = gmix.merge(FIT, X)
IMPUTATIONS = gmix.impute(FIT, X, 2, rng=0)
POOLED = IMPUTATIONS.pool(lambda table: (table.mean(0), table.var(0) / len(table)))
_VARIATIONAL = gmix.fit(X, 2, covariance="full", inference="variational", effort=0.0, rng=0)
assert _VARIATIONAL.posterior is not None
PREDICTIVE = _VARIATIONAL.posterior.predictive
REPLICATES = gmix.bootstrap(FIT, X, kind="rows", replicates=3, rng=0)
AGREEMENT = gmix.agreement(np.repeat(["a", "b"], 8), MIXTURE.responsibilities(X))
DRAWS = gmix.posterior(X, 2, draws=4, warmup=2, chains=1, rng=0)
CHAINS = gmix.metropolis(MIXTURE.log_density, MIXTURE.means[:1], 9, rng=0)
ODD = (None, -1, 2.5, np.nan, 10**30, "nonsense", object(), len, [], [None], {"a": 1}, np.array("x"))
FLAGS = ("equal_weights", "resume", "probabilities", "labels", "filled", "label")  # true or false, or words
CALLED = ("progress", "start")  # may be functions; what `start` may return is in test_starts.py
FOUND = {
    "fit": FIT, "data": X, "x": X, "points": X, "block": X, "mixture": MIXTURE, "model": MIXTURE, "density": MIXTURE,
    "statistics": STATISTICS, "merging": MERGING, "candidates": FIT, "start": MIXTURE, "limits": (-3.0, 9.0),
    "component": 1, "components": 1, "replicates": 2, "folds": 2, "rng": 0, "mixtures": [MIXTURE], "path": "out.csv",
    "weights": [1.0], "means": [[0.0, 0.0]], "covariances": [np.eye(2)], "n": 3, "features": [0], "values": {0: 1.0},
    "matrix": np.eye(2), "probability": 0.5, "structure": MIXTURE.structure, "log_density": MIXTURE.log_density,
    "draws": 9, "steps": 2, "shares": [0.5], "name": "full", "resolution": 11,
    "low": -1.0, "high": 1.0, "u": [[0.5, 0.5]], "other": MIXTURE, "noise": np.eye(2), "p": 0.5, "n_components": 1,
    "estimate": lambda table: (table[0, 0], 1.0), "variances": [1.0, 1.0], "chains": CHAINS,
}  # fmt: skip
OF_MCLUST = {"pro": [1.0], "mean": [[0.0], [1.0]], "sigma": [[[1.0], [0.0]], [[0.0], [1.0]]]}
FACTORS = gmix.GaussianMixture([1.0], [[0.0] * 4], [[[1.0, 0.5]] * 4], "factors:1")
OTHERS: dict[Callable[..., Any], dict[str, Any]] = {
    gmix.fit: {"components": 1, "covariance": "full"}, gmix.Shrinkage: {"variance": 1.0, "rows": 3},
    gmix.agreement: {"labels": [0, 1], "predicted": [0, 1]}, gmix.plot.calibration: {"agreement": AGREEMENT},
    gmix.posterior: {"draws": 2, "warmup": 1, "chains": 1}, DRAWS.mixture: {"chain": 0, "draw": 0},
    gmix.metropolis: {"start": [0.0, 0.0]}, gmix.load: {"path": "model.json"},
    **{key: {"x": [1.0]} for key in (LINE.cdf, LINE.sf, LINE.log_cdf, LINE.log_sf)},
    gmix.plot.loadings: {"model": FACTORS},
    gmix.plot.histogram: {"model": LINE, "points": [1.0, 2.0]}, tail_probability: {"log_density": [-3.0]},
    FIT.report: {"path": "out.html"}, FIT.save: {"path": "out.json"}, gmix.to_onnx: {"model": MIXTURE},
    gmix.read_parameters: {"source": OF_MCLUST}, gmix.PooledEstimate.of: {"values": [1.0, 2.0]},
}  # fmt: skip
FUNCTIONS = [
    gmix.fit, gmix.expect, gmix.merge, gmix.bootstrap, gmix.standard_errors, gmix.cross_validate, gmix.predict_to,
    gmix.agreement, AGREEMENT.reliability, REPLICATES.interval, gmix.goodness_of_fit,
    gmix.likelihood_ratio_test, gmix.load, gmix.metropolis, gmix.GaussianMixture, gmix.NormalInverseWishart,
    gmix.Shrinkage, gmix.Shrinkage.oas, gmix.Dirichlet, gmix.VariationalPrior, gmix.Stepwise,
    gmix.Stepwise(MIXTURE).update,
    gmix.GaussianMixture.from_statistics, gmix.covariance.structure, MemorySource, highest_density, tail_probability,
    PREDICTIVE.log_density, PREDICTIVE.density, PREDICTIVE.sample,
    gmix.posterior, *(getattr(DRAWS, name) for name in ("mixture", "log_density", "co_clustering", "point_estimate")),
    *(getattr(FIT, name) for name in ("save", "summary", "plot")),
    *(getattr(MIXTURE, name) for name in ("log_density", "density", "responsibilities", "predict", "sample",
      "sample_labelled", "marginal", "condition", "affine", "collapsed", "outlier_score", "impute", "plot")),
    *(getattr(LINE, name) for name in ("cdf", "sf", "log_cdf", "log_sf", "quantile")),
    *(getattr(MIXTURE, name) for name in ("cdf", "box_probability", "rosenblatt", "inverse_rosenblatt", "mahalanobis",
      "sample_blocks",
      "stratified_sample", "quasi_random_sample", "product", "log_product_integral", "convolve", "reduce", "gradient",
      "hessian", "highest_density_level", "in_highest_density_region", "entropy", "kl_divergence", "jensen_shannon",
      "hellinger")),
    gmix.mix, gmix.to_onnx, gmix.read_parameters, gmix.impute, IMPUTATIONS.pool,
    gmix.PooledEstimate.of, POOLED.interval,
    MERGING.responsibilities, MERGING.predict, MERGING.plot, FIT.search.plot,
    *(getattr(gmix.plot, name) for name in gmix.plot.__all__),
]  # fmt: skip


def of_its_own(function: Callable[..., Any]) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters.values()
    wanted = [p.name for p in parameters if p.default is p.empty or p.name in ("rng", "replicates", "resolution")]
    own = {name: FOUND[name] for name in wanted if name in FOUND}
    return own | OTHERS.get(function, {})


def test_every_public_function_is_asked() -> None:
    public = {name for name in gmix.__all__ if inspect.isfunction(getattr(gmix, name))}
    assert public <= {function.__name__ for function in FUNCTIONS}


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__qualname__)
@pytest.mark.filterwarnings("ignore")
def test_what_does_not_belong_is_refused(
    function: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plt = pytest.importorskip("matplotlib.pyplot")
    monkeypatch.chdir(tmp_path)
    FIT.save("model.json")
    settings = of_its_own(function)
    function(**settings)
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD or name in FLAGS:
            continue
        for odd in ODD:
            if name in CALLED and odd is len:  # what a person's own function raises is theirs
                continue
            try:
                function(**settings | {name: odd})
            except gmix.GmixError as error:
                assert len(str(error)) > 10  # noqa: PT017
            except Exception as error:
                error.add_note(f"{function.__qualname__}({name}={odd!r})")
                raise
            plt.close("all")
