"""A notebook that Jupyter runs shows every figure once, and values as HTML."""

from __future__ import annotations

from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")
pytest.importorskip("matplotlib")

START = """
import numpy as np
import gmix
from gmix import plot
rows = np.random.default_rng(0).normal(size=(60, 3))
fit = gmix.fit(rows, [1, 2], covariance=["full", "diag"], rng=0)
two = fit.mixture.marginal([0, 1])
chains = gmix.metropolis(lambda x: -0.5 * (x ** 2).sum(1), start=[0.0], draws=50, rng=0)
"""
ONE_FIGURE = [
    "fit.plot(rows)", "two.plot()", "figure = fit.plot(rows)", "plot.pairs(fit, rows)", "plot.criteria(fit)",
    "plot.contours(two)", "ax = plot.clusters(two, rows[:, :2]); ax.set_title('after')", "fit.search.plot()",
    "import matplotlib.pyplot as plt; ax = plt.figure().add_subplot(); fit.mixture.marginal([0]).plot(ax=ax)",
]  # fmt: skip
VALUES = ["fit", "fit.mixture", "fit.search", "chains"]


@pytest.fixture(scope="module")
def cells() -> dict[str, Any]:
    sources = [START, *ONE_FIGURE, "figure", *VALUES, "import matplotlib.pyplot as plt; plt.get_fignums()"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    return {cell.source: cell.outputs for cell in notebook.cells}


@pytest.mark.parametrize("source", [*ONE_FIGURE, "figure"])
def test_a_figure_is_shown_once(source: str, cells: dict[str, Any]) -> None:
    assert sum("image/png" in output.get("data", {}) for output in cells[source]) == 1


def test_no_figure_stays_open(cells: dict[str, Any]) -> None:
    assert cells["import matplotlib.pyplot as plt; plt.get_fignums()"][-1]["data"]["text/plain"] == "[]"


@pytest.mark.parametrize("source", VALUES)
def test_a_value_is_shown_as_html_and_text(source: str, cells: dict[str, Any]) -> None:
    [output] = cells[source]
    assert "<table" in output["data"]["text/html"]
    assert "<img" in output["data"]["text/html"]
    assert output["data"]["text/plain"]
