"""
Missing cells: the air of New York
==================================

The table has four measurements of the air in New York on 153 days of 1973. Ozone is missing on 37 days, and solar
radiation on 7. The mixture is fitted to all cells that are present.
"""

import matplotlib.pyplot as plt
import numpy as np

import gmix
from gmix import plot
from gmix.demo import AIRQUALITY

names = ["Ozone", "Solar.R", "Wind", "Temp"]
days = np.genfromtxt(
    AIRQUALITY,
    delimiter=",",
    skip_header=1,
    usecols=range(4),
    missing_values="NA",
)
fit = gmix.fit(days, [1, 2, 3], covariance="full", columns=names, rng=0)
print(fit)
print(f"{np.isnan(days).any(axis=1).sum()} of {len(days)} days lack a reading")

# %%
# For a day without ozone, the mixture gives the distribution of ozone given the other measurements of the day.
# ``mixture.impute`` returns its mean. The picture shows this mean with the 5 % and 95 % quantiles.

mixture = fit.mixture
known, unknown = (
    days[np.isfinite(days[:, 0])],
    np.flatnonzero(np.isnan(days[:, 0])),
)
means = mixture.impute(days[unknown])[:, 0]
ranges = np.array(
    [
        mixture.condition(
            {
                name: value
                for name, value in zip(names, day, strict=True)
                if np.isfinite(value)
            }
        )
        .marginal("Ozone")
        .quantile([0.05, 0.95])
        for day in days[unknown]
    ]
)
figure, ax = plt.subplots(figsize=(6.4, 4.4), layout="constrained")
plot.clusters(mixture.marginal(["Temp", "Ozone"]), known[:, [3, 0]], ax)
ax.vlines(days[unknown, 3], *ranges.T, color="#7A7A7A", linewidth=0.8, zorder=1)
ring = {
    "marker": "o",
    "s": 18,
    "facecolors": "white",
    "edgecolors": "#4A4A4A",
    "zorder": 2,
}
ax.scatter(
    days[unknown, 3], means, **ring, label="ozone missing: mean and 90 % range"
)
ax.set(xlabel="temperature (F)", ylabel="ozone (ppb)")
ax.legend(
    *([each[-1]] for each in ax.get_legend_handles_labels()),
    frameon=False,
    fontsize=8,
    loc="upper left",
)
plt.show()

# %%
# Ozone rises with the temperature, and it varies more at high temperatures, so the ranges are wider there.
#
# Imputation assumes that cells are missing at random: given the other cells of the row, the probability that a cell
# is missing does not depend on its own value. The table cannot show whether this holds. The following test hides some
# of the 116 known values of ozone in three ways, and estimates the mean of all of them.

chance = np.random.default_rng(0).random(len(known))
hidden = {
    "by chance": chance < 0.3,
    "on hot days": (known[:, 3] > 80) & (chance < 0.7),
    "where it is high": known[:, 0] > 60,
}
found = {}
for why, where in hidden.items():
    table = known.copy()
    table[where, 0] = np.nan
    estimate = gmix.fit(table, [1, 2], covariance="full", rng=0)
    found[why] = np.nanmean(table[:, 0]), estimate.mixture.mean[0]
    print(
        f"ozone hidden {why}: mean of the others {found[why][0]:.1f}, "
        f"of the mixture {found[why][1]:.1f}"
    )

figure, ax = plt.subplots(figsize=(6.4, 2.4), layout="constrained")
for place, (others, ours) in enumerate(found.values()):
    ax.plot(
        [others, ours], [place, place], color="#9A9A9A", linewidth=1, zorder=1
    )
    ax.plot(
        others,
        place,
        "o",
        color="#9A9A9A",
        label="days with ozone" if place == 0 else None,
    )
    ax.plot(
        ours,
        place,
        "o",
        color="#0072B2",
        label="mixture" if place == 0 else None,
    )
ax.axvline(
    known[:, 0].mean(),
    color="#222222",
    linewidth=1,
    linestyle="--",
    label="true mean",
)
ax.set_yticks(range(len(found)), [f"hidden {why}" for why in found])
ax.set(xlabel="mean ozone (ppb)", ylim=(2.6, -0.6))
ax.legend(frameon=False, fontsize=8)
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# If values are hidden by chance or on hot days, the estimates are near the true mean, because the temperature of
# these days is known. If high values are hidden because they are high, no other cell shows this, and the estimate
# is too low.
#
# The page :doc:`/missing` says what missing cells change, and :doc:`/imputation` gives intervals.
