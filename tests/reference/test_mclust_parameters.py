"""Parameters that R wrote are read, and the table has the log-likelihood that mclust states."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import gmix
from gmix.demo import FAITHFUL

PARAMETERS = Path(__file__).parent / "data" / "parameters"
LOG_LIKELIHOODS = json.loads((PARAMETERS / "log_likelihoods.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", LOG_LIKELIHOODS)
def test_the_log_likelihood_is_that_of_mclust(name: str) -> None:
    mixture = gmix.read_parameters(PARAMETERS / f"{name}.csv")
    rows = np.loadtxt(FAITHFUL, delimiter=",", skiprows=1)
    rows = rows[:, 1:] if mixture.n_features == 1 else rows
    assert np.isclose(mixture.log_density(rows).sum(), LOG_LIKELIHOODS[name], rtol=1e-12)


def test_structure_names_and_noise_are_kept() -> None:
    read = {name: gmix.read_parameters(PARAMETERS / f"{name}.csv") for name in LOG_LIKELIHOODS}
    codes = {name: mixture.structure.code for name, mixture in read.items()}
    assert codes == {
        "several": "VEV", "several_rows": "VEV", "one_component": "EEE", "one_column": "V", "one_variance": "E",
        "noise": "VVE",
    }  # fmt: skip
    assert read["several_rows"].features == ("eruptions", "waiting")
    assert read["noise"].background is not None
    assert read["several"].background is None
