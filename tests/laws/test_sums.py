"""EM is a sum: statistics of parts add up to those of the whole, in any order; a weight is a count."""

from __future__ import annotations

import operator
from dataclasses import replace
from functools import reduce

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numpy.typing import NDArray

import gmix
from gmix import GaussianMixture, SufficientStatistics
from gmix.base.rows import Rows
from gmix.model.components import Components
from gmix.model.covariance import DIAGONAL, FORMS, STRUCTURES, Form, Structure
from gmix.model.kernel import CHUNK, Kernel, ReferenceKernel, compiled, kernel, reference
from gmix.model.reference import Reference
from gmix.sources import messages

Array = NDArray[np.float64]


def start(points: Array, labels: Array, structure: Structure) -> GaussianMixture:
    statistics = SufficientStatistics.from_responsibilities(structure.form, points, np.eye(3)[labels])
    return GaussianMixture.from_statistics(statistics, structure)


def assert_same(a: SufficientStatistics, b: SufficientStatistics, precision: float = 1e-11) -> None:
    """Equal to rounding, each entry in units of the data's own scale."""
    deviation = np.sqrt(b.reference.variances)
    np.testing.assert_allclose(a.mass, b.mass, rtol=precision, atol=precision)
    np.testing.assert_allclose((a.mean - b.mean)[b.mass > 0] / deviation, 0.0, atol=precision)
    scatter = b.form.congruence(b.form.compress(np.diag(1.0 / deviation)[None]), a.scatter - b.scatter)
    np.testing.assert_allclose(scatter / max(b.mass.sum(), 1.0), 0.0, atol=precision)
    assert a.log_likelihood == pytest.approx(b.log_likelihood, rel=precision, abs=precision)


@pytest.mark.parametrize("offset", [0.0, 1e4, 1e8])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("structure", STRUCTURES, ids=repr)
def test_parts_add_up_to_the_whole(
    points: Array, labels: Array, structure: Structure, dtype: type, offset: float
) -> None:
    rows = (points + offset).astype(dtype)
    mixture = start(points + offset, labels, structure)
    weight = np.linspace(0.0, 2.0, len(rows))
    [whole] = gmix.expect(rows, [mixture], sample_weight=weight)
    for cuts in ([70], [1, 2, 139], range(5, 140, 5), [0, 50, 50, 140]):
        parts = zip(np.split(rows, cuts), np.split(weight, cuts), strict=True)
        sums = [gmix.expect(part, [mixture], sample_weight=w)[0] for part, w in parts]
        together, precision = reduce(operator.add, sums), 1e-7 if offset == 1e8 else 1e-10
        assert_same(together, whole, precision)
        np.testing.assert_allclose(together.reference.count, whole.reference.count, rtol=precision)
        np.testing.assert_allclose(together.reference.mean, whole.reference.mean, rtol=precision, atol=precision)
        np.testing.assert_allclose(together.reference.variances, whole.reference.variances, rtol=precision)


@st.composite
def statistics(draw: st.DrawFn, form: Form) -> SufficientStatistics:
    """Statistics of a few rows, or of none, of one and the same two-component mixture."""
    n = draw(st.integers(0, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    compact = form.compress(np.array([np.eye(2), np.eye(2)]))
    log_constants = np.log([0.3, 0.7])
    mixture = Components(form, log_constants, np.array([[0.0, 0.0], [1.0, 3.0]]), compact, compact)
    rows = rng.standard_normal((n, 2)) * draw(st.sampled_from([1e-3, 1.0, 1e3]))
    return kernel.expect(Rows(rows, rng.integers(0, 3, n).astype(float)), [mixture])[0]


@pytest.mark.parametrize("form", FORMS, ids=repr)
@given(data=st.data())
def test_addition_is_that_of_a_commutative_monoid(form: Form, data: st.DataObject) -> None:
    a, b, c = (data.draw(statistics(form)) for _ in range(3))
    compact = form.compress(np.array([np.eye(2)] * 2))
    components = Components(form, np.zeros(2), np.zeros((2, 2)), compact, compact)
    [nothing] = kernel.expect(Rows(np.empty((0, 2))), [components])
    assert_same(a + b, b + a)
    assert_same((a + b) + c, a + (b + c))
    assert_same(a + nothing, a)
    assert_same(nothing + a, a)


@pytest.mark.parametrize("structure", STRUCTURES, ids=repr)
def test_the_reference_does_not_depend_on_the_responsibilities(
    points: Array, labels: Array, structure: Structure
) -> None:
    weight = np.linspace(0.5, 2.0, len(points))
    [statistics] = gmix.expect(points, [start(points, labels, structure)], sample_weight=weight)
    np.testing.assert_allclose(statistics.reference.total_weight, weight.sum())
    np.testing.assert_allclose(statistics.reference.count, [weight.sum()] * 3)
    np.testing.assert_allclose(statistics.reference.mean, np.average(points, axis=0, weights=weight), rtol=1e-12)
    variance = np.diagonal(np.cov(points.T, aweights=weight, ddof=0))
    if structure.form.name == "spherical":  # only a trace is kept
        variance = np.full(3, variance.mean())
    np.testing.assert_allclose(statistics.reference.variances, variance, rtol=1e-12)


@pytest.mark.parametrize("structure", STRUCTURES, ids=repr)
def test_a_weight_is_a_count(points: Array, labels: Array, structure: Structure) -> None:
    count = np.arange(len(points)) % 3  # none, once, twice
    far = np.vstack([[[1e140, -1e140, 0.0]], points])  # and a row that does not count may be anywhere
    settings = {"covariance": structure, "tolerance": 0.0, "max_iterations": 20}
    weighted = gmix.fit(far, start=np.append(0, labels), sample_weight=np.append(0, count), **settings)
    repeated = gmix.fit(np.repeat(points, count, 0), start=np.repeat(labels, count), **settings)
    assert_same(weighted.statistics, repeated.statistics, 1e-9)
    np.testing.assert_allclose(weighted.mixture.covariances, repeated.mixture.covariances, rtol=1e-8, atol=1e-9)
    assert weighted.bic == pytest.approx(repeated.bic, rel=1e-12)


@pytest.mark.parametrize("factor", [1e-30, 0.1, 1e30])
def test_the_unit_of_the_weights_does_not_matter(points: Array, labels: Array, factor: float) -> None:
    weight = np.linspace(0.5, 2.0, len(points))
    plain = gmix.fit(points, covariance="full", start=labels, sample_weight=weight)
    other = gmix.fit(points, covariance="full", start=labels, sample_weight=factor * weight)
    np.testing.assert_allclose(other.mixture.covariances, plain.mixture.covariances, rtol=1e-9, atol=1e-11)
    assert len(other.history) == len(plain.history)


@pytest.mark.skipif(
    isinstance(kernel, ReferenceKernel), reason="the compiled kernel is not built; the NumPy twin has one thread"
)
@pytest.mark.parametrize("structure", STRUCTURES, ids=repr)
def test_the_number_of_threads_changes_no_bit(points: Array, labels: Array, structure: Structure) -> None:
    mixture = start(points, labels, structure)
    many = mixture.sample(50_001, rng=2)
    [one] = gmix.expect(many, [mixture], threads=1)
    for threads in (2, 3, 16, None):
        [more] = gmix.expect(many, [mixture], threads=threads)
        assert all(np.array_equal(getattr(one, part), getattr(more, part)) for part in ("mass", "mean", "scatter"))
        assert one.log_likelihood == more.log_likelihood
        np.testing.assert_array_equal(mixture.log_density(many, threads=1), mixture.log_density(many, threads=threads))


def test_no_more_threads_are_used_than_were_asked_for(points: Array, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, n_threads = set(), compiled.n_threads
    for module in (compiled, reference):
        monkeypatch.setattr(module, "n_threads", lambda threads: asked.add(threads) or n_threads(threads))
    gmix.fit(points, [1, 2], covariance="full", threads=1, rng=0)
    monkeypatch.setattr(gmix.fitting.narrowing, "LARGE", 100)
    monkeypatch.setattr(gmix.fitting.narrowing, "_STAGES", (90,))
    fit = gmix.fit(points, [1, 2], covariance="full", threads=1, rng=0)
    gmix.standard_errors(fit, points, threads=1)
    gmix.bootstrap(fit, points, replicates=2, threads=1, rng=0)
    gmix.cross_validate(fit, points, folds=2, threads=1, rng=0)
    gmix.merge(fit, points, threads=1)
    gmix.likelihood_ratio_test(points, 1, replicates=1, threads=1, rng=0)
    assert asked == {1}


@pytest.mark.parametrize(
    "each", {type(k): k for k in (kernel, ReferenceKernel())}.values(), ids=lambda k: type(k).__name__
)
@pytest.mark.parametrize("structure", STRUCTURES, ids=repr)
def test_blocks_have_the_bits_of_all_rows_at_once(
    points: Array, labels: Array, structure: Structure, each: Kernel
) -> None:
    mixtures = [start(points, labels, structure), start(points, labels, structure).affine(np.eye(3), 0.1)]
    components = [mixture.components for mixture in mixtures]
    rows = mixtures[0].sample(10_000, rng=2)
    weight = np.linspace(0.0, 2.0, len(rows))
    for w in (None, weight):
        every = Rows(rows, w)
        cuts = ((0, CHUNK), (CHUNK, 4 * CHUNK), (4 * CHUNK, 4 * CHUNK), (4 * CHUNK, len(rows)))
        blocks = each.expect((every[begin:end] for begin, end in cuts), components)
        for one, whole in zip(blocks, each.expect(every, components), strict=True):
            for part in ("counts", "mass", "mean", "scatter", "divisor", "log_likelihood", "total_weight"):
                assert np.array_equal(getattr(one, part), getattr(whole, part)), part


def test_several_mixtures_share_a_pass_and_nothing_else(points: Array, labels: Array) -> None:
    mixtures = [start(points, labels, structure) for structure in STRUCTURES]
    mixtures += [m.affine(np.eye(3), 0.1) for m in mixtures]
    for mixture, together in zip(mixtures, gmix.expect(points, mixtures), strict=True):
        [alone] = gmix.expect(points, [mixture])
        assert_same(together, alone, 1e-14)


@pytest.mark.parametrize("n", [60, 90_000])
@pytest.mark.parametrize("form", FORMS, ids=repr)
def test_labels_are_responsibilities_of_zero_and_one(form: Form, n: int) -> None:
    rng = np.random.default_rng(n)
    labels = rng.choice([0, 1, 3, 4], size=n)
    rows = rng.standard_normal((n, 2)) + 1e6 + 3.0 * labels[:, None]
    for weight in (None, rng.integers(0, 3, n).astype(float), np.where(labels == 3, 0.0, 0.5)):
        read = SufficientStatistics.from_labels(form, rows, labels, 6, weight)
        told = SufficientStatistics.from_responsibilities(form, rows, np.eye(6)[labels], weight)
        np.testing.assert_allclose(read.mass, told.mass, rtol=1e-13)
        np.testing.assert_allclose(read.mean[read.mass > 0], told.mean[read.mass > 0], rtol=1e-15)
        np.testing.assert_allclose(read.scatter, told.scatter, rtol=1e-9, atol=1e-8 * n)


def test_statistics_do_not_change() -> None:
    [statistics] = gmix.expect([[1.0], [2.0]], [GaussianMixture([1.0], [[0.0]], [[[1.0]]])])
    every = (statistics.counts, statistics.mass, statistics.mean, statistics.scatter, statistics.divisor)
    scale = statistics.reference
    for array in (*every, scale.count, scale.mean, scale.scatter):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0.0
    with pytest.raises(AttributeError):
        statistics.log_likelihood = 0.0


def test_statistics_of_different_kinds_do_not_add_up() -> None:
    one = GaussianMixture([1.0], [[0.0]], [[[1.0]]])
    two = GaussianMixture([0.5, 0.5], [[0.0], [1.0]], [[[1.0]], [[1.0]]])
    tied = GaussianMixture([0.5, 0.5], [[0.0], [1.0]], [[1.0]], "tied")
    a, b, c = gmix.expect([[1.0]], [one, two, tied])
    for x, y in ((a, b), (b, c)):
        with pytest.raises(gmix.ParameterError, match="same mixture"):
            x + y
    with pytest.raises(TypeError):
        a + 1


@pytest.mark.parametrize("form", FORMS, ids=repr)
def test_a_factor_is_as_many_copies(form: Form) -> None:
    compact = form.compress(np.array([np.eye(2), np.eye(2)]))
    components = Components(form, np.log([0.3, 0.7]), np.array([[0.0, 0.0], [1.0, 3.0]]), compact, compact)
    [s] = kernel.expect(Rows(np.array([[0.0, 1.0], [2.0, 3.0], [1.0, 0.0]])), [components])
    assert_same(s * 3.0, s + s + s, 1e-14)
    assert (s * 3.0).log_likelihood == pytest.approx(3.0 * s.log_likelihood, rel=1e-15)
    assert (s * 0.0).log_likelihood == 0.0


def in_one_component(mean: list[float], variance: list[float]) -> Reference:
    """Two rows of this mean and variance."""
    return Reference(DIAGONAL, np.full(len(mean), 2.0), np.array(mean), 2.0 * np.array([variance]))


def test_a_column_whose_spread_is_the_rounding_of_its_mean_is_constant() -> None:
    eps, mean = float(np.finfo(np.float64).eps), 1e9
    constant, spread = (7.9 * eps * mean) ** 2, (8.1 * eps * mean) ** 2
    s = in_one_component([mean, 0.0, 0.0], [constant, 4.0, 9.0])
    assert s.variances.tolist() == [4.0, 4.0, 9.0]  # the least of the others
    assert in_one_component([mean, 0.0, 0.0], [spread, 4.0, 9.0]).variances.tolist() == [spread, 4.0, 9.0]
    assert in_one_component([mean, 0.0], [constant, 0.0]).variances.tolist() == [1.0, 1.0]
    assert in_one_component([0.0, 0.0], [1e-310, 4.0]).variances.tolist() == [4.0, 4.0]  # no normal number


def test_the_floor_is_what_a_column_can_tell_from_nothing() -> None:
    eps = float(np.finfo(np.float64).eps)
    s = in_one_component([0.0, 0.0, -1e6], [4.0, 1e10, 1.0])
    np.testing.assert_allclose(s.floor, [4e-24, 1e-14, (1e6 * eps) ** 2], rtol=1e-15)


def test_a_reference_of_more_rows_has_the_same_variances() -> None:
    s = in_one_component([1.0, -1e6], [4.0, 1e10])
    more = s.scaled(6.0)
    fresh = Reference(DIAGONAL, more.count, more.mean, more.scatter)
    assert fresh.total_weight == more.total_weight == 6.0
    for name in ("variances", "floor"):
        np.testing.assert_allclose(getattr(fresh, name), getattr(s, name), rtol=1e-15)
        np.testing.assert_array_equal(getattr(more, name), getattr(s, name))


@pytest.mark.parametrize("form", FORMS, ids=repr)
def test_statistics_travel_by_name_with_all_their_sums(form: Form) -> None:
    labels, rows = np.repeat([0, 1], 5), np.random.default_rng(3).normal(size=(10, 2))
    plain = SufficientStatistics.from_labels(form, rows, labels, 2)
    given = replace(
        plain, counts=plain.mass + 1.0, log_likelihood=-3.5, extra={"moments": np.arange(6.0).reshape(2, 3)}
    )
    flat = {name: array.ravel() for name, array in given.arrays.items()}
    [sent] = messages.unpack_statistics(messages.pack_statistics([given]))
    for read in (SufficientStatistics.from_arrays(form, flat), sent):
        for name, array in given.arrays.items():
            np.testing.assert_array_equal(read.arrays[name], array)
        np.testing.assert_array_equal((read + read).extra["moments"], 2.0 * given.extra["moments"])
