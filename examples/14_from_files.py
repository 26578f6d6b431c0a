"""
A table in files, larger than memory
====================================

EM needs only sums over the rows, which can be computed block by block. If a table is larger than `memory`, every
pass reads it from its files block by block, and the result is the same to the last bit. This example fits 273,280
pixels of a photograph in three Parquet files.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pyarrow as pa
from pyarrow import parquet
from sklearn.datasets import load_sample_image

import gmix
from gmix import plot

pixels = load_sample_image("china.jpg").reshape(-1, 3).astype(np.float32)
folder = Path(tempfile.mkdtemp())
for part, rows in enumerate(np.array_split(pixels, 3)):
    columns = dict(zip(("red", "green", "blue"), rows.T, strict=True))
    parquet.write_table(pa.table(columns), folder / f"pixels-{part}.parquet")

# %%
# The table is fitted twice: first read as a whole, then in blocks that fit in three megabytes.

options = {
    "components": 4,
    "covariance": "full",
    "max_iterations": 10,
    "rng": 0,
}
whole = gmix.fit(folder, **options)
streamed = gmix.fit(folder, memory=3 << 20, **options)
print(streamed)
print(
    "the same bits:",
    np.array_equal(whole.mixture.means, streamed.mixture.means),
)

# %%
# The picture shows two of the three colors: a histogram of the pixels, and ellipses of the components.

figure, ax = plt.subplots(figsize=(5.6, 4.8), layout="constrained")
ax.hist2d(*pixels[:, :2].T, bins=128, cmap="GnBu", norm="log")
plot.ellipses(streamed.mixture.marginal(["red", "green"]), ax=ax)
ax.set(xlabel="red", ylabel="green", xlim=(0, 255), ylim=(0, 255))
plt.show()

# %%
# Red and green are strongly correlated, because most colors in the photograph are near gray; the components differ
# mainly in brightness.
#
# The page :doc:`/any_size` explains how files are read.
