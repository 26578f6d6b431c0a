"""
The colors of a photograph
==========================

Each pixel of a photograph is a row with the columns red, green and blue. A mixture is fitted to every twentieth of
273,280 pixels and then assigns every pixel to a component. The second picture shows the mean color of this
component.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_image

import gmix

picture = load_sample_image("china.jpg")
pixels = picture.reshape(-1, 3).astype(np.float32)
fit = gmix.fit(
    pixels[::20],
    components=8,
    covariance="full",
    columns=["red", "green", "blue"],
    rng=0,
)
print(fit)

component = fit.mixture.predict(pixels)
painted = (
    fit.mixture.means[component]
    .reshape(picture.shape)
    .clip(0, 255)
    .astype(np.uint8)
)

figure, (left, right) = plt.subplots(
    1, 2, figsize=(10.4, 3.6), layout="constrained"
)
left.imshow(picture)
left.set_title("273,280 pixels")
right.imshow(painted)
right.set_title("each by the mean of its component")
for ax in (left, right):
    ax.axis("off")
plt.show()

# %%
# Eight colors are enough to recognize the photograph, but the gradual change of color in the sky becomes a few flat
# areas.
#
# The page :doc:`/any_size` says how to fit pixels of many photographs.
