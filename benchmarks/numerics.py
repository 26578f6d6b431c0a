"""Errors of log densities, responsibilities, log-likelihoods and distribution functions, in units of rounding.

Each case is a mixture and points. What gmix computes is compared with decimal arithmetic of 50 digits on the same
parameters and points. Where the covariances are ill-conditioned, no algorithm in float64 can be exact: rounding the
entries of the covariances alone changes the result. The allowance of a case is what such a change can amount to.

python benchmarks/numerics.py              # print the table
python benchmarks/numerics.py --write      # put it into docs/numerics.md
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from decimal import Decimal, localcontext
from pathlib import Path
from typing import NamedTuple

import fifty_digits
import numpy as np
from fifty_digits import ARITHMETIC, Exact, Parameters
from numerics_cases import CASES, DISTRIBUTIONS, Array, Case, Distribution
from numpy.typing import ArrayLike

import gmix

PAGE = Path(__file__).parents[1] / "docs" / "numerics.md"
ROUNDING = np.finfo(float).eps
# Units of rounding: the change of the covariances that is allowed for, and the rounding of the terms of the result.
_OF_CONDITION, _OF_RESULT = 1.0, 4.0


class Measured(NamedTuple):
    """The largest error of a quantity over the points of a case, and the largest allowance."""

    case: str
    quantity: str
    error: float
    allowance: float
    within: bool  # the error of every point is within its own allowance

    def __str__(self) -> str:
        return f"{self.error:.1e} ({self.allowance:.1e})"


def measure(case: Case) -> Iterator[Measured]:
    """The errors of the log density, the responsibilities and the log-likelihood of a case."""
    mixture = gmix.GaussianMixture(*case.parameters)
    found = mixture.log_density(case.points, row_errors=case.errors)
    shares = mixture.responsibilities(case.points, row_errors=case.errors)
    exact = [fifty_digits.evaluate(case.parameters, point, case.errors) for point in case.points]
    allowed = np.array([_allowances(case, *both) for both in zip(case.points, exact, strict=True)])
    weights = np.array([[float(share) for share in point.responsibilities] for point in exact])
    of_density = (weights * allowed).sum(1)
    scale = np.maximum(np.abs(found), 1.0)

    density = np.array([absolute(value, point.log_density) for value, point in zip(found, exact, strict=True)])
    yield measured(case.name, "log density", density / scale, of_density / scale)

    errors = [
        absolute(value, share)
        for row, point in zip(shares, exact, strict=True)
        for value, share in zip(row, point.responsibilities, strict=True)
    ]
    of_shares = np.minimum(weights * (allowed + of_density[:, None]) + ROUNDING**2, 1.0)
    yield measured(case.name, "responsibilities", errors, of_shares.ravel())

    with localcontext(ARITHMETIC):
        total = sum((point.log_density for point in exact), Decimal(0))
    [statistics] = gmix.expect(case.points, [mixture], row_errors=case.errors)
    error = absolute(statistics.log_likelihood, total)
    yield measured(case.name, "log-likelihood", [error / scale.sum()], [of_density.sum() / scale.sum()])


def measure_distribution(case: Distribution) -> Iterator[Measured]:
    """The relative error of the distribution function, and of its logarithm in one column."""
    mixture = gmix.GaussianMixture(*case.parameters)
    exact = [fifty_digits.cdf(case.parameters, point) for point in case.points]
    found = mixture.cdf(case.points)
    allowed = np.full(len(exact), case.allowance)
    yield measured(case.name, "cdf", list(map(fifty_digits.relative, found, exact)), allowed)
    if case.points.shape[1] == 1:
        with localcontext(ARITHMETIC):
            logs = [value.ln() for value in exact]
        yield measured(
            case.name, "log cdf", list(map(fifty_digits.relative, mixture.log_cdf(case.points), logs)), allowed
        )


def measured(case: str, quantity: str, errors: ArrayLike, allowances: ArrayLike) -> Measured:
    found, allowed = np.asarray(errors, float), np.asarray(allowances, float)
    return Measured(case, quantity, float(found.max()), float(allowed.max()), bool((found <= allowed).all()))


def absolute(found: float, exact: Decimal) -> float:
    with localcontext(ARITHMETIC):
        return float(abs(Decimal(float(found)) - exact)) if np.isfinite(found) else float("inf")


def _allowances(case: Case, point: Array, exact: Exact) -> Array:
    """The allowances ``(K,)`` for the log densities of the components at a point.

    A relative change ``e`` of the entries of a ``D x D`` correlation matrix of condition ``c`` changes the log
    determinant by about ``D c e``, and the squared distance by the share ``c e``. In addition, all terms are rounded.
    """
    conditions = _conditions(case.parameters, point, case.errors)
    distances = np.array([float(distance) for distance in exact.distances])
    size = np.count_nonzero(~np.isnan(point)) + distances
    rounded = np.abs(float(exact.log_density)) + size + _largest_log(case.parameters)
    return np.asarray(ROUNDING * (_OF_CONDITION * conditions * size + _OF_RESULT * rounded))


def _largest_log(parameters: Parameters) -> float:
    """The largest sum of the logarithms of scales, which a log density contains with opposite signs."""
    return float(np.abs(np.log(np.sqrt(np.diagonal(parameters.covariances, axis1=1, axis2=2)))).sum(1).max())


def _conditions(parameters: Parameters, point: Array, error: Array | None) -> Array:
    """The condition numbers ``(K,)`` of the correlation matrices of the present cells, which no unit changes."""
    present = np.flatnonzero(~np.isnan(point))
    conditions = []
    for covariance in parameters.covariances:
        matrix = covariance[np.ix_(present, present)]
        if error is not None:
            matrix = matrix + np.diag(error[present] ** 2)
        deviations = np.sqrt(np.diag(matrix))
        conditions.append(np.linalg.cond(matrix / deviations[:, None] / deviations) if len(present) else 1.0)
    return np.array(conditions)


def densities(cases: Sequence[Case] = CASES) -> list[Measured]:
    return [found for case in cases for found in measure(case)]


def distributions(cases: Sequence[Distribution] = DISTRIBUTIONS) -> list[Measured]:
    return [found for case in cases for found in measure_distribution(case)]


def as_markdown(results: Sequence[Measured]) -> str:
    """A table with a row for each case and a column for each quantity."""
    quantities = list(dict.fromkeys(found.quantity for found in results))
    rows: dict[str, dict[str, Measured]] = {}
    for found in results:
        rows.setdefault(found.case, {})[found.quantity] = found
    lines = [f"| case | {' | '.join(quantities)} |", "|---" * (1 + len(quantities)) + "|"]
    for case, of_case in rows.items():
        lines.append(f"| {case} | {' | '.join(str(of_case.get(quantity, '')) for quantity in quantities)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the table into docs/numerics.md")
    write = parser.parse_args().write
    tables = {"densities": densities(), "distributions": distributions()}
    for name, results in tables.items():
        print(as_markdown(results), end="\n\n")
        if write:
            text = PAGE.read_text(encoding="utf-8")
            before, _, others = text.partition(f"<!-- {name} -->\n")
            after = others.partition("<!-- end -->")[2]
            text = f"{before}<!-- {name} -->\n\n{as_markdown(results)}\n\n<!-- end -->{after}"
            PAGE.write_text(text, encoding="utf-8")
    beyond = [f"{found.case}: {found.quantity}" for results in tables.values() for found in results if not found.within]
    if beyond:
        raise SystemExit(f"beyond the allowance: {', '.join(beyond)}")


if __name__ == "__main__":
    main()
