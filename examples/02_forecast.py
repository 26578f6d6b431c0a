"""
A forecast with its uncertainty
===============================

Old Faithful has erupted for a known time. When will it erupt again? A mixture that is conditioned on some of its
columns is a mixture of the others. The forecast is therefore a distribution, which may have two modes, and not only
a mean.
"""

import matplotlib.pyplot as plt
import numpy as np

import gmix
from gmix.demo import FAITHFUL

table = np.loadtxt(FAITHFUL, delimiter=",", skiprows=1)
mixture = gmix.fit(FAITHFUL, rng=0).mixture

# %%
# The picture shows the distribution of the waiting time for each length of an eruption: the density as shading, and
# the mean as a line.

lengths = np.linspace(1.5, 5.2, 150)
waits = np.linspace(35, 105, 200)
forecasts = [mixture.condition({"eruptions": length}) for length in lengths]
density = np.column_stack(
    [forecast.density(waits[:, None]) for forecast in forecasts]
)
means = [forecast.mean[0] for forecast in forecasts]

figure, ax = plt.subplots(figsize=(6.4, 4.6), layout="constrained")
ax.pcolormesh(
    lengths, waits, density, cmap="GnBu", shading="gouraud", rasterized=True
)
ax.plot(
    *table.T, ".", color="#222222", markersize=3, alpha=0.6, label="observed"
)
ax.plot(
    lengths, means, color="#D55E00", linewidth=2, label="mean of the forecast"
)
ax.set(
    xlabel="eruption (minutes)",
    ylabel="waiting for the next (minutes)",
    ylim=(35, 105),
)
ax.legend(frameon=False, loc="lower right")
plt.show()

# %%
# The forecast jumps at three minutes, between short and long eruptions. After an eruption of three minutes, both
# short and long waiting times are possible:

forecast = mixture.condition({"eruptions": 3.0})
print(forecast, forecast.weights.round(2), forecast.means.ravel().round(1))

# %%
# More questions that a mixture answers are in :doc:`/questions`.
