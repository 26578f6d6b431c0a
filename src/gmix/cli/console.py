"""A fit as the command line prints it: tables for a person, a document for a machine."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table as Grid

from gmix.base.findings import lines
from gmix.base.wording import beside, count, number
from gmix.fitting.result import Fit, StandardErrors
from gmix.fitting.search import Search
from gmix.model.criteria import CRITERIA

__all__ = ["document", "nulled", "print_candidates", "print_fit", "print_warnings"]

_SHOWN = 5  # candidates of a search that are printed


def document(found: Fit, errors: StandardErrors | None = None) -> dict[str, Any]:
    """A fit for machines: what a person is shown, in full precision; what is not known or infinite is null."""
    mixture = found.mixture
    said = {
        "structure": mixture.structure.code,
        "components": mixture.n_components,
        "features": list(mixture.features or []),
        "rows": found.n_rows,
        "log_likelihood": found.log_likelihood,
        **({"prior": repr(found.prior), "log_posterior": found.log_posterior} if found.prior else {}),
        "parameters": found.n_parameters,
        **found.criteria,
        "converged": found.converged,
        "reason": found.reason.name.lower(),
        "steps": len(found.history) - 1,
        "weights": mixture.weights.tolist(),
        "means": mixture.means.tolist(),
        "covariances": mixture.covariances.tolist(),
        **({"standard_errors": {part: values.tolist() for part, values in vars(errors).items()}} if errors else {}),
        "findings": [vars(finding) for finding in found.findings],
        "candidates": found.search.table() if found.search else [],
    }
    return dict(nulled(said))


def nulled(value: Any) -> Any:
    """The same lists and dictionaries, with None for the numbers that JSON cannot write."""
    if isinstance(value, dict):
        return {name: nulled(part) for name, part in value.items()}
    if isinstance(value, list):
        return [nulled(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def print_fit(found: Fit, files: dict[str, Path | None], errors: StandardErrors | None = None) -> None:
    """Print what was found and which files were written."""
    console = _console()
    mixture = found.mixture
    names = mixture.names
    console.print(
        f"{count(mixture.n_components, 'component')}, {mixture.structure.called}, of "
        f"{count(found.n_rows, 'row')} and {count(len(names), 'column')}",
        style="bold",
    )
    console.print(
        f"log-likelihood {found.log_likelihood:.4f}   BIC {found.bic:.2f}   AIC {found.aic:.2f}   "
        f"ICL {found.icl:.2f}   parameters {found.n_parameters}"
    )
    if found.prior is not None:
        console.print(f"log posterior {found.log_posterior:.4f} under {found.prior}")
    console.print(f"{found.reason.value} ({len(found.history) - 1} steps)")
    grid = Grid(box=SIMPLE_HEAD, title="weights, means ± standard deviations", title_justify="left", title_style="")
    grid.add_column("component", justify="right")
    grid.add_column("weight", justify="right")
    for name in names:
        grid.add_column(name, justify="right")
    deviations = np.sqrt(np.diagonal(mixture.covariances, axis1=1, axis2=2))
    for k, (weight, mean, deviation) in enumerate(zip(mixture.weights, mixture.means, deviations, strict=True)):
        cells = (f"{beside(m, s)} ± {number(s, 3)}" for m, s in zip(mean, deviation, strict=True))
        grid.add_row(str(k), f"{weight:.4f}", *cells)
        if errors is not None:
            spreads = np.diagonal(errors.covariances[k]) / (2.0 * np.where(deviation > 0, deviation, 1.0))
            cells = (f"{number(m, 2)} ± {number(s, 2)}" for m, s in zip(errors.means[k], spreads, strict=True))
            grid.add_row("error", f"{errors.weights[k]:.2g}", *cells, style="dim")
    console.print()
    console.print(grid)
    if found.search is not None:
        console.print(_ranking(found.search, _SHOWN))
    for line in lines(found.findings):
        console.print(line)
    for what, path in files.items():
        if path is not None:
            console.print(f"{what} written to {path}")


def print_candidates(found: Fit, files: dict[str, Path | None]) -> None:
    """Print every candidate of a search, the best first."""
    assert found.search is not None
    console = _console()
    console.print(_ranking(found.search, len(found.search.candidates)))
    for line in lines(found.findings):
        console.print(line)
    for what, path in files.items():
        if path is not None:
            console.print(f"{what} written to {path}")


def print_warnings(found: Fit) -> None:
    """Print the warnings on standard error, where standard output is for a machine."""
    for line in lines(finding for finding in found.findings if finding.level == "warning"):
        print(f"gmix: {line}", file=sys.stderr)


def _console() -> Console:
    console = Console(highlight=False, markup=False, soft_wrap=True)
    return console if console.is_terminal else Console(highlight=False, markup=False, width=400)


def _ranking(search: Search, shown: int) -> Grid:
    chosen = CRITERIA[search.criterion]
    title = f"best of {len(search.candidates)} candidates by {chosen} (smaller is better)"
    grid = Grid(box=SIMPLE_HEAD, title=title, title_justify="left", title_style="")
    for name in ("structure", "components", "log-likelihood", "parameters", *CRITERIA.values(), "weight"):
        grid.add_column(name, justify="left" if name == "structure" else "right")
    ranked = sorted(zip(search.candidates, search.table(), strict=True), key=lambda pair: search.order(pair[0]))
    for candidate, c in ranked[:shown]:
        values = [f"{c[name]:.2f}" for name in ("log_likelihood", *CRITERIA)]
        values.insert(1, str(c["parameters"]))
        note = " (set aside)" if candidate in search.set_aside else ""
        grid.add_row(c["structure"], str(c["components"]), *values, f"{c['weight']:.3f}{note}")
    return grid
