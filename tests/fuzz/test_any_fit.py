"""Whatever the table and the arguments: a sound answer, or an error of gmix that says what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from effort import effort
from hypothesis import event, example, given
from strategies import Case, Table, cases
from watchdog import limit

import gmix


def assert_sound(fit: gmix.Fit, case: Case, folder: Path) -> None:
    """An answer has finite numbers, weights that sum to one, an objective that never fell, and findings in words."""
    mixture, rows = fit.mixture, case.table.rows()
    if mixture.features is not None:  # columns without any cell are left out
        rows = rows[:, [int(name[1:]) for name in mixture.features]]
    weight = np.asarray(case.keywords().get("sample_weight", np.ones(len(rows))))
    covariances = mixture.scales if isinstance(mixture, gmix.StudentMixture) else mixture.covariances
    criteria = [fit.bic, fit.aic, fit.icl] if fit.posterior is None else [fit.posterior.lower_bound]
    for numbers in (mixture.weights, mixture.means, covariances, criteria, fit.log_likelihood):
        assert np.isfinite(numbers).all()
    background = 0.0 if mixture.background is None else mixture.background.weight
    assert mixture.weights.sum() + background == pytest.approx(1.0)
    assert (mixture.weights >= 0.0).all()
    log_density = mixture.log_density(rows)
    assert not np.isnan(log_density).any()
    assert mixture.dependence is not None or (np.diagonal(covariances, axis1=1, axis2=2) > 0.0).all()
    history = np.array(fit.history)
    rounding = 1e-10 * (
        np.abs(history).max() + weight.sum() * (1.0 + np.abs(log_density[np.isfinite(log_density)]).max())
    )
    assert (np.diff(history) >= -rounding).all()
    assert all(finding.message and finding.name for finding in fit.findings)
    assert fit.summary()
    fit.save(folder / "fit.json")
    assert gmix.load(folder / "fit.json").mixture.means.tobytes() == mixture.means.tobytes()


def answer(case: Case, folder: Path) -> gmix.Fit | None:
    """The fit of a case; None if gmix refuses it."""
    try:
        fit = gmix.fit(case.data(folder), **case.keywords())
    except gmix.GmixError as error:
        reason = str(error)
    else:
        event("answer")
        return fit
    event(reason[:60])
    assert len(reason) > 20
    return None


def case(table: Table, covariance: str = "EII", about_rows: dict[str, str] | None = None, **arguments: Any) -> Case:
    """A case that once failed."""
    few = {"components": 1, "covariance": covariance, "max_iterations": 1, "effort": 0.0, "rng": 0}
    return Case(table, "array", about_rows or {}, few | arguments, "none")


def table(kind: str, n_rows: int, n_columns: int, exponent: int = 0, seed: int = 0) -> Table:
    return Table(kind, seed, n_rows, n_columns, (exponent,) * n_columns, 0.0, "float64", 0.0)


FIFTY = {"sample_weight": "fifty decades"}
# Moves of a variational fit of rows that are not in memory.
BLOCKS_WITH_HOLES = Case(
    Table("clouds", 0, 4, 3, (0, 0, 0), 0.0, "float64", 0.1),
    "list of blocks",
    {},
    {"components": "auto", "covariance": "full", "max_iterations": 1, "effort": 0.1, "rng": 0,
     "inference": "variational"},
    "Dirichlet process",
)  # fmt: skip


@given(case=cases())
@example(case=case(table("constant column", 2, 2), background=True))  # which has all rows
@example(case=case(table("constant column", 39, 2, seed=1), family="student", background=True))  # the same
@example(case=case(table("constant column", 25, 1), background=True))  # rows as far from each other
@example(case=case(table("clouds", 4, 1, exponent=77), "full", inference="variational"))  # squares of covariances
@example(case=case(table("clouds", 7, 2), about_rows={"sample_weight": "fifty decades"}, start="hierarchical"))
@example(case=case(table("repeated rows", 4, 3), "CCC", components=2))  # a cluster without rows
@example(case=BLOCKS_WITH_HOLES)
@example(case=case(table("clouds", 4, 4, seed=8), "full", FIFTY, components=3, inference="variational", effort=0.1))
@example(case=case(table("clouds", 4, 2, -132), "full", FIFTY, components=3, inference="variational", effort=0.1))
@effort()
def test_every_outcome_is_a_sound_answer_or_an_error_of_gmix(
    case: Case, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("fuzz", numbered=True)
    with limit():
        fit = answer(case, folder)
        if fit is not None:
            assert_sound(fit, case, folder)
