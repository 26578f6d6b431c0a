"""Results have the same bits whatever number of threads BLAS may use, and BLAS may use as many afterwards as before."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import Any

import pytest
import threadpoolctl

from gmix.base import blas
from gmix.base.blas import one_blas_thread

# Prints one hash a line: of the parameters and histories of fits, and of what else is computed from rows.
STORY = """
import hashlib
import numpy as np
import gmix
from gmix.model.criteria import entropy

def show(name, *arrays):
    print(name, hashlib.sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)).hexdigest())

rng = np.random.default_rng(0)
tall, wide = rng.standard_normal((1500, 60)), rng.standard_normal((60, 100))
labels = rng.integers(0, 2, len(tall))
for structure in ("VVV", "EEE", "VEE", "VEV", "EVV"):
    fit = gmix.fit(tall, covariance=structure, start=labels, max_iterations=2)
    mixture = fit.mixture
    show(structure, mixture.weights, mixture.means, mixture.covariances, fit.history)
fit = gmix.fit(wide, covariance="VEE", start=labels[:60], max_iterations=1)
show("wide", fit.mixture.weights, fit.mixture.means, fit.mixture.covariances, fit.history)
show("start", gmix.fit(tall, 2, covariance="full", rng=0, max_iterations=0).mixture.covariances)
[statistics] = gmix.expect(tall, [mixture])
show("expect", statistics.mass, statistics.mean, statistics.scatter)
reference = (statistics + statistics).reference
show("reference", reference.scatter, reference.mean)
show("entropy", entropy(mixture, statistics))
show("density", mixture.log_density(tall), mixture.mean, mixture.covariance)
show("sample", mixture.sample(500, rng=0))
show("condition", mixture.condition({0: 1.0}).covariances, mixture.affine(np.eye(60) + 0.1).covariances)
tied = gmix.SufficientStatistics.from_responsibilities(gmix.covariance.TIED, tall, np.eye(2)[labels])
show("responsibilities", tied.mean, tied.scatter)
show("stepwise", gmix.Stepwise(mixture).update(tall).mixture.covariances)
"""


def test_the_number_of_blas_threads_changes_no_bit() -> None:
    names = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "OMP_NUM_THREADS")
    printed = []
    for threads in (1, 2, 4):
        environment = os.environ | dict.fromkeys(names, str(threads))
        command = [sys.executable, "-c", STORY]
        printed.append(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
    assert printed[0].count("\n") == 15
    assert printed[1].splitlines() == printed[0].splitlines()
    assert printed[2].splitlines() == printed[0].splitlines()


class Library:
    """A BLAS whose limit is the process's, or each thread's own."""

    def __init__(self, own: bool) -> None:
        self.place: Any = threading.local() if own else self

    @property
    def num_threads(self) -> int:
        return int(getattr(self.place, "limit", 7))

    def set_num_threads(self, number: int) -> None:
        self.place.limit = number


@pytest.fixture
def libraries(monkeypatch: pytest.MonkeyPatch) -> tuple[Library, Library]:
    shared, own = Library(own=False), Library(own=True)
    monkeypatch.setattr(blas, "_libraries", lambda: ([shared], [own]))
    return shared, own


def limits(libraries: tuple[Library, Library]) -> list[int]:
    return [library.num_threads for library in libraries]


def test_the_limit_is_restored_after_the_outermost_call_and_after_an_error(libraries: tuple[Library, Library]) -> None:
    @one_blas_thread()
    def inner() -> None:
        assert limits(libraries) == [1, 1]

    @one_blas_thread()
    def outer() -> None:
        inner()
        assert limits(libraries) == [1, 1]
        raise ValueError

    for _ in range(2):
        with pytest.raises(ValueError, match=r"^$"):
            outer()
        assert limits(libraries) == [7, 7]


def test_the_limit_holds_until_the_last_thread_leaves(libraries: tuple[Library, Library]) -> None:
    entered, leave, seen = threading.Event(), threading.Event(), []

    def other() -> None:
        seen.append(limits(libraries))
        with one_blas_thread():
            seen.append(limits(libraries))
            entered.set()
            leave.wait()
            seen.append(limits(libraries))
        seen.append(limits(libraries))

    thread = threading.Thread(target=other)
    with one_blas_thread():
        thread.start()
        entered.wait()
    assert limits(libraries) == [1, 7]
    leave.set()
    thread.join()
    assert seen == [[1, 7], [1, 1], [1, 1], [7, 7]]
    assert limits(libraries) == [7, 7]


def test_numpys_library_is_found_once_and_limited_from_any_thread() -> None:
    def used() -> list[int]:
        return [one["num_threads"] for one in threadpoolctl.threadpool_info() if one["user_api"] == "blas"]

    if not used():
        pytest.skip("NumPy has a BLAS here that nothing can limit")

    def inside() -> None:
        with one_blas_thread():
            seen.append(set(used()))

    seen: list[set[int]] = []
    with threadpoolctl.threadpool_limits(2, user_api="blas"):  # this thread controls them now
        before = used()
        inside()
        assert used() == before
        thread = threading.Thread(target=inside)
        thread.start()
        thread.join()
        assert used() == before
    assert seen == [{1}, {1}]
    assert blas._libraries.cache_info().misses == 1
