"""Pictures of README.md and of docs/first_mixture.md: the penguins."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

import gmix
from gmix import plot
from gmix.demo import PENGUINS
from gmix.plot.file import save_figure

COLUMNS = ["bill_length", "bill_depth", "flipper_length", "body_mass", "nitrogen_15"]


def two_columns(fit: gmix.Fit, table: pd.DataFrame, folder: Path) -> None:
    """The components in two columns, with a marker for each, and the BIC of the candidates."""
    figure = Figure(figsize=(10.4, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    names = ["bill_length", "body_mass"]
    mixture, points = fit.mixture.marginal(names), table[names].to_numpy()
    plot.scatter(points, fit.mixture.predict(table), left, size=14.0)
    plot.ellipses(mixture, ax=left)
    left.set(xlabel="bill length (mm)", ylabel="body mass (g)")
    plot.criteria(fit, right)
    save_figure(figure, folder / "penguins.png")


def criteria(fit: gmix.Fit, folder: Path) -> None:
    """The BIC of the candidates alone."""
    figure = Figure(figsize=(7.2, 4.6), layout="constrained")
    plot.criteria(fit, figure.add_subplot())
    save_figure(figure, folder / "penguins_criteria.png")


def pairs(fit: gmix.Fit, table: pd.DataFrame, folder: Path) -> None:
    """Every pair of columns."""
    save_figure(fit.plot(table), folder / "penguins_pairs.png")


def intervals(fit: gmix.Fit, table: pd.DataFrame, folder: Path) -> None:
    """Bootstrap intervals of the mean body masses and of the weights."""
    replicates = gmix.bootstrap(fit, table, rng=0)
    figure = Figure(figsize=(10.4, 2.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    at = COLUMNS.index("body_mass")
    values = ((left, replicates.means[:, :, at], fit.mixture.means[:, at]),
              (right, replicates.weights, fit.mixture.weights))  # fmt: skip
    for ax, draws, estimates in values:
        low, high = np.quantile(draws, [0.025, 0.975], axis=0)
        for k, estimate in enumerate(estimates):
            ax.plot([low[k], high[k]], [k, k], color=plot.color(k), linewidth=3, solid_capstyle="butt")
            ax.plot(estimate, k, plot.marker(k), color=plot.color(k), markersize=8, markeredgecolor="white")
        ax.set(yticks=range(len(estimates)), ylim=(len(estimates) - 0.5, -0.5), ylabel="component")
        ax.spines[["top", "right"]].set_visible(False)
    left.set(xlabel="mean body mass (g)")
    right.set(xlabel="weight", xlim=(0.0, 0.6))
    save_figure(figure, folder / "penguins_intervals.png")


def draw(folder: Path) -> None:
    """Draw all pictures of the page into a folder."""
    table = pd.read_csv(PENGUINS)
    fit = gmix.fit(table, columns=COLUMNS, rng=0)
    two_columns(fit, table, folder)
    criteria(fit, folder)
    pairs(fit, table, folder)
    intervals(fit, table, folder)


if __name__ == "__main__":
    draw(Path(__file__).parent)
