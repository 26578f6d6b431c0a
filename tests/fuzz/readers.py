"""The readers of files, and sound files for each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import gmix

__all__ = ["MODELS", "read_checkpoint", "read_model", "read_table", "write_files"]

rng = np.random.default_rng(5)
ROWS = np.vstack([rng.normal(0.0, 1.0, (25, 2)), rng.normal([5.0, 3.0], 1.5, (15, 2))])
FRAME = pd.DataFrame({"a": ROWS[:, 0], "b": ROWS[:, 1], "name": ["one", "two"] * 20})
FIT: dict[str, Any] = {"components": 2, "covariance": "full", "effort": 0.0, "max_iterations": 4, "rng": 0}
MODELS: dict[str, dict[str, Any]] = {
    "Gaussian": {"prior": gmix.NormalInverseWishart() + gmix.Dirichlet(2.0)},
    "Student": {"family": "student"},
    "variational": {"inference": "variational"},
    "background": {"background": True, "covariance": "diag"},
}


def write_files(folder: Path) -> None:
    """Write a sound file of every kind."""
    for name, arguments in MODELS.items():
        gmix.fit(ROWS, **FIT | arguments).save(folder / f"{name}.json")
    (folder / "fit.checkpoint").unlink(missing_ok=True)
    gmix.fit(ROWS, **FIT, checkpoint=folder / "fit.checkpoint")
    FRAME.to_csv(folder / "t.csv", index=False)
    FRAME.to_csv(folder / "semicolons.csv", index=False, sep=";", decimal=",", encoding="utf-8-sig")
    FRAME.to_parquet(folder / "t.parquet", row_group_size=15)
    FRAME.to_feather(folder / "t.arrow")


def read_model(path: Path) -> None:
    """Load a model and use it. Raises an error of gmix, or `AssertionError` if what was read is not sound."""
    fit = gmix.load(path)
    assert fit.summary()
    assert np.isfinite(fit.mixture.means).all()
    with np.errstate(all="ignore"):
        fit.mixture.log_density(ROWS)


def read_checkpoint(path: Path) -> None:
    """Resume a fit. Raises the errors of `read_model`."""
    fit = gmix.fit(ROWS, **FIT, checkpoint=path, resume=True)
    assert fit.log_likelihood == gmix.fit(ROWS, **FIT).log_likelihood


def read_table(path: Path, streamed: bool = False) -> None:
    """Fit a table. Raises the errors of `read_model`."""
    memory: dict[str, Any] = {"memory": 1} if streamed else {}
    assert np.isfinite(gmix.fit(path, 1, covariance="diag", **memory).log_likelihood)
