"""
Counts instead of rows
======================

A row of weight 2 is a row twice. So a table of distinct values with their counts, a survey with its design weights,
or a fine histogram is fitted as it is, and gives what the long table gives.
"""

import matplotlib.pyplot as plt
import numpy as np

import gmix
from gmix.demo import FAITHFUL

waiting = np.loadtxt(FAITHFUL, delimiter=",", skiprows=1, usecols=1)
values, counts = np.unique(waiting, return_counts=True)
print(f"{len(waiting)} rows, {len(values)} distinct values")

long = gmix.fit(waiting, components=2, covariance="full", rng=0)
short = gmix.fit(values, components=2, covariance="full", sample_weight=counts, start=long.mixture, rng=0)
print(long.log_likelihood, short.log_likelihood)

# %%
# The density over the counts.

figure, ax = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
ax.bar(values, counts, color="#D8D8D8", width=0.9)
x = np.linspace(40, 100, 300)
ax.plot(x, counts.sum() * short.mixture.density(x[:, None]), color="#0072B2", linewidth=2)
ax.set(xlabel="waiting (minutes)", ylabel="eruptions")
ax.spines[["top", "right"]].set_visible(False)
plt.show()
