"""Weighted rows lead to the mixtures that mclust 6.0.0 finds with `me.weighted`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from test_mclust import DATA, distance, rows

import gmix

Array = NDArray[np.float64]
Case = dict[str, Any]
# mclust's own iteration for VVE ends in a local optimum of the orientation, so it leads to other mixtures.
OTHERS = {"VVE"}


def reference(dataset: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((Path(DATA) / f"{dataset}.json").read_text(encoding="utf-8"))
    return found


TABLES = {name: reference(name) for name in ("iris", "faithful", "galaxies")}
CASES = [(name, case) for name, table in TABLES.items() for case in table["weighted"] if case["model"] not in OTHERS]


def weights(dataset: str, kind: str) -> Array:
    stated = TABLES[dataset]["weights"]["random"]
    return np.array(stated) if kind == "random" else (np.arange(1, len(stated) + 1) % 5 + 1) / 5


@pytest.mark.parametrize(
    ("dataset", "case"), CASES, ids=[f"{name}, {c['G']} {c['model']}, {c['weights']}" for name, c in CASES]
)
def test_weighted_rows_lead_to_the_same_mixture(dataset: str, case: Case) -> None:
    x, weight = rows({"dataset": dataset}), weights(dataset, case["weights"])
    labels = np.array(TABLES[dataset]["start_labels"][str(case["G"])])
    settings = {"covariance": case["model"], "start": labels, "tolerance": 1e-13, "max_iterations": 20_000}
    fit = gmix.fit(x, sample_weight=weight, **settings)
    assert fit.log_likelihood == pytest.approx(case["loglik"], rel=1e-6)
    if "mean" in case:
        assert distance(fit.mixture, case) < 0.01  # mclust stops a slow EM early
    # In version 6.1.2, me.weighted also gives the BIC of weights that sum to the number of rows.
    n, scaled = len(x), gmix.fit(x, sample_weight=weight / weight.mean(), **settings)
    bic = 2.0 * case["loglik"] / weight.mean() - fit.n_parameters * np.log(n)
    assert -scaled.bic == pytest.approx(bic, rel=1e-6)
