"""Print a fit: tables for people, a JSON document for programs."""

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
from gmix.base.wording import count, number, to_precision_of, weighted_rows
from gmix.fitting.candidates import Search
from gmix.fitting.optima_text import chance_text, trials_text
from gmix.fitting.result import Fit, StandardErrors
from gmix.model.criteria import CRITERIA

__all__ = ["document", "nulled", "print_candidates", "print_fit", "print_warnings"]

_CANDIDATES = 5  # of a search, that are printed with a fit


def document(fit: Fit, errors: StandardErrors | None = None) -> dict[str, Any]:
    """A fit for programs: what `print_fit` shows, in full precision; null for what is unknown or infinite."""
    mixture = fit.mixture
    document = {
        "structure": mixture.structure.code,
        "components": mixture.n_components,
        "features": list(mixture.features or []),
        "rows": fit.n_rows,
        "total_weight": fit.mass,
        **({"trim": fit.trim} if fit.trim else {}),
        "log_likelihood": fit.log_likelihood,
        **({"prior": repr(fit.prior), "log_posterior": fit.log_posterior} if fit.prior else {}),
        "parameters": fit.n_parameters,
        **fit.criteria,
        "converged": fit.converged,
        "reason": fit.reason.name.lower(),
        "steps": len(fit.history) - 1,
        **_optima(fit),
        **({} if fit.groups is None else {"labels": list(fit.groups)}),
        "weights": mixture.weights.tolist(),
        "means": mixture.means.tolist(),
        "covariances": mixture.covariances.tolist(),
        **({} if mixture.background is None else {"background": mixture.background.document}),
        **({"standard_errors": _errors(errors)} if errors else {}),
        "findings": [vars(finding) for finding in fit.findings],
        "candidates": fit.comparison.table() if fit.comparison else [],
    }
    return dict(nulled(document))


def _errors(errors: StandardErrors) -> dict[str, Any]:
    return {part: np.asarray(values).tolist() for part, values in vars(errors).items() if values is not None}


def _optima(fit: Fit) -> dict[str, Any]:
    """The local optima that the trials reached, for the JSON document; none without trials."""
    optima = fit.optima
    return {
        "optima": [] if optima is None else [optimum._asdict() for optimum in optima.found],
        "optima_weight": None if optima is None else optima.total_weight,
        "chance_of_better": None if optima is None else optima.chance_of_better,
    }


def nulled(value: Any) -> Any:
    """Replace numbers that JSON cannot write by None, within lists and dictionaries."""
    if isinstance(value, dict):
        return {name: nulled(part) for name, part in value.items()}
    if isinstance(value, list):
        return [nulled(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def print_fit(fit: Fit, files: dict[str, Path | None], errors: StandardErrors | None = None) -> None:
    """Print a fit and the names of the files that were written."""
    console = _console()
    mixture = fit.mixture
    names = mixture.names
    console.print(
        f"{count(mixture.n_components, 'component')}, {mixture.structure.called}, of "
        f"{weighted_rows(fit.n_rows, fit.mass, trim=fit.trim)} and {count(len(names), 'column')}",
        style="bold",
    )
    console.print(
        f"log-likelihood {fit.log_likelihood:.4f}   BIC {fit.bic:.2f}   AIC {fit.aic:.2f}   "
        f"ICL {fit.icl:.2f}   parameters {fit.n_parameters}"
    )
    if fit.prior is not None:
        console.print(f"log posterior {fit.log_posterior:.4f} under {fit.prior}")
    console.print(f"{fit.reason.value} ({len(fit.history) - 1} steps)")
    if fit.optima is not None:
        console.print(trials_text(fit.optima, fit.mass))
        console.print(chance_text(fit.optima))
    grid = Grid(box=SIMPLE_HEAD, title="weights, means ± standard deviations", title_justify="left", title_style="")
    grid.add_column("component", justify="right")
    if fit.groups is not None:
        grid.add_column("label")
    grid.add_column("weight", justify="right")
    for name in names:
        grid.add_column(name, justify="right")
    deviations = np.sqrt(np.diagonal(mixture.covariances, axis1=1, axis2=2))
    for k, (weight, mean, deviation) in enumerate(zip(mixture.weights, mixture.means, deviations, strict=True)):
        cells = (f"{to_precision_of(m, s)} ± {number(s, 3)}" for m, s in zip(mean, deviation, strict=True))
        grid.add_row(str(k), *_label(fit, k), f"{weight:.4f}", *cells)
        if errors is not None:
            spreads = np.diagonal(errors.covariances[k]) / (2.0 * np.where(deviation > 0, deviation, 1.0))
            cells = (f"{number(m, 2)} ± {number(s, 2)}" for m, s in zip(errors.means[k], spreads, strict=True))
            empty = [""] * len(_label(fit, k))
            grid.add_row("error", *empty, f"{errors.weights[k]:.2g}", *cells, style="dim")
    if mixture.background is not None:
        grid.add_row("background", *[""] * len(_label(fit, 0)), f"{mixture.background.weight:.4f}")
        if errors is not None and errors.background is not None:
            grid.add_row("error", *[""] * len(_label(fit, 0)), f"{errors.background:.2g}", style="dim")
    console.print()
    console.print(grid)
    if fit.comparison is not None:
        console.print(_ranking(fit.comparison, _CANDIDATES))
    _print_end(console, fit, files)


def _label(fit: Fit, component: int) -> list[str]:
    """The label of a component, as a list of the cells that it takes in a row of the table."""
    if fit.groups is None:
        return []
    label = fit.groups[component]
    return ["" if label is None else str(label)]


def print_candidates(fit: Fit, files: dict[str, Path | None]) -> None:
    """Print every candidate of a search, best first, and the names of the files that were written."""
    assert fit.comparison is not None
    console = _console()
    console.print(_ranking(fit.comparison, len(fit.comparison.candidates)))
    _print_end(console, fit, files)


def _print_end(console: Console, fit: Fit, files: dict[str, Path | None]) -> None:
    """Print the findings and the names of the files that were written."""
    for line in lines(fit.findings):
        console.print(line)
    for what, path in files.items():
        if path is not None:
            console.print(f"{what} written to {path}")


def print_warnings(fit: Fit) -> None:
    """Print the warnings on standard error, where a program reads standard output."""
    for line in lines(finding for finding in fit.findings if finding.level == "warning"):
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
