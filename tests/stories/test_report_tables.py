"""Tables of a report on a phone, where the first column stays while the others scroll, and names in its charts."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import open_page

import gmix
from gmix.demo import FAITHFUL

pytest.importorskip("plotly")
pytest.importorskip("jinja2")

ERUPTIONS = np.genfromtxt(FAITHFUL, delimiter=",", skip_header=1)


class Spheres(gmix.covariance.Structure):
    """One variance for all columns."""

    def __init__(self) -> None:
        super().__init__("<b>S</b>", gmix.covariance.SPHERICAL)

    def n_covariance_parameters(self, n_components: int, n_features: int) -> int:
        return n_components

    def covariances(self, scatter: Any, divisor: Any, n_features: int) -> Any:
        return scatter / (n_features * divisor)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "page.html"
    fit = gmix.fit(ERUPTIONS, [1, 2, 3], covariance=["EEE", Spheres()], columns=["eruptions", "waiting"], rng=1)
    fit.report(path, ERUPTIONS)
    return path


def picture_of(browser: Any, selector: str, scale: int) -> np.ndarray:
    """The pixels of an element, scrolled to the right by a part of its width."""
    from matplotlib.image import imread

    size = {"width": 390, "height": 900, "deviceScaleFactor": scale, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    place = (
        "const e = document.querySelector(arguments[0]); e.scrollLeft = 60; const b = e.getBoundingClientRect();"
        "return {x: b.left, y: b.top + scrollY, width: b.width, height: b.height, scale: 1}"
    )
    clip = browser.execute_script(place, selector)
    shot = browser.execute_cdp_cmd("Page.captureScreenshot", {"clip": clip, "captureBeyondViewport": True})
    return np.asarray(imread(io.BytesIO(base64.b64decode(shot["data"])), format="png"))[..., :3]


@pytest.mark.parametrize("table", ["parameters", "candidates"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("scale", [1, 2])
def test_lines_between_rows_reach_through_the_first_column(
    browser: Any, page: Path, table: str, scheme: str, scale: int
) -> None:
    from matplotlib.colors import to_rgb

    open_page(browser, page, 390, scheme)
    ink = browser.execute_script("return getComputedStyle(document.documentElement).getPropertyValue('--line').trim()")
    pixels = picture_of(browser, f"[aria-labelledby={table}-caption]", scale)
    is_line = (np.abs(pixels - np.array(to_rgb(ink))) < 0.02).all(2)
    first, others = (is_line[:, begin * scale : (begin + 30) * scale].all(1) for begin in (5, 160))
    assert others.sum() >= 3 * scale
    np.testing.assert_array_equal(first, others)


def test_the_code_of_a_structure_stays_text_in_charts(browser: Any, page: Path) -> None:
    open_page(browser, page, 1200, "light")
    legend = "return Array.from(document.querySelectorAll('#criteria .legendtext')).map(t => t.textContent)"
    assert sorted(browser.execute_script(legend)) == ["<b>S</b>", "EEE"]
    texts = "return document.getElementById('criteria').data.flatMap(t => t.text || [])"
    assert any("&lt;b&gt;S&lt;/b&gt;" in text for text in browser.execute_script(texts))
