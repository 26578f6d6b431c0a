"""
New handwritten digits
======================

A mixture is a distribution, so new rows can be drawn from it. The table has 1,797 handwritten digits of 8 x 8
pixels, reduced to 20 principal components. Each component of the mixture has a full covariance, which a prior
stabilizes.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

import gmix

digits = load_digits()
pca = PCA(20, random_state=0)
rows = pca.fit_transform(digits.data)
fit = gmix.fit(
    rows,
    components=12,
    covariance="full",
    prior=gmix.NormalInverseWishart(),
    rng=1,
)
print(fit)

# %%
# Above the line are digits of the table, and below it are draws from the mixture.

drawn = pca.inverse_transform(fit.mixture.sample(30, rng=4))
figure, axes = plt.subplots(6, 10, figsize=(7.6, 4.9))
shown = np.vstack([digits.data[:30], drawn]).clip(0, 16).reshape(-1, 8, 8)
for ax, image in zip(axes.flat, shown, strict=True):
    ax.imshow(image, cmap="gray_r", vmin=0, vmax=16)
    ax.axis("off")
figure.subplots_adjust(0.01, 0.01, 0.99, 0.99, 0.08, 0.08)
figure.add_artist(
    plt.Line2D([0.02, 0.98], [0.5, 0.5], color="#D55E00", linewidth=1.5)
)
plt.show()

# %%
# Most draws are recognizable digits, so the mixture describes the shapes well. A few draws resemble two digits.
#
# The page :doc:`/questions` has the other uses of a mixture as a distribution.
