"""The report: as text, and in a browser that is told to open it offline."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import open_page

import gmix
from gmix.base.wording import number
from gmix.model.regions import highest_density, tail_probability

pytest.importorskip("plotly")
pytest.importorskip("jinja2")

HOSTILE = ["</script><script>alert(1)</script>", "<img src=x onerror=alert(2)> & \u2028 $x$ {{ 7 * 7 }}", "b"]
BLOBS = gmix.GaussianMixture(
    [0.5, 0.3, 0.2],
    [[0.0, 0.0, 0.0], [6.0, 0.0, 2.0], [0.0, 7.0, -2.0]],
    [np.eye(3), np.diag([2.0, 0.5, 1.0]), np.eye(3) / 2],
)
ROWS = BLOBS.sample(400, rng=3)
VOID = {"meta", "link", "input", "br", "img"}


class Page(HTMLParser):
    """The elements of a page, and whether they nest."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self.open):
            self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


@pytest.fixture(scope="module")
def fitted() -> gmix.Fit:
    return gmix.fit(ROWS, range(1, 5), covariance=["diag", "full"], columns=HOSTILE, rng=1)


@pytest.fixture(scope="module")
def page(fitted: gmix.Fit, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "page.html"
    fitted.report(path, ROWS)
    return path


def test_a_page_stands_alone_and_is_small(page: Path, fitted: gmix.Fit, tmp_path: Path) -> None:
    assert page.stat().st_size < 3_000_000
    elements = Page(page).elements
    for tag, attributes in elements:
        for name in ("src", "href", "action", "data"):
            target = attributes.get(name)
            assert target is None or target.startswith(("#", "data:")), (tag, target)
        assert not any(name.startswith("on") for name in attributes), (tag, attributes)
    identities = [attributes["id"] for _, attributes in elements if "id" in attributes]
    assert len(identities) == len(set(identities))
    for _, attributes in elements:
        assert attributes.get("aria-labelledby", identities[0]) in identities
    again = tmp_path / "again.html"
    fitted.report(again, ROWS)
    assert again.read_bytes() == page.read_bytes()


def test_names_that_look_like_html_stay_text(page: Path) -> None:
    parsed = Page(page)
    assert sum(tag == "script" for tag, _ in parsed.elements) == 3
    assert not any(tag == "img" for tag, _ in parsed.elements)
    for name in HOSTILE:
        assert " ".join(name.split()) in parsed.words


def test_the_page_says_what_was_found(page: Path, fitted: gmix.Fit) -> None:
    words = Page(page).words
    best = fitted.mixture
    assert best.structure.code == "VVI"
    for said in (
        "best described by 3 Gaussian components with ellipsoids of varying volume and varying shape with axes along "
        "the columns (VVI). Of 8 candidates, this one has the lowest BIC",
        f"{fitted.bic:,.2f}",
        f"{best.weights[0]:.4f} ± {gmix.standard_errors(fitted, ROWS).weights[0]:.4f}",
        "The most unusual rows",
        "Dempster, A. P., Laird",
        "components=range(1, 5)",
    ):
        assert said in words, said
    unusual = int(best.log_density(ROWS).argmin())
    first = re.search(rf"Expected rows {unusual} (\S+) ", words)
    assert first is not None
    assert float(first[1].replace("\N{MINUS SIGN}", "-")) == pytest.approx(ROWS[unusual, 0], abs=5e-3)


def test_the_code_of_a_page_states_the_very_mixture(page: Path, fitted: gmix.Fit) -> None:
    from gmix.report.code import mixture_code

    names: dict[str, Any] = {}
    exec(mixture_code(fitted.mixture), names)  # noqa: S102  (it is ours)
    assert np.array_equal(names["mixture"].log_density(ROWS), fitted.mixture.log_density(ROWS))


@pytest.mark.parametrize("criterion", ["icl", "aicc"])
def test_the_page_names_the_criterion_that_chose(criterion: str, tmp_path: Path) -> None:
    few = ROWS[:12]  # too few for some candidates to have a finite AICc
    fit = gmix.fit(few, [1, 2], covariance=["spherical", "full"], criterion=criterion, rng=1)
    fit.report(tmp_path / "page.html", few)
    words, written = Page(tmp_path / "page.html").words, {"icl": "ICL", "aicc": "AICc"}[criterion]
    assert f"Of 4 candidates, this one has the lowest {written}." in words
    assert f"({written} {number(fit.criteria[criterion], 4)}" in words
    assert f"criterion='{criterion}'" in words
    for said in ("Kass", "Schwarz", "lowest BIC", "chosen by the Bayesian"):
        assert said not in words


def test_the_page_names_the_prior(tmp_path: Path) -> None:
    prior = gmix.NormalInverseWishart(mean=[1.0, 2.0, 3.0]) + gmix.Dirichlet(3.0)
    fit = gmix.fit(ROWS, 2, covariance="full", prior=prior, rng=1)
    fit.report(tmp_path / "page.html", ROWS)
    words = Page(tmp_path / "page.html").words
    assert "the maximum of the posterior under a Dirichlet prior of the weights and a conjugate prior of means" in words
    assert "Fraley, C. & Raftery" in words
    assert "prior=gmix.NormalInverseWishart(mean=[1.0, 2.0, 3.0]) + gmix.Dirichlet(concentration=3.0)," in words
    assert "±" in words  # standard errors, those of the posterior
    gmix.fit(ROWS, 2, covariance="full", prior=gmix.Dirichlet(), rng=1).report(tmp_path / "page.html", ROWS)
    assert "Fraley" not in Page(tmp_path / "page.html").words


def test_the_page_says_how_likely_a_better_optimum_is(tmp_path: Path) -> None:
    fit = gmix.fit(ROWS, 6, covariance="diag", rng=1)
    assert fit.optima is not None
    assert len(fit.optima.found) > 1
    fit.report(tmp_path / "page.html", ROWS)
    page = Page(tmp_path / "page.html")
    best, after = fit.optima.found[:2]
    for said in (
        f"EM ran in {fit.optima.trials} trials: {best.times} reached the best of {len(fit.optima.found)} optima",
        f"({100 * after.changed:.0f} % of rows change component)",
        "Estimated chance that as much work again finds a better optimum: ",
        "As requested",  # it is the only candidate
    ):
        assert said in page.words, said
    assert any(attributes.get("id") == "optima" for _, attributes in page.elements)
    gmix.fit(ROWS, start=BLOBS).report(tmp_path / "page.html", ROWS)  # no trials
    assert "optima" not in Page(tmp_path / "page.html").words


def test_trouble_is_told(tmp_path: Path) -> None:
    rows = np.random.default_rng(1).standard_t(2, (800, 2))
    fit = gmix.fit(rows, [1, 2], covariance="spherical", rng=1, max_iterations=3, tolerance=0)
    fit.report(tmp_path / "page.html", rows)
    words = Page(tmp_path / "page.html").words
    assert "No more than 2 components were tried" in words
    assert words.count("iteration limit reached") == 1
    fit = gmix.fit(rows, 1, covariance="spherical")
    fit.report(tmp_path / "page.html", rows)
    assert "heavier than the mixture" in Page(tmp_path / "page.html").words


def test_the_command_line_writes_a_page(tmp_path: Path) -> None:
    table, out, model = tmp_path / "blobs.csv", tmp_path / "page.html", tmp_path / "model.json"
    np.savetxt(table, ROWS, delimiter=",", header="a,b,c", comments="")
    command = [sys.executable, "-m", "gmix", "report", str(table), "-k", "3", "-o", str(out)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "Gaussian mixture of blobs.csv" in Page(out).words
    gmix.fit(table, 2, covariance="full", rng=1).save(model)
    both = subprocess.run([*command, "--model", str(model)], capture_output=True, text=True, check=False)
    assert (both.returncode, "--model is fitted already" in both.stderr) == (2, True)
    command[5:7] = ["--model", str(model), "--memory", "1K"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "described by 2 Gaussian components with a covariance for each" in Page(out).words


def test_other_rows_than_the_fits_are_refused(fitted: gmix.Fit, tmp_path: Path) -> None:
    for rows in (ROWS[1:], ROWS[:, :2], ROWS + 1):
        with pytest.raises(gmix.DataError):
            fitted.report(tmp_path / "page.html", rows)
    assert not (tmp_path / "page.html").exists()


def test_large_wide_and_weighted_tables_are_reported(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    wide = rng.standard_normal((60, 50)) + 9 * (rng.random((60, 1)) < 0.5) * (np.arange(50) > 40)
    fit = gmix.fit(wide, 2, covariance="spherical", rng=1)
    fit.report(tmp_path / "wide.html", wide)
    assert "20 more are in the model" in Page(tmp_path / "wide.html").words
    long = np.r_[ROWS[:, 0], rng.standard_normal(20_000)]
    weight = rng.integers(0, 3, len(long)).astype(float)
    fit = gmix.fit(long, 2, covariance="full", sample_weight=weight, rng=1)
    fit.report(tmp_path / "long.html", long, sample_weight=weight)
    words = Page(tmp_path / "long.html").words
    assert re.search(r"The chart shows 5,0\d\d of 20,400 rows: a random sample and the most unusual rows", words)
    assert f"of total weight {weight.sum():,.0f}" in words
    blocks = [ROWS[:150], ROWS[150:]]
    fit = gmix.fit(blocks, 2, covariance="diag", rng=1, memory=4096)
    fit.report(tmp_path / "blocks.html", blocks)
    assert (tmp_path / "blocks.html").stat().st_size < 3_000_000


def test_regions_hold_their_share() -> None:
    shares = [0.5, 0.9, 0.99]
    levels = highest_density(BLOBS, shares)
    draws = BLOBS.log_density(BLOBS.sample(400_000, rng=11))
    for share, level in zip(shares, levels, strict=True):
        assert np.mean(draws >= level) == pytest.approx(share, abs=0.012)
        assert tail_probability(BLOBS, level) == pytest.approx(1.0 - share, abs=1e-4)
    with pytest.raises(gmix.ParameterError, match="between 0 and 1"):
        highest_density(BLOBS, [95])


def test_colors_have_contrast() -> None:
    from importlib import resources

    def luminance(color: str) -> float:
        parts = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    style = (resources.files("gmix.report") / "assets" / "page.css").read_text(encoding="utf-8")
    themes = re.findall(r":root(?:\[data-theme=\"dark\"\])? \{(.*?)\}", style, re.DOTALL)[:2]
    for theme in themes:
        colors = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", theme))
        for ink, ground in [(i, g) for i in ("ink", "soft", "link", "well", "look") for g in ("page", "card")]:
            light, dark = sorted((luminance(colors[ink]), luminance(colors[ground])), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (ink, ground)  # WCAG 2.2, 1.4.3
        # Markers of rows whose component is certain, or that have no label.
        light, dark = sorted((luminance(colors["muted"]), luminance(colors["page"])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 3.0  # WCAG 2.2, 1.4.11


@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (390, "dark")])
def test_the_page_works_in_a_browser(browser: Any, page: Path, width: int, scheme: str) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.ui import Select

    open_page(browser, page, width, scheme)
    run = browser.execute_script

    def find(selector: str) -> Any:
        return browser.find_element(By.CSS_SELECTOR, selector)

    def traces(chart: str, mode: str = "markers") -> list[dict[str, Any]]:
        script = (
            "return document.getElementById(arguments[0]).data.map(t => ({mode: t.mode, x: Array.from(t.x), color: "
            "t.marker && t.marker.color}))"
        )
        return [trace for trace in run(script, chart) if trace["mode"] == mode]

    assert run("return document.documentElement.dataset.theme") == scheme
    for chart in ("scatter", "marginal", "criteria", "history"):
        assert run("return document.querySelectorAll('#' + arguments[0] + ' .main-svg').length", chart) > 0
    # Nothing hangs over the edge.
    assert run("return document.documentElement.scrollWidth") <= width

    assert sum(len(trace["x"]) for trace in traces("scatter")) == len(ROWS)
    before = traces("scatter")[0]["x"]
    Select(find("#across")).select_by_index(2)
    assert traces("scatter")[0]["x"] != before
    assert len(traces("scatter")) == 3
    find("#components input").send_keys(Keys.SPACE)  # the first component, with the keyboard
    assert len(traces("scatter")) == 2
    assert len(traces("marginal", "lines")) == 3  # two components and the mixture
    find("#components input").send_keys(Keys.SPACE)
    Select(find("#paint")).select_by_value("uncertainty")
    assert isinstance(traces("scatter")[0]["color"], list)
    Select(find("#column")).select_by_index(2)
    low = run("return document.getElementById('marginal').layout.xaxis.range[0]")
    assert low <= ROWS[:, 2].min()

    find("#row").send_keys("17")
    told = find("#inspected").text
    assert f"row 17: {HOSTILE[0]} " in told
    shares = [float(share) for share in re.findall(r"([\d.]+) %", told)]
    assert len(shares) == 3
    assert sum(shares) == pytest.approx(100, abs=0.3)
    find("#row").send_keys("17")
    assert find("#inspected").text == "There is no row 1717: rows count from 0 to 399."

    hovered = "Plotly.Fx.hover('scatter', [{curveNumber: 0, pointNumber: 3}]); "
    shown = (
        "return Array.from(document.querySelectorAll('#scatter .hoverlayer text')).map(t => t.textContent).join(' ')"
    )
    assert "component" in run(hovered + shown)
    find("#theme").click()
    assert run("return document.documentElement.dataset.theme") == {"light": "dark", "dark": "light"}[scheme]

    assert browser.get_log("browser") == []
    assert [
        entry
        for entry in run("return performance.getEntriesByType('resource').map(e => e.name)")
        if "data:" not in entry
    ] == []


def test_local_optima_are_drawn_in_a_browser(browser: Any, tmp_path: Path) -> None:
    fit = gmix.fit(ROWS, 6, covariance="diag", rng=1)
    assert fit.optima is not None
    fit.report(tmp_path / "page.html", ROWS)
    open_page(browser, tmp_path / "page.html", 1200, "light")
    heights = browser.execute_script("return Array.from(document.getElementById('optima').data[0].y)")
    assert heights == [optimum.times for optimum in fit.optima.found[:12]]
    assert len(heights) > 1
    assert browser.get_log("browser") == []
