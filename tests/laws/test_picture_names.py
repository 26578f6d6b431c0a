"""Names of columns in pictures: every sign is drawn as it is written, and long names leave room for the picture."""

from __future__ import annotations

import io
import itertools
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gmix

matplotlib = pytest.importorskip("matplotlib")
from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

from gmix import plot  # noqa: E402
from gmix.plot.file import png_of, save_figure  # noqa: E402
from gmix.plot.fonts import width_of  # noqa: E402
from gmix.plot.names import fitted, fitted_alike  # noqa: E402

NAMES = ["$a_$", "cost $\\frac$", "_price $ (min)", "a \\$ b$", "{x}^$$_", "%d & <b>"]
LONG = [f"the measured concentration of substance number {j} in the water of the river near town" for j in range(7)]


def mixture(names: list[str]) -> gmix.GaussianMixture:
    d = len(names)
    means = np.random.default_rng(d).normal(0.0, 3.0, (2, d))
    return gmix.GaussianMixture([0.4, 0.6], means, np.tile(np.eye(d), (2, 1, 1)), features=names)


def sheet(width: float = 7.0, height: float = 5.0) -> Any:
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def texts_of(figure: Any) -> str:
    """All that a figure says, line by line, in the signs that are drawn."""
    drawn = io.BytesIO()
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        figure.savefig(drawn, format="svg")
    root = ET.fromstring(drawn.getvalue())  # noqa: S314  (Matplotlib's)
    return "\n".join("".join(part.itertext()) for part in root.iter("{http://www.w3.org/2000/svg}text"))


def _of_two(draw: Callable[..., Any]) -> Callable[[list[str]], tuple[Any, list[str]]]:
    def drawn(names: list[str]) -> tuple[Any, list[str]]:
        figure = sheet()
        draw(mixture(names[:2]), ax=figure.add_subplot())
        return figure, names[:2]

    return drawn


def _of_rows(draw: Callable[..., Any], **options: Any) -> Callable[[list[str]], tuple[Any, list[str]]]:
    def drawn(names: list[str]) -> tuple[Any, list[str]]:
        figure, model = sheet(), mixture(names)
        draw(model, model.sample(60, rng=1), figure.add_subplot(), **options)
        return figure, names

    return drawn


def _histogram(names: list[str]) -> tuple[Any, list[str]]:
    return plot.histogram(mixture(names[:1]), ax=sheet().add_subplot()).figure, names[:1]


def _pairs(names: list[str]) -> tuple[Any, list[str]]:
    return plot.pairs(mixture(names), figure=sheet(9.0, 9.0)), names


def _quantiles(names: list[str]) -> tuple[Any, list[str]]:
    return plot.quantiles(mixture(names), mixture(names).sample(60, rng=1), sheet(9.0, 9.0)), names


def _surface(names: list[str]) -> tuple[Any, list[str]]:
    figure = sheet()
    plot.surface(mixture(names[:2]), (-5.0, 5.0), figure.add_subplot(projection="3d"), resolution=21)
    return figure, names[:2]


def _loadings(names: list[str]) -> tuple[Any, list[str]]:
    fit = gmix.fit(mixture(names).sample(200, rng=1), components=1, covariance="factors", factors=1, columns=names)
    return plot.loadings(fit, sheet(7.0, 7.0).add_subplot()).figure, names


def _calibration(names: list[str]) -> tuple[Any, list[str]]:
    labels = np.repeat([names[0], "zzz"], 20)  # in the order of the columns of the probabilities
    shares = np.column_stack([np.linspace(0.9, 0.1, 40), np.linspace(0.1, 0.9, 40)])
    agreement = gmix.agreement(labels, shares)
    return plot.calibration(agreement, sheet().add_subplot(), label=names[0]).figure, names[:1]


PICTURES = {
    "histogram": _histogram, "clusters": _of_two(plot.clusters), "regions": _of_two(plot.regions),
    "contours": _of_two(lambda model, ax: plot.contours(model, ax=ax)), "uncertainty": _of_two(plot.uncertainty),
    "surface": _surface, "pairs": _pairs, "quantiles": _quantiles, "loadings": _loadings, "calibration": _calibration,
    "probabilities": _of_rows(plot.probability_transform),
    "conditional": _of_rows(plot.probability_transform, conditional=True),
}  # fmt: skip


@pytest.mark.parametrize("picture", PICTURES)
def test_a_picture_shows_the_signs_of_a_name(picture: str) -> None:
    names = NAMES
    while names:
        figure, shown = PICTURES[picture](names)
        said = " ".join(texts_of(figure).split())
        for name in shown:
            assert name in said
        names = names[len(shown) :]


class Spheres(gmix.covariance.Structure):
    """One variance for all columns."""

    def __init__(self) -> None:
        super().__init__("$a_$ b$", gmix.covariance.SPHERICAL)

    def n_covariance_parameters(self, n_components: int, n_features: int) -> int:
        return n_components

    def covariances(self, scatter: Any, divisor: Any, n_features: int) -> Any:
        return scatter / (n_features * divisor)


@pytest.mark.parametrize("others", [["diag"], ["EII", "VII", "EEI", "VVI", "EEE", "VVV"]])
def test_criteria_show_the_code_of_a_structure_of_your_own(others: list[str]) -> None:
    fit = gmix.fit(mixture(["a", "b"]).sample(60, rng=1), [1, 2], covariance=[Spheres(), *others], rng=1)
    assert Spheres().code in texts_of(plot.criteria(fit, sheet().add_subplot()).figure)


def test_optima_show_the_code_of_a_structure_of_your_own() -> None:
    fit = gmix.fit(mixture(["a", "b"]).sample(60, rng=1), [1, 2], covariance=[Spheres()], rng=1)
    assert f"components ({Spheres().code})" in texts_of(plot.optima(fit, sheet().add_subplot()).figure)


def test_a_caller_may_still_write_formulas() -> None:
    ax = plot.clusters(mixture(["$a_$", "$b$"]), ax=sheet().add_subplot())
    ax.set_xlabel(r"$\mu$")
    assert "μ" in texts_of(ax.figure)


def test_columns_without_names_have_numbers() -> None:
    model = gmix.GaussianMixture([1.0], [[0.0, 0.0]], [np.eye(2)])
    assert {"x₁", "x₂"} <= set(texts_of(plot.clusters(model, ax=sheet().add_subplot()).figure).split("\n"))


@pytest.mark.parametrize("conditional", [False, True])
def test_the_legend_has_every_column(conditional: bool) -> None:
    model = mixture(["_a", "b", "_nolegend_"])
    ax = plot.probability_transform(model, model.sample(60, rng=1), sheet().add_subplot(), conditional=conditional)
    legend = ax.get_legend()
    assert [text.get_text().split()[0] for text in legend.get_texts()] == ["_a", "b", "_nolegend_"]
    colors = [line.get_color() for line in legend.get_lines()]
    assert colors == [plot.color(j) for j in range(3)]


# Long names -----------------------------------------------------------------------------------------------------------


def boxes(figure: Any, texts: list[Any]) -> list[Any]:
    figure.canvas.draw()
    return [text.get_window_extent(figure.canvas.get_renderer()) for text in texts]


def overlaps(found: list[Any]) -> int:
    return sum(
        min(a.x1, b.x1) - max(a.x0, b.x0) > 0.5 and min(a.y1, b.y1) - max(a.y0, b.y0) > 0.5
        for a, b in itertools.combinations(found, 2)
    )


def is_within(figure: Any, box: Any) -> bool:
    return bool(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1)


def test_long_titles_do_not_overlap() -> None:
    model = mixture(LONG)
    figure = plot.quantiles(model, model.sample(60, rng=1), sheet(7.3, 7.2))
    found = boxes(figure, [ax._left_title for ax in figure.axes[:7]])
    assert overlaps(found) == 0
    assert all(is_within(figure, box) for box in found)


@pytest.mark.parametrize("names", [LONG, [f"{name} {name}" for name in LONG], LONG[:1]])
def test_a_legend_of_long_names_leaves_room_for_the_axes(names: list[str]) -> None:
    model = mixture(names)
    figure = sheet(6.4, 3.8)
    ax = plot.probability_transform(model, model.sample(60, rng=1), figure.add_subplot())
    legend, frame = boxes(figure, [ax.get_legend(), ax])
    assert is_within(figure, legend)
    assert frame.width > 0.4 * figure.bbox.width
    assert frame.height > 0.6 * figure.bbox.height
    assert len({text.get_text().rsplit("  ")[0] for text in ax.get_legend().get_texts()}) == len(names)


def test_long_names_at_axes_are_not_cut() -> None:
    figure = sheet(5.2, 4.6)
    ax = plot.clusters(mixture(LONG[:2]), ax=figure.add_subplot())
    assert all(is_within(figure, box) for box in boxes(figure, [ax.xaxis.label, ax.yaxis.label]))


def test_long_names_of_columns_leave_room_for_loadings() -> None:
    figure, _ = _loadings(LONG)
    [frame] = boxes(figure, [figure.axes[0]])
    assert frame.height > 0.3 * figure.bbox.height


def test_a_name_that_is_too_long_lacks_its_middle_and_can_be_told_from_the_others() -> None:
    names = [f"{'begin ' * 40}{j} {'end ' * 40}" for j in (1, 2)]
    assert len({fitted(name, 100.0)[0] for name in names}) == 1
    shown, _ = fitted_alike(names, 100.0)
    assert shown[0] != shown[1]
    assert all(text.count("\n") < 3 for text in shown)
    assert fitted(names[0], 100.0)[0].startswith("begin")
    assert fitted("", 100.0)[0] == ""


# Fonts ----------------------------------------------------------------------------------------------------------------

IN_ANOTHER_FONT = "ᵫ"  # DejaVu Serif, which comes with Matplotlib, has this letter, and DejaVu Sans does not
IN_NO_FONT = "\U0010fffd"


def test_another_font_draws_a_character_that_the_usual_one_lacks(tmp_path: Path) -> None:
    ax = plot.clusters(mixture([f"a{IN_ANOTHER_FONT}", "b"]), ax=sheet().add_subplot())
    usual = ax.yaxis.label.get_fontfamily()
    save_figure(ax.figure, tmp_path / "picture.png")  # a warning would be an error
    assert ax.xaxis.label.get_fontfamily()[: len(usual)] == usual
    assert len(ax.xaxis.label.get_fontfamily()) == len(usual) + 1
    assert ax.yaxis.label.get_fontfamily() == usual


def test_characters_that_no_font_has_are_named_once(tmp_path: Path) -> None:
    figure = plot.pairs(mixture([f"a{IN_NO_FONT}", f"{IN_NO_FONT}\U0010fffc", "c"]), figure=sheet())
    with pytest.warns(UserWarning, match="no font") as caught:
        save_figure(figure, tmp_path / "picture.png")
    assert len(caught) == 1
    assert f"the characters {IN_NO_FONT}\U0010fffc, so" in str(caught[0].message)


def test_a_layout_that_fails_is_told_in_words_of_gmix() -> None:
    ax = sheet(0.5, 0.5).add_subplot()
    ax.set_xlabel("a\nb\nc\nd\ne")
    with pytest.warns(UserWarning, match="too little room"):
        png_of(ax.figure)


@pytest.mark.parametrize("text", ["solar radiation", "WWWii_%@", "x₁ öäü"])
def test_the_width_of_a_text_is_that_of_its_outlines(text: str) -> None:
    from matplotlib.textpath import TextPath

    outlines: Any = TextPath((0.0, 0.0), text, size=9.5)
    assert width_of(text, 9.5) == pytest.approx(outlines.get_extents().width, rel=0.06)
