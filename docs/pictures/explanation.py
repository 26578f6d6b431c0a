"""Pictures of docs/explanation.md and docs/structures.md."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import gmix
from gmix import plot
from gmix.demo import FAITHFUL
from gmix.plot.file import save_figure

GEYSER = np.loadtxt(FAITHFUL, delimiter=",", skiprows=1)
NAMES = ["eruptions", "waiting"]


def mixture(folder: Path) -> None:
    """A mixture of one column, as the sum of its components."""
    fit = gmix.fit(GEYSER[:, 1], 2, covariance="V", columns=["waiting"], rng=0)
    figure = Figure(figsize=(6.4, 3.8), layout="constrained")
    ax = figure.add_subplot()
    plot.histogram(fit, GEYSER[:, 1], ax)
    ax.set(xlabel="waiting time (minutes)")
    save_figure(figure, folder / "mixture.png")


def em_steps(folder: Path) -> None:
    """The mixture after 0, 1, 4 and all iterations of EM from a poor start."""
    covariances = [np.diag([0.3, 60.0])] * 2
    start = gmix.GaussianMixture([0.5, 0.5], [[3.0, 60.0], [4.0, 65.0]], covariances, structure="full", features=NAMES)
    figure = Figure(figsize=(10.4, 3.2), layout="constrained")
    for ax, steps in zip(figure.subplots(1, 4, sharex=True, sharey=True), (0, 1, 2, 100), strict=True):
        fit = gmix.fit(GEYSER, 2, covariance="full", start=start, max_iterations=steps, columns=NAMES)
        plot.scatter(GEYSER, fit.mixture.predict(GEYSER), ax, size=7.0)
        plot.ellipses(fit, ax=ax)
        done = len(fit.history) - 1
        title = "start" if not steps else f"after {done} iteration{'s' * (done > 1)}"
        ax.set(xlim=(1.0, 5.8), ylim=(38.0, 104.0), xlabel="eruption (minutes)", ylabel="")
        ax.set_title(f"{title}\nlog-likelihood {fit.log_likelihood:,.0f}", fontsize=9.5)
        if ax.get_subplotspec().is_first_col():
            ax.set_ylabel("waiting time (minutes)")
    save_figure(figure, folder / "em_steps.png")


def penalties(folder: Path) -> None:
    """The likelihood grows with the number of components; a criterion adds a penalty."""
    counts = range(1, 10)
    fits = [gmix.fit(GEYSER, k, covariance="VVV", columns=NAMES, rng=0) for k in counts]
    figure = Figure(figsize=(10.4, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(counts, [-2.0 * fit.log_likelihood for fit in fits], "-o", color="#666666", markersize=4)
    left.set(xlabel="components", ylabel="-2 log-likelihood", xticks=counts)
    for position, name in enumerate(("aic", "bic", "icl")):
        values = np.array([fit.criteria[name] for fit in fits])
        best = int(values.argmin())
        right.plot(counts, values, "-" + plot.marker(position), color=plot.color(position), markersize=4,
                   label=f"{name.upper()}: {counts[best]} components")  # fmt: skip
        right.plot(counts[best], values[best], "o", markersize=12, markerfacecolor="none",
                   markeredgecolor=plot.color(position))  # fmt: skip
    right.set(xlabel="components", ylabel="criterion", xticks=counts)
    right.legend(frameon=False)
    for ax in (left, right):
        ax.spines[["top", "right"]].set_visible(False)
    save_figure(figure, folder / "penalties.png")


def misleading(folder: Path) -> None:
    """Three tables for which the number of components that BIC chooses is not the number of groups."""
    rng = np.random.default_rng(3)
    angle = rng.uniform(0.0, np.pi, 400)
    curved = 3.0 * np.column_stack([np.cos(angle), np.sin(angle)]) + rng.normal(scale=0.25, size=(400, 2))
    heavy = rng.standard_t(3.0, size=(400, 2))
    few = np.concatenate([rng.normal(-0.9, 1.0, (18, 2)), rng.normal(0.9, 1.0, (18, 2))])
    tables = {"one curved group": curved, "one group with heavy tails": heavy, "two groups, 36 rows": few}
    figure = Figure(figsize=(10.4, 3.7), layout="constrained")
    for ax, (title, rows) in zip(figure.subplots(1, 3), tables.items(), strict=True):
        fit = gmix.fit(rows, rng=0)
        plot.scatter(rows, fit.mixture.predict(rows), ax, size=9.0)
        plot.ellipses(fit, ax=ax)
        k = fit.mixture.n_components
        ax.set_title(f"{title}\nBIC: {k} component{'s' * (k > 1)}, {fit.mixture.structure}", fontsize=9.5)
        ax.set(aspect="equal", adjustable="datalim", xlabel="", ylabel="")
    save_figure(figure, folder / "bic_misleads.png")


def rotated(volume: float, ratio: float, angle: float) -> np.ndarray:
    """A covariance with this area, ratio of the axes, and angle in degrees."""
    turn = np.deg2rad(angle)
    axes = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return volume * axes @ np.diag([ratio, 1.0 / ratio]) @ axes.T


def structure(ax: Axes, code: str, name: str | None) -> None:
    """Three components that have in common what the structure says."""
    volumes = {"E": (0.55, 0.55, 0.55), "V": (0.25, 0.6, 1.2)}[code[0]]
    ratios = {"I": (1.0, 1.0, 1.0), "E": (2.0, 2.0, 2.0), "V": (2.6, 0.42, 1.3)}[code[1]]
    angles = {"I": (0.0, 0.0, 0.0), "E": (35.0, 35.0, 35.0), "V": (20.0, 75.0, 130.0)}[code[2]]
    centers = [[0.0, 0.0], [5.2, 0.2], [2.4, 4.0]]
    covariances = [rotated(*parts) for parts in zip(volumes, ratios, angles, strict=True)]
    plot.ellipses(gmix.GaussianMixture([0.3, 0.3, 0.4], centers, covariances, structure="full"), [0.8], ax)
    ax.set(aspect="equal", xlim=(-2.4, 7.4), ylim=(-2.3, 6.4), xticks=[], yticks=[], xlabel="", ylabel="")
    ax.spines[:].set_visible(True)
    ax.set_title(code if name is None else f"{code} ({name})", fontsize=11)
    for text in list(ax.texts):
        text.remove()


def fourteen(folder: Path) -> None:
    """The fourteen structures in the order of docs/structures.md."""
    names = {"VII": "spherical", "VVI": "diag", "EEE": "tied", "VVV": "full"}
    figure = Figure(figsize=(9.6, 5.8), layout="constrained")
    panels = figure.subplots(3, 5).ravel()
    for ax, each in zip(panels, gmix.covariance.STRUCTURES, strict=False):
        structure(ax, each.code, names.get(each.code))
    panels[-1].set_axis_off()
    save_figure(figure, folder / "structures.png")


def draw(folder: Path) -> None:
    """Draw all pictures of the pages into a folder."""
    for picture in (mixture, em_steps, penalties, misleading, fourteen):
        picture(folder)


if __name__ == "__main__":
    draw(Path(__file__).parent)
