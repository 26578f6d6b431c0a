"""Densities, responsibilities, likelihoods and distribution functions agree with decimal arithmetic of 50 digits."""

from __future__ import annotations

import re
import sys
from decimal import Decimal
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "benchmarks"))
fifty_digits = pytest.importorskip("fifty_digits")
import numerics  # noqa: E402
from numerics_cases import CASES, DISTRIBUTIONS, Case, Distribution  # noqa: E402

FEW = 6  # rows of each case


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
def test_densities_are_within_the_allowance(case: Case) -> None:
    for found in numerics.measure(case._replace(points=case.points[:FEW])):
        assert found.within, f"{found.quantity}: {found}"


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in DISTRIBUTIONS])
def test_distribution_functions_are_within_the_allowance(case: Distribution) -> None:
    for found in numerics.measure_distribution(case._replace(points=case.points[:FEW])):
        assert found.within, f"{found.quantity}: {found}"


def test_the_tables_of_the_page_have_every_case_with_errors_below_the_allowances() -> None:
    text = (ROOT / "docs" / "numerics.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| ([^|]+) \| (.*) \|$", text, re.MULTILINE))
    for case in (*CASES, *DISTRIBUTIONS):
        cells = re.findall(r"(\S+) \((\S+)\)", rows[case.name])
        assert cells
        for error, allowance in cells:
            assert float(error) <= float(allowance)


@pytest.mark.parametrize(
    ("z", "probability"),
    [  # of mpmath 1.4.1
        ("1", "0.84134474606854294858523254563"),
        ("-10", "7.6198530241605260659733432516E-24"),
    ],
)
def test_the_decimal_arithmetic_agrees_with_another_program(z: str, probability: str) -> None:
    assert abs(fifty_digits.normal_cdf(Decimal(z)) / Decimal(probability) - 1) < Decimal("1e-26")


def test_the_decimal_probability_of_a_quadrant_is_that_of_its_formula() -> None:
    quadrant = fifty_digits.bivariate_cdf(Decimal(0), Decimal(0), Decimal("0.5"))  # 1/4 + arcsin(1/2) / (2 pi)
    assert abs(3 * quadrant - 1) < Decimal("1e-25")
