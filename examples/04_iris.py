"""
Clusters of irises
==================

The table has four measurements of 150 flowers of three species. The mixture is fitted without the species, and its
components are then compared with the species.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_iris

import gmix
from gmix import plot

iris = load_iris()
names = ["sepal length", "sepal width", "petal length", "petal width"]
fit = gmix.fit(iris.data, components=3, covariance="VEV", columns=names, rng=0)

figure = plt.figure(figsize=(8.4, 8.4), layout="constrained")
plot.pairs(fit, iris.data, figure)
plt.show()

# %%
# Petals separate one component clearly, and the other two components overlap. The counts compare the components with
# the species (rows: species, columns: components): five of 150 flowers are in the component of another species.

counts = np.zeros((3, 3), dtype=int)
np.add.at(counts, (iris.target, fit.mixture.predict(iris.data)), 1)
for species, row in zip(iris.target_names, counts, strict=True):
    print(f"{species:<12}", *(f"{count:4d}" for count in row))

# %%
# The page :doc:`/supervised` has classifiers that use the species.
