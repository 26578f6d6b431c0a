"""The optima that gmix and scikit-learn reach, with full covariances and one thread, on the tables of `tables.py`.

    python benchmarks/quality.py --tables faithful,digits --peers gmix,sklearn-1 --seeds 20

A fit is at the best known optimum (`best_known.py`) if it is at most max(0.05, 0.01 p / 2) nats below it, for p
parameters, and no component is spurious. The gap is the median over the fits without a spurious component. `sklearn-1`
and `sklearn-10` are scikit-learn with default settings and `n_init` 1 and 10; `sklearn-equal` has the `n_init`, at
least 1, with which it takes as long as `gmix`. Results are kept in build/bench/quality.json. A later call measures only
the tables and peers that it names, and shows the earlier results of the others.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import best_known
import calibration
import machine
import numpy as np
from generated import Array
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture
from tables import NAMES, Table, chosen

import gmix

OUT = Path(__file__).resolve().parent.parent / "build" / "bench"
PEERS = ["gmix", "gmix-10", "sklearn-1", "sklearn-10", "sklearn-equal"]
LIMIT = 0.2  # of the time of scikit-learn with n_init=10 that a default fit may take
CLOSE = 1e-3  # nats per row


@dataclass(frozen=True)
class Outcome:
    """Where a fit ended.

    Attributes
    ----------
    log_likelihood : nats of all rows.
    held_out : nats per held-out row; None where there are none.
    rand : adjusted Rand index of the labels; None where there are none.
    cpu, clock : processor time and elapsed time in seconds.
    spurious : whether a component is supported by too few distinct rows.
    starts : the `n_init` of scikit-learn; 0 for gmix.
    chance : the stated chance that as much work again would find a better optimum; None if it is not stated.
    """

    log_likelihood: float
    held_out: float | None
    rand: float | None
    cpu: float
    clock: float
    spurious: bool
    starts: int = 0
    chance: float | None = None


Outcomes = dict[str, list[Outcome]]  # by peer, in the order of the seeds


def _timed(
    table: Table, fit: Callable[[], Any], mixture: Callable[[Any], gmix.GaussianMixture], starts: int = 0
) -> Outcome:
    cpu, clock = time.process_time(), time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = fit()
    cpu, clock = time.process_time() - cpu, time.perf_counter() - clock
    found = mixture(fitted)
    held_out = None if table.held_out is None else float(found.log_density(table.held_out).mean())
    responsibilities = found.responsibilities(table.rows)
    rand = None
    if table.labels is not None:
        rand = float(adjusted_rand_score(table.labels, responsibilities.argmax(1)))
    chance = None if starts else calibration.stated_chance(fitted)
    return Outcome(
        float(found.log_density(table.rows).sum()), held_out, rand, cpu, clock,
        best_known.is_spurious(table, found, responsibilities), starts, chance,
    )  # fmt: skip


def ours(table: Table, seed: int, effort: float | None = None) -> Outcome:
    options: dict[str, Any] = {} if effort is None else {"effort": effort}
    return _timed(
        table,
        lambda: gmix.fit(table.rows, table.n_components, covariance="VVV", rng=seed, threads=1, **options),
        lambda fit: fit.mixture,
    )


def theirs(table: Table, seed: int, starts: int) -> Outcome:
    model = GaussianMixture(table.n_components, n_init=starts, random_state=seed)

    def mixture(fitted: GaussianMixture) -> gmix.GaussianMixture:
        return gmix.GaussianMixture(fitted.weights_, fitted.means_, fitted.covariances_, structure="VVV")

    return _timed(table, lambda: model.fit(table.rows), mixture, starts)


def at_equal_time(table: Table, seeds: int, measured: Outcomes) -> list[Outcome]:
    """scikit-learn with the `n_init` at which it takes as long as gmix by default, from the times of one start."""
    single = measured.get("sklearn-1") or [theirs(table, seed, 1) for seed in range(seeds)]
    mine = measured.get("gmix") or [ours(table, seed) for seed in range(seeds)]
    starts = max(round(_median(mine, "cpu") / _median(single, "cpu")), 1)
    return single[:seeds] if starts == 1 else [theirs(table, seed, starts) for seed in range(seeds)]


def measure(table: Table, peer: str, seeds: int, measured: Outcomes) -> list[Outcome]:
    """The outcomes of a peer, for every seed."""
    if peer == "sklearn-equal":
        return at_equal_time(table, seeds, measured)
    fit: Callable[[int], Outcome] = {
        "gmix": lambda seed: ours(table, seed),
        "gmix-10": lambda seed: ours(table, seed, 10.0),
        "sklearn-1": lambda seed: theirs(table, seed, 1),
        "sklearn-10": lambda seed: theirs(table, seed, 10),
    }[peer]
    return [fit(seed) for seed in range(seeds)]


class Results:
    """The outcomes of this call and of earlier calls, in a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tables: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}

    def of(self, table: Table) -> Outcomes:
        """The outcomes on a table; none if its rows have changed."""
        kept = self.tables.get(table.name, {})
        if kept.get("mean_square") != best_known.mean_square(table):
            return {}
        return {peer: [Outcome(**values) for values in every] for peer, every in kept["outcomes"].items()}

    def keep(self, table: Table, outcomes: Outcomes) -> None:
        by_peer = {peer: [asdict(outcome) for outcome in outcomes[peer]] for peer in PEERS if peer in outcomes}
        self.tables[table.name] = {"mean_square": best_known.mean_square(table), "outcomes": by_peer}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(self.tables, indent=1) + "\n")


def best_of(table: Table, outcomes: Outcomes) -> float:
    """The best known log-likelihood; a fit above it is reported, and takes its place."""
    known = best_known.stored().get(table.name)
    best = known.log_likelihood if known and known.describes(table) else -math.inf
    if best == -math.inf:
        print(f"{table}: no optimum is known; renew benchmarks/best_known.json with --search")
    found = [(o.log_likelihood, peer) for peer, every in outcomes.items() for o in every if not o.spurious]
    highest, peer = max(found, default=(-math.inf, ""))
    if math.isfinite(best) and highest > best + table.allowance:
        print(f"{table}: {peer} ends {highest - best:.3f} nats above the best known; renew it with --search")
    return max(best, highest)


HEADS = ["table", "fit", "at the best", "gap", "held out", "ARI", "CPU s", "s", "spurious", "CPU, n_init=10 is 1"]


def rows_of(table: Table, outcomes: Outcomes, best: float) -> list[str]:
    """One line of the report per peer."""
    lines = []
    yardstick = _median(outcomes["sklearn-10"], "cpu") if "sklearn-10" in outcomes else math.nan
    for peer in (peer for peer in PEERS if peer in outcomes):
        every = outcomes[peer]
        below = [(best - outcome.log_likelihood) / len(table.rows) for outcome in every if not outcome.spurious]
        gap = statistics.median(below or [math.nan])
        there = [_is_there(table, outcome, best) for outcome in every]
        starts = f" ({every[0].starts})" if peer == "sklearn-equal" else ""
        cpu, clock = (_median(every, which) for which in ("cpu", "clock"))
        cells = [
            str(table), peer + starts, f"{statistics.fmean(there):.2f}", _text(gap, 5),
            _text(_median(every, "held_out"), 4), _text(_median(every, "rand"), 3), f"{cpu:.3g}", f"{clock:.3g}",
            f"{statistics.fmean(outcome.spurious for outcome in every):.2f}", _text(cpu / yardstick, 3),
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def summary(every: list[tuple[Table, Outcomes]]) -> str:
    """The criteria for the default over all tables: its time, and the held-out log-likelihood at equal time."""
    lines = []
    timed = [(t, o) for t, o in every if "gmix" in o and "sklearn-10" in o]
    slow = [str(t) for t, o in timed if _median(o["gmix"], "cpu") > LIMIT * _median(o["sklearn-10"], "cpu")]
    lines.append(f"{len(slow)} of {len(timed)} tables on which gmix takes over {LIMIT:g} of n_init=10's time")
    lines[-1] += f": {', '.join(slow)}" if slow else ""
    held = [(t, o) for t, o in every if t.held_out is not None and "gmix" in o and "sklearn-equal" in o]
    low = [str(t) for t, o in held if _is_lower(o["gmix"], o["sklearn-equal"])]
    lines.append(f"{len(low)} of {len(held)} tables on which its held-out log-likelihood is lower at equal time")
    lines[-1] += f": {', '.join(low)}" if low else ""
    return "\n".join(f"- {line}." for line in lines)


def _is_lower(mine: list[Outcome], other: list[Outcome]) -> bool:
    """Whether the held-out mean is lower by more than two standard errors over the seeds, and by more than `CLOSE`."""
    sides = [np.array([outcome.held_out for outcome in side], np.float64) for side in (mine, other)]
    error = math.hypot(*(_standard_error(side) for side in sides))
    return bool(sides[1].mean() - sides[0].mean() > max(2.0 * error, CLOSE))


def _standard_error(values: Array) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0


def _is_there(table: Table, outcome: Outcome, best: float) -> bool:
    return not outcome.spurious and best - outcome.log_likelihood <= table.allowance


def _median(outcomes: list[Outcome], which: str) -> float:
    values = [getattr(outcome, which) for outcome in outcomes]
    return math.nan if None in values else statistics.median(values)


def _text(value: float, digits: int) -> str:
    return "" if math.isnan(value) else f"{value:.{digits}f}"


def calibrated(every: list[tuple[Table, Outcomes]], peer: str) -> str:
    """The chances that a peer stated, compared with the shares seen; or why there are none."""
    found = []
    for table, outcomes in every:
        sound = [o for o in outcomes.get(peer, []) if not o.spurious and o.chance is not None]
        if len(sound) > 1:
            seen = calibration.shares_seen([o.log_likelihood for o in sound], table.allowance)
            for outcome, share in zip(sound, seen, strict=True):
                assert outcome.chance is not None
                found.append(calibration.Stated(table.name, table.half, outcome.chance, share))
    if not found:
        return "No chance that more work would find a better optimum is stated by at least two fits of a table."
    return calibration.described(found)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", default="all", help="names, or quick, real, generated, all")
    parser.add_argument("--peers", default=",".join(PEERS), help="the peers to measure")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--quick", action="store_true", help="few tables, three seeds")
    parser.add_argument("--search", type=float, metavar="SECONDS", help="first renew the best known optima")
    parser.add_argument(
        "--out", type=Path, default=OUT / "quality", help="path of the results and the report, without suffix"
    )
    options = parser.parse_args()
    if options.quick:
        options.tables, options.seeds = "quick", 3
    if unknown := set(options.peers.split(",")) - {"", *PEERS}:
        raise SystemExit(f"no peer {', '.join(unknown)}: choose among {', '.join(PEERS)}")
    return options


def main() -> None:
    options = arguments()
    machine.keep_to(1)
    peers = [peer for peer in PEERS if peer in options.peers.split(",")]
    if "gmix-10" in peers and not best_known.HAS_EFFORT:
        print("gmix-10 is left out: this version of gmix.fit has no effort=\n")
        peers.remove("gmix-10")
    results, every, lines = Results(options.out.with_suffix(".json")), [], []
    ours(chosen("faithful")[0], 0)  # imports and first calls are not measured
    for table in sorted(chosen(options.tables), key=lambda table: NAMES.index(table.name)):
        if options.search:
            best_known.renew(table, options.search, best_known.SINGLE_RUNS)
        outcomes = results.of(table)
        for peer in peers:
            outcomes[peer] = measure(table, peer, options.seeds, outcomes)
            results.keep(table, outcomes)
        lines += rows_of(table, outcomes, best_of(table, outcomes))
        print("\n".join(lines[-len(outcomes) :]), flush=True)
        every.append((table, outcomes))
    stated = [f"## Chances stated by {peer}\n\n{calibrated(every, peer)}" for peer in peers if "gmix" in peer]
    heads = f"| {' | '.join(HEADS)} |\n|{'---|' * len(HEADS)}"
    intro = f"{machine.name()}; one thread; medians of {options.seeds} seeds; gap and held out in nats per row."
    report = "\n\n".join([intro, "\n".join([heads, *lines]), summary(every), *stated])
    options.out.with_suffix(".md").write_text(report + "\n")
    print(f"\n{report}")


if __name__ == "__main__":
    main()
