"""The fourteen structures: how much they spend, how they nest, and that each M-step is the best there is."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from numpy.typing import NDArray

import gmix
from gmix import GaussianMixture, NormalInverseWishart, SufficientStatistics
from gmix.model.covariance import (
    EEE,
    STRUCTURES,
    VVI,
    VVV,
    E,
    Structure,
    V,
    common_axes,
    structure,
)
from gmix.model.mixture import compact_covariances

Array = NDArray[np.float64]
each_structure = pytest.mark.parametrize("s", STRUCTURES, ids=repr)
PAIRS = [(a, b) for a in STRUCTURES for b in STRUCTURES if a is not b and b.contains(a)]

# nMclustParams(code, d, G) of mclust 6 without the K - 1 weights and K * D means, for (K, D) as in the head.
COUNTS = """
      (1,2) (3,4) (9,5)
EII   1     1     1
VII   1     3     9
EEI   2     4     5
VEI   2     6     13
EVI   2     10    37
VVI   2     12    45
EEE   3     10    15
VEE   3     12    23
EVE   3     16    47
VVE   3     18    55
EEV   3     22    95
VEV   3     24    103
EVV   3     28    127
VVV   3     30    135
"""


def statistics(s: Structure, points: Array, labels: Array, weight: Array | None = None) -> SufficientStatistics:
    share = 0.8 * np.eye(3)[labels] + 0.2 / 3
    return SufficientStatistics.from_responsibilities(s.form, points, share, weight)


def expected(s: Structure, scatter: Array, divisor: Array, dense: Array) -> float:
    """What an M-step maximizes, up to a constant: the expected log-likelihood of the covariances."""
    factor = s.form.factor(s.form.compress(dense))
    k, d = dense.shape[:2]
    log_determinant = np.linalg.slogdet(dense).logabsdet
    return -0.5 * float(divisor @ log_determinant) - 0.5 * s.form.trace(
        s.form.congruence(s.form.whitener(factor), np.broadcast_to(scatter, s.form.shape(k, d)))
    )


def parts(dense: Array) -> tuple[Array, Array, Array]:
    """Volumes (K,), shapes (K, D) and orientations (K, D, D)."""
    values, axes = np.linalg.eigh(dense)
    volume = np.exp(np.log(values).mean(1))
    return volume, values / volume[:, None], axes


def disturbed(s: Structure, dense: Array, size: float, rng: np.random.Generator) -> Array:
    """Covariances of the same structure near these."""
    k, d = dense.shape[:2]

    def draws(letter: str, *shape: int) -> Array:
        drawn = rng.standard_normal((k, *shape)) if letter == "V" else np.array([rng.standard_normal(shape)] * k)
        return np.zeros_like(drawn) if letter == "I" else size * drawn

    volume, shape, turn = draws(s.volume), draws(s.shape, d), draws(s.orientation, d, d)
    shape -= shape.mean(1, keepdims=True)
    # Axes that all share are those of any one component; with them all the others are diagonal too.
    axes = np.broadcast_to(np.eye(d), dense.shape) if s.orientation == "I" else np.linalg.eigh(dense)[1]
    if s.orientation == "E":
        widest = np.argmax([np.diff(np.log(np.linalg.eigvalsh(one))).min() for one in dense])
        axes = np.broadcast_to(axes[widest], dense.shape)
    values = np.einsum("kij,kil,klj->kj", axes, dense, axes) * np.exp(volume[:, None] + shape)
    skew = turn - turn.mT
    axes = axes @ np.linalg.solve(np.eye(d) - skew, np.eye(d) + skew)
    return (axes * values[:, None]) @ axes.mT


@pytest.mark.parametrize("row", COUNTS.split("\n")[2:-1])
def test_they_spend_as_many_parameters_as_in_mclust(row: str) -> None:
    code, *counts = row.split()
    sizes = ((1, 2), (3, 4), (9, 5))
    assert [structure(code).n_covariance_parameters(k, d) for k, d in sizes] == [int(count) for count in counts]
    assert [structure(code).n_parameters(k, d) for k, d in sizes] == [
        int(count) + k - 1 + k * d for count, (k, d) in zip(counts, sizes, strict=True)
    ]


def test_in_one_dimension_there_are_two() -> None:
    assert [structure(code).n_parameters(4, 1) for code in ("E", "V")] == [3 + 4 + 1, 3 + 4 + 4]
    every = [E, V, E.with_equal_weights, V.with_equal_weights]
    assert [s.code for s in every] == ["E", "V", "EE", "EV"]
    assert all(structure(s.code) is structure(s.code.lower()) is s for s in every)
    assert all(copy.deepcopy(s) is s and pickle.loads(pickle.dumps(s)) is s for s in every)  # noqa: S301
    assert [E.shared, V.shared, E.independent, V.independent] == [True, False, False, True]
    within = [(a.code, b.code) for a in every for b in every if a is not b and b.contains(a)]
    assert within == [("E", "V"), ("EE", "E"), ("EE", "V"), ("EE", "EV"), ("EV", "V")]


def test_a_structure_is_called_as_its_columns_are_many() -> None:
    for one, several in ((E, EEE), (V, VVV)):
        assert (several.in_columns(1), one.in_columns(2)) == (one, several)
        assert several.with_equal_weights.in_columns(1) is one.with_equal_weights
        assert one.with_equal_weights.in_columns(2) is several.with_equal_weights
        assert one.in_columns(1) is one
    assert VVI.in_columns(1) is VVI  # its covariances have another shape
    one = GaussianMixture([0.5, 0.5], [[0.0], [1.0]], [[[1.0]], [[2.0]]])
    assert one.structure is V
    assert GaussianMixture([0.5, 0.5], [[0.0], [1.0]], [[[1.0]], [[1.0]]], "tied").structure is E
    assert GaussianMixture([1.0], [[0.0, 1.0]], [np.eye(2)], "V").structure is VVV
    two = GaussianMixture([0.5, 0.5], [[0.0, 1.0], [3.0, 4.0]], [np.eye(2), 2 * np.eye(2)])
    assert [m.structure for m in (two.marginal(0), two.condition({0: 1.0}), two.affine([[1.0, 1.0]]))] == [V, V, V]


def test_the_familiar_names_are_the_same_objects() -> None:
    for name, code in (("full", "VVV"), ("tied", "EEE"), ("diag", "VVI"), ("spherical", "VII")):
        assert structure(name) is structure(code)
        assert structure(code).name == name
    assert {s.code for s in STRUCTURES if s.name == s.code} == {s.code for s in STRUCTURES} - {
        "VVV", "EEE", "VVI", "VII"
    }  # fmt: skip
    every = [*STRUCTURES, *(s.with_equal_weights for s in STRUCTURES)]
    assert all(copy.deepcopy(s) is s and pickle.loads(pickle.dumps(s)) is s for s in every)  # noqa: S301
    assert all(structure(s.code) is s for s in every)


def test_the_registry_goes_from_the_poorest_to_the_richest() -> None:
    for place, s in enumerate(STRUCTURES):
        assert not any(poorer.contains(s) for poorer in STRUCTURES[:place])


@pytest.mark.parametrize(("poor", "rich"), PAIRS, ids=repr)
def test_a_mixture_set_free_is_the_same_distribution(
    points: Array, labels: Array, poor: Structure, rich: Structure
) -> None:
    assert poor.n_covariance_parameters(3, 3) <= rich.n_covariance_parameters(3, 3)
    m = GaussianMixture.from_statistics(statistics(poor, points, labels), poor)
    free = GaussianMixture(m.weights, m.means, m.covariances, rich)
    np.testing.assert_allclose(free.log_density(points), m.log_density(points), rtol=1e-12)
    # The richer structure holds it as it is: what it makes of rows drawn from it is itself.
    near = rich.form.dense(rich.nearest(m.weights, m.covariances), 3, 3)
    np.testing.assert_allclose(near, m.covariances, rtol=1e-9, atol=1e-9)


@each_structure
def test_the_letters_are_true(points: Array, labels: Array, s: Structure) -> None:
    dense = GaussianMixture.from_statistics(statistics(s, points, labels), s).covariances
    volume, shape, axes = parts(dense)
    assert (s.volume == "E") == bool(np.ptp(np.log(volume)) < 1e-10)
    assert (s.shape == "I") == bool(np.abs(np.log(shape)).max() < 1e-10)
    diagonal = np.abs(dense * (1 - np.eye(3))).max() < 1e-10
    assert (s.orientation == "I") == bool(diagonal)
    if s.orientation == "E":  # matrices that share their axes commute
        for one in dense:
            np.testing.assert_allclose(one @ dense, dense @ one, atol=1e-10)
    if s.shape == "E" and s.orientation == "I":
        np.testing.assert_allclose(dense / volume[:, None, None], np.broadcast_to(dense[0] / volume[0], dense.shape))
    elif s.shape != "I":
        assert (s.shape == "E") == bool(np.ptp(np.log(shape), axis=0).max() < 1e-10)
    assert axes.shape == (3, 3, 3)


@each_structure
def test_no_covariances_of_the_structure_are_likelier(points: Array, labels: Array, s: Structure) -> None:
    rng = np.random.default_rng(5)
    for weight in (None, rng.exponential(size=len(points))):
        read = statistics(s, points, labels, weight)
        dense = s.form.dense(s.covariances(read.scatter, read.mass, 3), 3, 3)
        best = expected(s, read.scatter, read.mass, dense)
        for size in (1e-4, 1e-3, 1e-2, 0.1, 0.5):
            for _ in range(12):
                other = disturbed(s, dense, size, rng)
                assert expected(s, read.scatter, read.mass, other) <= best + 1e-11 * abs(best)
        # It is a top, not a plain: a step in any direction costs as its square.
        assert expected(s, read.scatter, read.mass, disturbed(s, dense, 1e-3, rng)) < best


@pytest.mark.parametrize("prior", [None, NormalInverseWishart()], ids=["ML", "MAP"])
@each_structure
def test_em_climbs_with_every_structure(s: Structure, prior: NormalInverseWishart | None) -> None:
    rng = np.random.default_rng(11)
    for columns, components in ((2, 3), (4, 2)):
        table = rng.standard_normal((60, columns)) @ rng.standard_normal((columns, columns))
        table[:20] += 2.0
        start = rng.integers(0, components, 60)
        fit = gmix.fit(table, covariance=s, start=start, prior=prior, tolerance=0, max_iterations=60)
        history = np.array(fit.history)
        assert (np.diff(history) >= -1e-11 * np.abs(history[1:])).all()
        assert len(history) > 5


@each_structure
def test_a_component_without_rows_changes_nothing_for_the_others(points: Array, labels: Array, s: Structure) -> None:
    share = np.eye(3)[labels]
    three = SufficientStatistics.from_responsibilities(s.form, points, share)
    four = SufficientStatistics.from_responsibilities(s.form, points, np.hstack([share, np.zeros((len(points), 1))]))
    alone, beside = (GaussianMixture.from_statistics(each, s) for each in (three, four))
    np.testing.assert_allclose(beside.covariances[:3], alone.covariances, rtol=1e-7, atol=1e-9)
    assert np.isfinite(beside.log_density(points)).all()


@each_structure
def test_components_without_width_are_lifted(points: Array, s: Structure) -> None:
    """Two rows, a line, a point and a cloud: the covariances are sound, whatever the structure makes equal."""
    line = np.outer(np.linspace(0, 1, 9), [1.0, 2.0, 3.0])
    table = np.vstack([points[:2], line, np.zeros((5, 3)), points])
    labels = np.repeat(np.arange(4), [2, 9, 5, len(points)])
    for scale in (1e-100, 1.0, 1e100):
        x = table * scale
        read = SufficientStatistics.from_responsibilities(s.form, x, np.eye(4)[labels])
        mixture = GaussianMixture.from_statistics(read, s)
        assert np.isfinite(mixture.log_density(x)).all()
        assert (
            s.form.smallest(compact_covariances(mixture), read.reference.floor) > 0.4
        ).all()  # below its half they are raised to it


@each_structure
def test_the_parts_have_the_structure_that_is_said(points: Array, labels: Array, s: Structure) -> None:
    mixture = GaussianMixture.from_statistics(statistics(s, points, labels), s)
    for part in (mixture.marginal([2, 0]), mixture.condition({1: 0.5})):
        assert part.structure is s.marginal
        nearest = part.structure.nearest(part.weights, part.covariances)
        np.testing.assert_allclose(nearest, compact_covariances(part), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("s", [structure("EVE"), structure("VVE")], ids=repr)
def test_flat_ellipsoids_are_turned_no_further_than_their_rounding(
    s: Structure, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = []
    step = common_axes._Problem.step
    monkeypatch.setattr(common_axes._Problem, "step", lambda *given: steps.append(0) or step(*given))
    rng = np.random.default_rng(1)
    axes = np.linalg.qr(rng.standard_normal((9, 4, 4)))[0]
    scatter = (axes * (10.0 ** rng.uniform(-2, 0, (9, 4)) * [1e-11, 1.0, 1.0, 1.0])[:, None]) @ axes.mT
    dense = s.covariances(scatter, np.ones(9), 4)
    assert len(steps) < 100
    best = expected(s, scatter, np.ones(9), dense)
    for _ in range(20):
        assert expected(s, scatter, np.ones(9), disturbed(s, dense, 1e-3, rng)) < best


def test_a_structure_is_called_by_its_code_and_its_word() -> None:
    assert [structure(s).called for s in ("full", "VEV", "EVEV")] == ["VVV (full)", "VEV", "EVEV (VEV, equal weights)"]


@each_structure
def test_the_directions_of_standard_errors_are_independent(s: Structure) -> None:
    """A rotation of the two equal axes changes nothing; those to the third, longer by the root of 2, do."""
    variances = [1.0, 1.0, 1.0] if s.code[1] == "I" else [1.0, 1.0, 2.0]
    tangents = s.tangents(np.full(2, 0.5), np.tile(np.diag(variances), (2, 1, 1)))
    step = 1e-5
    moved = [tangents.moved(side * step * e) for e in np.eye(tangents.n_directions) for side in (1.0, -1.0)]
    covariances = np.array([(one.frames @ one.frames.mT).ravel() for one in moved])
    rates = (covariances[::2] - covariances[1::2]) / (2.0 * step)
    _, shape, orientation = s.code
    lost = 0 if shape == orientation else {"I": 0, "E": 1, "V": 2}[orientation]
    assert np.linalg.matrix_rank(rates, 1e-6) == tangents.n_directions == s.n_covariance_parameters(2, 3) - lost
