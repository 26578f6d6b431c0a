"""What is shown of a fit, a mixture, a search and chains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gmix import plot
from gmix.base.findings import Finding
from gmix.base.wording import count, nats, number, percent, to_precision_of, weighted_rows
from gmix.model.criteria import CRITERIA
from gmix.notebook.markup import dot, findings_html, page, picture, table
from gmix.plot import model as shown
from gmix.plot.model import spreads
from gmix.plot.style import dress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["agreement_html", "chains_html", "fit_html", "goodness_html", "mixture_html", "search_html"]

Array = NDArray[np.float64]
_COLUMNS, _COMPONENTS, _CANDIDATES, _COORDINATES = 6, 20, 8, 12  # that are listed
_SIZE = (4.2, 3.4)  # of pictures, in inches
_TRACES = 3  # coordinates whose draws are drawn


class Fit(shown.Fit, Protocol):
    """A fitted mixture, as `gmix.Fit` is."""

    @property
    def findings(self) -> tuple[Finding, ...]: ...
    @property
    def log_likelihood(self) -> float: ...
    @property
    def log_posterior(self) -> float: ...
    @property
    def n_parameters(self) -> int: ...
    @property
    def n_rows(self) -> int: ...
    @property
    def trim(self) -> float: ...
    @property
    def reason(self) -> Any: ...
    @property
    def posterior(self) -> Any: ...


class Candidate(shown.Candidate, Protocol):
    """A structure with a number of components that was fitted, as `gmix.fitting.candidates.Candidate` is."""

    @property
    def run(self) -> Any: ...


class Search(shown.Search, Protocol):
    """Candidates and the choice among them, as `gmix.Search` is."""

    @property
    def candidates(self) -> Sequence[Candidate]: ...
    @property
    def best(self) -> Candidate: ...
    @property
    def set_aside(self) -> Sequence[Candidate]: ...
    @property
    def order(self) -> Callable[[Any], Any]: ...


class Chains(Protocol):
    """Draws with diagnostics, as `gmix.Chains` is."""

    @property
    def draws(self) -> Array: ...
    @property
    def points(self) -> Array: ...
    @property
    def acceptance(self) -> Array: ...
    @property
    def n_chains(self) -> int: ...
    @property
    def n_draws(self) -> int: ...
    @property
    def effective_sample_size(self) -> Array: ...
    @property
    def r_hat(self) -> Array: ...
    @property
    def findings(self) -> Sequence[Finding]: ...


class GoodnessOfFit(Protocol):
    """Distances between rows and a mixture, as `gmix.GoodnessOfFit` is."""

    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def marginal(self) -> Array: ...
    @property
    def conditional(self) -> Array: ...
    @property
    def distances(self) -> float: ...
    @property
    def replicates(self) -> Array: ...
    @property
    def p_values(self) -> Array: ...


class Agreement(Protocol):
    """The agreement of clusters with labels, as `gmix.Agreement` is."""

    @property
    def classes(self) -> Sequence[object]: ...
    @property
    def clusters(self) -> Sequence[object]: ...
    @property
    def table(self) -> Array: ...
    @property
    def numbers(self) -> list[tuple[str, str]]: ...
    @property
    def cluster_names(self) -> list[str]: ...


def mixture_html(mixture: shown.Mixture) -> str:
    """A mixture: its parameters, and its density."""
    line = f"{count(mixture.n_components, 'component')}, {count(mixture.n_features, 'feature')}"
    return page(_title(f"{_family(mixture)} mixture", mixture), line, [_components(mixture)], _density(mixture))


def fit_html(fit: Fit) -> str:
    """A fit: its findings, its criteria and how it ended, its parameters, and its density."""
    mixture = fit.mixture
    facts = [("log-likelihood", nats(fit.log_likelihood)), ("per row", number(fit.log_likelihood / fit.mass, 5))]
    if fit.log_prior:
        facts.append(("log posterior", nats(fit.log_posterior)))
    if fit.posterior is None:
        facts += [(CRITERIA[name], nats(fit.criteria[name])) for name in ("bic", "aic", "icl")]
        facts.append(("parameters", f"{fit.n_parameters:,}"))
    else:  # a variational fit, which has no criteria
        facts += [("lower bound", nats(fit.posterior.lower_bound)), ("occupied", str(len(fit.posterior.occupied)))]
    line = (
        f"{count(mixture.n_components, 'component')}, {count(mixture.n_features, 'feature')}, "
        f"{weighted_rows(fit.n_rows, fit.mass, trim=fit.trim)}; {fit.reason.value} "
        f"({count(len(fit.history) - 1, 'step')})"
    )
    criteria = table([name for name, _ in facts], [[value for _, value in facts]], named=False)
    parts = [findings_html(fit.findings), criteria, _components(mixture)]
    return page(_title("Fit", mixture), line, parts, _density(mixture))


def search_html(search: Search) -> str:
    """A search: its best candidates, and the criterion of all."""
    name, ranked = search.criterion, sorted(search.candidates, key=search.order)
    least = ranked[0].criteria[name]

    def behind(candidate: Candidate) -> str:
        if candidate is ranked[0]:
            return "chosen"
        return "set aside" if candidate in search.set_aside else nats(candidate.criteria[name] - least)

    rows = [
        [
            f"{c.structure.code}, {c.n_components}", f"{c.run.model.n_parameters:,}", nats(c.criteria[name]), behind(c),
        ]
        for c in ranked[:_CANDIDATES]
    ]  # fmt: skip
    heads = ["structure, components", "parameters", CRITERIA[name], "minus minimum"]
    caption = f"the best {len(rows)} of {count(len(ranked), 'candidate')}" if len(rows) < len(ranked) else ""

    def draw(figure: Figure) -> str:
        plot.criteria(search, figure.add_subplot())
        return f"{CRITERIA[name]} of all candidates"

    line = f"{count(len(ranked), 'candidate')}; by {CRITERIA[name]}, the best is {ranked[0].structure.called} with "
    line += count(ranked[0].n_components, "component")
    image = picture(draw, *_SIZE) if search.compares else ""
    return page("Search", line, [table(heads, rows, caption=caption)], image)


def chains_html(chains: Chains) -> str:
    """Chains: whether they have converged, the mean and the diagnostics of each coordinate, and the draws."""
    mean, deviation = chains.points.mean(0), chains.points.std(0)
    size, r_hat = chains.effective_sample_size, chains.r_hat
    rows = [
        [
            str(d), to_precision_of(mean[d], deviation[d]), number(deviation[d], 3),
            number(deviation[d] / np.sqrt(size[d]), 2), f"{size[d]:,.0f}", f"{r_hat[d]:.3f}",
        ]
        for d in range(min(len(mean), _COORDINATES))
    ]  # fmt: skip
    caption = f"the first {len(rows)} of {count(len(mean), 'coordinate')}" if len(rows) < len(mean) else ""
    heads = ["coordinate", "mean", "sd", "error of the mean", "ESS", "R-hat"]
    line = (
        f"{count(chains.n_chains, 'chain')} of {count(chains.n_draws, 'draw')}, "
        f"acceptance {percent(float(chains.acceptance.mean()))}"
    )

    def draw(figure: Figure) -> str:
        n = min(len(mean), _TRACES)
        for d, ax in enumerate(np.atleast_1d(figure.subplots(n, 1, sharex=True))):
            for chain, values in enumerate(chains.draws[:, :, d]):
                ax.plot(values, color=plot.color(chain), linewidth=0.6, alpha=0.8)
            ax.set(ylabel=f"coordinate {d}", xlabel="draw" if d == n - 1 else "")
            dress(ax, grid="y")
        return "the draws of each chain, in order"

    parts = [findings_html(chains.findings), table(heads, rows, caption=caption)]
    return page("Chains", line, parts, picture(draw, *_SIZE))


def goodness_html(found: GoodnessOfFit) -> str:
    """The distances between rows and a mixture, with p-values if there are some."""
    p, d, n_tables = found.p_values, len(found.names), len(found.replicates)

    def cells(distance: float, p_value: float) -> list[str]:
        written = "" if np.isnan(distance) else f"{distance:.3f}"
        return [written, "" if np.isnan(p_value) else f"{p_value:.2g}"] if n_tables else [written]

    rows = [
        [name, *cells(found.marginal[j], p[j]), *cells(found.conditional[j], p[d + j])]
        for j, name in enumerate(found.names)
    ]
    rows.append(["Mahalanobis distance", *cells(found.distances, p[-1]), *[""] * (1 + bool(n_tables))])
    heads = ["column", *["marginal", "p"][: 1 + bool(n_tables)], *["conditional", "p"][: 1 + bool(n_tables)]]
    line = "Kolmogorov-Smirnov distances" + f"; p-values from {count(n_tables, 'table')}" * bool(n_tables)
    return page("Goodness of fit", line, [table(heads, rows)])


def agreement_html(found: Agreement) -> str:
    """The agreement of clusters with labels: its measures, and how many rows of each class are in each cluster."""
    measures = table([name for name, _ in found.numbers], [[value for _, value in found.numbers]], named=False)
    rows = [
        [str(name), *(f"{value:,.6g}" for value in counts)]
        for name, counts in zip(found.classes, found.table, strict=True)
    ]
    line = f"{count(float(found.table.sum()), 'row')} in {count(len(found.clusters), 'cluster')}"
    return page("Agreement", line.replace(".0 ", " "), [measures, table(["class", *found.cluster_names], rows)])


def _title(kind: str, mixture: shown.Mixture) -> str:
    return f"{kind}: {mixture.structure.called}"


def _family(mixture: shown.Mixture) -> str:
    """The name of the family of the components."""
    return "Student" if hasattr(mixture, "degrees_of_freedom") else "Gaussian"


def _components(mixture: shown.Mixture) -> str:
    """A table of the weights, and of the means and standard deviations of the columns that differ most."""
    names, k = mixture.features or tuple(f"x{d + 1}" for d in range(mixture.n_features)), mixture.n_components
    columns = sorted(np.argsort(-shown.separation(mixture), kind="stable")[:_COLUMNS].tolist())
    deviations = np.sqrt(np.diagonal(spreads(mixture), axis1=1, axis2=2))

    def written(j: int, d: int) -> str:
        deviation = float(deviations[j, d])
        return f"{to_precision_of(float(mixture.means[j, d]), deviation)} ({number(deviation, 3)})"

    rows = [
        [str(j), f"{mixture.weights[j]:.4f}", *(written(j, d) for d in columns)] for j in range(min(k, _COMPONENTS))
    ]
    dots = [dot(plot.color(j)) for j in range(len(rows))]
    if mixture.background is not None:
        rows.append(["background", f"{mixture.background.weight:.4f}", *("" for _ in columns)])
        dots.append(dot(plot.color(-1)))
    caption = "mean (standard deviation)" if _family(mixture) == "Gaussian" else "center (scale)"
    if len(columns) < len(names):
        caption += f" of the {len(columns)} of {len(names)} features that separate the components best"
    if k > _COMPONENTS:
        caption += f"; the first {_COMPONENTS} of {k} components"
    return table(["component", "weight", *(names[d] for d in columns)], rows, caption=caption, dots=dots)


def _density(mixture: shown.Mixture) -> str:
    """A picture of one column, or of the two that separate the components best."""

    def draw(figure: Figure) -> str:
        drawn, ax = mixture.independent_part, figure.add_subplot()
        if drawn.n_features == 1:
            plot.histogram(drawn, ax=ax)
            return "the density of the mixture and of each component"
        best = sorted(np.argsort(-shown.separation(drawn), kind="stable")[:2].tolist())
        plot.clusters(drawn.marginal(best), ax=ax)
        return "contours of the density, and an ellipse for each component"

    return picture(draw, *_SIZE)
