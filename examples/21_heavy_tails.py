"""
Student components
==================

Ten wrong entries are added to the 272 eruptions of Old Faithful. They move Gaussian components, but not Student ones.
"""

import matplotlib.pyplot as plt
import numpy as np

import gmix
from gmix.demo import FAITHFUL

eruptions = np.genfromtxt(FAITHFUL, delimiter=",", skip_header=1)
wrong = np.random.default_rng(4).uniform(
    [-20.0, -300.0], [30.0, 400.0], (10, 2)
)
rows = np.vstack([eruptions, wrong])
names = ["eruptions", "waiting"]
fits = [
    gmix.fit(rows, 2, covariance="full", columns=names, family=family, rng=0)
    for family in ("gaussian", "student")
]
print(*fits, sep="\n")

# %%
# The ellipses of Student components are those of their scale matrices.

figure, axes = plt.subplots(
    1, 2, figsize=(9.0, 4.2), layout="constrained", sharex=True, sharey=True
)
for ax, fit in zip(axes, fits, strict=True):
    fit.plot(rows, ax=ax)
    ax.set_title(type(fit.mixture).__name__, fontsize=10)
    ax.set(xlim=(0.5, 6.5), ylim=(30.0, 110.0))
plt.show()

# %%
# Every row counts in the means with a weight, which is near zero for the wrong entries.

weights = fits[1].mixture.outlier_weights(rows)
figure, ax = plt.subplots(figsize=(6.0, 3.2), layout="constrained")
ax.semilogy(weights, ".", color="0.4")
ax.set(xlabel="row", ylabel="weight")
plt.show()

# %%
# The page :doc:`/heavy_tails` says more about degrees of freedom, and about the choice between the families.
