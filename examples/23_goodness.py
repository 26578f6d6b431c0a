"""
Does the mixture fit?
=====================

A criterion chooses the best of the candidates, and the best may still describe the rows poorly. Do the distributions of
the columns, and the distances of the rows from their components, look as the mixture says?
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import gmix
from gmix import plot
from gmix.demo import FAITHFUL, PENGUINS

rows = pd.read_csv(FAITHFUL)
fits = {k: gmix.fit(rows, k, covariance="full", rng=0) for k in (1, 2)}

# %%
# The distribution function of a column maps its values to probabilities, which are uniform if the mixture is right. The
# lines are what their empirical distribution has in excess. If the mixture is right, a line stays within the gray band
# with a probability of 95 %.

figure, axes = plt.subplots(2, 1, figsize=(6.4, 6.6), layout="constrained")
for ax, (k, fit) in zip(axes, fits.items(), strict=True):
    plot.probability_transform(fit, rows, ax)
    ax.set_title(f"{k} component{'s' * (k > 1)}", fontsize=10, loc="left")
plt.show()

# %%
# One Gaussian puts too few eruptions at both ends and too many in the middle. Two Gaussians fit. The same comparison in
# the units of the columns shows where rows depart. The band is wide where the mixture has a gap.

plot.quantiles(fits[2], rows)
plt.show()

# %%
# The mixture was fitted to the same rows, so its distance from them is smaller than chance would make it. Tables that
# are drawn from the mixture, and fitted in the same way, give p-values of the right size. The durations of the
# eruptions depart from two Gaussians by a little more than chance explains. This is weak evidence, as the smallest
# p-value of four.

print(gmix.goodness_of_fit(fits[2], rows, replicates=499, rng=0))

# %%
# Heavy tails are easier to see in the distances of the rows from the components, which have a known distribution for
# Gaussians. The rows of the second cloud are draws from a t distribution with four degrees of freedom, so that the line
# of component 1 bends upwards.

rng = np.random.default_rng(0)
low = rng.normal(size=(200, 3))
high = np.array([8.0, 4.0, 0.0]) + rng.standard_t(4, size=(200, 3))
clouds = np.vstack([low, high])
heavy = gmix.fit(clouds, 2, covariance="full", rng=0)
plot.distances(heavy, clouds)
plt.show()

# %%
# Standard errors that assume the Gaussian shape are then too small for the covariances. Those of the sandwich do not
# assume it, and neither do BCa intervals from resampled rows.

plain = gmix.standard_errors(heavy, clouds)
robust = gmix.standard_errors(heavy, clouds, robust=True)
replicates = gmix.bootstrap(heavy, clouds, kind="rows", replicates=500, rng=0)
print("variance of the first column in component 1")
print("  estimate        ", heavy.mixture.covariances[1, 0, 0].round(2))
print("  standard error  ", plain.covariances[1, 0, 0].round(2))
print("  robust          ", robust.covariances[1, 0, 0].round(2))
for kind in ("percentile", "bca"):
    ends = replicates.interval(0.95, kind=kind).covariances[:, 1, 0, 0]
    print(f"  95 % {kind:<11}", ends.round(2))

# %%
# Where labels are known, they can judge clusters, and whether probabilities come true. A random half of the penguins
# gives its species to the fit, and the other half judges it. Two measurements do not separate Adelies from Chinstraps,
# and the probabilities say so.

penguins = pd.read_csv(PENGUINS)
measured = ["flipper_length", "body_mass"]
penguins = penguins.dropna(subset=measured)
is_known = np.random.default_rng(1).random(len(penguins)) < 0.5
labels = penguins["species"].where(is_known, None)
fit = gmix.fit(
    penguins, columns=measured, labels=labels, covariance="full", rng=0
)
others = penguins[~is_known]
found = gmix.agreement(others["species"], fit.classify(others[measured]))
print(found)
plot.calibration(found, bins=8)
plt.show()

# %%
# Dots near the diagonal are probabilities that come true as often as they say. The vertical lines are 95 % intervals,
# and the bars show how many birds have such a probability. :doc:`/reporting` says how to use these pictures.
