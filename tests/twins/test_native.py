"""The compiled kernel against its definition, written out in NumPy."""

import ctypes
import mmap
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

native = pytest.importorskip("gmix._native")

FULL, TIED, DIAGONAL, SPHERICAL = FORMS = range(4)
DIMENSIONS = [*range(1, 10), 16, 33]
COMPONENTS = [1, 2, 3, 4, 5, 7, 17]
LAYOUTS = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "strided": lambda rows: np.repeat(np.repeat(rows, 2, axis=0), 3, axis=1)[::2, ::3],
    "backwards": lambda rows: np.ascontiguousarray(rows[::-1])[::-1],
}


def make_mixture(form, k, d, rng, spread=2.0):
    """A mixture as the kernel takes it, and its whiteners written out as (K, D, D)."""
    scale = rng.uniform(0.5, 2.0, (k, d))
    if form == FULL:
        whitener = np.tril(rng.normal(size=(k, d, d)) / np.sqrt(d), -1)
        whitener[:, range(d), range(d)] = scale
        matrices = whitener
    elif form == TIED:
        whitener = np.tril(rng.normal(size=(d, d)) / np.sqrt(d), -1) + np.diag(scale[0])
        matrices = np.broadcast_to(whitener, (k, d, d))
    elif form == DIAGONAL:
        whitener = scale
        matrices = scale[:, :, None] * np.eye(d)
    else:
        whitener = scale[:, 0].copy()
        matrices = whitener[:, None, None] * np.eye(d)
    factor = np.linalg.inv(whitener) if form in (FULL, TIED) else 1 / whitener
    log_determinant = np.log(np.diagonal(matrices, axis1=1, axis2=2)).sum(1)
    log_constants = np.log(rng.dirichlet(np.ones(k))) - d / 2 * np.log(2 * np.pi) + log_determinant
    return (form, log_constants, spread * rng.normal(size=(k, d)), factor, whitener, np.inf, None, None), matrices


def given(rows, weight=None):
    """Complete rows without labels, as the module takes them."""
    return rows, weight, False, None, None, None


def expect(rows, mixtures, weight=None, threads=None, coarse=False):
    """The statistics of rows under each of several mixtures."""
    step = native.EStep(mixtures, threads, coarse)
    step.add(given(rows, weight))
    return step.statistics()


def moments(statistics, mixture):
    """Mass, first moments about the mixture's means, scatter about the rows' own, and the log-likelihood."""
    counts, mass, mean, scatter, divisor, log_likelihood, extra = statistics
    assert np.array_equal([counts, divisor], [mass, mass])
    assert extra == {}
    return mass, mass[:, None] * (mean - mixture[2]), scatter, log_likelihood


def same_bits(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one[:6], other[:6], strict=True))


def define(rows, mixture, matrices, weight):
    """Log density, responsibilities, statistics in the units of the data, and the scale of each, by definition."""
    form, log_constants, means, *_ = mixture
    z = np.einsum("kij,nkj->nki", matrices, rows.astype(np.float64)[:, None] - means)
    joint = log_constants - np.square(z).sum(2) / 2
    largest = joint.max(1, keepdims=True, initial=-np.inf)
    density = (largest + np.log(np.exp(joint - largest).sum(1, keepdims=True)))[:, 0]
    responsibilities = np.exp(joint - density[:, None])
    share = responsibilities * weight[:, None]
    mass, residuals = share.sum(0), rows.astype(np.float64)[:, None] - means
    first = np.einsum("nk,nki->ki", share, residuals)
    step = first * np.divide(1.0, mass, out=np.zeros_like(mass), where=mass > 0)[:, None]

    def second(about):
        dense = np.einsum("nk,nki,nkj->kij", share, about, about)
        return {
            FULL: lambda: dense,
            TIED: lambda: dense.sum(0),
            DIAGONAL: lambda: np.diagonal(dense, axis1=1, axis2=2),
            SPHERICAL: lambda: np.trace(dense, axis1=1, axis2=2),
        }[form]()

    # What is added up are moments about the mixture's means, so these are what rounding is relative to.
    scatter, scale = second(residuals - step), np.max(np.abs(second(residuals)), initial=1e-300)
    return density, responsibilities, (mass, first, scatter, weight @ density), (None, None, scale, None)


def assert_close(actual, desired, tolerance=1e-11, scale=None):
    """Close relative to the largest entry: small sums of large terms carry the rounding of the terms."""
    scale = np.max(np.abs(desired), initial=1e-300) if scale is None else scale
    np.testing.assert_allclose(actual, desired, rtol=tolerance, atol=tolerance * scale)


def check(rows, form, k, rng, weighted=False, threads=1, spread=2.0):
    n, d = rows.shape
    mixture, matrices = make_mixture(form, k, d, rng, spread)
    weight = rng.uniform(0.0, 3.0, n) if weighted else None
    density, responsibilities, *expected = define(rows, mixture, matrices, np.ones(n) if weight is None else weight)
    (actual,) = expect(rows, [mixture], weight, threads)
    for a, b, scale in zip(moments(actual, mixture), *expected, strict=True):
        assert_close(a, b, 1e-11 if rows.dtype == np.float64 else 1e-5, scale)
    log_density, posterior = native.posterior(given(rows), mixture, True, threads)
    assert_close(log_density, density)
    np.testing.assert_allclose(posterior, responsibilities, rtol=1e-10, atol=1e-14)
    assert native.posterior(given(rows), mixture, False, threads)[1] is None


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("d", DIMENSIONS)
@pytest.mark.parametrize("k", COMPONENTS)
def test_agrees_with_the_definition(form, d, k):
    rng = np.random.default_rng([form, d, k])
    check(3 * rng.normal(size=(301, d)), form, k, rng, weighted=bool(k % 2))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("d", [1, 3, 7, 40])
def test_components_far_apart(form, d):
    rng = np.random.default_rng(d)
    check(300 * rng.normal(size=(301, d)), form, 5, rng, spread=300.0)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is guarded as Linux does")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("d", [1, 2, 3, 4, 5, 7, 9])
def test_reads_nothing_beyond_the_table(d, dtype):
    page = mmap.PAGESIZE
    memory = mmap.mmap(-1, 2 * page)
    pages = np.frombuffer(memory, np.uint8)
    assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(pages.ctypes.data + page), page, 0) == 0
    n = page // (d * np.dtype(dtype).itemsize)
    rows = pages[page - n * d * np.dtype(dtype).itemsize : page].view(dtype).reshape(n, d)
    rng = np.random.default_rng(d)
    rows[:] = rng.normal(size=rows.shape)
    for form in FORMS:
        check(rows, form, 2, rng)
        check(rows[n - 5 :], form, 2, rng)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("n", [0, 1, 2, 255, 256, 257, 2047, 2048, 2049, 4096, 5000])
def test_any_number_of_rows(form, n):
    rng = np.random.default_rng(n)
    check(3 * rng.normal(size=(n, 3)), form, 4, rng, weighted=True)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("form", FORMS)
def test_any_layout_of_rows(layout, dtype, form):
    rng = np.random.default_rng(7)
    rows = LAYOUTS[layout](3 * rng.normal(size=(400, 5))).astype(dtype, order="K")
    rows.flags.writeable = False
    check(rows, form, 3, rng)


@pytest.mark.parametrize("form", FORMS)
def test_hundreds_of_components_and_features(form):
    rng = np.random.default_rng(3)
    check(3 * rng.normal(size=(90, 2)), form, 700, rng)
    check(3 * rng.normal(size=(90, 130)), form, 2, rng)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_number_of_threads_changes_no_bit(form, dtype, weighted):
    rng = np.random.default_rng(5)
    rows = (3 * rng.normal(size=(50_001, 6))).astype(dtype)
    mixture, _ = make_mixture(form, 9, 6, rng)
    weight = rng.uniform(0.0, 3.0, len(rows)) if weighted else None
    one, *others = (expect(rows, [mixture], weight, threads)[0] for threads in (1, 2, 3, 8, None, 0))
    for other in others:
        assert same_bits(one, other)
    densities = [native.posterior(given(rows), mixture, True, threads) for threads in (1, 4)]
    assert np.array_equal(densities[0][0], densities[1][0])
    assert np.array_equal(densities[0][1], densities[1][1])


def test_several_mixtures_are_looked_at_one_by_one():
    rng = np.random.default_rng(11)
    rows = rng.normal(size=(3000, 4))
    mixtures = [make_mixture(form, k, 4, rng)[0] for form in FORMS for k in (1, 5)]
    together = expect(rows, mixtures)
    assert all(same_bits(one, expect(rows, [mixture])[0]) for mixture, one in zip(mixtures, together, strict=True))
    assert expect(rows, []) == []


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("scale", [1e-150, 1e150])
def test_any_scale(form, scale):
    rng = np.random.default_rng(13)
    rows = 3 * rng.normal(size=(500, 3))
    plain, _ = make_mixture(form, 3, 3, rng)
    _, log_constants, means, factor, whitener, family, *_ = plain
    scaled = (form, log_constants, means * scale, factor * scale, whitener / scale, family, None, None)
    (expected,), (found,) = expect(rows, [plain]), expect(rows * scale, [scaled])
    for a, b, unit in zip(moments(expected, plain), moments(found, scaled), (1, scale, scale**2, 1), strict=True):
        assert_close(b / unit, a)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("offset", [1e3, 1e8])
def test_an_offset_costs_nothing(form, offset):
    rng = np.random.default_rng(17)
    steps = rng.integers(-4096, 4096, size=(500, 3)) / 1024  # exact whatever the offset
    (_, log_constants, means, *factors), _ = make_mixture(form, 3, 3, rng)
    means = np.round(means * 1024) / 1024
    near, far = (form, log_constants, means, *factors), (form, log_constants, means + offset, *factors)
    (plain,), (moved,) = expect(steps, [near]), expect(steps + offset, [far])
    mass, first, scatter, log_likelihood = moments(plain, near)
    for a, b in ((mass, moved[1]), (scatter, moved[3]), (log_likelihood, moved[5])):
        assert_close(b, a)
    # Means lose what their own float64 cannot hold at this offset, and no more.
    slack = 1e-11 * np.abs(first / mass[:, None]).max() + np.spacing(offset)
    np.testing.assert_allclose(moved[2] - offset - plain[2], 0, atol=slack)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("offset", [0, 1e3, 2.0**19])
def test_float32_agrees_at_any_offset(form, offset):
    rng = np.random.default_rng(18)
    rows = (rng.integers(-128, 128, size=(5000, 12)) / 32 + offset).astype(np.float32)
    (_, log_constants, means, *factors), _ = make_mixture(form, 4, 12, rng)
    mixture = (form, log_constants, means + offset, *factors)
    single, double = (expect(rows.astype(dtype), [mixture])[0] for dtype in (np.float32, np.float64))
    for a, b in zip(moments(single, mixture), moments(double, mixture), strict=True):
        assert_close(a, b, 1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_a_component_of_weight_zero_takes_no_row(form):
    rng = np.random.default_rng(19)
    rows = rng.normal(size=(500, 3))
    mixture, _ = make_mixture(form, 3, 3, rng)
    mixture[1][1] = -np.inf
    (statistics,) = expect(rows, [mixture])
    mass, first, scatter, log_likelihood = moments(statistics, mixture)
    assert mass[1] == 0
    assert not first[1].any()
    assert np.array_equal(statistics[2][1], mixture[2][1])  # its mean stays
    assert mass.sum() == pytest.approx(500)
    assert np.isfinite(scatter).all()
    assert np.isfinite(log_likelihood)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("far", [1e160, 1e300, -1e308])
def test_a_row_beyond_every_density_goes_to_the_nearest_component(form, far):
    rng = np.random.default_rng(23)
    rows = rng.normal(size=(600, 2))
    rows[333] = far
    whitener = {
        FULL: np.stack([np.eye(2), np.eye(2) / 10]),
        TIED: np.eye(2),
        DIAGONAL: np.array([[1.0, 1.0], [0.1, 0.1]]),
        SPHERICAL: np.array([1.0, 0.1]),
    }[form]
    factor = np.linalg.inv(whitener) if form in (FULL, TIED) else 1 / whitener
    mixture = (form, np.log([0.4, 0.6]), np.array([[0.0, 0.0], [1.0, 1.0]]), factor, whitener, np.inf, None, None)
    log_density, responsibilities = native.posterior(given(rows), mixture, True, None)
    assert log_density[333] == -np.inf
    assert sorted(responsibilities[333]) == [0, 1]
    assert np.isfinite(np.delete(log_density, 333)).all()
    mass, first, scatter, log_likelihood = moments(expect(rows, [mixture])[0], mixture)
    assert mass.sum() == pytest.approx(600)
    assert not np.isnan(first).any()
    assert not np.isnan(scatter).any()
    assert log_likelihood == -np.inf


@pytest.mark.parametrize("form", FORMS)
def test_a_row_beyond_every_density_leaves_out_a_component_of_weight_zero(form):
    whitener = {FULL: np.stack([np.eye(2)] * 3), TIED: np.eye(2), DIAGONAL: np.ones((3, 2)), SPHERICAL: np.ones(3)}
    means = np.array([[0.0, 0.0], [1e200, 1e200], [1e190, 1e190]])  # the nearest weighs nothing
    mixture = (
        form,
        np.array([np.log(0.5), -np.inf, np.log(0.5)]),
        means,
        whitener[form],
        whitener[form],
        np.inf,
        None,
        None,
    )
    rows = np.vstack([np.zeros((5, 2)), [[1e200, 1e200]]])
    log_density, responsibilities = native.posterior(given(rows), mixture, True, None)
    assert log_density[5] == -np.inf
    assert responsibilities[5].tolist() == [0.0, 0.0, 1.0]
    _, mass, *_ = expect(rows, [mixture])[0]
    assert mass.tolist() == [5.0, 0.0, 1.0]


@pytest.mark.parametrize("form", FORMS)
def test_residuals_are_cut_where_their_squares_would_overflow(form):
    """A row far beyond the others has the kernel look at rows one by one; residuals up to 1e150 lose nothing."""
    one = {FULL: np.eye(2)[None], TIED: np.eye(2), DIAGONAL: np.ones((1, 2)), SPHERICAL: np.ones(1)}[form]
    mixture = (form, np.zeros(1), np.zeros((1, 2)), one, one, np.inf, None, None)
    for far, seen in ((0.99e150, 0.99e150), (1.01e150, 1e150), (1e300, 1e150), (-1e308, -1e150)):
        rows = np.array([[far, 0.0], [-far, 0.0], [0.0, np.nan]])
        first = moments(expect(rows, [mixture], np.array([1.0, 0.0, 0.0]))[0], mixture)[1]
        assert first[0, 0] == pytest.approx(seen, rel=1e-12)
        _, first, scatter, _ = moments(expect(rows, [mixture], np.array([1.0, 1.0, 0.0]))[0], mixture)
        assert first[0, 0] == 0.0
        assert np.max(scatter) == pytest.approx(2 * seen**2, rel=1e-12)


def far_from_the_origin(form, apart):
    """Twelve components of unit covariance, so many deviations from the origin, and the log densities of rows."""
    rng = np.random.default_rng(37)
    k, d, own = 12, 8, np.arange(600) % 12
    means = rng.choice([-1.0, 1.0], (k, d)) * np.round(apart * rng.uniform(1.0, 1.2, (k, d)))
    rows = means[own] + rng.integers(-512, 512, (600, d)) / 256  # of few digits, also in float32
    one = {FULL: np.stack([np.eye(d)] * k), TIED: np.eye(d), DIAGONAL: np.ones((k, d)), SPHERICAL: np.ones(k)}[form]
    mixture = (form, np.full(k, -d / 2 * np.log(2 * np.pi) - np.log(k)), means, one, one, np.inf, None, None)
    return rows, mixture, mixture[1][0] - np.square(rows - means[own]).sum(1) / 2


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("apart", [35.0, 150.0, 1e3, 1e4])
def test_products_about_one_origin_are_not_used_where_squares_of_the_distance_would_cancel(form, apart):
    rows, mixture, wanted = far_from_the_origin(form, apart)
    log_density, _ = native.posterior(given(rows), mixture, False, None)
    assert np.abs(log_density - wanted).max() < 1e-13 + 2e-15 * apart


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("apart", [20.0, 100.0])
def test_nor_are_they_in_float32(form, apart):
    rows, mixture, wanted = far_from_the_origin(form, apart)
    *_, log_likelihood = moments(expect(rows.astype(np.float32), [mixture], threads=1, coarse=True)[0], mixture)
    assert abs(log_likelihood - wanted.sum()) < 2e-3


def test_rows_that_are_not_numbers_spoil_only_themselves():
    rng = np.random.default_rng(29)
    rows = rng.normal(size=(600, 2))
    rows[5, 1] = np.nan
    mixture, _ = make_mixture(FULL, 3, 2, rng)
    log_density, responsibilities = native.posterior(given(rows), mixture, True, None)
    assert np.flatnonzero(np.isnan(log_density)).tolist() == [5]
    assert np.isnan(responsibilities[5]).all()
    weight = np.ones(600)
    weight[5] = 0.0
    (without,), (weightless,) = expect(np.delete(rows, 5, axis=0), [mixture]), expect(rows, [mixture], weight)
    for a, b in zip(moments(weightless, mixture), moments(without, mixture), strict=True):
        assert_close(a, b)


@pytest.mark.parametrize(
    ("argument", "value", "error"),
    [
        ("rows", np.ones((3, 2), np.int64), TypeError),
        ("rows", np.ones(3), TypeError),
        ("rows", np.ones((3, 5)), ValueError),
        ("weight", np.ones(4), ValueError),
        ("threads", -1, ValueError),
        ("mixtures", [(4, np.zeros(1), np.zeros((1, 2)), np.ones(1), np.ones(1), np.inf, None, None)], ValueError),
        ("mixtures", [(FULL, np.zeros(1), np.zeros((1, 2)), np.ones(1), np.ones(1), np.inf, None, None)], TypeError),
        (
            "mixtures",
            [(SPHERICAL, np.zeros(1), np.zeros((2, 2)), np.ones(1), np.ones(1), np.inf, None, None)],
            ValueError,
        ),
        (
            "mixtures",
            [(SPHERICAL, np.zeros(1), np.zeros((1, 2)), np.ones(2), np.ones(1), np.inf, None, None)],
            ValueError,
        ),
        ("mixtures", [(SPHERICAL, np.zeros(1), np.zeros((1, 2)), np.ones(1), np.ones(1), np.inf)], ValueError),
    ],
)
def test_wrong_arguments_are_refused(argument, value, error):
    good = {
        "rows": np.ones((3, 2)),
        "mixtures": [(SPHERICAL, np.zeros(1), np.zeros((1, 2)), np.ones(1), np.ones(1), np.inf, None, None)],
        "weight": None,
        "threads": 1,
    }
    expect(*good.values())
    with pytest.raises(error):
        expect(*(good | {argument: value}).values())


def test_control_c_is_heard_within_a_second():
    rng = np.random.default_rng(31)
    mixture, _ = make_mixture(FULL, 200, 30, rng)
    rows = rng.normal(size=(400_000, 30))
    timer = threading.Timer(0.3, signal.raise_signal, [signal.SIGINT])
    timer.start()
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        expect(rows, [mixture])
    assert time.monotonic() - begin < 2.0  # with room for a busy machine
    timer.join()


@pytest.mark.parametrize("level", ["x86-64-v2", "x86-64-v3", "x86-64-v4"])
def test_every_instruction_level_of_this_machine(level):
    if os.environ.get("GMIX_LEVEL"):
        pytest.skip("already held to one level")
    environment = os.environ | {"GMIX_LEVEL": level}
    asked = [sys.executable, "-c", "import gmix._native as native; print(native.level())"]
    actual = subprocess.run(asked, env=environment, capture_output=True, text=True, check=True).stdout.strip()
    if actual != level or level == native.level():
        pytest.skip(f"this machine runs {actual} here, which is tested already")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", __file__]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
