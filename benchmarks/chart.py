"""The chart of `compare.py`'s numbers: how many times longer than gmix's a peer's EM step takes.

python benchmarks/chart.py build/bench/peers.json docs/pictures/speed.png
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from matplotlib import pyplot as plt

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#999999", "#000000")
MARKERS = "osD^vP*X"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("numbers", type=Path)
    parser.add_argument("picture", type=Path)
    options = parser.parse_args()
    content = json.loads(options.numbers.read_text())
    results = [r for r in content["results"] if "gmix" in r["peers"]][::-1]
    peers = list(dict.fromkeys(p for r in results for p in r["peers"] if p != "gmix"))
    figure, ax = plt.subplots(figsize=(8.0, 0.9 + 0.32 * len(results)), layout="constrained")
    for at, peer in enumerate(peers):
        points = [
            (r["peers"][peer]["nanoseconds"] / r["peers"]["gmix"]["nanoseconds"], height)
            for height, r in enumerate(results)
            if peer in r["peers"]
        ]
        ax.plot(*zip(*points, strict=True), MARKERS[at % 8], color=COLOURS[at % 8], label=peer, markersize=6)
    ax.axvline(1.0, color="#444444", linewidth=1.0)
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter(lambda x, _: f"{x:g}x")
    ax.set_yticks(range(len(results)), [r["workload"]["name"] for r in results])
    ax.set_xlabel("time of an EM step, against gmix's")
    ax.grid(axis="x", color="#dddddd", linewidth=0.6)
    ax.set_axisbelow(True)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.legend(frameon=False, ncols=len(peers), loc="lower center", bbox_to_anchor=(0.5, 1.0), handletextpad=0.2)
    options.picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.picture, dpi=160)


if __name__ == "__main__":
    main()
