"""
Clusters that are not Gaussian
==============================

BIC chooses the number of Gaussian components that describe the density. A cluster in the shape of a cross needs
two, so there are fewer clusters than components. `gmix.merge` joins, step by step, the two clusters whose union
makes the assignment of rows least uncertain (Baudry et al. 2010, *Journal of Computational and Graphical
Statistics* 19:332).
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
print(
    f"{fit.mixture.n_components} components, {merging.elbow} clusters: "
    f"{merging.groups[merging.elbow - 1]}"
)

# %%
# The panels show the components, the entropy for each number of clusters, and the clusters at the elbow of the
# entropy.

figure, (left, middle, right) = plt.subplots(
    1, 3, figsize=(13.5, 4.0), layout="constrained"
)
plot.clusters(fit, points, left)
merging.plot(middle)
plot.scatter(points, merging.predict(points), right)
right.set(xlim=left.get_xlim(), ylim=left.get_ylim())
plt.show()

# %%
# Each cross is one cluster that consists of two components, so six components form four clusters.
#
# The page :doc:`/explanation` has other cases in which BIC does not count groups.
