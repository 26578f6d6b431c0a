"""Draws of the compiled kernel are those of NumPy, on any number of threads, and their bits are those of Philox."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

import gmix
from gmix.model.kernel import ReferenceKernel, kernel
from gmix.model.kernel.draws import normals, philox
from gmix.model.mixture import GaussianMixture

Array = NDArray[np.float64]
ONES = 2**64 - 1


def mixture_of(structure: str, n_features: int) -> GaussianMixture:
    rng = np.random.default_rng(n_features)
    covariances = rng.normal(size=(3, n_features, n_features))
    covariances = covariances @ covariances.mT + np.eye(n_features)
    if structure == "EEE":
        covariances[:] = covariances[0]
    if structure in ("VVI", "VII"):
        covariances *= np.eye(n_features)
    if structure == "VII":
        covariances = np.trace(covariances, axis1=1, axis2=2)[:, None, None] * np.eye(n_features)
    return gmix.GaussianMixture([0.2, 0.3, 0.5], rng.normal(size=(3, n_features)), covariances, structure=structure)


@pytest.mark.parametrize("n_features", [1, 2, 7, 8, 9, 33])
@pytest.mark.parametrize("structure", ["VVV", "EEE", "VVI", "VII"])
def test_draws_agree(structure: str, n_features: int) -> None:
    components = mixture_of(structure, n_features).components
    labels = np.random.default_rng(0).integers(0, 3, 5000)
    expected = ReferenceKernel().draw(components, labels, (ONES, 3))
    for threads in (1, 2):
        np.testing.assert_allclose(
            kernel.draw(components, labels, (ONES, 3), threads), expected, rtol=0.0, atol=1e-13 * np.abs(expected).max()
        )


def test_threads_have_the_same_bits() -> None:
    components, labels = mixture_of("VVV", 5).components, np.zeros(100_000, np.intp)
    one, two = (kernel.draw(components, labels, (7, 8), threads) for threads in (1, 2))
    np.testing.assert_array_equal(one, two)


def test_draws_need_not_begin_with_many() -> None:
    components, labels = mixture_of("VVV", 3).components, np.zeros(3000, np.intp)
    all_points = kernel.draw(components, labels, (7, 8))
    np.testing.assert_array_equal(kernel.draw(components, labels[:70], (7, 8)), all_points[:70])
    assert kernel.draw(components, labels[:0], (7, 8)).shape == (0, 3)


@pytest.mark.parametrize(
    ("word", "first", "second"),
    [(0, 0xE169C58D_6627E8D5, 0x9B00DBD8_BC57AC4C), (ONES, 0x41C83B0E_408F276D, 0x6D5451FD_A20BC7C6)],
)
def test_random_bits_have_the_published_values(word: int, first: int, second: int) -> None:
    """The known answers of Random123, by the authors of Philox."""
    counter = np.array([word], np.uint64)
    found = philox((counter, counter), word)
    assert [int(each[0]) for each in found] == [first, second]


def test_normal_numbers_are_normal() -> None:
    from scipy import stats

    numbers = normals(200_000, (1, 2))
    assert stats.kstest(numbers, "norm").pvalue > 0.01
    for lag in (1, 2, 32, 64):
        for power in (1, 2):
            assert abs(np.corrcoef(numbers[lag:] ** power, numbers[:-lag] ** power)[0, 1]) < 0.01
    assert not np.isin(normals(1000, (1, 3)), numbers).any()


def test_labels_must_name_components() -> None:
    components = mixture_of("VVV", 2).components
    if kernel.__class__ is ReferenceKernel:
        pytest.skip("NumPy raises an IndexError")
    for label in (-1, 3):
        with pytest.raises(ValueError, match="names no component"):
            kernel.draw(components, np.array([0, label]), (0, 0))
