"""Kinds of rows: one E-step of gmix and of other implementations, in processor time on one thread.

    python benchmarks/rows.py --rounds 5

Rows with errors (extreme deconvolution) are compared with NumPy, vectorized over rows and components; with astroML's
XDGMM, from the environment that `make bench-rows` makes; and with the C code of extreme-deconvolution, which is not on
PyPI, if that environment has it. The times of the other implementations include their M-steps, which take almost no
time. All start from the same mixture, and the table has the differences of their log-likelihoods per row from gmix.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import machine
import numpy as np
from numpy.typing import NDArray

HERE = Path(__file__).resolve()
PEERS = HERE.parent.parent / "build" / "peers" / "astroml" / "bin" / "python"
Array = NDArray[np.float64]


class Table(NamedTuple):
    """Rows ``(N, D)`` with covariances ``(N, D, D)`` of their errors, and a mixture of K full components near them."""

    rows: Array
    errors: Array
    weights: Array
    means: Array
    covariances: Array


class Shape(NamedTuple):
    rows: int
    columns: int
    components: int

    def table(self) -> Table:
        n, d, k = self
        rng = np.random.default_rng(self)
        means = 3.0 * rng.normal(size=(k, d))
        root, error_root = rng.normal(size=(k, d, d)) / np.sqrt(d), rng.normal(size=(n, d, d)) / np.sqrt(d)
        own = rng.integers(0, k, n)
        true = means[own] + np.einsum("nij,nj->ni", root[own], rng.normal(size=(n, d)))
        rows = true + np.einsum("nij,nj->ni", error_root, rng.normal(size=(n, d)))
        covariances = root @ root.mT + 0.1 * np.eye(d)
        return Table(rows, error_root @ error_root.mT, np.full(k, 1.0 / k), means, covariances)


SHAPES = [Shape(100_000, 2, 5), Shape(100_000, 4, 5), Shape(20_000, 8, 5), Shape(5_000, 16, 5)]


def gmix(table: Table) -> float:
    from gmix.base.rows import Rows
    from gmix.model.covariance import FORMS
    from gmix.model.kernel import kernel

    components = kernel.prepare(FORMS[0], table.weights, table.means, table.covariances)
    [found] = kernel.expect(Rows(table.rows, errors=table.errors), [components], threads=1)
    return found.log_likelihood


def numpy(table: Table) -> float:
    """The E-step in equation 16 of Bovy, Hogg and Roweis (2011), for all rows and components at once."""
    rows, errors, weights, means, covariances = table
    d = rows.shape[1]
    lower = np.linalg.cholesky(covariances + errors[:, None])  # (N, K, D, D)
    inverse = np.linalg.inv(lower)
    whitened = np.einsum("nkij,nkj->nki", inverse, rows[:, None] - means)
    volume = np.log(np.diagonal(lower, axis1=2, axis2=3)).sum(2)
    joint = (
        np.log(weights) - volume - d / 2.0 * np.log(2.0 * np.pi) - np.einsum("nki,nki->nk", whitened, whitened) / 2.0
    )
    largest = joint.max(1, keepdims=True)
    shares = np.exp(joint - largest)
    norm = shares.sum(1, keepdims=True)
    shares /= norm
    gain = inverse @ covariances  # L^-1 V: with it the conditional moments are products of matrices
    moves = np.einsum("nkij,nki->nkj", gain, whitened)
    mass = shares.sum(0)
    first = np.einsum("nk,nki->ki", shares, moves)
    second = mass[:, None, None] * covariances
    second += np.einsum("nk,nki,nkj->kij", shares, moves, moves, optimize=True)
    second -= np.einsum("nk,nkai,nkaj->kij", shares, gain, gain, optimize=True)
    assert np.isfinite(first).all()
    assert np.isfinite(second).all()
    return float((largest + np.log(norm)).sum())


def astroml(table: Table) -> float:
    from astroML.density_estimation import XDGMM

    model = XDGMM(len(table.weights))
    model.alpha, model.mu, model.V = table.weights, table.means, table.covariances
    model._EMstep(table.rows, table.errors)  # noqa: SLF001, a step is not public; it does not compute the log-likelihood
    return float("nan")


def extreme_deconvolution(table: Table) -> float:
    from extreme_deconvolution import extreme_deconvolution as run

    start = [array.copy() for array in table[2:]]
    return len(table.rows) * float(run(table.rows, table.errors, *start, tol=1e-300, maxiter=1))


STEPS: dict[str, Callable[[Table], float]] = {
    "gmix": gmix,
    "NumPy": numpy,
    "astroML": astroml,
    "extreme-deconvolution": extreme_deconvolution,
}
MISSING = 3  # the exit status if an implementation is not installed
MODULES = {"astroML": "astroML", "extreme-deconvolution": "extreme_deconvolution"}


def measure(name: str, shape: Shape) -> dict[str, float]:
    """Processor seconds of one step in this process, the least of at least three, and the log-likelihood."""
    table, seconds = shape.table(), list[float]()
    STEPS[name](Table(table.rows[:100], table.errors[:100], *table[2:]))
    while len(seconds) < 3 or sum(seconds) < 1.0:
        began = time.process_time()
        log_likelihood = STEPS[name](table)
        seconds.append(time.process_time() - began)
    return {"seconds": min(seconds), "log_likelihood": log_likelihood}


def measured(name: str, shape: Shape) -> dict[str, float] | None:
    """The same in a process of its own; None if the implementation is not installed."""
    python = PEERS if name in MODULES else Path(sys.executable)
    if not python.exists():
        return None
    command = [str(python), str(HERE), "--measure", name, *map(str, shape)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tempfile.gettempdir())
    if done.returncode == MISSING:
        return None
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer


def errors(rounds: int) -> None:
    print("Rows with covariances of their own errors, full components:\n")
    heads = [
        "rows x columns x components",
        "implementation",
        "ns per row and component",
        "times gmix",
        "nats per row off",
    ]
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for shape in SHAPES:
        turns: list[dict[str, Any]] = [{name: measured(name, shape) for name in STEPS} for _ in range(rounds)]
        ours = statistics.median(turn["gmix"]["seconds"] for turn in turns)
        for name in STEPS:
            found = [turn[name] for turn in turns if turn[name] is not None]
            if not found:
                continue
            seconds = statistics.median(one["seconds"] for one in found)
            nanoseconds = 1e9 * seconds / shape.rows / shape.components
            off = abs(found[0]["log_likelihood"] - turns[0]["gmix"]["log_likelihood"]) / shape.rows
            difference = "" if np.isnan(off) else f"{off:.0e}"
            print(
                f"| {'x'.join(map(str, shape))} | {name} | {nanoseconds:.3g} | {seconds / ours:.3g} | {difference} |",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measure", nargs=4, metavar=("NAME", "N", "D", "K"), help="one measurement, in this process")
    options = parser.parse_args()
    machine.keep_to(1)
    if options.measure:
        name, *shape = options.measure
        if name in MODULES and importlib.util.find_spec(MODULES[name]) is None:
            raise SystemExit(MISSING)
        print(json.dumps(measure(name, Shape(*map(int, shape)))))
        return
    print(f"{machine.name()}; processor time on one thread; medians of {options.rounds}.\n")
    errors(options.rounds)


if __name__ == "__main__":
    main()
