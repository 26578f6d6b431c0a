"""Workloads: tables of overlapping clusters, a start for all peers, and the minimum work of a step."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

EXPONENTIAL = 20  # multiply-adds that an exponential is taken to cost: range reduction, 11 terms, scaling, lost digits


@dataclass(frozen=True)
class Workload:
    """N rows, D columns, K components of a structure (by scikit-learn's name), apart or not, with rows of a dtype."""

    n: int
    d: int
    k: int
    structure: str = "full"
    dtype: str = "float64"
    apart: bool = False

    @property
    def name(self) -> str:
        """The name in `--workloads`: ``1e6x8x16``, ``2e5x64x256-diag``, ``1e6x8x16-float32``."""
        digits, zeros = f"{self.n:e}".split("e")
        parts = [f"{float(digits):g}e{int(zeros)}x{self.d}x{self.k}"]
        parts += [self.structure] if self.structure != "full" else []
        parts += [self.dtype] if self.dtype != "float64" else []
        parts += ["apart"] if self.apart else []
        return "-".join(parts)

    @property
    def words(self) -> str:
        """What it is, for a reader: 200,000 by 64, K = 256, diagonal."""
        parts = [f"{self.n:,} \N{MULTIPLICATION SIGN} {self.d}", f"K = {self.k}"]
        parts += [{"diag": "diagonal"}.get(self.structure, self.structure)] if self.structure != "full" else []
        parts += [self.dtype] if self.dtype != "float64" else []
        parts += ["far apart"] if self.apart else []
        return ", ".join(parts)

    def table(self) -> tuple[NDArray[np.floating], tuple[Array, Array, Array]]:
        """The rows ``(N, D)``, and a start: weights ``(K,)``, means ``(K, D)`` and covariances ``(K, D, D)``.

        Centers are about three standard deviations apart for every D, so that components share rows and EM converges
        slowly; or about seventeen, so that they share almost no rows. The start has equal weights, the centers moved by
        about one standard deviation, and one spherical covariance with half of the variance of the data.
        """
        rng = np.random.default_rng([self.n, self.d, self.k, 2])
        centers = rng.normal(scale=(12.0 if self.apart else 2.0) / np.sqrt(self.d), size=(self.k, self.d))
        shapes = rng.normal(scale=0.4 / np.sqrt(self.d), size=(self.k, self.d, self.d)) + np.eye(self.d)
        bounds = np.linspace(0, self.n, self.k + 1).astype(int)
        rows = rng.normal(size=(self.n, self.d))
        for shape, center, first, last in zip(shapes, centers, bounds, bounds[1:], strict=False):
            rows[first:last] = rows[first:last] @ shape + center
        rng.shuffle(rows)
        means = centers + rng.normal(scale=1.0 / np.sqrt(self.d), size=centers.shape)
        round_ = 0.5 * float(rows[:10_000].var(0).mean()) * np.eye(self.d)
        return rows.astype(self.dtype), (np.full(self.k, 1.0 / self.k), means, np.tile(round_, (self.k, 1, 1)))

    def multiply_adds(self) -> float:
        """The minimum of one step: the whitened residuals of all rows, and the same amount for the moments."""
        n, d, k = self.n, self.d, self.k
        return {
            "full": 2.0 * n * k * (d * (d + 1) / 2 + d),
            "tied": n * (d * (d + 1.0) + 2.0 * k * d),
            "diag": 4.0 * n * k * d,
            "spherical": 3.0 * n * k * d,
        }[self.structure]

    def bound(self, speed: float) -> float:
        """The minimum time of a step in seconds if a matrix product does `speed` operations per second."""
        return 2.0 * (self.multiply_adds() + EXPONENTIAL * self.n * self.k) / speed

    def steps(self) -> int:
        """The number of steps to time: few if a step is long."""
        return int(np.clip(1e8 / self.multiply_adds(), 2, 200))


STANDARD = [
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
]
_AS_FLOAT32 = [
    Workload(1_000_000, 2, 5), Workload(1_000_000, 8, 16), Workload(100_000, 32, 20), Workload(60_000, 100, 10),
]  # fmt: skip
GROUPS = {
    "quick": [Workload(1_000, 2, 2), Workload(10_000, 4, 3), Workload(10_000, 8, 4, "diag")],
    "standard": STANDARD,
    "float32": [replace(workload, dtype="float32") for workload in _AS_FLOAT32],
    "fits": [
        Workload(150, 4, 3),
        Workload(1_000, 2, 2),
        Workload(10_000, 4, 5),
        Workload(100_000, 10, 10),
        Workload(1_000_000, 2, 5),
        Workload(10_000, 10, 5, "diag"),
        Workload(100_000, 3, 8, "spherical"),
        Workload(100_000, 10, 10, "tied"),
    ],
    "large": [Workload(10_000_000, 2, 5)],
    "apart": [Workload(100_000, 32, 20, apart=True), Workload(60_000, 100, 10, apart=True)],
    "rows": [Workload(n, 8, 8) for n in (1_000, 10_000, 100_000, 1_000_000)],
    "columns": [Workload(20_000, d, 5) for d in (2, 4, 8, 16, 32, 64, 128, 256)],
    "components": [Workload(20_000, 8, k) for k in (2, 8, 32, 128, 512)],
}
GROUPS["growth"] = GROUPS["rows"] + GROUPS["columns"] + GROUPS["components"]


def chosen(names: str) -> list[Workload]:
    """The workloads of groups and names separated by commas, each once."""
    every = {workload.name: [workload] for group in GROUPS.values() for workload in group} | GROUPS
    found: dict[Workload, None] = {}
    for name in names.split(","):
        if name not in every:
            raise SystemExit(f"no workload {name!r}: choose among {', '.join(every)}")
        found |= dict.fromkeys(every[name])
    return list(found)
