"""
Old Faithful: how many kinds of eruptions?
==========================================

The table has 272 eruptions of a geyser: how long each lasted, and the waiting time until the next. One call fits
mixtures with different numbers of components and covariance structures, and BIC chooses among them.
"""

import matplotlib.pyplot as plt
import numpy as np

import gmix
from gmix import plot
from gmix.demo import FAITHFUL

fit = gmix.fit(FAITHFUL, rng=0)
print(fit.summary())

# %%
# The left panel shows the rows and the components; ellipses contain 50 % and 95 % of each component. The right
# panel shows the BIC of all candidates, and a frame around the smallest one.

figure, (left, right) = plt.subplots(
    1, 2, figsize=(10.4, 4.6), layout="constrained"
)
plot.clusters(fit, np.loadtxt(FAITHFUL, delimiter=",", skiprows=1), left)
plot.criteria(fit, right)
plt.show()

# %%
# Short eruptions are followed by short waiting times, and long eruptions by long ones. Two components with the same
# covariance describe the long eruptions, which do not follow one Gaussian.
#
# The page :doc:`/choosing` explains the choice, and :doc:`/first_mixture` shows a complete analysis.
