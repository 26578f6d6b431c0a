"""Pictures of any number of rows, columns and components: nothing is cut, hidden or mistaken for something else."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import gmix

matplotlib = pytest.importorskip("matplotlib")
from matplotlib.colors import to_rgb  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.text import Text  # noqa: E402

from gmix import plot  # noqa: E402
from gmix.plot.bins import edges_of, step_of  # noqa: E402
from gmix.plot.label_layout import LABEL, moved_apart  # noqa: E402
from gmix.plot.names import fitted  # noqa: E402
from gmix.plot.palette import COLORS, line_style  # noqa: E402
from gmix.plot.tick_labels import shifted_and_scaled  # noqa: E402

Array = Any
# Linear RGB as it is seen with a kind of color vision: Machado, Oliveira & Fernandes (2009), *IEEE Transactions on
# Visualization and Computer Graphics* 15:1291, severity 1.
VISIONS = {
    "usual": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
CONES = [
    [0.41222147, 0.53633254, 0.05144599], [0.21190350, 0.68069955, 0.10739696], [0.08830246, 0.28171884, 0.62997870],
]  # fmt: skip
OPPONENTS = [
    [0.21045426, 0.79361778, -0.00407205], [1.97799850, -2.42859220, 0.45059371], [0.02590404, 0.78277177, -0.80867577],
]  # fmt: skip


def mixture(k: int, d: int, spread: float = 3.0, scale: Any = 1.0, offset: Any = 0.0) -> gmix.GaussianMixture:
    rng = np.random.default_rng(10 * d + k)
    names = ["eruption length", "waiting time", "petal_width", "temperature (F)", "wind", "solar radiation"]
    return gmix.GaussianMixture(
        np.full(k, 1 / k),
        rng.normal(0, spread, (k, d)) * scale + offset,
        np.tile(0.5 * np.diag(np.broadcast_to(scale, d) ** 2.0), (k, 1, 1)),
        features=[names[j] if j < 6 else f"column {j}" for j in range(d)],
    )


def drawn(figure: Any) -> Any:
    """The figure after it was drawn, and the renderer that knows the extent of its texts."""
    figure.canvas.draw()
    return figure.canvas.get_renderer()


def sheet(width: float = 9.0, height: float = 9.0) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def axes(width: float = 5.2, height: float = 4.6) -> Any:
    return sheet(width, height).add_subplot()


def oklab(colors: list[str], vision: str) -> Array:
    """The colors in OKLab, where distances are those that are seen: Ottosson (2020)."""
    rgb = np.array([to_rgb(color) for color in colors])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.transpose(VISIONS[vision]), 0.0, 1.0)
    return np.cbrt(seen @ np.transpose(CONES)) @ np.transpose(OPPONENTS)


# Colors and styles ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vision", VISIONS)
def test_the_first_eight_colors_are_distinct_for_every_reader(vision: str) -> None:
    seen = oklab(list(COLORS[:8]), vision)
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 0.07


def test_twenty_colors_are_distinct_and_styles_repeat_much_later() -> None:
    seen = oklab(list(COLORS), "usual")
    assert len(set(COLORS)) == 20
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 0.07
    for look in (plot.marker, line_style):
        assert len({(plot.color(k), look(k)) for k in range(40)}) == 40
        assert len({look(k) for k in range(8)}) == 1


def test_ellipses_and_curves_have_the_style_of_their_component() -> None:
    ellipses = plot.ellipses(mixture(20, 2), ax=axes())
    assert len(ellipses) == 20  # one each, where two would be crowded
    assert len({(e.get_edgecolor(), e.get_linestyle()) for e in ellipses}) == 20
    assert len(plot.ellipses(mixture(12, 2), ax=axes())) == 24


# Numbers --------------------------------------------------------------------------------------------------------------


def overlaps(boxes: list[Any]) -> int:
    return sum(
        min(a.x1, b.x1) - max(a.x0, b.x0) > 0.5 and min(a.y1, b.y1) - max(a.y0, b.y0) > 0.5
        for a, b in itertools.combinations(boxes, 2)
    )


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("spread", [3.0, 0.3, 0.0])
def test_the_numbers_of_twenty_components_do_not_hide_each_other(d: int, spread: float) -> None:
    ax = axes()
    plot.plot(mixture(20, d, spread), ax=ax)
    renderer = drawn(ax.figure)
    labels = [text for text in ax.texts if text.get_gid() == LABEL]
    assert sorted(int(text.get_text()) for text in labels) == list(range(20))
    discs = [text.get_bbox_patch().get_window_extent(renderer) for text in labels]
    # Discs are round: their boxes may overlap at a corner, the numbers in them may not.
    assert overlaps([Text.get_window_extent(text, renderer) for text in labels]) == 0
    centers = np.array([[(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2] for box in discs])
    radii = np.array([min(box.width, box.height) / 2 for box in discs])
    apart = np.hypot(*np.moveaxis(centers[:, None] - centers, 2, 0)) - radii[:, None] - radii
    np.fill_diagonal(apart, 1.0)
    assert apart.min() > -1.0
    frame = ax.get_window_extent(renderer)
    assert all(frame.x0 <= x <= frame.x1 and frame.y0 <= y <= frame.y1 for x, y in centers)


def test_a_number_with_room_stays_at_its_place() -> None:
    places = np.array([[10.0, 10.0], [90.0, 90.0], [90.0, 92.0]])
    found = moved_apart(places, np.full(3, 5.0), np.zeros(2), np.full(2, 100.0))
    np.testing.assert_array_equal(found[0], places[0])
    assert np.hypot(*(found[1] - found[2])) >= 9.8
    assert (found <= 95.0).all()


# Corner plots ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("d", "k"), [(3, 2), (4, 20), (7, 5), (10, 3)])
def test_a_corner_plot_cuts_no_row_and_no_label(d: int, k: int) -> None:
    model = mixture(k, d, scale=10.0 ** (np.arange(d) % 3 - 1), offset=np.where(np.arange(d) == 1, 1e6, 0.0))
    rows = model.sample(150, rng=1)
    rows[0] = rows.max(0) + 3.0
    figure = plot.pairs(model, rows, sheet())
    renderer = drawn(figure)
    panels = {(i, j): figure.axes[i * (i + 1) // 2 + j] for i in range(d) for j in range(i + 1)}
    for (i, j), ax in panels.items():
        (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
        assert left < rows[:, j].min()
        assert rows[:, j].max() < right
        if i != j:
            assert low < rows[:, i].min()
            assert rows[:, i].max() < high
            assert (left, right) == panels[j, j].get_xlim()
        assert len(ax.patches) >= k or i == j
    texts = [
        label
        for ax in figure.axes
        for axis in (ax.xaxis, ax.yaxis)
        for label in (axis.label, *axis.get_ticklabels())
        if label.get_visible() and label.get_text()
    ]
    inside = [label for label in texts if label.get_window_extent(renderer).width > 0]
    boxes = [label.get_window_extent(renderer) for label in inside]
    for label, box in zip(inside, boxes, strict=True):
        assert box.x0 >= 0, label
        assert box.y0 >= 0, label
        assert box.x1 <= figure.bbox.x1, label
        assert box.y1 <= figure.bbox.y1, label
    assert overlaps(boxes) == 0
    sizes = {(round(ax.get_position().width, 9), round(ax.get_position().height, 9)) for ax in figure.axes}
    assert len(sizes) == 1
    ticks = [tick for ax in figure.axes for axis in (ax.xaxis, ax.yaxis) for tick in axis.get_major_ticks()]
    assert len({tick.label1.get_fontsize() for tick in ticks}) == 1


@pytest.mark.parametrize(("d", "levels", "words"), [(4, 2, "50 % and 95 %"), (6, 2, "50 % and 95 %"), (7, 1, "95 %")])
def test_a_legend_says_what_ellipses_hold(d: int, levels: int, words: str) -> None:
    figure = plot.pairs(mixture(2, d), figure=sheet())
    assert all(len(ax.patches) == 2 * levels for ax in figure.axes if ax.get_ylim() != (0, 1) and len(ax.patches))
    [legend] = figure.legends
    assert f"ellipses: {words}\nof each component" in [text.get_text() for text in legend.get_texts()]
    ax = plot.clusters(mixture(2, 2), ax=axes(), levels=(0.9,))
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["ellipses: 90 %\nof each component"]


@pytest.mark.parametrize("background", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_a_legend_hides_no_row(background: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    box = gmix.Background(0.1, [-30.0, -30.0], [30.0, 30.0]) if background else None
    weights = [0.45, 0.45] if background else [0.5, 0.5]
    model = gmix.GaussianMixture(weights, [[0.0, 0.0], [6.0, 3.0]], [np.eye(2)] * 2, background=box)
    rows = np.vstack([model.sample(100, rng=seed), rng.uniform(-30.0, 30.0, (20, 2)), [[16.0, 30.0]]])
    ax = plot.clusters(model, rows, axes())
    renderer = drawn(ax.figure)
    frame = ax.get_legend().get_window_extent(renderer)
    places = ax.transData.transform(rows)
    assert not ((frame.min < places) & (places < frame.max)).all(1).any()
    assert 0.0 <= frame.x0 < frame.x1 <= ax.figure.bbox.x1


def test_percentages_have_one_form() -> None:
    [legend] = plot.pairs(mixture(3, 3), figure=sheet()).legends
    shares = [part for text in legend.get_texts() for part in text.get_text().split("  ") if "%" in part]
    assert len(shares) == 4
    assert all(" %" in share for share in shares)


def test_the_tie_of_a_number_ends_at_the_edge_of_the_axes() -> None:
    narrow = gmix.GaussianMixture([0.5, 0.5], [[0.0], [1.0]], [[[1.0]], [[1e-8]]])
    ax = plot.histogram(narrow, ax=axes())
    ax.set_ylim(0.0, 1.0)
    renderer = drawn(ax.figure)
    edge, middle = int(ax.get_window_extent(renderer).y1), int(ax.transData.transform([1.0, 0.0])[0])
    above = np.asarray(ax.figure.canvas.buffer_rgba())[: -edge - 2, middle - 5 : middle + 6]
    assert above.size
    assert (above == 255).all()


def test_markers_and_lines_follow_the_size_of_the_axes() -> None:
    model, sizes, widths = mixture(2, 2), [], []
    for side in (1.5, 5.0):
        ax = axes(side, side)
        [dots, *_] = plot.scatter(model.sample(100, rng=1), model, ax)
        sizes.append(dots.get_sizes()[0])
        widths.append(plot.ellipses(model, ax=ax)[0].get_linewidth())
    assert sizes[0] < 0.6 * sizes[1]
    assert widths[0] < 0.8 * widths[1]


def test_many_rows_are_an_image_and_the_picture_says_so() -> None:
    model = mixture(3, 2)
    ax = axes()
    plot.clusters(model, model.sample(30_000, rng=1), ax)
    assert len(ax.images) == 1
    assert [text.get_text() for text in ax.texts if text.get_gid() == "note"] == [
        "shaded by the number of points, 30,000 in all"
    ]
    figure = plot.pairs(mixture(2, 3), mixture(2, 3).sample(25_000, rng=1), sheet(6.0, 6.0))
    assert "25,000 rows, shaded\nby their number" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_long_names_are_divided_and_not_cut() -> None:
    name = "a very long name of a column with internationalization"
    text, size = fitted(name, 60.0)
    assert text.replace("\n", " ").split() == name.split() or text.replace("\n", "") in name.replace(" ", "") or size
    assert set(name) <= set(text.replace("\n", " "))
    assert size >= 5.5
    assert fitted("wind", 60.0) == ("wind", 9.5)


# Histograms and axes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "dtype"), [(1.0, float), (0.1, float), (0.1, np.float32), (0.05, float), (0.25, float), (10.0, float)]
)
@pytest.mark.parametrize("n", [30, 300, 3000])
def test_bins_hold_the_same_number_of_steps_of_rounded_values(step: float, dtype: Any, n: int) -> None:
    values = np.round(np.random.default_rng(n).normal(40.0, 9.0, n) / 1.0) * step
    values = values.astype(dtype).astype(float)
    assert step_of(values) == pytest.approx(step)
    edges = edges_of(values)
    steps = np.diff(edges) / step
    np.testing.assert_allclose(steps, np.round(steps[0]), atol=1e-6)
    np.testing.assert_allclose((edges - values.min()) / step % 1.0, 0.5, atol=1e-4)
    assert edges[0] < values.min()
    assert values.max() < edges[-1]
    assert np.histogram(values, edges)[0].sum() == n


def test_a_table_of_counts_has_the_bins_of_the_long_table() -> None:
    rows = np.random.default_rng(2).normal(50.0, 9.0, 400).round()
    values, counts = np.unique(rows, return_counts=True)
    long, short = (
        [(bar.get_x(), bar.get_height()) for bar in plot.histogram(mixture(1, 1), x, axes(), sample_weight=w).patches]
        for x, w in ((rows, None), (values, counts))
    )
    np.testing.assert_allclose(short, long)


def test_other_values_have_no_step() -> None:
    rng = np.random.default_rng(1)
    for values in (
        rng.normal(size=200),
        np.round(rng.normal(size=500), 4),
        np.full(9, 3.0),
        1e16 + rng.normal(size=50),
    ):
        assert step_of(values) is None
    ax = plot.histogram(mixture(2, 1), np.round(rng.normal(size=300), 1), axes(), bins=7)
    assert len([bar for bar in ax.patches if hasattr(bar, "get_width")]) == 7


@pytest.mark.parametrize(
    ("offset", "scale", "label"),
    [
        (0.0, 1.0, "eruption length"),
        (1e6, 1.0, "eruption length \N{MINUS SIGN} 10⁶"),
        (0.0, 1e-7, "eruption length / 10⁻⁷"),
        (0.0, 1e9, "eruption length / 10⁹"),
    ],
)
def test_what_ticks_are_shifted_and_scaled_by_is_in_the_label(offset: float, scale: float, label: str) -> None:
    model = mixture(1, 2, scale=[scale, 1.0], offset=[offset, 0.0])
    ax = plot.clusters(model, model.sample(50, rng=1), axes())
    drawn(ax.figure)
    assert ax.get_xlabel() == label
    ax.set_xlabel("minutes")
    drawn(ax.figure)
    drawn(ax.figure)
    assert ax.get_xlabel() == label.replace("eruption length", "minutes")
    assert ax.xaxis.get_offset_text().get_text() == ""
    ax.set_xlabel("")
    drawn(ax.figure)
    assert (ax.xaxis.get_offset_text().get_text() == "") == (label == "eruption length")


def test_shifts_and_scales_are_written_as_formulas() -> None:
    assert shifted_and_scaled("x", 2.5e12, 8) == "(x \N{MINUS SIGN} 2.5 \N{MULTIPLICATION SIGN} 10¹²) / 10⁸"
    assert shifted_and_scaled("x", 12_340.0, 0) == "x \N{MINUS SIGN} 12,340"


def test_the_curve_of_a_narrow_component_reaches_its_peak_beside_a_far_row() -> None:
    narrow = gmix.GaussianMixture([1.0], [[0.0]], [[[1e-6]]])
    ax = plot.histogram(narrow, np.array([[0.0], [100.0]]), axes())
    curve = max(ax.lines, key=lambda line: line.get_zorder())
    assert curve.get_ydata().max() == pytest.approx(narrow.density([[0.0]])[0], rel=1e-3)


def test_a_surface_has_smooth_colors() -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = Figure(figsize=(4, 3))
    FigureCanvasAgg(figure)
    ax = figure.add_subplot(projection="3d")
    one = gmix.GaussianMixture([1.0], [[0.0, 0.0]], [np.eye(2)])
    surface = plot.surface(one, (-4, 4), ax, resolution=61)
    drawn(figure)
    pixels = np.asarray(figure.canvas.buffer_rgba()).astype(int)
    tall = ax.transData.transform(surface._seen[one.density(surface._points[:, :2]).argmax()])
    column = pixels[:, int(tall[0]), :3].sum(1)
    below = column[pixels.shape[0] - int(tall[1]) + 3 :][:40]
    assert np.abs(np.diff(below)).max() < 40  # with a color per facet, neighboring pixels differ by up to 100


def test_the_report_shows_the_heat_map_that_python_draws() -> None:
    from gmix.report.charts import _heat_map

    codes = ["EII", "VII", "EEI", "VVI", "EEE", "VVE", "VVV"]
    fit = gmix.fit(mixture(2, 2).sample(60, rng=1), [1, 2, 3], covariance=codes, rng=1)
    ax, shown = plot.criteria(fit, axes()), _heat_map(fit)
    assert shown is not None
    assert shown["title"] == f"BIC minus its minimum ({fit.bic:,.1f})".replace("-", "\N{MINUS SIGN}")
    assert ax.get_title(loc="left").split(";")[0] == shown["title"]
    assert [cell["text"] for cell in shown["cells"]] == [text.get_text() for text in ax.texts]
    faces = [to_rgb(patch.get_facecolor()) for patch in ax.patches[:-1]]
    for cell, face in zip(shown["cells"], faces, strict=True):
        if cell["shade"] is None:
            assert face == (1.0, 1.0, 1.0)
        else:  # between the two nearest colors of the page's scale
            scale = np.array([to_rgb(color) for color in shown["colors"]])
            place = cell["shade"] * (len(scale) - 1)
            low = int(place)
            wanted = scale[low] + (place - low) * (scale[min(low + 1, len(scale) - 1)] - scale[low])
            assert np.abs(np.array(face) - wanted).max() < 0.05
    assert _heat_map(gmix.fit(mixture(2, 2).sample(60, rng=1), [1, 2], covariance="full", rng=1)) is None
