"""The report says and shows which rows have labels, belong to a background, are trimmed or have weights."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import open_page

import gmix
from gmix.demo import FAITHFUL

pytest.importorskip("plotly")
pytest.importorskip("jinja2")

NAMES = ["eruptions", "waiting"]
ERUPTIONS = np.genfromtxt(FAITHFUL, delimiter=",", skip_header=1)
ROWS = np.vstack([ERUPTIONS, np.random.default_rng(4).uniform([1.0, 35.0], [6.0, 105.0], (30, 2))])
KINDS = np.where(ERUPTIONS[:, 0] > 3.0, "long", "<short>").astype(object)
SOME = np.where(np.arange(len(KINDS)) % 5 == 0, KINDS, None)
SOME[5] = "long" if KINDS[5] == "<short>" else "<short>"  # a label that is wrong


def without_tags(text: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def words_of(path: Path) -> str:
    """The text of a page, as a reader sees it without its scripts."""
    return without_tags(path.read_text(encoding="utf-8").split("<main", 1)[1].split("</main>")[0])


def section_of(path: Path, title: str) -> str:
    """The text of the section with this title; empty if there is none."""
    found = re.search(rf"<h2[^>]*>{title}</h2>(.*?)</section>", path.read_text(encoding="utf-8"), re.DOTALL)
    return without_tags(found[1]) if found else ""


@pytest.fixture(scope="module")
def fits() -> dict[str, tuple[gmix.Fit, np.ndarray, dict[str, Any]]]:
    """A fit of each kind, its rows, and further arguments of the report."""
    options: dict[str, Any] = {"covariance": "VVV", "columns": NAMES, "rng": 0, "effort": 0.0}
    weights = np.arange(len(ERUPTIONS)) % 4.0
    return {
        "labels": (gmix.fit(ERUPTIONS, labels=SOME, **options), ERUPTIONS, {"labels": SOME}),
        "background": (gmix.fit(ROWS, 2, background=True, **options), ROWS, {}),
        "trim": (gmix.fit(ROWS, 2, trim=0.1, covariance_ratio=2000.0, **options), ROWS, {}),
        "weights": (gmix.fit(ERUPTIONS, 2, sample_weight=weights, **options), ERUPTIONS, {"sample_weight": weights}),
    }


@pytest.fixture(scope="module")
def pages(fits: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("report")
    for name, (fit, rows, more) in fits.items():
        fit.report(folder / f"{name}.html", rows, **more)
    return {name: folder / f"{name}.html" for name in fits}


# Sections -------------------------------------------------------------------------------------------------------------


def test_every_page_has_the_sections_of_its_rows_only(pages: dict[str, Path]) -> None:
    titles = {"labels": "Labels", "background": "Background", "trim": "Trimmed rows"}
    for name, path in pages.items():
        heads = re.findall(r"<h2[^>]*>(.*?)</h2>", path.read_text(encoding="utf-8"))
        assert [title for title in titles.values() if title in heads] == ([titles[name]] if name in titles else [])


def test_labels_are_compared_with_what_the_mixture_finds(pages: dict[str, Path], fits: Any) -> None:
    fit = fits["labels"][0]
    known = SOME != None  # noqa: E711
    found = fit.classify(ERUPTIONS[known]).labels
    right = int((found == SOME[known]).sum())
    section = section_of(pages["labels"], "Labels")
    assert f"{known.sum()} of 272 rows have a label" in section
    assert f"By their values alone, {right} ({100 * right / known.sum():.0f} %) of the labeled rows" in section
    table = {(a, b): int(((SOME[known] == a) & (found == b)).sum()) for a in set(KINDS) for b in set(KINDS)}
    assert sum(table.values()) == known.sum()
    assert table["<short>", "<short>"] > 10
    names = ("<short>", "long")
    shown = " ".join(f"{a} {' '.join(str(table[a, b] or '·') for b in names)}" for a in names)
    assert shown.replace("<", "&lt;").replace(">", "&gt;") in section
    words = words_of(pages["labels"])
    assert "rows with a label belong to the components of their label" in words
    assert "Observations of known class were assigned to the components of their class only" in words
    assert f"labels: {known.sum()} of 272 rows have a label" in str(fit)
    errors = gmix.standard_errors(fit, ERUPTIONS, labels=SOME)
    assert f"{fit.mixture.weights[0]:.4f} ± {errors.weights[0]:.4f}" in words


def test_labels_of_a_page_are_those_of_the_fit(fits: Any, tmp_path: Path) -> None:
    fit, rows, _ = fits["labels"]
    plain = fits["weights"][0]
    for which, given, message in (
        (fit, None, "this is a fit with labels; give labels="),
        (plain, SOME, "this is a fit without labels; leave"),
        (fit, np.where(SOME == "long", "wide", SOME), "no row has the label 'long'"),
        (fit, np.where(SOME == None, "long", SOME), "not the rows of the fit"),  # noqa: E711
    ):
        with pytest.raises(gmix.GmixError, match=message):
            which.report(tmp_path / "page.html", rows, labels=given)
    assert list(tmp_path.iterdir()) == []


def test_soft_labels_and_components_without_a_label(tmp_path: Path) -> None:
    soft = np.column_stack([np.where(KINDS == "long", 0.1, 0.9), np.where(KINDS == "long", 0.9, 0.1)])
    fit = gmix.fit(ERUPTIONS, labels=soft, covariance="VVV", columns=NAMES, rng=0)
    fit.report(tmp_path / "soft.html", ERUPTIONS, labels=soft)
    assert "how probable each row is in each group" in section_of(tmp_path / "soft.html", "Labels")
    one = np.where(SOME == "long", SOME, None)
    fit = gmix.fit(ERUPTIONS, {"long": 1, None: 1}, labels=one, covariance="VVV", columns=NAMES, rng=0)
    fit.report(tmp_path / "one.html", ERUPTIONS, labels=one)
    section = section_of(tmp_path / "one.html", "Labels")
    assert "Label long no label long" in section
    assert "components={" in words_of(tmp_path / "one.html")


def test_labels_of_a_streamed_table_are_those_of_the_table_in_memory(tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    table = pd.DataFrame(ERUPTIONS, columns=NAMES).assign(kind=SOME)
    blocks = [table[:100], table[100:]]
    options: dict[str, Any] = {"covariance": "VVV", "labels": "kind", "rng": 0}
    for data, name, memory in ((table, "memory", 1e9), (blocks, "blocks", 1.0)):
        gmix.fit(data, **options, memory=memory).report(tmp_path / f"{name}.html", data, labels="kind", memory=memory)
    one, other = (section_of(tmp_path / f"{name}.html", "Labels") for name in ("memory", "blocks"))
    assert one == other
    assert "long" in one


def test_the_background_and_its_rows(pages: dict[str, Path], fits: Any) -> None:
    fit = fits["background"][0]
    section = section_of(pages["background"], "Background")
    n, share = int((fit.mixture.predict(ROWS) == -1).sum()), 100 * fit.mixture.background.weight
    error = 100 * gmix.standard_errors(fit, ROWS).background
    assert 20 < n < 40
    assert f"For {n} rows, the background is more probable than any component" in section
    assert f"{share:.1f} ± {error:.1f} % of the rows" in section
    assert "The box of the background" in section
    assert "Gray crosses are rows of the background" in words_of(pages["background"])


def test_a_background_of_a_stated_density_is_reported_without_a_box(tmp_path: Path) -> None:
    fit = gmix.fit(ROWS, 2, background=0.003, covariance="VVV", columns=NAMES, rng=0, effort=0.0)
    fit.report(tmp_path / "page.html", ROWS)
    section = section_of(tmp_path / "page.html", "Background")
    assert "Its density was given: it is 0.003000 everywhere." in section
    assert "box" not in section
    assert "outside the region" not in words_of(tmp_path / "page.html")


def test_trimmed_rows_are_counted(pages: dict[str, Path], fits: Any) -> None:
    fit, words = fits["trim"][0], words_of(pages["trim"])
    assert fit.trim == 0.1
    assert "302 rows, 10 % of them trimmed" in pages["trim"].read_text(encoding="utf-8")
    assert "The fit leaves out the 10 % of the rows that have the lowest density under the mixture: 30 rows." in words
    assert "trim=0.1," in words
    assert "Neykov, N., Filzmoser, P." in words
    assert "±" not in words  # errors are not known for trimmed rows
    assert "outside the region" not in words


def test_frozen_parameters_are_named(tmp_path: Path) -> None:
    start = gmix.fit(ERUPTIONS, 2, covariance="VVV", rng=0).mixture
    fit = gmix.fit(ERUPTIONS[::2], start=start, freeze={"means": [0], "covariances": True})
    fit.report(tmp_path / "page.html", ERUPTIONS[::2])
    assert "The means of component 0 and covariances of all components kept their starting values." in words_of(
        tmp_path / "page.html"
    )


def test_errors_of_measurement_are_reported(tmp_path: Path) -> None:
    errors = np.tile([0.1, 2.0], (len(ERUPTIONS), 1)) * np.linspace(1.0, 2.0, len(ERUPTIONS))[:, None]
    options: dict[str, Any] = {"covariance": "VVV", "columns": NAMES, "rng": 0, "effort": 0.0}
    fit = gmix.fit(ERUPTIONS, 2, row_errors=errors, **options)
    fit.report(tmp_path / "page.html", ERUPTIONS, row_errors=errors)
    words = words_of(tmp_path / "page.html")
    assert "The mixture describes the true values" in words
    assert "eruptions 0.150 0.200" in words
    assert "waiting 3.00 4.00" in words
    assert "Bovy, J., Hogg, D. W." in words
    assert "The most unusual rows" not in words  # outlier scores are those of exact values
    assert "outside the region" not in words
    covariance = errors[:, :, None] ** 2 * np.eye(2)
    fit.report(tmp_path / "same.html", ERUPTIONS, row_covariance=covariance)
    assert words_of(tmp_path / "same.html") == words
    with pytest.raises(gmix.DataError, match="not the rows of the fit"):
        fit.report(tmp_path / "exact.html", ERUPTIONS)


def test_unusual_rows_have_the_p_values_of_outlier_scores(pages: dict[str, Path], fits: Any) -> None:
    from gmix.base.wording import number

    for name in ("background", "trim", "labels"):
        fit, rows, _ = fits[name]
        scores = fit.mixture.outlier_score(rows)
        order = np.argsort(scores.log_density, kind="stable")[:10]
        page = pages[name].read_text(encoding="utf-8")
        table = re.findall(r'<tr><th scope="row" class="n">(\d+)</th>.*?<td class="n">([^<]*)</td></tr>', page)
        assert table == [(str(i), number(scores.expected[i], 2)) for i in order]
    assert "0.000010" not in page


# Pictures of the page -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (390, "dark")])
def test_the_charts_show_every_kind_of_row(
    browser: Any, pages: dict[str, Path], fits: Any, width: int, scheme: str
) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import Select

    execute = browser.execute_script
    script = (
        "return document.getElementById('scatter').data.filter(t => t.customdata).map(t => "
        "({n: t.x.length, symbol: t.marker.symbol, color: t.marker.color, size: t.marker.size}))"
    )

    def chip(position: int) -> str:
        return str(browser.find_elements(By.CSS_SELECTOR, "#components label")[position].text)

    neutral = gmix.plot.color(-1)
    for name, symbol, n in (
        ("background", "x-thin-open", int((fits["background"][0].mixture.predict(ROWS) == -1).sum())),
        ("trim", "diamond-open", 30),
    ):
        open_page(browser, pages[name], width, scheme)
        *components, last = execute(script)
        assert (last["n"], last["symbol"], last["color"]) == (n, symbol, neutral)
        assert sum(trace["n"] for trace in components) == len(ROWS) - n
        assert chip(2).startswith("background · " if name == "background" else "trimmed · 30 rows")
        browser.find_elements(By.CSS_SELECTOR, "#components input")[2].click()
        assert len(execute(script)) == 2
        assert execute("return document.documentElement.scrollWidth") <= width
        assert browser.get_log("browser") == []

    open_page(browser, pages["labels"], width, scheme)
    fit = fits["labels"][0]
    shares = [f"{100 * weight:.1f} %" for weight in fit.mixture.weights]
    assert [chip(k) for k in (0, 1)] == [f"{k} {fit.groups[k]} · {shares[k]}" for k in (0, 1)]
    Select(browser.find_element(By.CSS_SELECTOR, "#paint")).select_by_value("label")
    colors = [color for trace in execute(script) for color in trace["color"]]
    unknown = execute("return getComputedStyle(document.documentElement).getPropertyValue('--muted').trim()")
    assert colors.count(unknown) == int((SOME == None).sum())  # noqa: E711
    browser.find_element(By.CSS_SELECTOR, "#row").send_keys("5")
    assert f"label {SOME[5]}" in browser.find_element(By.CSS_SELECTOR, "#inspected").text
    assert execute("return document.documentElement.scrollWidth") <= width
    assert browser.get_log("browser") == []

    open_page(browser, pages["weights"], width, scheme)
    sizes = np.concatenate([trace["size"] for trace in execute(script)])
    assert len(sizes) == 204
    assert sorted(set((sizes / sizes.min()).round(2))) == [1.0, 1.41, 1.73]  # weights of 1, 2 and 3
    assert browser.get_log("browser") == []
