"""
Compute with a fitted distribution
==================================

A fitted mixture answers questions that the rows alone do not: where the density is greatest, how probable a box is, how
a forecast changes it, and whether fewer components would do.
"""

import matplotlib.pyplot as plt
import numpy as np

import gmix
from gmix import plot
from gmix.demo import FAITHFUL

mixture = gmix.fit(FAITHFUL, components=4, covariance="full", rng=0).mixture
modes = mixture.modes().points
print("modes (minutes):", *modes.round(1))
long = mixture.box_probability([4.0, 80.0], [np.inf, np.inf])
print("P(longer than 4 and waiting longer than 80):", long.value.round(3))

# %%
# Four components have three modes: two of them describe long eruptions together. `reduce` merges components that are
# alike, and bounds the Kullback-Leibler divergence between both mixtures. `product` combines the mixture with a
# forecast of the next eruption, here four minutes with a standard deviation of half a minute.

reduced, lost, _ = mixture.reduce(2)
print(f"divergence from two components: at most {lost:.3f} nats")
forecast = gmix.GaussianMixture(
    [1.0], [[4.0, 75.0]], [[[0.25, 0.0], [0.0, 225.0]]]
)
updated = mixture.product(forecast)

figure, axes = plt.subplots(
    1, 3, figsize=(10.5, 3.8), layout="constrained", sharex=True, sharey=True
)
titles = ["four components", "reduced to two", "with a forecast"]
for ax, part, title in zip(
    axes, (mixture, reduced, updated), titles, strict=True
):
    plot.contours(part, ax=ax, labels=False)
    points = part.modes().points
    points = points[part.in_highest_density_region(points, 0.99)]
    ax.plot(*points.T, "x", color="black", markersize=7)
    ax.set_title(title, fontsize=10)
    ax.set(xlabel="eruption (minutes)", ylabel="")
axes[0].set_ylabel("waiting time (minutes)")
plt.show()

# %%
# Crosses are the modes in the region of 99 % of the probability. How different two mixtures are is a number with its
# standard error and with bounds that hold with certainty:

print(mixture.kl_divergence(reduced))
print(mixture.hellinger(updated))

# %%
# The page :doc:`/distribution` lists all operations and their accuracy.
