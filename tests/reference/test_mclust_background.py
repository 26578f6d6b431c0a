"""mclust's noise component: the same log-likelihoods, shares and classes at the fixed point, from the same labels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import gmix

DATA = Path(__file__).parent / "data"
CASES = json.loads((DATA / "background.json").read_text(encoding="utf-8"))["cases"]
COLUMNS = {"iris": range(4), "faithful": range(2), "galaxies": range(1)}


def rows(case: dict[str, Any]) -> NDArray[np.float64]:
    path = DATA / f"{case['dataset']}.csv"
    table = np.genfromtxt(path, delimiter=",", names=True, dtype=None, encoding="utf-8")
    numeric = [name for name in table.dtype.names if table[name].dtype.kind in "fi"]
    divisor = 1000 if case["dataset"] == "galaxies" else 1
    return np.column_stack([table[name] for name in numeric]).astype(float) / divisor


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c['dataset']} {c['model']}")
def test_em_ends_where_mclust_ends(case: dict[str, Any]) -> None:
    x = rows(case)
    fit = gmix.fit(
        x,
        case["G"],
        covariance=case["model"],
        start=np.array(case["start_labels"]),
        background=case["density"],
        tolerance=1e-15,
        max_iterations=20_000,
    )
    mixture = fit.mixture
    assert mixture.background is not None
    assert fit.log_likelihood >= case["loglik"] - 1e-8 * abs(case["loglik"])
    if case["model"] in ("EVV", "VEV"):  # mclust's iteration of the M-step ends early
        return
    np.testing.assert_allclose(fit.log_likelihood, case["loglik"], rtol=1e-8)
    np.testing.assert_allclose([*mixture.weights, mixture.background.weight], case["pro"], atol=1e-5)
    np.testing.assert_allclose(mixture.means, case["mean"], atol=1e-4)
    assert mixture.n_parameters == case["npar"] - 1  # mclust counts the volume too
    assert np.mean(mixture.predict(x) != np.array(case["classification"])) < 0.01
