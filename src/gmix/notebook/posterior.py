"""What is shown of draws from the posterior of a mixture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gmix import plot
from gmix.base.findings import Finding
from gmix.base.wording import count, percent, to_precision_of
from gmix.notebook.markup import findings_html, page, picture, table
from gmix.plot.style import dress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["posterior_draws_html"]

_SIZE = (4.2, 3.4)  # of the picture, in inches


class PosteriorDraws(Protocol):
    """Draws with diagnostics, as `gmix.PosteriorDraws` is."""

    @property
    def n_clusters(self) -> NDArray[np.intp]: ...
    @property
    def n_chains(self) -> int: ...
    @property
    def n_draws(self) -> int: ...
    @property
    def n_rows(self) -> int: ...
    @property
    def cluster_probabilities(self) -> Mapping[int, float]: ...
    @property
    def diagnostics(self) -> Any: ...
    @property
    def findings(self) -> Sequence[Finding]: ...


def posterior_draws_html(draws: PosteriorDraws) -> str:
    """Draws: whether the chains agree, and the probabilities of the numbers of clusters."""
    found = draws.diagnostics
    rows = [
        [name, to_precision_of(mean, deviation), to_precision_of(deviation, deviation), f"{size:,.0f}", f"{r_hat:.3f}"]
        for name, mean, deviation, size, r_hat in zip(
            found.names, found.mean, found.deviation, found.effective_sample_size, found.r_hat, strict=True
        )
    ]
    heads = ["", "mean", "sd", "ESS", "R-hat"]
    line = (
        f"{count(draws.n_chains, 'chain')} of {count(draws.n_draws, 'draw')}, {count(draws.n_rows, 'row')}; "
        + most_probable(draws.cluster_probabilities)
    )

    def draw(figure: Figure) -> str:
        ax = figure.subplots()
        numbers = list(draws.cluster_probabilities)
        ax.bar(numbers, [draws.cluster_probabilities[k] for k in numbers], color=plot.color(0))
        ax.set(xlabel="number of clusters", ylabel="probability", xticks=numbers[:: max(len(numbers) // 8, 1)])
        dress(ax, grid="y")
        return "the probability of each number of clusters"

    parts = [findings_html(draws.findings), table(heads, rows)]
    return page("Posterior draws", line, parts, picture(draw, *_SIZE))


def most_probable(probabilities: Mapping[int, float]) -> str:
    """The most probable number of clusters, with its probability."""
    k, share = max(probabilities.items(), key=lambda pair: pair[1])
    return f"{count(k, 'cluster')} with probability {percent(share)}"
