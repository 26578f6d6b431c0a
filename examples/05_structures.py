"""
What do the components have in common?
======================================

A covariance structure says which of volume, shape and orientation the components share: equal (E), variable (V), or
that of the identity (I). Sharing saves parameters, and BIC says whether that was worth it: here for eight of the
fourteen structures, on the irises.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_iris

import gmix
from gmix import plot

STRUCTURES = ["EII", "VII", "EEI", "VVI", "EEE", "EEV", "VEV", "VVV"]
fit = gmix.fit(load_iris().data, components=range(1, 5), covariance=STRUCTURES, rng=0)
ranked = sorted(fit.search.candidates, key=lambda candidate: candidate.bic)

# %%
# The candidates by BIC, the best first. Three components, as many as there are species, come close behind two.

for candidate in ranked[:8]:
    code, k, p = candidate.structure, candidate.n_components, candidate.run.mixture.n_parameters
    print(f"{code} {k}  {p:3d} parameters  log-likelihood {candidate.log_likelihood:8.2f}  BIC {candidate.bic:7.2f}")

# %%
# The BIC of each structure over the number of components: smaller is better.

codes = list(dict.fromkeys(candidate.structure.code for candidate in ranked))
figure, ax = plt.subplots(figsize=(7.2, 4.6), layout="constrained")
for rank, code in enumerate(codes):
    counts, values = zip(*sorted((c.n_components, c.bic) for c in ranked if c.structure.code == code), strict=True)
    style = {"color": plot.color(rank), "linewidth": 2, "label": code} if rank < 5 else {"color": "#CCCCCC"}
    ax.plot(counts, values, "-o", markersize=4, zorder=2 - rank / 100, **style)
ax.set(xlabel="components", ylabel="BIC", xticks=range(1, 5), ylim=(540, 960))
ax.legend(frameon=False, title="five best")
ax.spines[["top", "right"]].set_visible(False)
plt.show()
