"""
The most unusual rows
=====================

The log density says how usual a row is under the mixture, in the units of none of its columns. The lowest are worth a
look: a mistake, or a discovery. Five measurements of 569 biopsies.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer

import gmix

table = load_breast_cancer()
names = ["mean radius", "mean texture", "mean smoothness", "mean concavity", "mean symmetry"]
rows = table.data[:, [list(table.feature_names).index(name) for name in names]]
fit = gmix.fit(rows, columns=names, rng=0)
print(fit)

log_density = fit.mixture.log_density(rows)
unusual = np.argsort(log_density)[:8]
for row in unusual:
    print(f"row {row:3d}  log density {log_density[row]:7.2f}  ", dict(zip(names, rows[row].tolist(), strict=True)))

# %%
# Two of the columns. A row can be unusual without standing out in either of them.

figure, ax = plt.subplots(figsize=(6.4, 4.6), layout="constrained")
drawn = ax.scatter(rows[:, 0], rows[:, 3], c=log_density, s=10, cmap="cividis", vmin=np.quantile(log_density, 0.02))
ax.scatter(rows[unusual, 0], rows[unusual, 3], s=70, facecolors="none", edgecolors="#D55E00", linewidths=1.5)
ax.set(xlabel=names[0], ylabel=names[3])
figure.colorbar(drawn, label="log density", extend="min")
plt.show()
