"""Units, offsets, directions, order and precision of the data change nothing but the units of the answer."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

import gmix
from gmix.model.covariance import DIRECT, STRUCTURES, Structure

Array = NDArray[np.float64]
TURN = np.linalg.qr(np.random.default_rng(3).standard_normal((3, 3)))[0]
AXES_TURN = {s for s in STRUCTURES if s.code[2] in "EV" or s.code[1] == "I"}  # those that know no coordinate axes
AXES_STRETCH = {s for s in STRUCTURES if s.code in {"EEI", "VEI", "EVI", "VVI", "EEE", "VEE", "EVV", "VVV"}}
PRIORS = (None, gmix.NormalInverseWishart())


class Move(NamedTuple):
    name: str
    matrix: Array
    offset: float
    keeps: set[Structure]


MOVES = [
    Move("shift 1e8", np.eye(3), 1e8, set(STRUCTURES)),
    *(Move(f"scale {c:g}", c * np.eye(3), 0.0, set(STRUCTURES)) for c in (1e-6, 1e6, 1e-150, 1e150)),
    Move("columns swapped", np.eye(3)[[2, 0, 1]], 0.0, set(STRUCTURES)),
    Move("turned", TURN, 0.0, AXES_TURN),
    Move("units of its own for every column", np.diag([1e-6, 1.0, 1e6]), 0.0, AXES_STRETCH),
    Move("small, far off", 1e-6 * np.eye(3), 1e3, set(STRUCTURES)),
]


def cases() -> list[object]:
    return [
        pytest.param(move, structure, prior, id=f"{move.name}, {structure}, {'MAP' if prior else 'ML'}")
        for move in MOVES
        for structure in STRUCTURES
        for prior in PRIORS
        if structure in move.keeps
        # mclust's default prior of a diagonal structure is round, so it does know the units of the columns.
        and not (prior and structure.code[2] == "I" and move.name.startswith("units"))
    ]


def assert_moved(moved: gmix.Fit, plain: gmix.Fit, matrix: Array, offset: float, precision: float) -> None:
    """The mixture that was found after the move is the one that was found before it, moved."""
    covariances = matrix @ plain.mixture.covariances @ matrix.T
    deviation = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
    np.testing.assert_allclose(moved.mixture.weights, plain.mixture.weights, rtol=0, atol=precision)
    means = (moved.mixture.means - offset - plain.mixture.means @ matrix.T) / deviation
    np.testing.assert_allclose(means, 0.0, atol=precision)
    difference = moved.mixture.covariances - covariances
    np.testing.assert_allclose(difference / deviation[:, :, None] / deviation[:, None, :], 0.0, atol=precision)
    volume = plain.n_rows * np.linalg.slogdet(matrix).logabsdet
    assert moved.log_likelihood + volume == pytest.approx(plain.log_likelihood, rel=precision)


def ordered(plain: gmix.Fit, moved: gmix.Fit, move: Move) -> gmix.Fit:
    """The fit with its components in the order that they have after the move."""
    order = moved.statistics.reference.order(plain.mixture.means @ move.matrix.T + move.offset)
    return replace(plain, mixture=plain.mixture.reordered(order))


@pytest.mark.parametrize(("move", "structure", "prior"), cases())
def test_a_moved_table_has_the_moved_mixture(
    points: Array, labels: Array, move: Move, structure: Structure, prior: gmix.NormalInverseWishart | None
) -> None:
    def run(table: Array) -> gmix.Fit:
        steps = 25 if structure in DIRECT else 8
        return gmix.fit(table, covariance=structure, prior=prior, start=labels, tolerance=0, max_iterations=steps)

    precision = 1e-8
    if move.name in ("shift 1e8", "small, far off"):
        precision = 1e-5 if move.name == "small, far off" else 1e-7  # near 1e8 a mean has steps of 1.5e-8
    assert_moved(run(points @ move.matrix.T + move.offset), run(points), move.matrix, move.offset, precision)


@pytest.mark.parametrize("move", [m for m in MOVES if not m.name.endswith("6")], ids=lambda move: move.name)
def test_the_whole_search_moves_with_the_table(points: Array, move: Move) -> None:
    chosen = [s for s in STRUCTURES if s in move.keeps and s.code in {"VII", "VVI", "EEE", "VVV"}]

    def run(table: Array) -> gmix.Fit:
        return gmix.fit(table, [1, 3], covariance=chosen, rng=5)

    plain, moved = run(points), run(points @ move.matrix.T + move.offset)
    assert plain.mixture.n_components == moved.mixture.n_components == 3
    assert plain.mixture.structure is moved.mixture.structure
    assert_moved(moved, ordered(plain, moved, move), move.matrix, move.offset, 1e-5)


@pytest.mark.parametrize("move", [m for m in MOVES if m.name != "turned"], ids=lambda move: move.name)
def test_a_large_table_of_overlapping_components_moves_to_the_last_digits(move: Move) -> None:
    # Starts are tried on a sub-sample and EM is slow, so that whatever depends on units would show.
    rng = np.random.default_rng(8)
    shapes, means = rng.normal(scale=0.5, size=(4, 3, 3)), rng.normal(scale=0.5, size=(4, 1, 3))
    table = (rng.standard_normal((4, 2500, 3)) @ shapes + means).reshape(-1, 3)
    plain, moved = (gmix.fit(x, 4, covariance="full", rng=1) for x in (table, table @ move.matrix.T + move.offset))
    assert_moved(moved, ordered(plain, moved, move), move.matrix, move.offset, 1e-5)


@pytest.mark.parametrize("structure", STRUCTURES, ids=repr)
def test_the_order_of_the_rows_does_not_matter(points: Array, labels: Array, structure: Structure) -> None:
    order = np.random.default_rng(0).permutation(len(points))
    settings = {"covariance": structure, "tolerance": 0.0, "max_iterations": 8}
    plain = gmix.fit(points, start=labels, **settings)
    assert_moved(gmix.fit(points[order], start=labels[order], **settings), plain, np.eye(3), 0.0, 1e-9)


@pytest.mark.parametrize("structure", STRUCTURES, ids=repr)
def test_float32_far_from_zero_is_as_good_as_the_same_values_in_float64(
    points: Array, labels: Array, structure: Structure
) -> None:
    single = (points + 1e4).astype(np.float32)
    settings = {"covariance": structure, "start": labels, "tolerance": 0.0, "max_iterations": 8}
    assert_moved(gmix.fit(single, **settings), gmix.fit(single.astype(float), **settings), np.eye(3), 0.0, 1e-9)


@pytest.mark.parametrize(
    "store",
    [np.asfortranarray, lambda x: np.repeat(x, 2, 0)[::2], lambda x: np.hstack([x, x])[:, :3], lambda x: x.tolist(),
     lambda x: x.astype(">f8"), lambda x: x.astype(np.longdouble)],
    ids=["columns", "every other row", "part of a wider table", "lists", "big-endian", "long double"],
)  # fmt: skip
def test_the_way_the_rows_lie_in_memory_does_not_matter(points: Array, labels: Array, store: object) -> None:
    settings = {"covariance": "full", "start": labels, "max_iterations": 25}
    assert_moved(gmix.fit(store(points), **settings), gmix.fit(points, **settings), np.eye(3), 0.0, 1e-9)
