"""
Classification and regression
=============================

One mixture for each class gives the probability of each class. One mixture of the columns and a target gives the
distribution of the target.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import StratifiedKFold, cross_val_score

from gmix.demo import AIRQUALITY
from gmix.sklearn import GaussianMixtureClassifier, GaussianMixtureRegressor

# %%
# The first table has two measurements of 569 tumors. Both are skewed, so one Gaussian describes neither class well,
# and BIC prefers several components per class (``mclustda``) to one (``edda``).

tumors = load_breast_cancer(as_frame=True)
x, y = (
    tumors.data[["worst area", "worst concave points"]],
    tumors.target_names[tumors.target],
)
classifier = GaussianMixtureClassifier(random_state=0).fit(x, y)
for label, mixture in classifier.mixtures_.items():
    print(label, mixture)
folds = StratifiedKFold(10, shuffle=True, random_state=0)
for model in ("mclustda", "edda"):
    fitted = GaussianMixtureClassifier(model=model, random_state=0)
    loss = -cross_val_score(
        fitted, x, y, cv=folds, scoring="neg_log_loss"
    ).mean()
    print(
        f"{model}: BIC {fitted.fit(x, y).bic_:.0f}, "
        f"log loss in cross-validation {loss:.3f}"
    )

area, points = np.meshgrid(
    np.linspace(150, 4400, 200), np.linspace(0.0, 0.3, 200)
)
grid = (
    x.iloc[:0]
    .reindex(range(area.size))
    .assign(**{x.columns[0]: area.ravel(), x.columns[1]: points.ravel()})
)
malignant = classifier.predict_proba(grid)[:, 1].reshape(area.shape)
figure, ax = plt.subplots(figsize=(6.4, 4.0), layout="constrained")
shading = ax.contourf(
    area,
    points,
    malignant,
    levels=np.linspace(0, 1, 11),
    cmap="PuOr_r",
    alpha=0.6,
)
for label, color in zip(
    classifier.classes_, ("#5E4FA2", "#B35806"), strict=True
):
    ax.plot(*x[y == label].T.to_numpy(), "o", ms=3, color=color, label=label)
ax.set(xlabel="worst area", ylabel="worst concave points")
ax.legend(frameon=False, loc="lower right")
figure.colorbar(shading, label="probability of a malignant tumor")
plt.show()

# %%
# The probability of a malignant tumor changes quickly near the boundary between the classes, and it is near 0 or 1
# for most tumors.
#
# The second table has ozone, temperature and wind in New York. Ozone is missing on 37 of 153 days; these days still
# contribute to the distribution of the other columns. The picture shows the median of ozone and a range that
# contains 90 % of the days, at a wind of 10 mph.

days = np.genfromtxt(
    AIRQUALITY,
    delimiter=",",
    skip_header=1,
    usecols=range(4),
    missing_values="NA",
)
weather, ozone = days[:, [3, 2]], days[:, 0]
regressor = GaussianMixtureRegressor(random_state=0).fit(weather, ozone)
print(regressor.mixture_)
temperature = np.linspace(57, 97, 100)
rows = np.column_stack([temperature, np.full(100, 10.0)])
low, median, high = regressor.quantile(rows, [0.05, 0.5, 0.95]).T
figure, ax = plt.subplots(figsize=(6.4, 4.0), layout="constrained")
ax.fill_between(
    temperature,
    low,
    high,
    color="#0072B2",
    alpha=0.15,
    linewidth=0,
    label="90 % of days",
)
ax.plot(temperature, median, color="#0072B2", label="median")
shown = ax.scatter(weather[:, 0], ozone, c=weather[:, 1], s=14, cmap="viridis")
figure.colorbar(shown, label="wind (mph)")
ax.set(xlabel="temperature (F)", ylabel="ozone (ppb)", ylim=(-20, 180))
ax.legend(frameon=False, loc="upper left")
plt.show()

# %%
# The median of ozone rises steeply above 80 F, which a linear regression cannot describe.
#
# The page :doc:`/supervised` has the options of both estimators.
