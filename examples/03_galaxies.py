"""
Clusters of galaxies: one column
================================

The table has the velocities of 82 galaxies in the Corona Borealis region, in km/s. A velocity measures a distance,
so clusters of galaxies with voids between them appear as several modes (Roeder 1990, *Journal of the American
Statistical Association* 85:617). How many clusters are there?
"""

import matplotlib.pyplot as plt
import numpy as np

import gmix
from gmix import plot

velocity = np.array(
    [
        9172, 9350, 9483, 9558, 9775, 10227, 10406, 16084, 16170, 18419,
        18552, 18600, 18927, 19052, 19070, 19330, 19343, 19349, 19440,
        19473, 19529, 19541, 19547, 19663, 19846, 19856, 19863, 19914,
        19918, 19973, 19989, 20166, 20175, 20179, 20196, 20215, 20221,
        20415, 20629, 20795, 20821, 20846, 20875, 20986, 21137, 21492,
        21701, 21814, 21921, 21960, 22185, 22209, 22242, 22249, 22314,
        22374, 22495, 22746, 22747, 22888, 22914, 23206, 23241, 23263,
        23484, 23538, 23542, 23666, 23706, 23711, 24129, 24285, 24289,
        24366, 24717, 24990, 25633, 26690, 26995, 32065, 32789, 34279,
    ]
)  # fmt: skip

# %%
# A column has two covariance structures: one variance for all components (``E``), or one for each (``V``).

fit = gmix.fit(velocity / 1000, columns=["velocity"], rng=0)
print(fit)
for candidate in sorted(fit.search.candidates, key=lambda c: c.bic)[:5]:
    print(
        f"{candidate.structure} {candidate.n_components} "
        f"BIC {candidate.bic:.2f}"
    )

# %%
# The left panel shows the density of the chosen mixture, and the right panel the BIC of all candidates.

figure, (left, right) = plt.subplots(
    1, 2, figsize=(10.4, 4.2), layout="constrained"
)
plot.histogram(fit, velocity / 1000, left, bins=30)
left.set(xlabel="velocity (1000 km/s)")
plot.criteria(fit, right)
plt.show()

# %%
# Two candidates, with three and with five components, have almost the same BIC: 82 galaxies are too few to decide
# between them.
#
# The page :doc:`/reporting` says how to report such a result.
