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
