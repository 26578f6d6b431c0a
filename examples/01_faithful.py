"""
Old Faithful: how many kinds of eruptions?
==========================================

A geyser erupts for some minutes, then one waits. 272 pairs of both, and one call: BIC chooses how many components there
are and what their covariances have in common.
"""

import matplotlib.pyplot as plt
import numpy as np

import gmix
from gmix import plot
from gmix.demo import FAITHFUL

fit = gmix.fit(FAITHFUL, rng=0)
print(fit.summary())

# %%
# Short eruptions are followed by short waits and long ones by long waits. The ellipses hold 50 % and 95 % of each
# component. On the right is what was tried: the mark is the candidate that BIC chose.

figure, (left, right) = plt.subplots(1, 2, figsize=(10.4, 4.6), layout="constrained")
plot.clusters(fit, np.loadtxt(FAITHFUL, delimiter=",", skiprows=1), left)
plot.criteria(fit, right)
plt.show()
