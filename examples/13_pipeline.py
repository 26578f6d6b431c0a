"""
In a scikit-learn pipeline
==========================

The estimator in `gmix.sklearn` has the constructor and the attributes of scikit-learn's class, so it can replace
it: in a pipeline, in a grid search, and in cross-validation by the likelihood of held-out rows.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from gmix.sklearn import GaussianMixture

wine = load_wine()
pipeline = make_pipeline(
    StandardScaler(), PCA(3), GaussianMixture(random_state=0)
)
search = GridSearchCV(
    pipeline,
    {
        "gaussianmixture__n_components": range(1, 6),
        "gaussianmixture__covariance_type": [
            "full",
            "tied",
            "diag",
            "spherical",
        ],
    },
    cv=5,
).fit(wine.data)
print(search.best_params_)

# %%
# The picture shows the mean log density of held-out wines, in nats; larger is better.

results = search.cv_results_
figure, ax = plt.subplots(figsize=(6.4, 4.0), layout="constrained")
marks = {"full": "o-", "tied": "s-", "diag": "^-", "spherical": "D-"}
colors = {
    "full": "#0072B2",
    "tied": "#D55E00",
    "diag": "#009E73",
    "spherical": "#CC79A7",
}
for kind, mark in marks.items():
    of_kind = results["param_gaussianmixture__covariance_type"] == kind
    counts = results["param_gaussianmixture__n_components"][of_kind]
    ax.plot(
        counts,
        results["mean_test_score"][of_kind],
        mark,
        color=colors[kind],
        label=kind,
    )
ax.set(
    xlabel="components",
    ylabel="held-out log density per row",
    xticks=range(1, 6),
)
ax.legend(frameon=False)
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# Three components with diagonal covariances are best. Full covariances overfit as soon as there are several
# components, because they have too many parameters for 178 wines.
#
# The page :doc:`/coming_from` says what changes with the import.
