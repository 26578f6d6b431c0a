"""Workloads: tables with known clusters, and a start that every peer is given alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Workload:
    """N rows, D columns, K components of a structure (by scikit-learn's name), with rows of a dtype."""

    n: int
    d: int
    k: int
    structure: str = "full"
    dtype: str = "float64"

    def __str__(self) -> str:
        return f"{self.n:g} x {self.d}, {self.k} {self.structure}" + (" f32" if self.dtype == "float32" else "")

    def rows(self) -> NDArray[np.floating]:
        """Overlapping clusters of different shapes."""
        rng = np.random.default_rng(self.n + 1000 * self.d + self.k)
        centres = rng.normal(scale=3.0 / np.sqrt(self.d), size=(self.k, self.d))
        shapes = rng.normal(size=(self.k, self.d, self.d)) / np.sqrt(self.d) + np.eye(self.d)
        labels = rng.integers(self.k, size=self.n)
        rows = rng.normal(size=(self.n, self.d))
        for k in range(self.k):
            mine = labels == k
            rows[mine] = rows[mine] @ shapes[k] + centres[k]
        return rows.astype(self.dtype)

    def start(self, rows: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Equal weights, rows chosen at random as means, and one round covariance of a quarter of the data's size."""
        rng = np.random.default_rng(1)
        means = rows[rng.choice(self.n, self.k, replace=False)].astype(np.float64)
        variance = float(rows[:10_000].astype(np.float64).var(0).mean()) / 4.0
        return np.full(self.k, 1.0 / self.k), means, np.tile(variance * np.eye(self.d), (self.k, 1, 1))

    def operations(self) -> float:
        """Multiply-adds that one iteration cannot do without, for every row: the distances and the statistics."""
        n, d, k = self.n, self.d, self.k
        return {
            "full": n * k * (d * (d + 1) + 2.0 * d),
            "tied": n * (d * (d + 1.0) + 2.0 * k * d),
            "diag": n * k * 4.0 * d,
            "spherical": n * k * 3.0 * d,
        }[self.structure]


WORKLOADS = [
    Workload(1_000, 2, 2),
    Workload(1_000_000, 2, 2),
    Workload(1_000_000, 2, 5),
    Workload(100_000, 10, 10),
    Workload(1_000_000, 8, 16),
    Workload(100_000, 32, 20),
    Workload(60_000, 100, 10),
    Workload(10_000, 500, 4),
    Workload(200_000, 64, 256, "diag"),
    Workload(1_000_000, 64, 64, "diag"),
    Workload(1_000_000, 3, 8, "spherical"),
    Workload(1_000_000, 10, 10, "tied"),
    Workload(1_000_000, 2, 2, dtype="float32"),
    Workload(1_000_000, 8, 16, dtype="float32"),
    Workload(100_000, 32, 20, dtype="float32"),
]

GROWTH = {
    "rows": [Workload(n, 4, 5) for n in (300, 3_000, 30_000, 300_000)],
    "columns": [Workload(20_000, d, 5) for d in (1, 2, 4, 8, 16, 32, 64)],
    "components": [Workload(20_000, 4, k) for k in (1, 3, 10, 30, 100)],
}
