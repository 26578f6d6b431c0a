"""Pictures of the results of `compare.py`: speed.png, one line per workload, and growth.png, curves in N, D and K.

python benchmarks/chart.py build/bench/peers.json build/bench/growth.json docs/pictures
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from matplotlib import pyplot as plt
from workloads import GROUPS, Workload

COLORS = ("#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#4D4D4D", "#999999", "#8B6914", "#6A3D9A")
MARKERS = "osD^vP*Xd"
OURS = {"color": "#0072B2", "marker": "o", "zorder": 3}
GROWTH = {"rows": "n", "columns": "d", "components": "k"}
CALLED = {"sklearn": "scikit-learn", "onedal": "oneDAL", "opencv": "OpenCV", "armadillo": "Armadillo"}
SOFT = "#5A5A5A"
Result = dict[str, Any]


def styles(results: list[Result]) -> dict[str, dict[str, Any]]:
    peers = list(dict.fromkeys(peer for result in results for peer in result["peers"] if peer != "gmix"))
    others = zip(peers, COLORS, MARKERS, strict=False)
    return {"gmix": OURS} | {peer: {"color": color, "marker": marker} for peer, color, marker in others}


def speed(results: list[Result], title: str, path: Path) -> None:
    """The time of an EM step of each peer, relative to gmix."""
    figure, ax = plt.subplots(figsize=(8.0, 1.2 + 0.3 * len(results)), layout="constrained")
    for peer, style in styles(results).items():
        points = [
            (result["peers"][peer]["nanoseconds"] / result["peers"]["gmix"]["nanoseconds"], height)
            for height, result in enumerate(reversed(results))
            if peer in result["peers"] and result["peers"][peer]["nanoseconds"] > 0
        ]
        ax.plot(*zip(*points, strict=True), linestyle="", label=CALLED.get(peer, peer), markersize=6, **style)
        for ratio, height in points if peer != "gmix" else ():
            others = [
                time / results[-1 - height]["peers"]["gmix"]["nanoseconds"] for time in times(results[-1 - height])
            ]
            crowded = any(1.0 < other / ratio < 1.5 for other in others)  # a marker stands where the number would
            text = f"{ratio:.0f}" if ratio >= 9.95 else f"{ratio:.1f}"
            shift, side = ((0, 8), "center") if crowded else ((6, 0), "left")
            ax.annotate(
                text, (ratio, height), xytext=shift, textcoords="offset points", ha=side, va="center", fontsize=7,
                color=SOFT,
            )  # fmt: skip
    ax.axvline(1.0, color=OURS["color"], linewidth=1.0)
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter(lambda x, _: f"{x:g}\N{MULTIPLICATION SIGN}")
    ax.xaxis.set_minor_formatter(lambda _x, _: "")
    ax.set_xlim(right=1.25 * ax.get_xlim()[1])  # room for the number of the last marker
    ax.set_ylim(-0.6, len(results) - 0.4)
    words = [workload(result).words for result in reversed(results)]
    ax.set_yticks(range(len(results)), words, fontsize=8.5)
    ax.set_xlabel("time of an EM step relative to gmix", fontsize=9.5)
    ax.set_title(
        "rows \N{MULTIPLICATION SIGN} columns, K components", loc="left", x=-0.02, ha="right", fontsize=8, color=SOFT
    )
    ax.grid(axis="x", color="#E7E7E7", linewidth=0.6)
    ax.set_axisbelow(True)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.tick_params(axis="x", labelsize=8.5)
    figure.supxlabel(title, fontsize=7, color=SOFT)
    figure.legend(
        *ax.get_legend_handles_labels(), frameon=False, ncols=5, loc="outside upper center", handletextpad=0.2,
        fontsize=9.5,
    )  # fmt: skip
    figure.savefig(path, dpi=160)
    plt.close(figure)


def times(result: Result) -> list[float]:
    """The nanoseconds of all peers."""
    return [peer["nanoseconds"] for peer in result["peers"].values()]


def workload(result: Result) -> Workload:
    """The workload of a result."""
    return Workload(**{name: value for name, value in result["workload"].items() if name != "name"})


def growth(results: list[Result], title: str, path: Path) -> None:
    """Nanoseconds of a step per row, for workloads that grow in one dimension."""
    found = {result["workload"]["name"]: result for result in results}
    figure, axes = plt.subplots(1, 3, figsize=(9.0, 3.4), sharey=True, layout="constrained")
    for ax, (group, letter) in zip(axes, GROWTH.items(), strict=True):
        present = [found[workload.name] for workload in GROUPS[group] if workload.name in found]
        for peer, style in styles(results).items():
            points = [
                (result["workload"][letter], result["peers"][peer]["nanoseconds"])
                for result in present
                if peer in result["peers"] and result["peers"][peer]["nanoseconds"] > 0
            ]
            ax.plot(*zip(*points, strict=True), label=CALLED.get(peer, peer), markersize=4, linewidth=1.2, **style)
        fixed = {
            "n": f"{GROUPS[group][0].n:,} rows",
            "d": f"D = {GROUPS[group][0].d}",
            "k": f"K = {GROUPS[group][0].k}",
        }
        ax.set_title(", ".join(text for key, text in fixed.items() if key != letter), fontsize=9)
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_xlabel(group)
        ax.grid(color="#E7E7E7", linewidth=0.6)
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("ns per row and step")
    axes[0].legend(frameon=False)
    figure.suptitle(title, fontsize=8, color=SOFT)
    figure.savefig(path, dpi=160)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("numbers", type=Path, nargs="+", help="what compare.py wrote (.json)")
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    curves = {workload.name for workload in GROUPS["growth"]}
    for numbers in options.numbers:
        content = json.loads(numbers.read_text())
        results = [result for result in content["results"] if "gmix" in result["peers"]]
        grown = [result for result in results if result["workload"]["name"] in curves]
        single = [result for result in results if result not in grown]
        if single:
            speed(single, content["title"], options.folder / "speed.png")
        if grown:
            growth(grown, content["title"], options.folder / "growth.png")


if __name__ == "__main__":
    main()
