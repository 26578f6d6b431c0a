"""Estimates from several tables are pooled by Rubin's rules."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import gmix
from gmix import PooledEstimate


def test_the_rules_worked_by_hand() -> None:
    """Five estimates: mean 3, variance among them 2.5; so T = 1 + 1.2 * 2.5 = 4 and lambda = 3/4."""
    pooled = PooledEstimate.of([1.0, 2.0, 3.0, 4.0, 5.0], [0.8, 1.2, 1.0, 0.9, 1.1], degrees_of_freedom=47)
    assert pooled.n == 5
    assert pooled.value == 3.0
    assert pooled.within == pytest.approx(1.0)
    assert pooled.between == 2.5
    assert pooled.variance == pytest.approx(4.0)
    assert pooled.standard_error == pytest.approx(2.0)
    of_imputations, observed = 4 / 0.75**2, 48 / 50 * 47 * 0.25
    assert pooled.degrees_of_freedom == pytest.approx(1 / (1 / of_imputations + 1 / observed))
    assert pooled.missing_information == pytest.approx((3.0 + 2 / (of_imputations + 3)) / 4.0)
    margin = 2.0 * stats.t.ppf(0.95, pooled.degrees_of_freedom)
    np.testing.assert_allclose(pooled.interval(0.9), [3.0 - margin, 3.0 + margin])
    assert repr(pooled).startswith("PooledEstimate(3 ± 2, 95 % interval ")


def test_of_a_large_sample_the_degrees_of_freedom_are_those_of_the_imputations() -> None:
    pooled = PooledEstimate.of([1.0, 2.0, 3.0, 4.0, 5.0], [1.0] * 5)
    assert pooled.degrees_of_freedom == pytest.approx(4 / 0.75**2)


def test_several_values_are_pooled_each_for_itself() -> None:
    rng = np.random.default_rng(0)
    values, variances = rng.normal(size=(6, 2, 3)), rng.random((6, 2, 3)) + 0.1
    pooled = PooledEstimate.of(values, variances, 30)
    assert pooled.interval().shape == (2, 2, 3)
    one = PooledEstimate.of(values[:, 1, 2], variances[:, 1, 2], 30)
    for name in ("value", "variance", "within", "between", "degrees_of_freedom", "missing_information"):
        assert getattr(pooled, name)[1, 2] == pytest.approx(getattr(one, name))
    assert repr(pooled) == "PooledEstimate(6 values from 6 tables)"


def test_units_pass_through() -> None:
    rng = np.random.default_rng(1)
    values, variances = rng.normal(size=5), rng.random(5) + 0.1
    for scale in (1e-60, 1e60):
        one, other = (PooledEstimate.of(a * values, a**2 * variances, 20) for a in (1.0, scale))
        assert other.degrees_of_freedom == pytest.approx(one.degrees_of_freedom)
        assert other.missing_information == pytest.approx(one.missing_information)
        np.testing.assert_allclose(other.interval(), scale * one.interval())


def test_the_degrees_of_freedom_default_to_rows_less_values() -> None:
    x = np.random.default_rng(0).normal(size=(60, 2))
    x[::4, 1] = np.nan
    imputations = gmix.impute(gmix.fit(x, 1, covariance="full"), x, 4, rng=0)

    def means(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return table.mean(0), table.var(0, ddof=1) / len(table)

    default, stated = imputations.pool(means), imputations.pool(means, degrees_of_freedom=58)
    assert (default.degrees_of_freedom == stated.degrees_of_freedom).all()
    assert default.degrees_of_freedom[0] == pytest.approx(59 / 61 * 58)  # of a column without missing cells


@pytest.mark.parametrize(
    ("values", "variances", "words"),
    [
        ([1.0], [1.0], "at least two"),
        ([1.0, 2.0], [1.0, -1.0], "negative"),
        ([1.0, 2.0], [1.0, np.nan], "not finite"),
        ([1.0, np.inf], [1.0, 1.0], "not finite"),
        ([1.0, 2.0], [0.0, 0.0], "are zero although"),
        ([[1.0, 2.0]] * 2, [np.eye(2)] * 2, "diagonal of a covariance matrix"),
        (["a", "b"], [1.0, 1.0], "must be numbers"),
    ],
)
def test_what_cannot_be_pooled_is_refused(values: list[float], variances: list[float], words: str) -> None:
    with pytest.raises(gmix.ParameterError, match=words):
        PooledEstimate.of(values, variances)


def test_an_estimate_must_return_a_value_and_a_variance() -> None:
    x = np.random.default_rng(0).normal(size=(30, 2))
    imputations = gmix.impute(gmix.fit(x, 1, covariance="full"), x, 2, rng=0)
    for wrong in (lambda _: 1.0, lambda _: (1.0, 2.0, 3.0), lambda _: None):
        with pytest.raises(gmix.ParameterError, match="return two things"):
            imputations.pool(wrong)  # type: ignore[arg-type]
    with pytest.raises(gmix.ParameterError, match="degrees_of_freedom is 0"):
        imputations.pool(lambda table: (table[0, 0], 1.0), degrees_of_freedom=0)
    with pytest.raises(gmix.ParameterError, match="level is 95"):
        imputations.pool(lambda table: (table[0, 0], 1.0)).interval(95)
