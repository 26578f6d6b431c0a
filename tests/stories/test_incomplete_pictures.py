"""Reports and pictures of a table with missing cells show what is there, and compare only what is comparable."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import open_page
from numpy.typing import NDArray

import gmix
from gmix.demo import AIRQUALITY

pd = pytest.importorskip("pandas")

Array = NDArray[np.float64]
NAMES = ["Ozone", "Solar.R", "Wind", "Temp"]


@pytest.fixture(scope="module")
def rows() -> Array:
    return np.asarray(pd.read_csv(str(AIRQUALITY))[NAMES].to_numpy(float))


# The report -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page(rows: Array, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("plotly")
    table = np.vstack([rows, np.full((2, 4), np.nan)])
    path = tmp_path_factory.mktemp("report") / "air.html"
    fit = gmix.fit(table, [1, 2, 3], covariance=["diag", "full"], columns=NAMES, rng=0)
    fit.report(path, table)
    return path


def test_the_report_says_what_is_missing(page: Path) -> None:
    text = re.sub(r"<[^>]+>", " ", page.read_text(encoding="utf-8").split("<footer>")[0].split("</style>")[-1])
    words = " ".join(text.split())
    for said in (
        "155 rows, 4 columns: Ozone, Solar.R, Wind, Temp",
        "52 of 620 cells (8 %) are missing. The mixture is fitted to the observed cells",
        "2 rows without any value are left out.",
        "Ozone 39 25 %", "Wind 2 1 %",
        "none 111 73 %", "Ozone 35 23 %",
        "Ozone and Solar.R 2 1 %",
        "outside the region that contains 99 % of the mixture, if missing cells are drawn from the mixture;",
        "Missing values (52 of 620) were assumed to be missing at random",
        "Ghahramani, Z. &amp; Jordan, M. I. (1994)",
        "These rows are the least probable ones under the mixture, given which of their cells are missing.",
    ):  # fmt: skip
        assert said in words, said
    assert "nan" not in words.lower().replace("finance", "")
    rows = re.findall(r'<tr><th scope="row" class="n">(\d+)</th>(.*?)</tr>', page.read_text(encoding="utf-8"))
    assert len(rows) == 10


def test_a_report_of_a_streamed_table_and_of_complete_rows(rows: Array, tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    blocks = [rows[:100], rows[100:]]
    fit = gmix.fit(blocks, 2, covariance="full", memory=1, rng=0)
    fit.report(tmp_path / "blocks.html", blocks)
    assert "Missing cells" in (tmp_path / "blocks.html").read_text(encoding="utf-8")
    complete = rows[~np.isnan(rows).any(1)]
    gmix.fit(complete, 2, covariance="full", rng=0).report(tmp_path / "complete.html", complete)
    text = (tmp_path / "complete.html").read_text(encoding="utf-8").split("<script")[0]
    for word in ("Missing cells", "missing at random", "absent", "have a value", "drawn from the mixture"):
        assert word not in text


def test_unusual_rows_are_compared_by_probability(rows: Array) -> None:
    from gmix.report.row_summary import RowSummary
    from gmix.sources import as_source

    table = rows.copy()
    table[7] = [np.nan, np.nan, 26.0, np.nan]  # a storm, of which nothing else is known
    fit = gmix.fit(rows, 2, covariance="full", rng=0)
    found = RowSummary.of(as_source(table), fit, [0, 1, 2, 3])
    assert found.unusual[0].number == 7
    assert found.unusual[0].tail < 1e-4
    scores = fit.mixture.outlier_score(table)
    assert [u.number for u in found.unusual] == np.argsort(scores.density_p_value, kind="stable")[:10].tolist()
    assert found.log_density[7] > found.log_density.min()  # densities would not have found it
    assert 0.0 <= found.outside < 12.0


@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (390, "dark")])
def test_the_report_works_in_a_browser(page: Path, width: int, scheme: str, browser: Any) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import Select

    open_page(browser, page, width, scheme)
    execute = browser.execute_script

    def find(selector: str) -> Any:
        return browser.find_element(By.CSS_SELECTOR, selector)

    def drawn() -> int:
        script = (
            "return document.getElementById('scatter').data.filter(t => t.mode === 'markers' && t.customdata)"
            ".map(t => t.x.length).reduce((a, b) => a + b, 0)"
        )
        return int(execute(script))

    names = execute("return JSON.parse(document.getElementById('data').textContent).names")
    assert names == NAMES
    for across, up, lacking in (
        ("Ozone", "Wind", 37),
        ("Wind", "Temp", 0),
        ("Ozone", "Solar.R", 42),
        ("Temp", "log density", 42),
    ):
        Select(find("#across")).select_by_visible_text(across)
        Select(find("#up")).select_by_visible_text(up)
        assert drawn() == 153 - lacking
        said = find("#absent").text
        assert said == (f"{lacking} rows have no value on one of these axes and are not drawn." if lacking else "")
    Select(find("#column")).select_by_visible_text("Ozone")
    find("#row").send_keys("4")  # the first incomplete row
    told = find("#inspected").text
    assert told.startswith("row 4: Ozone missing, Solar.R missing, Wind 14.3, Temp 56")
    hovered = "Plotly.Fx.hover('scatter', [{curveNumber: 0, pointNumber: 3}]); "
    shown = (
        "return Array.from(document.querySelectorAll('#scatter .hoverlayer text')).map(t => t.textContent).join(' ')"
    )
    assert "component" in execute(hovered + shown)
    assert execute("return document.documentElement.scrollWidth") <= width
    for chart in ("scatter", "marginal", "criteria", "history"):
        assert execute("return document.querySelectorAll('#' + arguments[0] + ' .main-svg').length", chart) > 0
    assert browser.get_log("browser") == []


# Pictures -------------------------------------------------------------------------------------------------------------


def notes(ax: Any) -> list[str]:
    return [text.get_text() for text in ax.texts if text.get_gid() == "note"]


def test_pictures_leave_out_what_they_cannot_show_and_say_so(rows: Array) -> None:
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    from gmix import plot

    fit = gmix.fit(rows, 2, covariance="full", columns=NAMES, rng=0)
    two = fit.mixture.marginal(["Ozone", "Wind"])
    points = rows[:, [0, 2]]
    expected = ["not drawn: 37 rows without a value in these columns"]

    def axes() -> Any:
        return Figure(layout="constrained").add_subplot()

    for draw in (plot.scatter, lambda p, m, ax: plot.clusters(m, p, ax), lambda p, m, ax: plot.uncertainty(m, p, ax)):
        ax = axes()
        draw(points, two, ax)
        assert notes(ax) == expected
    ax = axes()
    drawn = plot.scatter(points, fit.mixture.predict(rows), ax)
    assert sum(len(artist.get_offsets()) for artist in drawn) == 116
    weight = np.arange(153) % 2.0
    ax = axes()
    plot.scatter(points, two, ax, sample_weight=weight)
    assert notes(ax) == [f"not drawn: {int(weight @ np.isnan(points).any(1))} rows without a value in these columns"]
    ax = plot.histogram(fit.mixture.marginal(["Ozone"]), rows[:, [0]], axes())
    assert notes(ax) == ["not drawn: 37 rows without a value in this column"]
    assert notes(plot.histogram(fit.mixture.marginal(["Wind"]), rows[:, [2]], axes())) == []
    figure = plot.pairs(fit, rows, Figure(figsize=(8, 8), layout="constrained"))
    assert all(notes(ax) == [] for ax in figure.axes)
    assert "42 rows: drawn only\nwhere no value is missing" in [
        text.get_text() for text in figure.legends[0].get_texts()
    ]
    plot.animation(points, two, axes(), steps=2)._draw_was_started = True  # it is not shown
    empty = plot.scatter(np.full((3, 2), np.nan), None, axes())
    assert empty == []


def test_pictures_of_all_columns_use_the_other_cells(rows: Array) -> None:
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    from gmix import plot
    from gmix.plot.palette import darkened

    table = rows.copy()
    table[7] = [np.nan, np.nan, 60.0, np.nan]
    fit = gmix.fit(rows, 2, covariance="full", columns=NAMES, rng=0)
    figure = Figure(layout="constrained")
    ax = plot.unusual(fit, table, figure.add_subplot(), n=3)
    assert notes(ax) == []
    assert ax.texts[0].get_text() == "7"
    assert ax.texts[0].get_color() == darkened(plot.color(1))
    shares = plot.responsibilities(fit, table, Figure().add_subplot())
    assert shares.get_xlim() == (0.0, 153.0)
    many = np.where(
        np.random.default_rng(0).random((600, 12)) < 0.5, np.nan, np.random.default_rng(1).normal(size=(600, 12))
    )
    two = gmix.GaussianMixture([0.5, 0.5], [np.zeros(12), np.ones(12)], [np.eye(12)] * 2)
    [note] = notes(plot.unusual(two, many, Figure().add_subplot()))
    assert re.fullmatch(r"not drawn: \d+ rows with rare sets of missing cells", note)
