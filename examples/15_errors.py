"""
How sure are the parameters?
============================

A fit is one number for every parameter. How far off would they be, had Old Faithful been watched for another fortnight?
"""

import matplotlib.pyplot as plt
import numpy as np

import gmix
from gmix import plot
from gmix.demo import FAITHFUL

fit = gmix.fit(FAITHFUL, components=2, covariance="full", rng=0)

# %%
# The curvature of the likelihood at its top says it in one pass over the rows.

errors = gmix.standard_errors(fit, FAITHFUL)
print(fit.summary(errors))

# %%
# The bootstrap says it without a parabola: every row gets a random weight, and the mixture is fitted
# again, many times. The black dots are the means of these fits.

replicates = gmix.bootstrap(fit, FAITHFUL, replicates=400, rng=0)
print((replicates.standard_errors.means / errors.means).round(2))

figure, ax = plt.subplots(figsize=(6.4, 4.6), layout="constrained")
plot.clusters(fit, np.loadtxt(FAITHFUL, delimiter=",", skiprows=1), ax)
for k in range(2):
    ax.plot(*replicates.means[:, k].T, ".", markersize=1.5, color="black", zorder=7)
plt.show()

# %%
# Is a third component real, or would chance alone make a mixture of three fit so much better?

test = gmix.likelihood_ratio_test(FAITHFUL, 1, covariance="tied", replicates=19, rng=0)
print(test)
test = gmix.likelihood_ratio_test(FAITHFUL, 2, covariance="tied", replicates=19, rng=0)
print(test)
print(np.sort(test.replicates).round(1))
