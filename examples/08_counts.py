"""
Counts instead of rows
======================

A row of weight 2 counts twice. A table of distinct values with their counts, such as a fine histogram, therefore
gives the same mixture, criteria and standard errors as the table with one row per observation.
"""

import matplotlib.pyplot as plt
import numpy as np

import gmix
from gmix import plot
from gmix.demo import FAITHFUL

waiting = np.loadtxt(FAITHFUL, delimiter=",", skiprows=1, usecols=1)
values, counts = np.unique(waiting, return_counts=True)
print(f"{len(waiting)} rows, {len(values)} distinct values")

long = gmix.fit(waiting, components=2, covariance="full", rng=0)
short = gmix.fit(
    values,
    components=2,
    covariance="full",
    sample_weight=counts,
    start=long.mixture,
)
print(short.summary(gmix.standard_errors(short, values, sample_weight=counts)))
print(long.bic - short.bic)

# %%
# The functions that draw pictures accept the counts too.

figure, ax = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
plot.histogram(short, values, ax, sample_weight=counts)
ax.set(xlabel="waiting (minutes)")
plt.show()

# %%
# The histogram and the mixture of the 51 distinct values are those of all 272 rows: short waiting times of about 55
# minutes, and long ones of about 80.
#
# The page :doc:`/weights` is about weights of every kind.
