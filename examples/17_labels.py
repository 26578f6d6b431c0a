"""
A few labels
============

Labels are often more expensive than measurements. Five wines of each of three growers are too few to estimate
covariances in thirteen dimensions. The other wines improve the estimates although their growers are unknown.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine

import gmix

wine = load_wine()
growers = wine.target_names[wine.target]


def some_labels(n, rng):
    """The growers of `n` random wines of each grower, None for the others."""
    labels = np.full(len(growers), None, object)
    for name in wine.target_names:
        drawn = rng.choice(np.flatnonzero(growers == name), n, replace=False)
        labels[drawn] = name
    return labels


def share_right(fit, labels):
    """The share of the unlabeled wines that a fit classifies correctly."""
    unknown = labels == None  # noqa: E711
    return (fit.classify(wine.data[unknown]).labels == growers[unknown]).mean()


# %%
# The first fit knows five labels per grower, 15 of 178.

labels = some_labels(5, np.random.default_rng(1))
fit = gmix.fit(wine.data, labels=labels, covariance="EEE")
print(fit.groups)
print(
    f"{share_right(fit, labels):.1%} of the other wines "
    "are given to their grower"
)

# %%
# The picture compares fits to all wines with fits to the labeled wines alone, which are linear discriminant
# analyses, for different numbers of labels.

numbers, draws = [3, 5, 8, 12, 16, 20], 10
found = np.empty((2, len(numbers), draws))
for i, n in enumerate(numbers):
    for draw in range(draws):
        labels = some_labels(n, np.random.default_rng([n, draw]))
        known = labels != None  # noqa: E711
        every = gmix.fit(wine.data, labels=labels, covariance="EEE")
        alone = gmix.fit(
            wine.data[known], labels=labels[known], covariance="EEE"
        )
        found[:, i, draw] = (
            share_right(every, labels),
            share_right(alone, labels),
        )

figure, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
for shares, color, name in zip(
    found,
    ("#0072B2", "#D55E00"),
    ("all wines", "labeled wines alone"),
    strict=True,
):
    ax.fill_between(
        numbers,
        shares.min(1),
        shares.max(1),
        color=color,
        alpha=0.15,
        linewidth=0,
    )
    ax.plot(numbers, shares.mean(1), "o-", color=color, label=name)
ax.set(
    xlabel="labeled wines of each grower",
    ylabel="share of the other wines that is right",
    xticks=numbers,
)
ax.legend(frameon=False, loc="lower right")
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# The unlabeled wines help most with five labels per grower. The 15 labeled wines alone hardly determine a
# covariance in thirteen dimensions.
#
# The page :doc:`/labels` is about labels, soft labels and frozen parameters.
