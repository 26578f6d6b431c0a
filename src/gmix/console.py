"""A fit as the command line prints it: tables for a person, a document for a machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table as Grid

from gmix.fit import Fit, StandardErrors
from gmix.mixture import GaussianMixture

__all__ = ["document", "features", "print_fit"]

_SHOWN = 5  # candidates of a search that are printed


def features(mixture: GaussianMixture) -> tuple[str, ...]:
    """The names of a mixture's columns, made up where it has none."""
    return mixture.features or tuple(f"x{d + 1}" for d in range(mixture.n_features))


def document(found: Fit, errors: StandardErrors | None = None) -> dict[str, Any]:
    """A fit for machines: what a person is shown, in full precision; an error that is not known is null."""
    mixture = found.mixture
    return {
        "structure": mixture.structure.code,
        "components": mixture.n_components,
        "features": list(mixture.features or []),
        "rows": found.n_rows,
        "log_likelihood": found.log_likelihood,
        "parameters": found.n_parameters,
        "bic": found.bic,
        "aic": found.aic,
        "icl": found.icl,
        "converged": found.converged,
        "reason": found.reason.name.lower(),
        "steps": len(found.history) - 1,
        "weights": mixture.weights.tolist(),
        "means": mixture.means.tolist(),
        "covariances": mixture.covariances.tolist(),
        **({"standard_errors": _nulled(errors)} if errors else {}),
        "findings": [{"name": finding.name, "message": finding.message} for finding in found.findings],
        "candidates": found.search.table() if found.search else [],
    }


def _nulled(errors: StandardErrors) -> dict[str, Any]:
    def listed(values: Any) -> Any:
        return [listed(v) for v in values] if np.ndim(values) else None if np.isnan(values) else float(values)

    return {part: listed(getattr(errors, part)) for part in ("weights", "means", "covariances")}


def print_fit(found: Fit, files: dict[str, Path | None], errors: StandardErrors | None = None) -> None:
    """Print what was found and which files were written."""
    console = Console(highlight=False, markup=False, soft_wrap=True)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, width=400)
    mixture = found.mixture
    names = features(mixture)
    count = f"{mixture.n_components} component{'s' * (mixture.n_components != 1)}"
    console.print(
        f"{count}, {mixture.structure.code} ({mixture.structure.name}), of {found.n_rows} rows and "
        f"{len(names)} column{'s' * (len(names) != 1)}",
        style="bold",
    )
    console.print(
        f"log-likelihood {found.log_likelihood:.4f}   BIC {found.bic:.2f}   AIC {found.aic:.2f}   "
        f"ICL {found.icl:.2f}   parameters {found.n_parameters}"
    )
    console.print(f"{found.reason.value} ({len(found.history) - 1} steps)")
    grid = Grid(box=SIMPLE_HEAD, title="weights, means ± standard deviations", title_justify="left", title_style="")
    grid.add_column("component", justify="right")
    grid.add_column("weight", justify="right")
    for name in names:
        grid.add_column(name, justify="right")
    deviations = np.sqrt(np.diagonal(mixture.covariances, axis1=1, axis2=2))
    for k, (weight, mean, deviation) in enumerate(zip(mixture.weights, mixture.means, deviations, strict=True)):
        cells = (f"{m:.4g} ± {s:.3g}" for m, s in zip(mean, deviation, strict=True))
        grid.add_row(str(k), f"{weight:.4f}", *cells)
        if errors is not None:
            spreads = np.diagonal(errors.covariances[k]) / (2.0 * deviation)
            cells = (f"{m:.2g} ± {s:.2g}" for m, s in zip(errors.means[k], spreads, strict=True))
            grid.add_row("error", f"{errors.weights[k]:.2g}", *cells, style="dim")
    console.print()
    console.print(grid)
    if found.search is not None:
        console.print(_ranking(found.search.table()))
    for finding in found.findings:
        console.print(f"note: {finding}")
    for what, path in files.items():
        if path is not None:
            console.print(f"{what} written to {path}")


def _ranking(candidates: list[dict[str, Any]]) -> Grid:
    title = f"best of {len(candidates)} candidates by BIC (smaller is better)"
    grid = Grid(box=SIMPLE_HEAD, title=title, title_justify="left", title_style="")
    for name in ("structure", "components", "log-likelihood", "parameters", "BIC", "AIC"):
        grid.add_column(name, justify="left" if name == "structure" else "right")
    for c in sorted(candidates, key=lambda c: (c["collapsed"], c["bic"]))[:_SHOWN]:
        likelihood, bic, aic = f"{c['log_likelihood']:.2f}", f"{c['bic']:.2f}", f"{c['aic']:.2f}"
        note = " (a component collapsed)" if c["collapsed"] else ""
        grid.add_row(c["structure"], str(c["components"]), likelihood, str(c["parameters"]), bic + note, aic)
    return grid
