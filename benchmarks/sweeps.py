"""Default searches over structures and components: gmix compared with mclust, and with separate scikit-learn fits.

    python benchmarks/sweeps.py --rounds 5

mclust comes from the system (`apt install r-cran-mclust`); without it, its columns are left out. It searches over the
same structures and numbers of components, with and without its conjugate prior, from one start each. Its time is that
of the call, without the start of R. The two take turns. scikit-learn's class supports four of the structures, and fits
each candidate separately: with its defaults, and with a tolerance with which it reaches about the same log-likelihood
as gmix.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import time
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import machine
import numpy as np
from sklearn.mixture import GaussianMixture
from workloads import Workload

import gmix

HERE = Path(__file__).parent
TABLES = HERE.parent / "tests" / "reference" / "data"
COLUMNS = {"iris": range(4), "faithful": range(2), "galaxies": range(1)}
COUNTS = range(1, 10)
SHARED = ["spherical", "diag", "tied", "full"]
CLOSE = 1e-3  # nats per row


class Swept(NamedTuple):
    """Processor time and elapsed time in seconds, and the candidate that was chosen."""

    cpu: float
    clock: float
    structure: str
    components: int
    bic: float


def ours(rows: Any, covariance: str | list[str] = "auto", conjugate: bool = False) -> tuple[Swept, gmix.Fit]:
    prior = gmix.NormalInverseWishart() if conjugate else None
    cpu, clock = time.process_time(), time.perf_counter()
    fit = gmix.fit(rows, COUNTS, covariance=covariance, prior=prior, rng=0)
    cpu, clock = time.process_time() - cpu, time.perf_counter() - clock
    return Swept(cpu, clock, fit.mixture.structure.code, fit.mixture.n_components, fit.bic), fit


def mclust(table: str, conjugate: bool) -> Swept:
    command = ["Rscript", str(HERE / "sweep.R"), str(TABLES / f"{table}.csv"), *["prior"] * conjugate]
    cpu, clock, structure, components, bic = subprocess.run(
        command, capture_output=True, text=True, check=True
    ).stdout.split()
    return Swept(float(cpu), float(clock), structure, int(components), float(bic))


def described(sweeps: list[Swept]) -> str:
    cpu, clock = (statistics.median(getattr(sweep, which) for sweep in sweeps) for which in ("cpu", "clock"))
    return f"{cpu:.3f} | {clock:.3f} | {sweeps[0].structure}, {sweeps[0].components} | {sweeps[0].bic:.3f}"


def beside_mclust(rounds: int) -> None:
    there = shutil.which("Rscript") is not None
    heads = [f"{who} {what}" for who in ("gmix", "mclust") for what in ("CPU s", "s", "chosen", "BIC")]
    print(f"| table | {' | '.join(heads)} |\n|{'---|' * 9}")
    for name, columns in COLUMNS.items():
        rows = np.loadtxt(TABLES / f"{name}.csv", delimiter=",", skiprows=1, usecols=columns, ndmin=2)
        for prior in (False, True):
            turns = [(ours(rows, conjugate=prior)[0], mclust(name, prior) if there else None) for _ in range(rounds)]
            mine, theirs = ([side for side in sides if side] for sides in zip(*turns, strict=True))
            table = f"{name}, {len(rows)} x {rows.shape[1]}" + ", with a prior" * prior
            print(f"| {table} | {described(mine)} | {described(theirs) if there else ' | | | '} |", flush=True)


def apart(rows: Any, structure: str, components: int, **options: Any) -> tuple[float, float]:
    """Seconds, and the log-likelihood per row, of one scikit-learn fit."""
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = GaussianMixture(components, covariance_type=structure, random_state=0, **options).fit(rows)
    return time.perf_counter() - began, float(model.score(rows))


def beside_separate_fits(rounds: int) -> None:
    rows, _ = Workload(10_000, 4, 5).table()
    every, _ = ours(rows)
    chosen = f"{every.structure}, {every.components}"
    print(f"\n10,000 x 4 rows, all structures, 1 to 9 components: {every.clock:.2f} s, chosen {chosen}.")
    four = [ours(rows, SHARED) for _ in range(rounds)]
    clock, found = statistics.median(swept.clock for swept, _ in four), four[0][1].search
    assert found is not None
    print(f"{', '.join(SHARED)} alone: {clock:.2f} s. As separate fits of scikit-learn:\n")
    heads = ["settings", "seconds", "times as long", "gmix higher by, nats per row", "lower by more than 0.001 in"]
    print(f"| {' | '.join(heads)} |\n|{'---|' * 5}")
    for settings in ({}, {"tol": 1e-6, "max_iter": 1000}):
        seconds, gains = 0.0, []
        for candidate in found.candidates:
            spent, reached = apart(rows, candidate.structure.name, candidate.n_components, **settings)
            seconds += spent
            gains.append(candidate.log_likelihood / len(rows) - reached)
        said = ", ".join(f"{name}={value:g}" for name, value in settings.items()) or "defaults"
        gain = f"{statistics.median(gains):.4f} [{min(gains):.4f}, {max(gains):.4f}]"
        lower = f"{sum(gain < -CLOSE for gain in gains)} of {len(gains)}"
        print(f"| {said} | {seconds:.2f} | {seconds / clock:.1f} | {gain} | {lower} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    machine.keep_to(1)
    print(f"{machine.name()}; one thread; medians of {options.rounds}.\n")
    ours(np.arange(50.0))
    beside_mclust(options.rounds)
    beside_separate_fits(options.rounds)


if __name__ == "__main__":
    main()
