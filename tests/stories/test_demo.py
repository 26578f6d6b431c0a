"""The demonstration, from its first line to its last file."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import gmix
from gmix import demo

pytest.importorskip("matplotlib")
pytest.importorskip("plotly")


def test_the_density_is_what_the_tutorial_draws() -> None:
    from scipy.stats import multivariate_normal

    x = np.random.default_rng(1).uniform(-5, 5, (50, 2))
    first = multivariate_normal([-1, -1], [[1, -0.8], [-0.8, 1]]).pdf(x)
    second = multivariate_normal([1, 2], [[2.25, 0.6], [0.6, 0.64]]).pdf(x)
    assert demo.density(x) == pytest.approx(0.6 * first + 28.4 * second / (0.6 + 28.4))
    assert demo.tutorial_mixture().weights.round(4).tolist() == [0.3799, 0.6201]


def test_the_demonstration_prints_and_writes_everything(tmp_path: Path) -> None:
    out = tmp_path / "new" / "demo"
    command = [sys.executable, "-m", "gmix", "demo", "--out", str(out)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    assert "\x1b" not in ran.stdout
    for words in (
        "unnormalized density q = 0.6 g1 + 0.9793 g2",
        "0.3799 and 0.6201",
        "Acceptance rate 0.5",
        "effective sample size",
        "MAP",
        "<- chosen by BIC",
        "Gaussian mixture EEE (tied): 3 components, 2 features, 272 rows",
        "the same distribution, to the last bit",
    ):
        assert words in ran.stdout
    assert re.search(r"^ +2 .*<- chosen by BIC$", ran.stdout, re.MULTILINE)
    assert re.findall(r"^  (\d)   true", ran.stdout, re.MULTILINE) == ["0", "1", "0", "1"]
    pictures = ["clusters.png", "criteria.png", "density.png", "faithful.png", "samples.png"]
    assert sorted(p.name for p in out.iterdir()) == sorted([*pictures, "faithful.html", "faithful.json"])
    for name in pictures:
        header = (out / name).read_bytes()[:24]
        assert header.startswith(b"\x89PNG")
        assert int.from_bytes(header[16:20], "big") >= 1000  # drawn for a dense screen
    assert gmix.load(out / "faithful.json").bic == pytest.approx(2314.296, abs=0.01)
