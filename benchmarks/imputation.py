"""Coverage of confidence intervals from imputed tables: how often they contain the true value.

python benchmarks/imputation.py --check    # fail if intervals from gmix.impute cover the truth too rarely or too often

Tables are drawn from a mixture of three columns. Cells of the second column are then removed with a probability that
depends on the first column, and cells of the third with a fixed probability. A mixture with the true number of
components is fitted to each table. The estimates are the mean of the second column, the slope of its regression on the
first, and the slope of the reverse regression; their complete-data variances are those of ordinary least squares if the
table has one Gaussian component, and otherwise HC3 (MacKinnon & White 1985, *Journal of Econometrics* 29:305).
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, stdtrit

import gmix
from gmix.inference.pooling import PooledEstimate

Array = NDArray[np.float64]
LEAST, MOST = 93.5, 96.5  # percent of the intervals at level 95 %
NAMES = ("mean of b", "slope of b on a", "slope of a on b")
METHODS = ("no cell missing", "gmix.impute", "draws from one mixture", "conditional means", "complete rows only")


class Study(NamedTuple):
    """Tables of one kind: how many rows they have, and the mixture that they are drawn from."""

    name: str
    n_rows: int
    mixture: gmix.GaussianMixture

    @property
    def truth(self) -> Array:
        """The true values of the estimates."""
        m = self.mixture
        mean = m.weights @ m.means
        apart = m.means - mean
        covariance = np.einsum("k,kij->ij", m.weights, m.covariances + apart[:, :, None] * apart[:, None, :])
        return np.array([mean[1], covariance[0, 1] / covariance[0, 0], covariance[0, 1] / covariance[1, 1]])


def studies() -> list[Study]:
    shape = np.array([[1.0, 0.6, 0.3], [0.6, 1.0, 0.4], [0.3, 0.4, 1.0]])
    turn = np.diag([1.0, -1.0, 1.0])
    one = gmix.GaussianMixture([1.0], np.zeros((1, 3)), shape[None])
    three = gmix.GaussianMixture(
        [0.4, 0.3, 0.3],
        [[0.0, 0.0, 0.0], [3.0, 3.0, -2.0], [6.0, 1.0, 2.0]],
        [shape, 0.7 * turn @ shape @ turn, np.diag([1.0, 0.5, 1.0])],
    )
    return [Study("1 component", 100, one), Study("1 component", 300, one), Study("3 components", 300, three)]


def with_holes(table: Array, rng: np.random.Generator) -> Array:
    """A copy in which 40 % of the second column and 20 % of the third are missing at random."""
    holed = table.copy()
    score = (table[:, 0] - table[:, 0].mean()) / table[:, 0].std()
    holed[rng.random(len(table)) < expit(1.5 * score - 0.55), 1] = np.nan
    holed[rng.random(len(table)) < 0.2, 2] = np.nan
    return holed


def estimate(table: Array, robust: bool) -> tuple[Array, Array]:
    """The mean and the two slopes, with their variances."""
    slopes = [slope(table[:, 0], table[:, 1], robust), slope(table[:, 1], table[:, 0], robust)]
    values, variances = zip((table[:, 1].mean(), table[:, 1].var(ddof=1) / len(table)), *slopes, strict=True)
    return np.array(values), np.array(variances)


def slope(x: Array, y: Array, robust: bool) -> tuple[float, float]:
    """The slope of the regression of y on x, and its variance."""
    away = x - x.mean()
    squares = away @ away
    found = away @ y / squares
    residuals = y - y.mean() - found * away
    if not robust:
        return found, residuals @ residuals / (len(x) - 2) / squares
    leverage = 1.0 / len(x) + away**2 / squares
    return found, ((away * residuals / (1.0 - leverage)) ** 2).sum() / squares**2


def intervals(study: Study, seed: int, n: int) -> Array:
    """The intervals ``(methods, 2, estimates)`` from one table."""
    rng = np.random.default_rng([seed, study.n_rows, study.mixture.n_components])
    robust = study.mixture.n_components > 1
    table = study.mixture.sample(study.n_rows, rng=rng)
    holed = with_holes(table, rng)
    fit = gmix.fit(holed, start=study.mixture, covariance="full", progress=False)
    draws = [estimate(fit.mixture.impute(holed, rng=rng), robust) for _ in range(n)]
    freedom = study.n_rows - 2
    return np.array([
        t_interval(*estimate(table, robust), freedom),
        gmix.impute(fit, holed, n, rng=rng)
        .pool(lambda x: estimate(x, robust), degrees_of_freedom=freedom).interval(),
        PooledEstimate.of(*map(list, zip(*draws, strict=True)), freedom).interval(),
        t_interval(*estimate(fit.mixture.impute(holed), robust), freedom),
        t_interval(*estimate(complete := holed[~np.isnan(holed).any(1)], robust), len(complete) - 2),
    ])  # fmt: skip


def t_interval(values: Array, variances: Array, freedom: int) -> Array:
    margin = stdtrit(freedom, 0.975) * np.sqrt(variances)
    return np.array([values - margin, values + margin])


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--tables", type=int, default=2000, help="how many tables of each kind")
    arguments.add_argument("-n", type=int, default=20, help="how many imputations of each table")
    arguments.add_argument("--check", action="store_true", help=f"fail outside {LEAST} to {MOST} percent")
    given = arguments.parse_args()
    print(f"| tables | estimate | {' | '.join(METHODS)} |\n|---|---|{'---|' * len(METHODS)}", flush=True)
    wrong = 0
    for study in studies():
        began = time.process_time()
        found = np.array([intervals(study, seed, given.n) for seed in range(given.tables)])
        low, high = found[:, :, 0], found[:, :, 1]
        covered = 100.0 * ((low <= study.truth) & (study.truth <= high)).mean(0)
        width = np.median(high - low, axis=0)
        for i, name in enumerate(NAMES):
            cells = (f"{c:.1f} ({w:.2f})" for c, w in zip(covered[:, i], width[:, i] / width[0, i], strict=True))
            print(f"| {study.n_rows} rows, {study.name} | {name} | {' | '.join(cells)} |", flush=True)
        wrong += int(((covered[1] < LEAST) | (covered[1] > MOST)).sum())
        print(f"{study.name}: {time.process_time() - began:.0f} s of processor time", file=sys.stderr)
    print(
        f"\nPercent of 95 % intervals that contain the truth, of {given.tables} tables each; in brackets their median "
        "width, relative to that without missing cells"
    )
    return int(given.check and wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
