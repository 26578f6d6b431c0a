"""Compare libraries: time of an EM step, log-likelihood and memory, with every measurement in a fresh process.

    python benchmarks/compare.py --peers gmix,sklearn,onedal --workloads standard,growth --out build/bench/results
    python benchmarks/compare.py --quick

Every peer runs EM from the same start, for the same number of steps, on the same processors. The time of a step is the
time of a long run minus the time of a run of one step, divided by the difference in steps. Work that a library does
once per run therefore does not count. The total time, to the log-likelihood shown, includes everything. This program
computes the log-likelihood of each returned mixture in the same way, on the first rows. Peers take turns in every
round, so that disturbances affect all of them, and medians are reported. Results are written after each workload, as a
table (.md) and as numbers (.json).
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import machine
import numpy as np
from numpy.typing import NDArray
from peers import PEERS, command
from workloads import Workload, chosen

SECONDS = 0.5  # for which the runs of a fast peer are repeated
LONG = 60.0  # seconds; a peer whose measurement takes longer is measured once
TOO_LONG = 60.0  # seconds; it is given up
JUDGED = 10_000  # rows on which the log-likelihood is computed

Run = dict[str, float]


def log_likelihood(rows: NDArray[np.floating], reached: NDArray[np.float64], k: int) -> float:
    """Nats per row under the weights, means and covariances that are concatenated in `reached`."""
    x = rows.astype(np.float64)
    d = x.shape[1]
    means, covariances = reached[k : k + k * d].reshape(k, d), reached[k + k * d :].reshape(k, d, d)
    total = np.full(len(x), -np.inf)
    for weight, mean, covariance in zip(reached[:k], means, covariances, strict=True):
        factor = np.linalg.cholesky(covariance)
        z = np.linalg.solve(factor, (x - mean).T)
        constant = np.log(weight) - np.log(np.diag(factor)).sum() - d / 2 * np.log(2 * np.pi)
        total = np.logaddexp(total, constant - 0.5 * (z * z).sum(0))
    return float(total.mean())


def measure(name: str, workload: Workload, folder: Path, rows: NDArray[np.floating]) -> Run | str:
    """One measurement in a fresh process, or the reason why there is none."""
    w = workload
    numbers = [str(v) for v in (w.n, w.d, w.k, w.structure, w.dtype, w.steps(), SECONDS)]
    speed = float(subprocess.check_output([sys.executable, machine.__file__, w.dtype]))
    began = time.perf_counter()
    try:
        arguments = [*command(name), str(folder), *numbers]
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=TOO_LONG, check=True)
        run: Run = json.loads(done.stdout.splitlines()[-1])
        likelihood = log_likelihood(rows[:JUDGED], np.fromfile(folder / "reached"), w.k)
    except FileNotFoundError:
        return "not installed"
    except subprocess.TimeoutExpired:
        return f"over {TOO_LONG:.0f} s"
    except subprocess.CalledProcessError as error:
        return (error.stderr.strip().splitlines() or [str(error)])[-1]
    except (np.linalg.LinAlgError, json.JSONDecodeError, IndexError, ValueError) as error:
        return f"no mixture: {error}"
    if run["step"] <= 0.0:
        return "the time of a step is below the noise of a run"
    return {
        "nanoseconds": 1e9 * run["step"] / w.n,
        "whole": run["whole"],
        "steps": run["steps"],
        "log_likelihood": likelihood,
        "megabytes": run["megabytes"],
        "share": 2.0 * w.multiply_adds() / run["step"] / speed,
        "took": time.perf_counter() - began,
    }


def measured(workload: Workload, names: list[str], rounds: int) -> dict[str, Run]:
    """The medians of every peer, with the smallest and largest time and the number of measurements."""
    able = [
        name
        for name in names
        if workload.structure in PEERS[name].structures
        and workload.dtype in PEERS[name].dtypes
        and workload.multiply_adds() <= PEERS[name].largest
    ]
    runs: dict[str, list[Run]] = {name: [] for name in able}
    rows, start = workload.table()
    with tempfile.TemporaryDirectory() as at:
        folder = Path(at)
        rows.tofile(folder / "rows")
        with (folder / "start").open("wb") as file:
            for part in start:
                part.tofile(file)
        rows = rows[:JUDGED].copy()
        for _ in range(rounds):
            for name in list(able):
                run = measure(name, workload, folder, rows)
                if isinstance(run, str):
                    print(f"{name} at {workload.name}: {run}", file=sys.stderr)
                    able.remove(name)
                    continue
                runs[name].append(run)
                if run["took"] > LONG:
                    able.remove(name)
    return {name: summary(found) for name, found in runs.items() if found}


def summary(runs: list[Run]) -> Run:
    times = [run["nanoseconds"] for run in runs]
    middle = {key: statistics.median(run[key] for run in runs) for key in runs[0] if key != "took"}
    return middle | {"least": min(times), "greatest": max(times), "runs": len(runs)}


def table(workload: Workload, found: dict[str, Run]) -> list[str]:
    """Rows of the Markdown table."""
    ours = found.get("gmix", {}).get("nanoseconds", float("nan"))
    return [
        f"| {workload.name} | {name}{' *' if PEERS[name].note else ''} "
        f"| {m['nanoseconds']:.4g} [{m['least']:.4g}, {m['greatest']:.4g}]{' once' if m['runs'] == 1 else ''} "
        f"| {m['nanoseconds'] / ours:.2g} | {m['share']:.0%} | {m['whole']:.3g} | {m['steps']:.0f} "
        f"| {m['log_likelihood']:.7f} | {m['megabytes']:.0f} |"
        for name, m in found.items()
    ]


def write(out: Path, title: str, results: list[tuple[Workload, dict[str, Run]]]) -> None:
    head = [
        title, "",
        "| N x D x K | peer | ns per row and step [least, greatest] | against gmix | share of matrix product "
        "| s in all | steps | log-likelihood per row | MB above data |",
        "|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    body = [line for workload, found in results for line in table(workload, found)]
    here = {name for _, found in results for name in found}
    notes = [f"\\* {name}: {PEERS[name].note}" for name in PEERS if name in here and PEERS[name].note]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.with_suffix(".md").write_text("\n".join([*head, *body, "", *notes]) + "\n")
    numbers = [{"workload": vars(workload) | {"name": workload.name}, "peers": found} for workload, found in results]
    out.with_suffix(".json").write_text(json.dumps({"title": title, "results": numbers}, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", default="gmix,sklearn", help=f"of {', '.join(PEERS)}, or all")
    parser.add_argument("--workloads", default="standard,float32", help="names or groups, see workloads.py")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, help="where to write results, without an ending")
    parser.add_argument("--quick", action="store_true", help="one round of small workloads, to see that all is well")
    options = parser.parse_args()
    names = list(PEERS) if options.peers == "all" else options.peers.split(",")
    if unknown := set(names) - set(PEERS):
        parser.error(f"no peer {', '.join(unknown)}: choose among {', '.join(PEERS)}")
    workloads, rounds = (chosen("quick"), 1) if options.quick else (chosen(options.workloads), options.rounds)
    machine.keep_to(options.threads)
    threads = f"{options.threads} thread{'s' * (options.threads > 1)}"
    title = f"{machine.name()}; {threads}; medians of {rounds}; {time.strftime('%Y-%m-%d')}."
    print(title, flush=True)
    results = []
    for workload in workloads:
        results.append((workload, measured(workload, names, rounds)))
        print("\n".join(table(*results[-1])), flush=True)
        if options.out:
            write(options.out, title, results)


if __name__ == "__main__":
    main()
