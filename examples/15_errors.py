"""
Standard errors of the parameters
=================================

A fit gives one number for each parameter. How much would these numbers change with another sample of eruptions of Old
Faithful?
"""

import matplotlib.pyplot as plt
import numpy as np

import gmix
from gmix import plot
from gmix.demo import FAITHFUL

fit = gmix.fit(FAITHFUL, components=2, covariance="full", rng=0)

# %%
# The curvature of the log-likelihood at its maximum gives standard errors.

errors = gmix.standard_errors(fit, FAITHFUL)
print(fit.summary(errors))

# %%
# The bootstrap needs no quadratic approximation of the log-likelihood. In each of 400 replicates, every row gets a
# random weight, and the mixture is fitted again. The ratios of the two standard errors of the means are near one. The
# black dots are the means in all replicates.

replicates = gmix.bootstrap(fit, FAITHFUL, replicates=400, rng=0)
print((replicates.standard_errors.means / errors.means).round(2))

figure, ax = plt.subplots(figsize=(6.4, 4.6), layout="constrained")
plot.clusters(fit, np.loadtxt(FAITHFUL, delimiter=",", skiprows=1), ax)
for k in range(2):
    ax.plot(
        *replicates.means[:, k].T, ".", markersize=1.5, color="black", zorder=7
    )
plt.show()

# %%
# The means vary much less than the rows. A likelihood-ratio test answers another question: is a further component
# significant, or would chance alone improve the fit as much?

test = gmix.likelihood_ratio_test(
    FAITHFUL, 1, covariance="tied", replicates=19, rng=0
)
print(test)
test = gmix.likelihood_ratio_test(
    FAITHFUL, 2, covariance="tied", replicates=19, rng=0
)
print(test)
print(np.sort(test.replicates).round(1))

# %%
# Both tests give the smallest p-value that 19 replicates can give, 1/20. The statistic of the second test is also
# far above all its replicates, which are printed in the last lines.
#
# The page :doc:`/reporting` says which errors to report.
