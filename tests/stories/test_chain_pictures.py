"""Pictures of chains."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

import gmix
from gmix import plot


@pytest.fixture(scope="module")
def chains() -> gmix.Chains:
    return gmix.metropolis(lambda x: -0.5 * (x**2).sum(1), np.zeros((3, 2)), 5000, rng=0)


def test_a_trace_has_a_line_for_each_chain_and_says_what_it_leaves_out(chains: gmix.Chains) -> None:
    ax = plot.trace(chains, 1, Figure().subplots())
    assert len(ax.lines) == 3
    np.testing.assert_array_equal(ax.lines[2].get_ydata(), chains.draws[2, ::2, 1])
    assert ax.get_xlabel() == "draw (one of 2 is shown)"
    assert plot.trace(chains.thin(10), 0, Figure().subplots()).get_xlabel() == "draw"


def test_bars_of_ranks_count_every_draw(chains: gmix.Chains) -> None:
    ax = plot.ranks(chains, 0, Figure().subplots())
    heights = np.array([bar.get_height() for bar in ax.patches]).reshape(3, 20)
    assert heights.sum(1) == pytest.approx(heights.sum() / 3)
    moved = gmix.Chains(chains.draws + np.arange(3.0)[:, None, None], chains.log_density, chains.acceptance)
    apart = np.array([bar.get_height() for bar in plot.ranks(moved, 0, Figure().subplots()).patches]).reshape(3, 20)
    assert apart[0, 0] > 5 * apart[2, 0]


def test_autocorrelations_begin_at_one_and_fall(chains: gmix.Chains) -> None:
    ax = plot.autocorrelations(chains, 30, Figure().subplots())
    values = np.asarray(ax.lines[0].get_ydata())
    np.testing.assert_allclose(values, chains.autocorrelation(30)[:, 0])
    assert values[0] == 1.0
    assert abs(values[30]) < 0.2 < values[1]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["coordinate 0", "coordinate 1"]


def test_wrong_arguments_are_named(chains: gmix.Chains) -> None:
    with pytest.raises(gmix.ParameterError, match="coordinate is 2, but the draws have 2 coordinates"):
        plot.trace(chains, 2, Figure().subplots())
    with pytest.raises(gmix.ParameterError, match="chains is a list; give the result"):
        plot.ranks([], 0, Figure().subplots())  # type: ignore[arg-type]
    with pytest.raises(gmix.ParameterError, match="lags is 0"):
        plot.autocorrelations(chains, 0, Figure().subplots())
