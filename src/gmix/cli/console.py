"""Print a fit: tables for people, a JSON document for programs."""

from __future__ import annotations

import math
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table as Grid

from gmix.base.findings import lines
from gmix.base.wording import count, listed, number, printable, to_precision_of, weighted_rows
from gmix.cli.as_typed import as_typed
from gmix.cli.tables import Entry, console, grid_of, print_entries, print_grid, width_of
from gmix.fitting.candidates import Candidate, Search
from gmix.fitting.optima_text import chance_text, trials_text
from gmix.fitting.result import Fit, StandardErrors
from gmix.model.criteria import CRITERIA
from gmix.model.student import AnyMixture, StudentMixture
from gmix.plot.model import spreads

__all__ = ["document", "nulled", "print_candidates", "print_fit", "print_mixture", "print_warnings", "ranked"]

_CANDIDATES = 5  # of a search, that are printed with a fit
_USUAL = ("bic", "aic", "aicc", "icl")  # criteria that are columns even if they do not choose
_DISPENSABLE = ("aicc", "aic", "icl", "bic", "parameters", "log-likelihood")  # columns, the first to go first


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
        **_spread_document(mixture),
        **({} if mixture.background is None else {"background": mixture.background.document}),
        **({"standard_errors": _errors(errors)} if errors else {}),
        "findings": [vars(finding) for finding in fit.findings],
        "candidates": fit.comparison.table() if fit.comparison else [],
    }
    return dict(nulled(document))


def _spread_document(mixture: AnyMixture) -> dict[str, Any]:
    """The covariances; of a Student mixture the scale matrices and the degrees of freedom."""
    if isinstance(mixture, StudentMixture):
        return {"scales": mixture.scales.tolist(), "degrees_of_freedom": mixture.degrees_of_freedom.tolist()}
    return {"covariances": mixture.covariances.tolist()}


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
    to = console()
    mixture = fit.mixture
    to.print(
        f"{count(mixture.n_components, 'component')}, {mixture.structure.called}, of "
        f"{weighted_rows(fit.n_rows, fit.mass, trim=fit.trim)} and {count(len(mixture.names), 'column')}",
        style="bold",
    )
    to.print(
        f"log-likelihood {fit.log_likelihood:.4f}   BIC {fit.bic:.2f}   AIC {fit.aic:.2f}   "
        f"ICL {fit.icl:.2f}   parameters {fit.n_parameters}"
    )
    if fit.prior is not None:
        to.print(f"log posterior {fit.log_posterior:.4f} under {fit.prior}")
    to.print(f"{fit.reason.value} ({count(len(fit.history) - 1, 'step')})")
    if fit.optima is not None:
        to.print(trials_text(fit.optima, fit.mass))
        to.print(chance_text(fit.optima))
    to.print()
    print_mixture(mixture, to, fit.groups, errors)
    if fit.comparison is not None:
        _print_ranking(fit.comparison, _CANDIDATES, to)
    _print_end(to, fit, files)


def print_mixture(
    mixture: AnyMixture,
    to: Console,
    groups: Sequence[Any] | None = None,
    errors: StandardErrors | None = None,
) -> None:
    """Print the weights, means and standard deviations of the components, with standard errors if there are some."""
    labels = [] if groups is None else [["" if label is None else str(label)] for label in groups]
    empty = [""] * bool(labels)
    deviations = np.sqrt(np.diagonal(spreads(mixture), axis1=1, axis2=2))
    entries = []
    for k, (weight, mean, deviation) in enumerate(zip(mixture.weights, mixture.means, deviations, strict=True)):
        cells = [f"{to_precision_of(m, s)} ± {number(s, 3)}" for m, s in zip(mean, deviation, strict=True)]
        label, uncertain = labels[k] if labels else [], None
        if errors is not None:
            of_deviations = np.diagonal(errors.covariances[k]) / (2.0 * np.where(deviation > 0, deviation, 1.0))
            of_cells = [f"{number(m, 2)} ± {number(s, 2)}" for m, s in zip(errors.means[k], of_deviations, strict=True)]
            uncertain = [*empty, f"{errors.weights[k]:.2g}", *of_cells]
        entries.append(Entry(str(k), [*label, _weight(weight), *cells], uncertain))
    if mixture.background is not None:
        known = errors is not None and errors.background is not None
        uncertain = [*empty, f"{errors.background:.2g}"] if errors is not None and known else None
        entries.append(Entry("background", [*empty, _weight(mixture.background.weight)], uncertain))
    names = [*(["label"] if labels else []), "weight", *mixture.names]
    student = isinstance(mixture, StudentMixture)
    print_entries(f"weights, {'centers ± scales' if student else 'means ± standard deviations'}", names, entries, to)


def _weight(weight: float) -> str:
    """A weight with four decimals, which does not look like zero if it is small."""
    return "<0.0001" if 0.0 < weight < 5e-5 else f"{weight:.4f}"


def print_candidates(fit: Fit, files: dict[str, Path | None], most: int | None = None) -> None:
    """Print the candidates of a search, the best first, and the names of the files that were written."""
    assert fit.comparison is not None
    to = console()
    _print_ranking(fit.comparison, len(fit.comparison.candidates) if most is None else most, to)
    _print_end(to, fit, files)


def _print_end(to: Console, fit: Fit, files: dict[str, Path | None]) -> None:
    """Print the findings and the names of the files that were written."""
    for line in lines(fit.findings):
        to.print(as_typed(line))
    for what, path in files.items():
        if path is not None:
            to.print(f"{what} written to {path}")


def print_warnings(fit: Fit) -> None:
    """Print the warnings on standard error, where a program reads standard output."""
    for line in lines(finding for finding in fit.findings if finding.level == "warning"):
        print(f"gmix: {printable(as_typed(line))}", file=sys.stderr)


def _print_ranking(search: Search, shown: int, to: Console) -> None:
    """Print the best candidates. Columns that do not decide are left out where the table would be too wide."""
    left_out: list[str] = []
    grid = _ranking(search, shown, left_out)
    for name in _DISPENSABLE:
        if width_of(grid, to) <= to.width:
            break
        if name != search.criterion:
            left_out.append(name)
            grid = _ranking(search, shown, left_out)
    print_grid(grid, to)
    if left_out:
        order = ["log-likelihood", "parameters", *CRITERIA]
        names = listed([CRITERIA.get(name, name) for name in sorted(left_out, key=order.index)])
        verb = "is" if len(left_out) == 1 else "are"
        to.print(f"{names} {verb} not shown in {to.width} columns; --json prints everything", style="dim")


def _ranking(search: Search, shown: int, left_out: Collection[str]) -> Grid:
    keys = {name: name.replace("-", "_") for name in ("structure", "components", "log-likelihood", "parameters")}
    columns = {name: title for name, title in CRITERIA.items() if name in (*_USUAL, search.criterion)}
    keys |= {title: name for name, title in columns.items()} | {"weight": "weight"}
    names = [title for title, key in keys.items() if key not in left_out and title not in left_out]
    title = f"best of {count(len(search.candidates), 'candidate')} by {CRITERIA[search.criterion]} (smaller is better)"
    grid = grid_of(title, names, left=["structure"])
    for candidate, c in ranked(search)[:shown]:
        note = " (set aside)" if candidate in search.set_aside else ""
        cells = {name: f"{c[keys[name]]:.2f}" for name in names if isinstance(c[keys[name]], float)}
        cells["weight"] = f"{c['weight']:.3f}{note}"
        grid.add_row(*(cells.get(name, str(c[keys[name]])) for name in names))
    return grid


def ranked(search: Search) -> list[tuple[Candidate, dict[str, Any]]]:
    """The candidates with their lines of `Search.table`, the best first."""
    return sorted(zip(search.candidates, search.table(), strict=True), key=lambda pair: search.order(pair[0]))
