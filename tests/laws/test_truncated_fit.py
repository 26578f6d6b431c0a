"""Truncated EM: a lower bound that does not fall, and an exact likelihood at the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

import gmix
from gmix.cli import app

Array = NDArray[np.float64]
K = 12


def table(n: int = 240, seed: int = 0) -> tuple[Array, NDArray[np.intp]]:
    """Rows of clusters that touch, and the cluster of each."""
    rng = np.random.default_rng(seed)
    own = rng.integers(0, K, n)
    return 2.0 * rng.standard_normal((K, 3))[own] + 0.7 * rng.standard_normal((n, 3)), own


def fit(rows: Any, components_per_row: int | None, **more: Any) -> gmix.Fit:
    return gmix.fit(rows, K, components_per_row=components_per_row, **{"covariance": "diag", "rng": 0} | more)


@pytest.mark.parametrize("prior", [None, gmix.NormalInverseWishart()], ids=["ML", "MAP"])
@pytest.mark.parametrize("covariance", ["diag", "spherical", "EEI", "EVI", "VEI", "EII"])
@pytest.mark.parametrize("most", [1, 3])
def test_the_bound_does_not_fall_and_the_end_is_exact(most: int, covariance: str, prior: Any) -> None:
    rows, own = table()
    found = fit(rows, most, start=own, covariance=covariance, prior=prior)
    history = np.array(found.history)
    assert len(history) > 3
    assert (np.diff(history) > -1e-11 * abs(history[-1])).all()
    np.testing.assert_allclose(found.log_likelihood, found.mixture.log_density(rows).sum(), rtol=1e-12)
    np.testing.assert_allclose(found.statistics.mass.sum(), len(rows))
    [note] = [each for each in found.findings if each.name == "truncated"]
    assert f"{(history[-1] - history[-2]) / len(rows):.3g} nats per row" in note.message


def test_with_all_components_it_is_em() -> None:
    rows, own = table()
    np.testing.assert_allclose(
        fit(rows, K, start=own).log_likelihood, fit(rows, None, start=own).log_likelihood, rtol=1e-9
    )


def test_few_components_lose_little_where_clusters_lie_apart() -> None:
    rows, own = table(600)
    for start in ("auto", own):
        exact, truncated = (fit(rows, most, start=start, effort=0.0).log_likelihood for most in (None, 4))
        assert truncated > exact - 1e-3 * abs(exact)


def test_a_row_of_weight_two_counts_twice() -> None:
    rows, own = table()
    twice = np.arange(len(rows)) % 3 == 0
    weighted = fit(rows, 3, start=own, sample_weight=1.0 + twice)
    repeated = fit(np.concatenate([rows, rows[twice]]), 3, start=np.concatenate([own, own[twice]]))
    np.testing.assert_allclose(weighted.log_likelihood, repeated.log_likelihood, rtol=1e-7)


def test_threads_and_meters_change_no_bit() -> None:
    rows, own = table()
    seen: list[gmix.Progress] = []
    one, two = fit(rows, 3, start=own, threads=1), fit(rows, 3, start=own, threads=2, progress=seen.append)
    assert one.history == two.history
    assert len(seen) >= len(two.history)


def test_several_candidates_and_large_tables_with_sub_samples() -> None:
    rows, _ = table(12_000)
    found = gmix.fit(rows.astype(np.float32), [3, K], covariance=["diag", "spherical"], components_per_row=3, rng=0)
    assert found.search is not None
    assert len(found.search.candidates) >= 2
    exact = found.mixture.log_density(rows.astype(np.float32)).sum()
    np.testing.assert_allclose(found.log_likelihood, exact, rtol=1e-9)


def test_frozen_parameters_stay() -> None:
    rows, own = table()
    start = fit(rows, None, start=own, max_iterations=1).mixture
    found = fit(rows + 0.1, 3, start=start, freeze={"means": [0, 1]})
    np.testing.assert_array_equal(found.mixture.means[:2], start.means[:2])


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"covariance": "full"}, "independent.*covariance='diag'"),
        ({"covariance": "auto"}, "independent.*covariance='diag'"),
        ({"family": "student"}, "family"),
        ({"background": True}, "background"),
        ({"trim": 0.1}, "trim"),
        ({"inference": "variational"}, "components_per_row does not go with inference"),
        ({"labels": np.zeros(240, int)}, "labels"),
        ({"row_errors": [0.1, 0.1, 0.1]}, "without errors"),
    ],
)
def test_what_does_not_go_with_it_is_refused(more: dict[str, Any], words: str) -> None:
    with pytest.raises(gmix.ParameterError, match=words):
        fit(table()[0], 3, **more)


@pytest.mark.parametrize("most", [0, -1, 2.5, "five", True])
def test_it_is_a_number_of_components(most: Any) -> None:
    with pytest.raises(gmix.ParameterError, match="components_per_row is"):
        fit(table()[0], most)


def test_streams_missing_cells_and_checkpoints_are_refused(tmp_path: Path) -> None:
    rows, _ = table()
    with pytest.raises(gmix.ParameterError, match="table in memory"):
        fit([rows[:100], rows[100:]], 3)
    with pytest.raises(gmix.ParameterError, match="checkpoint"):
        fit(rows, 3, checkpoint=tmp_path / "fit.gmix")
    rows[0, 0] = np.nan
    with pytest.raises(gmix.ParameterError, match="complete rows"):
        fit(rows, 3)


def test_on_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    np.savetxt(path, table()[0], delimiter=",", header="a,b,c", comments="")
    result = CliRunner().invoke(app, ["fit", str(path), "-k", "3", "-c", "diag", "--components-per-row", "2"])
    assert result.exit_code == 0
    assert "at most 2 components for each row" in result.output
