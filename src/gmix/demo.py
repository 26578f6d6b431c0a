"""The demonstration that ``gmix demo`` runs: a tutorial with a known density, then a real table."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

import gmix
from gmix import plot
from gmix.base.errors import ParameterError
from gmix.model.student import AnyMixture
from gmix.plot.file import save_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["AIRQUALITY", "BATTING", "FAITHFUL", "PENGUINS", "demo", "density", "tutorial_mixture"]

Array = NDArray[np.float64]
FAITHFUL = resources.files("gmix") / "data" / "faithful.csv"
# Daily readings in New York, May to September 1973, as R has them: ozone from the State Department of Environmental
# Conservation, and weather from the National Weather Service.
AIRQUALITY = resources.files("gmix") / "data" / "airquality.csv"
# Major League Baseball in 2010, the 737 players with at least ten at-bats: from mlbbat10 of the R package openintro.
BATTING = resources.files("gmix") / "data" / "batting.csv"
# Penguins of the Palmer Archipelago in Antarctica, 2007 to 2009 (Gorman, Williams & Fraser 2014, PLOS ONE 9:e90081), in
# the public domain (CC0): from penguins_raw of the R package palmerpenguins. Lengths are in millimeters, masses in
# grams, and nitrogen_15 is the enrichment of the isotope in the blood, in parts per thousand.
PENGUINS = resources.files("gmix") / "data" / "penguins.csv"

_FACTORS = np.array([0.6, 28.4 / (0.6 + 28.4)])  # of the two Gaussians in the tutorial's code
_MEANS = ((-1.0, -1.0), (1.0, 2.0))
_COVARIANCES = (((1.0, -0.8), (-0.8, 1.0)), ((1.5**2, 0.6), (0.6, 0.8**2)))
_SEED = 20


@cache
def tutorial_mixture() -> gmix.GaussianMixture:
    """The tutorial's two Gaussians as a mixture with the weights 0.3799 and 0.6201.

    >>> tutorial_mixture().weights.round(4)
    array([0.3799, 0.6201])
    """
    return gmix.GaussianMixture(_FACTORS / _FACTORS.sum(), _MEANS, _COVARIANCES, features=("x", "y"))


def density(x: Array) -> Array:
    """The tutorial's density ``0.6 g1 + 0.9793 g2`` at points ``(N, 2)``; it integrates to 1.5793.

    >>> density(np.array([[1.0, 2.0]])).round(4)
    array([0.15])
    """
    return np.asarray(_FACTORS.sum() * tutorial_mixture().density(x))


def demo(out: str | PathLike[str]) -> None:
    """Run the demonstration, and write pictures and a model to the folder `out`, which is made if it does not exist."""
    from rich.console import Console

    folder = Path(out)
    if (file := next((path for path in (folder, *folder.parents) if path.is_file()), None)) is not None:
        raise ParameterError(f"{file} is a file; name a folder")
    folder.mkdir(parents=True, exist_ok=True)
    console = Console(highlight=False, markup=False, soft_wrap=True)

    def head(title: str) -> None:
        console.print(f"\n{title}\n{'-' * len(title)}", style="bold")

    head("1  A density of two Gaussians")
    console.print(_draw_density(folder))
    head("2  Metropolis draws from it")
    chains, text = _draw_samples(folder)
    console.print(text)
    head("3  A fit of two components to the draws")
    fit, text = _fit_components(chains, folder)
    console.print(text)
    head("4  A prior, and the number of components")
    console.print(_compare(chains.points, fit, folder))
    head("5  A real table: the eruptions of Old Faithful")
    console.print(_real_table(folder))
    pictures = ", ".join(sorted(p.name for p in folder.glob("*.png")))
    console.print(f"\nLook at {pictures} in {folder}, and open {folder / 'faithful.html'} in a browser")


def _draw_density(folder: Path) -> str:
    figure = _sheet(6.4, 4.4)
    plot.surface(tutorial_mixture(), (-5.0, 5.0), figure.add_subplot(projection="3d"), label="$p(x, y)$")
    save_figure(figure, folder / "density.png")
    weights, mass = tutorial_mixture().weights, _FACTORS.sum()
    return (
        f"A mixture of two Gaussians with the weights {weights[0]:.4f} and {weights[1]:.4f}.*\n\n"
        f"* The expression 0.6*g1 + 28.4*g2/(0.6+28.4) divides only its second term. It is the\n"
        f"  unnormalized density q = 0.6 g1 + {_FACTORS[1]:.4f} g2 of mass {mass:.4f}; the mixture is q / {mass:.4f}."
    )


def _draw_samples(folder: Path) -> tuple[gmix.Chains, str]:
    chains = gmix.metropolis(lambda x: np.log(density(x)), start=[0.0, 0.0], draws=1_000, thin=10, rng=_SEED)
    figure = _sheet(5.8, 4.9)
    ax = figure.add_subplot(aspect="equal")
    plot.contours(tutorial_mixture(), (-5.0, 5.0), ax, levels=4)
    plot.scatter(chains.points, None, ax, size=7.0)
    ax.set(xlabel="$x$", ylabel="$y$")
    save_figure(figure, folder / "samples.png")
    size = ", ".join(f"{value:.0f} in {name}" for value, name in zip(chains.effective_sample_size, "xy", strict=True))
    return chains, (
        f"10,000 steps from (0, 0), every 10th kept: {chains.n_draws} draws.\n"
        f"Acceptance rate {chains.acceptance[0]:.3f}; effective sample size {size}.\n"
        "Only ratios of the density are used, so its total mass does not matter."
    )


def _fit_components(chains: gmix.Chains, folder: Path) -> tuple[gmix.Fit, str]:
    points = chains.points
    fit = gmix.fit(points, components=2, covariance="full", columns=["x", "y"], rng=_SEED)
    figure = _sheet(5.8, 4.9)
    ax = figure.add_subplot(aspect="equal")
    plot.clusters(fit, points, ax)
    ax.set(xlabel="$x$", ylabel="$y$")
    save_figure(figure, folder / "clusters.png")
    weight, size = fit.mixture.weights[0], chains.effective_sample_size.min()
    return fit, (
        f"{fit!r}\n\n{_side_by_side({'true': tutorial_mixture(), 'found': fit.mixture})}\n\n"
        "The standard error of a weight from this effective sample size is about "
        f"{np.sqrt(weight * (1 - weight) / size):.2f}."
    )


def _compare(points: Array, fit: gmix.Fit, folder: Path) -> str:
    prior = gmix.NormalInverseWishart()
    posterior = gmix.fit(points, components=2, covariance="full", prior=prior, columns=["x", "y"], rng=_SEED)
    several = gmix.fit(points, components=range(1, 9), covariance="full", columns=["x", "y"], rng=_SEED)
    figure = _sheet(5.8, 4.0)
    plot.criteria(several, figure.add_subplot())
    save_figure(figure, folder / "criteria.png")
    lines = [
        "Maximum likelihood (ML) and the maximum of the posterior (MAP) with a weak conjugate prior:",
        "",
        _side_by_side({"true": tutorial_mixture(), "ML": fit.mixture, "MAP": posterior.mixture}),
        "",
        "How many components? Smaller is better:",
        "",
        "  components         AIC         BIC",
    ]
    if several.comparison is not None:
        for candidate in sorted(several.comparison.candidates, key=lambda c: c.n_components):
            chosen = "  <- chosen by BIC" if candidate is several.comparison.best else ""
            lines.append(f"  {candidate.n_components:>10}  {candidate.aic:>10.2f}  {candidate.bic:>10.2f}{chosen}")
    return "\n".join(lines)


def _real_table(folder: Path) -> str:
    with resources.as_file(FAITHFUL) as path:
        fit = gmix.fit(path, rng=_SEED)
        fit.report(folder / "faithful.html", path)
        points = np.loadtxt(path, delimiter=",", skiprows=1)
    figure = _sheet(10.4, 4.6)
    left, right = figure.subplots(1, 2)
    plot.clusters(fit, points, left)
    left.set(xlabel="eruption (minutes)", ylabel="waiting for it (minutes)")
    plot.criteria(fit, right)
    save_figure(figure, folder / "faithful.png")
    fit.save(folder / "faithful.json")
    loaded = gmix.load(folder / "faithful.json")
    same = np.array_equal(loaded.mixture.log_density(points), fit.mixture.log_density(points))
    return f"{fit.summary()}\n\nSaved to {folder / 'faithful.json'} and loaded again: " + (
        "the same distribution, to the last bit." if same else "NOT the same distribution."
    )


def _side_by_side(mixtures: Mapping[str, AnyMixture]) -> str:
    """A table of the parameters, with the components of each mixture matched to those of the first."""
    from scipy.optimize import linear_sum_assignment

    names = list(mixtures)
    reference = mixtures[names[0]]
    lines = [f"  {'component':<18}{'weight':>8}{'mean x':>9}{'mean y':>9}{'var x':>9}{'cov xy':>9}{'var y':>9}"]
    order = {}
    for name, mixture in mixtures.items():
        distances = np.linalg.norm(reference.means[:, None] - mixture.means, axis=2)
        order[name] = linear_sum_assignment(distances)[1]
    for k in range(reference.n_components):
        for name, mixture in mixtures.items():
            j = order[name][k]
            covariance = mixture.covariances[j]
            values = (*mixture.means[j], covariance[0, 0], covariance[0, 1], covariance[1, 1])
            label = f"{'' if name != names[0] else k!s:<4}{name}"
            lines.append(f"  {label:<18}{mixture.weights[j]:>8.4f}" + "".join(f"{value:>9.3f}" for value in values))
    return "\n".join(lines)


def _sheet(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")
