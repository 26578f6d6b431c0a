"""The most unusual rows of tables larger than memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmix.base.errors import ParameterError
from gmix.base.findings import Finding
from gmix.base.table_file import Block
from gmix.model.student import AnyMixture
from gmix.sources import LocalSource

__all__ = ["MEASURES", "Selection", "most_unusual_first", "scored_rows"]

MEASURES = ("density", "distance")


def scored_rows(mixture: AnyMixture, source: LocalSource, *, values: bool = False) -> Iterator[Block]:
    """The numbers of the rows, counted from 0, and their `GaussianMixture.outlier_score`, block by block.

    With `values` they have the columns of the table too, and with a `dependence` whether each row departs from it. The
    numbers have the same bits as those of `GaussianMixture.outlier_score`. Raises `ParameterError` if a column of the
    table has the name of a measure.
    """
    begin = 0
    for rows in source.blocks():
        scores = mixture.outlier_score(rows.values)
        measures: dict[str, NDArray[Any]] = {
            "component": scores.component.astype(np.int32),
            "distance": scores.distance,
            "distance_p_value": scores.distance_p_value,
            "log_density": scores.log_density,
            "density_p_value": scores.density_p_value,
        }
        if mixture.dependence is not None:
            measures["departs"] = scores.departs
        block: dict[str, NDArray[Any]] = {"row": np.arange(begin, begin + len(rows))}
        if values:
            block |= _columns(mixture, rows.values, {*block, *measures})
        yield block | measures
        begin += len(rows)


def _columns(mixture: AnyMixture, values: NDArray[Any], taken: set[str]) -> dict[str, NDArray[Any]]:
    """The columns of rows by name, copied. Raises `ParameterError` if a name is taken."""
    if clash := taken & set(mixture.names):
        raise ParameterError(
            f"the model has a column {min(clash)!r}, and a measure has the same name; leave out the values"
        )
    return {name: values[:, j].copy() for j, name in enumerate(mixture.names)}


@dataclass
class Selection:
    """Those of `scored_rows` whose p-value is below a level, and those that depart from the mixture's `dependence`.

    Attributes
    ----------
    blocks : all rows.
    below : the level; None selects every row.
    measure : one of `MEASURES`.
    n_rows, n_below, n_departing : how many rows were read, have a smaller p-value, and depart.
    """

    blocks: Iterable[Block]
    below: float | None = None
    measure: str = "density"
    n_rows: int = field(default=0, init=False)
    n_below: int = field(default=0, init=False)
    n_departing: int = field(default=0, init=False)

    def __iter__(self) -> Iterator[Block]:
        for block in self.blocks:
            self.n_rows += len(block["row"])
            departs = block.get("departs", np.zeros(len(block["row"]), bool))
            self.n_departing += int(departs.sum())
            if self.below is None:
                yield block
                continue
            below = block[f"{self.measure}_p_value"] < self.below
            self.n_below += int(below.sum())
            yield {name: column[below | departs] for name, column in block.items()}

    def findings(self, mixture: AnyMixture) -> list[Finding]:
        """How many rows were selected and how many were to be expected, after all blocks have been read."""
        found = []
        if self.below is not None:
            most = "at most " if self.measure == "distance" else ""
            found.append(
                Finding(
                    "unusual rows",
                    f"{self.n_below} of {self.n_rows} rows have a {self.measure} p-value below {self.below:g}; {most}"
                    f"{self.below * self.n_rows:.3g} are expected among as many draws from the mixture",
                    "note",
                )
            )
        if self.n_departing and mixture.dependence is not None:
            found.append(
                Finding(
                    "departing rows",
                    f"{self.n_departing} of {self.n_rows} rows depart from "
                    f"{mixture.dependence.described(mixture.names)}; look at them, whatever their p-values",
                )
            )
        return found


def most_unusual_first(blocks: Iterable[Block], measure: str) -> Block:
    """All rows of `scored_rows` in one block: those with the smallest p-values of a measure first."""
    held = list(blocks)
    block = {name: np.concatenate([part[name] for part in held]) for name in held[0]}
    ties = block["log_density"] if measure == "density" else -block["distance"]  # such as p-values of zero
    order = np.lexsort((ties, block[f"{measure}_p_value"]))
    return {name: column[order] for name, column in block.items()}
