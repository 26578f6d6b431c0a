"""Text in pictures and in the charts of a report can be read: its contrast is 4.5 or more (WCAG 2.2, 1.4.3)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gmix

pytest.importorskip("matplotlib")
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from gmix import plot
from gmix.plot.choice import shades
from gmix.plot.label_layout import LABEL
from gmix.plot.palette import COLORS, darkened, text_color
from gmix.report.charts import charts, shown_columns
from gmix.report.row_summary import RowSummary
from gmix.sources import source_for

K = 20
LEAST = 4.5
RNG = np.random.default_rng(3)
MANY = gmix.GaussianMixture(np.full(K, 1 / K), RNG.normal(0.0, 20.0, (K, 2)), np.tile(np.eye(2), (K, 1, 1)))
ROWS = MANY.sample(400, rng=1)
STRUCTURES = ["EII", "VII", "EEI", "VVI", "EEE", "VVE", "VVV"]


def contrast(one: Any, other: Any) -> float:
    found = []
    for color in (one, other):
        parts = np.array(to_rgb(color))
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        found.append(float(linear @ [0.2126, 0.7152, 0.0722]) + 0.05)
    return max(found) / min(found)


def axes() -> Any:
    return Figure(figsize=(6.0, 5.0)).add_subplot()


def test_text_is_readable_on_every_shade_of_gray_and_every_color() -> None:
    faces = [*COLORS, *(f"#{level:02x}{level:02x}{level:02x}" for level in range(256))]
    assert min(contrast(text_color(face), face) for face in faces) >= LEAST
    assert min(contrast(darkened(face), "white") for face in faces) >= LEAST
    assert [darkened(ink).lower() for ink in ("#0072b2", "#000000")] == ["#0072b2", "#000000"]  # dark enough


@pytest.fixture(scope="module")
def several() -> gmix.Fit:
    return gmix.fit(ROWS, range(1, 8), covariance=STRUCTURES, rng=1)


def test_text_of_a_heat_map_is_readable(several: gmix.Fit) -> None:
    ax = plot.criteria(several, axes())
    cells = [patch for patch in ax.patches if isinstance(patch, Rectangle)][: len(ax.texts)]
    shown = [contrast(text.get_color(), cell.get_facecolor()) for text, cell in zip(ax.texts, cells, strict=True)]
    assert min(shown) >= LEAST
    assert len({text.get_color() for text in ax.texts}) > 1


def test_text_on_colors_of_a_report_is_readable(several: gmix.Fit) -> None:
    source = source_for(several.mixture, ROWS)
    columns = shown_columns(several.mixture)
    data = charts(several, RowSummary.of(source, several, columns), columns)
    for theme in ("light", "dark"):
        for face, ink in zip(data["colors"][theme], data["inks"][theme], strict=True):
            assert contrast(face, ink) >= LEAST
    scale = np.array([to_rgb(color) for color in data["heat_map"]["colors"]])
    places = np.linspace(0.0, 1.0, len(scale))
    for cell in data["heat_map"]["cells"]:
        if cell["shade"] is not None:
            face = [np.interp(cell["shade"], places, scale[:, channel]) for channel in range(3)]
            assert contrast(face, cell["ink"]) >= LEAST
    assert len({cell["ink"] for cell in data["heat_map"]["cells"]}) > 1
    assert len(scale) == len(shades(len(scale)))


def _curves(ax: Any) -> None:
    plot.criteria(gmix.fit(ROWS, [1, 2, 3], covariance=STRUCTURES[:6], rng=1), ax)


@pytest.mark.parametrize(
    "draw",
    [
        lambda ax: plot.responsibilities(MANY, ROWS, ax),
        lambda ax: plot.unusual(MANY, np.vstack([ROWS, [[300.0, 300.0]]]), ax),
        lambda ax: plot.clusters(MANY, ROWS, ax),
        lambda ax: plot.regions(MANY, ax=ax),
        lambda ax: plot.distances(MANY, ROWS, ax),
        _curves,
    ],
)
def test_text_of_a_picture_is_readable(draw: Any) -> None:
    ax = axes()
    draw(ax)
    for text in (artist for artist in ax.figure.findobj(Text) if artist.get_text()):
        box = text.get_bbox_patch()
        ground = box.get_facecolor() if text.get_gid() == LABEL else "white"
        assert contrast(text.get_color(), ground) >= LEAST, text
