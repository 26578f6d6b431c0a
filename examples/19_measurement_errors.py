"""
Measurement errors: batting averages
====================================

A player with 3 hits in 10 at-bats need not be a better batter than one with 150 hits in 600, because the first
average is less precise. The precision of each average is known, so the distribution of the true abilities can be
estimated.
"""

import matplotlib.pyplot as plt
import numpy as np

import gmix
from gmix.demo import BATTING

at_bats, hits = np.genfromtxt(
    BATTING, delimiter=",", skip_header=1, usecols=(1, 2)
).T
pitcher = (
    np.genfromtxt(BATTING, delimiter=",", skip_header=1, usecols=0, dtype=str)
    == "P"
)

# %%
# After an arcsine transformation, the standard error of an average depends only on the number of at-bats. It is
# 0.02 for 600 at-bats and 0.16 for 10 (Brown 2008, *Annals of Applied Statistics* 2:113).

x = np.arcsin(np.sqrt((hits + 0.25) / (at_bats + 0.5)))[:, None]
errors = 0.5 / np.sqrt(at_bats)[:, None]
fit = gmix.fit(x, row_errors=errors, rng=0)
exact = gmix.fit(x, rng=0)
print(fit)
print(exact)

# %%
# The picture shows histograms of the averages, and the components of a fit that ignores the errors (left) and of
# one that knows them (right).

grid = np.linspace(0.1, 0.8, 500)[:, None]
average = np.sin(grid[:, 0]) ** 2
figure, axes = plt.subplots(
    1, 2, figsize=(8.6, 3.6), layout="constrained", sharex=True
)
for ax, found, title in zip(
    axes, (exact, fit), ("errors ignored", "errors known"), strict=True
):
    slope = np.sin(
        2.0 * grid[:, 0]
    )  # densities of averages rather than of their arcsines
    ax.hist(
        hits / at_bats,
        bins=np.linspace(0, 0.5, 41),
        density=True,
        color="#DDDDDD",
    )
    parts = found.mixture.density(grid)[
        :, None
    ] * found.mixture.responsibilities(grid)
    ax.plot(average, parts / slope[:, None], linewidth=1.2)
    ax.set(
        title=title,
        xlabel="batting average",
        xlim=(0, 0.5),
        yticks=[],
        ylim=(0, 19),
    )
    ax.spines[["top", "right", "left"]].set_visible(False)
plt.show()

# %%
# The fit that ignores the errors needs three components, and one of them describes imprecise averages. The true
# abilities have two components with the same small variance. Most players in the smaller one are pitchers, who are
# not chosen for their batting; the fit did not use this.
#
# ``expected_values`` estimates the ability of each player.

ability = np.sin(fit.mixture.expected_values(x, row_errors=errors)[:, 0]) ** 2
figure, ax = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
for group, color, label in (
    (~pitcher, "#0072B2", "other players"),
    (pitcher, "#D55E00", "pitchers"),
):
    size = 4.0 + at_bats[group] / 12.0
    ax.scatter(
        hits[group] / at_bats[group],
        ability[group],
        size,
        color=color,
        alpha=0.6,
        linewidth=0,
        label=label,
    )
ax.axline((0.25, 0.25), slope=1.0, color="#9A9A9A", linewidth=0.8)
ax.set(
    xlabel="batting average in 2010",
    ylabel="estimated ability",
    xlim=(-0.01, 0.5),
    ylim=(0.05, 0.36),
)
ax.legend(frameon=False, title="area: number of at-bats", loc="lower right")
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# Averages from few at-bats are moved far towards the mean of a component, and those from many at-bats hardly change.
#
# The page :doc:`/measurement_errors` has the method and its limits.
