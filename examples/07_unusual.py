"""
The most unusual rows
=====================

Two measures say how unusual a row is under a mixture: its distance to the nearest component, and its density. The
rows with the smallest p-values deserve a closer look: they may be mistakes or discoveries. The table has five
measurements of 569 biopsies.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer

import gmix

table = load_breast_cancer()
names = [
    "mean radius",
    "mean texture",
    "mean smoothness",
    "mean concavity",
    "mean symmetry",
]
rows = table.data[:, [list(table.feature_names).index(name) for name in names]]
fit = gmix.fit(rows, columns=names, rng=0)
print(fit)

scores = fit.mixture.outlier_score(rows)
unusual = np.argsort(scores.density_p_value)[:8]
for row in unusual:
    print(
        f"row {row:3d}  density p-value {scores.density_p_value[row]:.5f}, "
        f"expected {scores.expected[row]:.2f}  "
        f"distance {scores.distance[row]:.2f}, "
        f"p-value {scores.distance_p_value[row]:.4f}"
    )

# %%
# ``expected`` is the number of draws, out of 569, that are expected to have so low a density. After Bonferroni's
# correction, rows where it is below 0.05 are significant: here, none. But more rows have a density p-value below 0.01
# than are expected, so the table seems to have heavier tails than the mixture.

for level in (0.1, 0.01, 0.001):
    found = np.count_nonzero(scores.density_p_value < level)
    print(
        f"density p-value below {level:5}: {found:2d} rows, "
        f"expected {level * len(rows):.1f}"
    )

# %%
# The left panel shows two of the columns, with circles around the eight most unusual rows. The right panel shows both
# p-values of every row.

component = fit.mixture.predict(rows)
figure, (left, right) = plt.subplots(
    1, 2, figsize=(10.4, 4.4), layout="constrained"
)
drawn = left.scatter(
    rows[:, 0],
    rows[:, 3],
    c=np.log10(scores.density_p_value),
    s=10,
    cmap="cividis",
)
left.scatter(
    rows[unusual, 0],
    rows[unusual, 3],
    s=70,
    facecolors="none",
    edgecolors="#D55E00",
    linewidths=1.5,
)
left.set(xlabel=names[0], ylabel=names[3])
figure.colorbar(drawn, label="density p-value (log10)")
for k, color in enumerate(["#D55E00", "#0072B2", "#009E73", "#CC79A7"]):
    own = component == k
    label = f"component {k}, weight {fit.mixture.weights[k]:.2f}"
    right.loglog(
        scores.distance_p_value[own],
        scores.density_p_value[own],
        "o",
        ms=3,
        color=color,
        label=label,
    )
right.plot([1e-4, 1.0], [1e-4, 1.0], color="#B0B0B0", linewidth=1, zorder=0)
right.set(
    xlabel="distance p-value",
    ylabel="density p-value",
    xlim=(5e-4, 1.3),
    ylim=(1e-4, 1.3),
)
right.legend(frameon=False, loc="lower right")
plt.show()

# %%
# A row can be unusual in all columns together without being extreme in these two. The measures differ for component
# 0, which is rare and wide: its rows have low densities, but most of them are at ordinary distances from its mean.
#
# The page :doc:`/outliers` defines both p-values.
