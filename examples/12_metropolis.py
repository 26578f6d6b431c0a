"""
Draws from any density
======================

The Metropolis sampler needs only the logarithm of a density, up to a constant. Here it draws from the posterior
distribution of a logistic regression, which predicts from the radius of a tumor whether it is benign. A mixture
fitted to the draws approximates the posterior in closed form.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer

import gmix
from gmix import plot

table = load_breast_cancer()
radius, benign = table.data[:, 0], table.target
radius = (radius - radius.mean()) / radius.std()


def log_posterior(points):
    """Of intercept and slope ``(M, 2)``, with a wide normal prior."""
    odds = points[:, :1] + points[:, 1:] * radius
    return (benign * odds - np.logaddexp(0, odds)).sum(axis=1) - (
        points**2
    ).sum(axis=1) / 200


chains = gmix.metropolis(
    log_posterior,
    start=[0.0, 0.0],
    draws=2000,
    chains=4,
    thin=8,
    scale=0.3,
    warmup=500,
    rng=0,
)
print(chains.summary())

# %%
# Points are draws from the posterior, and contours are those of the mixture.

fit = gmix.fit(
    chains.points, components=[1, 2], columns=["intercept", "slope"], rng=0
)
print(fit)
figure, ax = plt.subplots(figsize=(6.0, 4.8), layout="constrained")
plot.contours(fit, ax=ax, labels=False)
plot.scatter(chains.points[::10], None, ax, size=3)
ax.set(xlabel="intercept", ylabel="slope (per standard deviation)")
plt.show()

# %%
# The contours follow the draws. The slope is far below zero: the larger a tumor, the less probably it is benign.
#
# The page :doc:`/tutorial` introduces the sampler with a density that is known.

# %%
# Modes that are far apart
# ------------------------
#
# A random walk hardly moves between modes that are far apart. With ``proposal="mixture"``, gmix fits a mixture to the
# density during the warm-up and proposes points from it, so chains move from one mode to another in one step.


def log_density(x):
    """Of a ring and a spot ``(M, D)``."""
    ring = -0.5 * ((np.hypot(x[:, 0], x[:, 1]) - 6.0) / 0.5) ** 2
    spot = 2.0 - 0.5 * (((x - [12.0, 0.0]) / 0.4) ** 2).sum(axis=1)
    return np.logaddexp(ring, spot)


bounds = ([-15.0, -15.0], [15.0, 15.0])
walk = gmix.metropolis(
    log_density, draws=2000, chains=4, bounds=bounds, scale=0.5, rng=0
)
mixed = gmix.metropolis(
    log_density, draws=500, proposal="mixture", bounds=bounds, rng=0
)
for chains in (walk, mixed):
    print(chains)
    for finding in chains.findings:
        print(" ", finding)

# %%
# Each chain of the random walk is drawn in a color of its own. On the right are the draws of all chains with the
# mixture.

figure, (left, right) = plt.subplots(
    1, 2, figsize=(8.0, 4.0), layout="constrained", sharex=True, sharey=True
)
for chain, draws in enumerate(walk.draws):
    left.plot(*draws.T, color=plot.color(chain), linewidth=0.5)
right.plot(*mixed.points[::4].T, ".", color=plot.color(0), markersize=2)
left.set(title="random walk: four chains", aspect="equal")
right.set(title="proposals from a mixture", aspect="equal")
plt.show()

# %%
# The chains of the random walk cover different parts of the ring, and none finds the spot on the right. Their ranks
# show that they disagree: the bars of a chain are far from the dotted line. The findings above say the same in words.

plot.ranks(walk, coordinate=0)
plt.show()
