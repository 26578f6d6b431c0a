"""Mixtures in decimal arithmetic of 60 digits, for measuring the errors of float64. The first 50 are correct.

A float is converted without an error, so these are the functions of the same parameters and the same points.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from decimal import Context, Decimal, localcontext
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Matrix = list[list[Decimal]]
ARITHMETIC = Context(prec=60, Emax=10**9, Emin=-(10**9))


class Parameters(NamedTuple):
    """Weights ``(K,)``, means ``(K, D)`` and covariances ``(K, D, D)`` of a mixture."""

    weights: Array
    means: Array
    covariances: Array


class Exact(NamedTuple):
    """The logarithm of the density of a point, its responsibilities, and the squared distances to the means."""

    log_density: Decimal
    responsibilities: list[Decimal]
    distances: list[Decimal]


def evaluate(parameters: Parameters, point: Array, error: Array | None = None) -> Exact:
    """Evaluate a mixture at a point, whose missing cells are NaN and whose errors have these standard deviations."""
    with localcontext(ARITHMETIC):
        present = np.flatnonzero(~np.isnan(point))
        logs, distances = [], []
        for weight, mean, covariance in zip(*parameters, strict=True):
            matrix = [[Decimal(float(covariance[i, j])) for j in present] for i in present]
            if error is not None:
                for place, i in enumerate(present):
                    matrix[place][place] += Decimal(float(error[i])) ** 2
            factor = cholesky(matrix)
            residual = [Decimal(float(point[i])) - Decimal(float(mean[i])) for i in present]
            distance = sum((z * z for z in _forward(factor, residual)), Decimal(0))
            log_determinant = 2 * sum((factor[i][i].ln() for i in range(len(present))), Decimal(0))
            constant = len(present) * (2 * pi()).ln()
            logs.append(Decimal(float(weight)).ln() - (constant + log_determinant + distance) / 2)
            distances.append(distance)
        largest = max(logs)
        shares = [(log - largest).exp() for log in logs]
        total = sum(shares, Decimal(0))
        return Exact(largest + total.ln(), [share / total for share in shares], distances)


def cholesky(matrix: Matrix) -> Matrix:
    """The lower triangular factor of a positive definite matrix."""
    factor: Matrix = []
    for i, row in enumerate(matrix):
        found: list[Decimal] = []
        for j in range(i + 1):
            value = row[j] - sum((found[m] * (found if i == j else factor[j])[m] for m in range(j)), Decimal(0))
            found.append(value.sqrt() if i == j else value / factor[j][j])
        factor.append(found)
    return factor


def _forward(factor: Matrix, right: Sequence[Decimal]) -> list[Decimal]:
    solution: list[Decimal] = []
    for row, value in zip(factor, right, strict=True):
        solution.append((value - sum((a * b for a, b in zip(row, solution, strict=False)), Decimal(0))) / row[-1])
    return solution


def cdf(parameters: Parameters, point: Array) -> Decimal:
    """The probability of at most `point` in each of one or two columns."""
    with localcontext(ARITHMETIC):
        total = Decimal(0)
        for weight, mean, covariance in zip(*parameters, strict=True):
            deviations = [Decimal(float(covariance[i, i])).sqrt() for i in range(len(mean))]
            z = [(Decimal(float(x)) - Decimal(float(m))) / s for x, m, s in zip(point, mean, deviations, strict=True)]
            if len(z) == 1:
                probability = normal_cdf(z[0])
            else:
                probability = bivariate_cdf(
                    z[0], z[1], Decimal(float(covariance[0, 1])) / deviations[0] / deviations[1]
                )
            total += Decimal(float(weight)) * probability
        return total


def normal_cdf(z: Decimal) -> Decimal:
    """The probability of at most `z` under the standard normal distribution."""
    if abs(z) < 8:
        with localcontext(ARITHMETIC) as digits:
            digits.prec = 90  # 1/2 and the series almost cancel in the lower tail
            return Decimal("0.5") + _density(z) * _series(z)
    fraction = Decimal(0)
    for n in range(600, 0, -1):  # Laplace's continued fraction of Mills's ratio
        fraction = n / (abs(z) + fraction)
    tail = _density(z) / (abs(z) + fraction)
    return tail if z < 0 else 1 - tail


def _series(z: Decimal) -> Decimal:
    """``z + z^3 / 3 + z^5 / (3 * 5) + ...``, whose terms have one sign."""
    term, total, n = z, z, 1
    while abs(term) > Decimal("1e-95") * abs(total):
        n += 2
        term *= z * z / n
        total += term
    return total


def _density(z: Decimal) -> Decimal:
    return (-z * z / 2).exp() / (2 * pi()).sqrt()


def bivariate_cdf(h: Decimal, k: Decimal, correlation: Decimal) -> Decimal:
    r"""The probability of at most `h` and `k` under two standard normal variables of this correlation.

    .. math:: \Phi(h) \Phi(k) + \frac{1}{2 \pi} \int_0^{\arcsin \rho}
              \exp\Bigl(-\frac{h^2 + k^2 - 2 h k \sin t}{2 \cos^2 t}\Bigr) dt

    (Drezner & Wesolowsky 1990, *Journal of Statistical Computation and Simulation* 35:101). With ``sin t = rho s``, the
    integral needs no sine. It is computed by the double exponential formula.
    """

    def integrand(s: Decimal, rest: Decimal) -> Decimal:
        r = correlation * s
        square = (1 - correlation * correlation) + correlation * correlation * rest * (1 + s)  # 1 - r^2
        return (-(h * h + k * k - 2 * h * k * r) / (2 * square)).exp() / square.sqrt()

    with localcontext(ARITHMETIC) as digits:
        digits.prec = 90
        return normal_cdf(h) * normal_cdf(k) + correlation * _integral(integrand) / (2 * pi())


def _integral(integrand: Callable[[Decimal, Decimal], Decimal]) -> Decimal:
    """The integral from 0 to 1 of a function of ``s`` and ``1 - s``."""
    return sum((weight * integrand(s, rest) for s, rest, weight in _nodes()), Decimal(0))


@cache
def _nodes() -> list[tuple[Decimal, Decimal, Decimal]]:
    return list(_double_exponential(Decimal(1) / 64, 64 * 5))


def _double_exponential(step: Decimal, n: int) -> Iterator[tuple[Decimal, Decimal, Decimal]]:
    with localcontext(ARITHMETIC) as digits:
        digits.prec = 90
        for i in range(-n, n + 1):
            up = (i * step).exp()
            sinh, cosh = (up - 1 / up) / 2, (up + 1 / up) / 2
            odds = (pi() * sinh).exp()  # s / (1 - s)
            s, rest = odds / (1 + odds), 1 / (1 + odds)
            yield s, rest, step * pi() * cosh * s * rest


@cache
def pi() -> Decimal:
    """Machin's formula."""
    with localcontext(ARITHMETIC) as digits:
        digits.prec = 100
        return 4 * (4 * _arccot(5) - _arccot(239))


def _arccot(x: int) -> Decimal:
    term, total, n = Decimal(1) / x, Decimal(1) / x, 1
    while abs(term) > Decimal("1e-105"):
        term /= -x * x
        n += 2
        total += term / n
    return total


def relative(found: float, exact: Decimal) -> float:
    """The error of a number relative to the exact one; infinite for one that is not finite."""
    if not math.isfinite(found):
        return math.inf
    with localcontext(ARITHMETIC):
        return float(abs(Decimal(found) - exact) / abs(exact)) if exact else float(abs(Decimal(found)))
