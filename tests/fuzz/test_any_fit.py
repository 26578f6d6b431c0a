"""Whatever the table and the arguments: a sound answer, or an error of gmix that says what to do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from effort import effort
from hypothesis import event, given
from strategies import Case, cases
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
    rounding = 1e-10 * (np.abs(history).max() + weight.sum() * (1.0 + np.abs(log_density[np.isfinite(log_density)]).max()))
    assert (np.diff(history) >= -rounding).all()
    assert all(finding.message and finding.name for finding in fit.findings)
    assert fit.summary()
    fit.save(folder / "fit.json")
    assert gmix.load(folder / "fit.json").mixture.means.tobytes() == mixture.means.tobytes()


@given(case=cases())
@effort()
def test_every_outcome_is_a_sound_answer_or_an_error_of_gmix(
    case: Case, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("fuzz", numbered=True)
    with limit():
        try:
            fit = gmix.fit(case.data(folder), **case.keywords())
        except gmix.GmixError as error:
            event(f"{type(error).__name__}: {str(error)[:60]}")
            assert len(str(error)) > 20
            return
        event("answer")
        assert_sound(fit, case, folder)
