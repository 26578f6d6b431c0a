"""
Covariance structures
=====================

Do the components have covariances of the same volume, shape and orientation? In the code of a structure, each of
the three is equal (E), variable (V), or that of the identity (I). Equal properties need fewer parameters, but they
reduce the likelihood, and BIC weighs one against the other. This example compares eight of the fourteen structures
for the irises.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_iris

import gmix
from gmix import plot

STRUCTURES = ["EII", "VII", "EEI", "VVI", "EEE", "EEV", "VEV", "VVV"]
fit = gmix.fit(
    load_iris().data, components=range(1, 5), covariance=STRUCTURES, rng=0
)
ranked = sorted(fit.search.candidates, key=lambda candidate: candidate.bic)

# %%
# The eight best candidates: the BIC of three components, the number of species, is almost as small as that of two.

for candidate in ranked[:8]:
    code, k, p = (
        candidate.structure,
        candidate.n_components,
        candidate.run.mixture.n_parameters,
    )
    print(
        f"{code} {k}  {p:3d} parameters  "
        f"log-likelihood {candidate.log_likelihood:8.2f}  "
        f"BIC {candidate.bic:7.2f}"
    )

# %%
# The picture shows the BIC of each structure by the number of components; smaller is better.

codes = list(dict.fromkeys(candidate.structure.code for candidate in ranked))
figure, ax = plt.subplots(figsize=(7.2, 4.6), layout="constrained")
for rank, code in enumerate(codes):
    counts, values = zip(
        *sorted(
            (c.n_components, c.bic) for c in ranked if c.structure.code == code
        ),
        strict=True,
    )
    style = (
        {"color": plot.color(rank), "linewidth": 2, "label": code}
        if rank < 5
        else {"color": "#CCCCCC"}
    )
    ax.plot(counts, values, "-o", markersize=4, zorder=2 - rank / 100, **style)
ax.set(xlabel="components", ylabel="BIC", xticks=range(1, 5), ylim=(540, 960))
ax.legend(frameon=False, title="five best")
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# Structures with a variable orientation (codes that end in V) have the smallest BIC: the columns of the irises are
# correlated, and differently in each species.
#
# The page :doc:`/structures` has a picture of all fourteen structures, with their advantages and disadvantages.
