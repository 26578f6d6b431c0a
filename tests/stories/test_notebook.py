"""What a notebook shows: findings, tables and a picture of values, and every figure once."""

from __future__ import annotations

import base64
import re
import sys
from html.parser import HTMLParser
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import gmix

RNG = np.random.default_rng(3)
ROWS = np.vstack([RNG.normal(0.0, 1.0, (60, 3)), RNG.normal(6.0, 1.0, (40, 3))])
NAMES = ["<script>alert(1)</script>", "b & c", 'd"']


@pytest.fixture(scope="module")
def values() -> dict[str, Any]:
    fit = gmix.fit(ROWS, [1, 2], covariance=["diag", "full"], columns=NAMES, rng=0)
    chains = gmix.metropolis(lambda x: -0.5 * (x**2).sum(1), start=[0.0, 0.0], draws=60, chains=2, rng=1)
    return {
        "fit": fit,
        "mixture": fit.mixture,
        "search": fit.search,
        "chains": chains,
        "one feature": gmix.GaussianMixture([0.3, 0.7], [[0.0], [4.0]], [[[1.0]], [[1.0]]]),
    }


class Tags(HTMLParser):
    """The tags of a page that is well formed, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.found: set[str] = set()
        self.text = ""
        self.feed(page)
        assert not self.opened

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.found.add(tag)
        if tag != "img":
            self.opened.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.opened.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data + " "


KINDS = ["fit", "mixture", "search", "chains", "one feature"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_value_is_shown_as_tables_and_a_picture(kind: str, values: dict[str, Any]) -> None:
    pyplot = pytest.importorskip("matplotlib.pyplot")
    before = pyplot.get_fignums()
    page = values[kind]._repr_html_()
    tags = Tags(page)
    assert {"table", "th", "td", "img"} <= tags.found
    assert not tags.found & {"script", "style", "link", "iframe"}
    assert "javascript" not in page
    assert pyplot.get_fignums() == before
    [picture] = re.findall(r'src="data:image/png;base64,([^"]*)"', page)
    assert base64.b64decode(picture).startswith(b"\x89PNG")
    assert re.search(r'alt="[^"]+"', page)
    # The colors of text and page are those of the notebook, light or dark; only the picture has its own white.
    assert not re.search(r"[^-]color:(?!inherit)", page)
    assert page.count("background:white") == 1


@pytest.mark.parametrize("kind", KINDS)
def test_without_matplotlib_tables_are_shown(
    kind: str, values: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    tags = Tags(values[kind]._repr_html_())
    assert "table" in tags.found
    assert "img" not in tags.found


def test_findings_come_first_and_text_is_escaped(values: dict[str, Any]) -> None:
    table = np.column_stack([ROWS, 2.0 * ROWS[:, 0]])
    fit = gmix.fit(table, 2, covariance="full", columns=[*NAMES, "<i>e</i>"], rng=0)
    page = fit._repr_html_()
    assert fit.findings
    text = Tags(page).text
    for finding in fit.findings:
        assert f"{finding.level}: {finding.name}" in text
        assert text.index(finding.message) < text.index("log-likelihood")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    for name in (*NAMES, "<i>e</i>"):
        assert name in text
        assert name in {"b & c", 'd"'} or name not in page


def test_what_is_shown_is_what_the_fit_says(values: dict[str, Any]) -> None:
    fit = values["fit"]
    text = Tags(fit._repr_html_()).text.replace("\N{MINUS SIGN}", "-")
    assert f"{fit.bic:,.2f}" in text
    assert f"{fit.log_likelihood:,.2f}" in text
    assert "100 rows" in text
    for weight in fit.mixture.weights:
        assert f"{weight:.4f}" in text
    search = Tags(values["search"]._repr_html_()).text
    assert "4 candidates" in search
    assert "chosen" in search
    chains = values["chains"]
    shown = Tags(chains._repr_html_()).text
    assert ("chains have not converged" in shown) == (not (chains.r_hat <= 1.01).all())
    for size in chains.effective_sample_size:
        assert f"{size:,.0f}" in shown


def test_a_variational_fit_is_shown_with_its_bound() -> None:
    fit = gmix.fit(ROWS, 3, covariance="full", inference="variational", rng=0)
    text = Tags(fit._repr_html_()).text.replace("\N{MINUS SIGN}", "-")
    assert f"{fit.posterior.lower_bound:,.2f}" in text
    assert "BIC" not in text


def test_long_values_are_abridged_and_say_so() -> None:
    wide = gmix.GaussianMixture(
        np.full(30, 1 / 30), RNG.normal(size=(30, 40)), np.tile(np.eye(40), (30, 1, 1)), structure="EII"
    )
    page = Tags(wide._repr_html_()).text
    assert "of the 6 of 40 features that separate the components best; the first 20 of 30 components" in page


def test_a_value_that_cannot_be_drawn_is_shown_as_tables() -> None:
    tiny = gmix.GaussianMixture([1.0], [[0.0, 0.0]], [np.eye(2) * 1e-300])
    assert "table" in Tags(tiny._repr_html_()).found


# Figures --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def displayed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is given to a notebook to display, without a notebook."""
    found: list[Any] = []
    package, module = ModuleType("IPython"), ModuleType("IPython.display")
    package.get_ipython = lambda: None  # type: ignore[attr-defined]  # Matplotlib asks
    module.display = lambda data, metadata, raw: found.append(data)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", package)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    return found


@pytest.mark.parametrize("backend", ["agg", "inline", "module://matplotlib_inline.backend_inline"])
def test_a_figure_that_was_shown_is_closed_so_that_it_is_not_shown_again(
    backend: str, displayed: list[Any], values: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("agg")
    before = pyplot.get_fignums()
    ax = pyplot.figure().add_subplot()
    figures = [values["mixture"].plot(ROWS), values["one feature"].plot(), values["one feature"].plot(ax=ax)]
    with monkeypatch.context() as patch:
        patch.setattr("matplotlib.get_backend", lambda: backend)
        for figure in figures:
            figure._ipython_display_()
    assert pyplot.get_fignums() == before
    assert len(displayed) == 3
    for data in displayed:
        assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")


def test_a_figure_in_a_window_is_not_shown_in_the_notebook_too(
    displayed: list[Any], values: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("agg")
    figure = values["one feature"].plot()
    with monkeypatch.context() as patch:
        patch.setattr("matplotlib.get_backend", lambda: "qtagg")
        figure._ipython_display_()
        assert displayed == []
        pyplot.close(figure)
        figure._ipython_display_()
        assert len(displayed) == 1


def test_what_a_function_returns_does_not_depend_on_the_model(values: dict[str, Any]) -> None:
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    from gmix import plot

    fit = values["fit"]
    for features in ([0], [0, 1], [0, 1, 2]):
        figure = Figure()
        assert plot.plot(fit.mixture.marginal(features), ROWS[:, features], figure=figure) is figure
    ax = Figure().add_subplot()
    assert fit.mixture.marginal([0, 1]).plot(ax=ax) is ax.figure
