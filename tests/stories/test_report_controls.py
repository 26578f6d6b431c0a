"""Every control of a report in a browser, the page on paper, and its accessibility."""

from __future__ import annotations

import base64
import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import open_page

import gmix
from gmix.demo import FAITHFUL
from gmix.report.columns import alike, ranges

pytest.importorskip("plotly")
pytest.importorskip("jinja2")

NAMES = ["eruptions", "waiting"]
ERUPTIONS = np.genfromtxt(FAITHFUL, delimiter=",", skip_header=1)
KINDS = np.where(np.arange(272) % 5 == 0, np.where(ERUPTIONS[:, 0] > 3.0, "long", "short"), None)
SCREENS = pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (390, "dark"), (1280, "light"), (1280, "dark")])


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Reports of labeled rows, of rows with missing cells, and of many columns and components."""
    folder, rng = tmp_path_factory.mktemp("report"), np.random.default_rng(2)
    options: dict[str, Any] = {"covariance": "VVV", "columns": NAMES, "rng": 0, "effort": 0.0}
    gmix.fit(ERUPTIONS, labels=KINDS, **options).report(folder / "labels.html", ERUPTIONS, labels=KINDS)
    holes = ERUPTIONS.copy()
    holes[::9, 1] = np.nan
    gmix.fit(holes, [1, 2], **options).report(folder / "missing.html", holes)
    wide = 30.0 * rng.integers(0, 20, (300, 1)) * rng.uniform(0.5, 2.0, 10) + rng.standard_normal((300, 10)) * 3.0
    fit = gmix.fit(wide, 20, covariance="diag", columns=[f"measurement {j}" for j in range(10)], rng=0, effort=0.0)
    fit.report(folder / "wide.html", wide)
    return {name: folder / f"{name}.html" for name in ("labels", "missing", "wide")}


@pytest.fixture
def find(browser: Any) -> Callable[[str], Any]:
    from selenium.webdriver.common.by import By

    return lambda selector: browser.find_element(By.CSS_SELECTOR, selector)


def choose(browser: Any, selector: str, text: str) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import Select

    Select(browser.find_element(By.CSS_SELECTOR, selector)).select_by_visible_text(text)


def ranges_of(browser: Any, chart: str) -> list[list[float]]:
    script = "const l = document.getElementById(arguments[0])._fullLayout; return [l.xaxis.range, l.yaxis.range]"
    found: list[list[float]] = browser.execute_script(script, chart)
    return found


def zoom_in(browser: Any, area: Any) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.support.ui import WebDriverWait

    before = ranges_of(browser, "scatter")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", area)
    drag = ActionChains(browser, duration=50).move_to_element_with_offset(area, -100, -60).click_and_hold()
    drag.move_by_offset(100, 60).move_by_offset(80, 40).release().perform()
    WebDriverWait(browser, 10).until(lambda chrome: ranges_of(chrome, "scatter") != before)


def rows_drawn(browser: Any) -> list[int]:
    script = "return document.getElementById('scatter').data.filter(t => t.customdata).flatMap(t => t.customdata)"
    return sorted(browser.execute_script(script))


# Controls -------------------------------------------------------------------------------------------------------------


@SCREENS
def test_the_caption_is_true_of_what_the_controls_show(
    browser: Any, find: Callable[[str], Any], pages: dict[str, Path], width: int, scheme: str
) -> None:
    open_page(browser, pages["labels"], width, scheme)
    scale = "return document.querySelectorAll('#scatter .colorbar').length"
    for paint, sentence, n_scales in (
        ("uncertainty", "Color shows the uncertainty of each row", 1),
        ("known label", "Rows without a label are gray.", 0),
        ("most probable component", "Color and marker show the most probable component", 0),
    ):
        choose(browser, "#paint", paint)
        caption = find("#scatter + figcaption").text
        assert sentence in caption
        assert (caption.count("most probable component"), caption.count("Color")) == (1, 1)
        assert browser.execute_script(scale) == n_scales
    assert "Each ellipse" in find("#scatter + figcaption").text
    choose(browser, "#up", "log density")
    assert "Each ellipse" not in find("#scatter + figcaption").text
    histogram = find("#marginal + figcaption").text
    assert ("black" in histogram, "white" in histogram) == (scheme == "light", scheme == "dark")
    find("#theme").click()
    assert find("#marginal + figcaption").text != histogram
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert browser.get_log("browser") == []


def test_hiding_a_component_keeps_the_axes(browser: Any, find: Callable[[str], Any], pages: dict[str, Path]) -> None:
    open_page(browser, pages["labels"], 1280, "light")
    before = {chart: ranges_of(browser, chart) for chart in ("scatter", "marginal")}
    find("#components input").click()
    assert len(rows_drawn(browser)) < 272
    assert {chart: ranges_of(browser, chart) for chart in before} == before
    zoom_in(browser, find("#scatter .nsewdrag"))
    zoomed = ranges_of(browser, "scatter")
    find("#components input").click()
    find("#theme").click()
    assert ranges_of(browser, "scatter") == zoomed
    choose(browser, "#up", "log density")
    assert ranges_of(browser, "scatter")[0] != zoomed[0]  # other axes show everything


def test_no_column_is_on_both_axes(browser: Any, find: Callable[[str], Any], pages: dict[str, Path]) -> None:
    open_page(browser, pages["labels"], 1280, "light")
    choose(browser, "#across", "waiting")
    titles = "const l = document.getElementById('scatter').layout; return [l.xaxis.title.text, l.yaxis.title.text]"
    assert browser.execute_script(titles) == ["waiting", "eruptions"]
    for axis in ("#across", "#up"):
        names = [option.strip() for option in find(axis).text.splitlines()]
        assert len(names) == len(set(names))


def test_a_hidden_row_is_shown_when_it_is_searched_for(
    browser: Any, find: Callable[[str], Any], pages: dict[str, Path]
) -> None:
    open_page(browser, pages["missing"], 390, "dark")
    first = browser.execute_script("return document.getElementById('scatter').data[0].customdata[3]")
    find("#components input").click()
    assert first not in rows_drawn(browser)
    find("#row").send_keys(str(first))
    assert first in rows_drawn(browser)
    for number, message in (
        ("9", "The chart does not show this row, which has no value on one of its axes."),
        ("272", "There is no row 272: rows count from 0 to 271."),
    ):
        find("#row").clear()
        find("#row").send_keys(number)
        assert message in find("#inspected").text
    assert "31 rows have no value on one of these axes" in find("#absent").text
    assert browser.get_log("browser") == []


def test_text_is_copied_or_selected(browser: Any, find: Callable[[str], Any], pages: dict[str, Path]) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    open_page(browser, pages["labels"], 1280, "light")
    find("details:last-of-type summary").click()
    for name in ("methods", "code"):
        find(f"[data-copy={name}]").click()
        button = find(f"[data-copy={name}]")
        WebDriverWait(button, 60).until(lambda button: button.text in ("Copied", "Selected"))  # browsers copy later


def test_only_the_scripts_of_the_page_run(browser: Any, pages: dict[str, Path]) -> None:
    open_page(browser, pages["labels"], 1280, "light")
    browser.execute_script(
        "const s = document.createElement('script'); s.textContent = 'window.foreign = 1'; document.head.append(s); "
        "document.body.setAttribute('onclick', 'window.foreign = 2'); document.body.click()"
    )
    assert browser.execute_script("return window.foreign") is None
    assert all("Content Security Policy" in entry["message"] for entry in browser.get_log("browser"))


# Paper ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["labels", "missing", "wide"])
def test_a_page_is_printed_whole_on_at_most_four_sheets(browser: Any, pages: dict[str, Path], name: str) -> None:
    open_page(browser, pages[name], 1280, "dark")
    page = browser.execute_cdp_cmd("Page.printToPDF", {"paperWidth": 8.27, "paperHeight": 11.69})
    sheets = len(re.findall(rb"/Type\s*/Page\b", base64.b64decode(page["data"])))
    assert 1 <= sheets <= 4
    execute = browser.execute_script
    assert execute("return document.documentElement.dataset.theme") == "dark"  # as before
    execute("dispatchEvent(new Event('beforeprint'))")
    assert execute("return document.documentElement.dataset.theme") == "light"
    hidden = "return [...document.querySelectorAll('button, select, input')].every(e => !e.offsetParent)"
    assert execute(hidden)
    # Nothing is wider than its place.
    wide = "return [...document.querySelectorAll('.scroll, .chart')].some(e => e.scrollWidth > e.clientWidth + 1)"
    assert not execute(wide)
    charts = "return [...document.querySelectorAll('.chart')].every(e => e._fullLayout.width === e.clientWidth)"
    assert execute(charts)
    shown = "return [...document.querySelectorAll('table:not([hidden]) thead th')].map(e => e.textContent)"
    columns = set(execute(shown))
    execute("dispatchEvent(new Event('afterprint'))")
    assert set(execute(shown)) == columns
    assert execute("return document.querySelectorAll('table.part, table[hidden], table.dense').length") == 0
    assert execute("return document.documentElement.scrollWidth") <= 1280
    assert browser.get_log("browser") == []


# Accessibility --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "width", "scheme"),
    [("labels", 390, "light"), ("labels", 1280, "dark"), ("missing", 390, "dark"), ("wide", 1280, "light")],
)
def test_axe_finds_no_violation(browser: Any, pages: dict[str, Path], name: str, width: int, scheme: str) -> None:
    found = importlib.util.find_spec("axe_playwright_python")  # which has axe-core; Playwright is not needed
    if found is None or found.origin is None:
        pytest.skip("axe-core is not installed; make .venv/clients")
    axe = (Path(found.origin).parent / "axe.min.js").read_text(encoding="utf-8")
    open_page(browser, pages[name], width, scheme)
    browser.execute_script(
        "document.querySelectorAll('details').forEach(e => { e.open = true; });"
        "const row = document.getElementById('row'); row.value = 3; row.dispatchEvent(new Event('input'))"
    )
    browser.execute_script(axe)
    violations = browser.execute_async_script(
        "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']}).then(found => done("
        "found.violations.map(v => [v.id, v.nodes.map(node => node.html.slice(0, 200))])))"
    )
    assert violations == []


# Numbers and words ----------------------------------------------------------------------------------------------------


def test_numbers_of_a_column_have_equally_many_decimals(pages: dict[str, Path]) -> None:
    text = pages["wide"].read_text(encoding="utf-8")
    for title in ("parameters", "unusual"):
        table = re.search(rf'<table aria-labelledby="{title}-caption">(.*?)</table>', text, re.DOTALL)
        assert table is not None
        rows = [re.findall(r'<td class="n">([^<]*)', line) for line in table[1].split("<tr>")[2:]]
        for column in list(zip(*rows, strict=True))[2:10]:
            assert len({len(cell.partition(".")[2]) for cell in column}) == 1, column
    assert alike([-1e-7, 2.883e-7]) == [f"{m} \N{MULTIPLICATION SIGN} 10⁻⁷" for m in ("\N{MINUS SIGN}1.000", "2.883")]
    assert alike([-0.001, 0.5, 7.0], 2) == ["0.00", "0.50", "7.00"]
    assert alike([3.0, 0.0, np.nan]) == ["3.000", "0.000", "missing"]


def test_narrow_components_have_no_zero_deviation() -> None:
    from gmix.report.page import parameter_cells

    for deviations, means in (([1e-3, 1e-3], [2e8, 2e8 + 1.0]), ([1e-9, 500.0], [0.0, 1e8])):
        cells = parameter_cells(np.array(means), np.array(deviations), np.array(deviations) / 10.0)
        for _, error, deviation in cells:
            assert all(re.search("[1-9]", text) for text in (error, deviation)), cells


def test_many_components_are_named_by_ranges() -> None:
    assert ranges(range(12)) == "0 to 11"
    start = gmix.fit(ERUPTIONS, 4, covariance="VVI", rng=0, effort=0.0).mixture
    fit = gmix.fit(ERUPTIONS, start=start, freeze={"means": [0, 1, 2], "covariances": True})
    from gmix.report.page import frozen_sentence

    assert frozen_sentence(fit).startswith("The means of components 0 to 2 and covariances of all components")
