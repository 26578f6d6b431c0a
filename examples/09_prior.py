"""
A prior against collapsed components
====================================

A component that shrinks onto a few equal values has an unbounded likelihood. A weak conjugate prior prevents this;
its defaults are those of Fraley and Raftery (2007), in the units of the data. Petal widths of irises are rounded to
a millimeter and therefore often equal.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_iris

import gmix
from gmix import plot

width = load_iris().data[:, 3]
likeliest = gmix.fit(
    width, components=6, covariance="full", columns=["petal width"], rng=0
)
posterior = gmix.fit(
    width,
    components=6,
    covariance="full",
    prior=gmix.NormalInverseWishart(),
    columns=["petal width"],
    rng=0,
)

for name, fit in (
    ("maximum likelihood", likeliest),
    ("with a prior", posterior),
):
    print(name, *(fit.findings or ["no finding"]), sep="\n  ")

# %%
# The picture compares both fits. Dashed lines are the means of collapsed components.

figure, axes = plt.subplots(
    1, 2, figsize=(10.4, 4.0), layout="constrained", sharey=True
)
for ax, title, fit in zip(
    axes,
    ("maximum likelihood", "with a prior"),
    (likeliest, posterior),
    strict=True,
):
    plot.histogram(fit, width, ax, bins=25)
    for k in fit.mixture.collapsed(fit.statistics):
        ax.axvline(
            fit.mixture.means[k, 0],
            color=plot.color(k),
            linestyle="--",
            linewidth=2,
        )
    ax.set(title=title, ylim=(0, 3))
plt.show()

# %%
# With maximum likelihood, three components have collapsed onto equal values, and their densities are meaningless.
# With the prior, all six components have a positive width.
#
# The page :doc:`/when_it_goes_wrong` explains the finding ``collapsed component``.
