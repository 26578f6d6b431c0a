"""Fits to try: tables by recipe, every kind of row, every source, and the arguments of `gmix.fit`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st
from numpy.typing import NDArray

import gmix
from gmix.model.covariance import FACTOR_NAMES, STRUCTURES

__all__ = ["Case", "Table", "cases", "tables"]

Array = NDArray[Any]
PRIORS: dict[str, Any] = {
    "Dirichlet process": gmix.VariationalPrior(weights="dirichlet process"),
    "none": None,
    "default": gmix.NormalInverseWishart(),
    "weak": gmix.NormalInverseWishart(mean_strength=0.0, strength=1e-6),
    "of weights too": gmix.NormalInverseWishart() + gmix.Dirichlet(3.0),
    "shrinkage": gmix.Shrinkage(1.0, 4.0),
}


def _with(table: Array, rows: Any, columns: Any, values: Any) -> Array:
    table[rows, columns] = values
    return table


# How a sound table, with rows about three centers, becomes one of each kind.
KINDS: dict[str, Callable[[Array, np.random.Generator], Array]] = {
    "clouds": lambda x, rng: x,
    "constant column": lambda x, rng: _with(x, slice(None), rng.integers(x.shape[1]), rng.normal()),
    "repeated rows": lambda x, rng: x[rng.integers(max(1, len(x) // 4), size=len(x))],
    "repeated column": lambda x, rng: _with(x, slice(None), -1, x[:, 0]),
    "sum of columns": lambda x, rng: _with(x, slice(None), -1, x[:, :-1].sum(1)),
    "almost the same column": lambda x, rng: _with(x, slice(None), -1, x[:, 0] * (1 + 1e-15 * rng.normal(size=len(x)))),
    "few values": lambda x, rng: rng.integers(0, 3, x.shape).astype(float),
    "a row far away": lambda x, rng: _with(x, rng.integers(len(x)), slice(None), 1e12),
    "heavy tails": lambda x, rng: rng.standard_t(0.5, size=x.shape),
    "all equal": lambda x, rng: np.full_like(x, rng.normal()),
    "neighbors in float64": lambda x, rng: 1.0 + rng.integers(0, 3, x.shape) * 2.0**-52,
    "two points": lambda x, rng: x[:1] + rng.integers(0, 2, (len(x), 1)),
}
HOLDERS = ("array", "columns first", "frame", "list of blocks", "Parquet", "CSV")


@dataclass(frozen=True)
class Table:
    """A recipe, whose rows depend on nothing else."""

    kind: str
    seed: int
    n_rows: int
    n_columns: int
    exponents: tuple[int, ...]  # of ten, by which columns are multiplied
    offset: float
    dtype: str
    missing: float  # share of the cells

    def rows(self) -> Array:
        """The table ``(N, D)``."""
        rng = np.random.default_rng(self.seed)
        n, d = self.n_rows, self.n_columns
        table = rng.normal(size=(n, d)) + 4.0 * rng.integers(3, size=(n, 1))
        table = KINDS[self.kind](table, rng)
        table = (table + self.offset) * 10.0 ** np.array(self.exponents)
        if self.missing:
            table[rng.random((n, d)) < self.missing] = np.nan
        return table.astype(self.dtype)


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """Small tables, sound ones and degenerate ones, of scales from 1e-150 to 1e150."""
    d = draw(st.sampled_from([1, 2, 3, 4, 12]))
    dtype = draw(st.sampled_from(["float64", "float32"]))
    most = 150 if dtype == "float64" else 15
    scale = st.integers(-most // 3, most // 3)
    exponents = draw(
        st.just((0,) * d)
        | st.integers(-most, most).map(lambda e: (e,) * d)
        | st.lists(scale, min_size=d, max_size=d).map(tuple)
    )
    return Table(
        draw(st.sampled_from(list(KINDS))),
        draw(st.integers(0, 1 << 16)),
        draw(st.integers(4, 40) | st.integers(1, 40)),
        d,
        exponents,
        draw(st.sampled_from([0.0, 0.0, 1e6, -1e9])),
        dtype,
        draw(st.sampled_from([0.0, 0.0, 0.0, 0.1, 0.5])),
    )


@dataclass(frozen=True)
class Case:
    """A table, the place where it is, what is known about its rows, and other arguments of `gmix.fit`."""

    table: Table
    holder: str
    about_rows: dict[str, str]
    arguments: dict[str, Any]
    prior: str

    def data(self, folder: Path) -> Any:
        """The rows in their place."""
        rows = self.table.rows()
        names = [f"c{i}" for i in range(rows.shape[1])]
        if self.holder == "frame":
            return pd.DataFrame(rows, columns=names)
        if self.holder == "columns first":
            return np.asfortranarray(rows)
        if self.holder == "list of blocks":
            return [rows[:7], rows[7:20], rows[20:]]
        if self.holder == "Parquet":
            pd.DataFrame(rows, columns=names).to_parquet(folder / "t.parquet", row_group_size=11)
            return folder / "t.parquet"
        if self.holder == "CSV":
            exact = rows.astype(float)  # pandas writes as many digits as the type has
            pd.DataFrame(exact, columns=names).to_csv(folder / "t.csv", index=False)
            return folder / "t.csv"
        return rows

    def keywords(self) -> dict[str, Any]:
        """The other arguments of `gmix.fit`."""
        n, d = self.table.n_rows, self.table.n_columns
        rng = np.random.default_rng(self.table.seed + 1)
        scales = 10.0 ** np.array(self.table.exponents)
        made: dict[str, Any] = {}
        for name, kind in self.about_rows.items():
            match kind:
                case "fifty decades":
                    made[name] = 10.0 ** rng.uniform(-25.0, 25.0, n)
                case "whole numbers":
                    made[name] = rng.integers(0, 4, n).astype(float)
                case "some":
                    made[name] = rng.integers(-1, 3, n)
                case "all":
                    made[name] = rng.integers(0, 2, n)
                case "soft":
                    made[name] = rng.random((n, 2))
                case "alike":
                    made[name] = 0.3 * scales
                case "each":
                    made[name] = 10.0 ** rng.uniform(-3.0, 1.0, (n, d)) * scales
                case "dependent":
                    half = rng.normal(size=(n, d, d)) * scales[:, None]
                    made[name] = half @ half.mT
        memory = {"memory": 1} if self.holder in ("Parquet", "CSV") and self.table.seed % 2 else {}  # streamed
        return made | self.arguments | {"prior": PRIORS[self.prior]} | memory


WEIGHTS = st.sampled_from(["", "", "fifty decades", "whole numbers"])
Given = dict[str, Any]  # names of arguments of `gmix.fit`


def _student(draw: st.DrawFn, given: Given, about: dict[str, str]) -> Given:
    given["family"] = draw(st.sampled_from(["student", "auto"]))
    degrees = [None, "each", 0.7, 5.0] if given["family"] == "student" else [None]
    given["degrees_of_freedom"] = draw(st.sampled_from(degrees))
    given["background"] = draw(st.sampled_from([False, False, True]))
    about["labels"] = draw(st.sampled_from(["", "some"]))
    return {}


def _labels(draw: st.DrawFn, given: Given, about: dict[str, str]) -> Given:
    about["labels"] = draw(st.sampled_from(["some", "all", "soft"]))
    return {}


def _background(draw: st.DrawFn, given: Given, about: dict[str, str]) -> Given:
    given["background"] = draw(st.sampled_from([True, "auto"]))
    about["labels"] = draw(st.sampled_from(["", "", "some"]))
    return {}


def _errors(draw: st.DrawFn, given: Given, about: dict[str, str]) -> Given:
    name = draw(st.sampled_from(["row_errors", "row_errors", "row_covariance"]))
    about[name] = "dependent" if name == "row_covariance" else draw(st.sampled_from(["alike", "each"]))
    return {}


def _trim(draw: st.DrawFn, given: Given, about: dict[str, str]) -> Given:
    given |= {"trim": 0.2, "covariance_ratio": draw(st.sampled_from([None, 1.0, 50.0]))}
    given["covariance"] = "full" if given["covariance_ratio"] else given["covariance"]
    return {"holder": "array"}


def _variational(draw: st.DrawFn, given: Given, about: dict[str, str]) -> Given:
    given |= {"inference": "variational", "covariance": draw(st.sampled_from(["full", "tied", "diag"]))}
    return {"prior": "none"}


def _dirichlet_process(draw: st.DrawFn, given: Given, about: dict[str, str]) -> Given:
    given |= {"inference": "variational", "covariance": draw(st.sampled_from(["full", "diag", "spherical"]))}
    given |= {"components": draw(st.sampled_from(["auto", 20])), "tolerance": 1e-4}
    return {"prior": "Dirichlet process"}


def _factors(draw: st.DrawFn, given: Given, about: dict[str, str]) -> Given:
    given["covariance"] = draw(st.sampled_from(list(FACTOR_NAMES)))
    given["factors"] = draw(st.sampled_from([None, 1, [1, 2]]))
    return {"prior": "none"}


def _few_for_each_row(draw: st.DrawFn, given: Given, about: dict[str, str]) -> Given:
    given |= {"components_per_row": draw(st.sampled_from([1, 2])), "components": draw(st.sampled_from([2, 5]))}
    given["covariance"] = draw(st.sampled_from(["EII", "VII", "EEI", "VEI", "EVI", "VVI"]))
    return {"holder": draw(st.sampled_from(["array", "columns first", "frame"]))}


def _plain(draw: st.DrawFn, given: Given, about: dict[str, str]) -> Given:
    if draw(st.booleans()):
        given["equal_weights"] = True
    elif draw(st.booleans()):
        given["start"] = draw(st.sampled_from(["k-means++", "adaptive", "hierarchical", "grow"]))
    return {}


FITS = (
    _plain, _plain, _student, _labels, _background, _errors, _trim, _variational, _dirichlet_process, _factors,
    _few_for_each_row,
)  # fmt: skip


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Combinations that gmix can fit, for the most part: what does not go together is drawn rarely."""
    about: dict[str, str] = {"sample_weight": draw(WEIGHTS)}
    given: Given = {
        "components": draw(st.sampled_from([1, 2, 3, [1, 2, 4]])),
        "covariance": draw(st.sampled_from([*(s.code for s in STRUCTURES), ["full", "diag"]])),
        "max_iterations": draw(st.sampled_from([1, 5, 40])),
        "effort": draw(st.sampled_from([0.0, 0.1])),
        "rng": 0,
    }
    prior, holder = draw(st.sampled_from(list(PRIORS)[1:])), draw(st.sampled_from(HOLDERS))
    of_kind = draw(st.sampled_from(FITS))(draw, given, about)
    about = {name: kind for name, kind in about.items() if kind}
    return Case(draw(tables()), of_kind.get("holder", holder), about, given, of_kind.get("prior", prior))
