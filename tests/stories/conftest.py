"""Files that stories at the command line begin with."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import FAITHFUL_ROWS, run


@pytest.fixture
def faithful(tmp_path: Path) -> Path:
    path = tmp_path / "faithful.csv"
    path.write_text("\n".join(FAITHFUL_ROWS) + "\n")
    return path


@pytest.fixture
def model(faithful: Path, tmp_path: Path) -> Path:
    path = tmp_path / "model.json"
    assert run("fit", faithful, "-k", 2, "--covariance", "full", "--out", path).exit_code == 0
    return path
