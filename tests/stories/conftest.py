"""Files that stories at the command line begin with, and the browser that opens reports."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    webdriver = pytest.importorskip("selenium.webdriver")
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("no Chromium with chromedriver is installed; on Debian: apt install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chrome = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield chrome
    chrome.quit()
