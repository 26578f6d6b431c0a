"""
Measurement errors: batting averages
====================================

A player who hits 3 of 10 balls need not be a better batter than one who hits 150 of 600: the first average is less
precise. The precision of each average is known, so the mixture of the true abilities can be estimated.
"""

import matplotlib.pyplot as plt
import numpy as np

import gmix
from gmix.demo import BATTING

at_bats, hits = np.genfromtxt(BATTING, delimiter=",", skip_header=1, usecols=(1, 2)).T
pitcher = np.genfromtxt(BATTING, delimiter=",", skip_header=1, usecols=0, dtype=str) == "P"

# %%
# On the scale of the arcsine, the standard error of an average depends only on the number of at-bats. It is 0.02 for
# 600 at-bats and 0.16 for 10 (Brown 2008, *Annals of Applied Statistics* 2:113).

x = np.arcsin(np.sqrt((hits + 0.25) / (at_bats + 0.5)))[:, None]
errors = 0.5 / np.sqrt(at_bats)[:, None]
fit = gmix.fit(x, row_errors=errors, rng=0)
exact = gmix.fit(x, rng=0)
print(fit)
print(exact)

# %%
# The fit that ignores the errors needs three components, and one of them describes imprecise averages. The true
# abilities have two components of the same small spread. Most players of the smaller one are pitchers, who are not
# chosen for their batting; the fit did not know who is a pitcher.

grid = np.linspace(0.1, 0.8, 500)[:, None]
average = np.sin(grid[:, 0]) ** 2
figure, axes = plt.subplots(1, 2, figsize=(8.6, 3.6), layout="constrained", sharex=True)
for ax, found, title in zip(axes, (exact, fit), ("errors ignored", "errors known"), strict=True):
    slope = np.sin(2.0 * grid[:, 0])  # densities of averages rather than of their arcsines
    ax.hist(hits / at_bats, bins=np.linspace(0, 0.5, 41), density=True, color="#DDDDDD")
    parts = found.mixture.density(grid)[:, None] * found.mixture.responsibilities(grid)
    ax.plot(average, parts / slope[:, None], linewidth=1.2)
    ax.set(title=title, xlabel="batting average", xlim=(0, 0.5), yticks=[], ylim=(0, 17))
    ax.spines[["top", "right", "left"]].set_visible(False)
plt.show()

# %%
# ``expected_values`` estimates the ability of each player: averages of few at-bats move far towards the mean of a
# component, and those of many at-bats stay where they are.

ability = np.sin(fit.mixture.expected_values(x, row_errors=errors)[:, 0]) ** 2
figure, ax = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
for group, color, label in ((~pitcher, "#0072B2", "other players"), (pitcher, "#D55E00", "pitchers")):
    size = 4.0 + at_bats[group] / 12.0
    ax.scatter(hits[group] / at_bats[group], ability[group], size, color=color, alpha=0.6, linewidth=0, label=label)
ax.axline((0.25, 0.25), slope=1.0, color="#9A9A9A", linewidth=0.8)
ax.set(xlabel="batting average in 2010", ylabel="estimated ability", xlim=(-0.01, 0.5), ylim=(0.05, 0.36))
ax.legend(frameon=False, title="area: number of at-bats", loc="lower right")
ax.spines[["top", "right"]].set_visible(False)
plt.show()
