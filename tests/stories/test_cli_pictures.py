"""Pictures at the command line, of tables whose columns have unusual names."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import gmix

pytest.importorskip("matplotlib")

IN_NO_FONT = "\U0010fffd"


@pytest.mark.parametrize("kind", ["model", "conditional", "quantiles"])
def test_unusual_names_give_a_picture_and_at_most_a_note(kind: str, tmp_path: Path) -> None:
    names = ["$a_$", "_b", IN_NO_FONT]
    rows = np.random.default_rng(1).normal(size=(60, 3))
    gmix.fit(rows, 1, columns=names).save(tmp_path / "model.json")
    lines = [",".join(names), *(",".join(map(str, row)) for row in rows.tolist())]
    (tmp_path / "points.csv").write_text("\n".join(lines), encoding="utf-8")
    arguments = ["plot", "model.json", "points.csv", "--kind", kind, "--out", "picture.svg"]
    done = subprocess.run(
        [sys.executable, "-m", "gmix", *arguments], cwd=tmp_path, capture_output=True, check=True, encoding="utf-8"
    )
    [note] = done.stderr.splitlines()
    assert note.startswith(f"gmix: note: no font that Matplotlib knows has the characters {IN_NO_FONT}, so")
    assert ".py" not in note
    assert "<svg" in (tmp_path / "picture.svg").read_text(encoding="utf-8")
