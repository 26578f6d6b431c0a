"""
Clusters that are no ellipses
=============================

BIC finds as many Gaussians as the density needs. A cluster that is a cross needs two, so there are fewer clusters than
components: those whose union leaves the least doubt about where a row belongs are merged (Baudry et al. 2010, *Journal
of Computational and Graphical Statistics* 19:332).
"""

import matplotlib.pyplot as plt
import numpy as np

import gmix
from gmix import plot

flat, steep = np.diag([4.0, 0.1]), np.diag([0.1, 4.0])
truth = gmix.GaussianMixture(
    [0.2, 0.2, 0.2, 0.2, 0.1, 0.1],
    [[0, 0], [0, 0], [8, 2], [8, 2], [2, 7], [6, -6]],
    [flat, steep, flat, steep, np.eye(2), np.eye(2)],
)
points = truth.sample(900, rng=1)
fit = gmix.fit(points, rng=0)
merging = gmix.merge(fit, points)
print(fit)
print(f"{fit.mixture.n_components} components, {merging.elbow} clusters: {merging.groups[merging.elbow - 1]}")

# %%
# The components, the entropy while they are merged, and the clusters.

figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13.5, 4.0), layout="constrained")
plot.clusters(fit, points, left)
merging.plot(middle)
plot.scatter(points, merging.predict(points), right)
right.set(xlim=left.get_xlim(), ylim=left.get_ylim())
plt.show()
