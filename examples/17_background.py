"""
A uniform background
====================

Thirty rows of uniform noise are added to the 272 eruptions of Old Faithful. A uniform background describes them, so
that no component has to.
"""

import matplotlib.pyplot as plt
import numpy as np

import gmix
from gmix.demo import FAITHFUL

eruptions = np.genfromtxt(FAITHFUL, delimiter=",", skip_header=1)
noise = np.random.default_rng(4).uniform([1.0, 35.0], [6.0, 105.0], (30, 2))
rows = np.vstack([eruptions, noise])
names = ["eruptions", "waiting"]
fits = [
    gmix.fit(rows, columns=names, background=background, rng=0)
    for background in (False, True)
]
print(*fits, sep="\n")

# %%
# Gray crosses are rows that most probably belong to the background.

figure, axes = plt.subplots(
    1, 2, figsize=(9.0, 4.2), layout="constrained", sharex=True, sharey=True
)
for ax, fit, title in zip(
    axes, fits, ("without a background", "with a background"), strict=True
):
    fit.plot(rows, ax=ax)
    ax.set_title(title, fontsize=10)
plt.show()

# %%
# Without a background, one wide component describes the noise. With a background, all components describe eruptions.
#
# The page :doc:`/background` has all options.
